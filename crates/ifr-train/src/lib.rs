//! Trains the networks of ifr.

mod budget;
mod checkpoint;
pub mod config;
mod encoder;
mod error;
mod event;
mod exit;
mod feed;
mod guard;
mod log;
mod loss;
mod network;
mod objective;
mod optim;
pub mod parallel;
mod source;
mod trainer;
mod validate;

pub use checkpoint::{Best, Checkpoint, State, newest};
pub use error::TrainError;
pub use event::{Event, Ready, SetScores, StepReport, Validation};
pub use guard::{Guard, Verdict};
pub use loss::{
    IfrNetLoss, IfrPlusLoss, LossWeights, Losses, Perceptual, PerceptualError, PlusLosses, PlusWeights,
};
pub use optim::{AdamW, Average, Schedule};
pub use trainer::{End, TrainOptions, Trained, Watch, set_threads, throughput, train};
