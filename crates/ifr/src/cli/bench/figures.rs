//! What the runs come to.

use std::fmt::Write;
use std::fs;
use std::time::Duration;

use ifr_cpu::{Level, StepTime};
use serde_json::{Value, json};

use super::subject::Subject;

/// One frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) seconds: f64,
    /// The part that does not depend on the instant.
    pub(super) pair_seconds: f64,
}

impl Run {
    pub(super) fn new(pair: Duration, all: Duration) -> Self {
        Self { seconds: all.as_secs_f64(), pair_seconds: pair.as_secs_f64() }
    }
}

/// Minimum, quartiles and maximum.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spread {
    min: f64,
    lower: f64,
    median: f64,
    upper: f64,
    max: f64,
}

impl Spread {
    /// Of at least one value; quartiles between two values are interpolated.
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * (values.len() - 1) as f64;
            let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
            low + (high - low) * place.fract()
        };
        Self { min: at(0.0), lower: at(0.25), median: at(0.5), upper: at(0.75), max: at(1.0) }
    }
}

/// All that is told.
pub(super) struct Figures<'a> {
    subject: &'a Subject,
    runs: &'a [Run],
    spread: Spread,
    pair: Spread,
    /// Processor time of a run, in seconds, of all threads together.
    processor: Option<f64>,
    /// What all threads can do, in flop/s.
    peak: f64,
    threads: usize,
    level: Level,
    memory: Option<u64>,
}

impl<'a> Figures<'a> {
    /// `processor`: seconds of all runs; `peak`: of one thread, in flop/s.
    pub(super) fn new(
        subject: &'a Subject,
        runs: &'a [Run],
        processor: Option<f64>,
        peak: f64,
        threads: usize,
        level: Level,
    ) -> Self {
        Self {
            subject,
            runs,
            spread: Spread::of(runs.iter().map(|r| r.seconds).collect()),
            pair: Spread::of(runs.iter().map(|r| r.pair_seconds).collect()),
            processor: processor.map(|s| s / runs.len() as f64),
            peak: peak * threads as f64,
            threads,
            level,
            memory: peak_memory(),
        }
    }

    /// Flop of a frame, every convolution counted as a direct one.
    fn flop(&self) -> Option<f64> {
        self.subject.cost().map(|cost| 2.0 * cost.macs() as f64)
    }

    pub(super) fn json(&self, complete: bool) -> Value {
        let Self { subject, spread, .. } = self;
        let rate = self.flop().map(|flop| flop / spread.median.max(1e-9));
        let (layers, all) = (self.layers(), self.layers_seconds());
        let layers: Vec<Value> = layers
            .iter()
            .map(|l| {
                json!({
                    "tensor": l.tensor,
                    "stage": l.stage,
                    "kind": l.kind,
                    "flop": l.flop,
                    "seconds": l.seconds(),
                    "share": l.seconds() / all.max(1e-12),
                })
            })
            .collect();
        json!({
            "model": subject.name,
            "weights": subject.weights,
            "width": subject.size.0,
            "height": subject.size.1,
            "flow_scale": subject.scales.map(|s| s.flow.value()),
            "refine_scale": subject.scales.map(|s| s.refine.value()),
            "threads": self.threads,
            "level": subject.weights.map(|_| self.level.to_string()),
            "runs": self.runs.len(),
            "complete": complete,
            "seconds": {
                "median": spread.median,
                "min": spread.min,
                "lower_quartile": spread.lower,
                "upper_quartile": spread.upper,
                "max": spread.max,
                "all": self.runs.iter().map(|r| r.seconds).collect::<Vec<_>>(),
            },
            "pair_seconds": self.pair.median,
            "processor_seconds": self.processor,
            "frames_per_second": 1.0 / spread.median.max(1e-9),
            "flop": self.flop(),
            "flop_per_second": rate,
            "peak_flop_per_second": self.peak,
            "share_of_peak": rate.map(|rate| rate / self.peak),
            "peak_memory_bytes": self.memory,
            "maps_bytes": subject.maps(),
            "layers": if layers.is_empty() { Value::Null } else { layers.into() },
        })
    }

    pub(super) fn text(&self) -> String {
        let Self { subject, spread, threads, .. } = self;
        let ms = |seconds: f64| format!("{:.2} ms", 1e3 * seconds);
        let plural = if *threads == 1 { "thread" } else { "threads" };
        let (w, h) = subject.size;
        let kernels = subject.weights.map_or_else(String::new, |_| format!(", {}", self.level));
        let mut lines = vec![format!("{} {w}x{h}, {threads} {plural}{kernels}", subject.name)];
        if subject.weights == Some("by rule") {
            lines.push(
                "weights     made up by rule: the time is that of trained ones, the frames are no pictures"
                    .into(),
            );
        }
        lines.push(format!("median      {} of {} runs", ms(spread.median), self.runs.len()));
        lines.push(format!(
            "spread      {} to {}, half of them from {} to {}",
            ms(spread.min),
            ms(spread.max),
            ms(spread.lower),
            ms(spread.upper)
        ));
        lines.push(format!("shared      {} of it for the pair, whatever the instants", ms(self.pair.median)));
        if let Some(processor) = self.processor {
            lines.push(format!("processor   {} a frame, all threads together", ms(processor)));
        }
        lines.push(format!("frames/s    {:.2}", 1.0 / spread.median.max(1e-9)));
        if let Some(flop) = self.flop() {
            let rate = flop / spread.median.max(1e-9);
            lines.push(format!(
                "GFLOP/s     {:.1} effective ({:.2} GFLOP as direct convolutions), {:.0} % of the peak of {:.1}",
                rate / 1e9,
                flop / 1e9,
                100.0 * rate / self.peak,
                self.peak / 1e9
            ));
        }
        if let Some(bytes) = self.memory {
            let maps = subject.maps().map_or_else(String::new, |maps| {
                format!(" (maps of the network {:.1} MB)", maps as f64 / 1e6)
            });
            lines.push(format!("memory      {:.1} MB at most{maps}", bytes as f64 / 1e6));
        }
        let mut text = lines.join("\n") + "\n";
        self.write_layers(&mut text);
        text
    }

    /// One line for each layer, then one for each stage and each kind.
    fn write_layers(&self, text: &mut String) {
        let (layers, all) = (self.layers(), self.layers_seconds());
        if layers.is_empty() {
            return;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\n{:<39} {:>9} {:>6} {:>9}", "layer", "ms", "%", "GFLOP/s");
        let mut line = |name: &str, kind: &str, seconds: f64, flop: u64| {
            let rate = flop as f64 / seconds.max(1e-9) / 1e9;
            let rate = if flop > 0 { format!("{rate:9.1}") } else { String::new() };
            let share = 100.0 * seconds / all.max(1e-12);
            let row = format!("{name:<28} {kind:<10} {:9.3} {share:6.1} {rate}", 1e3 * seconds);
            let _ = writeln!(text, "{}", row.trim_end());
        };
        for layer in layers {
            line(&layer.tensor, layer.kind, layer.seconds(), layer.flop);
        }
        let by = |name: fn(&StepTime) -> &str| {
            let mut sums: Vec<(&str, f64, u64)> = Vec::new();
            for layer in layers {
                match sums.iter_mut().find(|s| s.0 == name(layer)) {
                    Some(sum) => (sum.1, sum.2) = (sum.1 + layer.seconds(), sum.2 + layer.flop),
                    None => sums.push((name(layer), layer.seconds(), layer.flop)),
                }
            }
            sums
        };
        for (stage, seconds, flop) in by(|l| &l.stage) {
            line(stage, "stage", seconds, flop);
        }
        for (kind, seconds, flop) in by(|l| l.kind) {
            line(kind, "kind", seconds, flop);
        }
    }

    fn layers(&self) -> &'a [StepTime] {
        self.subject.layers()
    }

    fn layers_seconds(&self) -> f64 {
        self.layers().iter().map(StepTime::seconds).sum()
    }
}

/// The most memory this process ever had resident, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kib)
}

/// Processor time of this process so far, in seconds, where the system tells: in hundredths, as Linux counts for everyone.
pub(super) fn processor_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold anything; the 12th and 13th field after it are the times.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_are_interpolated() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0]);
        let expected = Spread { min: 1.0, lower: 1.75, median: 2.5, upper: 3.25, max: 4.0 };
        assert_eq!(spread, expected);
        assert_eq!(Spread::of(vec![7.0]).upper, 7.0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_memory_and_time() {
        assert!(peak_memory().unwrap() > 1 << 20);
        assert!(processor_seconds().is_some());
    }
}
