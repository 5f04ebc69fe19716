use std::path::Path;

use ifr_frame::{Frame, Samples};

use crate::VideoError;
use crate::files::unsupported;
use crate::images::pixels::{Packed, format_of, srgb};

/// The largest canvas taken, in pixels: 8192 × 8192.
const MAX_CANVAS: usize = 1 << 26;

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rect {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Rect {
    /// The smallest rectangle around the pixels of a `width` pixels wide picture for which `is_in` holds; `None` where
    /// there are none.
    pub(crate) fn around(width: usize, height: usize, is_in: impl Fn(usize) -> bool) -> Option<Self> {
        let (mut left, mut right, mut top, mut bottom) = (width, 0, None, 0);
        for y in 0..height {
            let row = y * width..(y + 1) * width;
            let Some(first) = row.clone().find(|&i| is_in(i)) else { continue };
            let last = row.rev().find(|&i| is_in(i)).unwrap_or(first);
            left = left.min(first - y * width);
            right = right.max(last - y * width);
            top = top.or(Some(y));
            bottom = y;
        }
        let top = top?;
        Some(Self { x: left, y: top, width: right - left + 1, height: bottom - top + 1 })
    }
}

/// What an animation shows: the frames so far, one drawn over the other. 8-bit RGBA, not premultiplied, transparent at
/// the start.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<[u8; 4]>,
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize, path: &Path) -> Result<Self, VideoError> {
        if width == 0 || height == 0 || width.saturating_mul(height) > MAX_CANVAS {
            let what = format!(
                "an animation of {width}x{height}: sides above 0 and at most {MAX_CANVAS} pixels are taken"
            );
            return Err(unsupported(path, what));
        }
        Ok(Self { width, height, pixels: vec![[0; 4]; width * height] })
    }

    /// The part of `rect` on the canvas: (columns, rows).
    fn visible(&self, rect: Rect) -> (usize, usize) {
        let columns = rect.width.min(self.width.saturating_sub(rect.x));
        let rows = rect.height.min(self.height.saturating_sub(rect.y));
        (columns, if columns == 0 { 0 } else { rows })
    }

    /// Makes a rectangle transparent.
    pub(crate) fn clear(&mut self, rect: Rect) {
        let (columns, rows) = self.visible(rect);
        for y in rect.y..rect.y + rows {
            let start = y * self.width + rect.x;
            self.pixels[start..start + columns].fill([0; 4]);
        }
    }

    /// Draws `rect.width * rect.height` pixels, over what is there (`blend`) or in its place.
    pub(crate) fn draw(&mut self, rect: Rect, pixels: &[[u8; 4]], blend: bool) {
        let (columns, rows) = self.visible(rect);
        for (row, source) in pixels.chunks_exact(rect.width.max(1)).take(rows).enumerate() {
            let start = (rect.y + row) * self.width + rect.x;
            let target = &mut self.pixels[start..start + columns];
            if blend {
                target.iter_mut().zip(source).for_each(|(under, &over)| *under = over_under(over, *under));
            } else {
                target.copy_from_slice(&source[..columns]);
            }
        }
    }

    pub(crate) fn is_opaque(&self) -> bool {
        self.pixels.iter().all(|p| p[3] == u8::MAX)
    }

    /// The canvas as an RGB frame, with alpha where asked.
    pub(crate) fn to_frame(&self, alpha: bool) -> Result<Frame, VideoError> {
        let channels = if alpha { 4 } else { 3 };
        let samples = Samples::U8(self.pixels.iter().flat_map(|p| p[..channels].iter().copied()).collect());
        let packed = Packed { width: self.width, height: self.height, channels, samples };
        Ok(packed.into_frame(srgb(format_of(channels, 8).model))?)
    }
}

/// Source-over of colours that are not premultiplied, to the nearest code.
fn over_under(over: [u8; 4], under: [u8; 4]) -> [u8; 4] {
    match (over[3], under[3]) {
        (u8::MAX, _) | (_, 0) if over[3] > 0 => return over,
        (0, _) => return under,
        _ => {}
    }
    let (a, b) = (u32::from(over[3]), u32::from(under[3]));
    // Weights in units of 1/255².
    let (front, back) = (a * 255, b * (255 - a));
    let sum = front + back;
    let mix = |c: usize| ((u32::from(over[c]) * front + u32::from(under[c]) * back + sum / 2) / sum) as u8;
    [mix(0), mix(1), mix(2), ((sum + 127) / 255) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blending() {
        assert_eq!(over_under([1, 2, 3, 255], [9, 9, 9, 255]), [1, 2, 3, 255]);
        assert_eq!(over_under([1, 2, 3, 0], [9, 9, 9, 7]), [9, 9, 9, 7]);
        assert_eq!(over_under([1, 2, 3, 4], [9, 9, 9, 0]), [1, 2, 3, 4]);
        assert_eq!(over_under([200, 0, 0, 128], [0, 100, 0, 255]), [100, 50, 0, 255]);
    }

    #[test]
    fn drawing_is_clipped() {
        let mut canvas = Canvas::new(4, 3, Path::new("x")).unwrap();
        let red = [[255, 0, 0, 255]; 12];
        canvas.draw(Rect { x: 2, y: 1, width: 4, height: 3 }, &red, true);
        canvas.draw(Rect { x: 9, y: 9, width: 4, height: 3 }, &red, false);
        let drawn = Rect::around(4, 3, |i| canvas.pixels[i][3] > 0);
        assert_eq!(drawn, Some(Rect { x: 2, y: 1, width: 2, height: 2 }));
        canvas.clear(Rect { x: 0, y: 1, width: 9, height: 9 });
        assert_eq!(Rect::around(4, 3, |i| canvas.pixels[i][3] > 0), None);
    }
}
