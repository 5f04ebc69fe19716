//! Metrics against the reference implementations' own values (see the README beside the vector).
#![allow(clippy::unwrap_used, reason = "tests may")]

use ifr_eval::{Convention, MetricError, Scores, score};
use ifr_frame::RgbImage;
use ifr_net::ParameterStore;

fn golden() -> (RgbImage, RgbImage, ParameterStore) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/metrics_64x96.safetensors");
    let store = ParameterStore::open(file).unwrap();
    let pred = RgbImage::new(96, 64, store.read("pred").unwrap()).unwrap();
    let target = store.bytes("target").unwrap().iter().map(|&v| f32::from(v) / 255.0).collect();
    (pred, RgbImage::new(96, 64, target).unwrap(), store)
}

#[test]
fn both_conventions_are_the_references() {
    let (pred, target, store) = golden();
    let value = |name: &str| f64::from(store.read(name).unwrap()[0]);
    let near = |name: &str, found: f64, margin: f64| {
        let expected = value(name);
        println!("{name}: found {found}, expected {expected}, off by {:.1e}", (found - expected).abs());
        assert!((found - expected).abs() < margin, "{name}: found {found}, expected {expected}");
    };
    let Scores { psnr, ssim, ie } = score(&pred, &target, Convention::IfrNet).unwrap();
    near("ifrnet.psnr", psnr, 1e-4);
    near("ifrnet.ssim3d", ssim, 1e-4);
    near("ifrnet.ie", ie, 2e-3);
    let Scores { psnr, ssim, .. } = score(&pred, &target, Convention::IfrPlus).unwrap();
    near("ifr_plus.psnr", psnr, 1e-4);
    near("ifr_plus.ssim", ssim, 1e-4);
}

#[test]
fn identical_pictures_have_the_best_of_all() {
    let (_, target, _) = golden();
    let best = score(&target, &target, Convention::IfrNet).unwrap();
    assert_eq!((best.psnr, best.ie), (100.0, 0.0));
    assert!((best.ssim - 1.0).abs() < 1e-6);
    let best = score(&target, &target, Convention::IfrPlus).unwrap();
    assert!((best.psnr - 20.0 * 255e9_f64.log10()).abs() < 1e-9 && (best.ssim - 1.0).abs() < 1e-6);
}

#[test]
fn threads_change_nothing() {
    let (pred, target, _) = golden();
    let with = |n: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
        pool.install(|| score(&pred, &target, Convention::IfrNet).unwrap())
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn values_outside_the_range_and_no_numbers_do_no_harm() {
    let (pred, target, _) = golden();
    let mut broken = pred.clone();
    broken.data_mut()[..3].copy_from_slice(&[f32::NAN, -7.0, 9.0]);
    for convention in [Convention::IfrNet, Convention::IfrPlus] {
        let scores = score(&broken, &target, convention).unwrap();
        assert!(scores.psnr.is_finite() && scores.ssim.is_finite() && scores.ie.is_finite());
    }
}

#[test]
fn sizes_that_do_not_fit_are_refused() {
    let (pred, _, _) = golden();
    let small = RgbImage::black(96, 10).unwrap();
    let e = score(&pred, &small, Convention::IfrNet).unwrap_err();
    assert_eq!(e.to_string(), "the picture is 96x64, the truth 96x10: both must be of one size");
    let e = score(&small, &small, Convention::IfrPlus).unwrap_err();
    assert!(matches!(e, MetricError::Small { .. }), "{e}");
}
