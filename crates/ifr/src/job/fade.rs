//! Cross-fades between shots.

use ifr_frame::{Frame, Samples};

/// A share 1 − `t` of `first` and `t` of `second`, sample by sample, in their own format (alpha included); `None` where
/// their sizes or formats differ. `t` in 0..=1, exact to a 65,536th; halves are rounded up.
pub(super) fn cross_fade(first: &Frame, second: &Frame, t: f32) -> Option<Frame> {
    if !first.is_like(second) {
        return None;
    }
    let share = (f64::from(t.clamp(0.0, 1.0)) * 65_536.0).round() as u64;
    let mix = |a: u64, b: u64| (a * (65_536 - share) + b * share + 32_768) >> 16;
    let planes = first.planes().iter().zip(second.planes()).map(|(p, q)| match (&p.samples, &q.samples) {
        (Samples::U8(a), Samples::U8(b)) => {
            let mixed = a.iter().zip(b).map(|(&a, &b)| mix(a.into(), b.into()) as u8);
            Some(Samples::U8(mixed.collect()))
        }
        (Samples::U16(a), Samples::U16(b)) => {
            let mixed = a.iter().zip(b).map(|(&a, &b)| mix(a.into(), b.into()) as u16);
            Some(Samples::U16(mixed.collect()))
        }
        _ => None,
    });
    let planes = planes.collect::<Option<Vec<_>>>()?;
    Frame::new(first.format(), first.width(), first.height(), planes, first.color()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifr_frame::{ColorDescription, PixelFormat, Subsampling};

    fn flat(depth: u8, code: u16) -> Frame {
        let plane = |n: usize| match depth {
            8 => Samples::U8(vec![code as u8; n]),
            _ => Samples::U16(vec![code; n]),
        };
        let format = PixelFormat::yuv(Subsampling::S420, depth);
        let planes = vec![plane(64), plane(16), plane(16)];
        Frame::new(format, 8, 8, planes, ColorDescription::default()).unwrap()
    }

    #[test]
    fn shares_of_both_at_any_depth() {
        for (depth, from, to, mean, quarter) in
            [(8, 0, 255, 128, 64), (10, 64, 940, 502, 283), (16, 0, 65_535, 32_768, 16_384)]
        {
            let (a, b) = (flat(depth, from), flat(depth, to));
            assert_eq!(cross_fade(&a, &b, 0.5).unwrap(), flat(depth, mean));
            assert_eq!(cross_fade(&a, &b, 0.25).unwrap(), flat(depth, quarter));
            assert_eq!(cross_fade(&a, &b, 0.0).unwrap(), a);
            assert_eq!(cross_fade(&a, &b, 1.0).unwrap(), b);
        }
        assert!(cross_fade(&flat(8, 0), &flat(10, 0), 0.5).is_none());
    }
}
