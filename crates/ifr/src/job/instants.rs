//! What a grid asks of an interpolator: which instants, how far from those it makes, and how often a network runs for them.

use std::collections::BTreeSet;

use ifr_frame::{Dyadic, Rate};
use ifr_timeline::Grid;
use num_integer::Integer;

use crate::Times;
use crate::job::Stretch;

/// The longest pattern of instants that is followed, in frames: 23.976 to 60 comes round after 1001, and few rates make a longer
/// one.
const LONGEST: u128 = 1 << 16;

/// The instants asked for between source frames at a constant rate, until the pattern comes round.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Instants {
    /// Those of one interval after the other, ascending.
    intervals: Vec<Vec<f32>>,
}

/// What a network does for them, on average over the intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Work {
    /// Frames made, in each interval.
    pub(super) frames: f64,
    /// Intervals that have any.
    pub(super) pairs: f64,
    /// Runs of the network: one for each frame, or for each middle that leads to one.
    pub(super) runs: f64,
}

impl Instants {
    /// Of a source at `rate`, which is needed only where the grid has a rate of its own. `None`: without a rate, or after too
    /// long a pattern, any instant may be asked for.
    pub(super) fn new(grid: Grid, stretch: Stretch, rate: Option<Rate>) -> Option<Self> {
        // Output frame k lies at k · step / parts of an interval.
        let (step, parts) = match grid {
            Grid::Divide(parts) => (1, u128::from(parts.get())),
            Grid::Rate(wanted) => {
                let (source, (longer, shorter)) = (rate?, stretch.parts());
                let product = |a: u32, b: u32, c: u32| u128::from(a) * u128::from(b) * u128::from(c);
                let step = product(source.num(), shorter, wanted.den());
                let parts = product(source.den(), longer, wanted.num());
                let shared = step.gcd(&parts).max(1);
                (step / shared, parts / shared)
            }
        };
        if step > LONGEST || parts > LONGEST {
            return None;
        }
        let mut intervals = vec![Vec::new(); usize::try_from(step).ok()?];
        for k in 0..parts {
            let (interval, part) = (k * step).div_rem(&parts);
            if part > 0 {
                let t = part as f64 / parts as f64;
                intervals[interval as usize].push(t as f32);
            }
        }
        Some(Self { intervals })
    }

    /// The largest distance between an instant and the one made for it, as a share of an interval.
    pub(super) fn error(&self, times: Times) -> f64 {
        let distance = |t: &f32| f64::from((times.made_for(*t) - t).abs());
        self.intervals.iter().flatten().map(distance).fold(0.0, f64::max)
    }

    /// What they make a network do.
    pub(super) fn work(&self, times: Times) -> Work {
        let runs = |instants: &Vec<f32>| match times {
            Times::Any => instants.len(),
            Times::Bisected(depth) => {
                let middles = instants.iter().flat_map(|&t| Dyadic::nearest(t, depth).path());
                middles.map(|m| m.value().to_bits()).collect::<BTreeSet<_>>().len()
            }
        };
        let mean = |count: usize| count as f64 / self.intervals.len() as f64;
        Work {
            frames: mean(self.intervals.iter().map(Vec::len).sum()),
            pairs: mean(self.intervals.iter().filter(|instants| !instants.is_empty()).count()),
            runs: mean(self.intervals.iter().map(runs).sum()),
        }
    }
}

/// The largest distance where any instant may be asked for: nearly a whole step beside a source frame, since no instant is
/// made into one.
pub(super) fn worst_error(times: Times) -> f64 {
    match times {
        Times::Any => 0.0,
        Times::Bisected(depth) => 0.5_f64.powi(depth.get().into()),
    }
}

#[cfg(test)]
mod tests {
    use ifr_frame::BisectDepth;

    use super::*;

    fn divide(n: u32) -> Instants {
        Instants::new(Grid::Divide(n.try_into().unwrap()), Stretch::NONE, None).unwrap()
    }

    fn rates(source: &str, wanted: &str, stretch: Stretch) -> Option<Instants> {
        Instants::new(Grid::Rate(wanted.parse().unwrap()), stretch, Some(source.parse().unwrap()))
    }

    const ONCE: Times = Times::Bisected(BisectDepth::LEAST);

    fn bisected(n: u8) -> Times {
        Times::Bisected(BisectDepth::new(n).unwrap())
    }

    #[test]
    fn factors_divide_each_interval() {
        assert_eq!(divide(4).intervals, [[0.25, 0.5, 0.75]]);
        for (factor, runs, error) in
            [(2, 1, 0.0), (4, 3, 0.0), (8, 7, 0.0), (16, 15, 0.0), (3, 7, 1.0 / 48.0), (5, 9, 0.025)]
        {
            let instants = divide(factor);
            assert_eq!(instants.work(bisected(4)).runs, f64::from(runs), "{factor}");
            assert!((instants.error(bisected(4)) - error).abs() < 1e-6, "{factor}");
            let direct = instants.work(Times::Any);
            assert_eq!((direct.runs, direct.frames, direct.pairs), (f64::from(factor - 1), direct.runs, 1.0));
            assert_eq!(instants.error(Times::Any), 0.0);
        }
        assert_eq!(divide(4).error(ONCE), 0.25);
    }

    #[test]
    fn rates_come_round() {
        let film = rates("24", "60", Stretch::NONE).unwrap();
        assert_eq!(film.intervals, [vec![0.4, 0.8], vec![0.2, 0.6]]);
        let work = film.work(bisected(4));
        // 3/8 and 13/16 by way of 1/2, 1/4, 3/4 and 7/8; 3/16 and 5/8 by way of 1/2, 1/4, 1/8 and 3/4.
        assert_eq!((work.frames, work.pairs, work.runs), (2.0, 1.0, 6.0));
        assert!((film.error(bisected(4)) - 0.025).abs() < 1e-6);
        assert_eq!(rates("30", "60", Stretch::NONE).unwrap().intervals, [[0.5]]);
        // Fewer frames than there are: some intervals have none.
        let fewer = rates("60", "24", Stretch::NONE).unwrap();
        assert_eq!(fewer.intervals.iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 1, 0, 0]);
        assert_eq!(fewer.work(Times::Any).pairs, 0.2);
        // Twice as slow: an interval lasts twice as long.
        let slow = rates("24", "24", "2".parse().unwrap()).unwrap();
        assert_eq!(slow.intervals, [[0.5]]);
        let ntsc = rates("23.976", "60", Stretch::NONE).unwrap();
        assert_eq!(ntsc.intervals.iter().map(Vec::len).sum::<usize>(), 1000);
    }

    #[test]
    fn without_a_pattern_the_worst_is_assumed() {
        assert_eq!(Instants::new(Grid::Rate("60".parse().unwrap()), Stretch::NONE, None), None);
        assert_eq!(rates("65537/65539", "60", Stretch::NONE), None);
        for n in 1..=8 {
            let times = bisected(n);
            let worst = (1..4096).map(|k| k as f32 / 4096.0).map(|t| (times.made_for(t) - t).abs());
            let worst = f64::from(worst.fold(0.0, f32::max));
            assert!(worst < worst_error(times) && worst > worst_error(times) * 0.9, "{n}: {worst}");
        }
    }
}
