use std::sync::Arc;

use crate::{
    ColorDescription, Frame, FrameError, Interpolate, InterpolateError, Mirror, Pair, PixelFormat, RgbImage,
};

/// A pair whose in-between frames are means: over four mirrorings of the two frames, each forwards and backwards in time
/// (test-time augmentation). What a method does differently left and right, up and down, or towards the past and the future
/// evens out; what it is sure of stays.
///
/// Each frame takes eight times the work, and frames between one pair share nothing. The method sees 16-bit RGB: values beyond
/// black and white are clamped.
pub struct Averaged<'a> {
    engine: &'a mut dyn Interpolate,
    images: [RgbImage; 2],
    format: PixelFormat,
    color: ColorDescription,
}

impl std::fmt::Debug for Averaged<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.engine.name();
        f.debug_struct("Averaged")
            .field("engine", &name)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl<'a> Averaged<'a> {
    /// How often the method runs for each frame.
    pub const RUNS: u32 = 2 * Mirror::ALL.len() as u32;

    /// The pair of `first` (t = 0) and `second` (t = 1).
    ///
    /// # Errors
    /// [`InterpolateError::Mismatch`] when the frames differ in size, format or colour description.
    pub fn new(
        engine: &'a mut dyn Interpolate,
        first: &Frame,
        second: &Frame,
    ) -> Result<Self, InterpolateError> {
        InterpolateError::check_pair(first, second)?;
        let images = [first.to_rgb(), second.to_rgb()];
        Ok(Self { engine, images, format: first.format(), color: first.color() })
    }
}

impl Pair for Averaged<'_> {
    fn at(&mut self, t: f32) -> Result<Frame, InterpolateError> {
        InterpolateError::check_timestep(t)?;
        let failed = |e: FrameError| InterpolateError::Engine(Box::new(e));
        let [first, second] = &self.images;
        let mut sum = RgbImage::black(first.width(), first.height()).map_err(failed)?;
        for mirror in Mirror::ALL {
            let turned = |image: &RgbImage| {
                let mut image = image.clone();
                mirror.turn(&mut image);
                image.to_frame(PixelFormat::RGB16, ColorDescription::SRGB).map(Arc::new).map_err(failed)
            };
            let (first, second) = (turned(first)?, turned(second)?);
            for (a, b, t) in [(&first, &second, t), (&second, &first, 1.0 - t)] {
                let mut made = self.engine.pair(a, b)?.at(t)?.to_rgb();
                mirror.turn(&mut made);
                for (s, v) in sum.data_mut().iter_mut().zip(made.data()) {
                    *s += v / Self::RUNS as f32;
                }
            }
        }
        sum.to_frame(self.format, self.color).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes the first frame shifted right, and darker with time: nothing about it is even.
    struct Lopsided(u32);

    struct Prepared<'a>(&'a mut u32, RgbImage);

    impl Interpolate for Lopsided {
        fn name(&self) -> &str {
            "lopsided"
        }

        fn pair<'a>(
            &'a mut self,
            first: &Arc<Frame>,
            _second: &Arc<Frame>,
        ) -> Result<Box<dyn Pair + 'a>, InterpolateError> {
            Ok(Box::new(Prepared(&mut self.0, first.to_rgb())))
        }
    }

    impl Pair for Prepared<'_> {
        fn at(&mut self, t: f32) -> Result<Frame, InterpolateError> {
            *self.0 += 1;
            let mut image = self.1.clone();
            let width = image.width();
            for plane in image.channels_mut() {
                for row in plane.chunks_exact_mut(width) {
                    row.rotate_right(1);
                    row.iter_mut().for_each(|v| *v *= 1.0 - t);
                }
            }
            image
                .to_frame(PixelFormat::RGB16, ColorDescription::SRGB)
                .map_err(|e| InterpolateError::Engine(Box::new(e)))
        }
    }

    fn frame(value: f32, at: usize) -> Frame {
        let mut image = RgbImage::black(5, 3).unwrap();
        for plane in image.channels_mut() {
            plane[5 + at] = value;
        }
        image.to_frame(PixelFormat::RGB16, ColorDescription::SRGB).unwrap()
    }

    #[test]
    fn what_is_lopsided_evens_out() {
        let mut engine = Lopsided(0);
        let (first, second) = (frame(1.0, 2), frame(0.5, 2));
        let made = Averaged::new(&mut engine, &first, &second).unwrap().at(0.25).unwrap().to_rgb();
        assert_eq!(engine.0, Averaged::RUNS);
        // Half of the runs begin at either frame, half of each shift to either side.
        let expected = 0.5 * (0.5 * 0.75 + 0.5 * (0.5 * 0.25));
        let row = &made.channel(1)[5..10];
        for (x, &v) in row.iter().enumerate() {
            let wanted = if x == 1 || x == 3 { expected } else { 0.0 };
            assert!((v - wanted).abs() < 1e-4, "{row:?}, {wanted} at {x}");
        }
        assert!(made.channel(1)[..5].iter().chain(&made.channel(1)[10..]).all(|&v| v == 0.0));
    }

    #[test]
    fn pairs_and_instants_are_checked() {
        let mut engine = Lopsided(0);
        let other = Frame::black(PixelFormat::GRAY8, 5, 3, ColorDescription::SRGB).unwrap();
        assert!(Averaged::new(&mut engine, &frame(1.0, 0), &other).is_err());
        let mut pair = Averaged::new(&mut engine, &other, &other).unwrap();
        assert!(matches!(pair.at(1.0), Err(InterpolateError::Timestep(_))));
        let made = pair.at(0.5).unwrap();
        assert_eq!((made.format(), made.color()), (other.format(), other.color()));
    }
}
