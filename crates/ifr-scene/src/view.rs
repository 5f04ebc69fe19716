use crate::shape::Point;

/// The width of the stage on which scenes are laid out, in stage units.
pub(crate) const STAGE_WIDTH: f32 = 640.0;
/// The height of the stage.
pub(crate) const STAGE_HEIGHT: f32 = 360.0;

/// From a layer's coordinates to pixels: a uniform scale and a shift.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct View {
    pub(crate) scale: f32,
    shift: Point,
}

impl View {
    /// The stage as large as covers the picture, centred.
    pub(crate) fn cover(width: usize, height: usize) -> Self {
        let (w, h) = (width as f32, height as f32);
        Self::centred((w / STAGE_WIDTH).max(h / STAGE_HEIGHT), w, h)
    }

    /// The stage as large as fits into the picture, at its top left.
    pub(crate) fn contain(width: usize, height: usize) -> Self {
        let scale = (width as f32 / STAGE_WIDTH).min(height as f32 / STAGE_HEIGHT);
        Self { scale, shift: [0.0, 0.0] }
    }

    fn centred(scale: f32, w: f32, h: f32) -> Self {
        Self { scale, shift: [(w - STAGE_WIDTH * scale) * 0.5, (h - STAGE_HEIGHT * scale) * 0.5] }
    }

    /// This view of a layer moved by `by` stage units.
    pub(crate) fn moved(self, by: Point) -> Self {
        Self { scale: self.scale, shift: self.apply(by) }
    }

    /// This view of a layer magnified about `centre`.
    pub(crate) fn zoomed(self, factor: f32, centre: Point) -> Self {
        let scale = self.scale * factor;
        let at = self.apply(centre);
        Self { scale, shift: [at[0] - centre[0] * scale, at[1] - centre[1] * scale] }
    }

    /// A point's place in pixels; pixel (i, j) covers \[i, i + 1\] × \[j, j + 1\].
    pub(crate) fn apply(self, p: Point) -> Point {
        [p[0] * self.scale + self.shift[0], p[1] * self.scale + self.shift[1]]
    }

    /// The layer's coordinates of a place in pixels.
    pub(crate) fn invert(self, p: Point) -> Point {
        [(p[0] - self.shift[0]) / self.scale, (p[1] - self.shift[1]) / self.scale]
    }
}
