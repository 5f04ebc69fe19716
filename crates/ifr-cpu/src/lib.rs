//! Plans and runs the networks of ifr on the CPU.
#![allow(dead_code)]
mod conv;
mod layout;
mod level;
