//! Batches, ready on the device.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ifr_data::{Batch, DataError, Origin};
use ifr_net::Graph;
use ifr_torch::{TorchError, upload_values};
use tch::{Device, Tensor};

use crate::TrainError;

/// Batches kept ready on the device, beside the one in use.
const AHEAD: usize = 1;

/// Where batches come from: an endless sequence.
pub(crate) type Samples = Box<dyn Iterator<Item = Result<Batch, DataError>> + Send>;

/// A batch on the device.
pub(crate) struct Fed {
    /// In the order of the graph's inputs.
    pub(crate) inputs: Vec<Tensor>,
    /// The true frames: N × 3 × H × W.
    pub(crate) target: Tensor,
    /// Label flows: N × 4 × H × W.
    pub(crate) labels: Option<Tensor>,
    /// N.
    pub(crate) samples: usize,
    /// Where each window was taken from.
    pub(crate) origins: Vec<Origin>,
}

impl Fed {
    /// Want of memory comes with advice; crops have to be multiples of `multiple`.
    pub(crate) fn explain(&self, error: TrainError, multiple: usize) -> TrainError {
        let size = self.target.size();
        let side = |i: usize| size.get(i).map_or(0, |&side| side as usize);
        explain(error, self.samples, (side(3), side(2)), self.origins.len(), multiple)
    }
}

fn explain(
    error: TrainError,
    samples: usize,
    (width, height): (usize, usize),
    windows: usize,
    multiple: usize,
) -> TrainError {
    match error {
        TrainError::Torch(TorchError::Memory { device, .. }) => {
            let smaller = Some(windows / 2).filter(|&windows| windows > 0);
            TrainError::Memory { device, samples, width, height, multiple, smaller }
        }
        other => other,
    }
}

/// Uploads batches in a thread of its own, so that the device never waits for copies.
pub(crate) struct Feed {
    receiver: Option<Receiver<Result<Fed, TrainError>>>,
    thread: Option<JoinHandle<()>>,
}

impl Feed {
    pub(crate) fn new(samples: Samples, graph: &Graph, device: Device) -> Result<Self, TrainError> {
        let names: Vec<String> = graph.inputs().iter().map(|&id| graph.tensor(id).name.clone()).collect();
        let multiple = graph.multiple();
        let (sender, receiver) = sync_channel(AHEAD);
        let work = move || {
            for batch in samples {
                let fed = batch.map_err(TrainError::from).and_then(|batch| {
                    let failed = |e| {
                        explain(e, batch.samples, (batch.width, batch.height), batch.origins.len(), multiple)
                    };
                    upload(&batch, &names, device).map_err(failed)
                });
                let failed = fed.is_err();
                // Nobody takes it any more, or nothing can follow.
                if sender.send(fed).is_err() || failed {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("feed".to_owned()).spawn(work);
        let thread = thread.map_err(|e| TrainError::Internal(format!("cannot start a thread: {e}")))?;
        Ok(Self { receiver: Some(receiver), thread: Some(thread) })
    }

    /// The next batch, and how long it was waited for.
    pub(crate) fn next(&self) -> Result<(Fed, Duration), TrainError> {
        let start = Instant::now();
        let next = self.receiver.as_ref().and_then(|receiver| receiver.recv().ok());
        let none = || {
            TrainError::Internal("the samples came to an end, or the thread that reads them did".to_owned())
        };
        Ok((next.ok_or_else(none)??, start.elapsed()))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        drop(self.receiver.take());
        if let Some(thread) = self.thread.take() {
            // What it said is on the terminal.
            let _ = thread.join();
        }
    }
}

fn upload(batch: &Batch, inputs: &[String], device: Device) -> Result<Fed, TrainError> {
    let (n, w, h) = (batch.samples, batch.width, batch.height);
    let missing = |name: &str| TrainError::Internal(format!("the samples have no {name}"));
    let image = |values: &[f32]| upload_values(values, &[n, 3, h, w], device);
    let flows = |values: &[f32]| upload_values(values, &[n, 4, h, w], device);
    let target = image(&batch.target)?;
    let input = |name: &String| {
        let prior = || batch.prior.as_ref().ok_or_else(|| missing("prior"));
        Ok(match name.as_str() {
            "img0" => image(&batch.first)?,
            "img1" => image(&batch.second)?,
            "t" => upload_values(&batch.t, &[n, 1, 1, 1], device)?,
            "target" => target.shallow_clone(),
            "prior.flows" => flows(&prior()?.flows)?,
            "prior.frame" => image(&prior()?.frame)?,
            other => return Err(missing(other)),
        })
    };
    Ok(Fed {
        inputs: inputs.iter().map(input).collect::<Result<_, TrainError>>()?,
        target,
        labels: batch.labels.as_deref().map(flows).transpose()?,
        samples: n,
        origins: batch.origins.clone(),
    })
}
