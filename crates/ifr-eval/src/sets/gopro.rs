//! Folders of frames at a high rate, as the test parts of GoPro (Nah et al., 2017) and Adobe240 (Su et al., 2017): 8x.

use std::path::{Path, PathBuf};

use crate::sets::clips::Shape;
use crate::sets::folders::{folders, images, name};
use crate::{ClipOptions, Clips, EvalError, Kind};

/// One input in eight frames.
const DROP: usize = 8;

/// Folders that hold enough frames, in the folder itself or in its `test`.
pub(crate) fn clips(root: &Path) -> Result<Vec<(String, PathBuf)>, EvalError> {
    let test = root.join("test");
    let root = if test.is_dir() { test.as_path() } else { root };
    let mut found = Vec::new();
    for folder in folders(root)? {
        if images(&folder)?.len() > DROP {
            found.push((name(&folder), folder));
        }
    }
    Ok(found)
}

pub(crate) fn open(root: &Path, label: String) -> Result<Clips, EvalError> {
    let clips = clips(root)?;
    if clips.is_empty() {
        let expected = "folders of at least nine frames each, here or in test";
        return Err(EvalError::layout(root, "no folder with enough images", expected));
    }
    Clips::new(
        label,
        Kind::Gopro,
        clips,
        ClipOptions { drop: DROP, ..ClipOptions::default() },
        Shape::Rgb,
        Vec::new(),
    )
}
