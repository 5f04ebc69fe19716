use std::time::Instant;

use ifr_frame::{Interpolate, InterpolateError, Mirror, RgbImage};

use crate::sets::fine;
use crate::{Case, EvalError, Method, Take};

/// Anything that interpolates, as a [`Method`].
pub struct Interpolated {
    name: String,
    engine: Box<dyn Interpolate>,
    averaged: bool,
}

impl std::fmt::Debug for Interpolated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interpolated").field("name", &self.name).field("averaged", &self.averaged).finish()
    }
}

impl Interpolated {
    /// An interpolator under its own name.
    pub fn new(engine: impl Interpolate + 'static) -> Self {
        let name = engine.name().to_owned();
        Self { name, engine: Box::new(engine), averaged: false }
    }

    /// The same under another name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The same with test-time augmentation: the mean over four mirrorings, each forwards and backwards in time. Eight times
    /// the work.
    #[must_use]
    pub fn averaged(self) -> Self {
        Self { name: format!("{} (tta)", self.name), averaged: true, ..self }
    }

    fn plain(
        &mut self,
        case: &Case,
        taken: &mut dyn FnMut(usize, Take) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let failed = failed(&self.name, case);
        let start = Instant::now();
        let mut pair = self.engine.pair(&case.inputs[0], &case.inputs[1]).map_err(&failed)?;
        let share = start.elapsed().as_secs_f64() / case.truths.len().max(1) as f64;
        for (i, truth) in case.truths.iter().enumerate() {
            let start = Instant::now();
            let frame = pair.at(truth.t).map_err(&failed)?;
            let seconds = share + start.elapsed().as_secs_f64();
            taken(i, Take { image: frame.to_rgb(), seconds: Some(seconds) })?;
        }
        Ok(())
    }

    fn mean(
        &mut self,
        case: &Case,
        taken: &mut dyn FnMut(usize, Take) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        let failed = failed(&self.name, case);
        let start = Instant::now();
        let images = case.inputs.each_ref().map(|frame| frame.to_rgb());
        let (w, h) = (images[0].width(), images[0].height());
        let mut sums: Vec<RgbImage> =
            case.truths.iter().map(|_| RgbImage::black(w, h)).collect::<Result<_, _>>()?;
        let parts = 2.0 * Mirror::ALL.len() as f32;
        for mirror in Mirror::ALL {
            let mut frames = Vec::with_capacity(2);
            for image in &images {
                let mut image = image.clone();
                mirror.turn(&mut image);
                frames.push(fine(&image)?);
            }
            for backwards in [false, true] {
                let (a, b) = if backwards { (1, 0) } else { (0, 1) };
                let mut pair = self.engine.pair(&frames[a], &frames[b]).map_err(&failed)?;
                for (truth, sum) in case.truths.iter().zip(&mut sums) {
                    let t = if backwards { 1.0 - truth.t } else { truth.t };
                    let mut image = pair.at(t).map_err(&failed)?.to_rgb();
                    mirror.turn(&mut image);
                    for (s, v) in sum.data_mut().iter_mut().zip(image.data()) {
                        *s += v / parts;
                    }
                }
            }
        }
        let seconds = start.elapsed().as_secs_f64() / case.truths.len().max(1) as f64;
        for (i, image) in sums.into_iter().enumerate() {
            taken(i, Take { image, seconds: Some(seconds) })?;
        }
        Ok(())
    }
}

fn failed(method: &str, case: &Case) -> impl Fn(InterpolateError) -> EvalError + use<> {
    let (method, case) = (method.to_owned(), case.name.clone());
    move |source| EvalError::Method { method: method.clone(), case: case.clone(), source }
}

impl Method for Interpolated {
    fn name(&self) -> &str {
        &self.name
    }

    fn make(
        &mut self,
        case: &Case,
        taken: &mut dyn FnMut(usize, Take) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        if self.averaged { self.mean(case, taken) } else { self.plain(case, taken) }
    }
}
