use ifr_frame::RgbImage;

use crate::texture::{Texture, places, sample};

/// A textured disc that crosses a textured ground: the simplest occlusion. All in pixels from the picture's centre.
#[derive(Clone, Debug)]
pub struct DiscScene {
    radius: f64,
    /// Velocity of the disc, whose centre passes the picture's centre at time 0.
    velocity: [f64; 2],
    /// Velocity of the ground.
    ground: [f64; 2],
    textures: [Texture; 2],
}

impl DiscScene {
    /// A disc of `radius` pixels that moves by `velocity` over a ground that moves by `ground`, both in pixels a
    /// second. At time 0 it lies at the picture's centre.
    pub fn new(radius: f64, velocity: [f64; 2], ground: [f64; 2], seed: u32) -> Self {
        Self { radius, velocity, ground, textures: [Texture::new(seed), Texture::new(seed ^ 0x5EED)] }
    }

    /// The picture at `t` seconds, in \[0, 1\]; the disc's edge is antialiased.
    ///
    /// # Panics
    /// When the size is one that [`RgbImage`] refuses.
    pub fn render(&self, t: f64, width: usize, height: usize) -> RgbImage {
        sample(width, height, |p| {
            let cover = (self.radius - self.distance(p, t) + 0.5).clamp(0.0, 1.0) as f32;
            let [ground, disc] = [self.ground, self.velocity].map(|v| [p[0] - v[0] * t, p[1] - v[1] * t]);
            let (a, b) = (self.textures[0].at(ground), self.textures[1].at(disc));
            // The disc is warmer and lighter, so that its edge is one.
            let b = [b[0] * 0.7 + 0.3, b[1] * 0.8 + 0.12, b[2] * 0.6];
            [0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * cover)
        })
    }

    /// The way from `t0` to `t1` of what is seen at each pixel at `t0`: (x, y) in pixels, row by row.
    pub fn flow(&self, t0: f64, t1: f64, width: usize, height: usize) -> Vec<[f32; 2]> {
        let way = |v: [f64; 2]| [(v[0] * (t1 - t0)) as f32, (v[1] * (t1 - t0)) as f32];
        places(width, height)
            .map(|p| if self.distance(p, t0) < self.radius { way(self.velocity) } else { way(self.ground) })
            .collect()
    }

    /// For each pixel at `t0`, whether what is seen there is still seen at `t1`: not behind the disc, nor outside
    /// the picture.
    pub fn visible(&self, t0: f64, t1: f64, width: usize, height: usize) -> Vec<bool> {
        let (right, bottom) = (width as f64 * 0.5, height as f64 * 0.5);
        places(width, height)
            .zip(self.flow(t0, t1, width, height))
            .map(|(p, f)| {
                let q = [p[0] + f64::from(f[0]), p[1] + f64::from(f[1])];
                let inside = q[0].abs() < right && q[1].abs() < bottom;
                inside && (self.distance(p, t0) < self.radius || self.distance(q, t1) >= self.radius)
            })
            .collect()
    }

    fn distance(&self, p: [f64; 2], t: f64) -> f64 {
        (p[0] - self.velocity[0] * t).hypot(p[1] - self.velocity[1] * t)
    }
}
