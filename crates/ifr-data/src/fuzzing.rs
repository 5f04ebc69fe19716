//! Parsers of what this crate keeps in its cache, for `fuzz/` alone: each panics where it finds something wrong with itself.

/// Reads any bytes as the index of a set.
pub fn index(bytes: &[u8]) {
    crate::set::index::try_index(bytes);
}

/// Reads any bytes as kept labels.
pub fn labels(bytes: &[u8]) {
    crate::flows::kept::try_labels(bytes);
}
