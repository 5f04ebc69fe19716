//! Trains the networks of ifr.
