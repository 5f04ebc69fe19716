//! Animated images: GIF and WebP, in pure Rust.
//!
//! Sources yield composed frames, as a browser shows them, with the files' own delays. Sinks round each instant once,
//! to hundredths of a second (GIF) or milliseconds (WebP), so that rounding never adds up.

mod canvas;
mod gif_sink;
mod gif_source;
mod pace;
mod quantise;
mod riff;
mod settings;
mod webp_sink;
mod webp_source;

use std::path::Path;

pub use gif_sink::GifSink;
pub use gif_source::GifSource;
pub use webp_sink::WebPSink;
pub use webp_source::WebPSource;

use crate::images::ImageKind;
use crate::{OutputOptions, Sink, Source, VideoError, files};

/// Whether a file starts as a GIF does.
fn is_gif(start: &[u8]) -> bool {
    start.starts_with(b"GIF87a") || start.starts_with(b"GIF89a")
}

/// Opens an animated GIF or WebP, told apart by its first bytes.
///
/// # Errors
/// [`VideoError`] when the file cannot be opened, is neither, or is damaged at its start.
pub fn open(path: &Path) -> Result<Box<dyn Source>, VideoError> {
    if is_gif(&files::first_bytes(path, 6)) {
        return Ok(Box::new(GifSource::open(path)?));
    }
    Ok(Box::new(WebPSource::open(path)?))
}

/// Creates an animated GIF or WebP, by the extension of `options.path`.
///
/// # Errors
/// [`VideoError`] when the extension is another, an option does not fit, the size is above the format's, or the file
/// cannot be made.
pub fn create(options: &OutputOptions) -> Result<Box<dyn Sink>, VideoError> {
    match files::extension(&options.path).as_str() {
        "gif" => Ok(Box::new(GifSink::create(options)?)),
        "webp" => Ok(Box::new(WebPSink::create(options)?)),
        _ => Err(VideoError::Option(format!(
            "{}: an animated image's name must end in .gif or .webp",
            options.path.display()
        ))),
    }
}

/// Whether `path` is a GIF or an animated WebP, by its content.
pub fn is_animation(path: &Path) -> bool {
    let start = files::first_bytes(path, 21);
    is_gif(&start) || webp_source::is_animated(&start)
}

/// Whether an output of this name is an animation: `.gif`, or `.webp` without a number pattern.
pub fn is_animation_name(path: &Path) -> bool {
    match files::extension(path).as_str() {
        "gif" => true,
        "webp" => ImageKind::of_name(path).is_some() && !crate::images::is_pattern(path),
        _ => false,
    }
}

/// How often an animated GIF or WebP says it is to be played; 0 means for ever. The value for a sink's encoder option
/// `loop`.
///
/// # Errors
/// [`VideoError`] when the file cannot be opened or is damaged at its start.
pub fn plays(path: &Path) -> Result<u32, VideoError> {
    if is_gif(&files::first_bytes(path, 6)) { gif_source::plays(path) } else { webp_source::plays(path) }
}
