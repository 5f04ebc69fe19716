//! Image files, alone and in sequences: PNG, JPEG and WebP.
//!
//! [`read_image`] and [`write_image`] are for single pictures; [`open`] and [`create`] for sequences. Frames are RGB
//! or grey in full range, 8 or 16 bits a sample.

mod header;
mod jpeg;
mod kind;
mod listing;
mod natural;
mod pattern;
pub(crate) mod pixels;
mod png;
mod sink;
mod source;
mod still;
pub(crate) mod webp;

use std::path::{Path, PathBuf};

use ifr_frame::Rate;

pub use kind::ImageKind;
pub use natural::compare as natural_order;
pub use sink::ImageSink;
pub use source::ImageSource;
pub use still::{read_image, write_image};

use pattern::Pattern;

use crate::{OutputOptions, Sink, Source, VideoError, files};

/// Opens a sequence, its frames at `rate` from time zero. `path` is a directory (all its images, of one format, in
/// natural order: `frame2` before `frame10`), a printf pattern (`frame_%05d.png`, from the lowest number there on), or
/// a single image.
///
/// # Errors
/// [`VideoError`] when there are no images, a number of a pattern is missing, a header is damaged, or an image differs
/// in size from the first; the error names the file.
pub fn open(path: &Path, rate: Rate) -> Result<Box<dyn Source>, VideoError> {
    Ok(Box::new(ImageSource::open(path, rate)?))
}

/// The files that [`open`] would read, in order, at least one.
///
/// # Errors
/// [`VideoError`] when there are no images, they are of several formats, or a number of a pattern is missing.
pub fn list(path: &Path) -> Result<Vec<PathBuf>, VideoError> {
    listing::list(path)
}

/// Creates a sequence at `options.path`: a directory (`frame_000001.png` and on) or a printf pattern. Directories are
/// made as needed; each file appears whole or not at all; files that are there already are replaced one by one.
///
/// # Errors
/// [`VideoError`] when the path is a single image, options do not fit, or the directory cannot be made.
pub fn create(options: &OutputOptions) -> Result<Box<dyn Sink>, VideoError> {
    Ok(Box::new(ImageSink::create(options)?))
}

/// Whether an input at `path` is images: a directory, a pattern with an image's extension, or a file with an image's
/// content. Animated PNG and WebP do not count.
pub fn is_sequence(path: &Path) -> bool {
    if path.is_file() {
        let start = files::first_bytes(path, 4096);
        return ImageKind::of_bytes(&start).is_some()
            && !is_animated_png(&start)
            && !crate::anim::is_animation(path);
    }
    is_sequence_name(path)
}

/// Whether an output of this name is images: a directory, a path that ends in a separator, or an image's extension
/// (`.webp` only with a number pattern: without one it is an animation).
pub fn is_sequence_name(path: &Path) -> bool {
    let text = path.as_os_str().to_string_lossy();
    if path.is_dir() || text.ends_with('/') || text.ends_with(std::path::MAIN_SEPARATOR) {
        return true;
    }
    ImageKind::of_name(path).is_some() && !crate::anim::is_animation_name(path)
}

/// Whether the name holds a number directive such as `%05d`.
pub fn is_pattern(path: &Path) -> bool {
    Pattern::is_one(path)
}

/// The files there are of a pattern's names, in no order; none for a path that is no pattern.
pub fn pattern_files(path: &Path) -> Vec<PathBuf> {
    let Ok(Some(pattern)) = Pattern::parse(path) else { return Vec::new() };
    let directory = match pattern.directory() {
        empty if empty.as_os_str().is_empty() => Path::new("."),
        directory => directory,
    };
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let known = |path: &PathBuf| {
        path.file_name().and_then(|n| n.to_str()).is_some_and(|name| pattern.index(name).is_some())
    };
    entries.flatten().map(|e| e.path()).filter(known).collect()
}

/// Whether an animation control chunk comes before the picture.
fn is_animated_png(start: &[u8]) -> bool {
    let mut rest = start.get(8..).unwrap_or_default();
    while ImageKind::of_bytes(start) == Some(ImageKind::Png)
        && let Some((&[a, b, c, d, ref name @ ..], _)) = rest.split_first_chunk::<8>()
    {
        match name {
            b"acTL" => return true,
            b"IDAT" => return false,
            _ => {}
        }
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        rest = length.checked_add(12).and_then(|n| rest.get(n..)).unwrap_or_default();
    }
    false
}
