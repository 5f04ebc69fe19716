//! Parsers of what this crate keeps in files of its own, for `fuzz/` alone: each panics where it finds something wrong with
//! itself.

/// Reads any bytes as the blocks of a segment.
pub fn segment(bytes: &[u8]) {
    crate::ffmpeg::try_blocks(bytes);
}
