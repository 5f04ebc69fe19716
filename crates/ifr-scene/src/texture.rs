use std::f64::consts::TAU;

use ifr_frame::RgbImage;

use crate::Motion;
use crate::canvas::image;
use crate::noise::unit;

/// A texture without end, made of plane waves no shorter than 9 pixels, so that sampling and warping it is exact to
/// well below a grey level.
#[derive(Clone, Debug)]
pub(crate) struct Texture {
    waves: Vec<Wave>,
}

#[derive(Clone, Copy, Debug)]
struct Wave {
    frequency: [f64; 2],
    phase: f64,
    color: [f32; 3],
}

const WAVES: i32 = 18;

impl Texture {
    pub(crate) fn new(seed: u32) -> Self {
        let wave = |i: i32| {
            let random = |k: i32| unit(i, k, seed ^ 0x7E07);
            // Wavelengths from 9 to 90 pixels, evenly in logarithm; the long ones stronger.
            let place = (i as f32 + random(0)) / WAVES as f32;
            let length = 9.0 * 10.0f64.powf(f64::from(place));
            let angle = f64::from(random(1)) * TAU;
            let strength = (0.05 + 0.06 * place) * 0.8;
            Wave {
                frequency: [TAU / length * angle.cos(), TAU / length * angle.sin()],
                phase: f64::from(random(2)) * TAU,
                color: [3, 4, 5].map(|k| strength * (0.45 + 0.55 * random(k))),
            }
        };
        Self { waves: (0..WAVES).map(wave).collect() }
    }

    /// The colour at a place in pixels.
    pub(crate) fn at(&self, p: [f64; 2]) -> [f32; 3] {
        let mut sum = [0.5f32; 3];
        for wave in &self.waves {
            let s = (wave.frequency[0] * p[0] + wave.frequency[1] * p[1] + wave.phase).sin() as f32;
            for (sum, color) in sum.iter_mut().zip(wave.color) {
                *sum += s * color;
            }
        }
        sum.map(|v| v.clamp(0.0, 1.0))
    }
}

/// An image from a function of the place of a pixel's centre, in pixels from the picture's centre.
pub(crate) fn sample(width: usize, height: usize, color: impl Fn([f64; 2]) -> [f32; 3]) -> RgbImage {
    let area = width * height;
    let mut planes = vec![0.0; 3 * area];
    for (i, p) in places(width, height).enumerate() {
        for (c, value) in color(p).into_iter().enumerate() {
            planes[c * area + i] = value;
        }
    }
    image(width, height, planes)
}

/// The pixels' centres from the picture's centre, row by row.
pub(crate) fn places(width: usize, height: usize) -> impl Iterator<Item = [f64; 2]> {
    let (cx, cy) = (width as f64 * 0.5, height as f64 * 0.5);
    (0..height).flat_map(move |y| (0..width).map(move |x| [x as f64 + 0.5 - cx, y as f64 + 0.5 - cy]))
}

/// A smooth random texture under a known motion, whose optical flow is exact.
#[derive(Clone, Debug)]
pub struct TextureScene {
    motion: Motion,
    texture: Texture,
}

impl TextureScene {
    /// The texture of `seed`, moving by `motion`.
    pub fn new(motion: Motion, seed: u32) -> Self {
        Self { motion, texture: Texture::new(seed) }
    }

    /// The picture at `t` seconds, in \[0, 1\]. The centre of motion is the picture's.
    ///
    /// # Panics
    /// When the size is one that [`RgbImage`] refuses.
    pub fn render(&self, t: f64, width: usize, height: usize) -> RgbImage {
        let back = self.motion.map(t).inverse();
        sample(width, height, |p| self.texture.at(back.apply(p)))
    }

    /// The way from `t0` to `t1` of what is seen at each pixel at `t0`: (x, y) in pixels, row by row.
    pub fn flow(&self, t0: f64, t1: f64, width: usize, height: usize) -> Vec<[f32; 2]> {
        let (back, forth) = (self.motion.map(t0).inverse(), self.motion.map(t1));
        places(width, height)
            .map(|p| {
                let q = forth.apply(back.apply(p));
                [(q[0] - p[0]) as f32, (q[1] - p[1]) as f32]
            })
            .collect()
    }
}
