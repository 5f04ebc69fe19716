use std::sync::{Arc, OnceLock};

use ifr_frame::{Cover, Covered, Frame, FrameError, Samples, SamplesMut};

use super::OverlayMask;

/// Difference between the two frames, in 8-bit codes, up to which a pixel is kept, and from which it is not.
const ALIKE: [f32; 2] = [8.0, 24.0];

/// A source frame, and what stands still on it.
#[derive(Debug, Clone)]
pub struct Overlaid {
    frame: Arc<Frame>,
    mask: Option<Arc<OverlayMask>>,
    /// The frame without its overlays, once somebody has asked.
    clean: OnceLock<Arc<Frame>>,
}

impl Overlaid {
    /// A frame with the mask of its overlays, if it has any.
    pub fn new(frame: Arc<Frame>, mask: Option<Arc<OverlayMask>>) -> Self {
        Self { frame, mask, clean: OnceLock::new() }
    }

    /// The frame as it was decoded.
    pub fn frame(&self) -> &Arc<Frame> {
        &self.frame
    }

    /// Where it shows an overlay; `None`: nowhere.
    pub fn mask(&self) -> Option<&OverlayMask> {
        self.mask.as_deref()
    }

    /// The frame in which motion is to be looked for: itself, or what is left of it without its overlays. Always the same
    /// [`Arc`], so that pairs with a common frame share its analysis.
    ///
    /// # Errors
    /// [`FrameError`] as for [`OverlayMask::clean`].
    pub fn clean(&self) -> Result<&Arc<Frame>, FrameError> {
        if let Some(clean) = self.clean.get() {
            return Ok(clean);
        }
        let clean = match self.mask().filter(|mask| mask.is_filled()) {
            Some(mask) => Arc::new(mask.clean(&self.frame)?),
            None => Arc::clone(&self.frame),
        };
        Ok(self.clean.get_or_init(|| clean))
    }

    /// The [clean](Self::clean) frame, with what of it is made up.
    ///
    /// # Errors
    /// [`FrameError`] as for [`OverlayMask::clean`].
    pub fn covered(&self) -> Result<Covered<'_>, FrameError> {
        let cover = self.mask().filter(|mask| mask.is_filled()).map(|mask| mask as &dyn Cover);
        Ok(Covered { frame: self.clean()?, cover })
    }

    /// What was `made` at `t` between the [clean](Self::clean) frames of `first` and `second`, with their overlays. Where a
    /// mask says so, a pixel becomes the mean of both frames, weighted by `t`, as far as they agree; where they do not
    /// (soft edges, half-transparent boxes), what was taken out of them is put back.
    ///
    /// # Errors
    /// [`FrameError`] as for [`OverlayMask::clean`].
    pub fn keep(mut made: Frame, first: &Self, second: &Self, t: f32) -> Result<Frame, FrameError> {
        let masks = [first.mask(), second.mask()];
        if masks == [None, None] {
            return Ok(made);
        }
        let format = made.format();
        let [clean, other] = [first.clean()?, second.clean()?];
        for i in 0..format.planes() {
            let (x, y) = format.log2_step(i);
            let unit = f32::from(1_u16 << (format.depth - 8));
            let most = f32::from(format.max_code());
            let blend = Blend { masks, step: (1 << x, 1 << y), t, unit, most };
            let [a, b, c, d] = [&first.frame, &second.frame, clean, other].map(|f| &f.planes()[i].samples);
            let width = made.planes()[i].width;
            blend.plane(made.samples_mut(i), width, [a, b], [c, d]);
        }
        Ok(made)
    }
}

/// How planes are put together.
struct Blend<'a> {
    masks: [Option<&'a OverlayMask>; 2],
    /// Luma columns and rows for which a sample stands.
    step: (usize, usize),
    t: f32,
    /// An 8-bit code in codes of the plane.
    unit: f32,
    /// The largest code.
    most: f32,
}

impl Blend<'_> {
    fn plane(&self, made: SamplesMut<'_>, width: usize, sources: [&Samples; 2], clean: [&Samples; 2]) {
        match (made, sources, clean) {
            (SamplesMut::U8(m), [Samples::U8(a), Samples::U8(b)], [Samples::U8(c), Samples::U8(d)]) => {
                self.apply(m, [a, b], [c, d], width, |v| v as u8);
            }
            (SamplesMut::U16(m), [Samples::U16(a), Samples::U16(b)], [Samples::U16(c), Samples::U16(d)]) => {
                self.apply(m, [a, b], [c, d], width, |v| v as u16);
            }
            _ => {}
        }
    }

    fn apply<C: Copy + Into<f32>>(
        &self,
        made: &mut [C],
        sources: [&[C]; 2],
        clean: [&[C]; 2],
        width: usize,
        to: impl Fn(f32) -> C,
    ) {
        let mut weights = [(); 2].map(|()| vec![0.0_f32; width]);
        let slope = 1.0 / (self.unit * (ALIKE[1] - ALIKE[0]));
        for (y, made) in made.chunks_exact_mut(width).enumerate() {
            let mut columns = width..0;
            for (mask, weights) in self.masks.iter().zip(&mut weights) {
                let Some(mask) = mask else { continue };
                let span = mask.kept_row(self.step, y, weights);
                if !span.is_empty() {
                    columns = columns.start.min(span.start)..columns.end.max(span.end);
                }
            }
            if columns.is_empty() {
                continue;
            }
            let row = |plane: &'_ [C], x: usize| -> f32 { plane[y * width + x].into() };
            for x in columns.clone() {
                let weight = weights[0][x].max(weights[1][x]);
                if weight == 0.0 {
                    continue;
                }
                let old: f32 = made[x].into();
                let [a, b] = sources.map(|p| row(p, x));
                let [c, d] = clean.map(|p| row(p, x));
                let alike = ((self.unit * ALIKE[1] - (a - b).abs()) * slope).clamp(0.0, 1.0);
                let kept = a + self.t * (b - a);
                let back = old + (1.0 - self.t) * (a - c) + self.t * (b - d);
                let value = back + weight * alike * (kept - back);
                made[x] = to(value.round().clamp(0.0, self.most));
            }
            weights.iter_mut().for_each(|w| w[columns.clone()].fill(0.0));
        }
    }
}
