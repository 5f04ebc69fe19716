//! The demo film: sizes, cuts, caption, repeatability.

use std::hash::{DefaultHasher, Hash, Hasher};

use ifr_frame::{RgbImage, Time};
use ifr_scene::Scene;

fn digest(image: &RgbImage) -> u64 {
    let mut hasher = DefaultHasher::new();
    image.data().iter().for_each(|v| v.to_bits().hash(&mut hasher));
    hasher.finish()
}

/// Mean absolute difference.
fn difference(a: &RgbImage, b: &RgbImage) -> f32 {
    let sum: f32 = a.data().iter().zip(b.data()).map(|(a, b)| (a - b).abs()).sum();
    sum / a.data().len() as f32
}

#[test]
fn an_instant_always_looks_the_same() {
    let here = digest(&Scene::demo().render(2.3, 160, 90));
    let elsewhere: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..3).map(|_| scope.spawn(|| digest(&Scene::demo().render(2.3, 160, 90)))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(elsewhere.iter().all(|&d| d == here));
    assert_eq!(here, digest(&Scene::demo().render_at(Time::new(23, 10), 160, 90)));
}

#[test]
fn the_cut_is_hard_and_where_it_is_said_to_be() {
    let film = Scene::demo();
    assert_eq!(film.duration(), Time::new(15, 2));
    assert_eq!(film.cuts(), [Time::new(4, 1)]);
    let at = |ticks: i64| film.render_at(Time::new(ticks, 24), 160, 90);
    let across = difference(&at(95), &at(96));
    for still in [94, 96] {
        let within = difference(&at(still), &at(still + 1));
        assert!(within > 1e-3, "nothing moves after frame {still}");
        assert!(across > 4.0 * within, "{across} across the cut, {within} after frame {still}");
    }
    assert!(difference(&film.render(3.9999, 160, 90), &at(96)) > 0.1);
}

#[test]
fn any_size_will_do() {
    let film = Scene::demo();
    for (width, height) in [(1, 1), (2, 3), (17, 9), (1, 200), (333, 1), (101, 57), (64, 256)] {
        for t in [0.0, 3.99, 4.0, 7.5] {
            let image = film.render(t, width, height);
            assert_eq!((image.width(), image.height()), (width, height));
            assert!(image.data().iter().all(|v| (0.0..=1.0).contains(v)), "{width}x{height} at {t}");
        }
    }
}

#[test]
fn the_caption_stands_still() {
    let film = Scene::demo();
    let mask = film.caption_mask(320, 180);
    let solid: Vec<usize> = (0..mask.len()).filter(|&i| mask[i] == 1.0).collect();
    assert!(solid.len() > 200);
    let letters = |t: f64| {
        let image = film.render(t, 320, 180);
        let pixel = |i: &usize| [0, 1, 2].map(|c| image.channel(c)[*i].to_bits());
        solid.iter().map(pixel).collect::<Vec<_>>()
    };
    let first = letters(0.0);
    for t in [0.4, 1.7, 3.9, 4.0, 5.2, 7.4] {
        assert_eq!(first, letters(t), "at {t} s");
    }
}

#[test]
fn an_exposure_blurs_what_moves_and_nothing_else() {
    let film = Scene::demo();
    let blurred = film.clone().with_exposure(1.0 / 24.0);
    let (a, b) = (film.render(2.0, 160, 90), blurred.render(2.0, 160, 90));
    let change = difference(&a, &b);
    assert!(change > 1e-3 && change < 0.05, "{change}");
    let mask = film.caption_mask(160, 90);
    let solid = (0..mask.len()).filter(|&i| mask[i] == 1.0);
    assert!(solid.into_iter().all(|i| (a.channel(0)[i] - b.channel(0)[i]).abs() < 1e-5));
}
