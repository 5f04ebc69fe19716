//! What is shown while a job runs, and when it is done.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::say::say;
use ifr::Times;
use ifr::job::{JobError, Making, Plan, Progress, Report};
use ifr::net::Ratio;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

/// How often machine-readable progress is written.
pub(crate) const JSON_EVERY: Duration = Duration::from_millis(500);

/// How a job is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A bar on the terminal, and a summary.
    Bar,
    /// One JSON object a line, on standard output (or standard error when the video goes to standard output).
    Json {
        /// Whether standard output is taken by the video.
        to_stderr: bool,
    },
    /// Errors only.
    Quiet,
}

/// Shows one job.
pub(crate) struct Display {
    style: Style,
    bar: ProgressBar,
    start: Instant,
    last: Mutex<Option<Instant>>,
}

impl Display {
    pub(crate) fn new(style: Style, plan: &Plan) -> Self {
        let bar = match style {
            Style::Bar if std::io::stderr().is_terminal() => {
                ProgressBar::with_draw_target(plan.output_frames, ProgressDrawTarget::stderr_with_hz(8))
            }
            _ => ProgressBar::hidden(),
        };
        let template = if plan.output_frames.is_some() {
            "{wide_bar} {pos}/{len} frames  {per_sec}  {eta} left"
        } else {
            "{spinner} {pos} frames  {per_sec}  {elapsed}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            let per_sec = |state: &indicatif::ProgressState, w: &mut dyn std::fmt::Write| {
                let _ = write!(w, "{:.1} fps", state.per_sec());
            };
            bar.set_style(style.with_key("per_sec", per_sec));
        }
        let display = Self { style, bar, start: Instant::now(), last: Mutex::new(None) };
        display.begin(plan);
        display
    }

    fn begin(&self, plan: &Plan) {
        match self.style {
            Style::Bar => {
                say!("{} → {} ({})", plan.input.display(), plan.target.path().display(), plan.speed);
                for notice in &plan.notices {
                    say!("notice: {notice}");
                }
            }
            Style::Json { .. } => self.line(&plan_json(plan)),
            Style::Quiet => {}
        }
    }

    pub(crate) fn update(&self, progress: &Progress) {
        self.bar.set_position(progress.written);
        let Style::Json { .. } = self.style else { return };
        let due = {
            let Ok(mut last) = self.last.lock() else { return };
            let due = last.is_none_or(|at| at.elapsed() >= JSON_EVERY);
            if due {
                *last = Some(Instant::now());
            }
            due
        };
        if due {
            let seconds = self.start.elapsed().as_secs_f64();
            let rate = progress.written as f64 / seconds.max(1e-9);
            let left = progress.expected.map(|n| n.saturating_sub(progress.written) as f64 / rate.max(1e-9));
            self.line(&json!({
                "event": "progress",
                "read": progress.read,
                "written": progress.written,
                "made": progress.made,
                "expected": progress.expected,
                "position": progress.position.as_secs_f64(),
                "fps": rate,
                "seconds_left": left,
            }));
        }
    }

    pub(crate) fn done(&self, report: &Report) {
        self.bar.finish_and_clear();
        match self.style {
            Style::Bar => say!("{}", summary(report)),
            Style::Json { .. } => self.line(&report_json(report)),
            Style::Quiet => {}
        }
    }

    pub(crate) fn failed(&self, error: &JobError) {
        self.bar.abandon();
        if let Style::Json { .. } = self.style {
            let message = error.to_string();
            self.line(&json!({ "event": "error", "message": message, "exit_code": error.exit_code() }));
        }
    }

    fn line(&self, value: &Value) {
        write_line(self.style, value);
    }
}

/// Writes one JSON line where the style says. A closed pipe is no reason to stop a job.
pub(crate) fn write_line(style: Style, value: &Value) {
    let _ = match style {
        Style::Json { to_stderr: true } => writeln!(std::io::stderr(), "{value}"),
        _ => writeln!(std::io::stdout(), "{value}"),
    };
}

/// Tells that an input is left alone.
pub(crate) fn skipped(style: Style, input: &Path, output: &Path) {
    match style {
        Style::Bar => say!("{}: skipped, {} is there", input.display(), output.display()),
        Style::Json { .. } => {
            let (input, output) = (input.to_string_lossy(), output.to_string_lossy());
            write_line(style, &json!({ "event": "skipped", "input": input, "output": output }));
        }
        Style::Quiet => {}
    }
}

/// The plan, machine-readable.
pub(crate) fn plan_json(plan: &Plan) -> Value {
    let video = &plan.source.video;
    json!({
        "event": "plan",
        "input": path(&plan.input),
        "output": path(plan.target.path()),
        "width": video.width,
        "height": video.height,
        "format": video.format.to_string(),
        "color": video.color.to_string(),
        "codec": video.codec,
        "source_rate": video.rate.map(|r| r.to_string()),
        "source_frames": plan.source_frames,
        "speed": plan.speed.to_string(),
        "output_rate": plan.output.rate.map(|r| r.to_string()),
        "output_frames": plan.output_frames,
        "copied": plan.source.others,
        "chapters": plan.source.chapters,
        "making": plan.making.as_ref().map(making_json),
        "notices": plan.notices,
    })
}

fn making_json(making: &Making) -> Value {
    let method = &making.method;
    let scale = |ratio: Ratio| ratio.value();
    json!({
        "model": method.model,
        "flow_scale": method.flow_scale.map(scale),
        "refine_scale": method.refine_scale.map(scale),
        "bisect_depth": match method.times {
            Times::Any => None,
            Times::Bisected(depth) => Some(depth.get()),
        },
        "passes": method.passes,
        "largest_error": making.error,
        "largest_error_seconds": making.error_seconds,
        "runs_per_pair": making.runs,
        "macs_per_pair": making.macs,
    })
}

fn report_json(report: &Report) -> Value {
    json!({
        "event": "summary",
        "output": path(&report.output),
        "read": report.read,
        "written": report.written,
        "kept": report.kept,
        "made": report.made,
        "repeated": report.repeated,
        "left_out": report.left_out,
        "cuts": report.cuts,
        "skipped": report.skipped,
        "notices": report.notices,
        "bytes": report.bytes,
        "encoder": report.encoder,
        "seconds": report.elapsed.as_secs_f64(),
        "seconds_interpolating": report.interpolating.as_secs_f64(),
    })
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn summary(report: &Report) -> String {
    let seconds = report.elapsed.as_secs_f64();
    let mut text = format!(
        "{}: {} frames ({} made, {} repeated) in {seconds:.1} s, {:.1} fps, {:.1} MB",
        report.output.display(),
        report.written,
        report.made,
        report.repeated,
        report.written as f64 / seconds.max(1e-9),
        report.bytes as f64 / 1e6,
    );
    if !report.cuts.is_empty() {
        let shown: Vec<String> = report.cuts.iter().take(12).map(u64::to_string).collect();
        let more = if report.cuts.len() > shown.len() { ", …" } else { "" };
        text += &format!("\ncuts at source frames {}{more}: nothing was made across them", shown.join(", "));
    }
    for notice in &report.notices {
        text += &format!("\nnotice: {notice}");
    }
    if report.skipped > 0 {
        text += &format!("\nwarning: {} damaged packets or frames were skipped", report.skipped);
    }
    text
}
