//! Bilinear sampling: warp, resize, and what deformable convolutions read.

use std::collections::HashMap;

use ifr_net::Alignment;
use tch::{Device, Kind, TchError, Tensor};

/// `grid_sampler`'s numbers for bilinear sampling, for zeros outside and for coordinates clamped to the border.
const BILINEAR: i64 = 0;
const ZEROS: i64 = 0;
const BORDER: i64 = 1;

/// Backward warps, with what they share: for each size the coordinates of its pixels, made once.
pub(crate) struct Warper {
    device: Device,
    kind: Kind,
    grids: HashMap<(i64, i64), Grid>,
}

/// Coordinates run from −1 (the first pixel's centre) to 1 (the last one's).
struct Grid {
    /// 1 × 2 × height × width: x, then y, of every pixel.
    pixels: Tensor,
    /// 1 × 2 × 1 × 1: what one pixel is in these coordinates, across and down.
    pixel: Tensor,
}

impl Grid {
    fn new(height: i64, width: i64, options: (Kind, Device)) -> Result<Self, TchError> {
        // One pixel alone lies at −1, and the border takes whatever is outside.
        let step = |side: i64| 2.0 / (side - 1).max(1) as f64;
        let axis = |side: i64| Tensor::f_arange(side, options)?.f_mul_scalar(step(side))?.f_sub_scalar(1.0);
        let x = axis(width)?.f_view([1, 1, 1, width])?.f_expand([1, 1, height, width], false)?;
        let y = axis(height)?.f_view([1, 1, height, 1])?.f_expand([1, 1, height, width], false)?;
        let single = |side: i64| Tensor::f_full([1, 1, 1, 1], step(side), options);
        Ok(Self {
            pixels: Tensor::f_cat(&[x, y], 1)?,
            pixel: Tensor::f_cat(&[single(width)?, single(height)?], 1)?,
        })
    }
}

impl Warper {
    pub(crate) fn new(device: Device, kind: Kind) -> Self {
        Self { device, kind, grids: HashMap::new() }
    }

    /// `out(p) = image(p + flow(p))`, bilinear, with coordinates clamped to the map.
    pub(crate) fn warp(&mut self, image: &Tensor, flow: &Tensor) -> Result<Tensor, TchError> {
        let (_, _, height, width) = image.size4()?;
        let grid = match self.grids.entry((height, width)) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(tch::no_grad(|| Grid::new(height, width, (self.kind, self.device)))?)
            }
        };
        // On the CPU, the gradient of `grid_sampler` reads and writes wherever a coordinate that is not a number happens to point
        // (libtorch 2.11); on CUDA such coordinates have no gradient. Elsewhere in the network they still show.
        let flow = match self.device {
            Device::Cpu => &flow.f_nan_to_num(Some(0.0), None, None)?,
            _ => flow,
        };
        let at = grid.pixels.f_addcmul(flow, &grid.pixel)?.f_permute([0, 2, 3, 1])?;
        image.f_grid_sampler(&at, BILINEAR, BORDER, true)
    }
}

/// Bilinear resize without antialiasing to `height` × `width`, times `gain`.
pub(crate) fn resize(
    input: &Tensor,
    alignment: Alignment,
    (height, width): (usize, usize),
    gain: f32,
) -> Result<Tensor, TchError> {
    let corners = match alignment {
        Alignment::HalfPixel => false,
        Alignment::Corners => true,
    };
    let out = input.f_upsample_bilinear2d([height as i64, width as i64], corners, None, None)?;
    if gain == 1.0 { Ok(out) } else { out.f_mul_scalar(f64::from(gain)) }
}

/// What the taps of a deformable convolution read, times the masks: kernel² maps for each channel of `input`, in order. See
/// [`ifr_net::DeformConv`] for offsets and masks.
pub(crate) fn deformed(
    input: &Tensor,
    offsets: &Tensor,
    masks: &Tensor,
    flow: Option<&Tensor>,
    [kernel, groups]: [i64; 2],
) -> Result<Tensor, TchError> {
    let (batch, channels, height, width) = input.size4()?;
    let (taps, options) = (kernel * kernel, (input.f_kind()?, input.device()));
    // Each group's taps lie below one another, so that one call of `grid_sampler` serves all.
    let place = |axis: i64| -> Result<Tensor, TchError> {
        let tap = Tensor::f_arange(kernel, options)?.f_sub_scalar(kernel / 2)?;
        let (tap, pixel) = if axis == 0 {
            let rows = Tensor::f_arange(height, options)?.f_view([1, 1, 1, height, 1])?;
            (tap.f_view([1, 1, kernel, 1, 1])?.f_expand([1, 1, kernel, kernel, 1], false)?, rows)
        } else {
            let columns = Tensor::f_arange(width, options)?.f_view([1, 1, 1, 1, width])?;
            (tap.f_view([1, 1, 1, kernel, 1])?.f_expand([1, 1, kernel, kernel, 1], false)?, columns)
        };
        tap.f_reshape([1, 1, taps, 1, 1])?.f_add(&pixel)
    };
    let offsets = offsets.f_view([batch, groups, taps, 2, height, width])?;
    let at = |axis: i64, side: i64| -> Result<Tensor, TchError> {
        let mut offset = offsets.f_select(3, axis)?;
        if let Some(flow) = flow {
            offset = offset.f_add(&flow.f_narrow(1, 1 - axis, 1)?.f_view([batch, 1, 1, height, width])?)?;
        }
        let at = offset.f_add(&tch::no_grad(|| place(axis))?)?;
        // All that is farther out than a pixel is zero wherever it is, and where it is no number (see `Warper::warp`). In
        // `grid_sampler`'s coordinates the map's edges, not its pixels' centres, lie at -1 and 1: so one pixel has a width.
        let at = at.f_clamp(-2.0, (side + 1) as f64)?.f_nan_to_num(Some(-2.0), None, None)?;
        let step = 2.0 / side as f64;
        at.f_mul_scalar(step)?.f_add_scalar(0.5 * step - 1.0)
    };
    let grid = Tensor::f_stack(&[at(1, width)?, at(0, height)?], -1)?;
    let grid = grid.f_view([batch * groups, taps * height, width, 2])?;
    let run = channels / groups;
    let input = input.f_reshape([batch * groups, run, height, width])?;
    let samples = input.f_grid_sampler(&grid, BILINEAR, ZEROS, false)?;
    let masks = masks.f_reshape([batch * groups, 1, taps * height, width])?;
    samples.f_mul(&masks)?.f_view([batch, channels * taps, height, width])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_that_are_no_numbers_are_survived() {
        let options = (Kind::Float, Device::Cpu);
        let image = Tensor::rand([1, 3, 32, 32], options).set_requires_grad(true);
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e30] {
            let flow = Tensor::full([1, 2, 32, 32], value, options).set_requires_grad(true);
            let out = Warper::new(Device::Cpu, Kind::Float).warp(&image, &flow).unwrap();
            out.sum(Kind::Float).backward();
            assert!(f64::try_from(image.grad().abs().max()).unwrap().is_finite(), "{value}");
        }
    }
}
