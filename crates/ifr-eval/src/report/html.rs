use std::fs;
use std::path::{Path, PathBuf};

use ifr_flow::{Plane, Quality, colour_flow, flow};
use ifr_frame::{ColorDescription, Frame, PixelFormat, RgbImage, Samples};
use ifr_video::images::write_image;

use crate::report::page;
use crate::scale::area;
use crate::sets::coarse;
use crate::{EvalError, Kept, Report};

/// The widest picture on the page, in pixels; wider ones are scaled down.
const WIDEST: usize = 960;
/// How much brighter than it is an error is shown: a quarter of the range is as bright as can be.
const GAIN: f32 = 4.0;
/// Stops of the error's colours, from none to most: black, violet, orange, white, in steps of equal lightness.
const HEAT: [[f32; 3]; 4] = [[0.0, 0.0, 0.0], [0.45, 0.1, 0.5], [0.95, 0.5, 0.15], [1.0, 1.0, 0.85]];

/// Writes a page with the reports' table and the worst and best frames side by side: `index.html`, and its pictures in the folder
/// `images` beside it. The page refers to nothing else. Returns the page's path.
///
/// # Errors
/// [`EvalError`] when a file cannot be written.
pub fn write_html(folder: &Path, reports: &[Report]) -> Result<PathBuf, EvalError> {
    let images = folder.join(page::IMAGES);
    fs::create_dir_all(&images).map_err(|e| EvalError::io("make", &images, e))?;
    for (r, report) in reports.iter().enumerate() {
        let ends = [("worst", &report.gallery.worst), ("best", &report.gallery.best)];
        for (end, list) in ends {
            for (k, kept) in list.iter().enumerate() {
                for (panel, picture) in page::PANELS.into_iter().zip(panels(kept)?) {
                    write_image(images.join(page::file(r, end, k, panel)), &picture)?;
                }
            }
        }
    }
    let index = folder.join("index.html");
    fs::write(&index, page::page(reports)).map_err(|e| EvalError::io("write", &index, e))?;
    Ok(index)
}

/// The pictures of a frame, in the order of [`page::PANELS`].
fn panels(kept: &Kept) -> Result<[Frame; 6], EvalError> {
    let (output, truth) = (kept.output.to_rgb(), kept.truth.to_rgb());
    let mut error = RgbImage::black(truth.width(), truth.height())?;
    let n = truth.width() * truth.height();
    for i in 0..n {
        let sum: f32 = (0..3).map(|c| (output.data()[c * n + i] - truth.data()[c * n + i]).abs()).sum();
        let colour = heat(GAIN * sum / 3.0);
        for (c, v) in colour.into_iter().enumerate() {
            error.data_mut()[c * n + i] = v;
        }
    }
    let inputs = [small(&kept.inputs[0].to_rgb())?, small(&kept.inputs[1].to_rgb())?];
    let motion = motion(&inputs)?;
    let shown = |image: &RgbImage| -> Result<Frame, EvalError> { Ok(coarse(&small(image)?)?) };
    Ok([shown(&inputs[0])?, shown(&inputs[1])?, shown(&output)?, shown(&truth)?, shown(&error)?, motion])
}

fn heat(value: f32) -> [f32; 3] {
    let place = value.clamp(0.0, 1.0) * (HEAT.len() - 1) as f32;
    let stop = (place as usize).min(HEAT.len() - 2);
    let f = place - stop as f32;
    [0, 1, 2].map(|c| HEAT[stop][c] + f * (HEAT[stop + 1][c] - HEAT[stop][c]))
}

fn small(image: &RgbImage) -> Result<RgbImage, EvalError> {
    let (w, h) = (image.width(), image.height());
    if w <= WIDEST {
        return Ok(image.clone());
    }
    Ok(area(image, WIDEST, (h * WIDEST / w).max(1))?)
}

/// The flow from the first input to the second, coloured.
fn motion(inputs: &[RgbImage; 2]) -> Result<Frame, EvalError> {
    let [a, b] = inputs.each_ref().map(luma);
    // Both inputs of a pair are of one size: a method has made a frame of them.
    let field = flow(&a, &b, Quality::Fast).unwrap_or_default();
    let packed = colour_flow(&field, None);
    let plane = |c: usize| Samples::U8(packed.iter().skip(c).step_by(3).copied().collect());
    let planes = vec![plane(0), plane(1), plane(2)];
    Ok(Frame::new(PixelFormat::RGB8, a.width(), a.height(), planes, ColorDescription::SRGB)?)
}

/// Luma in 8-bit codes, by BT.601's weights.
fn luma(image: &RgbImage) -> Plane {
    let (r, g, b) = (image.channel(0), image.channel(1), image.channel(2));
    let width = image.width();
    Plane::from_fn(width, image.height(), |x, y| {
        let i = y * width + x;
        255.0 * (0.299 * r[i] + 0.587 * g[i] + 0.114 * b[i])
    })
}
