use std::sync::Arc;

use ifr_frame::{Frame, Interpolate, InterpolateError, Pair, Samples};

/// The weighted mean of the two frames: what any method has to beat.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blend;

impl Interpolate for Blend {
    fn name(&self) -> &str {
        "blend"
    }

    fn pair<'a>(
        &'a mut self,
        first: &Arc<Frame>,
        second: &Arc<Frame>,
    ) -> Result<Box<dyn Pair + 'a>, InterpolateError> {
        InterpolateError::check_pair(first, second)?;
        Ok(Box::new(Both([Arc::clone(first), Arc::clone(second)])))
    }
}

struct Both([Arc<Frame>; 2]);

impl Pair for Both {
    fn at(&mut self, t: f32) -> Result<Frame, InterpolateError> {
        InterpolateError::check_timestep(t)?;
        let mix = |a: f32, b: f32| (a + t * (b - a)).round();
        let planes = self.0[0].planes().iter().zip(self.0[1].planes()).map(|(a, b)| {
            match (&a.samples, &b.samples) {
                (Samples::U8(a), Samples::U8(b)) => {
                    Samples::U8(a.iter().zip(b).map(|(&a, &b)| mix(a.into(), b.into()) as u8).collect())
                }
                (Samples::U16(a), Samples::U16(b)) => {
                    Samples::U16(a.iter().zip(b).map(|(&a, &b)| mix(a.into(), b.into()) as u16).collect())
                }
                // Frames of one format have planes of one type.
                (a, _) => a.clone(),
            }
        });
        let like = &self.0[0];
        Frame::new(like.format(), like.width(), like.height(), planes.collect(), like.color())
            .map_err(|e| InterpolateError::Engine(Box::new(e)))
    }
}
