//! What a file may reach beyond itself: nothing, unless that was asked for.
//!
//! Play lists, edit lists and session descriptions name other files or addresses, which FFmpeg would open in turn. A "video" from
//! elsewhere could thus read this machine's files into its output, or call a server. So kinds of files that consist of such
//! names are refused, and protocols are limited to files and pipes, until [`OpenOptions::protocols`] says otherwise.

use std::path::Path;
use std::sync::OnceLock;

use super::av::{self, Dict, Input};
use crate::{OpenOptions, VideoError, files};

/// FFmpeg's demuxers that open what their file names.
const NAMING: [&str; 12] = [
    "avisynth",
    "concat",
    "dash",
    "hls",
    "imf",
    "rtp",
    "rtsp",
    "sap",
    "sdp",
    "vapoursynth",
    "vobsub",
    "webm_dash_manifest",
];

/// Bytes of a file that are shown to FFmpeg to know its kind; it takes 2048 first itself.
const PROBED: u64 = 4096;

/// Whether a file is a list of others; an error where such lists are not allowed.
pub(super) fn is_list(path: &Path, options: &OpenOptions) -> Result<bool, VideoError> {
    let start = files::first_bytes(path, PROBED);
    let Some(kind) = Input::kind(path, &start).filter(|kind| NAMING.contains(&kind.as_str())) else {
        return Ok(false);
    };
    if !options.protocols.is_empty() {
        return Ok(true);
    }
    Err(VideoError::Unsupported {
        path: path.to_owned(),
        what: format!(
            "it is a list of other files or addresses ({kind}), which are not opened on its word; if it can be trusted, \
             allow the protocols that it needs: --allow-protocols file, or file,http,https"
        ),
    })
}

/// What the demuxer is told.
pub(super) fn demuxer_options(options: &OpenOptions) -> Dict {
    let streams = options.max_streams.to_string();
    let protocols = protocols(options);
    let mut dict = Dict::of([("protocol_whitelist", protocols.as_str()), ("max_streams", streams.as_str())]);
    if options.protocols.is_empty() {
        static HARMLESS: OnceLock<String> = OnceLock::new();
        let harmless = HARMLESS.get_or_init(|| {
            let all = av::demuxers().into_iter();
            all.filter(|name| !NAMING.contains(&name.as_str())).collect::<Vec<_>>().join(",")
        });
        dict.set("format_whitelist", harmless);
    }
    dict
}

/// The protocols as FFmpeg takes them, those included that others are made of.
fn protocols(options: &OpenOptions) -> String {
    let mut all = vec!["file", "pipe"];
    all.extend(options.protocols.iter().map(String::as_str));
    if all.contains(&"http") || all.contains(&"https") {
        all.extend(["tcp", "tls"]);
    }
    all.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_those_asked_for() {
        let of = |names: &[&str]| {
            let protocols = names.iter().map(|&n| n.to_owned()).collect();
            protocols_of(&OpenOptions { protocols, ..OpenOptions::default() })
        };
        fn protocols_of(options: &OpenOptions) -> String {
            super::protocols(options)
        }
        assert_eq!(of(&[]), "file,pipe");
        assert_eq!(of(&["file"]), "file,pipe,file");
        assert_eq!(of(&["https"]), "file,pipe,https,tcp,tls");
        assert_eq!(of(&["rtmp"]), "file,pipe,rtmp");
    }

    #[test]
    fn every_kind_is_known_or_absent() {
        let all = av::demuxers();
        assert!(all.len() > 100 && all.iter().any(|n| n.starts_with("mov,")), "{all:?}");
        for name in ["hls", "concat", "sdp", "rtsp"] {
            assert!(NAMING.contains(&name) && all.iter().any(|n| n == name), "{name}");
        }
    }
}
