use ifr_cpu::CpuError;
use ifr_data::DataError;
use ifr_eval::EvalError;
use ifr_net::StoreError;
use ifr_torch::TorchError;

use crate::parallel::ParallelError;
use crate::{PerceptualError, TrainError};

const INTERNAL: u8 = 1;
const USAGE: u8 = 2;
const INPUT: u8 = 3;
const OUTPUT: u8 = 4;
const BROKEN_OFF: u8 = 5;

impl TrainError {
    /// The process's exit code for this error, as documented in `docs/exit-codes.md`: 1 internal, 2 usage, 3 input, 4 output,
    /// 5 where everything was in order and training could not go on all the same.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Syntax { .. }
            | Self::Config { .. }
            | Self::Other { .. }
            | Self::Busy { .. }
            | Self::NoCheckpoint { .. }
            | Self::Device { .. } => USAGE,
            Self::Io { action: "read", .. }
            | Self::Checkpoint { .. }
            | Self::Parameters(_)
            | Self::Encoder { .. } => INPUT,
            Self::Io { .. } => OUTPUT,
            // What is read says so as parameters.
            Self::Store(StoreError::Io { .. }) => OUTPUT,
            Self::Store(_) => INPUT,
            Self::Data(e) => data(e),
            Self::Eval(EvalError::Method { .. }) => INTERNAL,
            Self::Eval(_) => INPUT,
            Self::Perceptual(PerceptualError::Torch(TorchError::Memory { .. }))
            | Self::Diverged { .. }
            | Self::Memory { .. }
            | Self::Torch(TorchError::Memory { .. })
            | Self::Cpu(CpuError::Memory { .. }) => BROKEN_OFF,
            Self::Perceptual(_) => INPUT,
            Self::Parallel(e) => parallel(e),
            Self::Torch(_) | Self::Cpu(_) | Self::Graph(_) | Self::Internal(_) => INTERNAL,
        }
    }
}

fn data(e: &DataError) -> u8 {
    match e {
        DataError::Option { .. } | DataError::Crop { .. } => USAGE,
        DataError::Threads(_) => BROKEN_OFF,
        DataError::Worker => INTERNAL,
        _ => INPUT,
    }
}

fn parallel(e: &ParallelError) -> u8 {
    match e {
        ParallelError::Variable { .. } | ParallelError::Listen { .. } | ParallelError::Refused { .. } => {
            USAGE
        }
        ParallelError::Tensor { .. } | ParallelError::Torch(_) => INTERNAL,
        // Other processes, or what is between them.
        _ => BROKEN_OFF,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::config::{Config, ModelConfig};

    #[test]
    fn faults_of_users_are_no_internal_errors() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("weights.safetensors");
        let mut model = Config::parse(
            "[model]\nnetwork = 'ifr-plus'\n[data]\nkind = 'clips'\npath = 'x'\ncrop = 64\nbatch = 2\n[output]\ndir = 'o'\n\
             [train]\nsteps = 5\n",
            "c.toml",
            Path::new("/"),
            &[],
        )
        .unwrap()
        .model;
        let graph = crate::network::find(&model).unwrap().training_graph().unwrap();
        // Weights, an encoder and what features are made by that are not there, and that are no weights' file.
        let encoder = ModelConfig { encoder: Some(missing.clone()), ..model.clone() };
        model.init = Some(missing.clone());
        let codes = || {
            let begin = |model| crate::network::begin(&graph, model, 1).unwrap_err().exit_code();
            let features = crate::Perceptual::open(&missing, tch::Device::Cpu).unwrap_err();
            [begin(&model), begin(&encoder), TrainError::from(features).exit_code()]
        };
        assert_eq!(codes(), [INPUT; 3]);
        std::fs::write(&missing, "nothing of the kind").unwrap();
        assert_eq!(codes(), [INPUT; 3]);
        let layout =
            EvalError::Layout { path: PathBuf::new(), found: "nothing".into(), expected: "a set".into() };
        assert_eq!(TrainError::from(layout).exit_code(), INPUT);
        let crop = DataError::Option { key: "crop", value: "7".into(), allowed: "8".into() };
        assert_eq!(TrainError::from(crop).exit_code(), USAGE);
    }

    #[test]
    fn what_is_nobodys_fault_has_a_code_of_its_own() {
        let memory =
            TorchError::Memory { device: "GPU 0".into(), what: "a step".into(), detail: String::new() };
        assert_eq!(TrainError::from(memory).exit_code(), BROKEN_OFF);
        let lost = ParallelError::Lost { rank: 1, problem: "closed".into() };
        assert_eq!(TrainError::from(lost).exit_code(), BROKEN_OFF);
        let diverged =
            TrainError::Diverged { step: 9, count: 3, loss: f64::NAN, norm: 1.0, batch: PathBuf::new() };
        assert_eq!(diverged.exit_code(), BROKEN_OFF);
        let variable = ParallelError::Variable { name: "RANK", value: None, problem: "a number".into() };
        assert_eq!(TrainError::from(variable).exit_code(), USAGE);
    }

    #[test]
    fn reading_and_writing_differ() {
        let io =
            |action| TrainError::io(action, "file", Error::from(ErrorKind::PermissionDenied)).exit_code();
        assert_eq!([io("read"), io("write"), io("create")], [INPUT, OUTPUT, OUTPUT]);
        let source = Error::from(ErrorKind::StorageFull);
        assert_eq!(TrainError::from(StoreError::Io { origin: "w".into(), source }).exit_code(), OUTPUT);
        assert_eq!(TrainError::Internal("?".into()).exit_code(), INTERNAL);
    }
}
