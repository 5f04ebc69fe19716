//! What is kept of a source's streams for the sink, which works without the source.

use ifr_frame::Time;

use super::av::{Chapter, Kind, Params, Rational, SideData, StreamView};

/// A stream that may be taken along.
pub(crate) struct OtherStream {
    /// Its index in the source.
    pub(crate) index: usize,
    pub(crate) params: Params,
    pub(crate) time_base: Rational,
    /// Packets a second, where the container says: time code tracks need it.
    pub(crate) rate: Rational,
    pub(crate) disposition: i32,
    pub(crate) metadata: Vec<(String, String)>,
    pub(crate) side_data: Vec<SideData>,
    pub(crate) attached_picture: bool,
    /// The coded picture, where it is an attached one.
    pub(crate) picture: Vec<u8>,
}

/// All that a sink takes along.
#[derive(Default)]
pub(crate) struct Streams {
    pub(crate) others: Vec<OtherStream>,
    pub(crate) chapters: Vec<Chapter>,
    pub(crate) metadata: Vec<(String, String)>,
    /// Metadata, disposition and lasting side data of the video stream.
    pub(crate) video_metadata: Vec<(String, String)>,
    pub(crate) video_disposition: i32,
    pub(crate) video_side_data: Vec<SideData>,
    /// When the first frame shows.
    pub(crate) start: Option<Time>,
}

impl OtherStream {
    pub(crate) fn new(index: usize, view: StreamView) -> Self {
        Self {
            index,
            attached_picture: view.is_attached_picture(),
            picture: view.picture,
            params: view.params,
            time_base: view.time_base,
            rate: view.rates[0],
            disposition: view.disposition,
            metadata: view.metadata,
            side_data: view.side_data,
        }
    }

    /// Whether it is the text track that holds an MP4's chapters, which muxers make anew from the chapters.
    pub(crate) fn is_chapter_track(&self) -> bool {
        self.params.kind() == Kind::Data && self.params.tag() == *b"text"
    }

    /// One line for people, e.g. `audio aac 48000 Hz stereo (eng)`.
    pub(crate) fn describe(&self) -> String {
        let p = &self.params;
        let mut text = match p.kind() {
            _ if self.attached_picture => {
                let (w, h) = p.size();
                format!("picture {} {w}x{h}", p.codec_name())
            }
            Kind::Audio => {
                format!("audio {} {} Hz {}", p.codec_name(), p.sample_rate(), p.layout())
            }
            Kind::Data if p.codec_name() == "none" && p.tag().iter().all(u8::is_ascii_graphic) => {
                format!("data {}", String::from_utf8_lossy(&p.tag()))
            }
            kind => format!("{kind} {}", p.codec_name()),
        };
        let find = |key: &str| {
            let found = self.metadata.iter().find(|(k, _)| k.eq_ignore_ascii_case(key));
            found.map(|(_, v)| v.as_str()).filter(|v| !v.is_empty() && *v != "und")
        };
        if let Some(name) = find("filename") {
            text += &format!(" '{name}'");
        }
        if let Some(language) = find("language") {
            text += &format!(" ({language})");
        }
        text
    }
}
