//! Plans and runs the networks of ifr on the CPU.
