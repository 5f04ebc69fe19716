use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use ifr_net::Graph;

use super::State;
use super::vector::{read, sync_folder, write};
use crate::TrainError;

const FOLDER: &str = "checkpoints";
const PREFIX: &str = "step-";
const STATE: &str = "state.json";
/// The end of the name of one that is being replaced; it begins with a dot.
const OLD: &str = ".old";

/// A training at one step. All vectors are in the order of the graph's parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// What it says of itself.
    pub state: State,
    /// The weights.
    pub weights: Vec<f32>,
    /// The averaged weights.
    pub ema: Vec<f32>,
    /// The running mean of gradients.
    pub moment1: Vec<f32>,
    /// The running mean of squared gradients.
    pub moment2: Vec<f32>,
}

impl Checkpoint {
    /// Reads the words of the checkpoint in a folder (as [`newest`] finds it).
    ///
    /// # Errors
    /// [`TrainError`] when they cannot be read or are of another version.
    pub fn state(folder: &Path) -> Result<State, TrainError> {
        let path = folder.join(STATE);
        let text = fs::read_to_string(&path).map_err(|e| TrainError::io("read", &path, e))?;
        let state: State = serde_json::from_str(&text)
            .map_err(|e| TrainError::checkpoint(folder, format!("{STATE} is damaged: {e}")))?;
        if state.version != State::VERSION {
            let (found, known) = (state.version, State::VERSION);
            return Err(TrainError::checkpoint(folder, format!("its version is {found}, expected {known}")));
        }
        Ok(state)
    }

    /// Reads the checkpoint in a folder.
    ///
    /// # Errors
    /// [`TrainError`] when it cannot be read, or a parameter differs from the graph's: the message says which.
    pub fn read(folder: &Path, graph: &Graph) -> Result<Self, TrainError> {
        let vector = |name: &str| read(folder, name, graph);
        Ok(Self {
            weights: vector("weights")?,
            ema: vector("ema")?,
            moment1: vector("moment1")?,
            moment2: vector("moment2")?,
            state: Self::state(folder)?,
        })
    }
}

/// The folder of the checkpoint with the most steps under an output folder, if there is one. One that was being replaced when its
/// process ended gets its name back first.
///
/// # Errors
/// [`TrainError::Io`] when the folder cannot be read.
pub fn newest(output: &Path) -> Result<Option<PathBuf>, TrainError> {
    restore(&output.join(FOLDER))?;
    Ok(all(output)?.pop().map(|(_, path)| path))
}

/// The folder of the checkpoint at a step, whether it is there or not.
pub(crate) fn folder_at(output: &Path, step: u64) -> PathBuf {
    output.join(FOLDER).join(format!("{PREFIX}{step:07}"))
}

/// Gives checkpoints their names back that were put aside for others, which then did not come.
fn restore(folder: &Path) -> Result<(), TrainError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(TrainError::io("read", folder, e)),
    };
    for entry in entries {
        let path = entry.map_err(|e| TrainError::io("read", folder, e))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(name) = name.strip_prefix('.').and_then(|name| name.strip_suffix(OLD)) else { continue };
        let target = folder.join(name);
        if !name.starts_with(PREFIX) || !path.join(STATE).is_file() || target.exists() {
            continue;
        }
        match fs::rename(&path, &target) {
            // Another process of the training may have been quicker.
            Err(e) if !target.exists() => return Err(TrainError::io("rename", &path, e)),
            _ => {}
        }
    }
    Ok(())
}

/// Every checkpoint with its step, fewest steps first.
fn all(output: &Path) -> Result<Vec<(u64, PathBuf)>, TrainError> {
    let folder = output.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(TrainError::io("read", folder, e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| TrainError::io("read", &folder, e))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let step = name.strip_prefix(PREFIX).and_then(|step| step.parse::<u64>().ok());
        found.extend(step.filter(|_| path.join(STATE).is_file()).map(|step| (step, path)));
    }
    found.sort();
    Ok(found)
}

/// Writes a checkpoint; what is there of the same step is replaced.
pub(crate) fn save(output: &Path, graph: &Graph, checkpoint: &Checkpoint) -> Result<PathBuf, TrainError> {
    let parent = output.join(FOLDER);
    let name = format!("{PREFIX}{:07}", checkpoint.state.step);
    let (path, draft) = (parent.join(&name), parent.join(format!(".{name}.partial")));
    let clear = |path: &Path| match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(TrainError::io("remove", path, e)),
        _ => Ok(()),
    };
    clear(&draft)?;
    fs::create_dir_all(&draft).map_err(|e| TrainError::io("create", &draft, e))?;
    for (name, values) in [
        ("weights", &checkpoint.weights),
        ("ema", &checkpoint.ema),
        ("moment1", &checkpoint.moment1),
        ("moment2", &checkpoint.moment2),
    ] {
        write(&draft, name, graph, values)?;
    }
    let file = draft.join(STATE);
    let text = serde_json::to_vec_pretty(&checkpoint.state)
        .map_err(|e| TrainError::Internal(format!("cannot spell a checkpoint's state: {e}")))?;
    let written = File::create(&file).and_then(|mut f| f.write_all(&text).and_then(|()| f.sync_all()));
    written.map_err(|e| TrainError::io("write", &file, e))?;
    sync_folder(&draft)?;
    // One of the same step is put aside first: a folder cannot be renamed onto another.
    let old = parent.join(format!(".{name}{OLD}"));
    if path.exists() {
        clear(&old)?;
        fs::rename(&path, &old).map_err(|e| TrainError::io("rename", &path, e))?;
    }
    fs::rename(&draft, &path).map_err(|e| TrainError::io("rename", &draft, e))?;
    sync_folder(&parent)?;
    clear(&old)?;
    Ok(path)
}

/// Removes all checkpoints but the newest `keep` and the best one.
pub(crate) fn prune(output: &Path, keep: usize, best: Option<u64>) -> Result<(), TrainError> {
    let found = all(output)?;
    let old = found.len().saturating_sub(keep);
    for (step, path) in &found[..old] {
        if Some(*step) != best {
            fs::remove_dir_all(path).map_err(|e| TrainError::io("remove", path, e))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ifr_net::{IfrNet, ParamInfo, Ratio};

    use super::*;
    use crate::checkpoint::Best;

    fn graph() -> Graph {
        let tiny = IfrNet { encoder: [4, 4, 4, 4], decoder: [8, 8, 8, 8], side: 4, ..IfrNet::S };
        tiny.graph(Ratio::ONE).unwrap()
    }

    fn checkpoint(step: u64) -> Checkpoint {
        let count: usize = graph().params().iter().map(ParamInfo::len).sum();
        let vector = |k: f32| (0..count).map(|i| k * i as f32 + step as f32 / 3.0).collect();
        Checkpoint {
            state: State {
                version: State::VERSION,
                network: "ifrnet-s".to_owned(),
                step,
                steps: 100,
                updates: step - 1,
                guard: Default::default(),
                validated: Some(step),
                best: Some(Best {
                    step: 3,
                    psnr: 0.1 + 0.2,
                    words: [("psnr film".into(), "30 dB".into())].into(),
                }),
                sets: Some("[]".to_owned()),
                seconds: 1.0 / 3.0,
                validation_seconds: None,
                windows: Some(5),
                processes: Some(2),
                config: "[model]\nnetwork = \"ifrnet-s\"\n".to_owned(),
            },
            weights: vector(1.0),
            ema: vector(0.1),
            moment1: vector(-0.3),
            moment2: vector(1e-12),
        }
    }

    #[test]
    fn round_trips_and_the_newest_is_found() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(newest(dir.path()).unwrap(), None);
        for step in [9, 100, 20] {
            save(dir.path(), &graph(), &checkpoint(step)).unwrap();
        }
        let found = newest(dir.path()).unwrap().unwrap();
        assert_eq!(Checkpoint::read(&found, &graph()).unwrap(), checkpoint(100));
        // Over one of the same step, and over what an interrupted run left.
        fs::create_dir_all(dir.path().join("checkpoints/.step-0000100.partial/x")).unwrap();
        save(dir.path(), &graph(), &checkpoint(100)).unwrap();
        assert_eq!(Checkpoint::read(&found, &graph()).unwrap(), checkpoint(100));
    }

    #[test]
    fn half_written_ones_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), &graph(), &checkpoint(5)).unwrap();
        fs::create_dir_all(dir.path().join("checkpoints/.step-0000009.partial")).unwrap();
        fs::create_dir_all(dir.path().join("checkpoints/step-0000010")).unwrap();
        assert!(newest(dir.path()).unwrap().unwrap().ends_with("step-0000005"));
    }

    #[test]
    fn one_that_is_being_replaced_outlives_a_crash_at_any_point() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("checkpoints");
        let real = save(dir.path(), &graph(), &checkpoint(4)).unwrap();
        assert_eq!(real, folder_at(dir.path(), 4));
        let (old, draft) = (folder.join(".step-0000004.old"), folder.join(".step-0000004.partial"));
        let is_found = || {
            assert_eq!(newest(dir.path()).unwrap().as_ref(), Some(&real));
            assert_eq!(Checkpoint::read(&real, &graph()).unwrap(), checkpoint(4));
        };
        // The new one is half written.
        fs::create_dir_all(&draft).unwrap();
        is_found();
        // The old one is put aside, and the new one has not got its name yet.
        fs::rename(&real, &old).unwrap();
        is_found();
        // The same once more, without anybody having looked for it: whoever replaces it gets it done, too.
        fs::rename(&real, &old).unwrap();
        save(dir.path(), &graph(), &checkpoint(4)).unwrap();
        is_found();
        assert!(!old.exists() && !draft.exists());
        // The new one is there, and the old one not gone yet: it stays out of the way.
        fs::create_dir_all(&old).unwrap();
        fs::write(old.join(STATE), "of old").unwrap();
        is_found();
        save(dir.path(), &graph(), &checkpoint(4)).unwrap();
        is_found();
        assert!(!old.exists());
    }

    #[test]
    fn keeps_the_newest_and_the_best() {
        let dir = tempfile::tempdir().unwrap();
        for step in 1..=5 {
            save(dir.path(), &graph(), &checkpoint(step)).unwrap();
        }
        prune(dir.path(), 2, Some(3)).unwrap();
        let steps: Vec<u64> = all(dir.path()).unwrap().into_iter().map(|(step, _)| step).collect();
        assert_eq!(steps, [3, 4, 5]);
    }

    #[test]
    fn damage_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = save(dir.path(), &graph(), &checkpoint(5)).unwrap();
        fs::write(path.join(STATE), "{\"version\": 1").unwrap();
        let error = Checkpoint::state(&path).unwrap_err().to_string();
        assert!(error.contains("state.json is damaged"), "{error}");
    }
}
