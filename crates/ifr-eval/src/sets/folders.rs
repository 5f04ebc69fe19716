//! Looking into folders.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use ifr_video::images::ImageKind;

use crate::EvalError;

/// What is in a folder, in natural order (`frame2` before `frame10`), hidden names left out.
fn entries(path: &Path) -> Result<Vec<PathBuf>, EvalError> {
    let failed = |e| EvalError::io("open", path, e);
    let mut all = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            all.push(entry.path());
        }
    }
    all.sort_by(|a, b| natural(&name(a), &name(b)));
    Ok(all)
}

/// The folders in a folder, in natural order.
pub(crate) fn folders(path: &Path) -> Result<Vec<PathBuf>, EvalError> {
    Ok(entries(path)?.into_iter().filter(|p| p.is_dir()).collect())
}

/// The images in a folder, in natural order.
pub(crate) fn images(path: &Path) -> Result<Vec<PathBuf>, EvalError> {
    Ok(entries(path)?.into_iter().filter(|p| ImageKind::of_name(p).is_some() && p.is_file()).collect())
}

/// The Y4M files in a folder, in natural order.
pub(crate) fn y4m(path: &Path) -> Result<Vec<PathBuf>, EvalError> {
    let is = |p: &PathBuf| p.extension().is_some_and(|e| e.eq_ignore_ascii_case("y4m")) && p.is_file();
    Ok(entries(path)?.into_iter().filter(is).collect())
}

/// The last part of a path.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The last part of a path without its extension.
pub(crate) fn stem(path: &Path) -> String {
    let known = path.is_dir();
    let part = if known { path.file_name() } else { path.file_stem() };
    part.unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The number at the end of a name without extension, and the digits it has.
pub(crate) fn number(stem: &str) -> Option<(usize, usize)> {
    let digits = stem.len() - stem.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    stem[stem.len() - digits..].parse().ok().map(|n| (n, digits))
}

/// Compares names as people count: runs of digits are numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let (Some(&x), Some(&y)) = (left.first(), right.first()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, y) = (digits(&mut left), digits(&mut right));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            (left, right) = (&left[1..], &right[1..]);
            x.cmp(&y)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// Takes the digits at the start; returns them without leading zeros.
fn digits<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (run, rest) = text.split_at(length);
    *text = rest;
    &run[run.iter().take_while(|&&b| b == b'0').count()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_people_count() {
        let mut names = ["f10", "f2", "f1", "g1", "f02"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["f1", "f02", "f2", "f10", "g1"]);
        assert_eq!(number("frame_0012"), Some((12, 4)));
        assert_eq!(number("frame"), None);
    }
}
