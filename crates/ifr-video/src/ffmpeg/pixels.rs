//! Samples between FFmpeg's many layouts and the planar ones of [`Frame`], without changing a bit.

use ifr_frame::{ColorDescription, ColorModel, Frame, PixelFormat, Samples, Subsampling};

use super::av::{AvError, AvFrame, Component, PixFmt};

/// The layout of frames whose samples are those of `format`; `None` where samples must be computed first (several
/// pixels a byte, unequal or less than 8 bits, palettes, Bayer patterns, floats).
pub(super) fn layout_of(format: PixFmt) -> Option<PixelFormat> {
    if !format.is_plain() || format.has_palette() {
        return None;
    }
    let components = format.components();
    let depth = u8::try_from(components.first()?.depth).ok()?;
    let even = components.iter().all(|c| c.depth == u32::from(depth));
    if !even || !(8..=16).contains(&depth) {
        return None;
    }
    let (log2_x, log2_y) = format.chroma_shift();
    let model = match components.len() {
        1 | 2 => ColorModel::Gray,
        _ if format.is_rgb() => ColorModel::Rgb,
        _ if log2_x <= 2 && log2_y <= 2 => ColorModel::Yuv(Subsampling { log2_x, log2_y }),
        _ => return None,
    };
    let alpha = matches!(components.len(), 2 | 4);
    Some(PixelFormat { model, depth, alpha })
}

/// FFmpeg's planar format of this layout.
pub(super) fn planar(layout: PixelFormat) -> Option<PixFmt> {
    let endian = if cfg!(target_endian = "big") { "be" } else { "le" };
    let depth = match layout.depth {
        8 => String::new(),
        d => format!("{d}{endian}"),
    };
    let a = if layout.alpha { "a" } else { "" };
    let name = match layout.model {
        ColorModel::Gray if layout.alpha && layout.depth == 8 => "ya8".to_owned(),
        ColorModel::Gray if layout.alpha => format!("ya{depth}"),
        ColorModel::Gray => format!("gray{depth}"),
        ColorModel::Rgb => format!("gbr{a}p{depth}"),
        ColorModel::Yuv(s) => {
            let digits = match (s.log2_x, s.log2_y) {
                (1, 1) => "420",
                (1, 0) => "422",
                (0, 0) => "444",
                (0, 1) => "440",
                (2, 0) => "411",
                (2, 2) => "410",
                _ => return None,
            };
            format!("yuv{a}{digits}p{depth}")
        }
    };
    PixFmt::by_name(&name).filter(|&f| layout_of(f) == Some(layout))
}

/// The layout nearest to a format that has none of its own, for conversion by libswscale.
pub(super) fn substitute(format: PixFmt) -> Option<PixFmt> {
    let names: &[&str] = if format.name() == "uyyvyy411" {
        &["yuv411p"]
    } else if format.is_float() {
        &["gray16", "gbrp16", "gbrap16"]
    } else {
        &["gray", "gbrp", "gbrap", "gbrp16", "gbrap16", "yuv444p"]
    };
    let native = |name: &&str| PixFmt::by_name(name);
    let list: Vec<PixFmt> = names.iter().filter_map(native).collect();
    format.nearest(&list).map(|(nearest, _)| nearest)
}

/// A decoded picture as a frame of `layout`, which must be [`layout_of`] its format (or RGB for a palette).
/// `None` when the picture is not as large as it says.
pub(super) fn read(picture: &AvFrame, layout: PixelFormat, color: ColorDescription) -> Option<Frame> {
    let (width, height) = (picture.width(), picture.height());
    let planes = if let Some(palette) = picture.palette() {
        read_palette(picture, &palette, layout)?
    } else {
        let format = picture.format();
        let (components, big_endian) = (format.components(), format.is_big_endian());
        if components.len() != layout.planes() {
            return None;
        }
        let plane = |(i, component): (usize, &Component)| {
            let (w, h) = layout.plane_size(i, width, height);
            read_component(picture, *component, w, h, big_endian)
        };
        components.iter().enumerate().map(plane).collect::<Option<Vec<Samples>>>()?
    };
    Frame::new(layout, width, height, planes, color).ok()
}

fn read_component(picture: &AvFrame, c: Component, w: usize, h: usize, big_endian: bool) -> Option<Samples> {
    let mask = ((1_u32 << c.depth) - 1) as u16;
    if c.depth == 8 && c.shift == 0 {
        let mut samples = Vec::with_capacity(w * h);
        for y in 0..h {
            let row = picture.row(c.plane, y)?.get(c.offset..)?;
            if c.step == 1 {
                samples.extend_from_slice(row.get(..w)?);
            } else {
                // The last sample must be there; those before it then are.
                row.get((w - 1) * c.step)?;
                samples.extend(row.iter().step_by(c.step).take(w));
            }
        }
        return Some(Samples::U8(samples));
    }
    let mut samples = Vec::with_capacity(w * h);
    for y in 0..h {
        let row = picture.row(c.plane, y)?.get(c.offset..)?;
        let last = (w - 1) * c.step;
        row.get(last..last + 2)?;
        let pairs = row.chunks(c.step).take(w).map(|b| [b[0], b[1]]);
        if big_endian {
            samples.extend(pairs.map(|b| (u16::from_be_bytes(b) >> c.shift) & mask));
        } else {
            samples.extend(pairs.map(|b| (u16::from_le_bytes(b) >> c.shift) & mask));
        }
    }
    Some(if c.depth == 8 {
        Samples::U8(samples.into_iter().map(|s| s as u8).collect())
    } else {
        Samples::U16(samples)
    })
}

fn read_palette(picture: &AvFrame, palette: &[u32; 256], layout: PixelFormat) -> Option<Vec<Samples>> {
    let (width, height) = (picture.width(), picture.height());
    let mut planes = vec![Vec::with_capacity(width * height); layout.planes()];
    for y in 0..height {
        let row = picture.row(0, y)?.get(..width)?;
        for (plane, shift) in planes.iter_mut().zip([16, 8, 0, 24]) {
            plane.extend(row.iter().map(|&i| (palette[usize::from(i)] >> shift) as u8));
        }
    }
    Some(planes.into_iter().map(Samples::U8).collect())
}

/// A frame as a picture of `format`, whose [`layout_of`] must be the frame's.
pub(super) fn write(frame: &Frame, format: PixFmt) -> Result<AvFrame, AvError> {
    let size = |v: usize| i32::try_from(v).map_err(|_| AvError::INVALID_ARGUMENT);
    let mut picture = AvFrame::picture(format, size(frame.width())?, size(frame.height())?)?;
    let big_endian = format.is_big_endian();
    let components = format.components();
    // Packed pixels may have unused bytes, words unused bits: new pictures hold what memory held before.
    let covers = |c: &Component| (c.depth == 8 && c.step == 1) || (c.depth == 16 && c.step == 2);
    let all_covered = components.iter().all(covers);
    for (i, (plane, c)) in frame.planes().iter().zip(&components).enumerate() {
        let is_first = components[..i].iter().all(|before| before.plane != c.plane);
        for y in 0..plane.height {
            let row = picture.row_mut(c.plane, y).ok_or(AvError::INVALID_ARGUMENT)?;
            if is_first && !all_covered {
                row.fill(0);
            }
            let range = y * plane.width..(y + 1) * plane.width;
            match &plane.samples {
                Samples::U8(samples) => write_bytes(&samples[range], row, *c),
                Samples::U16(samples) => write_words(&samples[range], row, *c, big_endian),
            }
            .ok_or(AvError::INVALID_ARGUMENT)?;
        }
    }
    picture.set_color(frame.color());
    Ok(picture)
}

fn write_bytes(samples: &[u8], row: &mut [u8], c: Component) -> Option<()> {
    let row = row.get_mut(c.offset..)?;
    if c.step == 1 {
        row.get_mut(..samples.len())?.copy_from_slice(samples);
        return Some(());
    }
    row.get((samples.len() - 1) * c.step)?;
    row.iter_mut().step_by(c.step).zip(samples).for_each(|(to, &from)| *to = from);
    Some(())
}

fn write_words(samples: &[u16], row: &mut [u8], c: Component, big_endian: bool) -> Option<()> {
    let row = row.get_mut(c.offset..)?;
    let last = (samples.len() - 1) * c.step;
    row.get(last..last + 2)?;
    for (to, &from) in row.chunks_mut(c.step).zip(samples) {
        // Components may share bytes (ten bits each in four bytes), so that bits are added to what is there.
        let old =
            if big_endian { u16::from_be_bytes([to[0], to[1]]) } else { u16::from_le_bytes([to[0], to[1]]) };
        let mask = (((1_u32 << c.depth) - 1) << c.shift) as u16;
        let new = (old & !mask) | ((from << c.shift) & mask);
        let bytes = if big_endian { new.to_be_bytes() } else { new.to_le_bytes() };
        to[..2].copy_from_slice(&bytes);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(layout: PixelFormat, width: usize, height: usize) -> Frame {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as u16 & layout.max_code()
        };
        let plane = |i| {
            let (w, h) = layout.plane_size(i, width, height);
            let samples: Vec<u16> = (0..w * h).map(|_| next()).collect();
            match layout.depth {
                8 => Samples::U8(samples.into_iter().map(|s| s as u8).collect()),
                _ => Samples::U16(samples),
            }
        };
        let planes = (0..layout.planes()).map(plane).collect();
        Frame::new(layout, width, height, planes, ColorDescription::default()).unwrap()
    }

    #[test]
    fn every_plain_format_keeps_every_sample() {
        let (mut tried, size) = (0, (38, 22));
        for format in PixFmt::all() {
            let Some(layout) = layout_of(format) else { continue };
            let frame = noise(layout, size.0, size.1);
            // The allocator hands the same memory out again: what was in it must not shine through.
            let mut dirty = AvFrame::picture(format, size.0 as i32, size.1 as i32).unwrap();
            for plane in 0..4 {
                (0..size.1).for_each(|y| dirty.row_mut(plane, y).unwrap_or_default().fill(0xff));
            }
            drop(dirty);
            let picture = write(&frame, format).unwrap();
            let back = read(&picture, layout, ColorDescription::default()).unwrap();
            assert!(back == frame, "{} as {layout}", format.name());
            tried += 1;
        }
        assert!(tried > 100, "{tried}");
    }

    #[test]
    fn ten_bits_lie_high_in_p010() {
        let p010 = PixFmt::by_name("p010le").unwrap();
        let layout = layout_of(p010).unwrap();
        assert_eq!(layout, PixelFormat::yuv(Subsampling::S420, 10));
        let frame = noise(layout, 4, 2);
        let picture = write(&frame, p010).unwrap();
        let first = frame.planes()[0].as_u16().unwrap()[0];
        assert_eq!(picture.row(0, 0).unwrap()[..2], (first << 6).to_le_bytes());
    }

    #[test]
    fn our_layouts_have_planar_formats() {
        for name in
            ["yuv420p", "yuv422p12", "gbrp", "gbrap", "gbrp10", "gray", "gray10", "ya8", "ya16", "yuva444p16"]
        {
            let format = PixFmt::by_name(name).unwrap();
            assert_eq!(planar(layout_of(format).unwrap()), Some(format), "{name}");
        }
        let odd = PixelFormat { model: ColorModel::Gray, depth: 11, alpha: false };
        assert!(planar(odd).is_none());
    }
}
