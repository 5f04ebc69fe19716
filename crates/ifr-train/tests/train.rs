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
    for (prior, name) in [("none", "ifrnet-s"), ("flow", "ifrnet-s+flow")] {
        let text = format!(
            "[model]\nnetwork = 'ifrnet-s'\nprior = '{prior}'\n\
             [data]\nkind = 'frames'\npath = 'data'\ncrop = 32\nbatch = 2\nlabels = 'flow'\nworkers = 1\n\
             [loss]\ndistillation = 0.01\n[train]\nsteps = 2\nthreads = 1\nprecision = 'bf16'\ndevice = 'cpu'\n\
             [output]\ndir = 'out-{prior}'\n"
        );
        let config = Config::parse(&text, "test", dir.path(), &[]).unwrap();
        let mut parts = Vec::new();
        let mut watch = |event: &Event<'_>| {
            if let Event::Step(report) = event {
                parts.push(report.parts.clone());
            }
        };
        let trained = train(&config, &TrainOptions::default(), &AtomicBool::new(false), &mut watch).unwrap();
        assert_eq!((trained.end, trained.step), (End::Done, 2));
        assert!(parts.iter().flatten().all(|part| part.is_finite() && *part > 0.0), "{parts:?}");

        // What any command takes.
        let store = ParameterStore::open(trained.weights.unwrap()).unwrap();
        assert_eq!(recognise(&store).unwrap().name(), name);
        assert_eq!(store.metadata().get("prior").map(String::as_str), (prior == "flow").then_some("flow"));
    }
}
