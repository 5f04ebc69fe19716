//! ifr-timeline
