//! Where the packets of a source's other streams go in the output.

use super::audio::AudioTrack;
use super::av::{self, AvError, Kind, Muxer, Output, Rational, SideData};
use super::container::{self, Fit};
use super::streams::OtherStream;
use super::text::TextConversion;

/// Where the packets of one stream go.
pub(super) struct Route {
    /// Stream in the output.
    pub(super) to: usize,
    pub(super) time_base: Rational,
    pub(super) kind: Kind,
    pub(super) how: How,
    /// The decoding time of the packet before, as the output counts.
    pub(super) last: Option<i64>,
}

pub(super) enum How {
    Copy,
    /// Sound whose source counts in more than samples: milliseconds, in Matroska.
    Sound {
        params: av::Params,
        last: Option<i64>,
    },
    Text(TextConversion, String),
    /// Decoded, stretched, and encoded again.
    Stretch(Box<AudioTrack>),
}

/// What came of adding a stream.
pub(super) enum Added {
    /// It has a place in the output; people may have to know how.
    Routed(Route, Option<String>),
    /// No packets are written; people may have to know why.
    Left(Option<String>),
}

impl Route {
    /// Adds a stream to the output.
    pub(super) fn add(
        output: &mut Output,
        muxer: Muxer,
        other: &OtherStream,
        stretch: (u32, u32),
    ) -> Result<Added, AvError> {
        let name = format!("stream {} ({})", other.index, other.describe());
        let (kind, time_base) = (other.params.kind(), other.time_base);
        let routed =
            |to, how, notice| Ok(Added::Routed(Self { to, time_base, kind, how, last: None }, notice));
        if kind == Kind::Audio && stretch.0 != stretch.1 {
            return match AudioTrack::add(output, muxer, other, stretch) {
                Ok((to, track, notice)) => routed(to, How::Stretch(Box::new(track)), notice),
                Err(reason) => {
                    let notice = format!("{name} is left out: it cannot be stretched ({reason})");
                    Ok(Added::Left(Some(notice)))
                }
            };
        }
        let add = |output: &mut Output, params: &av::Params, side_data: &[SideData]| {
            output.add_stream(params, time_base, other.disposition, &other.metadata, side_data)
        };
        match container::fit(muxer, other) {
            Fit::Copy => {
                let to = add(output, &other.params, &other.side_data)?;
                if other.rate.is_positive() {
                    output.set_rate(to, other.rate);
                }
                let samples = i64::from(other.params.sample_rate()) * i64::from(time_base.num);
                if kind == Kind::Audio && samples > i64::from(time_base.den) {
                    let params = other.params.duplicate()?;
                    return routed(to, How::Sound { params, last: None }, None);
                }
                routed(to, How::Copy, None)
            }
            Fit::Text(conversion) => {
                let becomes = conversion.params()?;
                let to = add(output, &becomes, &[])?;
                let notice = format!("{name} becomes {}: styles are lost", becomes.codec_name());
                routed(to, How::Text(conversion, other.params.codec_name()), Some(notice))
            }
            Fit::Attach => {
                let params = other.params.attachment(&other.picture)?;
                output.add_stream(&params, time_base, 0, &attached_as(other), &[])?;
                Ok(Added::Left(None))
            }
            Fit::Remade => Ok(Added::Left(None)),
            Fit::Not => Ok(Added::Left(Some(format!("{name} is left out: {} cannot hold it", muxer.name())))),
        }
    }
}

/// Metadata by which players find an attached picture to be the cover.
fn attached_as(picture: &OtherStream) -> Vec<(String, String)> {
    let (extension, kind) = match picture.params.codec_name().as_str() {
        "mjpeg" => ("jpg", "jpeg"),
        "png" => ("png", "png"),
        "bmp" => ("bmp", "bmp"),
        "gif" => ("gif", "gif"),
        "webp" => ("webp", "webp"),
        _ => ("bin", "x-unknown"),
    };
    let mut metadata = picture.metadata.clone();
    for (key, value) in [("filename", format!("cover.{extension}")), ("mimetype", format!("image/{kind}"))] {
        if !metadata.iter().any(|(k, _)| k.eq_ignore_ascii_case(key)) {
            metadata.push((key.to_owned(), value));
        }
    }
    metadata
}

/// A timestamp multiplied by the stretch, to nearest.
pub(super) fn scaled(ticks: i64, (num, den): (u32, u32)) -> i64 {
    if num == den {
        return ticks;
    }
    let product = i128::from(ticks) * i128::from(num) * 2 + i128::from(den);
    i64::try_from(product.div_euclid(2 * i128::from(den))).unwrap_or(i64::MAX)
}
