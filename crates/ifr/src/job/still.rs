//! Two images in, one image out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ifr_frame::{Interpolate, InterpolateError};
use ifr_video::images::{self, ImageKind};
use ifr_video::{VideoError, anim};

use crate::job::{JobError, Target};

/// Whether a path names one still image: an extension of an image, no pattern, no animation.
pub fn is_still(path: &Path) -> bool {
    ImageKind::of_name(path).is_some() && !images::is_pattern(path) && !anim::is_animation(path)
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
    InterpolateError::check_timestep(t)?;
    if ImageKind::of_name(output).is_none() {
        let known =
            format!("{}: found no extension of an image, expected .png, .jpg or .webp", output.display());
        return Err(JobError::Output(VideoError::Option(known)));
    }
    let target = Target::new(output.to_owned());
    for input in [first, second] {
        target.check(input, force)?;
    }
    let read = |path| images::read_image(path).map(Arc::new).map_err(JobError::Input);
    let (a, b) = (read(first)?, read(second)?);
    let frame = engine.pair(&a, &b)?.at(t)?;
    images::write_image(output, &frame).map_err(JobError::Output)
}
