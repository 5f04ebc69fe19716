//! The header's C tag: layout and siting.

use ifr_frame::{ChromaSiting, ColorModel, PixelFormat, Subsampling};

/// 4:1:1: a quarter horizontally.
const S411: Subsampling = Subsampling { log2_x: 2, log2_y: 0 };

/// Layout and siting of a C tag's value (`420jpeg`, `422p10`, `mono`, …); `None` for an unknown one.
pub(crate) fn parse(tag: &str) -> Option<(PixelFormat, ChromaSiting)> {
    let yuv = |subsampling, siting| Some((PixelFormat::yuv(subsampling, 8), siting));
    match tag {
        "420" | "420jpeg" => return yuv(Subsampling::S420, ChromaSiting::Center),
        "420mpeg2" => return yuv(Subsampling::S420, ChromaSiting::Left),
        "420paldv" => return yuv(Subsampling::S420, ChromaSiting::TopLeft),
        "422" => return yuv(Subsampling::S422, ChromaSiting::Unspecified),
        "411" => return yuv(S411, ChromaSiting::Unspecified),
        "444" => return yuv(Subsampling::S444, ChromaSiting::Unspecified),
        "444alpha" => {
            let format = PixelFormat { alpha: true, ..PixelFormat::YUV444P8 };
            return Some((format, ChromaSiting::Unspecified));
        }
        "mono" => return Some((PixelFormat::GRAY8, ChromaSiting::Unspecified)),
        _ => {}
    }
    let depth = |text: &str| match text.as_bytes() {
        [b'9'] | [b'1', b'0'..=b'6'] => text.parse::<u8>().ok(),
        _ => None,
    };
    if let Some(bits) = tag.strip_prefix("mono") {
        let format = PixelFormat { depth: depth(bits)?, ..PixelFormat::GRAY8 };
        return Some((format, ChromaSiting::Unspecified));
    }
    let (layout, bits) = tag.split_once('p')?;
    let subsampling = match layout {
        "420" => Subsampling::S420,
        "422" => Subsampling::S422,
        "444" => Subsampling::S444,
        _ => return None,
    };
    Some((PixelFormat::yuv(subsampling, depth(bits)?), ChromaSiting::Unspecified))
}

/// The C tag's value for a layout and siting; `None` where there is none.
pub(crate) fn tag(format: PixelFormat, siting: ChromaSiting) -> Option<String> {
    let PixelFormat { model, depth, alpha } = format;
    let name = match model {
        ColorModel::Yuv(Subsampling::S444) if alpha && depth == 8 => return Some("444alpha".to_owned()),
        _ if alpha => return None,
        ColorModel::Gray if depth == 8 => return Some("mono".to_owned()),
        ColorModel::Gray => return Some(format!("mono{depth}")),
        ColorModel::Yuv(Subsampling::S420) if depth == 8 => {
            // An unspecified siting counts as left.
            let tag = match siting {
                ChromaSiting::Center | ChromaSiting::Top | ChromaSiting::Bottom => "420jpeg",
                ChromaSiting::TopLeft | ChromaSiting::BottomLeft => "420paldv",
                ChromaSiting::Left | ChromaSiting::Unspecified => "420mpeg2",
            };
            return Some(tag.to_owned());
        }
        ColorModel::Yuv(Subsampling::S420) => "420",
        ColorModel::Yuv(Subsampling::S422) => "422",
        ColorModel::Yuv(Subsampling::S444) => "444",
        ColorModel::Yuv(s) if s == S411 && depth == 8 => "411",
        ColorModel::Yuv(_) | ColorModel::Rgb => return None,
    };
    Some(if depth == 8 { name.to_owned() } else { format!("{name}p{depth}") })
}
