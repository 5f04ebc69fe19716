use std::fs;
use std::path::{Path, PathBuf};

use ifr_frame::{Frame, Time};

use crate::files::io_error;
use crate::images::ImageKind;
use crate::images::pattern::Pattern;
use crate::images::pixels::needs_tag;
use crate::images::still::Encoding;
use crate::{OutputOptions, Sink, StreamPacket, Summary, VideoError};

/// The names in a directory, without the extension.
const DEFAULT_NAME: &str = "frame_%06d";

/// Writes every frame as an image file of its own. Times are not kept: the sequence has a constant rate by nature.
#[derive(Debug)]
pub struct ImageSink {
    pattern: Pattern,
    encoding: Encoding,
    next: u64,
    summary: Summary,
    notices: Vec<String>,
}

impl ImageSink {
    /// Takes the path, the encoder (`png`, `mjpeg`, `webp`; by default what the pattern's extension says, PNG in a
    /// directory) and the encoder options `quality` (JPEG, 1 to 100, default 95) and `start_number` (default 1).
    ///
    /// # Errors
    /// [`VideoError::Option`] for options that do not fit, [`VideoError`] when the directory cannot be made.
    pub fn create(options: &OutputOptions) -> Result<Self, VideoError> {
        let path = &options.path;
        let wanted = options.encoder.as_deref().map(|name| {
            ImageKind::of_encoder(name).ok_or_else(|| {
                VideoError::Option(format!("'{name}' does not write images: png, mjpeg and webp do"))
            })
        });
        let wanted = wanted.transpose()?;
        let (pattern, kind) = match Pattern::parse(path)? {
            Some(pattern) => (pattern, kind_of_pattern(path, wanted)?),
            None => {
                let kind = wanted.unwrap_or(ImageKind::Png);
                (in_directory(path, kind)?, kind)
            }
        };
        if !pattern.directory().as_os_str().is_empty() {
            fs::create_dir_all(pattern.directory())
                .map_err(|e| io_error("create", pattern.directory(), e))?;
        }
        let (mut quality, mut next) = (Encoding::QUALITY, 1_u64);
        for (key, value) in &options.encoder_options {
            let bad =
                |expected: &str| VideoError::Option(format!("option {key}={value}: expected {expected}"));
            match key.as_str() {
                "quality" if kind == ImageKind::Jpeg => {
                    let parsed = value.parse().ok().filter(|q| (1..=100).contains(q));
                    quality = parsed.ok_or_else(|| bad("1 to 100"))?;
                }
                "quality" => return Err(bad("no quality: PNG and WebP images are written losslessly")),
                "start_number" => {
                    let parsed = value.parse().ok().filter(|&n: &u64| n <= u64::from(u32::MAX));
                    next = parsed.ok_or_else(|| bad("the first image's number"))?;
                }
                _ => return Err(bad("quality or start_number, the options of image sequences")),
            }
        }
        if options.pix_fmt.is_some() {
            let what = "images are written as grey or RGB: they take no pixel format";
            return Err(VideoError::Option(format!("{}: {what}", path.display())));
        }
        if options.crf.is_some() {
            tracing::warn!("image sequences have no constant rate factor: crf is not used");
        }
        let notices = losses(options, kind);
        let encoder = kind.codec().to_owned();
        let summary = Summary { encoder, ..Summary::default() };
        Ok(Self { pattern, encoding: Encoding { kind, quality }, next, summary, notices })
    }
}

/// What images of a kind cannot hold of the frames, one sentence each.
fn losses(options: &OutputOptions, kind: ImageKind) -> Vec<String> {
    let name = kind.extension();
    let mut losses = Vec::new();
    if kind == ImageKind::Png {
        return losses;
    }
    if options.format.depth > 8 {
        losses.push(format!("{} frames become 8-bit: .{name} holds no more (PNG does)", options.format));
    }
    if options.format.alpha && kind == ImageKind::Jpeg {
        losses.push("alpha is dropped: JPEG has no transparency (PNG and WebP have)".to_owned());
    }
    if needs_tag(options.color) {
        losses.push(format!(
            "colours will be shown wrongly: nothing in .{name} says that they are wide gamut or HDR (PNG does)"
        ));
    }
    losses
}

fn kind_of_pattern(path: &Path, wanted: Option<ImageKind>) -> Result<ImageKind, VideoError> {
    match (ImageKind::of_name(path), wanted) {
        (Some(kind), None) => Ok(kind),
        (Some(kind), Some(wanted)) if kind == wanted => Ok(kind),
        (Some(kind), Some(wanted)) => Err(VideoError::Option(format!(
            "{}: the name says {}, the encoder {}: give one or the other",
            path.display(),
            kind.extension(),
            wanted.extension()
        ))),
        (None, _) => Err(VideoError::Option(format!(
            "{}: a pattern's name must end in .png, .jpg or .webp",
            path.display()
        ))),
    }
}

fn in_directory(path: &Path, kind: ImageKind) -> Result<Pattern, VideoError> {
    let no_directory = |why: &str| {
        VideoError::Option(format!(
            "{} {why}: for a sequence give a directory (with / at the end) or a pattern such as frame_%06d.png",
            path.display()
        ))
    };
    if path.is_file() {
        return Err(no_directory("is a file"));
    }
    if !path.is_dir() && ImageKind::of_name(path).is_some() {
        return Err(no_directory("names one image"));
    }
    let name: PathBuf = path.join(format!("{DEFAULT_NAME}.{}", kind.extension()));
    Pattern::parse(&name)?.ok_or_else(|| no_directory("is no directory"))
}

impl Sink for ImageSink {
    fn write_frame(&mut self, frame: &Frame, _: Time, _: Option<Time>) -> Result<(), VideoError> {
        self.summary.bytes += self.encoding.write(frame, &self.pattern.path(self.next))?;
        self.summary.frames += 1;
        self.next += 1;
        Ok(())
    }

    fn write_packet(&mut self, _: StreamPacket) -> Result<(), VideoError> {
        Ok(())
    }

    fn notices(&self) -> Vec<String> {
        self.notices.clone()
    }

    fn finish(self: Box<Self>) -> Result<Summary, VideoError> {
        Ok(self.summary)
    }
}
