//! A whole training, from files to files: IFRNet-S on a folder of made frames.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use ifr_frame::{ColorDescription, PixelFormat};
use ifr_net::{ParameterStore, recognise};
use ifr_scene::{Motion, TextureScene};
use ifr_train::config::Config;
use ifr_train::{End, Event, TrainOptions, train};
use ifr_video::images::write_image;

fn frames(folder: &Path) {
    let scene = TextureScene::new(Motion::Translate { velocity: [60.0, -30.0] }, 3);
    fs::create_dir_all(folder).unwrap();
    for i in 0..12 {
        let image = scene.render(f64::from(i) / 30.0, 64, 48);
        let frame = image.to_frame(PixelFormat::RGB8, ColorDescription::SRGB).unwrap();
        write_image(folder.join(format!("{i:03}.png")), &frame).unwrap();
    }
}

#[test]
fn a_folder_of_frames_becomes_weights() {
    let dir = tempfile::tempdir().unwrap();
    frames(&dir.path().join("data/texture"));
    for (network, prior, name, labelled) in [
        ("ifrnet-s", "none", "ifrnet-s", "distillation"),
        ("ifrnet-s", "flow", "ifrnet-s+flow", "distillation"),
        ("ifr-plus", "none", "ifr-plus", "flow"),
    ] {
        let text = format!(
            "[model]\nnetwork = '{network}'\nprior = '{prior}'\n\
             [data]\nkind = 'frames'\npath = 'data'\ncrop = 32\nbatch = 2\nlabels = 'flow'\nworkers = 1\n\
             [loss]\n{labelled} = 0.01\n[train]\nsteps = 2\nthreads = 1\nprecision = 'bf16'\ndevice = 'cpu'\n\
             [output]\ndir = 'out-{name}'\n"
        );
        let config = Config::parse(&text, "test", dir.path(), &[]).unwrap();
        let (mut parts, mut ratios, mut notices) = (Vec::new(), Vec::new(), String::new());
        let mut watch = |event: &Event<'_>| match event {
            Event::Step(report) => {
                parts.push(report.parts.clone());
                ratios.push(report.compared[0] / report.compared[1]);
            }
            Event::Notice(words) => notices.push_str(words),
            _ => {}
        };
        let trained = train(&config, &TrainOptions::default(), &AtomicBool::new(false), &mut watch).unwrap();
        assert_eq!((trained.end, trained.step), (End::Done, 2));
        // For one part of the loss of IFR+ there is no file.
        let missing = if network == "ifr-plus" { Some(2) } else { None };
        let fits = |(i, part): (usize, &f64)| part.is_finite() && (*part > 0.0) == (Some(i) != missing);
        assert!(parts.iter().all(|parts| parts.iter().enumerate().all(fits)), "{parts:?}");
        assert_eq!(config.loss_parts().len(), parts[0].len());
        assert_eq!(
            notices.contains("perceptual part of the loss is left out"),
            missing.is_some(),
            "{notices}"
        );
        // A network on flow begins near the prior's frames, others far from the mean of the inputs.
        assert!(
            ratios.iter().all(|ratio| *ratio > 0.5 && *ratio < if prior == "flow" { 2.0 } else { 100.0 }),
            "{ratios:?}"
        );

        // What any command takes.
        let store = ParameterStore::open(trained.weights.unwrap()).unwrap();
        assert_eq!(recognise(&store).unwrap().name(), name);
        assert_eq!(store.metadata().get("prior").map(String::as_str), (prior == "flow").then_some("flow"));
    }
}
