//! Which container the output gets, and which streams fit in it.

use std::path::Path;

use super::av::{Codec, Kind, Muxer};
use super::choice;
use super::streams::OtherStream;
use super::text::TextConversion;
use crate::SourceInfo;

/// The container of an output, as [`container_for`] chooses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerChoice {
    /// The file name's extension, without the dot.
    pub extension: String,
    /// The container by FFmpeg's name.
    pub muxer: String,
    /// What people should be told: why it is not the input's container. Where the name of the output chose it, that
    /// is nothing: the sink tells which streams are left out.
    pub notices: Vec<String>,
}

/// How a stream gets into a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// As it is.
    Copy,
    /// As text of another kind.
    Text(TextConversion),
    /// As an attached file.
    Attach,
    /// Not at all, and nobody misses it: the muxer makes it anew.
    Remade,
    /// Not at all.
    Not,
}

/// Chooses the container for the frames of `source` and its other streams: that of `requested` if a path is given,
/// else the input's if it can hold every stream and the video codec that [`create`](crate::create) would choose, else
/// Matroska, which holds nearly everything.
pub fn container_for(source: &SourceInfo, requested: Option<&Path>) -> ContainerChoice {
    container_for_encoder(source, requested, None)
}

/// As [`container_for`], for an encoder that is already chosen.
pub fn container_for_encoder(
    source: &SourceInfo,
    requested: Option<&Path>,
    encoder: Option<&str>,
) -> ContainerChoice {
    let extension = requested.and_then(Path::extension).and_then(|e| e.to_str());
    if let Some(extension) = extension {
        let extension = extension.to_owned();
        return match muxer_of_extension(&extension) {
            // What it cannot hold, the sink tells.
            Some(muxer) => ContainerChoice { extension, muxer: muxer.name(), notices: Vec::new() },
            None => {
                let notice = format!("no container is known for '.{extension}': it will be Matroska");
                ContainerChoice { extension, muxer: "matroska".to_owned(), notices: vec![notice] }
            }
        };
    }
    let (extension, muxer) = natural(source);
    let mut notices = Vec::new();
    let choice = Muxer::by_name(muxer).filter(|&m| {
        let codec = encoder.and_then(Codec::encoder).or_else(|| choice::default_encoder(source, m));
        let video = codec.is_some_and(|c| choice::holds(m, c));
        if !video {
            notices.push(format!("the output is Matroska: {extension} cannot hold the video"));
        }
        let missing = left_out(source, m);
        if video && !missing.is_empty() {
            notices.push(format!(
                "the output is Matroska, because {extension} cannot hold: {}",
                missing.join("; ")
            ));
        }
        video && missing.is_empty()
    });
    match choice {
        Some(m) => ContainerChoice { extension: extension.to_owned(), muxer: m.name(), notices },
        None => {
            let matroska = Muxer::by_name("matroska");
            let lost = matroska.map(|m| left_out(source, m)).unwrap_or_default();
            notices.extend(lost.iter().map(|s| format!("{s} is left out: matroska cannot hold it")));
            ContainerChoice { extension: "mkv".to_owned(), muxer: "matroska".to_owned(), notices }
        }
    }
}

/// The muxer for an extension. FFmpeg's own table has a few surprises.
pub(super) fn muxer_of_extension(extension: &str) -> Option<Muxer> {
    match extension.to_ascii_lowercase().as_str() {
        "mkv" | "mka" | "mks" => Muxer::by_name("matroska"),
        "m4v" => Muxer::by_name("mp4"),
        lower => Muxer::by_file_name(&format!("x.{lower}")).filter(|m| m.writes_file()),
    }
}

/// Extension and muxer of the container that a source came in, or that suits it.
fn natural(source: &SourceInfo) -> (&'static str, &'static str) {
    let metadata = &source.streams.inner.metadata;
    let brand = metadata.iter().find(|(k, _)| k == "major_brand").map(|(_, v)| v.trim());
    // What encoders for MP4 do not take wants Matroska or QuickTime.
    let rich = choice::is_rich(source.video.format);
    match source.container.split(',').next().unwrap_or("") {
        "mov" if brand == Some("qt") && !choice::wants_matroska(source, true) => ("mov", "mov"),
        "mov" if rich || choice::wants_matroska(source, false) => ("mkv", "matroska"),
        "mov" => ("mp4", "mp4"),
        "mpegts" => ("ts", "mpegts"),
        "flv" => ("flv", "flv"),
        "nut" => ("nut", "nut"),
        "images" | "y4m" | "yuv4mpegpipe" | "webp" | "gif" if !rich => ("mp4", "mp4"),
        // AVI knows neither variable frame rates nor reordered frames.
        _ => ("mkv", "matroska"),
    }
}

/// Which of the source's streams a container cannot hold, one phrase each.
fn left_out(source: &SourceInfo, muxer: Muxer) -> Vec<String> {
    let others = &source.streams.inner.others;
    others
        .iter()
        .filter(|o| fit(muxer, o) == Fit::Not)
        .map(|o| format!("stream {} ({})", o.index, o.describe()))
        .collect()
}

/// Whether and how a stream goes into a container.
pub(super) fn fit(muxer: Muxer, stream: &OtherStream) -> Fit {
    let name = muxer.name();
    let quicktime = matches!(name.as_str(), "mov" | "mp4" | "ipod" | "3gp" | "3g2" | "psp" | "ismv" | "f4v");
    let matroska = matches!(name.as_str(), "matroska" | "webm");
    let params = &stream.params;
    if stream.is_chapter_track() {
        return Fit::Remade;
    }
    match params.kind() {
        Kind::Attachment if name == "matroska" => Fit::Copy,
        Kind::Attachment => Fit::Not,
        Kind::Video if stream.attached_picture => {
            let holds = quicktime && muxer.holds_stream(params) != Some(false);
            let attaches = name == "matroska" && !stream.picture.is_empty();
            if attaches {
                Fit::Attach
            } else if holds {
                Fit::Copy
            } else {
                Fit::Not
            }
        }
        // A time code track is made from the metadata "timecode", which the video stream has too.
        Kind::Data if params.tag() == *b"tmcd" && quicktime => {
            if name == "mov" {
                Fit::Copy
            } else {
                Fit::Remade
            }
        }
        // Of these libavformat does not say that MPEG's transport streams hold them.
        Kind::Subtitle | Kind::Data if name == "mpegts" => {
            let known = ["dvb_subtitle", "dvb_teletext", "klv", "timed_id3"];
            if known.contains(&params.codec_name().as_str()) { Fit::Copy } else { Fit::Not }
        }
        Kind::Data => {
            let known = params.codec_name() != "none" && muxer.holds_stream(params) == Some(true);
            if known && !matroska { Fit::Copy } else { Fit::Not }
        }
        Kind::Subtitle if muxer.holds_stream(params) == Some(true) => Fit::Copy,
        Kind::Subtitle => TextConversion::choose(params, muxer).map_or(Fit::Not, Fit::Text),
        Kind::Audio | Kind::Video if muxer.holds_stream(params) == Some(false) => Fit::Not,
        Kind::Audio | Kind::Video => Fit::Copy,
    }
}
