//! `ifr flow`: optical flow between two images, as numbers and as a picture.

use std::path::{Path, PathBuf};

use clap::Parser;
use ifr::flow::{Plane, Quality, colour_flow, flow, save_flo};
use ifr::frame::{ColorDescription, Frame, PixelFormat, RgbImage, Samples};
use ifr::job::Target;
use ifr::video::images;

use super::Failure;
use super::say::say;

/// Optical flow from one image to another: a Middlebury .flo file and a coloured PNG.
///
/// Hue is direction, saturation length; white does not move. The sample at (x, y) of the first image is found at
/// (x + u, y + v) in the second, u to the right, v down, in pixels.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// The first image.
    first: PathBuf,
    /// The second image.
    second: PathBuf,
    /// The .flo file [default: named after both images]; the picture stands beside it with the extension png.
    #[arg(short, long, value_name = "OUT.flo")]
    output: Option<PathBuf>,
    /// Length of the motion that is fully saturated, in pixels [default: the longest].
    #[arg(long, value_name = "PIXELS")]
    max: Option<f32>,
    /// Faster and coarser.
    #[arg(long)]
    fast: bool,
    /// Overwrite existing outputs.
    #[arg(short, long)]
    force: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let stem = |p: &Path| p.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let default = || args.first.with_file_name(format!("{}-{}.flo", stem(&args.first), stem(&args.second)));
    let flo = args.output.clone().unwrap_or_else(default);
    let png = flo.with_extension("png");
    if flo.extension().is_none_or(|e| e != "flo") {
        return Err(Failure::usage(format!(
            "{}: the output is a .flo file; the picture goes beside it",
            flo.display()
        )));
    }
    for (output, input) in
        [(&flo, &args.first), (&flo, &args.second), (&png, &args.first), (&png, &args.second)]
    {
        Target::new(output.clone()).check(input, args.force)?;
    }
    let read = |path: &Path| images::read_image(path).map_err(Failure::input);
    let (a, b) = (luma(&read(&args.first)?.to_rgb()), luma(&read(&args.second)?.to_rgb()));
    let quality = if args.fast { Quality::Fast } else { Quality::Standard };
    let field = flow(&a, &b, quality).map_err(Failure::input)?;
    save_flo(&field, &flo).map_err(Failure::output)?;
    let picture = rgb_frame(field.width(), field.height(), &colour_flow(&field, args.max))?;
    images::write_image(&png, &picture).map_err(Failure::output)?;
    let longest = field.u().iter().zip(field.v()).map(|(u, v)| u.hypot(*v)).fold(0.0, f32::max);
    say!("{} and {}: longest motion {longest:.2} px", flo.display(), png.display());
    Ok(())
}

/// An image's luma in 8-bit codes.
pub(super) fn luma(image: &RgbImage) -> Plane {
    let (r, g, b) = (image.channel(0), image.channel(1), image.channel(2));
    let width = image.width();
    // BT.601 weights, as everybody takes them for images.
    Plane::from_fn(width, image.height(), |x, y| {
        let i = y * width + x;
        255.0 * (0.299 * r[i] + 0.587 * g[i] + 0.114 * b[i])
    })
}

/// Packed 8-bit RGB as an image.
pub(super) fn rgb_image(width: usize, height: usize, packed: &[u8]) -> Result<RgbImage, Failure> {
    let plane = |c: usize| packed.iter().skip(c).step_by(3).map(|&v| f32::from(v) / 255.0);
    RgbImage::new(width, height, (0..3).flat_map(plane).collect()).map_err(Failure::internal)
}

/// Packed 8-bit RGB as a frame.
fn rgb_frame(width: usize, height: usize, packed: &[u8]) -> Result<Frame, Failure> {
    let plane = |c: usize| Samples::U8(packed.iter().skip(c).step_by(3).copied().collect());
    Frame::new(PixelFormat::RGB8, width, height, vec![plane(0), plane(1), plane(2)], ColorDescription::SRGB)
        .map_err(Failure::internal)
}
