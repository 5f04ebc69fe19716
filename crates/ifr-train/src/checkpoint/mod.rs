//! All that is needed to go on as if nothing had happened.
//!
//! `checkpoints/step-0001000/` under the output folder holds `state.json` and four vectors over all parameters, as safetensors
//! files under the parameters' names: `weights`, `ema`, `moment1`, `moment2`. No file is larger than 15 MiB: larger vectors are
//! `weights-1-of-3.safetensors` and so on. A folder is written under another name, synced, and then renamed, so one that is there
//! is whole; one that it replaces is `.step-0001000.old` meanwhile.

mod folder;
mod state;
mod vector;

pub use folder::{Checkpoint, newest};
pub use state::{Best, State};

pub(crate) use folder::{folder_at, prune, save};
pub(crate) use vector::sync_folder;
