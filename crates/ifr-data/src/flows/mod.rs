//! Flows for a window's targets: pseudo-labels and the prior, on whole frames.

pub(crate) mod kept;

use std::path::Path;
use std::sync::Arc;

use ifr_flow::{FlowField, FlowInterpolator, FlowOptions, Plane, Prior, Quality, flow, open_flo};
use ifr_frame::{ColorModel, Frame, Samples};

use crate::set::files::Unread;

/// A frame's luma in 8-bit codes, as flow estimation takes it.
fn luma(frame: &Frame) -> Plane {
    let (w, h) = (frame.width(), frame.height());
    let unit = 1.0 / f32::from(1_u16 << (frame.format().depth - 8));
    let at = |plane: &ifr_frame::Plane, i: usize| match &plane.samples {
        Samples::U8(v) => f32::from(v[i]) * unit,
        Samples::U16(v) => f32::from(v[i]) * unit,
    };
    match (frame.format().model, frame.planes()) {
        (ColorModel::Rgb, [r, g, b, ..]) => Plane::from_fn(w, h, |x, y| {
            let i = y * w + x;
            0.299 * at(r, i) + 0.587 * at(g, i) + 0.114 * at(b, i)
        }),
        (_, [y, ..]) => Plane::from_fn(w, h, |x, row| at(y, row * w + x)),
        (_, []) => Plane::new(w, h),
    }
}

/// The flows from each target to both frames.
pub(crate) fn labels(
    [first, second]: [&Frame; 2],
    targets: &[Arc<Frame>],
    quality: Quality,
) -> Result<Vec<[FlowField; 2]>, Unread> {
    let (first, second) = (luma(first), luma(second));
    let of = |target: &Arc<Frame>| {
        let target = luma(target);
        Ok([flow(&target, &first, quality)?, flow(&target, &second, quality)?])
    };
    targets.iter().map(of).collect()
}

/// What makes the prior: its preset is the one that networks get when they are used, whatever labels are made with.
pub(crate) fn prior_interpolator() -> FlowInterpolator {
    FlowInterpolator::with_options(FlowOptions { quality: Quality::Standard, pool: None })
}

/// What the classical method makes of the two frames at each t.
pub(crate) fn priors(
    interpolator: &mut FlowInterpolator,
    [first, second]: [&Arc<Frame>; 2],
    times: &[f32],
) -> Result<Vec<Prior>, Unread> {
    let mut pair = interpolator.prior(first, second)?;
    Ok(times.iter().map(|&t| pair.at(t)).collect::<Result<_, _>>()?)
}

/// The labels of one triplet from the tree of `.flo` files, which have the frame's size.
pub(crate) fn from_tree(tree: &Path, name: &str, frame: &Frame) -> Result<[FlowField; 2], Unread> {
    let one = |file: &str| {
        let path = tree.join(name).join(file);
        let field = open_flo(&path).map_err(|e| Unread::Fault(format!("{}: {e}", path.display())))?;
        let (found, expected) = ((field.width(), field.height()), (frame.width(), frame.height()));
        if found != expected {
            return Err(Unread::Fault(format!(
                "{}: a field of {}x{}; expected the images' {}x{}",
                path.display(),
                found.0,
                found.1,
                expected.0,
                expected.1
            )));
        }
        // The format writes "unknown" as displacements above 10⁹, and nothing forbids other nonsense.
        if field.u().iter().chain(field.v()).any(|v| v.is_nan() || v.abs() >= 1e9) {
            return Err(Unread::Fault(format!(
                "{}: it holds displacements that are unknown",
                path.display()
            )));
        }
        Ok(field)
    };
    Ok([one("flow_t0.flo")?, one("flow_t1.flo")?])
}
