//! The analytic scenes: their flow leads to where things are.

use ifr_frame::RgbImage;
use ifr_scene::{DiscScene, Motion, TextureScene};

/// The colour at a place in pixels (centres at .5), bicubic; `None` near or beyond the border.
fn at(image: &RgbImage, x: f32, y: f32) -> Option<[f32; 3]> {
    let (x, y) = (x - 0.5, y - 0.5);
    let (i, j) = (x.floor(), y.floor());
    let inside = i >= 1.0 && j >= 1.0 && i + 3.0 <= image.width() as f32 && j + 3.0 <= image.height() as f32;
    inside.then_some(())?;
    let cubic = |t: f32| {
        let w = |d: f32| {
            if d < 1.0 { (1.5 * d - 2.5) * d * d + 1.0 } else { ((-0.5 * d + 2.5) * d - 4.0) * d + 2.0 }
        };
        [w(1.0 + t), w(t), w(1.0 - t), w(2.0 - t)]
    };
    let (u, v) = (cubic(x - i), cubic(y - j));
    Some([0, 1, 2].map(|c| {
        let plane = image.channel(c);
        let tap = |a: usize, b: usize| plane[(j as usize + b - 1) * image.width() + i as usize + a - 1];
        (0..4).map(|b| v[b] * (0..4).map(|a| u[a] * tap(a, b)).sum::<f32>()).sum()
    }))
}

/// The largest difference between pixels of `first` and what `flow` finds in `second`, over pixels that `use_it`.
fn worst(first: &RgbImage, second: &RgbImage, flow: &[[f32; 2]], use_it: impl Fn(usize) -> bool) -> f32 {
    let width = first.width();
    let mut worst = 0.0f32;
    let mut count = 0;
    for (i, f) in flow.iter().enumerate().filter(|(i, _)| use_it(*i)) {
        let (x, y) = ((i % width) as f32 + 0.5 + f[0], (i / width) as f32 + 0.5 + f[1]);
        if let Some(color) = at(second, x, y) {
            count += 1;
            (0..3).for_each(|c| worst = worst.max((color[c] - first.channel(c)[i]).abs()));
        }
    }
    assert!(count > flow.len() / 3, "only {count} pixels compared");
    worst
}

#[test]
fn flow_leads_from_one_picture_to_the_other() {
    let motions = [
        Motion::Translate { velocity: [100.0, -37.0] },
        Motion::Rotate { speed: 0.8 },
        Motion::Zoom { rate: 0.9 },
        Motion::Affine { matrix: [[0.3, -0.5], [0.2, -0.25]], velocity: [40.0, 9.0] },
    ];
    for motion in motions {
        let scene = TextureScene::new(motion, 3);
        let (t0, t1, width, height) = (0.25, 0.375, 97, 64);
        let flow = scene.flow(t0, t1, width, height);
        let (first, second) = (scene.render(t0, width, height), scene.render(t1, width, height));
        let worst = worst(&first, &second, &flow, |_| true);
        assert!(worst < 0.02, "{motion:?}: {worst}");
    }
}

#[test]
fn there_and_back_is_nowhere() {
    let scene = TextureScene::new(Motion::Rotate { speed: 1.0 }, 1);
    assert!(scene.flow(0.5, 0.5, 9, 7).iter().flatten().all(|v| v.abs() < 1e-6));
    let still = TextureScene::new(Motion::Translate { velocity: [0.0; 2] }, 1);
    assert_eq!(still.render(0.0, 31, 17).data(), still.render(9.0, 31, 17).data());
}

#[test]
fn textures_use_the_range_and_differ() {
    let still = Motion::Translate { velocity: [0.0; 2] };
    let picture = |seed| TextureScene::new(still, seed).render(0.0, 128, 96);
    let (a, b) = (picture(1), picture(2));
    assert_ne!(a.data(), b.data());
    let mean = a.data().iter().sum::<f32>() / a.data().len() as f32;
    let spread = (a.data().iter().map(|v| (v - mean).powi(2)).sum::<f32>() / a.data().len() as f32).sqrt();
    assert!((mean - 0.5).abs() < 0.1 && spread > 0.08, "mean {mean}, spread {spread}");
}

#[test]
fn the_disc_hides_what_is_behind_it() {
    let scene = DiscScene::new(18.0, [96.0, 0.0], [-24.0, 24.0], 5);
    let (t0, t1, width, height) = (-0.0625, 0.0625, 96, 80);
    let (flow, seen) = (scene.flow(t0, t1, width, height), scene.visible(t0, t1, width, height));
    let (first, second) = (scene.render(t0, width, height), scene.render(t1, width, height));
    // Pixels at the disc's edge are mixtures; leave a margin around it in either picture.
    let edge = |i: usize| {
        let p = [(i % width) as f64 + 0.5 - 48.0, (i / width) as f64 + 0.5 - 40.0];
        let q = [p[0] + f64::from(flow[i][0]), p[1] + f64::from(flow[i][1])];
        let off = |p: [f64; 2], t: f64| (p[0] - 96.0 * t).hypot(p[1]) - 18.0;
        off(p, t0).abs() < 3.0 || off(q, t1).abs() < 3.0
    };
    let difference = worst(&first, &second, &flow, |i| seen[i] && !edge(i));
    assert!(difference < 0.02, "{difference}");
    assert!(seen.iter().filter(|s| !**s).count() > 100);
}
