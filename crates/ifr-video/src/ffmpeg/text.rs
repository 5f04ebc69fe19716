//! Text subtitles from one container's form to another's. The words and their times stay, styles do not.

use super::av::{AvError, Muxer, Packet, Params};

/// What a subtitle stream becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextConversion {
    /// MP4's timed text.
    MovText,
    /// SubRip.
    Subrip,
}

impl TextConversion {
    /// A conversion that lets `muxer` hold the stream, if there is one.
    pub(super) fn choose(params: &Params, muxer: Muxer) -> Option<Self> {
        let from = params.codec_name();
        if !matches!(from.as_str(), "subrip" | "text" | "webvtt" | "ass" | "ssa" | "mov_text") {
            return None;
        }
        [Self::MovText, Self::Subrip].into_iter().find(|c| {
            let becomes = c.params().ok();
            becomes.is_some_and(|p| p.codec_name() != from && muxer.holds_stream(&p) == Some(true))
        })
    }

    /// The parameters of the stream that it becomes.
    pub(super) fn params(self) -> Result<Params, AvError> {
        match self {
            Self::MovText => Params::subtitle(true, &mov_text_header()),
            Self::Subrip => Params::subtitle(false, &[]),
        }
    }

    /// A packet of the stream that it becomes; `None` when there is no text in it.
    pub(super) fn convert(self, packet: &Packet, from: &str) -> Result<Option<Packet>, AvError> {
        let text = plain_text(packet.data(), from);
        if text.is_empty() {
            return Ok(None);
        }
        let bytes = match self {
            Self::Subrip => text.into_bytes(),
            Self::MovText => {
                let mut end = text.len().min(usize::from(u16::MAX));
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                let mut bytes = (end as u16).to_be_bytes().to_vec();
                bytes.extend_from_slice(&text.as_bytes()[..end]);
                bytes
            }
        };
        packet.with_data(&bytes).map(Some)
    }
}

/// The words of a subtitle packet.
fn plain_text(data: &[u8], codec: &str) -> String {
    match codec {
        "mov_text" => {
            let length = data.first_chunk().map_or(0, |b| usize::from(u16::from_be_bytes(*b)));
            let text = data.get(2..).unwrap_or_default();
            String::from_utf8_lossy(&text[..length.min(text.len())]).into_owned()
        }
        "ass" | "ssa" => {
            // Order, layer, style, name, three margins, effect; the text is the rest.
            let line = String::from_utf8_lossy(data);
            let text = line.splitn(9, ',').nth(8).unwrap_or("");
            let text = text.replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ");
            without(&text, '{', '}').trim().to_owned()
        }
        _ => {
            let text = String::from_utf8_lossy(data).replace("\r\n", "\n");
            without(&without(&text, '{', '}'), '<', '>').trim().to_owned()
        }
    }
}

/// The text without what stands between `open` and `close`. An `open` that is never closed stays.
fn without(text: &str, open: char, close: char) -> String {
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, tag)) = rest.split_once(open) {
        let Some((_, after)) = tag.split_once(close) else { break };
        kept.push_str(before);
        rest = after;
    }
    kept + rest
}

/// The sample description of timed text: bottom centre, white, 18 points, sans serif.
fn mov_text_header() -> Vec<u8> {
    let font = b"Sans-Serif";
    let mut header = vec![0; 4]; // display flags
    header.extend([1, 0xff]); // centred, bottom
    header.extend([0; 4 + 8]); // background, box
    header.extend([0, 0, 0, 0, 0, 1, 0, 18, 0xff, 0xff, 0xff, 0xff]); // style of all characters: font 1, size, colour
    header.extend((8 + 2 + 3 + font.len() as u32).to_be_bytes());
    header.extend(b"ftab");
    header.extend([0, 1, 0, 1, font.len() as u8]);
    header.extend(font);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_and_words_stay() {
        assert_eq!(plain_text(b"<i>Hello</i> {\\an8}there\r\n3 < 4", "subrip"), "Hello there\n3 < 4");
        assert_eq!(plain_text(b"0,0,Default,,0,0,0,,{\\b1}One\\NTwo, three", "ass"), "One\nTwo, three");
        assert_eq!(plain_text(&[0, 2, b'o', b'k', 1, 2], "mov_text"), "ok");
        assert_eq!(plain_text(&[0, 200, b'o', b'k'], "mov_text"), "ok");
        assert_eq!(plain_text(&[], "mov_text"), "");
    }
}
