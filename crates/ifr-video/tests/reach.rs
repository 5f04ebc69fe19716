//! What a file may reach beyond itself: nothing on its own word; by the protocols that were allowed, what it names.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use ifr_video::{Item, OpenOptions, VideoError};
use support::{clip, ffmpeg};

/// Frames of what `path` names, with these protocols allowed.
fn frames(path: &Path, protocols: &[&str]) -> Result<usize, VideoError> {
    let protocols = protocols.iter().map(|&name| name.to_owned()).collect();
    let mut source = ifr_video::open(path, &OpenOptions { protocols, ..OpenOptions::default() })?;
    let mut count = 0;
    while let Some(item) = source.next()? {
        count += usize::from(matches!(item, Item::Frame(_)));
    }
    Ok(count)
}

/// A server of one file, whatever is asked for, one caller after the other. It counts them.
struct Server {
    address: SocketAddr,
}

impl Server {
    fn new(file: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // It ends with the process.
        thread::spawn(move || {
            let mut callers = 0_usize;
            for mut stream in listener.incoming().flatten() {
                callers += 1;
                let mut request = [0; 4096];
                let answer = match stream.read(&mut request) {
                    Ok(5) if request.starts_with(b"COUNT") => {
                        let others = std::mem::take(&mut callers) - 1;
                        others.to_string().into_bytes()
                    }
                    Ok(1..) => {
                        let length = file.len();
                        let head = format!(
                            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
                        );
                        [head.as_bytes(), &file].concat()
                    }
                    // Whoever says nothing, or hangs up, gets nothing.
                    _ => continue,
                };
                let _ = stream.write_all(&answer);
            }
        });
        Self { address }
    }

    /// How many called since this was last asked.
    fn callers(&self) -> usize {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(b"COUNT").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.parse().unwrap()
    }
}

/// A folder with `other.ts`, a video of 10 frames, and its server.
fn scene() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let other = clip(
        folder.path(),
        "other.ts",
        "-f lavfi -i testsrc2=size=64x48:rate=10:duration=1 -c:v mpeg2video -f mpegts",
    );
    let server = Server::new(fs::read(other).unwrap());
    (folder, server)
}

fn play_list(what: &str) -> String {
    format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\n{what}\n#EXT-X-ENDLIST\n"
    )
}

fn concat(what: &str) -> String {
    format!("ffconcat version 1.0\nfile {what}\nduration 1\n")
}

fn manifest(what: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" mediaPresentationDuration=\"PT1S\" \
         profiles=\"urn:mpeg:dash:profile:isoff-main:2011\"><Period><AdaptationSet mimeType=\"video/mp4\"><Representation id=\"1\" \
         bandwidth=\"1\"><BaseURL>{what}</BaseURL></Representation></AdaptationSet></Period></MPD>\n"
    )
}

fn session(port: u16) -> String {
    format!(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video {port} RTP/AVP 96\na=rtpmap:96 H264/90000\n"
    )
}

#[test]
fn lists_are_not_followed_on_their_own_word() {
    let (folder, server) = scene();
    let address = format!("http://{}/other.ts", server.address);
    let beside = folder.path().join("other.ts");
    for (name, text) in [
        ("near.m3u8", play_list("other.ts")),
        ("file.m3u8", play_list(&format!("file:{}", beside.display()))),
        ("far.m3u8", play_list(&address)),
        // A name that says otherwise changes nothing.
        ("near.mp4", play_list("other.ts")),
        ("near.ffconcat", concat("other.ts")),
        ("far.ffconcat", concat(&address)),
        ("near.txt", concat("other.ts")),
        ("near.mpd", manifest("other.ts")),
        ("far.mpd", manifest(&address)),
        ("call.sdp", session(server.address.port())),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let error = frames(&path, &[]).expect_err(name).to_string();
        assert!(
            error.contains("a list of other files") && error.contains("--allow-protocols"),
            "{name}: {error}"
        );
        assert_eq!(server.callers(), 0, "{name}");
    }
    // An address is the name of a file that is not there.
    let error = frames(Path::new(&address), &[]).unwrap_err();
    assert!(matches!(error, VideoError::Io { action: "open", .. }), "{error}");
    assert_eq!(server.callers(), 0);
}

#[test]
fn lists_are_followed_as_far_as_allowed() {
    let (folder, server) = scene();
    let address = format!("http://{}/other.ts", server.address);
    let at = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    assert_eq!(frames(&at("near.m3u8", play_list("other.ts")), &["file"]).unwrap(), 10);
    assert_eq!(frames(&at("near.ffconcat", concat("other.ts")), &["file"]).unwrap(), 10);
    let far = at("far.m3u8", play_list(&address));
    assert!(frames(&far, &["file"]).is_err());
    assert!(frames(&at("far.ffconcat", concat(&address)), &["file"]).is_err());
    assert_eq!(server.callers(), 0);
    assert_eq!(frames(&far, &["http"]).unwrap(), 10);
    assert!(server.callers() > 0);
    assert_eq!(frames(Path::new(&address), &["http"]).unwrap(), 10);
    assert!(server.callers() > 0);
    assert!(frames(Path::new(&address), &["https"]).is_err());
    assert_eq!(server.callers(), 0);
}

#[test]
fn text_beside_the_picture_is_not_followed() {
    let (folder, server) = scene();
    // Subtitles and metadata may say what they like.
    let words = folder.path().join("words.srt");
    let text = format!("1\n00:00:00,000 --> 00:00:01,000\nhttp://{}/a.m3u8 file:other.ts\n", server.address);
    fs::write(&words, text).unwrap();
    let both = folder.path().join("both.mkv");
    ffmpeg(
        "-i {} -i {} -map 0 -map 1 -c:v copy -c:s srt {}",
        &[&folder.path().join("other.ts"), &words, &both],
    );
    assert_eq!(frames(&both, &[]).unwrap(), 10);
    assert_eq!(server.callers(), 0);
}

/// A QuickTime file whose samples lie in another file by its own word: its data reference becomes a Macintosh alias record.
fn referring(whole: &[u8], to: &Path) -> Vec<u8> {
    let path = to.to_str().unwrap();
    let mut alias = b"alis\0\0\0\0".to_vec();
    // Volume and file name, which only matter for relative paths, and what stands between.
    alias.extend([0; 10 + 1 + 27 + 12 + 1 + 63 + 16 + 4 + 16]);
    alias.extend([0, 2]);
    alias.extend(u16::try_from(path.len()).unwrap().to_be_bytes());
    alias.extend(path.as_bytes());
    alias.resize(alias.len() + path.len() % 2, 0);
    alias.extend([0xFF, 0xFF, 0, 0]);
    let entry = [&u32::try_from(alias.len() + 4).unwrap().to_be_bytes(), alias.as_slice()].concat();
    let last = |name: &[u8], end: usize| whole[..end].windows(4).rposition(|w| w == name).unwrap();
    let dref = last(b"dref", whole.len());
    // Header, version and number of entries stay; the one entry, of twelve bytes, goes.
    let (start, end) = (dref + 12, dref + 24);
    let mut bytes = [&whole[..start], &entry, &whole[end..]].concat();
    for name in [b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"] {
        let at = last(name, dref + 4) - 4;
        let size = u32::from_be_bytes(whole[at..at + 4].try_into().unwrap());
        let grown = size + u32::try_from(entry.len()).unwrap() - 12;
        bytes[at..at + 4].copy_from_slice(&grown.to_be_bytes());
    }
    bytes
}

#[test]
fn references_to_other_files_are_not_followed() {
    let (folder, _) = scene();
    let source = "-f lavfi -i testsrc2=size=64x48:rate=10:duration=1 -c:v mjpeg";
    let whole = clip(folder.path(), "whole.mov", source);
    let path = folder.path().join("referring.mov");
    fs::write(&path, referring(&fs::read(&whole).unwrap(), &whole)).unwrap();
    // Who follows such references finds them.
    let asked =
        "-enable_drefs 1 -use_absolute_path 1 -count_frames -show_entries stream=nb_read_frames -of csv=p=0";
    assert_eq!(support::ffprobe(asked, &path).trim(), "10");
    let error = frames(&path, &[]).unwrap_err().to_string();
    assert!(error.contains("without a picture that can be decoded"), "{error}");
}

#[test]
fn the_number_of_streams_is_limited() {
    let (folder, _) = scene();
    let many = folder.path().join("many.mkv");
    let other = folder.path().join("other.ts");
    ffmpeg("-i {} -map 0 -map 0 -map 0 -map 0 -c copy {}", &[&other, &many]);
    let open = |max_streams| {
        ifr_video::open(&many, &OpenOptions { max_streams, ..OpenOptions::default() }).map(drop)
    };
    assert!(open(4).is_ok());
    assert!(open(3).is_err());
}

/// A QuickTime file whose index points to the same megabyte again and again: it unpacks to 44 MB, and could to any size.
#[test]
fn data_that_is_repeated_without_end_is_cut_off() {
    const FRAME: usize = 96 * 64 * 2;
    let folder = tempfile::tempdir().unwrap();
    let source = "-f lavfi -i color=size=96x64:rate=100:duration=36";
    let path =
        clip(folder.path(), "a.mov", &format!("{source} -c:v rawvideo -pix_fmt uyvy422 -movflags faststart"));
    let mut bytes = fs::read(&path).unwrap();
    let found = |bytes: &[u8], name: &[u8]| bytes.windows(4).position(|w| w == name).unwrap();
    let number = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let index = found(&bytes, b"stco");
    let (count, first, second) =
        (number(&bytes, index + 8), number(&bytes, index + 12), number(&bytes, index + 16));
    assert!(count > 20);
    for i in 1..count {
        bytes.copy_within(index + 12..index + 16, index + 12 + 4 * i);
    }
    // Only the first piece of the data is left.
    assert!(found(&bytes, b"mdat") < first && first < second);
    bytes.truncate(second);
    fs::write(&path, &bytes).unwrap();
    let mut source = ifr_video::open(&path, &OpenOptions::default()).unwrap();
    let mut frames = 0;
    while let Some(item) = source.next().unwrap() {
        frames += usize::from(matches!(item, Item::Frame(_)));
    }
    let limit = (bytes.len() * 16 + (16 << 20)) / FRAME;
    assert!(
        frames > limit * 9 / 10 && frames <= limit && limit < 3500,
        "{frames} frames, of {limit} at most"
    );
    assert!(source.notices().iter().any(|n| n.contains("repeats its own data")), "{:?}", source.notices());
}

#[test]
fn what_could_not_be_read_is_no_end() {
    let (folder, _server) = scene();
    let file = fs::read(folder.path().join("other.ts")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/other.ts", listener.local_addr().unwrap());
    let length = file.len();
    // Promises all, and hangs up after two thirds.
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            let _ = stream.write_all(&[head.as_bytes(), &file[..length * 2 / 3]].concat());
        }
    });
    let found = frames(Path::new(&address), &["http"]);
    assert!(matches!(found, Err(VideoError::Io { action: "read", .. })), "{found:?}");
    // A file that is merely shorter ends early.
    let short = folder.path().join("short.ts");
    let bytes = fs::read(folder.path().join("other.ts")).unwrap();
    fs::write(&short, &bytes[..length * 2 / 3]).unwrap();
    assert!((1..10).contains(&frames(&short, &[]).unwrap()));
}
