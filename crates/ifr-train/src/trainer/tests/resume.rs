use std::fs;

use super::*;
use crate::End;

#[test]
fn stopping_and_resuming_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| {
        let mut config = config(dir.path(), "steps = 6\nspike = 50.0");
        config.output.dir = dir.path().join(name);
        config
    });
    // The second batch is no good: that, too, must be remembered.
    let batches = |n| Ok(if n == 1 { broken(n) } else { batch(n) });

    let (done, straight, _) = Run { batches, ..Run::new(&whole) }.go();
    let done = done.unwrap();
    assert_eq!((done.end, done.step, straight.len()), (End::Done, 6, 6));

    let (stopped, mut steps, _) = Run { batches, stop_at: Some(3), ..Run::new(&parts) }.go();
    let stopped = stopped.unwrap();
    assert_eq!((stopped.end, stopped.step), (End::Stopped, 3));
    let (done, rest, _) = Run { batches, ..Run::new(&parts) }.go();
    assert_eq!((done.unwrap().end, rest.len(), rest[0].step), (End::Done, 3, 4));
    steps.extend(rest);

    assert_eq!(format!("{:?}", losses(&straight)), format!("{:?}", losses(&steps)));
    assert_eq!(steps[1].skipped, Some("loss or gradient is not a finite number"));
    assert!(steps.iter().map(|s| s.rate).eq(straight.iter().map(|s| s.rate)));
    let (whole_last, parts_last) = (last(&whole, TINY), last(&parts, TINY));
    assert_eq!(whole_last, parts_last);
    assert_eq!((whole_last.state.step, whole_last.state.updates), (6, 5));
    assert_ne!(whole_last.weights, whole_last.ema);

    // Lines after every second step, and where the first part ended.
    let lines = |config: &Config| -> Vec<String> {
        let text = fs::read_to_string(config.output.dir.join("log.csv")).unwrap();
        text.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    assert_eq!(lines(&whole), ["2", "4", "6"]);
    assert_eq!(lines(&parts), ["2", "3", "4", "6"]);
}

#[test]
fn steps_after_the_last_checkpoint_are_taken_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), "steps = 4");
    config.output.checkpoint_every = 2;
    let (_, straight, _) = Run::new(&config).go();
    // As if the process had been killed after the checkpoint of step 2.
    fs::remove_dir_all(config.output.dir.join("checkpoints/step-0000004")).unwrap();
    let (done, again, _) = Run::new(&config).go();
    assert_eq!(done.unwrap().end, End::Done);
    assert_eq!(losses(&again), losses(&straight)[2..]);
    let log = fs::read_to_string(config.output.dir.join("log.csv")).unwrap();
    assert_eq!(log.lines().count(), 3, "{log}");
}

#[test]
fn a_finished_training_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "steps = 2");
    Run::new(&config).go().0.unwrap();
    let before = last(&config, TINY);
    let (done, steps, _) = Run::new(&config).go();
    assert_eq!((done.unwrap().end, steps.len()), (End::Done, 0));
    assert_eq!(last(&config, TINY), before);
}

#[test]
fn weights_that_do_not_belong_to_the_checkpoint_are_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), "steps = 2");
    let weights = Run::new(&config).go().0.unwrap().weights.unwrap();
    let whole = fs::read(&weights).unwrap();
    fs::remove_file(&weights).unwrap();
    Run::new(&config).go().0.unwrap();
    assert!(fs::read(&weights).unwrap() == whole);
    config.output.licence = Some("CC0".to_owned());
    Run::new(&config).go().0.unwrap();
    let store = ifr_net::ParameterStore::open(&weights).unwrap();
    assert_eq!((store.metadata()["licence"].as_str(), store.metadata()["steps"].as_str()), ("CC0", "2"));
}

#[test]
fn another_number_of_processes_goes_on_only_when_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "steps = 2");
    Run { stop_at: Some(1), ..Run::new(&config) }.go().0.unwrap();
    let path = newest(&config.output.dir).unwrap().unwrap().join("state.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"processes\": 1", "\"processes\": 4")).unwrap();
    let words = Run::new(&config).go().0.unwrap_err().to_string();
    assert!(words.contains("processes: 4 before, 1 now; steps in all: 2 before, 2 now"), "{words}");
    let options = TrainOptions { resume: true, ..TrainOptions::default() };
    let (done, _, notices) = Run { options, ..Run::new(&config) }.go();
    assert_eq!(done.unwrap().end, End::Done);
    assert!(notices.iter().any(|n| n.contains("processes: 4 before")), "{notices:?}");
}

#[test]
fn another_configuration_goes_on_only_when_told_to() {
    let dir = tempfile::tempdir().unwrap();
    Run::new(&config(dir.path(), "steps = 2")).go().0.unwrap();
    // What it runs on and where data lie do not count.
    let mut elsewhere = config(dir.path(), "steps = 2\nthreads = 1");
    elsewhere.data.path = "/another/place".into();
    Run::new(&elsewhere).go().0.unwrap();

    let longer = config(dir.path(), "steps = 3");
    let error = Run::new(&longer).go().0.unwrap_err();
    assert!(matches!(error, TrainError::Other { .. }));
    let words = error.to_string();
    assert!(words.contains("train.steps: 2 before, 3 now") && words.contains("--resume"), "{words}");

    let options = TrainOptions { resume: true, ..TrainOptions::default() };
    let (done, steps, notices) = Run { options, ..Run::new(&longer) }.go();
    assert_eq!((done.unwrap().step, steps.len()), (3, 1));
    assert!(notices.iter().any(|n| n.contains("train.steps: 2 before, 3 now")), "{notices:?}");
}

#[test]
fn another_network_is_told_by_its_parameter() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "steps = 2");
    Run::new(&config).go().0.unwrap();
    let error = Run { network: tiny(12), ..Run::new(&config) }.go().0.unwrap_err().to_string();
    // The first in the graph's order.
    let expected = "parameter decoder1.convblock.0.1.weight is 8, expected 12";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn nothing_to_resume_is_an_error_when_it_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "steps = 2");
    let options = TrainOptions { resume: true, ..TrainOptions::default() };
    let error = Run { options, ..Run::new(&config) }.go().0.unwrap_err();
    assert!(matches!(error, TrainError::NoCheckpoint { .. }), "{error}");
}
