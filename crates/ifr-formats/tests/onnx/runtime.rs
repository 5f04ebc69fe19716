//! onnxruntime, by way of the project's Python environment.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ifr_formats::onnx::{self, OnnxError, OnnxOptions};
use ifr_net::conformance::Engine;
use ifr_net::{Graph, Parameters, Tensor};
use thiserror::Error;

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.venv/bin/python");

/// A process that runs models, and the folder where it finds them.
pub struct Runtime {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    folder: tempfile::TempDir,
    /// How models are written.
    pub options: OnnxOptions,
    /// Whether each model goes through `onnx.checker` with full shape inference.
    pub check: bool,
    written: Option<(Graph, Parameters, OnnxOptions)>,
    count: usize,
}

#[derive(Debug, Error)]
pub enum RunError {
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("onnxruntime: {0}")]
    Runtime(String),
}

impl Runtime {
    /// The runtime, where it is installed; otherwise a message, and nothing is tested.
    pub fn start(options: OnnxOptions) -> Option<Self> {
        let installed = Path::new(PYTHON).exists()
            && Command::new(PYTHON)
                .args(["-c", "import numpy, onnx, onnxruntime"])
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success());
        if !installed {
            println!("skipped: {PYTHON} has no onnxruntime; scripts/setup-onnx.sh installs it");
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/onnx/run.py");
        let mut process =
            Command::new(PYTHON).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (requests, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let answers = BufReader::new(answers);
        let folder = tempfile::tempdir().unwrap();
        Some(Self { process, requests, answers, folder, options, check: true, written: None, count: 0 })
    }

    /// Runs a model.
    pub fn run_file(&mut self, model: &Path, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        let path = |name: &str| self.folder.path().join(name);
        let (from, to) = (path("inputs"), path("outputs"));
        let mut file = BufWriter::new(File::create(&from)?);
        for tensor in inputs {
            for side in tensor.shape() {
                file.write_all(&(side as i32).to_le_bytes())?;
            }
            for value in tensor.data() {
                file.write_all(&value.to_le_bytes())?;
            }
        }
        file.into_inner().map_err(|e| e.into_error())?;
        let check = u8::from(self.check);
        writeln!(self.requests, "{}\t{}\t{}\t{check}", model.display(), from.display(), to.display())?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        if answer.trim_end() != "ok" {
            return Err(RunError::Runtime(answer.trim_end().to_owned()));
        }
        read(&to)
    }

    /// Writes a model, under a name of its own.
    fn write(&mut self, graph: &Graph, params: &Parameters) -> Result<PathBuf, RunError> {
        let now = (graph.clone(), params.clone(), self.options.clone());
        if self.written.as_ref() != Some(&now) {
            self.count += 1;
            let path = self.model();
            onnx::write(graph, params, &self.options, &mut BufWriter::new(File::create(path)?))?;
            self.written = Some(now);
        }
        Ok(self.model())
    }

    fn model(&self) -> PathBuf {
        self.folder.path().join(format!("{}.onnx", self.count))
    }
}

impl Engine for Runtime {
    type Error = RunError;

    fn run(
        &mut self,
        graph: &Graph,
        params: &Parameters,
        inputs: &[Tensor],
    ) -> Result<Vec<Tensor>, RunError> {
        let model = self.write(graph, params)?;
        self.run_file(&model, inputs)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read(path: &Path) -> Result<Vec<Tensor>, RunError> {
    let bytes = std::fs::read(path)?;
    let words: Vec<[u8; 4]> = bytes.chunks_exact(4).map(|w| w.try_into().unwrap()).collect();
    let mut rest = words.as_slice();
    let mut tensors = Vec::new();
    while let Some((head, after)) = rest.split_at_checked(4) {
        let shape = [0, 1, 2, 3].map(|i| i32::from_le_bytes(head[i]) as usize);
        let (values, after) = after.split_at(shape.iter().product());
        let data = values.iter().map(|&w| f32::from_le_bytes(w)).collect();
        tensors.push(Tensor::new(shape, data).unwrap());
        rest = after;
    }
    Ok(tensors)
}
