//! ifr-scene
