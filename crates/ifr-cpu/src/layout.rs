//! How maps lie in memory.

/// Floats of the widest vector; planes are aligned to, and padded by, this many.
pub(crate) const LANES: usize = 16;

/// One plane (channel) of a map: `height` rows of `width` values with zeros around them.
///
/// Rows follow each other with `pad` zeros between them, which serve as the right border of one row and as the left
/// border of the next, and there are `pad` zero rows before and after. So the value a tap away from position `p` is at
/// `p + dy·stride + dx` for *every* tap of a convolution that reaches at most `pad` far, and a kernel can treat the
/// plane as one long row: narrow maps fill vectors as well as wide ones.
///
/// ```text
/// 0 0 0 0 …            front: at least pad·stride + pad zeros, a multiple of 16
/// a b c 0              body: height·stride values, rounded up to a multiple of 16
/// d e f 0
/// 0 0 0 0 …            as long as the front
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Layout {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pad: usize,
}

impl Layout {
    pub(crate) fn new(width: usize, height: usize, pad: usize) -> Self {
        Self { width, height, pad }
    }

    /// From one row to the next.
    pub(crate) fn stride(self) -> usize {
        self.width + self.pad
    }

    /// From the start of a plane to the first value of its first row.
    pub(crate) fn front(self) -> usize {
        (self.pad * self.stride() + self.pad).next_multiple_of(LANES)
    }

    /// The rows with the zeros between them, in whole vectors.
    pub(crate) fn body(self) -> usize {
        (self.height * self.stride()).next_multiple_of(LANES)
    }

    /// Vectors of the body.
    pub(crate) fn vectors(self) -> usize {
        self.body() / LANES
    }

    /// Length of a plane.
    pub(crate) fn plane(self) -> usize {
        2 * self.front() + self.body()
    }

    /// How far a tap is from the position it serves.
    pub(crate) fn offset(self, dy: isize, dx: isize) -> isize {
        dy * self.stride() as isize + dx
    }

    /// For every vector of the body, which of its lanes are values (bit set) rather than border.
    pub(crate) fn masks(self) -> Vec<u16> {
        let (stride, end) = (self.stride(), self.height * self.stride());
        let lane = |p: usize| u16::from(p < end && p % stride < self.width);
        (0..self.vectors()).map(|v| (0..LANES).fold(0, |m, i| m | (lane(v * LANES + i) << i))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_mark_values() {
        let layout = Layout::new(5, 3, 1);
        assert_eq!(layout.stride(), 6);
        assert_eq!(layout.masks(), [0b1111_0111_1101_1111, 0b01]);
        assert_eq!(layout.plane(), 16 + 32 + 16);
    }
}
