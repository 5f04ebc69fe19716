//! Pictures of pictures: rows of panels, side by side.

use ifr::frame::{FrameError, RgbImage};

/// Space between panels, in pixels, and its grey.
const GUTTER: usize = 6;
const GROUND: f32 = 0.09;

/// Puts rows of equally many, equally large panels on one sheet.
pub(crate) fn sheet(rows: &[Vec<RgbImage>]) -> Result<RgbImage, FrameError> {
    let row_size = |row: &Vec<RgbImage>| {
        let width: usize = row.iter().map(|p| p.width() + GUTTER).sum();
        (width + GUTTER, row.iter().map(RgbImage::height).max().unwrap_or(0))
    };
    let width = rows.iter().map(|r| row_size(r).0).max().unwrap_or(0);
    let height = rows.iter().map(|r| row_size(r).1 + GUTTER).sum::<usize>() + GUTTER;
    let mut out = RgbImage::black(width, height)?;
    out.data_mut().fill(GROUND);
    let mut top = GUTTER;
    for row in rows {
        let mut left = GUTTER;
        for panel in row {
            for (c, plane) in out.channels_mut().into_iter().enumerate() {
                for (y, line) in panel.channel(c).chunks_exact(panel.width()).enumerate() {
                    let start = (top + y) * width + left;
                    plane[start..start + panel.width()].copy_from_slice(line);
                }
            }
            left += panel.width() + GUTTER;
        }
        top += row_size(row).1 + GUTTER;
    }
    Ok(out)
}

/// A part of an image; the rectangle is moved inside where it reaches out.
pub(crate) fn crop(image: &RgbImage, area: Area) -> Result<RgbImage, FrameError> {
    let (w, h) = (area.width.min(image.width()), area.height.min(image.height()));
    let (x, y) = (area.x.min(image.width() - w), area.y.min(image.height() - h));
    let mut out = RgbImage::black(w, h)?;
    for (c, plane) in out.channels_mut().into_iter().enumerate() {
        for (row, line) in plane.chunks_exact_mut(w).enumerate() {
            let start = (y + row) * image.width() + x;
            line.copy_from_slice(&image.channel(c)[start..start + w]);
        }
    }
    Ok(out)
}

/// The image at half its size, by means of four pixels.
pub(crate) fn half(image: &RgbImage) -> Result<RgbImage, FrameError> {
    let (w, h) = (image.width() / 2, image.height() / 2);
    let mut out = RgbImage::black(w, h)?;
    for (c, plane) in out.channels_mut().into_iter().enumerate() {
        let at = |x: usize, y: usize| image.channel(c)[y * image.width() + x];
        for (i, v) in plane.iter_mut().enumerate() {
            let (x, y) = (2 * (i % w), 2 * (i / w));
            *v = 0.25 * (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1));
        }
    }
    Ok(out)
}

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// The rectangle of the given size in which two images (of one size) differ most: where there is something to see.
pub(crate) fn busiest(a: &RgbImage, b: &RgbImage, width: usize, height: usize) -> Area {
    let (w, h) = (a.width(), a.height());
    let (width, height) = (width.min(w), height.min(h));
    let step = 16;
    let difference = |x: usize, y: usize| {
        let i = y * w + x;
        (0..3).map(|c| (a.channel(c)[i] - b.channel(c)[i]).abs()).sum::<f32>()
    };
    let candidates = |free: usize| (0..=free).step_by(step);
    let mut best = (f32::NEG_INFINITY, 0, 0);
    for y in candidates(h - height) {
        for x in candidates(w - width) {
            let rows = (y..y + height).step_by(4);
            let sum: f32 =
                rows.map(|r| (x..x + width).step_by(4).map(|c| difference(c, r)).sum::<f32>()).sum();
            if sum > best.0 {
                best = (sum, x, y);
            }
        }
    }
    Area { x: best.1, y: best.2, width, height }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_land_where_they_should() {
        let grey = |v: f32| RgbImage::new(4, 2, vec![v; 24]).unwrap();
        let out = sheet(&[vec![grey(0.5), grey(1.0)]]).unwrap();
        assert_eq!((out.width(), out.height()), (2 * 4 + 3 * GUTTER, 2 + 2 * GUTTER));
        let at = |x: usize, y: usize| out.channel(1)[y * out.width() + x];
        assert_eq!((at(0, 0), at(GUTTER, GUTTER), at(2 * GUTTER + 4, GUTTER)), (GROUND, 0.5, 1.0));
    }

    #[test]
    fn the_busiest_part_is_found() {
        let still = RgbImage::black(64, 64).unwrap();
        let mut moved = still.clone();
        moved.channels_mut()[0][50 * 64 + 52] = 1.0;
        moved.channels_mut()[0][52 * 64 + 52] = 1.0;
        let area = busiest(&still, &moved, 16, 16);
        assert_eq!((area.x, area.y), (48, 48));
        assert_eq!(crop(&moved, area).unwrap().channel(0)[4 * 16 + 4], 1.0);
    }
}
