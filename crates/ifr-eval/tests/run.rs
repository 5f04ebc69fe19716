//! Methods, runs and reports.
#![allow(clippy::unwrap_used, reason = "tests may")]

mod common;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use common::{case, only, put, put_sized, shift_of, triplets, waves};
use ifr_eval::{
    Blend, Convention, EvalError, EvalOptions, FrameFolder, Interpolated, Method, Report, csv, evaluate,
    table, write_html,
};
use ifr_flow::{FlowInterpolator, Quality};

fn blend() -> Box<dyn Method> {
    Box::new(Interpolated::new(Blend))
}

fn run(
    path: &Path,
    mut methods: Vec<Box<dyn Method>>,
    options: EvalOptions<'_>,
) -> Result<Vec<Report>, EvalError> {
    evaluate(only(path).as_mut(), &mut methods, &options, &mut |_| ControlFlow::Continue(()))
}

#[test]
fn flow_beats_the_blend_and_reports_say_so() {
    let dir = tempfile::tempdir().unwrap();
    triplets(dir.path(), 4);
    let flow = Box::new(Interpolated::new(FlowInterpolator::new(Quality::Standard)));
    let options = EvalOptions { gallery: 2, ..EvalOptions::default() };
    let reports = run(dir.path(), vec![blend(), flow], options).unwrap();
    let [b, f] = [0, 1].map(|i| reports[i].summary().unwrap());
    assert_eq!((b.images, b.times.len()), (4, 0));
    assert!(f.psnr > b.psnr && f.ssim > b.ssim && f.ie < b.ie, "{b:?} {f:?}");
    assert_eq!(reports[0].rows[0].psnr, 100.0, "nothing moves in the first case");
    let names = |list: &[ifr_eval::Kept]| list.iter().map(|k| k.row.case.clone()).collect::<Vec<_>>();
    assert_eq!(names(&reports[0].gallery.worst), ["case3", "case2"]);
    assert_eq!(names(&reports[0].gallery.best), ["case0", "case1"]);

    let text = table(&reports);
    assert!(text.contains("blend") && text.contains(&format!("{:.2}", f.psnr)), "{text}");
    let lines = csv(&reports);
    assert_eq!(lines.lines().count(), 1 + 8);
    assert!(lines.contains("triplets,flow,ifrnet,case1,0.5,"), "{lines}");

    let out = dir.path().join("page");
    let index = write_html(&out, &reports).unwrap();
    let page = fs::read_to_string(index).unwrap();
    for source in page.split("src=\"").skip(1).map(|s| s.split('"').next().unwrap()) {
        assert!(out.join(source).is_file(), "{source}");
    }
    assert_eq!(page.matches("<figure>").count(), 8);
    assert!(!page.contains("http"), "nothing from elsewhere");
}

#[test]
fn limits_and_breaks_end_a_run() {
    let dir = tempfile::tempdir().unwrap();
    triplets(dir.path(), 4);
    let options = EvalOptions { limit: Some(2), convention: Convention::IfrPlus, ..EvalOptions::default() };
    let reports = run(dir.path(), vec![blend()], options).unwrap();
    assert!(reports[0].rows.len() == 2 && reports[0].complete);
    let mut seen = Vec::new();
    let reports = evaluate(only(dir.path()).as_mut(), &mut [blend()], &EvalOptions::default(), &mut |p| {
        seen.push((p.done, p.count));
        if p.done == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let report = reports.unwrap().remove(0);
    assert!(report.rows.len() == 3 && !report.complete);
    assert_eq!(seen, [(1, Some(4)), (2, Some(4)), (3, Some(4))]);
}

#[test]
fn unreadable_cases_are_skipped_up_to_a_share() {
    let dir = tempfile::tempdir().unwrap();
    triplets(dir.path(), 10);
    let spoil =
        |n: u8| fs::write(dir.path().join(format!("gt/case{n}/frame10i11.png")), "no picture").unwrap();
    spoil(3);
    let report = run(dir.path(), vec![blend()], EvalOptions::default()).unwrap().remove(0);
    assert_eq!((report.rows.len(), report.skipped), (9, 1));
    put_sized(&dir.path().join("input/case5/frame11.png"), (40, 32), 0.0);
    let e = run(dir.path(), vec![blend()], EvalOptions::default()).unwrap_err();
    let e = e.to_string();
    assert!(
        e.contains("2 of 6 cases cannot be read") && e.contains("40x32; expected 48x32 as the first"),
        "{e}"
    );
}

#[test]
fn a_blend_is_the_weighted_mean() {
    let case = case(0.0, &[(0.25, 1.0), (0.75, 3.0)], 4.0);
    let [a, b] = case.inputs.each_ref().map(|f| f.to_rgb());
    Interpolated::new(Blend)
        .make(&case, &mut |i, take| {
            let t = case.truths[i].t;
            for ((v, a), b) in take.image.data().iter().zip(a.data()).zip(b.data()) {
                assert!((v - (a + t * (b - a))).abs() < 1e-5);
            }
            assert!(take.seconds.is_some());
            Ok(())
        })
        .unwrap();
}

#[test]
fn averaging_keeps_what_is_symmetric_and_improves_what_is_not() {
    let case = case(0.0, &[(0.25, 1.0), (0.5, 2.0)], 4.0);
    let taken = |mut method: Interpolated| {
        let mut images = Vec::new();
        method
            .make(&case, &mut |_, take| {
                images.push(take.image);
                Ok(())
            })
            .unwrap();
        (method.name().to_owned(), images)
    };
    let (_, plain) = taken(Interpolated::new(Blend));
    let (name, averaged) = taken(Interpolated::new(Blend).averaged());
    assert_eq!(name, "blend (tta)");
    for (a, b) in plain.iter().zip(&averaged) {
        let apart = a.data().iter().zip(b.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-4, "a blend is the same whichever way it is turned: {apart}");
    }
    let (_, flow) = taken(Interpolated::new(FlowInterpolator::new(Quality::Fast)).averaged());
    let error = |image: &ifr_frame::RgbImage| {
        let truth = waves(common::SIZE, 1.0);
        image.data().iter().zip(truth.data()).map(|(a, b)| (a - b).powi(2)).sum::<f32>()
    };
    assert!(error(&flow[0]) < error(&plain[0]), "mirrored motion is turned back");
}

#[test]
fn frames_of_other_programs_are_found_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let case = case(0.0, &[(0.5, 1.0)], 2.0);
    let taken = || {
        let mut found = None;
        let mut folder = FrameFolder::new(dir.path()).unwrap();
        folder
            .make(&case, &mut |_, take| {
                let frame =
                    take.image.to_frame(ifr_frame::PixelFormat::RGB16, ifr_frame::ColorDescription::SRGB)?;
                found = Some(shift_of(&frame));
                Ok(())
            })
            .map(|()| found)
    };
    let e = taken().unwrap_err().to_string();
    assert!(
        e.starts_with("no frame for a/b at t = 0.5") && e.contains("im2.png") && e.contains("a_b.png"),
        "{e}"
    );
    for (file, shift) in [("a_b.png", 1.0), ("a/b/anything.png", 2.0), ("a/b.png", 3.0), ("a/b/im2.png", 4.0)]
    {
        put(&dir.path().join(file), shift);
        assert_eq!(taken().unwrap(), Some(shift), "{file}");
    }
    assert!(FrameFolder::new(dir.path().join("a_b.png")).is_err());
}

#[test]
fn frames_of_other_programs_are_found_by_number() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..9_u8 {
        put(&dir.path().join(format!("clip/{n:03}.png")), n.into());
        put(&dir.path().join(format!("made/frame_{:06}.png", n + 1)), n.into());
    }
    let made = Box::new(FrameFolder::new(dir.path().join("made")).unwrap());
    let report = run(&dir.path().join("clip"), vec![made], EvalOptions::default()).unwrap().remove(0);
    assert_eq!((report.method.as_str(), report.rows.len()), ("made", 4));
    assert!(report.rows.iter().all(|row| row.psnr == 100.0 && row.seconds.is_none()));
}
