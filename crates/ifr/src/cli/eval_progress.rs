//! What is shown while `ifr eval` runs.

use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ifr::eval::{Progress, Set};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::say::say;

/// How often machine-readable progress is written.
const JSON_EVERY: Duration = Duration::from_millis(500);

/// Shows how a set is run through.
pub(crate) struct Display {
    json: bool,
    bar: ProgressBar,
    start: Instant,
    last: Cell<Option<Instant>>,
    /// Notices told at the start.
    told: usize,
}

impl Display {
    /// Announces the set; `limit` is the most cases that will be taken.
    pub(crate) fn new(json: bool, set: &dyn Set, methods: usize, limit: Option<usize>) -> Self {
        let count = set.count().map(|n| n.min(limit.unwrap_or(n)) as u64);
        let bar = if !json && std::io::stderr().is_terminal() {
            ProgressBar::with_draw_target(count, ProgressDrawTarget::stderr_with_hz(8))
        } else {
            ProgressBar::hidden()
        };
        let template = if count.is_some() {
            "{msg} {wide_bar} {pos}/{len} cases  {per_sec}  {eta} left"
        } else {
            "{msg} {spinner} {pos} cases  {per_sec}  {elapsed}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(set.name().to_owned());
        let display =
            Self { json, bar, start: Instant::now(), last: Cell::new(None), told: set.notices().len() };
        if json {
            display.line(&json!({
                "event": "set",
                "set": set.name(),
                "kind": set.kind(),
                "cases": count,
                "methods": methods,
                "notices": set.notices(),
            }));
        } else {
            for notice in set.notices() {
                say!("notice: {notice}");
            }
        }
        display
    }

    pub(crate) fn update(&self, progress: &Progress<'_>, stop: &AtomicBool) -> ControlFlow<()> {
        self.bar.set_position(progress.done as u64);
        if let Some(e) = progress.skipped {
            self.bar.suspend(|| say!("warning: left out: {e}"));
        }
        if self.json && self.last.get().is_none_or(|at| at.elapsed() >= JSON_EVERY) {
            self.last.set(Some(Instant::now()));
            let seconds = self.start.elapsed().as_secs_f64();
            let rate = progress.done as f64 / seconds.max(1e-9);
            let left = progress.count.map(|n| n.saturating_sub(progress.done) as f64 / rate);
            self.line(&json!({
                "event": "progress",
                "set": progress.set,
                "done": progress.done,
                "cases": progress.count,
                "cases_per_second": rate,
                "seconds_left": left,
            }));
        }
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Ends the display, and tells what came up on the way.
    pub(crate) fn done(&self, set: &dyn Set) {
        self.bar.finish_and_clear();
        for notice in set.notices().iter().skip(self.told).filter(|_| !self.json) {
            say!("notice: {notice}");
        }
    }

    /// A closed pipe is no reason to stop measuring.
    fn line(&self, value: &serde_json::Value) {
        let _ = writeln!(std::io::stdout(), "{value}");
    }
}
