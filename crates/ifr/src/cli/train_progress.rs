//! What is shown while `ifr train` runs.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use ifr_train::{Event, Ready, StepReport, Validation};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::say::say;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(15);
/// How much the last step counts in the means shown.
const FRESH: f64 = 0.05;

/// Shows how a training goes: a live line on a terminal, a line now and then elsewhere.
pub(crate) struct Display {
    bar: ProgressBar,
    terminal: bool,
    said: Option<Instant>,
    shown: Option<Shown>,
}

/// Running means.
#[derive(Clone)]
struct Shown {
    loss: f64,
    parts: Vec<f64>,
    norm: f64,
    seconds: f64,
    samples: f64,
    waited: f64,
}

impl Display {
    pub(crate) fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::hidden();
        if terminal {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(4));
        }
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len}  {msg}") {
            bar.set_style(style);
        }
        bar.set_message("opening the data");
        Self { bar, terminal, said: None, shown: None }
    }

    pub(crate) fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Ready(ready) => self.ready(ready),
            Event::Step(report) => self.step(report),
            Event::Validating { set, done, count } => {
                let of = count.map_or_else(String::new, |count| format!("/{count}"));
                self.bar.set_message(format!("validating on {set}: {done}{of}"));
            }
            Event::Validated(validation) => self.validated(validation),
            Event::Exported(path) => tracing::info!("weights: {}", path.display()),
            Event::Saved(path) => tracing::info!("checkpoint: {}", path.display()),
            Event::Notice(words) => self.line(&format!("notice: {words}")),
            _ => {}
        }
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// Writes a line without tearing the live one.
    fn line(&self, words: &str) {
        self.bar.suspend(|| say!("{words}"));
    }

    fn ready(&self, ready: &Ready) {
        let Ready { network, parameters, device, windows, resumed, step, steps, output } = ready;
        let windows = windows.map_or_else(String::new, |n| format!(", {n} windows"));
        let millions = *parameters as f64 / 1e6;
        self.line(&format!(
            "{network} ({millions:.2} M parameters) on {device}{windows}, into {}",
            output.display()
        ));
        match resumed {
            Some(path) => self.line(&format!("going on from step {step} of {steps} ({})", path.display())),
            None => self.line(&format!("{steps} steps")),
        }
        self.bar.set_length(*steps);
        self.bar.set_position(*step);
    }

    fn step(&mut self, report: &StepReport) {
        if let Some(reason) = report.skipped {
            self.line(&format!("step {} is left out: {reason} ({} so far)", report.step, report.all_skipped));
            return;
        }
        let now = Shown {
            loss: report.loss,
            parts: report.parts.clone(),
            norm: report.norm,
            seconds: report.took.as_secs_f64(),
            samples: report.samples as f64,
            waited: report.waited.as_secs_f64(),
        };
        let shown = self.shown.take().map_or_else(|| now.clone(), |before| before.towards(&now));
        self.bar.set_position(report.step);
        let left = report.steps.saturating_sub(report.step) as f64 * shown.seconds;
        let left = HumanDuration(Duration::try_from_secs_f64(left).unwrap_or_default());
        let words = format!("{}  {left} left", shown.words(report.rate));
        self.shown = Some(shown);
        if !self.terminal && self.said.is_none_or(|at| at.elapsed() >= LINE_EVERY) {
            self.said = Some(Instant::now());
            say!("step {}/{}  {words}", report.step, report.steps);
        }
        self.bar.set_message(words);
    }

    fn validated(&self, validation: &Validation) {
        self.line(&validation.to_string());
    }
}

impl Shown {
    fn towards(&self, now: &Self) -> Self {
        let mix = |a: f64, b: f64| a + FRESH * (b - a);
        Self {
            loss: mix(self.loss, now.loss),
            parts: self.parts.iter().zip(&now.parts).map(|(&a, &b)| mix(a, b)).collect(),
            norm: mix(self.norm, now.norm),
            seconds: mix(self.seconds, now.seconds),
            samples: mix(self.samples, now.samples),
            waited: mix(self.waited, now.waited),
        }
    }

    /// The means in words; of the loss the parts that it has, where they are several.
    fn words(&self, rate: f64) -> String {
        let parts: Vec<String> =
            self.parts.iter().filter(|&&part| part != 0.0).map(|part| format!("{part:.4}")).collect();
        let parts = if parts.len() > 1 { format!(" ({})", parts.join(" + ")) } else { String::new() };
        let seconds = self.seconds.max(1e-9);
        format!(
            "loss {:.4}{parts}  lr {rate:.2e}  grad {:.3}  {:.1} images/s  \
             waiting {:.0} %",
            self.loss,
            self.norm,
            self.samples / seconds,
            100.0 * self.waited / seconds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_the_loss_lacks_are_not_shown() {
        let words = |parts: &[f64]| {
            let parts = parts.to_vec();
            Shown { loss: 0.5, parts, norm: 1.0, seconds: 2.0, samples: 8.0, waited: 0.5 }.words(1e-4)
        };
        let rest = "  lr 1.00e-4  grad 1.000  4.0 images/s  waiting 25 %";
        assert_eq!(words(&[0.375, 0.125, 0.0]), format!("loss 0.5000 (0.3750 + 0.1250){rest}"));
        assert_eq!(words(&[0.5, 0.0, 0.0]), format!("loss 0.5000{rest}"));
    }
}
