use std::sync::Arc;

use ifr_frame::{Frame, FrameError, Plane, Samples};

use super::OverlayMask;

/// Difference between the two frames, in 8-bit codes, up to which a pixel is kept, and from which it is not.
const ALIKE: [f32; 2] = [8.0, 24.0];

/// A source frame, and what stands still on it.
#[derive(Debug, Clone)]
pub struct Overlaid {
    /// The frame as it was decoded.
    pub frame: Arc<Frame>,
    /// Where it shows an overlay; `None`: nowhere.
    pub mask: Option<Arc<OverlayMask>>,
    /// The frame in which motion is to be looked for: `frame` itself, or what is left of it without its overlays.
    pub clean: Arc<Frame>,
}

impl Overlaid {
    /// A frame with its mask; takes the overlay out where that helps.
    ///
    /// # Errors
    /// [`FrameError`] as for [`OverlayMask::clean`].
    pub fn new(frame: Arc<Frame>, mask: Option<Arc<OverlayMask>>) -> Result<Self, FrameError> {
        let clean = match mask.as_ref().filter(|mask| mask.is_filled()) {
            Some(mask) => Arc::new(mask.clean(&frame)?),
            None => Arc::clone(&frame),
        };
        Ok(Self { frame, mask, clean })
    }

    /// What was made at `t` between the clean frames of `first` and `second`, with their overlays. Where a mask says so, a
    /// pixel becomes the mean of both frames, weighted by `t`, as far as they agree; where they do not (soft edges,
    /// half-transparent letters), what was taken out of them is put back.
    ///
    /// # Errors
    /// [`FrameError`] as for [`Frame::new`]; never for frames of one kind.
    pub fn keep(made: Frame, first: &Self, second: &Self, t: f32) -> Result<Frame, FrameError> {
        if first.mask.is_none() && second.mask.is_none() {
            return Ok(made);
        }
        let format = made.format();
        let planes = (0..format.planes()).map(|i| {
            let (x, y) = format.log2_step(i);
            let step = (1 << x, 1 << y);
            let unit = f32::from(1_u16 << (format.depth - 8));
            let masks = [first.mask.as_deref(), second.mask.as_deref()];
            let sources = [&first.frame.planes()[i], &second.frame.planes()[i]];
            let clean = [&first.clean.planes()[i], &second.clean.planes()[i]];
            keep(&made.planes()[i], sources, clean, &Blend { masks, step, t, unit })
        });
        let planes = planes.collect();
        Frame::new(format, made.width(), made.height(), planes, made.color())
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
}

fn keep(made: &Plane, sources: [&Plane; 2], clean: [&Plane; 2], blend: &Blend<'_>) -> Samples {
    let mut out = made.samples.clone();
    let [a, b] = sources.map(|p| &p.samples);
    let [c, d] = clean.map(|p| &p.samples);
    match (&mut out, a, b, c, d) {
        (Samples::U8(m), Samples::U8(a), Samples::U8(b), Samples::U8(c), Samples::U8(d)) => {
            blend.apply(m, [a, b], [c, d], made.width, |v| v.round() as u8);
        }
        (Samples::U16(m), Samples::U16(a), Samples::U16(b), Samples::U16(c), Samples::U16(d)) => {
            let most = 256.0 * blend.unit - 1.0;
            blend.apply(m, [a, b], [c, d], made.width, |v| v.round().min(most) as u16);
        }
        _ => {}
    }
    out
}

impl Blend<'_> {
    fn apply<C: Copy + Into<f32>>(
        &self,
        made: &mut [C],
        sources: [&[C]; 2],
        clean: [&[C]; 2],
        width: usize,
        to: impl Fn(f32) -> C,
    ) {
        let mut weights = [(); 2].map(|()| vec![0.0; width]);
        let slope = 1.0 / (self.unit * (ALIKE[1] - ALIKE[0]));
        for (y, made) in made.chunks_exact_mut(width).enumerate() {
            let mut any = false;
            for (mask, weights) in self.masks.iter().zip(&mut weights) {
                if mask.is_some_and(|mask| mask.row(self.step, y, weights)) {
                    any = true;
                } else {
                    weights.fill(0.0);
                }
            }
            if !any {
                continue;
            }
            let [a, b] = sources.map(|p| &p[y * width..(y + 1) * width]);
            let [c, d] = clean.map(|p| &p[y * width..(y + 1) * width]);
            for x in 0..width {
                let weight = weights[0][x].max(weights[1][x]);
                if weight == 0.0 {
                    continue;
                }
                let [old, a, b, c, d]: [f32; 5] = [made[x], a[x], b[x], c[x], d[x]].map(Into::into);
                let alike = ((self.unit * ALIKE[1] - (a - b).abs()) * slope).clamp(0.0, 1.0);
                let kept = a + self.t * (b - a);
                let taken = (1.0 - self.t) * (a - c) + self.t * (b - d);
                let back = old + taken;
                made[x] = to(back + weight * alike * (kept - back));
            }
        }
    }
}
