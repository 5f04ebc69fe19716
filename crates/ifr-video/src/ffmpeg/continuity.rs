//! Times that run on where a transport stream's start anew.

use std::collections::HashMap;

use ifr_frame::Time;

/// How far a stream may go back without having started anew: what multiplexers leave between packets.
const BACK: (i64, i64) = (1, 4);
/// How far it may jump ahead: longer silences are not broadcast (FFmpeg's own threshold).
const AHEAD: Time = Time::TEN_SECONDS;

/// Joins what was recorded or concatenated in parts, each with a clock of its own: where a stream's decoding times jump,
/// everything that follows is moved so that the new part begins where the longest stream of the old one ended. All
/// streams of a part move by the same offset, so that sound and picture keep their distance.
///
/// Packets of two parts may come interleaved: each stream changes over by itself.
#[derive(Debug)]
pub(super) struct Continuity {
    /// What is added to the times of each part, the first one's being zero.
    parts: Vec<Time>,
    streams: HashMap<usize, Progress>,
}

#[derive(Debug, Clone, Copy)]
struct Progress {
    part: usize,
    /// Where its next packet should begin, moved.
    expected: Time,
}

impl Continuity {
    pub(super) fn new() -> Self {
        Self { parts: vec![Time::ZERO], streams: HashMap::new() }
    }

    /// How many times a clock started anew.
    pub(super) fn jumps(&self) -> usize {
        self.parts.len() - 1
    }

    /// What to add to the times of a packet of `stream` that is decoded at `dts` and lasts `duration`. Streams that are
    /// not `steady` (subtitles come when they like) follow the part that puts them nearest to the others.
    pub(super) fn offset(&mut self, stream: usize, dts: Time, duration: Time, steady: bool) -> Time {
        if !steady {
            return self.nearest(dts);
        }
        let newest = self.parts.len() - 1;
        let Some(progress) = self.streams.get(&stream).copied() else {
            // A stream that starts late belongs to what is being read.
            let offset = self.nearest(dts);
            let part = self.parts.iter().rposition(|&o| o == offset).unwrap_or(newest);
            self.streams.insert(stream, Progress { part, expected: dts + offset + duration });
            return offset;
        };
        let fits = |part: usize, back: Time| {
            let ahead = dts + self.parts[part] - progress.expected;
            ahead + back >= Time::ZERO && ahead <= AHEAD
        };
        let part = if fits(progress.part, Time::new(BACK.0, BACK.1)) {
            progress.part
        } else if let Some(part) = (progress.part + 1..=newest).find(|&part| fits(part, AHEAD)) {
            // Another stream has found this part already. Streams of the old one need not have been equally long.
            part
        } else {
            let end = self.streams.values().map(|s| s.expected).max().unwrap_or(progress.expected);
            self.parts.push(end - dts);
            newest + 1
        };
        let offset = self.parts[part];
        self.streams.insert(stream, Progress { part, expected: dts + offset + duration });
        offset
    }

    /// The offset that brings `dts` nearest to where the streams are.
    fn nearest(&self, dts: Time) -> Time {
        let Some(at) = self.streams.values().map(|s| s.expected).max() else { return Time::ZERO };
        let distance = |&offset: &Time| (dts + offset - at).abs();
        self.parts.iter().rev().copied().min_by_key(distance).unwrap_or(Time::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO: usize = 0;
    const SOUND: usize = 1;

    fn ms(n: i64) -> Time {
        Time::new(n, 1000)
    }

    #[test]
    fn parts_follow_one_another_and_streams_keep_their_distance() {
        let mut clock = Continuity::new();
        for i in 0..50 {
            assert_eq!(clock.offset(VIDEO, ms(1400 + 40 * i), ms(40), true), Time::ZERO);
            assert_eq!(clock.offset(SOUND, ms(1380 + 40 * i), ms(40), true), Time::ZERO);
        }
        // The same file again: 2 s long, its sound begins first.
        let moved = clock.offset(VIDEO, ms(1400), ms(40), true);
        assert_eq!(moved, ms(2000));
        assert_eq!(clock.offset(SOUND, ms(3380), ms(40), true), Time::ZERO, "the old part's last packet");
        assert_eq!(clock.offset(SOUND, ms(1380), ms(40), true), moved);
        assert_eq!(clock.offset(VIDEO, ms(1440), ms(40), true), moved);
        assert_eq!(clock.offset(7, ms(1500), ms(500), false), moved, "a subtitle");
        assert_eq!(clock.jumps(), 1);
    }

    #[test]
    fn a_gap_is_a_gap_until_ten_seconds_and_jitter_is_nothing() {
        let mut clock = Continuity::new();
        for dts in [0, 40, 20, 9000, 18_000] {
            assert_eq!(clock.offset(VIDEO, ms(dts), ms(40), true), Time::ZERO);
        }
        assert_eq!(clock.offset(VIDEO, ms(100_000), ms(40), true), ms(18_040 - 100_000));
        // And back.
        assert_eq!(clock.offset(VIDEO, ms(18_100), ms(40), true), ms(18_080 - 18_100));
        assert_eq!(clock.jumps(), 2);
    }
}
