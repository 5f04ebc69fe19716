//! Which source or sink serves a path.

use std::path::Path;

use ifr_frame::Rate;

use crate::{
    OpenOptions, OutputOptions, Range, Sink, Source, SourceInfo, VideoError, anim, images, trim, y4m,
};

/// Opens a video, whatever it is: y4m (also `-`, standard input), a directory or pattern of images, an animated image,
/// or any container that FFmpeg reads.
///
/// # Errors
/// [`VideoError`] when there is no such file, it is no video, it is one that cannot be read, or nothing of it lies in the
/// range asked for.
pub fn open(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>, VideoError> {
    if options.range == Range::ALL {
        return open_whole(path, options);
    }
    // Where the part begins and ends is told by its frames, whether or not they are wanted.
    let whole = OpenOptions { frames: true, ..options.clone() };
    trim::take(open_whole(path, &whole)?, options)
}

fn open_whole(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>, VideoError> {
    if options.is_address(path) {
        return open_container(path, options);
    }
    if y4m::is_y4m(path) {
        return y4m::open(path);
    }
    if images::is_sequence(path) {
        let rate = match options.rate {
            Some(rate) => rate,
            None => Rate::new(24, 1)?,
        };
        return images::open(path, rate);
    }
    if anim::is_animation(path) {
        return anim::open(path);
    }
    open_container(path, options)
}

/// Creates an output for `options.path`, by its name: `-` or `.y4m`, a directory or pattern of images, an animated
/// image, or a container that FFmpeg writes. With a `source`, its other streams, chapters and metadata are set up to be
/// taken along as far as `options` want them and the container holds them.
///
/// # Errors
/// [`VideoError`] when an option does not fit, or the file cannot be made.
pub fn create(options: &OutputOptions, source: Option<&SourceInfo>) -> Result<Box<dyn Sink>, VideoError> {
    let path = &options.path;
    if y4m::is_y4m_name(path) {
        return y4m::create(options);
    }
    if images::is_sequence_name(path) {
        return images::create(options);
    }
    if anim::is_animation_name(path) {
        return anim::create(options);
    }
    create_container(options, source)
}

/// Whether an output of this name is a container that FFmpeg writes: neither y4m, nor images, nor an animated image.
pub fn is_container_name(path: &Path) -> bool {
    cfg!(feature = "ffmpeg")
        && !y4m::is_y4m_name(path)
        && !images::is_sequence_name(path)
        && !anim::is_animation_name(path)
}

#[cfg(feature = "ffmpeg")]
fn open_container(path: &Path, options: &OpenOptions) -> Result<Box<dyn Source>, VideoError> {
    Ok(Box::new(crate::ffmpeg::open(path, options)?))
}

#[cfg(feature = "ffmpeg")]
fn create_container(
    options: &OutputOptions,
    source: Option<&SourceInfo>,
) -> Result<Box<dyn Sink>, VideoError> {
    Ok(Box::new(crate::ffmpeg::create(options, source, None)?))
}

/// Creates a container whose sound is generated: `sound` is encoded (as AAC where the container takes it) beside the
/// frames.
///
/// # Errors
/// As for [`create`]; also when the sound has no or more than eight channels.
#[cfg(feature = "ffmpeg")]
pub fn create_with_sound(
    options: &OutputOptions,
    sound: crate::PcmTrack,
) -> Result<Box<dyn Sink>, VideoError> {
    Ok(Box::new(crate::ffmpeg::create(options, None, Some(sound))?))
}

#[cfg(not(feature = "ffmpeg"))]
fn open_container(path: &Path, _options: &OpenOptions) -> Result<Box<dyn Source>, VideoError> {
    std::fs::metadata(path).map_err(|source| VideoError::Io {
        action: "open",
        path: path.to_owned(),
        source,
    })?;
    Err(VideoError::Unsupported {
        path: path.to_owned(),
        what: "this build has no FFmpeg: it reads y4m, images, GIF and WebP only".to_owned(),
    })
}

#[cfg(not(feature = "ffmpeg"))]
fn create_container(
    options: &OutputOptions,
    _source: Option<&SourceInfo>,
) -> Result<Box<dyn Sink>, VideoError> {
    Err(VideoError::Unsupported {
        path: options.path.clone(),
        what: "this build has no FFmpeg: it writes y4m, images, GIF and WebP only".to_owned(),
    })
}
