//! Metrics, benchmark sets, baselines and reports for frame interpolation.
