//! Damage by a fixed rule.

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): the same numbers from the same seed on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, or 0 where that is 0.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// Bytes at either end of a file where headers and indices usually lie.
const EDGE: usize = 768;

/// A damaged copy of a file, and what was done to it. The same for the same seed.
pub(crate) fn damage(whole: &[u8], seed: u64) -> (Vec<u8>, String) {
    let mut bytes = whole.to_vec();
    let mut numbers = Numbers(seed);
    let len = bytes.len();
    let edge = EDGE.min(len);
    let mut flip = |numbers: &mut Numbers, start: usize, size: usize| {
        let at = start + numbers.below(size);
        bytes[at] ^= 1 << numbers.below(8);
    };
    let how = match numbers.below(9) {
        0 => {
            flip(&mut numbers, 0, edge);
            "a bit at the front"
        }
        1 => {
            (0..12).for_each(|_| flip(&mut numbers, 0, edge));
            "twelve bits at the front"
        }
        2 => {
            (0..12).for_each(|_| flip(&mut numbers, len - edge, edge));
            "twelve bits at the end"
        }
        3 => {
            (0..3).for_each(|_| flip(&mut numbers, 0, len));
            "three bits anywhere"
        }
        4 => {
            (0..len / 300).for_each(|_| flip(&mut numbers, 0, len));
            "a bit in 300 bytes"
        }
        5 => {
            bytes.truncate(numbers.below(len));
            "cut short"
        }
        6 => {
            let (start, size) = (numbers.below(len), 1 + numbers.below(len / 8));
            bytes.drain(start..(start + size).min(len));
            "a piece lost"
        }
        7 => {
            let (start, value) = (numbers.below(edge), [0, 0x7F, 0xFF][numbers.below(3)]);
            let end = (start + 8).min(len);
            bytes[start..end].fill(value);
            "eight bytes overwritten at the front"
        }
        _ => {
            let (start, size) = (numbers.below(len), 1 + numbers.below(len / 8));
            let piece = bytes[start..(start + size).min(len)].to_vec();
            let at = numbers.below(len);
            bytes.splice(at..at, piece);
            "a piece repeated elsewhere"
        }
    };
    (bytes, format!("{how} (seed {seed})"))
}
