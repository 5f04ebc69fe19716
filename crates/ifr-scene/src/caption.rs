//! The caption that stands still over the moving picture: letters drawn as strokes.

use std::f32::consts::PI;

use ifr_frame::RgbImage;

use crate::canvas::Canvas;
use crate::color::{Rgb, hex};
use crate::shape::{Point, arc, curve};
use crate::view::View;

const TEXT: &str = "ifr  24 → 60 fps";
/// Where the text begins on the stage: left end of the baseline.
const ORIGIN: Point = [26.0, 44.0];
/// Height of a digit, in stage units; glyphs are drawn on a cell one unit high.
const SIZE: f32 = 19.0;
const INK: Rgb = hex(0xfff6e6);
const EDGE: Rgb = hex(0x141029);

/// Writes the caption.
pub(crate) fn paint(canvas: &mut Canvas) {
    let view = canvas.view;
    canvas.view = View::contain(canvas.width, canvas.height);
    let lines = lines();
    let lines: Vec<&[Point]> = lines.iter().map(Vec::as_slice).collect();
    canvas.strokes(&lines, 6.2, EDGE, 1.0);
    canvas.strokes(&lines, 2.6, INK, 1.0);
    canvas.view = view;
}

/// Writes the caption over any picture: light letters with a dark outline, at the same place and size as in
/// [`Scene::demo`](crate::Scene::demo), whose [`caption_mask`](crate::Scene::caption_mask) tells where that is.
pub fn burn_caption(image: &RgbImage) -> RgbImage {
    let mut canvas = Canvas::new(image.width(), image.height());
    for (c, plane) in image.data().chunks_exact(image.width() * image.height()).enumerate() {
        canvas.pixels.iter_mut().zip(plane).for_each(|(p, v)| p[c] = *v);
    }
    paint(&mut canvas);
    canvas.into_image()
}

/// The caption's coverage, outline included.
pub(crate) fn mask(width: usize, height: usize) -> Vec<f32> {
    let mut canvas = Canvas::new(width, height);
    canvas.view = View::contain(width, height);
    let lines = lines();
    let lines: Vec<&[Point]> = lines.iter().map(Vec::as_slice).collect();
    canvas.strokes(&lines, 6.2, [1.0; 3], 1.0);
    canvas.pixels.iter().map(|p| p[0]).collect()
}

/// All strokes of the text, in stage units.
fn lines() -> Vec<Vec<Point>> {
    let mut x = ORIGIN[0];
    let mut all = Vec::new();
    for letter in TEXT.chars() {
        let (advance, strokes) = glyph(letter);
        for stroke in strokes {
            all.push(stroke.iter().map(|p| [x + p[0] * SIZE, ORIGIN[1] - p[1] * SIZE]).collect());
        }
        x += (advance + 0.2) * SIZE;
    }
    all
}

/// A glyph's width and strokes; y up, baseline 0, x-height 0.66, ascender 1.
fn glyph(letter: char) -> (f32, Vec<Vec<Point>>) {
    // Arcs here are in a y-up world: angle 0 right, π/2 up.
    let round = |c: Point, r: Point, from: f32, to: f32| arc(c, r, from * PI, to * PI, 20);
    match letter {
        'i' => (0.06, vec![vec![[0.03, 0.0], [0.03, 0.66]], vec![[0.03, 0.93], [0.03, 0.935]]]),
        'f' => {
            let mut stem = vec![[0.17, 0.0]];
            stem.extend(round([0.37, 0.8], [0.2, 0.2], 1.0, 0.45));
            (0.38, vec![stem, vec![[0.0, 0.62], [0.36, 0.62]]])
        }
        'r' => {
            let bow = round([0.26, 0.4], [0.24, 0.26], 0.95, 0.33);
            (0.36, vec![vec![[0.02, 0.0], [0.02, 0.66]], bow])
        }
        'p' => {
            let bowl = round([0.26, 0.33], [0.24, 0.33], 0.0, 2.0);
            (0.5, vec![vec![[0.02, -0.28], [0.02, 0.66]], bowl])
        }
        's' => {
            let mut line = round([0.22, 0.495], [0.18, 0.165], 0.18, 1.5);
            line.extend(round([0.22, 0.165], [0.2, 0.165], 0.5, -0.85));
            (0.42, vec![line])
        }
        '2' => {
            let mut line = round([0.27, 0.72], [0.25, 0.28], 0.95, -0.12);
            line.extend(curve([0.5, 0.61], [0.42, 0.4], [0.02, 0.0], 8));
            line.push([0.55, 0.0]);
            (0.56, vec![line])
        }
        '4' => (0.6, vec![vec![[0.44, 0.0], [0.44, 1.0], [0.0, 0.3], [0.6, 0.3]]]),
        '6' => {
            let bowl = round([0.28, 0.31], [0.27, 0.31], 0.0, 2.0);
            let tail = curve([0.42, 1.0], [0.06, 0.7], [0.01, 0.33], 12);
            (0.56, vec![bowl, tail])
        }
        '0' => (0.56, vec![round([0.28, 0.5], [0.27, 0.5], 0.0, 2.0)]),
        '→' => (0.9, vec![vec![[0.02, 0.42], [0.86, 0.42]], vec![[0.6, 0.66], [0.86, 0.42], [0.6, 0.18]]]),
        _ => (0.14, Vec::new()),
    }
}
