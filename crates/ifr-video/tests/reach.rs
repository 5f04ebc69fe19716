//! What a file may reach beyond itself: nothing on its own word; by the protocols that were allowed, what it names.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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

/// A server of one file, whatever is asked for. It counts its callers.
struct Server {
    address: SocketAddr,
    callers: Arc<AtomicUsize>,
}

impl Server {
    fn new(file: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let callers = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&callers);
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                serve(stream, &file);
            }
        });
        Self { address, callers }
    }

    fn callers(&self) -> usize {
        // Connections that were made before this one are counted before it is.
        drop(TcpStream::connect(self.address).unwrap());
        while self.callers.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        self.callers.swap(0, Ordering::SeqCst) - 1
    }
}

fn serve(mut stream: TcpStream, file: &[u8]) {
    let mut request = [0; 4096];
    // Whoever says nothing, or hangs up, gets nothing.
    if stream.read(&mut request).is_ok_and(|n| n > 0) {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", file.len());
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(file));
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
