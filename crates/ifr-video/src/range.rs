use ifr_frame::Time;

/// Which part of a video is read.
///
/// Times count from the video's first frame, whatever its timestamp; frames are numbered from 0 as they are decoded. The
/// first frame taken stands where the video's first frame stood, and everything else moves with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first frame taken.
    pub start: Position,
    /// Frames from here on are left out.
    pub end: Option<Time>,
    /// The most frames that are taken.
    pub frames: Option<u64>,
}

/// A place in a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The first frame that is shown at this time or later.
    Time(Time),
    /// The frame of this number.
    Frame(u64),
}

impl Range {
    /// All of it.
    pub const ALL: Self = Self { start: Position::Time(Time::ZERO), end: None, frames: None };
}

impl Default for Range {
    fn default() -> Self {
        Self::ALL
    }
}
