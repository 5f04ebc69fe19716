//! What was measured: figures, tables and pages.

mod csv;
mod gallery;
mod html;
mod page;
mod summary;
mod table;

use serde::Serialize;

use crate::{Convention, Kind};

pub use csv::csv;
pub use gallery::{Gallery, Kept};
pub use html::write_html;
pub use summary::{AtTime, Summary};
pub use table::table;

/// One frame's figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The case's name.
    pub case: String,
    /// Its place between the inputs.
    pub t: f32,
    /// PSNR in dB.
    pub psnr: f64,
    /// SSIM.
    pub ssim: f64,
    /// Interpolation error, 0 to 255.
    pub ie: f64,
    /// LPIPS, where its weights were given.
    pub lpips: Option<f64>,
    /// Seconds it took, where `ifr` made it.
    pub seconds: Option<f64>,
}

/// One method's figures on one set.
#[derive(Debug, Clone)]
pub struct Report {
    /// The set's name.
    pub set: String,
    /// The kind of set.
    pub kind: Kind,
    /// The method's name.
    pub method: String,
    /// The convention of PSNR and SSIM.
    pub convention: Convention,
    /// One row a frame, in the order of the set.
    pub rows: Vec<Row>,
    /// Cases that could not be read.
    pub skipped: usize,
    /// What people should know before they believe a figure.
    pub notices: Vec<String>,
    /// Whether the run came to the end of the set (or the limit asked for).
    pub complete: bool,
    /// The worst and the best frames.
    pub gallery: Gallery,
}
