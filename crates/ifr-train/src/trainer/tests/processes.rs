//! Trainings by two processes: this test program, started again for each rank.
#![allow(clippy::print_stdout, reason = "processes tell the tests that started them")]

use std::env;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use super::*;

const ROLE: &str = "IFR_TEST_TRAINING";
const FOLDER: &str = "IFR_TEST_FOLDER";

/// What a process of a training tells.
#[derive(Debug, PartialEq)]
struct Told {
    /// How it ended, in words.
    end: String,
    losses: Vec<Vec<f64>>,
    /// The last weights.
    weights: Vec<f32>,
}

/// Trains in two processes in that role, and returns what they tell.
fn launch(role: &str, folder: &Path) -> [Told; 2] {
    // Nobody else gets a port that was just given back: the system hands them out in turn.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let children = [0, 1].map(|rank: usize| {
        Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "trainer::tests::processes::process",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(ROLE, role)
            .env(FOLDER, folder)
            .env("RANK", rank.to_string())
            .env("LOCAL_RANK", rank.to_string())
            .env("WORLD_SIZE", "2")
            .env("MASTER_ADDR", "127.0.0.1")
            .env("MASTER_PORT", port.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    });
    let parts = training(role, folder).0.loss_parts().len();
    children.map(|child| {
        let output = child.wait_with_output().unwrap();
        let [text, errors] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let line = |what: &str| {
            let found = text.lines().find_map(|line| line.split_once(what));
            found.unwrap_or_else(|| panic!("no {what}in:\n{text}\n{errors}")).1.to_owned()
        };
        let numbers = |text: &str| -> Vec<u64> {
            text.split_whitespace().map(|number| u64::from_str_radix(number, 16).unwrap()).collect()
        };
        let losses: Vec<f64> = numbers(&line("LOSSES ")).into_iter().map(f64::from_bits).collect();
        Told {
            end: line("END "),
            losses: losses.chunks(parts).map(<[f64]>::to_vec).collect(),
            weights: numbers(&line("WEIGHTS ")).into_iter().map(|bits| f32::from_bits(bits as u32)).collect(),
        }
    })
}

/// What is trained in a role: IFR+ in those that say so.
fn training(role: &str, folder: &Path) -> (Config, Network) {
    if role.ends_with("plus") {
        (plus::config(folder, "steps = 4"), plus::NETWORK)
    } else {
        (config(folder, "steps = 4"), TINY)
    }
}

/// What the launched processes run; by itself it does nothing.
#[test]
#[ignore = "a process that the other tests start"]
fn process() {
    let (Ok(role), Ok(folder)) = (env::var(ROLE), env::var(FOLDER)) else { return };
    let world = World::from_env().unwrap();
    let second = !world.is_first();
    let (config, network) = training(&role, Path::new(&folder));
    // Each has every other batch.
    let batches = match (second, role.as_str()) {
        (false, _) => |n| Ok(batch(2 * n)),
        (true, "fail") => |n| if n < 2 { Ok(batch(2 * n + 1)) } else { Err(DataError::Worker) },
        (true, _) => |n| Ok(batch(2 * n + 1)),
    };
    let stop_at = (second && role == "stop").then_some(2);
    let run = Run { world, batches, stop_at, network, ..Run::new(&config) };
    let (told, steps, _) = if role.starts_with("learn") {
        run.go_by(|mut job, stop, watch| {
            let end = job.steps(stop, watch)?;
            Ok((end, job.learner.checkpoint(job.state.clone())?.weights))
        })
    } else {
        let (trained, steps, notices) = run.go();
        (trained.map(|trained| (trained.end, Vec::new())), steps, notices)
    };
    let (end, weights) = match told {
        Ok((end, weights)) => (format!("{end:?}"), weights),
        Err(error) => (error.to_string(), Vec::new()),
    };
    let losses = losses(&steps).concat();
    let hexadecimal =
        |numbers: Vec<u64>| numbers.iter().map(|n| format!("{n:x}")).collect::<Vec<_>>().join(" ");
    println!("\nEND {end}");
    println!("LOSSES {}", hexadecimal(losses.into_iter().map(f64::to_bits).collect()));
    println!("WEIGHTS {}", hexadecimal(weights.into_iter().map(|w| u64::from(w.to_bits())).collect()));
}

/// The batches of both processes in one.
fn both(n: u64) -> Batch {
    let (mut all, more) = (batch(2 * n), batch(2 * n + 1));
    all.samples += more.samples;
    all.first.extend(more.first);
    all.second.extend(more.second);
    all.target.extend(more.target);
    all.t.extend(more.t);
    all.labels = all.labels.zip(more.labels).map(|(a, b)| [a, b].concat());
    all.origins.extend(more.origins);
    all
}

/// The last weights of one process with such batches, and its losses.
fn alone(
    role: &str,
    folder: &Path,
    batches: fn(u64) -> Result<Batch, DataError>,
) -> (Vec<f32>, Vec<Vec<f64>>) {
    let (config, network) = training(role, folder);
    let (trained, steps, _) = Run { batches, network, ..Run::new(&config) }.go();
    trained.unwrap();
    (last(&config, network).weights, losses(&steps))
}

#[test]
fn two_processes_learn_like_one_with_both_batches() {
    learn("learn");
}

#[test]
fn they_do_so_with_ifr_plus_too() {
    learn("learn plus");
}

fn learn(role: &str) {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = launch(role, dir.path());
    assert_eq!((first.end.as_str(), first.losses.len()), ("Done", 4));
    assert!(first.losses.iter().flatten().all(|part| part.is_finite() && *part >= 0.0), "{:?}", first.losses);
    assert!(first == second, "the ranks differ");

    let (whole, losses) = alone(role, &dir.path().join("whole"), |n| Ok(both(n)));
    let (half, _) = alone(role, &dir.path().join("half"), |n| Ok(batch(2 * n)));
    let apart =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    let (close, far) = (apart(&first.weights, &whole), apart(&half, &whole));
    println!("{close:e} from one process with both batches, which is {far:e} from one with half of them");
    assert_eq!(first.weights.len(), whole.len());
    assert!(close < 1e-3 * far, "{close:e}, {far:e}");
    for (found, expected) in first.losses.iter().flatten().zip(losses.iter().flatten()) {
        assert!((found - expected).abs() <= 1e-4 * expected, "{:?}, {losses:?}", first.losses);
    }
}

#[test]
fn when_one_is_stopped_both_end_with_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let ends = launch("stop", dir.path());
    for told in &ends {
        assert_eq!((told.end.as_str(), told.losses.len()), ("Stopped", 2), "{ends:?}");
    }
    assert_eq!(last(&config(dir.path(), "steps = 4"), TINY).state.step, 2);

    // And both go on from there.
    let ends = launch("go on", dir.path());
    for told in &ends {
        assert_eq!((told.end.as_str(), told.losses.len()), ("Done", 2), "{ends:?}");
    }
    assert_eq!(last(&config(dir.path(), "steps = 4"), TINY).state.step, 4);
}

#[test]
fn when_one_fails_the_other_says_which_and_keeps_what_was_learnt() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = launch("fail", dir.path());
    assert_eq!(second.end, DataError::Worker.to_string());
    assert!(first.end.starts_with("rank 1 is gone"), "{first:?}");
    assert_eq!((first.losses.len(), second.losses.len()), (2, 2));
    assert_eq!(last(&config(dir.path(), "steps = 4"), TINY).state.step, 2);
}
