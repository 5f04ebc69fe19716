//! What a job holds beside its interpolator.

use ifr_video::OutputOptions;

use crate::job::{Overlays, Plan};

/// What the program takes before there is a frame: itself, FFmpeg's libraries (42 MiB measured), threads, codecs' tables.
const PROGRAM: u64 = 72 << 20;

/// Frames that are there at a time: a decoder's references and those it is ahead, the queues, what waits in the worker, the
/// encoder's own. Measured with two processors, 1920×1080, H.264, `flow-fast`: 480 MiB beside program and flow with x264's preset
/// medium, 285 with veryfast, 313 with medium and a look-ahead of 10 frames, 400 with ffv1; a frame has 3.
const FRAMES: u64 = 95;

/// Frames that wait while overlays are looked for, with what is known of each, at sizes at which that is looked at unreduced; by
/// arithmetic from the tracker's window of eight.
const OVERLAYS: u64 = 24;

/// Bytes of a luma pixel that a pair with overlays takes beside: what of both frames was seen, as floats, on all levels of the
/// flow's pyramid; by arithmetic.
const COVERED: u64 = 22;

/// An encoder's look-ahead where nothing is known of it: that of x264's preset medium.
const LOOKAHEAD: u64 = 40;

/// Frames of an encoder's look-ahead. Presets: x264's.
fn lookahead(output: &OutputOptions) -> u64 {
    let option = output.encoder_options.iter().find(|(key, _)| key == "rc-lookahead");
    let given = option.and_then(|(_, value)| value.parse().ok());
    // x264 takes up to 250.
    given.map(|frames: u64| frames.min(250)).unwrap_or(match output.preset.as_deref() {
        Some("ultrafast" | "superfast") => 0,
        Some("veryfast") => 10,
        Some("faster") => 20,
        Some("fast") => 30,
        Some("slow") => 50,
        Some("slower" | "veryslow" | "placebo") => 60,
        _ => LOOKAHEAD,
    })
}

impl Plan {
    /// Bytes that the job holds at most beside its interpolator, by the size of the source's frames: the program itself, frames in
    /// the decoder, in queues and in the encoder. An estimate from above, for the default encoders.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let video = &self.source.video;
        let planes = 0..video.format.planes();
        let size = |plane| video.format.plane_size(plane, video.width, video.height);
        let samples: usize = planes.map(size).map(|(width, height)| width * height).sum();
        let bytes = samples as u64 * u64::from(video.format.depth.div_ceil(8));
        // Each with smaller copies of itself.
        let ahead = lookahead(&self.output) * 11 / 6;
        let (overlays, covered) = if self.overlays == Overlays::Keep { (OVERLAYS, COVERED) } else { (0, 0) };
        let pixels = video.width as u64 * video.height as u64;
        PROGRAM + (FRAMES + ahead + overlays) * bytes + covered * pixels
    }
}
