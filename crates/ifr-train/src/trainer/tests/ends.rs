use std::cell::Cell;
use std::time::Duration;

use super::*;
use crate::End;

/// A clock that goes on by a second whenever it is read.
fn ticking() -> Clock {
    let now = Cell::new(0);
    Box::new(move || {
        now.set(now.get() + 1);
        Duration::from_secs(now.get())
    })
}

#[test]
fn the_time_budget_ends_in_time_and_with_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "steps = 1000");
    let options = TrainOptions { time_budget: Some(Duration::from_secs(60)), ..TrainOptions::default() };
    let (ended, steps, _) = Run { options, clock: ticking(), ..Run::new(&config) }.go();
    let ended = ended.unwrap();
    assert_eq!(ended.end, End::OutOfTime);
    // A step is one second, and it is asked between steps; a checkpoint is thought to take five.
    assert!(steps.len() > 10 && steps.len() < 20, "{} steps", steps.len());
    assert_eq!(last(&config, TINY).state.step, steps.len() as u64);
    assert!(ended.checkpoint.unwrap().is_dir() && ended.weights.unwrap().is_file());
}

#[test]
fn no_time_at_all_still_leaves_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "steps = 2");
    let options = TrainOptions { time_budget: Some(Duration::ZERO), ..TrainOptions::default() };
    let (ended, steps, _) = Run { options, ..Run::new(&config) }.go();
    assert_eq!((ended.unwrap().end, steps.len()), (End::OutOfTime, 0));
    assert_eq!(last(&config, TINY).state.step, 0);
    let (done, steps, _) = Run::new(&config).go();
    assert_eq!((done.unwrap().end, steps.len()), (End::Done, 2));
}

#[test]
fn epochs_are_counted_in_windows() {
    let dir = tempfile::tempdir().unwrap();
    // 100 windows, one a batch.
    let config = config(dir.path(), "epochs = 0.03");
    let (done, steps, _) = Run::new(&config).go();
    assert_eq!((done.unwrap().steps, steps.len()), (3, 3));
}

#[test]
fn two_trainings_do_not_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "steps = 2");
    std::fs::create_dir_all(&config.output.dir).unwrap();
    let other = std::fs::File::create(config.output.dir.join(".lock")).unwrap();
    other.lock().unwrap();
    let error = Run::new(&config).go().0.unwrap_err();
    assert!(matches!(error, TrainError::Busy { .. }), "{error}");
    drop(other);
    Run::new(&config).go().0.unwrap();
}

#[test]
fn old_checkpoints_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), "steps = 5");
    (config.output.checkpoint_every, config.output.keep) = (1, 2);
    Run::new(&config).go().0.unwrap();
    let mut names: Vec<_> = std::fs::read_dir(config.output.dir.join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["step-0000004", "step-0000005"]);
}
