//! What a job holds beside its interpolator.

use crate::job::Plan;

/// What the program takes before there is a frame: itself, FFmpeg's libraries, threads. Measured: 42 MiB.
const PROGRAM: u64 = 48 << 20;

/// Frames that are there at a time at most: a decoder's references and those it is ahead (about 20), the queues (8), what waits in
/// the worker (5), and what an encoder looks ahead, with the smaller copies it makes of each (80 frames' worth; x264's 40 and
/// x265's 20 are below that).
const FRAMES: u64 = 20 + 8 + 5 + 80;

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
        PROGRAM + FRAMES * bytes
    }
}
