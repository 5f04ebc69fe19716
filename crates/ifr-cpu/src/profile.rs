//! Time by step, for `IFR_PROFILE=1`.

use std::fmt::Write;
use std::time::Duration;

use ifr_net::Graph;

use crate::plan::Plan;

/// What is known of the steps of one kind that belong to one node.
struct Row {
    label: String,
    node: usize,
    kind: &'static str,
    flop: u64,
    /// How many there are, and how many were done.
    steps: u32,
    done: u32,
    time: Duration,
}

/// Times of the steps of the plan in use; prints a table when dropped.
#[derive(Default)]
pub(crate) struct Profile {
    title: String,
    rows: Vec<Row>,
    /// The row of each step.
    row_of: Vec<usize>,
}

impl Profile {
    /// A profile, if the environment asks for one.
    pub(crate) fn from_environment() -> Option<Self> {
        std::env::var_os("IFR_PROFILE").filter(|v| v != "0").map(|_| Self::default())
    }

    /// Prints what there is and begins anew for another plan.
    pub(crate) fn start(&mut self, graph: &Graph, plan: &Plan) {
        self.print();
        self.title = format!("{} at {}x{}", graph.name(), plan.size.0, plan.size.1);
        self.rows.clear();
        self.row_of.clear();
        for step in &plan.steps {
            let (node, kind) = (step.node, step.kind());
            let known = self.rows.iter().position(|row| (row.node, row.kind) == (node, kind));
            let index = known.unwrap_or_else(|| {
                let label = graph.tensor(graph.nodes()[node].output).name.clone();
                self.rows.push(Row { label, node, kind, flop: 0, steps: 0, done: 0, time: Duration::ZERO });
                self.rows.len() - 1
            });
            self.rows[index].flop += step.flop();
            self.rows[index].steps += 1;
            self.row_of.push(index);
        }
    }

    pub(crate) fn add(&mut self, step: usize, time: Duration) {
        if let Some(row) = self.row_of.get(step).and_then(|&row| self.rows.get_mut(row)) {
            row.done += 1;
            row.time += time;
        }
    }

    /// The table: one line for each step, then one for each kind.
    fn table(&self) -> String {
        let mut text = format!("{}: milliseconds a run, GFLOP/s\n", self.title);
        let mean = |row: &Row| row.time.as_secs_f64() * f64::from(row.steps) / f64::from(row.done.max(1));
        let mut kinds: Vec<(&str, f64)> = Vec::new();
        for row in self.rows.iter().filter(|r| r.done > 0) {
            let seconds = mean(row);
            let rate = row.flop as f64 / seconds.max(1e-9) / 1e9;
            let rate = if row.flop > 0 { format!("{rate:8.1}") } else { String::new() };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:<24} {:<9} {:9.3} {rate}", row.label, row.kind, 1e3 * seconds);
            match kinds.iter_mut().find(|k| k.0 == row.kind) {
                Some(kind) => kind.1 += seconds,
                None => kinds.push((row.kind, seconds)),
            }
        }
        let total: f64 = kinds.iter().map(|k| k.1).sum();
        for (kind, seconds) in kinds {
            let _ = writeln!(
                text,
                "{kind:<34} {:9.3} {:5.1} %",
                1e3 * seconds,
                100.0 * seconds / total.max(1e-9)
            );
        }
        let _ = writeln!(text, "{:<34} {:9.3}", "all", 1e3 * total);
        text
    }

    fn print(&self) {
        if self.rows.iter().any(|r| r.done > 0) {
            eprint!("{}", self.table());
        }
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        self.print();
    }
}
