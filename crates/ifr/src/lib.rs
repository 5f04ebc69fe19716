//! ifr
