//! What is written beside the checkpoints.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ifr_net::{Dtype, Graph, ParameterStore, Parameters, Timesteps, write_safetensors};
use ifr_torch::download_values;

use crate::TrainError;
use crate::checkpoint::sync_folder;
use crate::config::{self, Config};
use crate::event::{SetScores, StepReport, Validation};
use crate::feed::Fed;
use crate::log::{Table, write_curves};
use crate::network;

/// The columns of `log.csv` before and after the parts of the loss.
const LOG: [&str; 2] =
    ["step,loss", "relative,learning_rate,gradient_norm,skipped,samples_per_second,waiting"];
const VALIDATION: &str = "step,set,images,psnr,ssim,ie,blend,flow,seconds";

/// The tables and curves of an output folder.
pub(super) struct Record {
    folder: PathBuf,
    log: Table,
    validation: Table,
    every: u64,
    /// How many parts the loss has.
    parts: usize,
    since: Since,
}

/// Sums since the last line.
#[derive(Debug, Clone, Default)]
struct Since {
    steps: u64,
    /// Of steps that were taken.
    taken: u64,
    parts: Vec<f64>,
    compared: [f64; 2],
    norm: f64,
    samples: usize,
    took: Duration,
    waited: Duration,
    last: u64,
    rate: f64,
    skipped: u64,
}

impl Record {
    /// Goes on after `step` of a training, with the validation of step `validated` the last.
    pub(super) fn new(folder: &Path, config: &Config, step: u64, validated: u64) -> Result<Self, TrainError> {
        let columns = format!("{},{},{}", LOG[0], config.loss_parts().join(","), LOG[1]);
        Ok(Self {
            folder: folder.to_owned(),
            log: Table::open(&folder.join("log.csv"), &columns, step)?,
            validation: Table::open(&folder.join("validation.csv"), VALIDATION, validated)?,
            every: config.train.log_every,
            parts: config.loss_parts().len(),
            since: Since::default(),
        })
    }

    /// Counts a step; a line is due every so many.
    pub(super) fn step(&mut self, report: &StepReport) -> Result<(), TrainError> {
        let s = &mut self.since;
        s.steps += 1;
        s.samples += report.samples;
        s.took += report.took;
        s.waited += report.waited;
        (s.last, s.rate, s.skipped) = (report.step, report.rate, report.all_skipped);
        if report.skipped.is_none() {
            s.taken += 1;
            s.norm += report.norm;
            s.compared = [0, 1].map(|i| s.compared[i] + report.compared[i]);
            s.parts.resize(report.parts.len(), 0.0);
            for (sum, part) in s.parts.iter_mut().zip(&report.parts) {
                *sum += part;
            }
        }
        if report.step.is_multiple_of(self.every) { self.line() } else { Ok(()) }
    }

    /// Writes the line for the steps since the last one.
    fn line(&mut self) -> Result<(), TrainError> {
        let s = std::mem::take(&mut self.since);
        if s.steps == 0 {
            return Ok(());
        }
        // Of no step taken: NaN, which says so.
        let mean = |sum: f64| sum / s.taken as f64;
        let mut parts: Vec<f64> = s.parts.iter().copied().map(mean).collect();
        parts.resize(self.parts, f64::NAN);
        let words: Vec<String> = parts.iter().map(|part| format!("{part:.7}")).collect();
        let seconds = s.took.as_secs_f64().max(1e-9);
        self.log.push(&format!(
            "{},{:.7},{},{:.5},{:.4e},{:.5},{},{:.2},{:.4}",
            s.last,
            parts.iter().sum::<f64>(),
            words.join(","),
            s.compared[0] / s.compared[1],
            s.rate,
            mean(s.norm),
            s.skipped,
            s.samples as f64 / seconds,
            s.waited.as_secs_f64() / seconds,
        ))
    }

    pub(super) fn validation(&mut self, validation: &Validation) -> Result<(), TrainError> {
        let Validation { step, sets, took, .. } = validation;
        for SetScores { set, images, psnr, ssim, ie, blend, flow } in sets {
            let set = set.replace([',', '\n'], " ");
            let seconds = took.as_secs_f64();
            self.validation.push(&format!(
                "{step},{set},{images},{psnr:.4},{ssim:.5},{ie:.4},{blend:.4},{flow:.4},{seconds:.1}"
            ))?;
        }
        Ok(())
    }

    /// Finishes the last line and draws the curves.
    pub(super) fn draw(&mut self) -> Result<(), TrainError> {
        self.line()?;
        let file = |name: &str| self.folder.join(name);
        write_curves(&file("log.csv"), &file("validation.csv"), &file("curves.svg"))
    }

    /// Writes weights with words about them, as every command reads them.
    pub(super) fn export(
        &self,
        path: &Path,
        parameters: &Parameters,
        config: &Config,
        words: &Words,
    ) -> Result<(), TrainError> {
        let draft = path.with_extension("partial");
        parameters.save(&draft, dtype(config), words)?;
        fs::rename(&draft, path).map_err(|e| TrainError::io("rename", &draft, e))?;
        sync_folder(&self.folder)
    }
}

/// What weights say of themselves.
pub(super) type Words = BTreeMap<String, String>;

/// Of weights after so many steps, of which so many were taken, each with a batch of each process; `scores` are those of
/// [`score_words`].
pub(super) fn words(
    config: &Config,
    step: u64,
    updates: u64,
    processes: usize,
    scores: &Words,
) -> Result<Words, TrainError> {
    let mut words = network::find(&config.model)?.metadata();
    let mut say = |key: &str, value: String| words.insert(key.to_owned(), value);
    say(Timesteps::KEY, network::timesteps(config)?.to_string());
    say("steps", updates.to_string());
    if step > updates {
        say("steps left out", (step - updates).to_string());
    }
    say("batch", (config.data.batch * processes).to_string());
    let (width, height) = config.data.crop.size();
    say("crop", format!("{width}x{height}"));
    say("trainer", format!("ifr {}", env!("CARGO_PKG_VERSION")));
    for (key, value) in [("data", &config.output.data), ("licence", &config.output.licence)] {
        if let Some(value) = value {
            say(key, value.clone());
        }
    }
    words.extend(scores.clone());
    Ok(words)
}

/// What is said of each set.
pub(super) fn score_words(validation: &Validation) -> Words {
    let word = |scores: &SetScores| {
        let SetScores { set, images, psnr, ssim, ie, flow, .. } = scores;
        let value = format!("{psnr:.3} dB over {images} frames (flow {flow:.3}), SSIM {ssim:.4}, IE {ie:.3}");
        (format!("psnr {set}"), value)
    };
    validation.sets.iter().map(word).collect()
}

/// Whether a file holds weights of the configured type with these words.
pub(super) fn is_current(path: &Path, config: &Config, words: &Words) -> bool {
    ParameterStore::open(path).is_ok_and(|store| {
        store.metadata() == words && store.entries().iter().all(|entry| entry.dtype == dtype(config))
    })
}

fn dtype(config: &Config) -> Dtype {
    match config.output.dtype {
        config::Dtype::F16 => Dtype::F16,
        config::Dtype::F32 => Dtype::F32,
    }
}

/// Writes a batch to look at: the graph's inputs (the targets are among them) and the labels, with where they come from.
pub(super) fn write_batch(path: &Path, graph: &Graph, fed: &Fed) -> Result<(), TrainError> {
    let names = graph.inputs().iter().map(|&id| graph.tensor(id).name.as_str());
    let labels = fed.labels.iter().map(|labels| ("labels", labels));
    let all = names.zip(&fed.inputs).chain(labels);
    let mut tensors = Vec::new();
    for (name, tensor) in all {
        let shape: Vec<usize> = tensor.size().iter().map(|&side| side as usize).collect();
        tensors.push((name, shape, download_values(tensor)?));
    }
    let origins =
        fed.origins.iter().map(|o| format!("{} {}..{}", o.name, o.first, o.second)).collect::<Vec<_>>();
    let words = [("origins".to_owned(), origins.join(", "))].into();
    let tensors = tensors.iter().map(|(name, shape, values)| (*name, shape.as_slice(), values.as_slice()));
    let draft = path.with_extension("partial");
    write_safetensors(&draft, Dtype::F32, tensors, &words)?;
    fs::rename(&draft, path).map_err(|e| TrainError::io("rename", &draft, e))
}
