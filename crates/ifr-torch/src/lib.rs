//! The networks of ifr on libtorch.
