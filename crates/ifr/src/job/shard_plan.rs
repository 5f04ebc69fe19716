//! The plan of a job that several machines share: what was decided of every source frame, and who makes what.

use std::num::NonZeroU64;
use std::ops::Range;

use ifr_frame::Time;
use ifr_timeline::Link;
use num_integer::Integer;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::job::Fingerprint;
use crate::job::analysis::Decided;

/// The version of the file's form.
const VERSION: u32 = 1;
/// The most source frames planned for: two days at 60 a second.
const MOST_FRAMES: u64 = 10_368_000;
/// The most shards.
pub(super) const MOST_SHARDS: u64 = 65_536;

/// What shards are made by; a JSON file. The same plan and input give the same segments, whoever makes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardPlan {
    #[serde(rename = "ifr-plan")]
    version: u32,
    /// What was asked for, as arguments of the command line.
    pub arguments: Vec<String>,
    /// The input's path when it was planned.
    pub input: String,
    /// The output's container, by its extension.
    pub container: String,
    /// Threads of the encoder, on which what it writes may depend.
    pub encoder_threads: usize,
    /// The job that this is a plan of.
    pub job: Fingerprint,
    /// Number of shards.
    pub shards: u64,
    /// Source frames a segment.
    pub segment_frames: NonZeroU64,
    /// The source's frames.
    pub frames: FrameTable,
}

/// What was decided of every source frame. Times count ticks; of a column of numbers that often repeat each is stored once,
/// with how many times it stands there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameTable {
    /// Ticks a second.
    ticks: u64,
    /// Number of frames.
    count: u64,
    /// Times as the container has them: the first, then differences.
    seen: Vec<(u64, i64)>,
    /// Times as they are meant, likewise.
    placed: Vec<(u64, i64)>,
    /// How long frames are shown; `null` where nobody says.
    durations: Vec<(u64, Option<i64>)>,
    /// How each relates to the one before.
    links: Vec<(u64, LinkName)>,
    /// CRC-32 of the samples of each.
    checksums: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LinkName {
    Continuous,
    Same,
    Cut,
    /// Left out, for it repeats the one before.
    Repeat,
}

/// A plan that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ShardPlanError {
    /// No plan at all.
    #[error("this is no plan of `ifr plan` ({0})")]
    Json(#[from] serde_json::Error),
    /// Written by another version.
    #[error("a plan of version {0}, where this ifr knows version {VERSION}: plan again")]
    Version(u64),
    /// It contradicts itself, or is beyond all bounds.
    #[error("{0}: plan again")]
    Inconsistent(String),
}

/// A frame while a plan is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlannedFrame {
    pub(super) seen: Time,
    pub(super) decided: Decided,
    pub(super) checksum: u32,
}

/// A frame as it must be found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) seen: Time,
    pub(super) checksum: u32,
}

impl ShardPlan {
    /// A plan of these parts.
    ///
    /// # Errors
    /// [`ShardPlanError::Inconsistent`] for parts that do not go together.
    pub(super) fn new(
        job: Fingerprint,
        shards: u64,
        segment_frames: NonZeroU64,
        frames: &[PlannedFrame],
        encoder_threads: usize,
    ) -> Result<Self, ShardPlanError> {
        let plan = Self {
            version: VERSION,
            arguments: Vec::new(),
            input: String::new(),
            container: String::new(),
            encoder_threads,
            job,
            shards,
            segment_frames,
            frames: FrameTable::new(frames)?,
        };
        plan.check()?;
        Ok(plan)
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// [`ShardPlanError`] when it is none, of another version, or contradicts itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, ShardPlanError> {
        #[derive(Deserialize)]
        struct Version {
            #[serde(rename = "ifr-plan")]
            version: u64,
        }
        let Version { version } = serde_json::from_slice(bytes)?;
        if version != u64::from(VERSION) {
            return Err(ShardPlanError::Version(version));
        }
        let plan: Self = serde_json::from_slice(bytes)?;
        plan.check()?;
        Ok(plan)
    }

    /// The file's content.
    pub fn to_json(&self) -> String {
        // Numbers, strings and lists of them: that cannot fail.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    fn check(&self) -> Result<(), ShardPlanError> {
        let bad = |what: String| Err(ShardPlanError::Inconsistent(what));
        if !(1..=MOST_SHARDS).contains(&self.shards) {
            return bad(format!("{} shards, where 1 to {MOST_SHARDS} are possible", self.shards));
        }
        if self.container.contains(['/', '\\', '\0']) {
            return bad("a container that is no extension".to_owned());
        }
        let table = &self.frames;
        let n = table.count;
        fn counts<T>(runs: &[(u64, T)]) -> Option<u64> {
            runs.iter().try_fold(0_u64, |sum, (count, _)| sum.checked_add(*count))
        }
        let columns =
            [counts(&table.seen), counts(&table.placed), counts(&table.durations), counts(&table.links)];
        if n == 0 || n > MOST_FRAMES || table.checksums.len() as u64 != n || columns != [Some(n); 4] {
            return bad(format!(
                "{n} frames, and columns of other lengths (or none, or more than {MOST_FRAMES})"
            ));
        }
        if table.ticks == 0 || i64::try_from(table.ticks).is_err() {
            return bad(format!("{} ticks a second", table.ticks));
        }
        // 2^32 seconds to either side, as everywhere.
        let limit = i128::from(table.ticks) << 32;
        for column in [&table.seen, &table.placed] {
            let mut time = 0_i128;
            for (i, &(count, step)) in column.iter().enumerate() {
                time += i128::from(step) * i128::from(count);
                if time.abs() > limit || (i > 0 && step <= 0) || (i == 0 && count > 1 && step <= 0) {
                    return bad("times that do not go forward, or too far".to_owned());
                }
            }
        }
        if table.durations.iter().any(|(_, d)| d.is_some_and(|d| d < 0 || i128::from(d) > limit)) {
            return bad("durations that cannot be".to_owned());
        }
        Ok(())
    }

    /// Number of segments.
    pub fn segments(&self) -> u64 {
        self.frames.count.div_ceil(self.segment_frames.get())
    }

    /// The segments that a shard makes, shards counted from 0; `None`: there is no such shard.
    pub fn segments_of(&self, shard: u64) -> Option<Range<u64>> {
        let at = |i: u64| i * self.segments() / self.shards;
        (shard < self.shards).then(|| at(shard)..at(shard + 1))
    }

    /// The shard that makes a segment.
    pub fn shard_of(&self, segment: u64) -> Option<u64> {
        (0..self.shards).find(|&shard| self.segments_of(shard).is_some_and(|r| r.contains(&segment)))
    }
}

impl FrameTable {
    fn new(frames: &[PlannedFrame]) -> Result<Self, ShardPlanError> {
        let times = || frames.iter().flat_map(|f| [Some(f.seen), Some(f.decided.pts), f.decided.duration]);
        let ticks = times().flatten().try_fold(1_i128, |ticks, t| {
            let den = *t.ratio().denom();
            (ticks / ticks.gcd(&den)).checked_mul(den).filter(|&n| n <= i128::from(i64::MAX))
        });
        let too_fine = || ShardPlanError::Inconsistent("times that no common clock counts".to_owned());
        let ticks = ticks.ok_or_else(too_fine)?;
        let count = |t: Time| {
            let (numer, denom) = t.ratio().into();
            i64::try_from(numer * (ticks / denom)).map_err(|_| too_fine())
        };
        let mut table = Self { ticks: ticks as u64, count: frames.len() as u64, ..Self::default() };
        let mut last = (0, 0);
        for f in frames {
            let now = (count(f.seen)?, count(f.decided.pts)?);
            add(&mut table.seen, now.0 - last.0);
            add(&mut table.placed, now.1 - last.1);
            last = now;
            add(&mut table.durations, f.decided.duration.map(count).transpose()?);
            let link = match f.decided.link {
                _ if f.decided.repeat => LinkName::Repeat,
                Link::Continuous => LinkName::Continuous,
                Link::Same => LinkName::Same,
                Link::Cut => LinkName::Cut,
            };
            add(&mut table.links, link);
            table.checksums.push(f.checksum);
        }
        Ok(table)
    }

    /// Number of frames.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// First frames of new shots, by number.
    pub fn cuts(&self) -> Vec<u64> {
        let links = expand(&self.links).enumerate().skip(1);
        links.filter(|(_, link)| *link == LinkName::Cut).map(|(i, _)| i as u64).collect()
    }

    fn time(&self, ticks: i64) -> Time {
        Time::new(ticks, self.ticks.cast_signed())
    }

    /// What was decided, frame by frame.
    pub(super) fn decided(&self) -> Vec<Decided> {
        let pts = running(&self.placed).map(|t| self.time(t));
        let durations = expand(&self.durations).map(|d| d.map(|d| self.time(d)));
        let links = expand(&self.links).map(|name| {
            let link = match name {
                LinkName::Continuous => Link::Continuous,
                LinkName::Same | LinkName::Repeat => Link::Same,
                LinkName::Cut => Link::Cut,
            };
            (link, name == LinkName::Repeat)
        });
        let all = pts.zip(durations).zip(links);
        all.map(|((pts, duration), (link, repeat))| Decided { pts, duration, link, repeat }).collect()
    }

    /// By what each frame is known.
    pub(super) fn known(&self) -> Vec<Known> {
        let seen = running(&self.seen).map(|t| self.time(t));
        seen.zip(&self.checksums).map(|(seen, &checksum)| Known { seen, checksum }).collect()
    }
}

/// Adds a value to a column.
fn add<T: PartialEq>(column: &mut Vec<(u64, T)>, value: T) {
    match column.last_mut() {
        Some((count, last)) if *last == value => *count += 1,
        _ => column.push((1, value)),
    }
}

fn expand<T: Copy>(column: &[(u64, T)]) -> impl Iterator<Item = T> {
    column.iter().flat_map(|&(count, value)| (0..count).map(move |_| value))
}

/// Sums of a column of differences.
fn running(column: &[(u64, i64)]) -> impl Iterator<Item = i64> {
    expand(column).scan(0_i64, |time, step| {
        *time = time.saturating_add(step);
        Some(*time)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::job::InputId;

    fn frames(n: i64) -> Vec<PlannedFrame> {
        let frame = |i: i64| PlannedFrame {
            seen: Time::new(i * 42 - 7, 1000),
            decided: Decided {
                pts: Time::new(i * 1001, 24000),
                duration: (i % 5 > 0).then(|| Time::new(1001, 24000)),
                link: [Link::Continuous, Link::Continuous, Link::Same, Link::Cut, Link::Same][i as usize % 5],
                repeat: i % 5 == 4,
            },
            checksum: i as u32,
        };
        (0..n).map(frame).collect()
    }

    fn plan(n: i64, shards: u64, length: u64) -> Result<ShardPlan, ShardPlanError> {
        let input = InputId { bytes: 1, modified: 0, ends: String::new() };
        let job = Fingerprint { version: "1".to_owned(), input, settings: BTreeMap::new() };
        ShardPlan::new(job, shards, NonZeroU64::new(length).unwrap(), &frames(n), 2)
    }

    #[test]
    fn what_is_written_is_read_exactly() {
        let plan = plan(50, 7, 4).unwrap();
        let read = ShardPlan::parse(plan.to_json().as_bytes()).unwrap();
        assert_eq!(read, plan);
        let expected: Vec<Decided> = frames(50).iter().map(|f| f.decided).collect();
        assert_eq!(read.frames.decided(), expected);
        let known: Vec<Time> = read.frames.known().iter().map(|k| k.seen).collect();
        assert_eq!(known, frames(50).iter().map(|f| f.seen).collect::<Vec<_>>());
        assert_eq!(read.frames.cuts()[..3], [3, 8, 13]);
    }

    #[test]
    fn shards_share_all_segments() {
        for (n, shards, length) in [(50, 1, 4), (50, 3, 4), (50, 7, 4), (5, 9, 2), (1, 2, 100)] {
            let plan = plan(n, shards, length).unwrap();
            let all: Vec<u64> = (0..shards).flat_map(|s| plan.segments_of(s).unwrap()).collect();
            assert_eq!(all, (0..plan.segments()).collect::<Vec<_>>());
            assert!(plan.segments_of(shards).is_none());
            assert!(all.iter().all(|&s| plan.segments_of(plan.shard_of(s).unwrap()).unwrap().contains(&s)));
        }
    }

    #[test]
    fn what_is_no_plan_is_told() {
        assert!(plan(0, 1, 1).is_err() && plan(1, 0, 1).is_err() && plan(1, 70_000, 1).is_err());
        let good = plan(9, 2, 3).unwrap().to_json();
        let told = |text: &str| ShardPlan::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(told("").contains("no plan") && told("[]").contains("no plan"));
        assert!(told(&good.replace("\"ifr-plan\":1", "\"ifr-plan\":2")).contains("version 2"));
        assert!(told(&good.replace("\"count\":9", "\"count\":8")).contains("other lengths"));
        assert!(told(&good.replace("\"count\":9", "\"count\":18446744073709551615")).contains("frames"));
        assert!(told(&good.replace("[[1,", "[[18446744073709551615,")).contains("frames"));
        assert!(told(&good.replace("\"segment_frames\":3", "\"segment_frames\":0")).contains("no plan"));
        // Cut anywhere, or changed anywhere: an error or another plan, never a panic.
        for at in 0..good.len() {
            assert!(ShardPlan::parse(&good.as_bytes()[..at]).is_err() || at + 1 == good.len());
            for with in *b"09-[" {
                let mut bytes = good.clone().into_bytes();
                bytes[at] = with;
                if let Ok(plan) = ShardPlan::parse(&bytes) {
                    assert_eq!(plan.frames.decided().len() as u64, plan.frames.count());
                }
            }
        }
    }
}
