//! One step of descent, on all parameters as one vector.

mod adamw;
mod average;
mod schedule;

pub use adamw::AdamW;
pub use average::Average;
pub use schedule::Schedule;
