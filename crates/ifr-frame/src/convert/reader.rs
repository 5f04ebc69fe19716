//! From a frame's codes to rows of float R'G'B'.

use super::{Codes, Weights, axes, codes};
use crate::resample::{Axis, up_row};
use crate::{ColorModel, Frame, Plane, Samples};

/// Reads rows of a frame as float R'G'B': what [`Frame::to_rgb`] is made of, for those who want them somewhere else.
///
/// ```
/// use ifr_frame::{ColorDescription, Frame, PixelFormat, RgbReader};
///
/// let frame = Frame::black(PixelFormat::YUV420P8, 64, 48, ColorDescription::default())?;
/// let mut rows = [[1.0_f32; 64]; 3];
/// RgbReader::new(&frame).read(47, rows.each_mut().map(|row| &mut row[..]));
/// assert_eq!(rows, [[0.0; 64]; 3]);
/// # Ok::<(), ifr_frame::FrameError>(())
/// ```
#[derive(Debug)]
pub struct RgbReader<'a> {
    frame: &'a Frame,
    luma: Codes,
    chroma: Option<Chroma>,
}

/// How chroma is read, and room for its rows.
#[derive(Debug)]
struct Chroma {
    codes: Codes,
    x: Axis,
    y: Axis,
    /// What Cr is times in R', and Cb in B'; and both, negative, in G'.
    to_r: f32,
    to_b: f32,
    g_cr: f32,
    g_cb: f32,
    /// Two rows of chroma's own, and those of Cb and Cr as wide as the frame.
    coarse: [Vec<f32>; 2],
    fine: [Vec<f32>; 2],
}

impl<'a> RgbReader<'a> {
    /// A reader of this frame. Threads that share the work have one each: it holds a few rows.
    #[must_use]
    pub fn new(frame: &'a Frame) -> Self {
        let (width, height) = (frame.width(), frame.height());
        let (luma, chroma) = codes(frame.format(), frame.color());
        let chroma = matches!(frame.format().model, ColorModel::Yuv(_)).then(|| {
            let (x, y) = axes(frame.format(), frame.color(), width, height);
            let Weights { kr, kg, kb } = Weights::of(frame.color(), height);
            let (to_r, to_b) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
            Chroma {
                codes: chroma,
                x,
                y,
                to_r,
                to_b,
                g_cr: to_r * kr / kg,
                g_cb: to_b * kb / kg,
                coarse: [(); 2].map(|()| vec![0.0; x.coarse]),
                fine: [(); 2].map(|()| vec![0.0; width]),
            }
        });
        Self { frame, luma, chroma }
    }

    /// Row `y` as R', G' and B', nominally in \[0, 1\]: as [`Frame::to_rgb`] makes them, to the bit.
    ///
    /// # Panics
    /// When there is no such row, or one of `out` is not as long as the frame is wide.
    pub fn read(&mut self, y: usize, out: [&mut [f32]; 3]) {
        let Self { frame, luma, chroma } = self;
        let planes = frame.planes();
        assert!(out.iter().all(|row| row.len() == frame.width()), "rows as long as the frame is wide");
        match (frame.format().model, chroma) {
            (ColorModel::Rgb, _) => planes.iter().zip(out).for_each(|(plane, out)| row(plane, y, *luma, out)),
            (_, Some(chroma)) => chroma.read(planes, y, *luma, out),
            (_, None) => {
                let [r, g, b] = out;
                row(&planes[0], y, *luma, r);
                g.copy_from_slice(r);
                b.copy_from_slice(r);
            }
        }
    }
}

impl Chroma {
    fn read(&mut self, planes: &[Plane], y: usize, luma: Codes, [r, g, b]: [&mut [f32]; 3]) {
        let Self { codes, x, y: axis, to_r, to_b, g_cr, g_cb, coarse: [coarse, second], fine } = self;
        let (top, bottom, weight) = axis.up(y);
        for (plane, fine) in planes[1..3].iter().zip(fine.iter_mut()) {
            row(plane, top, *codes, coarse);
            if weight > 0.0 {
                row(plane, bottom, *codes, second);
                for (a, &s) in coarse.iter_mut().zip(&*second) {
                    *a += weight * (s - *a);
                }
            }
            up_row(*x, coarse, fine);
        }
        row(&planes[0], y, luma, g);
        for (((r, g), b), (&cb, &cr)) in r.iter_mut().zip(g).zip(b).zip(fine[0].iter().zip(&fine[1])) {
            let luma = *g;
            *r = luma + *to_r * cr;
            *b = luma + *to_b * cb;
            *g = luma - *g_cb * cb - *g_cr * cr;
        }
    }
}

/// A row of a plane.
pub(super) fn row(plane: &Plane, y: usize, codes: Codes, out: &mut [f32]) {
    let (scale, start) = (1.0 / codes.span, y * plane.width);
    let convert = |v: f32| (v - codes.offset) * scale;
    match &plane.samples {
        Samples::U8(v) => {
            let row = &v[start..start + plane.width];
            out.iter_mut().zip(row).for_each(|(o, &s)| *o = convert(f32::from(s)));
        }
        Samples::U16(v) => {
            let row = &v[start..start + plane.width];
            out.iter_mut().zip(row).for_each(|(o, &s)| *o = convert(f32::from(s)));
        }
    }
}
