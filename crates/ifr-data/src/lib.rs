//! Training samples for frame interpolation.
