//! Decoding times over all segments.

use super::format::PacketTimes;

/// The decoding time of every packet of segments that follow each other, as one encoder would have given them: the
/// i-th is the (i − d)-th smallest of all presentation times, d being the largest delay of any segment. The first d
/// lie before all others, as far apart as the first frames. `Err`: the number of the packet before which time does
/// not go forward.
pub(super) fn decoding_times(segments: &[&[PacketTimes]]) -> Result<Vec<i64>, usize> {
    let mut sorted: Vec<i64> = Vec::new();
    let mut delay = 0;
    for packets in segments {
        let begin = sorted.len();
        sorted.extend(packets.iter().map(|p| p.pts));
        sorted[begin..].sort_unstable();
        delay = delay.max(delay_of(packets, &sorted[begin..]));
    }
    if let Some(at) = sorted.windows(2).position(|w| w[0] >= w[1]) {
        return Err(at + 1);
    }
    let delay = delay.min(sorted.len().saturating_sub(1));
    let shift = if delay > 0 { sorted[delay] - sorted[0] } else { 0 };
    let at = |i: usize| match i.checked_sub(delay) {
        Some(before) => sorted[before],
        None => sorted[i].saturating_sub(shift),
    };
    Ok((0..sorted.len()).map(at).collect())
}

/// How many packets decoding is ahead of presentation: as many as the encoder says, at least as many as the order needs.
fn delay_of(packets: &[PacketTimes], sorted: &[i64]) -> usize {
    let Some(&first) = sorted.first() else { return 0 };
    let said = packets.iter().take_while(|p| p.dts.is_some_and(|dts| dts < first)).count();
    let rank = |pts: i64| sorted.partition_point(|&s| s < pts);
    let needed = packets.iter().enumerate().map(|(i, p)| i.saturating_sub(rank(p.pts))).max().unwrap_or(0);
    // All of them lying before: then their number says nothing.
    if said < packets.len() { said.max(needed) } else { needed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(times: &[(i64, i64)]) -> Vec<PacketTimes> {
        times.iter().map(|&(pts, dts)| PacketTimes { pts, dts: Some(dts) }).collect()
    }

    #[test]
    fn segments_are_decoded_as_one() {
        // I P B B, twice; the encoder is two ahead.
        let first = packets(&[(0, -20), (30, -10), (10, 0), (20, 10)]);
        let second = packets(&[(40, 20), (70, 30), (50, 40), (60, 50)]);
        let times = decoding_times(&[&first, &second]).unwrap();
        assert_eq!(times, [-20, -10, 0, 10, 20, 30, 40, 50]);
        // A segment that needs no reordering does not change that, nor does one whose frames are all ahead.
        let third = packets(&[(80, 60)]);
        assert_eq!(decoding_times(&[&first, &second, &third]).unwrap()[8], 60);
        assert_eq!(decoding_times(&[&third]).unwrap(), [80]);
    }

    #[test]
    fn times_without_reordering_stay() {
        let plain = packets(&[(5, 5), (7, 7), (100, 100)]);
        assert_eq!(decoding_times(&[&plain]).unwrap(), [5, 7, 100]);
        let unknown: Vec<_> = plain.iter().map(|p| PacketTimes { pts: p.pts, dts: None }).collect();
        assert_eq!(decoding_times(&[&unknown]).unwrap(), [5, 7, 100]);
        assert_eq!(decoding_times(&[]).unwrap(), []);
    }

    #[test]
    fn decoding_never_lies_behind_presentation() {
        // Uneven steps, delays of 0 to 3, segments of 1 to 9 frames.
        let mut state = 1_u64;
        let mut random = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % n
        };
        for _ in 0..200 {
            let mut time = 0;
            let mut segments = Vec::new();
            for _ in 0..1 + random(4) {
                let mut shown: Vec<i64> = (0..1 + random(9))
                    .map(|_| {
                        time += 1 + random(50) as i64;
                        time
                    })
                    .collect();
                let mut order = Vec::new();
                while !shown.is_empty() {
                    order.push(shown.remove(random(4.min(shown.len() as u64)) as usize));
                }
                segments.push(order.iter().map(|&pts| PacketTimes { pts, dts: None }).collect::<Vec<_>>());
            }
            let slices: Vec<_> = segments.iter().map(Vec::as_slice).collect();
            let times = decoding_times(&slices).unwrap();
            assert!(times.windows(2).all(|w| w[0] < w[1]), "{times:?}");
            assert!(times.iter().zip(slices.concat()).all(|(&dts, p)| dts <= p.pts), "{times:?}");
        }
    }

    #[test]
    fn segments_that_overlap_are_told() {
        let one = packets(&[(0, 0), (10, 10)]);
        // The first packet of the second segment.
        assert_eq!(decoding_times(&[&one, &one]), Err(2));
    }
}
