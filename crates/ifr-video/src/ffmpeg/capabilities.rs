//! What the FFmpeg in use can do, for `ifr doctor`.

use super::av::{self, Codec};

/// A video encoder of the FFmpeg in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderInfo {
    /// Its name, e.g. `libx264`.
    pub name: String,
    /// The codec that it writes, e.g. `h264`.
    pub codec: String,
    /// Its name in words.
    pub description: String,
    /// Whether it runs on a device of its own, which may be missing.
    pub hardware: bool,
    /// The pixel formats that it takes, by FFmpeg's names; empty when it takes any.
    pub pixel_formats: Vec<String>,
}

/// All video encoders, in FFmpeg's order.
pub fn encoders() -> Vec<EncoderInfo> {
    let video = Codec::encoders().into_iter().filter(|c| c.is_video());
    video
        .map(|c| EncoderInfo {
            name: c.name(),
            codec: c.codec_name(),
            description: c.long_name(),
            hardware: c.is_hardware() || c.pixel_formats().iter().any(|f| f.is_hardware()),
            pixel_formats: c.pixel_formats().iter().map(|f| f.name()).collect(),
        })
        .collect()
}

/// The version of the FFmpeg in use, e.g. `5.1.9`.
pub fn ffmpeg_version() -> String {
    av::version()
}
