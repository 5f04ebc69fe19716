use std::sync::Arc;

use ifr_frame::{Frame, Time};

/// A decoded frame with its place in time.
#[derive(Debug, Clone)]
pub struct TimedFrame {
    /// The picture.
    pub frame: Arc<Frame>,
    /// When it is shown.
    pub pts: Time,
    /// How long it is shown, where the container says.
    pub duration: Option<Time>,
}

/// What a source yields, in the container's order.
#[derive(Debug)]
pub enum Item {
    /// A frame of the video stream, in presentation order.
    Frame(TimedFrame),
    /// A packet of another stream, to be handed to the sink as it is.
    Packet(StreamPacket),
}

/// A coded packet of a stream that is copied (or, for stretched sound, re-encoded by the sink). Opaque to everyone
/// but this crate's sources and sinks.
#[derive(Debug)]
pub struct StreamPacket {
    /// Index of the stream in the source.
    #[cfg_attr(not(feature = "ffmpeg"), allow(dead_code, reason = "only FFmpeg sources have other streams"))]
    pub(crate) stream: usize,
    /// The packet with its timestamps in the source stream's time base.
    #[cfg(feature = "ffmpeg")]
    pub(crate) packet: crate::ffmpeg::Packet,
}
