//! What is kept of a training for people: `log.csv`, `validation.csv` and their curves.

mod curves;
mod table;

pub(crate) use curves::write as write_curves;
pub(crate) use table::Table;
