//! Time, from file to file: parts, rates, fields, pulldown, clocks that start anew, two hours of NTSC.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use common::{ffmpeg, frames, ifr, ifr_fails, ifr_ok, probe, text, times, video};
use ifr::frame::{Frame, Interpolate, InterpolateError, Pair};
use ifr::job::{self, EncoderChoice, Plan, Request, Speed};
use ifr::timeline::CutSource;

/// Runs `ffmpeg` with arguments separated by spaces, the last of which is a path, and returns that.
fn make(dir: &Path, name: &str, arguments: &str) -> PathBuf {
    let path = dir.join(name);
    let mut all: Vec<&str> = arguments.split_whitespace().collect();
    all.push(text(&path));
    ffmpeg(&all);
    path
}

/// Interpolates with the fast model into lossless Matroska; what was said.
fn run(input: &Path, out: &Path, more: &str) -> String {
    let mut all = vec!["interpolate", text(input), "-o", text(out), "--force", "--model", "flow-fast"];
    all.extend(["--encoder", "ffv1"]);
    all.extend(more.split_whitespace());
    ifr_ok(&all)
}

/// When the first loud sound is heard after `from`, in seconds as the file counts.
fn beep(path: &Path, from: f64) -> f64 {
    let args = [
        "-copyts",
        "-i",
        text(path),
        "-map",
        "0:a:0",
        "-af",
        "aresample=async=1:min_hard_comp=0.001:first_pts=0",
        "-f",
        "s16le",
    ];
    let sound = ffmpeg(&[&args[..], &["-ac", "1", "-ar", "48000", "-"]].concat());
    let samples = sound.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]]));
    let loud = samples.enumerate().skip((from * 48000.0) as usize).find(|(_, s)| s.unsigned_abs() > 3000);
    loud.unwrap().0 as f64 / 48000.0
}

/// When a stream's first frame shows, in seconds.
fn start(path: &Path) -> f64 {
    times(path)[0]
}

const BEEP: &str = "aevalsrc=exprs=if(between(mod(t\\,3)\\,2\\,2.2)\\,0.5*sin(2764*t)\\,0):s=48000";

#[test]
fn a_part_takes_its_sound_subtitles_and_chapters_along() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let cues = "1\n00:00:00,500 --> 00:00:01,500\nEarly\n\n2\n00:00:02,500 --> 00:00:03,500\nLate\n\n\
        3\n00:00:04,000 --> 00:00:04,500\nGone\n";
    std::fs::write(at("s.srt"), cues).unwrap();
    let chapter = |a, b, t| format!("[CHAPTER]\nTIMEBASE=1/1000\nSTART={a}\nEND={b}\ntitle={t}\n");
    let chapters = chapter(0, 900, "gone") + &chapter(900, 2000, "one") + &chapter(2000, 5000, "two");
    std::fs::write(at("m.txt"), format!(";FFMETADATA1\n{chapters}")).unwrap();
    for (extension, codecs) in [("mkv", "-c:a flac -c:s srt"), ("mp4", "-c:a aac -c:s mov_text")] {
        let input = make(
            dir.path(),
            &format!("in.{extension}"),
            &format!(
                "-f lavfi -i testsrc2=size=64x48:rate=25:duration=5 -f lavfi -i {BEEP}:d=5 -i {} -f ffmetadata -i {} \
                 -map 0:v -map 1:a -map 2:s -map_metadata 3 -map_chapters 3 -c:v libx264 -g 40 -bf 2 {codecs}",
                text(&at("s.srt")),
                text(&at("m.txt"))
            ),
        );
        let whole = frames(&input);
        let out = at("out.mkv");
        run(&input, &out, "--start 1.02 --end 0:03");
        let part = frames(&out);
        // Frames 26 to 74: the first at 1.04 s.
        assert_eq!(part.len(), 2 * 49 - 1);
        assert!((0..49).all(|i| part[2 * i].1 == whole[26 + i].1), "{extension}: the very frames");
        let zero = start(&out);
        assert!(zero.abs() < 0.05, "{extension}: begins at {zero}");
        let heard = beep(&out, 0.0) - zero;
        assert!(
            (heard - (beep(&input, 0.0) - start(&input) - 1.04)).abs() < 0.002,
            "{extension}: heard at {heard}"
        );
        let p = probe(&out);
        let times: Vec<f64> = p["chapters"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|c| ["start_time", "end_time"].map(|k| c[k].as_str().unwrap().parse::<f64>().unwrap()))
            .collect();
        // All moves with what starts before the picture.
        for (found, wanted) in times.iter().zip([0.0, 0.96, 0.96, 1.96]) {
            assert!((found - wanted).abs() < 0.025, "{extension}: chapters {times:?}");
        }
        assert_eq!(times.len(), 4, "{extension}: {times:?}");
        let cues = ffmpeg(&["-copyts", "-i", text(&out), "-map", "0:s", "-f", "srt", "-"]);
        let cues = String::from_utf8(cues).unwrap();
        let shown = |line: &str| {
            let seconds = |t: &str| t[6..].replace(',', ".").parse::<f64>().unwrap() - zero;
            line.split_once(" --> ").map(|(a, b)| (seconds(a), seconds(b)))
        };
        let shown: Vec<(f64, f64)> = cues.lines().filter_map(shown).collect();
        for (found, wanted) in shown.iter().zip([(0.0, 0.46), (1.46, 1.96)]) {
            let near = (found.0 - wanted.0).abs() < 0.002 && (found.1 - wanted.1).abs() < 0.002;
            assert!(near, "{extension}: {shown:?} in {cues}");
        }
        assert_eq!(shown.len(), 2, "{extension}: {cues}");
        // The same by numbers.
        run(&input, &out, "--frames 26-74");
        assert_eq!(
            frames(&out).iter().map(|f| &f.1).collect::<Vec<_>>(),
            part.iter().map(|f| &f.1).collect::<Vec<_>>()
        );
        let heard = beep(&out, 0.0) - start(&out);
        assert!(
            (heard - (beep(&input, 0.0) - start(&input) - 1.04)).abs() < 0.002,
            "{extension}: heard at {heard}"
        );
    }
    let input = at("in.mkv");
    run(&input, &at("out.mkv"), "--frames 10");
    assert_eq!(frames(&at("out.mkv")).len(), 19);
    ifr_fails(&["interpolate", text(&input), "--start", "7"], 3, "last frame is shown at 4.96");
    ifr_fails(&["interpolate", text(&input), "--frames", "200-210"], 3, "has 125 frames");
    ifr_fails(&["interpolate", text(&input), "--start", "3", "--end", "2"], 2, "later than --start");
    let said = ifr(&["interpolate", text(&input), "--start", "1", "--end", "2", "--dry-run", "--json"]);
    let plan: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(plan["output_frames"], 49, "{plan}");
}

#[test]
fn a_far_part_is_sought_and_is_the_same_to_the_frame() {
    let dir = tempfile::tempdir().unwrap();
    for (name, options) in [("in.mkv", ""), ("in.mp4", ""), ("in.ts", "")] {
        let input = make(
            dir.path(),
            name,
            &format!(
                "-f lavfi -i testsrc2=size=64x48:rate=24000/1001:duration=31 -f lavfi -i {BEEP}:d=31 -c:v libx264 -g 100 \
                 -bf 3 -x264-params open-gop=1 -c:a aac {options}"
            ),
        );
        let out = dir.path().join("out.mkv");
        run(&input, &out, "--start 25.5 --frames 12");
        let (whole, part) = (frames(&input), frames(&out));
        // 25.5 s is between frames 611 and 612.
        assert_eq!(part.len(), 23, "{name}");
        assert!((0..12).all(|i| part[2 * i].1 == whole[612 + i].1), "{name}: the very frames");
        let (t, zero) = (times(&out), start(&out));
        let step = 1001.0 / 48000.0;
        assert!(
            t.iter().enumerate().all(|(k, t)| (t - zero - k as f64 * step).abs() < 0.0011),
            "{name}: {t:?}"
        );
        let wanted = beep(&input, 25.9) - start(&input) - 612.0 * 1001.0 / 24000.0;
        let heard = beep(&out, 0.0) - zero;
        assert!((heard - wanted).abs() < 0.003, "{name}: heard at {heard}, expected {wanted}");
    }
}

#[test]
fn multiples_of_the_rate() {
    let dir = tempfile::tempdir().unwrap();
    let clip = "-f lavfi -i testsrc2=size=64x48:rate=24000/1001 -frames:v 9 -c:v libx264";
    let (input, out) = (make(dir.path(), "in.mp4", clip), dir.path().join("out.mp4"));
    let to = |fps: &str| {
        ifr_ok(&[
            "interpolate",
            text(&input),
            "-o",
            text(&out),
            "--force",
            "--model",
            "flow-fast",
            "--fps",
            fps,
        ]);
        (video(&out)["r_frame_rate"].as_str().unwrap().to_owned(), times(&out).len())
    };
    assert_eq!(to("2x"), ("48000/1001".to_owned(), 17));
    assert_eq!(to("2.5x"), ("60000/1001".to_owned(), 23));
    assert_eq!(to("60000/1001"), ("60000/1001".to_owned(), 23));
    assert_eq!(to("60"), ("60/1".to_owned(), 23));
    ifr_fails(&["interpolate", text(&input), "--fps", "2y"], 2, "frame rate");
    ifr_fails(&["interpolate", text(&input), "--fps", "0.5x"], 2, "2.5x");
    ifr_fails(&["interpolate", text(&input), "--slow", "2", "--fps", "2x"], 2, "--slow 2 --fps 60");
}

/// Mean luma PSNR in dB of the frames of `out` against those that `reference` (a lavfi graph) shows.
fn psnr(out: &Path, reference: &str, skip: usize) -> f64 {
    let gray = |args: &[&str]| {
        ffmpeg(&[args, &["-pix_fmt", "gray", "-fps_mode", "passthrough", "-f", "rawvideo", "-"]].concat())
    };
    let ours = gray(&["-i", text(out)]);
    let truth = gray(&["-f", "lavfi", "-i", reference]);
    let size = 160 * 96;
    let frames = ours.chunks_exact(size).zip(truth.chunks_exact(size)).skip(skip);
    let scores: Vec<f64> = frames
        .map(|(a, b)| {
            let square: f64 = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
            10.0 * (255.0 * 255.0 * size as f64 / square.max(1.0)).log10()
        })
        .collect();
    scores.iter().sum::<f64>() / scores.len() as f64
}

#[test]
fn fields_become_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let scene = "testsrc2=size=160x96:rate=50:duration=1";
    let interlaced = |name: &str, flags: &str| {
        let filter = format!("-f lavfi -i {scene} -vf tinterlace=interleave_top,format=yuv420p");
        make(dir.path(), name, &format!("{filter} -c:v libx264 -qp 4 {flags}"))
    };
    let marked = interlaced("marked.mp4", "-flags +ildct+ilme -top 1");
    let out = dir.path().join("out.mkv");
    // At 50 a second every field's picture is a source frame; nothing is made.
    let said = run(&marked, &out, "--fps 50");
    assert!(said.contains("each field becomes a picture"), "{said}");
    let t = times(&out);
    assert!(
        t.len() == 50
            && t.iter().enumerate().all(|(k, t)| (t - t_of(&marked) - k as f64 / 50.0).abs() < 0.0011)
    );
    let score = psnr(&out, scene, 1);
    assert!(score > 25.0, "{score} dB");
    run(&marked, &out, "--factor 2");
    assert_eq!(frames(&out).len(), 99);
    run(&marked, &out, "--deinterlace half --factor 2");
    assert_eq!(frames(&out).len(), 49);
    let said = run(&marked, &out, "--deinterlace off --factor 2");
    assert!(said.contains("interlaced") && said.contains("--deinterlace auto"), "{said}");
    let (off, source) = (frames(&out), frames(&marked));
    assert!(off.len() == 49 && (0..25).all(|i| off[2 * i].1 == source[i].1));
    // Unmarked video is taken as it is, unless told otherwise.
    let unmarked = interlaced("unmarked.mp4", "");
    run(&unmarked, &out, "--factor 2");
    assert_eq!(frames(&out).len(), 49);
    run(&unmarked, &out, "--deinterlace on --fps 50");
    assert!(frames(&out).len() == 50 && psnr(&out, scene, 1) > 25.0);
}

fn t_of(path: &Path) -> f64 {
    start(path)
}

#[test]
fn telecined_film_becomes_film() {
    let dir = tempfile::tempdir().unwrap();
    let scene = "testsrc2=size=160x96:rate=24000/1001:duration=3";
    let out = dir.path().join("out.mkv");
    for (name, filter, flags) in [
        ("hard.mp4", "telecine=first_field=top:pattern=23", "-flags +ildct+ilme -top 1"),
        ("plain.mkv", "telecine=first_field=top:pattern=23", ""),
        // Every fourth picture twice.
        ("repeated.mkv", "fps=30000/1001:round=down", ""),
    ] {
        let input = make(
            dir.path(),
            name,
            &format!("-f lavfi -i {scene} -vf {filter},format=yuv420p -c:v libx264 -crf 16 {flags}"),
        );
        let shown = frames(&input).len();
        run(&input, &out, "--decimate --fps 24000/1001");
        let t = times(&out);
        assert!(t.len().abs_diff(shown * 4 / 5) <= 1, "{name}: {} of {shown}", t.len());
        let uneven = t.windows(2).map(|w| (w[1] - w[0] - 1001.0 / 24000.0).abs()).fold(0.0, f64::max);
        assert!(uneven < 0.0011, "{name}: {uneven}");
        // Each picture of the film, once and whole.
        let score = psnr(&out, scene, 4);
        assert!(score > 30.0, "{name}: {score} dB");
    }
    let plain =
        make(dir.path(), "video.mkv", "-f lavfi -i testsrc2=size=160x96:rate=30:duration=2 -c:v libx264");
    let said = run(&plain, &out, "--decimate --factor 2");
    assert!(said.contains("may not be film") && frames(&out).len() == 119, "{said}");
}

/// What was made of rounded times is rounded, too: frames that are there are not made again beside themselves.
#[test]
fn frames_within_the_rounding_stay_untouched() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.mkv");
    // 15.4 ms after a whole number of frames: Matroska's first time is 0.4 ms off.
    let late =
        "settb=1/1000000,setpts=PTS+15400,format=yuv420p -fps_mode passthrough -enc_time_base 1:1000000";
    let codec = "-r 30000/1001 -c:v libx264 -crf 16";
    let fields = ("60000/1001", "tinterlace=interleave_top", "-flags +ildct+ilme -top 1");
    for (name, (rate, filter, flags), how, frames) in [
        ("film.mkv", ("24000/1001", "fps=30000/1001:round=down", ""), "--decimate --fps 24000/1001", 72),
        ("fields.mkv", fields, "--fps 60000/1001", 180),
    ] {
        let scene = format!("-f lavfi -i testsrc2=size=160x96:rate={rate} -frames:v 90");
        let input = make(dir.path(), name, &format!("{scene} -vf {filter},{late} {codec} {flags}"));
        let said = run(&input, &out, how);
        assert!(said.contains(&format!("{frames} frames (0 made")), "{name}: {said}");
    }
}

#[test]
fn clocks_that_start_anew_are_joined() {
    let dir = tempfile::tempdir().unwrap();
    let part = |name: &str, offset: &str| {
        let source = format!("-f lavfi -i testsrc2=size=64x48:rate=25:duration=3 -f lavfi -i {BEEP}:d=3");
        make(dir.path(), name, &format!("{source} -c:v libx264 -bf 2 -g 12 -c:a aac {offset} -f mpegts"))
    };
    let (a, b) = (part("a.ts", ""), part("b.ts", "-output_ts_offset 5000"));
    // One part again, one from another clock, and again.
    let both = dir.path().join("both.ts");
    let bytes: Vec<u8> = [&a, &a, &b, &a].iter().flat_map(|p| std::fs::read(p).unwrap()).collect();
    std::fs::write(&both, bytes).unwrap();
    let out = dir.path().join("out.mkv");
    let said = run(&both, &out, "--factor 2");
    assert!(said.contains("clock starts anew 3 times") && !said.contains("left out"), "{said}");
    let (t, source) = (times(&out), frames(&a));
    let shown = frames(&out);
    assert_eq!(shown.len(), 2 * 300 - 1);
    for part in 0..4 {
        for i in 0..75 {
            assert_eq!(shown[2 * (75 * part + i)].1, source[i].1, "frame {i} of part {part}");
        }
        // The sound is in its place, to what joining at whole packets costs.
        let heard = beep(&out, t[150 * part] + 1.0) - t[150 * part];
        assert!((heard - (beep(&a, 1.0) - start(&a))).abs() < 0.03, "part {part}: heard at {heard}");
    }
    let longest = t.windows(2).map(|w| w[1] - w[0]).fold(0.0, f64::max);
    assert!(longest < 0.1, "{longest}");
    // A clock of 33 bits that comes round is no new one.
    let wrap = part("wrap.ts", "-output_ts_offset 95442");
    let said = run(&wrap, &out, "--factor 2");
    assert!(!said.contains("anew") && !said.contains("left out"), "{said}");
    let t = times(&out);
    assert!(t.len() == 149 && t.windows(2).all(|w| (w[1] - w[0] - 0.02).abs() < 0.0011));
}

/// An interpolator that makes nothing new: what a test of times needs.
struct Stub;

struct First(Arc<Frame>);

impl Interpolate for Stub {
    fn name(&self) -> &str {
        "stub"
    }

    fn pair<'a>(
        &'a mut self,
        first: &Arc<Frame>,
        _second: &Arc<Frame>,
    ) -> Result<Box<dyn Pair + 'a>, InterpolateError> {
        Ok(Box::new(First(Arc::clone(first))))
    }
}

impl Pair for First {
    fn at(&mut self, _t: f32) -> Result<Frame, InterpolateError> {
        Ok(Frame::clone(&self.0))
    }
}

#[test]
fn two_hours_of_ntsc_stay_in_sync_to_the_tick() {
    let dir = tempfile::tempdir().unwrap();
    let second = make(
        dir.path(),
        "loop.mp4",
        "-f lavfi -i color=size=16x16:rate=24000/1001 -frames:v 2400 -c:v mpeg4 -g 1000 -bf 0",
    );
    let sound = make(dir.path(), "sound.m4a", "-f lavfi -i anullsrc=r=8000:cl=mono -t 60 -c:a aac");
    let out = dir.path().join("out.mp4");
    // Two hours of Matroska's milliseconds; ten minutes of exact times.
    for (extension, loops) in [("mkv", 72), ("mp4", 6)] {
        let input = make(
            dir.path(),
            &format!("in.{extension}"),
            &format!(
                "-stream_loop {} -i {} -stream_loop {} -i {} -map 0 -map 1 -c copy",
                loops - 1,
                text(&second),
                loops * 100 / 60,
                text(&sound)
            ),
        );
        let count = 2400 * loops;
        let request = Request {
            output: Some(out.clone()),
            cuts: CutSource::Off,
            force: true,
            encoder: EncoderChoice { name: Some("mpeg4".to_owned()), ..EncoderChoice::default() },
            ..Request::new(&input, Speed::Rate("24000/1001".parse().unwrap()))
        };
        let source = job::open(&request).unwrap();
        let plan = Plan::new(&request, source.info()).unwrap();
        let report = job::run(&plan, source, &mut Stub, &|_| {}, &AtomicBool::new(false)).unwrap();
        assert_eq!((report.read, report.kept, report.written), (count, count, count), "{extension}");
        let last = |path: &Path, stream: &str| {
            let arguments = ["-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time"];
            let run = std::process::Command::new("ffprobe")
                .args(arguments)
                .args(["-of", "csv=p=0", text(path)])
                .output();
            let out = String::from_utf8(run.unwrap().stdout).unwrap();
            let mut times = out.lines().filter_map(|l| l.trim_end_matches(',').parse::<f64>().ok());
            let first = times.next().unwrap();
            (first, times.next_back().unwrap())
        };
        let (v, a, va, aa) = (last(&input, "v:0"), last(&input, "a:0"), last(&out, "v:0"), last(&out, "a:0"));
        let exact = (count - 1) as f64 * 1001.0 / 24000.0;
        assert!((va.1 - va.0 - exact).abs() < 2e-5, "{extension}: {va:?}");
        let (begin, end) = ((aa.0 - va.0) - (a.0 - v.0), (aa.1 - va.1) - (a.1 - v.1));
        // A tick of the coarser file: a sample in MP4, a millisecond in Matroska.
        let tick = if extension == "mkv" { 0.0011 } else { 0.00013 };
        assert!(
            begin.abs() < tick && end.abs() < tick,
            "{extension}: {begin} at the start, {end} at the end"
        );
    }
}
