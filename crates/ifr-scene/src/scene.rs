use ifr_frame::{RgbImage, Time};

use crate::canvas::{Canvas, image};
use crate::{caption, clockwork, harbour};

/// A film of procedural shots, each of which can be rendered at any instant and size.
#[derive(Clone, Debug)]
pub struct Scene {
    shots: Vec<Shot>,
    exposure: f64,
}

/// One shot: what it shows and for how long.
#[derive(Clone, Debug)]
struct Shot {
    length: Time,
    paint: fn(&mut Canvas, f32),
}

/// Instants averaged for motion blur.
const EXPOSURES: u32 = 12;

impl Scene {
    /// The demo: 4 s of a harbour at dusk, cut to 3.5 s of the works of a clock.
    pub fn demo() -> Self {
        let shots = vec![
            Shot { length: Time::new(4, 1), paint: harbour::paint },
            Shot { length: Time::new(7, 2), paint: clockwork::paint },
        ];
        Self { shots, exposure: 0.0 }
    }

    /// The same film with motion blur: each frame averages its objects over `seconds` around its instant, within
    /// the shot. Zero (the default) is a sharp picture of the instant.
    #[must_use]
    pub fn with_exposure(mut self, seconds: f64) -> Self {
        self.exposure = seconds.max(0.0);
        self
    }

    /// How long the film is.
    pub fn duration(&self) -> Time {
        self.shots.iter().fold(Time::ZERO, |sum, shot| sum + shot.length)
    }

    /// The instants at which a new shot begins, without the first one's zero. A frame at such an instant shows the
    /// new shot.
    pub fn cuts(&self) -> Vec<Time> {
        let mut start = Time::ZERO;
        let ends = self.shots.iter().map(|shot| {
            start = start + shot.length;
            start
        });
        let mut cuts: Vec<Time> = ends.collect();
        cuts.pop();
        cuts
    }

    /// The picture at an exact instant: as [`render`](Self::render).
    ///
    /// # Panics
    /// As [`render`](Self::render).
    pub fn render_at(&self, time: Time, width: usize, height: usize) -> RgbImage {
        self.render(time.as_secs_f64(), width, height)
    }

    /// The picture at `seconds`, in R'G'B' within \[0, 1\]. Instants outside the film show its first or last shot
    /// going on. The stage is 16:9; other shapes see its middle.
    ///
    /// # Panics
    /// When the size is one that [`RgbImage`] refuses: zero, or beyond its limits.
    pub fn render(&self, seconds: f64, width: usize, height: usize) -> RgbImage {
        let (shot, local) = self.find(seconds);
        if self.exposure == 0.0 {
            let mut canvas = Canvas::new(width, height);
            (shot.paint)(&mut canvas, local as f32);
            caption::paint(&mut canvas);
            return canvas.into_image();
        }
        let end = shot.length.as_secs_f64();
        let mut sum = vec![0.0f32; 3 * width * height];
        for i in 0..EXPOSURES {
            let shift = (f64::from(i) + 0.5) / f64::from(EXPOSURES) - 0.5;
            let mut canvas = Canvas::new(width, height);
            (shot.paint)(&mut canvas, (local + shift * self.exposure).clamp(0.0, end) as f32);
            caption::paint(&mut canvas);
            for (sum, value) in sum.iter_mut().zip(canvas.into_planes()) {
                *sum += value / EXPOSURES as f32;
            }
        }
        image(width, height, sum)
    }

    /// The coverage (0 to 1, row by row) of the caption that stands still throughout.
    pub fn caption_mask(&self, width: usize, height: usize) -> Vec<f32> {
        caption::mask(width, height)
    }

    /// The shot that shows at `seconds`, and the time since it began.
    fn find(&self, seconds: f64) -> (&Shot, f64) {
        let mut start = 0.0;
        let last = self.shots.len() - 1;
        for shot in &self.shots[..last] {
            let end = start + shot.length.as_secs_f64();
            if seconds < end {
                return (shot, seconds - start);
            }
            start = end;
        }
        (&self.shots[last], seconds - start)
    }
}
