use std::sync::atomic::{AtomicBool, Ordering};

use ifr_frame::{Time, TimeBase};

use super::super::av::{self, Packet};
use super::super::encoder::Span;
use super::super::mux::Mux;
use super::decoding::decoding_times;
use super::reader::{Packets, Segment};
use crate::files::malformed;
use crate::{Item, OutputOptions, Source, SourceInfo, Summary, VideoError};

/// What [`join`] did.
#[derive(Debug, Clone)]
pub struct Joined {
    /// What was written.
    pub summary: Summary,
    /// What people should be told of the output, as [`Sink::notices`](crate::Sink::notices).
    pub notices: Vec<String>,
    /// Whether all was written: not where it was stopped.
    pub whole: bool,
}

/// Joins segments, in order of their times, to the file that `options.path` names, with the streams that the packets of
/// `rest` belong to. Where `rest` has more than there is video for and `cut` is set, it is left out. Nothing is
/// decoded or encoded but stretched sound.
///
/// # Errors
/// [`VideoError`] when there is no segment, they do not belong together, one is damaged, or the file cannot be written.
pub fn join(
    options: &OutputOptions,
    source: Option<&SourceInfo>,
    segments: &[Segment],
    mut rest: Option<&mut dyn Source>,
    cut: bool,
    stop: &AtomicBool,
) -> Result<Joined, VideoError> {
    av::route_log();
    let mut video = Video::new(segments)?;
    let mut mux = Mux::create(options, source, &video.first.video, None)?;
    let mut notices = mux.notices();
    let stopped = || stop.load(Ordering::Relaxed);
    let mut write = || -> Result<(), VideoError> {
        while let Some(item) = rest.as_mut().map_or(Ok(None), |r| r.next())? {
            let Item::Packet(packet) = item else { continue };
            if let Some(due) = mux.due(&packet) {
                if cut && due > video.end {
                    break;
                }
                while !stopped() && video.due().is_some_and(|dts| dts <= due) {
                    video.write_next(&mut mux)?;
                }
            }
            if stopped() {
                break;
            }
            mux.write_packet(packet)?;
        }
        while !stopped() && video.due().is_some() {
            video.write_next(&mut mux)?;
        }
        Ok(())
    };
    let written = write();
    let whole = video.due().is_none();
    let frames = segments.iter().map(Segment::frames).sum();
    // Whatever happened, the file is ended, so that what was written plays.
    let ended = mux.finish(Ok(()), video.span.filter(|_| whole), frames);
    written?;
    let summary = ended?;
    notices.extend(summary.notices.clone());
    Ok(Joined { summary, notices, whole })
}

/// The packets of all segments, in one order of decoding.
struct Video<'a> {
    segments: &'a [Segment],
    first: &'a Segment,
    /// The segment read next, and its packets once it is begun.
    next: usize,
    packets: Option<(Packets<'a>, usize)>,
    /// Decoding times of all packets, and how many are done.
    times: Vec<i64>,
    done: usize,
    base: TimeBase,
    span: Option<Span>,
    end: Time,
}

impl<'a> Video<'a> {
    fn new(segments: &'a [Segment]) -> Result<Self, VideoError> {
        let with_frames = segments.iter().find(|s| s.footer.span.is_some());
        let Some(first) = with_frames.or(segments.first()) else {
            return Err(VideoError::Option("there is no segment to join".to_owned()));
        };
        let parts = first.video.params.to_parts();
        for segment in segments {
            let other = &segment.video;
            if other.params.to_parts() != parts || other.time_base != first.video.time_base {
                return Err(malformed(
                    &segment.path,
                    format!("video by {}, coded otherwise than {}", other.encoder, first.path.display()),
                    "the same encoder and settings in every segment: make all with one version of FFmpeg",
                ));
            }
        }
        let all: Vec<_> = segments.iter().map(|s| s.footer.packets.as_slice()).collect();
        let times = decoding_times(&all).map_err(|at| {
            let path = &segments[segment_of(&all, at)].path;
            malformed(
                path,
                "frames that lie before those of the segment before it",
                "segments in order of time",
            )
        })?;
        let spans = || segments.iter().filter_map(|s| s.footer.span);
        let span = spans().next().zip(spans().next_back()).map(|(a, b)| Span { first: a.first, ..b });
        let ticks = first.video.time_base;
        let base = TimeBase::new(ticks.num.into(), ticks.den.into())?;
        let end = span.and_then(|s| Time::from_pts(s.end, base)).unwrap_or(Time::ZERO);
        Ok(Self { segments, first, next: 0, packets: None, times, done: 0, base, span, end })
    }

    /// When the next packet is decoded; `None` at the end.
    fn due(&self) -> Option<Time> {
        let &ticks = self.times.get(self.done)?;
        Some(Time::from_pts(ticks, self.base).unwrap_or(self.end))
    }

    fn write_next(&mut self, mux: &mut Mux) -> Result<(), VideoError> {
        let mut packet = self.read_next()?;
        packet.set_times(packet.pts(), self.times.get(self.done).copied(), packet.duration());
        self.done += 1;
        mux.write_video(packet)?;
        mux.check_room()
    }

    fn read_next(&mut self) -> Result<Packet, VideoError> {
        loop {
            if let Some((packets, left @ 1..)) = &mut self.packets {
                *left -= 1;
                return packets.next();
            }
            let segment = &self.segments[self.next];
            self.next += 1;
            self.packets = Some((segment.packets()?, segment.footer.packets.len()));
        }
    }
}

/// The segment that holds packet `at` of all.
fn segment_of<T>(segments: &[&[T]], mut at: usize) -> usize {
    for (index, packets) in segments.iter().enumerate() {
        if at < packets.len() {
            return index;
        }
        at -= packets.len();
    }
    segments.len().saturating_sub(1)
}
