use ifr_frame::{Rate, TimeBase};
use ifr_timeline::Grid;
use num_integer::Integer;

use crate::job::Stretch;

/// A time base in which every output time is exact: the least common multiple of the denominators that can occur. Where
/// that does not fit 31 bits, the finest that does and still holds what is written most: the output's grid, or the
/// source's own ticks. `nominal` is the rate on whose grid source times are placed, if they are.
pub(super) fn output(source: TimeBase, nominal: Option<Rate>, grid: Grid, stretch: Stretch) -> TimeBase {
    let parts = match grid {
        Grid::Divide(parts) => u64::from(parts.get()),
        Grid::Rate(_) => 1,
    };
    let fine = parts * u64::from(stretch.parts().1);
    let ticks = u64::from(source.den());
    // Twice as fine: the nominal grid's phase may be found to lie between ticks (see `ifr_timeline::Cadence`).
    let placed = nominal.map_or(Some(1), |rate| u64::from(rate.num()).checked_mul(2 * fine));
    let exact = match grid {
        // Output times count from the first source frame.
        Grid::Rate(rate) => lcm(ticks, rate.num().into()),
        Grid::Divide(_) => Some(ticks),
    };
    let exact = exact.and_then(|n| n.checked_mul(fine)).and_then(|n| lcm(n, placed?));
    let by_grid = match grid {
        Grid::Rate(rate) => Some(u64::from(rate.num())),
        Grid::Divide(_) => ticks.checked_mul(fine),
    };
    [exact, by_grid, Some(ticks)]
        .into_iter()
        .flatten()
        .find_map(|den| TimeBase::new(1, i64::try_from(den).ok()?).ok())
        .unwrap_or(TimeBase::MPEG)
}

fn lcm(a: u64, b: u64) -> Option<u64> {
    (a / a.gcd(&b)).checked_mul(b)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn every_output_time_is_a_tick() {
        let film = Rate::new(24000, 1001).unwrap();
        let two = Grid::Divide(NonZeroU32::new(2).unwrap());
        let base = output(TimeBase::MILLIS, Some(film), two, Stretch::NONE);
        for i in 0..100 {
            assert!(base.holds(film.time_of(i).scaled(1, 2)));
        }
        let sixty = Grid::Rate(Rate::new(60, 1).unwrap());
        let base = output(TimeBase::new(1, 24000).unwrap(), None, sixty, "5/2".parse().unwrap());
        assert!(base.holds(ifr_frame::Time::new(7, 60)));
    }

    #[test]
    fn what_does_not_fit_is_as_fine_as_can_be() {
        let two = Grid::Divide(NonZeroU32::new(2).unwrap());
        let huge = TimeBase::new(1, i64::from(i32::MAX)).unwrap();
        assert_eq!(output(huge, None, two, Stretch::NONE), huge);
        let sixty = Rate::new(60, 1).unwrap();
        assert_eq!(output(huge, None, Grid::Rate(sixty), Stretch::NONE).den(), 60);
    }
}
