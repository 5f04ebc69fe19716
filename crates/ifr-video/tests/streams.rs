//! Sound, subtitles, attachments, chapters and metadata come along as they are, or stretched with the video.
#![cfg(feature = "ffmpeg")]
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod support;

use std::path::{Path, PathBuf};

use ifr_frame::{Frame, PixelFormat, Time};
use ifr_video::{OutputOptions, PcmTrack};
use support::{clip, copy, ffmpeg, ffprobe, open, options};

const VIDEO: &str = "-f lavfi -i testsrc2=size=160x96:rate=25:duration=4";
const SOUND: &str = "-f lavfi -i sine=frequency=440:duration=4:sample_rate=44100";

/// A film with all that Matroska holds.
fn film(folder: &Path) -> PathBuf {
    let text = |name: &str, content: &str| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let subtitles = text(
        "s.srt",
        "1\n00:00:00,500 --> 00:00:01,500\n<i>Hello</i>\n\n2\n00:00:02,000 --> 00:00:03,250\nWorld\n\n",
    );
    let chapters = text(
        "c.txt",
        ";FFMETADATA1\ntitle=The film\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=1500\nEND=4000\ntitle=Two\n",
    );
    let font = text("font.ttf", "not quite a font");
    let path = folder.join("film.mkv");
    ffmpeg(
        &format!(
            "{VIDEO} {SOUND} -i {{}} -i {{}} -map 0 -map 1 -map 2 -map_metadata 3 -map_chapters 3 \
             -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -c:s srt -attach {{}} -metadata:s:t mimetype=application/x-truetype-font \
             -metadata:s:a:0 language=deu -metadata:s:s:0 language=fra -metadata:s:v:0 title=Picture -disposition:s:0 forced {{}}"
        ),
        &[&subtitles, &chapters, &font, &path],
    );
    path
}

/// One hash over all packets of a stream.
fn hash(path: &Path, stream: &str) -> String {
    String::from_utf8(ffmpeg(&format!("-i {{}} -map 0:{stream} -c copy -f streamhash -hash md5 -"), &[path]))
        .unwrap()
}

/// When subtitles appear and vanish, in milliseconds, and all of their text.
fn subtitles(path: &Path) -> (Vec<i64>, String) {
    let text = String::from_utf8(ffmpeg("-i {} -map 0:s -f srt -", &[path])).unwrap();
    let millis = |t: &str| {
        let n: Vec<i64> = t.trim().split([':', ',']).map(|n| n.parse().unwrap()).collect();
        ((n[0] * 60 + n[1]) * 60 + n[2]) * 1000 + n[3]
    };
    let lines = text.lines().filter_map(|l| l.split_once("-->"));
    (lines.flat_map(|(a, b)| [millis(a), millis(b)]).collect(), text)
}

fn packets(path: &Path, stream: &str, what: &str) -> Vec<String> {
    let text = ffprobe(&format!("-select_streams {stream} -show_entries packet={what} -of csv=p=0"), path);
    text.lines().map(|l| l.trim_end_matches(',').to_owned()).collect()
}

#[test]
fn everything_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let from = film(folder.path());
    let info = open(&from).info().clone();
    assert_eq!(
        info.others,
        ["audio aac 44100 Hz mono (deu)", "subtitle subrip (fra)", "attachment ttf 'font.ttf'"]
    );
    assert_eq!(info.chapters, 2);
    let to = folder.path().join("out.mkv");
    let (_, notices) = copy(&from, &to, |_| {}, |t| t).unwrap();
    assert!(notices.is_empty(), "{notices:?}");
    for stream in ["a:0", "s:0"] {
        assert_eq!(hash(&from, stream), hash(&to, stream), "{stream}");
        let what = "pts_time,duration_time,size,flags";
        assert_eq!(packets(&from, stream, what), packets(&to, stream, what), "{stream}");
    }
    let out = open(&to).info().clone();
    assert_eq!(out.others, info.others);
    let chapters = |p: &Path| ffprobe("-show_chapters -of csv", p);
    assert_eq!(chapters(&from), chapters(&to));
    let tags = ffprobe(
        "-show_entries format_tags=title:stream_tags=language,title:stream_disposition=forced -of csv",
        &to,
    );
    for part in ["The film", "deu", "fra", "Picture"] {
        assert!(tags.contains(part), "{part}: {tags}");
    }
    assert_eq!(
        ffprobe("-select_streams s:0 -show_entries stream_disposition=forced -of csv=p=0", &to).trim(),
        "1"
    );
}

#[test]
fn mp4_to_mp4_and_back_keeps_priming_and_packets() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(
        folder.path(),
        "in.mp4",
        &format!("{VIDEO} {SOUND} -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"),
    );
    let decoded = |p: &Path| ffmpeg("-i {} -map 0:a -f streamhash -hash md5 -", &[p]);
    for name in ["out.mp4", "out.mov"] {
        let to = folder.path().join(name);
        copy(&from, &to, |_| {}, |t| t).unwrap();
        assert_eq!(hash(&from, "a:0"), hash(&to, "a:0"), "{name}");
        let what = "pts,dts,duration,size";
        assert_eq!(packets(&from, "a:0", what), packets(&to, "a:0", what), "{name}");
        // The decoder drops the priming samples of both.
        assert_eq!(decoded(&from), decoded(&to), "{name}");
        assert_eq!(support::times(&support::frames(&from)), support::times(&support::frames(&to)));
    }
    let to = folder.path().join("out.mkv");
    copy(&from, &to, |_| {}, |t| t).unwrap();
    assert_eq!(hash(&from, "a:0"), hash(&to, "a:0"));
}

#[test]
fn sound_and_extras_can_be_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let from = film(folder.path());
    let to = folder.path().join("out.mkv");
    let change = |o: &mut OutputOptions| (o.audio, o.extras) = (false, false);
    copy(&from, &to, change, |t| t).unwrap();
    let info = open(&to).info().clone();
    assert!(info.others.is_empty() && info.chapters == 0, "{info:?}");
    copy(&from, &to, |o: &mut OutputOptions| o.audio = false, |t| t).unwrap();
    assert_eq!(open(&to).info().others.len(), 2);
}

#[test]
fn text_subtitles_change_their_form_with_the_container() {
    let folder = tempfile::tempdir().unwrap();
    let from = film(folder.path());
    let to = folder.path().join("out.mp4");
    let (_, notices) = copy(&from, &to, |_| {}, |t| t).unwrap();
    assert!(notices.iter().any(|n| n.contains("mov_text")), "{notices:?}");
    assert!(notices.iter().any(|n| n.contains("attachment") && n.contains("left out")), "{notices:?}");
    let (times, _) = subtitles(&from);
    let (found, text) = subtitles(&to);
    assert_eq!(found, times);
    assert!(text.contains("Hello") && text.contains("World") && !text.contains("<i>"), "{text}");
    // Milliseconds become samples again.
    let lengths = packets(&to, "a:0", "duration");
    let odd: Vec<_> = lengths.iter().filter(|l| *l != "1024").collect();
    assert!(odd.len() <= 3 && lengths.len() > 170, "{odd:?}");
    assert_eq!(hash(&from, "a:0"), hash(&to, "a:0"));
    let chapters = ffprobe("-show_entries chapter=start_time,end_time:chapter_tags=title -of csv=p=0", &to);
    assert!(chapters.contains("1.500000,4.000000,Two"), "{chapters}");
    // And back.
    let back = folder.path().join("back.mkv");
    let (_, notices) = copy(&to, &back, |_| {}, |t| t).unwrap();
    assert!(notices.iter().any(|n| n.contains("subrip")), "{notices:?}");
    let (found, text) = subtitles(&back);
    assert_eq!(found, times);
    assert!(text.contains("\nHello\n") && text.contains("\nWorld\n"), "{text}");
}

#[test]
fn containers_are_chosen_by_what_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let info = open(&film(folder.path())).info().clone();
    let choice = ifr_video::container_for(&info, None);
    assert_eq!((choice.muxer.as_str(), choice.notices.len()), ("matroska", 0));
    let choice = ifr_video::container_for(&info, Some("x.mp4".as_ref()));
    assert_eq!((choice.muxer.as_str(), choice.notices.len()), ("mp4", 0));
}

#[test]
fn cover_art_and_time_codes() {
    let folder = tempfile::tempdir().unwrap();
    let cover = clip(folder.path(), "cover.png", "-f lavfi -i testsrc=size=64x64 -frames:v 1");
    let from = folder.path().join("in.mp4");
    ffmpeg(
        &format!(
            "{VIDEO} -i {{}} -map 0 -map 1 -c:v:0 libx264 -preset ultrafast -pix_fmt yuv420p -c:v:1 copy -disposition:v:1 attached_pic {{}}"
        ),
        &[&cover, &from],
    );
    let source = open(&from);
    assert_eq!(
        (source.info().video.width, source.info().others.as_slice()),
        (160, ["picture png 64x64".to_owned()].as_slice())
    );
    for name in ["out.mp4", "out.mkv"] {
        let to = folder.path().join(name);
        let (_, notices) = copy(&from, &to, |_| {}, |t| t).unwrap();
        assert!(notices.is_empty(), "{name}: {notices:?}");
        let out = open(&to);
        assert_eq!(out.info().video.width, 160, "{name}");
        assert_eq!(out.info().others.len(), 1, "{name}: {:?}", out.info().others);
    }
    let from = clip(
        folder.path(),
        "tc.mov",
        &format!("{VIDEO} -c:v libx264 -preset ultrafast -pix_fmt yuv420p -timecode 01:00:00:00"),
    );
    for name in ["tc_out.mov", "tc_out.mp4"] {
        let to = folder.path().join(name);
        let (_, notices) = copy(&from, &to, |_| {}, |t| t).unwrap();
        assert!(notices.is_empty(), "{name}: {notices:?}");
        assert!(
            ffprobe("-show_entries stream_tags=timecode -of csv=p=0", &to).contains("01:00:00:00"),
            "{name}"
        );
    }
    let to = folder.path().join("tc_out.mkv");
    copy(&from, &to, |_| {}, |t| t).unwrap();
}

#[test]
fn slow_motion_stretches_everything() {
    let folder = tempfile::tempdir().unwrap();
    let from = film(folder.path());
    let length = |p: &Path| {
        let bytes = ffmpeg("-i {} -map 0:a -f s16le -ac 1 -ar 44100 -", &[p]);
        bytes.len() as i64 / 2
    };
    let before = length(&from);
    for (name, stretch) in [("out.mkv", (2, 1)), ("out.mp4", (5, 1)), ("fast.mkv", (1, 2))] {
        let to = folder.path().join(name);
        let factor = |t: Time| t.scaled(stretch.0.into(), stretch.1.into());
        copy(&from, &to, |o: &mut OutputOptions| o.stretch = stretch, factor).unwrap();
        let after = length(&to);
        let expected = before * i64::from(stretch.0) / i64::from(stretch.1);
        assert!((after - expected).abs() <= 1024, "{name}: {after} samples, expected {expected}");
        let codec = ffprobe(
            "-select_streams a -show_entries stream=codec_name,sample_rate,channels -of csv=p=0",
            &to,
        );
        assert_eq!(codec.trim(), "aac,44100,1", "{name}");
        let chapters = ffprobe("-show_entries chapter=start_time -of csv=p=0", &to);
        let second = 1.5 * f64::from(stretch.0) / f64::from(stretch.1);
        assert!(chapters.contains(&format!("{second:.6}")), "{name}: {chapters}");
    }
    // Sound that begins before zero (its encoder's priming) moves nothing.
    let millis = |p: &Path, stream| -> Vec<i64> {
        packets(p, stream, "pts").iter().map(|t| t.parse().unwrap()).collect()
    };
    let to = folder.path().join("out.mkv");
    let doubled: Vec<i64> = millis(&from, "s:0").iter().map(|t| t * 2).collect();
    assert_eq!(doubled[0], 1046, "FFmpeg's own file starts 23 ms late");
    assert_eq!(millis(&to, "s:0"), doubled);
    assert_eq!(millis(&to, "v:0")[0], 2 * millis(&from, "v:0")[0]);
}

#[test]
fn generated_sound_lasts_as_long_as_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(
        folder.path(),
        "in.mkv",
        "-f lavfi -i testsrc2=size=160x96:rate=25:duration=2 -c:v ffv1 -pix_fmt yuv420p",
    );
    let info = open(&from).info().clone();
    let samples = (0..2 * 48_000)
        .flat_map(|i| [(i as f32 * 0.05).sin() * 0.4, (i as f32 * 0.07).sin() * 0.4])
        .collect();
    let track = PcmTrack { rate: 48_000, channels: 2, samples };
    for (name, codec) in [("out.mp4", "aac"), ("out.webm", "opus")] {
        let to = folder.path().join(name);
        let mut sink = ifr_video::create_with_sound(&options(&info, &to), track.clone()).unwrap();
        let frame = Frame::black(PixelFormat::YUV420P8, 160, 96, info.video.color).unwrap();
        for i in 0..50 {
            sink.write_frame(&frame, Time::new(i, 25), Some(Time::new(1, 25))).unwrap();
        }
        sink.finish().unwrap();
        let stream = ffprobe(
            "-select_streams a -show_entries stream=codec_name,sample_rate,channels -of csv=p=0",
            &to,
        );
        assert_eq!(stream.trim(), format!("{codec},48000,2"));
        let decoded = ffmpeg("-i {} -map 0:a -f s16le -", &[&to]).len() as i64 / 4;
        assert!((decoded - 96_000).abs() <= 1100, "{name}: {decoded}");
    }
}

/// Seconds at which each packet of a stream begins.
fn seconds(path: &Path, stream: &str) -> Vec<f64> {
    // Packets with side data have an empty line for it.
    packets(path, stream, "pts_time").iter().filter_map(|t| t.parse().ok()).collect()
}

#[test]
fn priming_moves_nothing_in_matroska() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(
        folder.path(),
        "in.mp4",
        &format!("{VIDEO} {SOUND} -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -ar 48000"),
    );
    let to = folder.path().join("out.mkv");
    copy(&from, &to, |_| {}, |t| t).unwrap();
    assert_eq!(seconds(&to, "v:0")[0], 0.0);
    assert_eq!(seconds(&to, "a:0")[0], -0.021);
    // FFmpeg reads all of it without a word (`-v error` and its exit code).
    let decoded = ffmpeg("-xerror -i {} -map 0:a -f s16le -ac 1 -", &[&to]).len() as i64 / 2;
    assert!((decoded - 4 * 48_000).abs() <= 2048, "{decoded}");
    // Who asks for what FFmpeg does gets it.
    let change =
        |o: &mut OutputOptions| o.encoder_options.push(("avoid_negative_ts".into(), "make_zero".into()));
    copy(&from, &to, change, |t| t).unwrap();
    let (video, sound) = (seconds(&to, "v:0")[0], seconds(&to, "a:0")[0]);
    assert!(sound >= 0.0 && (video - sound - 0.021).abs() < 0.0015, "{video} {sound}");
}

#[test]
fn small_gaps_of_sound_do_not_add_up_in_slow_motion() {
    let folder = tempfile::tempdir().unwrap();
    // Twelve seconds with a hole of 50 or 30 ms in each half second, or pieces that overlap by as much.
    for (name, filter) in [
        ("holes", "aselect='gte(mod(t,0.5),0.05)'"),
        ("narrow", "aselect='gte(mod(t,0.5),0.03)'"),
        ("overlaps", "asetpts='PTS-floor(T/0.5)*0.03/TB'"),
    ] {
        let from = clip(
            folder.path(),
            &format!("{name}.mkv"),
            &format!(
                "-f lavfi -i testsrc2=size=64x48:rate=25:duration=12 -f lavfi -i sine=duration=12:sample_rate=48000 \
                 -af asetnsamples=n=480,{filter} -c:v ffv1 -c:a pcm_s16le"
            ),
        );
        let end = |p: &Path| {
            let last = packets(p, "a:0", "pts_time,duration_time").pop().unwrap();
            last.split(',').map(|t| t.parse::<f64>().unwrap()).sum::<f64>()
        };
        let to = folder.path().join(format!("{name}_out.mkv"));
        copy(&from, &to, |o: &mut OutputOptions| o.stretch = (2, 1), |t| t.scaled(2, 1)).unwrap();
        let (before, after) = (end(&from), end(&to));
        assert!((after - 2.0 * before).abs() < 0.06, "{name}: {before} s became {after} s");
        let samples = ffmpeg("-i {} -map 0:a -f s16le -ac 1 -", &[&to]).len() as f64 / 96_000.0;
        let whole = 2.0 * (before - seconds(&from, "a:0")[0]);
        assert!((samples - whole).abs() < 0.06, "{name}: {whole} s became {samples} s");
    }
}

#[test]
fn rotation_that_gets_lost_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let plain = clip(folder.path(), "plain.mp4", &format!("{VIDEO} -c:v libx264 -preset ultrafast"));
    let turned = folder.path().join("turned.mp4");
    ffmpeg("-i {} -c copy -metadata:s:v rotate=90 {}", &[&plain, &turned]);
    for (from, name, told) in
        [(&turned, "out.mkv", true), (&turned, "out.mov", false), (&plain, "o.mkv", false)]
    {
        let to = folder.path().join(name);
        let (_, notices) = copy(from, &to, |_| {}, |t| t).unwrap();
        let lost = open(&to).info().video.rotation != open(from).info().video.rotation;
        let says = notices.iter().any(|n| n.contains("does not store rotation"));
        assert_eq!(says, lost, "{name}: {notices:?}");
        assert!(says == told || name == "out.mkv", "{name}: {notices:?}");
    }
}

#[test]
fn longer_sound_does_not_make_the_video_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let from = clip(
        folder.path(),
        "in.mkv",
        "-f lavfi -i testsrc2=size=64x48:rate=25:duration=3 -f lavfi -i sine=duration=30 -c:v ffv1 -c:a pcm_s16le",
    );
    let mut source = open(&from);
    assert_eq!((source.info().video.duration, source.info().video.frames), (Some(Time::new(3, 1)), Some(75)));
    while source.next().unwrap().is_some() {}
    assert!(source.notices().is_empty(), "{:?}", source.notices());
}

#[test]
fn times_that_jump_back_are_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    let part = clip(
        folder.path(),
        "part.ts",
        &format!("{VIDEO} {SOUND} -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"),
    );
    let bytes = std::fs::read(part).unwrap();
    let from = folder.path().join("joined.ts");
    std::fs::write(&from, [bytes.as_slice(), bytes.as_slice()].concat()).unwrap();
    let mut source = open(&from);
    while source.next().unwrap().is_some() {}
    let notices = source.notices();
    assert!(notices.iter().any(|n| n.contains("clock starts anew once")), "{notices:?}");
    assert!(!notices.iter().any(|n| n.contains("left out")), "{notices:?}");
    assert!(source.skipped() < 5, "{}", source.skipped());
    for name in ["out.mp4", "out.mkv", "out.ts"] {
        let to = folder.path().join(name);
        copy(&from, &to, |_| {}, |t| t).unwrap();
        assert!(support::frames(&to).len() >= 98, "{name}");
        let times = seconds(&to, "a:0");
        assert!(times.len() > 170 && times.is_sorted(), "{name}");
    }
}
