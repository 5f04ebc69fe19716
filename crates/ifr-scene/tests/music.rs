//! The film's sound.

use ifr_scene::{Scene, sound};

#[test]
fn it_is_as_long_as_the_film_and_does_not_clip() {
    let film = Scene::demo();
    for rate in [8000, 44_100, 48_000] {
        let track = sound::render(&film, rate);
        assert_eq!(track.len(), (7.5 * f64::from(rate)) as usize);
        let peak = track.iter().flatten().fold(0.0f32, |p, s| p.max(s.abs()));
        assert!(peak > 0.5 && peak < 0.9, "{peak}");
        assert!(track.iter().flatten().all(|s| s.is_finite()));
    }
    assert!(sound::render(&film, 0).is_empty());
}

#[test]
fn the_accent_falls_on_the_cut_to_the_sample() {
    let rate = 48_000;
    let track = sound::render(&Scene::demo(), rate);
    let cut = 4 * rate as usize;
    let loudest =
        |from: usize, to: usize| track[from..to].iter().flatten().fold(0.0f32, |p, s| p.max(s.abs()));
    assert!(loudest(cut - 2400, cut) < 1e-4, "silence before the cut");
    assert!(track[cut][0].abs() > 0.3, "the accent begins at once");
    assert!(loudest(cut, cut + 4800) > 1.5 * loudest(0, cut - 9600), "it stands out");
    assert!(loudest(track.len() - 480, track.len()) < 1e-3, "the end fades");
}

#[test]
fn both_sides_play_and_differ() {
    let track = sound::render(&Scene::demo(), 8000);
    let power = |side: usize| track.iter().map(|s| s[side].powi(2)).sum::<f32>();
    assert!((power(0) / power(1) - 1.0).abs() < 0.5);
    assert!(track.iter().any(|s| (s[0] - s[1]).abs() > 0.01));
}
