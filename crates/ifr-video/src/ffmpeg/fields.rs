//! Interlaced pictures.

use ifr_frame::{Time, TimeBase};

use super::av::{AvError, AvFrame, Graph, PixFmt, Rational, Step};
use crate::Fields;

/// FFmpeg's filters that make whole pictures of fields.
pub(super) struct FieldFilter {
    graph: Graph,
    /// Whether each field becomes a picture.
    pub(super) doubles: bool,
}

/// Formats whose fields `fieldmatch` compares; it takes 8 bits only.
const MATCHED: [&str; 9] =
    ["yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "yuv440p", "yuv411p", "gray"];

/// What is to be done with a video's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// They are taken as they are.
    None,
    /// Two pictures of each that is interlaced, or of all.
    Fields { all: bool },
    /// One picture of each that is interlaced, or of all.
    Frames { all: bool },
    /// Fields of the same picture are brought together again.
    Match,
}

impl Treatment {
    /// What `fields` asks for, where the container says whether the video is interlaced (`stated`) and its first picture
    /// does (`marked`).
    pub(super) fn of(fields: Fields, stated: bool, marked: bool) -> Self {
        // Marks of single pictures are trusted where there are any.
        let all = !marked;
        match fields {
            Fields::Auto if stated || marked => Self::Fields { all },
            Fields::Auto | Fields::Keep => Self::None,
            Fields::Double => Self::Fields { all: true },
            Fields::Merge => Self::Frames { all: true },
            Fields::Match => Self::Match,
        }
    }

    fn filters(self) -> Option<String> {
        let which = |all: bool| if all { "all" } else { "interlaced" };
        match self {
            Self::None => None,
            Self::Fields { all } => Some(format!("bwdif=mode=send_field:deint={}", which(all))),
            Self::Frames { all } => Some(format!("bwdif=mode=send_frame:deint={}", which(all))),
            // What finds no partner is marked as interlaced.
            Self::Match => Some("fieldmatch,bwdif=mode=send_frame:deint=interlaced".to_owned()),
        }
    }

    /// Whether the filters take this format without changing it.
    pub(super) fn takes(self, format: PixFmt) -> bool {
        self != Self::Match || MATCHED.contains(&format.name().as_str())
    }
}

impl FieldFilter {
    /// The filters of a treatment; `None` where there is none.
    pub(super) fn new(
        treatment: Treatment,
        format: PixFmt,
        (width, height): (usize, usize),
        time_base: Rational,
    ) -> Result<Option<Self>, AvError> {
        let Some(filters) = treatment.filters() else { return Ok(None) };
        let filters = format!("{filters},format={}", format.name());
        let size = |n: usize| i32::try_from(n).map_err(|_| AvError::INVALID_ARGUMENT);
        let graph = Graph::video(format, size(width)?, size(height)?, time_base, &filters)?;
        Ok(Some(Self { graph, doubles: matches!(treatment, Treatment::Fields { .. }) }))
    }

    /// Hands a picture in, with its timestamp, or `None` at the end.
    pub(super) fn push(&mut self, picture: Option<&AvFrame>) -> Result<(), AvError> {
        self.graph.push(picture)
    }

    /// A picture that is done, and when it shows: filters count finer ticks than their input.
    pub(super) fn pull(&mut self) -> Result<Option<(AvFrame, Option<Time>)>, AvError> {
        let (Step::Got, frame) = self.graph.pull()? else { return Ok(None) };
        let ticks = self.graph.time_base();
        let base = TimeBase::new(ticks.num.into(), ticks.den.into()).map_err(|_| AvError::INVALID_DATA)?;
        let pts = frame.pts().and_then(|t| Time::from_pts(t, base));
        Ok(Some((frame, pts)))
    }
}
