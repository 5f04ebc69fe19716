//! The augmentations of IFRNet's training, each applied to images and flows alike.

use crate::DataError;
use crate::cut::Cut;
use crate::random::Draw;
use crate::sample::Sample;

/// How often each augmentation is applied: probabilities in \[0, 1\]. The crop's place is always random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augmentation {
    /// The whole picture enlarged to twice its size before the crop is taken.
    pub resize: f64,
    /// Red and blue exchanged.
    pub reverse_channels: f64,
    /// Turned upside down.
    pub flip_vertical: f64,
    /// Left and right exchanged.
    pub flip_horizontal: f64,
    /// Rows and columns exchanged; takes part where crops are square.
    pub transpose: f64,
    /// The two frames exchanged, t becomes 1 − t.
    pub reverse_time: f64,
}

impl Default for Augmentation {
    /// As IFRNet was trained.
    fn default() -> Self {
        Self {
            resize: 0.1,
            reverse_channels: 0.5,
            flip_vertical: 0.3,
            flip_horizontal: 0.5,
            transpose: 0.05,
            reverse_time: 0.5,
        }
    }
}

impl Augmentation {
    /// None but the crop's random place.
    pub const NONE: Self = Self {
        resize: 0.0,
        reverse_channels: 0.0,
        flip_vertical: 0.0,
        flip_horizontal: 0.0,
        transpose: 0.0,
        reverse_time: 0.0,
    };

    pub(crate) fn check(&self) -> Result<(), DataError> {
        let all = [
            ("resize", self.resize),
            ("reverse_channels", self.reverse_channels),
            ("flip_vertical", self.flip_vertical),
            ("flip_horizontal", self.flip_horizontal),
            ("transpose", self.transpose),
            ("reverse_time", self.reverse_time),
        ];
        for (key, value) in all {
            if !(0.0..=1.0).contains(&value) {
                return Err(DataError::option(key, value, "a probability from 0 to 1 is allowed"));
            }
        }
        Ok(())
    }

    /// What happens to one crop of `crop` (width, height) from pictures of `size`, which it fits.
    pub(crate) fn choose(&self, draw: &mut Draw, size: (usize, usize), crop: (usize, usize)) -> Choice {
        // Every number is drawn whatever the others say: a probability that is changed moves nothing else.
        let double = draw.chance(self.resize);
        let (x, y) = (draw.unit(), draw.unit());
        let [channels, vertical, horizontal] =
            [self.reverse_channels, self.flip_vertical, self.flip_horizontal].map(|p| draw.chance(p));
        let [transpose, time] = [self.transpose, self.reverse_time].map(|p| draw.chance(p));
        let cut = Cut {
            x: place(size.0, crop.0, double, x),
            y: place(size.1, crop.1, double, y),
            width: crop.0,
            height: crop.1,
            double,
        };
        Choice { cut, channels, vertical, horizontal, transpose: transpose && crop.0 == crop.1, time }
    }
}

/// Where a crop of `length` begins along a side of a picture, enlarged or not, `at` (0 to 1) of the way.
fn place(side: usize, length: usize, double: bool, at: f64) -> usize {
    let places = (side << usize::from(double)).saturating_sub(length) + 1;
    ((places as f64 * at) as usize).min(places - 1)
}

/// What happens to one crop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Choice {
    pub(crate) cut: Cut,
    channels: bool,
    vertical: bool,
    horizontal: bool,
    transpose: bool,
    time: bool,
}

impl Choice {
    /// The same at another random place.
    pub(crate) fn elsewhere(&self, draw: &mut Draw, size: (usize, usize)) -> Self {
        let double = self.cut.double;
        let x = place(size.0, self.cut.width, double, draw.unit());
        let y = place(size.1, self.cut.height, double, draw.unit());
        Self { cut: Cut { x, y, ..self.cut }, ..*self }
    }

    /// Everything after the crop.
    pub(crate) fn apply(&self, sample: &mut Sample) {
        let steps: [(bool, Step); 5] = [
            (self.channels, reverse_channels),
            (self.vertical, flip_vertical),
            (self.horizontal, flip_horizontal),
            (self.transpose, transpose),
            (self.time, reverse_time),
        ];
        steps.into_iter().filter(|(wanted, _)| *wanted).for_each(|(_, step)| step(sample));
    }
}

/// A change of a sample in place.
type Step = fn(&mut Sample);

/// Exchanges red and blue.
fn reverse_channels(sample: &mut Sample) {
    let area = sample.width * sample.height;
    for image in sample.images() {
        let (red, rest) = image.split_at_mut(area);
        red.swap_with_slice(&mut rest[area..]);
    }
}

/// Turns everything upside down; flows' y components change sign.
fn flip_vertical(sample: &mut Sample) {
    let (w, h) = (sample.width, sample.height);
    let flip = |planes: &mut Vec<f32>| {
        for plane in planes.chunks_exact_mut(w * h) {
            let (top, bottom) = plane.split_at_mut(h / 2 * w);
            let mirrored = bottom.chunks_exact_mut(w).rev();
            top.chunks_exact_mut(w).zip(mirrored).for_each(|(a, b)| a.swap_with_slice(b));
        }
    };
    sample.images().for_each(flip);
    for flows in sample.flows() {
        flip(flows);
        flows.chunks_exact_mut(w * h).skip(1).step_by(2).flatten().for_each(|v| *v = -*v);
    }
}

/// Exchanges left and right; flows' x components change sign.
fn flip_horizontal(sample: &mut Sample) {
    let (w, h) = (sample.width, sample.height);
    let flip = |planes: &mut Vec<f32>| planes.chunks_exact_mut(w).for_each(<[f32]>::reverse);
    sample.images().for_each(flip);
    for flows in sample.flows() {
        flip(flows);
        flows.chunks_exact_mut(w * h).step_by(2).flatten().for_each(|v| *v = -*v);
    }
}

/// Exchanges rows and columns; flows' components change places. Any size will do; a batch needs square ones.
fn transpose(sample: &mut Sample) {
    let (w, h) = (sample.width, sample.height);
    let turn = |planes: &mut Vec<f32>| {
        let mut out = Vec::with_capacity(planes.len());
        for plane in planes.chunks_exact(w * h) {
            out.extend((0..w).flat_map(|x| plane[x..].iter().step_by(w).copied()));
        }
        *planes = out;
    };
    sample.images().for_each(turn);
    for flows in sample.flows() {
        turn(flows);
        swap_planes(flows, w * h, [(0, 1), (2, 3)]);
    }
    (sample.width, sample.height) = (h, w);
}

/// Exchanges the two frames: t becomes 1 − t, flows' sides change places.
fn reverse_time(sample: &mut Sample) {
    std::mem::swap(&mut sample.first, &mut sample.second);
    let area = sample.width * sample.height;
    for flows in sample.flows() {
        swap_planes(flows, area, [(0, 2), (1, 3)]);
    }
    for target in &mut sample.targets {
        target.t = 1.0 - target.t;
    }
}

fn swap_planes(planes: &mut [f32], area: usize, pairs: [(usize, usize); 2]) {
    for (a, b) in pairs {
        let (head, tail) = planes.split_at_mut(b * area);
        head[a * area..][..area].swap_with_slice(&mut tail[..area]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;
    use crate::sample::{Target, TargetPrior};
    use ifr_flow::FlowField;
    use ifr_frame::{ColorDescription, PixelFormat};
    use ifr_scene::{Motion, TextureScene};

    const T: f64 = 0.25;

    /// A crop of a scene that moves by (12, −8) pixels, with its exact flows.
    fn sample(cut: Cut) -> Sample {
        let (w, h) = (72, 64);
        let scene = TextureScene::new(Motion::Translate { velocity: [12.0, -8.0] }, 3);
        let frame = |t| scene.render(t, w, h).to_frame(PixelFormat::RGB16, ColorDescription::SRGB).unwrap();
        let field = |to: f64| {
            let flow = scene.flow(T, to, w, h);
            FlowField::from_fn(w, h, |x, y| flow[y * w + x])
        };
        let flows = cut.flows([&field(0.0), &field(1.0)]);
        let image = cut.rgb(&frame(T)).unwrap();
        let target = Target {
            t: T as f32,
            image: image.clone(),
            labels: Some(flows.clone()),
            prior: Some(TargetPrior { flows, frame: image }),
        };
        Sample {
            width: cut.width,
            height: cut.height,
            first: cut.rgb(&frame(0.0)).unwrap(),
            second: cut.rgb(&frame(1.0)).unwrap(),
            targets: vec![target],
        }
    }

    /// The largest error of each frame warped along its flow against the target, away from the edges.
    fn error(s: &Sample) -> f32 {
        let (w, h, area) = (s.width, s.height, s.width * s.height);
        let target = &s.targets[0];
        assert_eq!(target.labels.as_ref(), target.prior.as_ref().map(|p| &p.flows));
        assert_eq!(target.image, target.prior.as_ref().unwrap().frame);
        let flows = target.labels.as_ref().unwrap();
        let mut worst: f32 = 0.0;
        for (side, image) in [&s.first, &s.second].into_iter().enumerate() {
            for i in 0..area {
                let flow = |k: usize| flows[(2 * side + k) * area + i];
                let (px, py) = ((i % w) as f32 + flow(0), (i / w) as f32 + flow(1));
                if px < 0.0 || py < 0.0 || px > (w - 1) as f32 || py > (h - 1) as f32 {
                    continue;
                }
                let (x, y) = ((px as usize).min(w - 2), (py as usize).min(h - 2));
                let (fx, fy) = (px - x as f32, py - y as f32);
                for c in 0..3 {
                    let p = |dx: usize, dy: usize| image[c * area + (y + dy) * w + x + dx];
                    let top = p(0, 0) + fx * (p(1, 0) - p(0, 0));
                    let bottom = p(0, 1) + fx * (p(1, 1) - p(0, 1));
                    let value = top + fy * (bottom - top);
                    worst = worst.max((value - target.image[c * area + i]).abs());
                }
            }
        }
        worst
    }

    const CUT: Cut = Cut { x: 11, y: 9, width: 48, height: 40, double: false };

    #[test]
    fn flows_stay_true_through_every_augmentation() {
        let original = sample(CUT);
        assert!(error(&original) < 2e-3, "{}", error(&original));
        let steps: [(&str, Step); 5] = [
            ("channels", reverse_channels),
            ("vertical", flip_vertical),
            ("horizontal", flip_horizontal),
            ("transpose", transpose),
            ("time", reverse_time),
        ];
        for (name, step) in steps {
            let mut changed = original.clone();
            step(&mut changed);
            assert_ne!(changed, original, "{name}");
            assert!(error(&changed) < 2e-3, "{name}: {}", error(&changed));
            step(&mut changed);
            assert_eq!(changed, original, "{name} twice");
        }
        let mut all = original.clone();
        steps.iter().for_each(|(_, step)| step(&mut all));
        assert!(error(&all) < 2e-3);
        assert_eq!((all.width, all.height, all.targets[0].t), (40, 48, 0.75));
    }

    #[test]
    fn flows_stay_true_when_enlarged() {
        // Bilinear enlargement of a texture with waves of 9 pixels is off by some levels itself.
        let double = sample(Cut { x: 30, y: 20, double: true, ..CUT });
        assert!(error(&double) < 0.02, "{}", error(&double));
        let flows = double.targets[0].labels.as_ref().unwrap();
        assert!((flows[0] + 6.0).abs() < 1e-4 && (flows[48 * 40] - 4.0).abs() < 1e-4, "twice −3 and 2");
    }

    #[test]
    fn choices_follow_their_probabilities() {
        let all = Augmentation::default();
        let count = 4000;
        let mut counts = [0_usize; 6];
        for n in 0..count {
            let c = all.choose(&mut Draw::new(5, Purpose::Crop, n), (64, 48), (32, 32));
            let limit = if c.cut.double { (128 - 32, 96 - 32) } else { (32, 16) };
            assert!(c.cut.x <= limit.0 && c.cut.y <= limit.1);
            let happened = [c.cut.double, c.channels, c.vertical, c.horizontal, c.transpose, c.time];
            counts.iter_mut().zip(happened).for_each(|(n, h)| *n += usize::from(h));
        }
        for (count_of, p) in counts.into_iter().zip([0.1, 0.5, 0.3, 0.5, 0.05, 0.5]) {
            let share = count_of as f64 / count as f64;
            assert!((share - p).abs() < 0.03, "{share} for {p}");
        }
        let oblong = Augmentation { transpose: 1.0, ..Augmentation::NONE };
        assert!(!oblong.choose(&mut Draw::new(5, Purpose::Crop, 0), (64, 48), (32, 16)).transpose);
        assert!(Augmentation { resize: 1.5, ..all }.check().is_err());
        assert!(Augmentation { resize: f64::NAN, ..all }.check().is_err());
    }
}
