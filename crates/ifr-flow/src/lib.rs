//! ifr-flow
