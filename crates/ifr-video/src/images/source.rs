use std::path::{Path, PathBuf};
use std::sync::Arc;

use ifr_frame::{ColorDescription, Rate, Time, TimeBase};

use crate::files::{self, malformed};
use crate::images::header::Header;
use crate::images::pixels::{srgb, union, widened};
use crate::images::{listing, still};
use crate::{Item, Source, SourceInfo, TimedFrame, VideoError, VideoInfo};

/// Yields the images of a sequence as frames at a constant rate, from time zero.
///
/// All images have one size. Where layouts differ (grey among RGB, 8 among 16 bits, some with alpha), every frame comes
/// in the smallest layout that holds them all.
#[derive(Debug)]
pub struct ImageSource {
    info: SourceInfo,
    color: ColorDescription,
    paths: Vec<PathBuf>,
    headers: Vec<Header>,
    rate: Rate,
    next: usize,
}

impl ImageSource {
    /// Opens the images that `path` means (see [`images::open`](crate::images::open)) and reads all their headers.
    ///
    /// # Errors
    /// [`VideoError`] when there are no images, a number is missing, a header is damaged, or sizes differ.
    pub fn open(path: &Path, rate: Rate) -> Result<Self, VideoError> {
        let paths = listing::list(path)?;
        let headers = paths.iter().map(|p| Header::read(p)).collect::<Result<Vec<_>, _>>()?;
        let (first, mut format, mut lossless) = (headers[0], headers[0].format, true);
        for (header, path) in headers.iter().zip(&paths) {
            if (header.width, header.height) != (first.width, first.height) {
                return Err(malformed(
                    path,
                    format!("a picture of {}x{}", header.width, header.height),
                    format!(
                        "{}x{} as in {}: all images of a sequence have one size",
                        first.width,
                        first.height,
                        paths[0].display()
                    ),
                ));
            }
            format = union(format, header.format);
            lossless &= header.lossless;
        }
        let color = ColorDescription { matrix: srgb(format.model).matrix, ..first.color };
        let count = paths.len();
        let bytes = paths.iter().map(|p| p.metadata().map(|m| m.len()).ok()).sum();
        let video = VideoInfo {
            width: first.width,
            height: first.height,
            format,
            color,
            time_base: rate.time_base().unwrap_or(TimeBase::MPEG),
            rounding: Time::ZERO,
            rate: Some(rate),
            duration: Some(rate.time_of(i64::try_from(count).unwrap_or(i64::MAX))),
            frames: Some(count as u64),
            sample_aspect: (1, 1),
            rotation: None,
            codec: first.kind.codec().to_owned(),
            lossless,
        };
        let info = files::video_only("images", video, bytes);
        Ok(Self { info, color, paths, headers, rate, next: 0 })
    }
}

impl Source for ImageSource {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn next(&mut self) -> Result<Option<Item>, VideoError> {
        let Some((path, header)) = self.paths.get(self.next).zip(self.headers.get(self.next)) else {
            return Ok(None);
        };
        let frame = still::decode(header.kind, path)?;
        let video = &self.info.video;
        if (frame.width(), frame.height(), frame.format()) != (video.width, video.height, header.format) {
            return Err(malformed(
                path,
                format!("a {} picture of {}x{}", frame.format(), frame.width(), frame.height()),
                "what was there when the sequence was opened: do not change images while they are read",
            ));
        }
        let frame = widened(frame, video.format, self.color)?;
        let index = i64::try_from(self.next).unwrap_or(i64::MAX);
        self.next += 1;
        let (pts, duration) = (self.rate.time_of(index), Some(self.rate.period()));
        Ok(Some(Item::Frame(TimedFrame { frame: Arc::new(frame), pts, duration })))
    }
}
