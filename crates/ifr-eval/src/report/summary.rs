use serde::Serialize;

use crate::{Report, Row};

/// Means over a report's rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Number of frames.
    pub images: usize,
    /// Mean of the frames' PSNR in dB.
    pub psnr: f64,
    /// Mean SSIM.
    pub ssim: f64,
    /// Mean interpolation error, 0 to 255.
    pub ie: f64,
    /// Mean LPIPS.
    pub lpips: Option<f64>,
    /// Seconds a frame.
    pub seconds: Option<f64>,
    /// The same for each t, where there is more than one (to thousandths).
    pub times: Vec<AtTime>,
}

/// Means over the frames at one t.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AtTime {
    /// Place between the inputs, to thousandths.
    pub t: f64,
    /// Number of frames.
    pub images: usize,
    /// Mean PSNR in dB.
    pub psnr: f64,
    /// Mean SSIM.
    pub ssim: f64,
    /// Mean interpolation error.
    pub ie: f64,
}

/// The mean of what there is; `None` of nothing.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), v| (sum + v, count + 1));
    (count > 0).then(|| sum / count as f64)
}

fn thousandths(row: &Row) -> u32 {
    (row.t * 1000.0).round() as u32
}

impl Report {
    /// The means; `None` of a report without frames.
    pub fn summary(&self) -> Option<Summary> {
        let of = |rows: &[&Row], value: fn(&Row) -> f64| mean(rows.iter().map(|row| value(row)));
        let all: Vec<&Row> = self.rows.iter().collect();
        let mut places: Vec<u32> = self.rows.iter().map(thousandths).collect();
        places.sort_unstable();
        places.dedup();
        let at = |&place: &u32| {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| thousandths(row) == place).collect();
            Some(AtTime {
                t: f64::from(place) / 1000.0,
                images: rows.len(),
                psnr: of(&rows, |r| r.psnr)?,
                ssim: of(&rows, |r| r.ssim)?,
                ie: of(&rows, |r| r.ie)?,
            })
        };
        Some(Summary {
            images: all.len(),
            psnr: of(&all, |r| r.psnr)?,
            ssim: of(&all, |r| r.ssim)?,
            ie: of(&all, |r| r.ie)?,
            lpips: mean(self.rows.iter().filter_map(|r| r.lpips)),
            seconds: mean(self.rows.iter().filter_map(|r| r.seconds)),
            times: if places.len() > 1 { places.iter().filter_map(at).collect() } else { Vec::new() },
        })
    }
}
