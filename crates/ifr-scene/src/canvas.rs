use ifr_frame::RgbImage;

use crate::color::Rgb;
use crate::fill;
use crate::shape::Point;
use crate::stroke;
use crate::view::View;

/// A picture being painted: shapes with analytic coverage, blended back to front in R'G'B'.
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Interleaved pixels, row by row.
    pub(crate) pixels: Vec<Rgb>,
    /// Where the shapes painted next go.
    pub(crate) view: View,
    /// Coverage of the shape being painted, over its box.
    cover: Vec<f32>,
}

/// A box of pixels: columns `x0..x1`, rows `y0..y1`, inside the canvas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Area {
    pub(crate) x0: usize,
    pub(crate) y0: usize,
    pub(crate) x1: usize,
    pub(crate) y1: usize,
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let pixels = vec![[0.0; 3]; width * height];
        Self { width, height, pixels, view: View::cover(width, height), cover: Vec::new() }
    }

    /// The pixels touched by the box between two corners in pixels, which may lie outside; `None` for none.
    pub(crate) fn area(&self, low: Point, high: Point) -> Option<Area> {
        let clip = |v: f32, limit: usize| v.clamp(0.0, limit as f32) as usize;
        let (x0, y0) = (clip(low[0].floor(), self.width), clip(low[1].floor(), self.height));
        let (x1, y1) = (clip(high[0].ceil(), self.width), clip(high[1].ceil(), self.height));
        (x0 < x1 && y0 < y1).then_some(Area { x0, y0, x1, y1 })
    }

    /// Replaces every pixel of stage rows `top..bottom` by `paint` of its centre in the layer and its old colour.
    pub(crate) fn shade_rows(&mut self, top: f32, bottom: f32, paint: impl Fn(Point, Rgb) -> Rgb) {
        let (low, high) = (self.view.apply([0.0, top]), self.view.apply([0.0, bottom]));
        let Some(area) = self.area([0.0, low[1]], [self.width as f32, high[1]]) else { return };
        for y in area.y0..area.y1 {
            for x in area.x0..area.x1 {
                let at = self.view.invert([x as f32 + 0.5, y as f32 + 0.5]);
                let pixel = &mut self.pixels[y * self.width + x];
                *pixel = paint(at, *pixel);
            }
        }
    }

    /// Fills a polygon of one or several closed contours (non-zero where they do not cross) with one colour.
    pub(crate) fn fill(&mut self, contours: &[&[Point]], color: Rgb, alpha: f32) {
        self.fill_with(contours, |_| (color, alpha));
    }

    /// Fills a polygon with a colour and opacity that depend on the place in the layer.
    pub(crate) fn fill_with(&mut self, contours: &[&[Point]], paint: impl Fn(Point) -> (Rgb, f32)) {
        let view = self.view;
        let contours: Vec<Vec<Point>> =
            contours.iter().map(|c| c.iter().map(|&p| view.apply(p)).collect()).collect();
        let Some((low, high)) = crate::shape::bounds(contours.iter().flatten().copied()) else { return };
        let Some(area) = self.area(low, high) else { return };
        fill::coverage(&contours, area, &mut self.cover);
        self.blend(area, paint);
    }

    /// Draws a polyline with round joins and ends, `width` stage units wide. Hairlines keep their weight by fading.
    pub(crate) fn stroke(&mut self, points: &[Point], width: f32, color: Rgb, alpha: f32) {
        self.strokes(&[points], width, color, alpha);
    }

    /// Draws several polylines as one shape: where they overlap, opacity does not add up.
    pub(crate) fn strokes(&mut self, lines: &[&[Point]], width: f32, color: Rgb, alpha: f32) {
        let view = self.view;
        let lines: Vec<Vec<Point>> =
            lines.iter().map(|l| l.iter().map(|&p| view.apply(p)).collect()).collect();
        let half = width * view.scale * 0.5;
        let Some((low, high)) = crate::shape::bounds(lines.iter().flatten().copied()) else { return };
        let pad = half + 1.0;
        let Some(area) = self.area([low[0] - pad, low[1] - pad], [high[0] + pad, high[1] + pad]) else {
            return;
        };
        stroke::coverage(&lines, half, area, &mut self.cover);
        self.blend(area, |_| (color, alpha));
    }

    /// A filled disc.
    pub(crate) fn disc(&mut self, centre: Point, radius: f32, color: Rgb, alpha: f32) {
        self.stroke(&[centre, centre], radius * 2.0, color, alpha);
    }

    /// An upright rectangle.
    pub(crate) fn rect(&mut self, low: Point, high: Point, color: Rgb, alpha: f32) {
        let (a, b) = (self.view.apply(low), self.view.apply(high));
        let Some(area) = self.area(a, b) else { return };
        let overlap = |i: usize, from: f32, to: f32| (to.min(i as f32 + 1.0) - from.max(i as f32)).max(0.0);
        for y in area.y0..area.y1 {
            let row = overlap(y, a[1], b[1]) * alpha;
            for x in area.x0..area.x1 {
                mix_into(&mut self.pixels[y * self.width + x], color, row * overlap(x, a[0], b[0]));
            }
        }
    }

    /// Light around a point, added softly (as a screen), fading to nothing at `radius`.
    pub(crate) fn glow(&mut self, centre: Point, radius: f32, color: Rgb) {
        let at = self.view.apply(centre);
        let r = radius * self.view.scale;
        let Some(area) = self.area([at[0] - r, at[1] - r], [at[0] + r, at[1] + r]) else { return };
        for y in area.y0..area.y1 {
            let dy = y as f32 + 0.5 - at[1];
            for x in area.x0..area.x1 {
                let dx = x as f32 + 0.5 - at[0];
                let fall = (1.0 - (dx * dx + dy * dy) / (r * r)).max(0.0);
                let light = fall * fall * fall;
                let pixel = &mut self.pixels[y * self.width + x];
                for c in 0..3 {
                    pixel[c] += (1.0 - pixel[c]).max(0.0) * color[c] * light;
                }
            }
        }
    }

    fn blend(&mut self, area: Area, paint: impl Fn(Point) -> (Rgb, f32)) {
        let columns = area.x1 - area.x0;
        for y in area.y0..area.y1 {
            let cover = &self.cover[(y - area.y0) * columns..][..columns];
            let row = &mut self.pixels[y * self.width + area.x0..][..columns];
            for (i, (pixel, &c)) in row.iter_mut().zip(cover).enumerate() {
                if c > 0.0 {
                    let at = self.view.invert([(area.x0 + i) as f32 + 0.5, y as f32 + 0.5]);
                    let (color, alpha) = paint(at);
                    mix_into(pixel, color, c * alpha);
                }
            }
        }
    }

    /// The picture as planes, clamped to \[0, 1\].
    pub(crate) fn into_planes(self) -> Vec<f32> {
        (0..3).flat_map(|c| self.pixels.iter().map(move |p| p[c].clamp(0.0, 1.0))).collect()
    }

    /// The picture as an image.
    pub(crate) fn into_image(self) -> RgbImage {
        let (width, height) = (self.width, self.height);
        image(width, height, self.into_planes())
    }
}

/// An image of planes known to be of the right length.
///
/// # Panics
/// When the size is one that [`RgbImage`] refuses.
pub(crate) fn image(width: usize, height: usize, planes: Vec<f32>) -> RgbImage {
    match RgbImage::new(width, height, planes) {
        Ok(image) => image,
        Err(error) => panic!("{error}"),
    }
}

fn mix_into(pixel: &mut Rgb, color: Rgb, alpha: f32) {
    for c in 0..3 {
        // Exactly `color` where alpha is 1.
        pixel[c] = pixel[c] * (1.0 - alpha) + color[c] * alpha;
    }
}
