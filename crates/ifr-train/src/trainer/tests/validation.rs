use std::fs;
use std::time::Duration;

use ifr_frame::{ColorDescription, PixelFormat};
use ifr_net::ParameterStore;
use ifr_video::images::write_image;

use super::*;
use crate::End;

/// A minute's time.
fn minute() -> TrainOptions {
    TrainOptions { time_budget: Some(Duration::from_secs(60)), ..TrainOptions::default() }
}

/// A clock that stands still until that step is in the log, and then shows so many seconds.
fn until(config: &Config, step: u64, seconds: u64) -> Clock {
    let log = config.output.dir.join("log.csv");
    Box::new(move || {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let is_there = text.lines().any(|line| line.starts_with(&format!("{step},")));
        Duration::from_secs(if is_there { seconds } else { 0 })
    })
}

/// Two triplets of the film.
pub(super) fn triplets(root: &Path) {
    for (name, start) in [("a", 0.5), ("b", 4.0)] {
        for (folder, file, at) in [("input", "1", 0.0), ("input", "2", 0.1), ("gt", "1", 0.05)] {
            let place = root.join(folder).join(name);
            fs::create_dir_all(&place).unwrap();
            let image = Scene::demo().render(start + at, 64, 48);
            let frame = image.to_frame(PixelFormat::RGB8, ColorDescription::SRGB).unwrap();
            write_image(place.join(format!("{file}.png")), &frame).unwrap();
        }
    }
}

fn validated(dir: &Path) -> Config {
    triplets(&dir.join("set"));
    let mut config = config(
        dir,
        "steps = 4\nthreads = 1\n[validation]\nevery = 2\nsets = [{ path = 'set', name = 'film' }]",
    );
    config.output.data = Some("a film".to_owned());
    config
}

#[test]
fn averaged_weights_are_measured_beside_the_baselines_and_the_best_are_exported() {
    let dir = tempfile::tempdir().unwrap();
    let config = validated(dir.path());
    let trained = Run::new(&config).go().0.unwrap();
    let validation = trained.validation.unwrap();
    let set = &validation.sets[0];
    assert_eq!((validation.step, set.set.as_str(), set.images), (4, "film", 2));
    assert!(set.flow > set.blend && set.blend > 10.0 && set.psnr > 5.0, "{set:?}");

    let table = fs::read_to_string(config.output.dir.join("validation.csv")).unwrap();
    let steps: Vec<&str> = table.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(steps, ["2", "4"]);
    let svg = fs::read_to_string(config.output.dir.join("curves.svg")).unwrap();
    assert!(svg.contains(">film ") && svg.contains("stroke-dasharray"));

    let state = last(&config, TINY).state;
    let best = state.best.unwrap();
    assert_eq!(state.validated, Some(4));
    // The exported weights are the averaged ones of the best checkpoint, which is kept.
    let folder = config.output.dir.join(format!("checkpoints/step-{:07}", best.step));
    let checkpoint = Checkpoint::read(&folder, &graphs(TINY).training).unwrap();
    let store = ParameterStore::open(trained.weights.unwrap()).unwrap();
    let exported = ifr_net::Parameters::read(&graphs(TINY).plain, &store).unwrap();
    let values: Vec<f32> = exported.iter().flat_map(|(_, values)| values.iter().copied()).collect();
    assert_eq!(values, checkpoint.ema);
    let words = store.metadata();
    assert_eq!((words["network"].as_str(), words["data"].as_str()), ("ifrnet-s", "a film"));
    assert_eq!((&words["steps"], words["timesteps"].as_str()), (&best.step.to_string(), "any"));
    assert!(words["psnr film"].contains("dB over 2 frames"), "{words:?}");
}

#[test]
fn a_validation_that_time_did_not_allow_comes_first_next_time() {
    let dir = tempfile::tempdir().unwrap();
    let config = validated(dir.path());
    // When the second step is made, time is nearly up.
    let (ended, steps, _) = Run { options: minute(), clock: until(&config, 2, 59), ..Run::new(&config) }.go();
    let ended = ended.unwrap();
    assert!(ended.end == End::OutOfTime && ended.validation.is_none());
    assert_eq!((steps.len(), last(&config, TINY).state.validated), (2, None));
    Run::new(&config).go().0.unwrap();
    let table = fs::read_to_string(config.output.dir.join("validation.csv")).unwrap();
    assert_eq!(table.lines().filter(|line| line.starts_with("2,film")).count(), 1, "{table}");
}

#[test]
fn a_validation_that_no_run_has_time_for_is_left_out_with_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let config = validated(dir.path());
    Run { stop_at: Some(2), ..Run::new(&config) }.go().0.unwrap();
    // As if one had taken an hour before.
    let path = newest(&config.output.dir).unwrap().unwrap().join("state.json");
    let text = fs::read_to_string(&path).unwrap();
    let seconds = |value: &str| {
        text.replace("\"validation_seconds\": null", &format!("\"validation_seconds\": {value}"))
    };
    fs::write(&path, seconds("3600.0")).unwrap();
    let (ended, steps, notices) = Run { options: minute(), ..Run::new(&config) }.go();
    let ended = ended.unwrap();
    assert_eq!((ended.end, steps.len()), (End::Done, 2));
    assert!(ended.validation.is_none() && ended.weights.unwrap().is_file());
    assert!(notices.iter().any(|n| n.contains("no validation at step 2")), "{notices:?}");

    // With time enough the last one is made up for.
    let (ended, steps, _) = Run::new(&config).go();
    assert_eq!((ended.unwrap().validation.unwrap().step, steps.len()), (4, 0));

    let path = newest(&config.output.dir).unwrap().unwrap().join("state.json");
    fs::write(&path, seconds("-1.0")).unwrap();
    let error = Run::new(&config).go().0.unwrap_err().to_string();
    assert!(error.contains("validation_seconds is -1"), "{error}");
}

#[test]
fn the_best_on_other_sets_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let config = validated(dir.path());
    Run::new(&config).go().0.unwrap();
    let mut other = config.clone();
    other.validation.sets[0].limit = Some(1);
    let (done, steps, notices) = Run::new(&other).go();
    let validation = done.unwrap().validation.unwrap();
    assert!(validation.best && validation.sets[0].images == 1 && steps.is_empty());
    assert!(notices.iter().any(|n| n.contains("validation.sets have changed")), "{notices:?}");
    // Nothing has changed this time.
    let (done, _, notices) = Run::new(&other).go();
    assert!(done.unwrap().validation.is_none() && notices.is_empty(), "{notices:?}");
}

#[test]
fn sets_of_one_name_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = validated(dir.path());
    config.validation.sets.push(config.validation.sets[0].clone());
    let error = Run::new(&config).go().0.unwrap_err().to_string();
    assert!(error.contains("validation.sets[1] = \"film\"") && error.contains("`name`"), "{error}");
}

#[test]
fn a_set_that_is_not_there_is_an_error_before_training() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(
        dir.path(),
        "steps = 4\n[validation]\nevery = 2\nsets = [{ path = 'nowhere', kind = 'triplets' }]",
    );
    let (ended, steps, _) = Run::new(&config).go();
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("nowhere") && steps.is_empty(), "{error}");
}
