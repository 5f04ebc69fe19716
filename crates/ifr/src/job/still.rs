//! Two images in, one image out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ifr_frame::Interpolate;
use ifr_video::images;

use crate::job::{JobError, Target};

/// Whether a path names a still image by its extension.
pub fn is_still(path: &Path) -> bool {
    let known = ["png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff"];
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    extension.is_some_and(|e| known.contains(&e.as_str())) && !path.to_string_lossy().contains('%')
}

/// The default name of the image at `t` between two: `a.png`, `b.png`, 0.5 → `a-b.t0.5.png`.
pub fn still_name(first: &Path, second: &Path, t: f32) -> PathBuf {
    let stem = |p: &Path| p.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    first.with_file_name(format!("{}-{}.t{t}.png", stem(first), stem(second)))
}

/// Makes the image at timestep `t` in (0, 1) between two images and writes it to `output`.
///
/// # Errors
/// [`JobError`] when an image cannot be read, the two differ in size or format, the output exists (unless `force`) or
/// cannot be written.
pub fn still(
    engine: &mut dyn Interpolate,
    first: &Path,
    second: &Path,
    t: f32,
    output: &Path,
    force: bool,
) -> Result<(), JobError> {
    let target = Target::new(output.to_owned());
    for input in [first, second] {
        target.check(input, force)?;
    }
    let read = |path| images::read_image(path).map(Arc::new).map_err(JobError::Input);
    let (a, b) = (read(first)?, read(second)?);
    let frame = engine.pair(&a, &b)?.at(t)?;
    images::write_image(output, &frame).map_err(JobError::Output)
}
