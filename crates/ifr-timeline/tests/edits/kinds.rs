//! How shots are put together.

use super::draw::Draw;
use super::effects::{Window, boxed, lit, mix, noisy, swept, tone};
use super::{Edit, Gray, Shot};

/// Size of pictures whose window moves.
const VIEW: (usize, usize) = (128, 72);

/// Makes one edit of a kind.
type Make = fn(&[Shot], &mut Draw) -> Edit;

/// Every kind: what is hard about it, and how it is made.
pub(crate) const KINDS: [(&str, Make); 17] = [
    ("plain", |s, d| joined(s, d, (9, 8, 40), |run, _| run)),
    ("short shots", |s, d| joined(s, d, (16, 3, 7), |run, _| run)),
    ("half rate", |s, d| joined(s, d, (9, 16, 48), |run, _| run.into_iter().step_by(2).collect())),
    ("dark", |s, d| {
        joined(s, d, (9, 8, 24), |run, d| each(run, |p| noisy(&tone(p, |v| 4.0 + v * 0.15), 1.5, d)))
    }),
    ("low contrast", |s, d| joined(s, d, (9, 8, 24), |run, _| each(run, |p| tone(p, |v| 90.0 + v * 0.4)))),
    ("grain", |s, d| joined(s, d, (9, 8, 24), |run, d| each(run, |p| noisy(p, 10.0, d)))),
    ("flashes", flashes),
    ("flash on the cut", flash_on_cut),
    ("strobe", |s, d| joined(s, d, (6, 16, 40), strobe)),
    ("pans", |s, d| joined(s, d, (7, 10, 24), pan)),
    ("whip pans", |s, d| joined(s, d, (7, 16, 24), whip)),
    ("zooms", |s, d| joined(s, d, (7, 10, 24), zoom)),
    ("shake", |s, d| joined(s, d, (7, 12, 24), shake)),
    ("fades", fades),
    ("dissolves", dissolves),
    ("pop-ups", |s, d| joined(s, d, (7, 16, 40), pop_ups)),
    ("black between", black_between),
];

/// The edit of one kind for one seed.
pub(crate) fn make(kind: usize, shots: &[Shot], seed: u64) -> Edit {
    let (name, make) = KINDS[kind];
    let mut draw = Draw::new(seed * 64 + kind as u64 + 1);
    Edit { kind: name, ..make(shots, &mut draw) }
}

fn edit() -> Edit {
    Edit { kind: "", frames: Vec::new(), cuts: Vec::new(), either: Vec::new() }
}

impl Edit {
    /// Adds a run of pictures after a hard cut.
    fn cut_to(&mut self, run: Vec<Gray>) {
        if !self.frames.is_empty() {
            self.cuts.push(self.frames.len()..=self.frames.len());
        }
        self.frames.extend(run);
    }
}

/// Which shots come, no two equal in a row; of each a run of `low` to `high` frames.
struct Runs<'a> {
    shots: &'a [Shot],
    last: usize,
}

impl Runs<'_> {
    fn next(&mut self, draw: &mut Draw, low: usize, high: usize) -> Vec<Gray> {
        let mut index = draw.between(0, self.shots.len() - 1);
        while index == self.last {
            index = draw.between(0, self.shots.len() - 1);
        }
        self.last = index;
        let frames = &self.shots[index].frames;
        let length = draw.between(low, high).min(frames.len());
        let start = draw.between(0, frames.len() - length);
        frames[start..start + length].to_vec()
    }
}

fn runs(shots: &[Shot]) -> Runs<'_> {
    Runs { shots, last: usize::MAX }
}

fn each(run: Vec<Gray>, mut f: impl FnMut(&Gray) -> Gray) -> Vec<Gray> {
    run.iter().map(&mut f).collect()
}

/// (shots, least and most frames of each) with hard cuts between them, each run changed by `f`.
fn joined(
    shots: &[Shot],
    draw: &mut Draw,
    (count, low, high): (usize, usize, usize),
    f: fn(Vec<Gray>, &mut Draw) -> Vec<Gray>,
) -> Edit {
    let (mut edit, mut runs) = (edit(), runs(shots));
    for _ in 0..count {
        let run = runs.next(draw, low, high);
        edit.cut_to(f(run, draw));
    }
    edit
}

/// One flash frame of a random sort: white, washed out, or a lamp.
fn flash(picture: &Gray, sort: usize, draw: &mut Draw) -> Gray {
    match sort {
        0 => tone(picture, |_| 255.0),
        1 => {
            let (gain, lift) = (draw.real(1.4, 2.5), draw.real(0.0, 80.0));
            tone(picture, |v| v * gain + lift)
        }
        _ => lit(picture, draw.real(0.1, 0.9), draw.real(0.1, 0.9), draw.real(0.4, 0.9)),
    }
}

/// Cuts, and flashes of 1 to 3 frames within the shots.
fn flashes(shots: &[Shot], draw: &mut Draw) -> Edit {
    joined(shots, draw, (7, 20, 40), |mut run, draw| {
        let mut at = draw.between(5, 8);
        while at + 8 < run.len() {
            let (sort, length) = (draw.between(0, 2), draw.between(1, 3));
            for frame in &mut run[at..at + length] {
                *frame = flash(frame, sort, draw);
            }
            at += draw.between(9, 16);
        }
        run
    })
}

/// Cuts under a flash of 1 to 3 frames: found at its first frame, at the cut, or right after it.
fn flash_on_cut(shots: &[Shot], draw: &mut Draw) -> Edit {
    let (mut edit, mut runs) = (edit(), runs(shots));
    for n in 0..8 {
        let mut run = runs.next(draw, 10, 24);
        if n > 0 {
            let (sort, before, after) = (draw.between(0, 1), draw.between(0, 1), draw.between(1, 2));
            let start = edit.frames.len();
            for frame in edit.frames.iter_mut().rev().take(before).chain(run.iter_mut().take(after)) {
                *frame = flash(frame, sort, draw);
            }
            edit.cuts.push(start - before..=start + after);
        }
        edit.frames.extend(run);
    }
    edit
}

/// Lights that change every one to four frames.
fn strobe(mut run: Vec<Gray>, draw: &mut Draw) -> Vec<Gray> {
    let mut at = 0;
    while at < run.len() {
        let (gain, length) = (draw.real(0.35, 1.7), draw.between(1, 4));
        for frame in run.iter_mut().skip(at).take(length) {
            *frame = tone(frame, |v| v * gain);
        }
        at += length;
    }
    run
}

/// A run with each picture seen through a window that was there and is here.
fn moved(run: &[Gray], blur: f32, mut at: impl FnMut(usize) -> Window) -> Vec<Gray> {
    let mut before = at(0);
    let see = |(i, picture): (usize, &Gray)| {
        let here = at(i);
        let share = |a: f32, b: f32| b + (a - b) * blur;
        let from = Window {
            x: share(before.x, here.x),
            y: share(before.y, here.y),
            width: share(before.width, here.width),
        };
        before = here;
        swept(picture, from, here, VIEW.0, VIEW.1)
    };
    run.iter().enumerate().map(see).collect()
}

/// A steady pan, 4 to 20 % of the view a frame, back and forth.
fn pan(run: Vec<Gray>, draw: &mut Draw) -> Vec<Gray> {
    let (width, height) = (run[0].width as f32, run[0].height as f32);
    let view = width * 0.5;
    let (speed, blur) = (draw.real(0.04, 0.2) * view, draw.real(0.0, 0.5));
    let start = draw.real(0.0, 2.0 * (width - view));
    let y = draw.real(0.3, 0.7) * height;
    moved(&run, blur, |i| {
        let way = (start + speed * i as f32) % (2.0 * (width - view));
        let x = if way > width - view { 2.0 * (width - view) - way } else { way };
        Window { x: x + view / 2.0, y, width: view }
    })
}

/// Still, then over all of the picture within four to six frames, with as much blur, then still again.
fn whip(run: Vec<Gray>, draw: &mut Draw) -> Vec<Gray> {
    let (width, height) = (run[0].width as f32, run[0].height as f32);
    let (view, y) = (width * 0.45, draw.real(0.3, 0.7) * height);
    let (start, frames, sign) = (draw.between(4, 8), draw.between(4, 6), draw.sign());
    moved(&run, 0.6, |i| {
        let way = ((i as f32 - start as f32) / frames as f32).clamp(0.0, 1.0);
        let eased = way * way * (3.0 - 2.0 * way);
        Window { x: width / 2.0 + sign * (eased - 0.5) * (width - view), y, width: view }
    })
}

/// In or out by 2 to 8 % a frame.
fn zoom(run: Vec<Gray>, draw: &mut Draw) -> Vec<Gray> {
    let (width, height) = (run[0].width as f32, run[0].height as f32);
    let (rate, inward) = (draw.real(1.02, 1.08), draw.sign() > 0.0);
    let count = run.len();
    moved(&run, 0.3, |i| {
        let steps = if inward { i } else { count - 1 - i };
        // Not so far that nothing but blur is left.
        let view = (width * rate.powi(-(steps as i32))).max(width * 0.25);
        Window { x: width / 2.0, y: height / 2.0, width: view }
    })
}

/// A camera that is shaken, by up to 8 % of the view.
fn shake(run: Vec<Gray>, draw: &mut Draw) -> Vec<Gray> {
    let (width, height) = (run[0].width as f32, run[0].height as f32);
    let (view, strength) = (width * 0.6, draw.real(0.02, 0.08));
    let places: Vec<(f32, f32)> = run.iter().map(|_| (draw.real(-1.0, 1.0), draw.real(-1.0, 1.0))).collect();
    moved(&run, 0.3, |i| Window {
        x: width / 2.0 + places[i].0 * strength * view,
        y: height / 2.0 + places[i].1 * strength * view,
        width: view,
    })
}

/// Fades to black or white and up again over 8 to 24 frames, with a hard cut after every second shot.
fn fades(shots: &[Shot], draw: &mut Draw) -> Edit {
    let (mut edit, mut runs) = (edit(), runs(shots));
    for _ in 0..4 {
        let ground = if draw.between(0, 3) == 0 { 255.0 } else { 0.0 };
        let length = draw.between(8, 24);
        let toward = |run: &mut [Gray], out: bool| {
            let count = run.len() as f32;
            for (i, frame) in run.iter_mut().enumerate() {
                let s = (i as f32 + 1.0) / count;
                let s = if out { s } else { 1.0 - s };
                *frame = tone(frame, |v| v + (ground - v) * s);
            }
        };
        let mut first = runs.next(draw, length + 8, length + 16);
        let keep = first.len().saturating_sub(length);
        toward(&mut first[keep..], true);
        edit.cut_to(first);
        let mut second = runs.next(draw, length + 8, length + 16);
        let length = length.min(second.len());
        toward(&mut second[..length], false);
        edit.frames.extend(second);
    }
    edit
}

/// Cross-fades over 8 to 24 frames, with a hard cut after every second shot.
fn dissolves(shots: &[Shot], draw: &mut Draw) -> Edit {
    let (mut edit, mut runs) = (edit(), runs(shots));
    for _ in 0..5 {
        let mut first = runs.next(draw, 30, 40);
        let second = runs.next(draw, 30, 40);
        let length = draw.between(8, 24).min(first.len()).min(second.len());
        let over = first.len() - length;
        for (i, frame) in first[over..].iter_mut().enumerate() {
            *frame = mix(frame, &second[i], (i as f32 + 1.0) / (length as f32 + 1.0));
        }
        edit.cut_to(first);
        edit.frames.extend_from_slice(&second[length..]);
    }
    edit
}

/// Boxes of 8 to 40 % of the picture that come and go at once.
fn pop_ups(mut run: Vec<Gray>, draw: &mut Draw) -> Vec<Gray> {
    let mut at = draw.between(3, 6);
    while at + 6 < run.len() {
        let (w, h) = (draw.real(0.35, 0.65), draw.real(0.25, 0.6));
        let (x, y) = (draw.real(0.0, 1.0 - w), draw.real(0.0, 1.0 - h));
        let length = draw.between(4, 12);
        let end = (at + length).min(run.len() - 3);
        let light = draw.sign() > 0.0;
        let (ground, ink) = if light { (235, 20) } else { (25, 220) };
        for frame in &mut run[at..end] {
            *frame = boxed(frame, [x, y, x + w, y + h], ground, ink);
        }
        at = end + draw.between(3, 8);
    }
    run
}

/// Hard cuts to black and from black, which lasts 8 to 20 frames.
fn black_between(shots: &[Shot], draw: &mut Draw) -> Edit {
    let (mut edit, mut runs) = (edit(), runs(shots));
    for n in 0..4 {
        if n > 0 {
            let black = tone(&edit.frames[0], |_| 16.0);
            edit.cut_to(vec![black; draw.between(8, 20)]);
        }
        let run = runs.next(draw, 10, 24);
        edit.cut_to(run);
    }
    edit
}
