use std::num::NonZeroU32;

use ifr_frame::{Rate, TimeBase};
use ifr_timeline::Grid;
use num_integer::Integer;

use crate::job::Stretch;

/// A time base in which every output time is exact: the least common multiple of the denominators that can occur. `None`
/// where it does not fit; the sink then rounds to the finest that it has.
pub(super) fn output(
    source: TimeBase,
    nominal: Option<Rate>,
    grid: Grid,
    stretch: Stretch,
) -> Option<TimeBase> {
    let parts = match grid {
        Grid::Divide(parts) => parts,
        Grid::Rate(_) => NonZeroU32::MIN,
    };
    // Source times are whole ticks or lie on the nominal grid; both are stretched and divided.
    let fine = u64::from(parts.get()) * u64::from(stretch.parts().1);
    let mut den = u64::from(source.den()) * fine;
    if let Some(rate) = nominal {
        // Twice as fine: the grid's phase may be found to lie between ticks (see `ifr_timeline::Cadence`).
        den = lcm(den, u64::from(rate.num()).checked_mul(2 * fine)?)?;
    }
    if let Grid::Rate(rate) = grid {
        den = lcm(den, rate.num().into())?;
    }
    TimeBase::new(1, i64::try_from(den).ok()?).ok()
}

fn lcm(a: u64, b: u64) -> Option<u64> {
    (a / a.gcd(&b)).checked_mul(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_output_time_is_a_tick() {
        let film = Rate::new(24000, 1001).unwrap();
        let two = Grid::Divide(NonZeroU32::new(2).unwrap());
        let base = output(TimeBase::MILLIS, Some(film), two, Stretch::NONE).unwrap();
        for i in 0..100 {
            assert!(base.holds(film.time_of(i).scaled(1, 2)));
        }
        let sixty = Grid::Rate(Rate::new(60, 1).unwrap());
        let base = output(TimeBase::new(1, 24000).unwrap(), None, sixty, "5/2".parse().unwrap()).unwrap();
        assert!(base.holds(ifr_frame::Time::new(7, 60)));
        let huge = TimeBase::new(1, i64::from(i32::MAX)).unwrap();
        assert_eq!(output(huge, None, two, Stretch::NONE), None);
    }
}
