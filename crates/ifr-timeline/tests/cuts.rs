//! The cut detector on edits with known cuts: see `docs/cuts.md`.
#![allow(clippy::print_stdout, reason = "the figures are what the test is for")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod edits;

use edits::{Clip, Edit, Gray, KINDS, Score, Shot, clips, generated, make, shots, table};
use ifr_timeline::CutDetector;

/// Edits of each kind that are made of each half of the clips.
const ROUNDS: u64 = 2;

/// The frames at which the detector finds cuts.
fn find(frames: &[Gray]) -> Vec<usize> {
    let mut detector = CutDetector::new();
    let mut cuts = Vec::new();
    for frame in frames {
        detector.push(frame.thumb());
        cuts.extend(std::iter::from_fn(|| detector.pop()));
    }
    detector.finish();
    cuts.extend(std::iter::from_fn(|| detector.pop()));
    assert_eq!(cuts.len(), frames.len(), "an answer for every frame");
    (0..frames.len()).filter(|&i| cuts[i]).collect()
}

fn score(edit: &Edit) -> Score {
    let found = find(&edit.frames);
    let score = Score::of(edit, &found);
    if score.found < score.cuts || score.wrong > 0 {
        println!("{}: cuts {:?}, found {found:?}", edit.kind, edit.cuts);
    }
    score
}

/// Scores of `rounds` edits of every kind.
fn scores(shots: &[Shot], rounds: u64) -> Vec<(&'static str, Score)> {
    let of_kind = |kind: usize| {
        let mut sum = Score::default();
        (0..rounds).for_each(|seed| sum.add(score(&make(kind, shots, seed))));
        (KINDS[kind].0, sum)
    };
    (0..KINDS.len()).map(of_kind).collect()
}

/// Clips as they are; their jumps do not count.
fn as_it_is(clip: &Clip) -> Edit {
    Edit {
        kind: "as they are",
        frames: clip.frames.clone(),
        cuts: clip.cuts.iter().map(|&cut| cut..=cut).collect(),
        either: clip.jumps.clone(),
    }
}

#[test]
fn edits_of_real_clips() {
    let mut plain = Score::default();
    let Some(clips) = clips(|clip| plain.add(score(&as_it_is(clip)))) else {
        println!("skipped: no clips in ../shared, or no ffmpeg");
        return;
    };
    let half = |odd: usize| shots(clips.iter().skip(odd).step_by(2));
    // Thresholds were chosen on the first half alone.
    let (first, second) = (half(0), half(1));
    let halves = std::thread::scope(|scope| {
        let other = scope.spawn(|| scores(&second, ROUNDS));
        [scores(&first, ROUNDS), other.join().unwrap()]
    });
    for (title, mut scores) in ["tuned on", "not seen before"].into_iter().zip(halves) {
        if title == "not seen before" {
            scores.push(("clips as they are (all)", plain));
        }
        let (text, all) = table(title, &scores);
        println!("{text}");
        assert!(all.cuts >= 200, "{}", all.cuts);
        assert!(all.recall() >= 0.97 && all.precision() >= 0.97, "{all:?}");
    }
}

#[test]
fn edits_of_generated_scenes() {
    let shots = generated();
    let (text, all) = table("generated", &scores(&shots, 1));
    println!("{text}");
    assert!(all.cuts >= 100, "{}", all.cuts);
    assert!(all.recall() >= 0.9 && all.precision() >= 0.95, "{all:?}");
}

#[test]
fn what_is_said_depends_on_a_few_frames_only() {
    let shots = generated();
    let edit = make(6, &shots, 1);
    let whole = find(&edit.frames);
    let (back, ahead) = (CutDetector::LOOK_BACK, CutDetector::LOOK_AHEAD);
    for at in (back..edit.frames.len() - ahead).step_by(7) {
        let part = find(&edit.frames[at - back..=at + ahead]);
        assert_eq!(part.contains(&back), whole.contains(&at), "frame {at}");
    }
}
