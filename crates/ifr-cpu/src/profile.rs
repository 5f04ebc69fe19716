//! Time by step: for [`Engine::measure_steps`](crate::Engine::measure_steps), and printed with `IFR_PROFILE=1`.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use ifr_net::Graph;

use crate::plan::Plan;

/// How long one step of a plan took; what is done band by band is one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepTime {
    /// The tensor that the step makes, or is on its way to.
    pub tensor: String,
    /// The stage of the graph that it belongs to, e.g. `decoder4`.
    pub stage: String,
    /// What the step is, e.g. `winograd` or `warp`.
    pub kind: &'static str,
    /// Multiplications and additions of one run, for convolutions: as many as a direct one has, in flop. 0 for other steps.
    pub flop: u64,
    /// How often it ran.
    pub runs: u32,
    /// The time of all these runs together.
    pub time: Duration,
}

impl StepTime {
    /// Seconds of a run on average; 0 where there was none.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.time.as_secs_f64() / f64::from(self.runs.max(1))
    }
}

/// Times of the steps of the plan in use.
#[derive(Default)]
pub(crate) struct Profile {
    title: String,
    rows: Vec<StepTime>,
    /// The row of each step of the plan, and whether it is the first of that row.
    row_of: Vec<(usize, bool)>,
    /// Whether a table is printed when the plan changes and at the end.
    prints: bool,
}

impl Profile {
    /// A profile that prints itself, if the environment asks for one.
    pub(crate) fn from_environment() -> Option<Self> {
        let asked = std::env::var_os("IFR_PROFILE").filter(|v| v != "0");
        asked.map(|_| Self { title: String::new(), rows: Vec::new(), row_of: Vec::new(), prints: true })
    }

    /// Prints what there is and begins anew for another plan.
    pub(crate) fn start(&mut self, graph: &Graph, plan: &Plan) {
        self.print();
        self.title = format!("{} at {}x{}", graph.name(), plan.size.0, plan.size.1);
        self.rows.clear();
        self.row_of.clear();
        // Steps of one kind and node are one row: bands of the same work.
        let mut known = HashMap::new();
        for step in &plan.steps {
            let node = &graph.nodes()[step.node];
            let index = *known.entry((step.node, step.kind())).or_insert(self.rows.len());
            let first = index == self.rows.len();
            if first {
                self.rows.push(StepTime {
                    tensor: graph.tensor(node.output).name.clone(),
                    stage: graph.stages()[node.stage.index()].clone(),
                    kind: step.kind(),
                    flop: 0,
                    runs: 0,
                    time: Duration::ZERO,
                });
            }
            self.rows[index].flop += step.flop();
            self.row_of.push((index, first));
        }
    }

    pub(crate) fn add(&mut self, step: usize, time: Duration) {
        let Some(&(row, first)) = self.row_of.get(step) else { return };
        if let Some(row) = self.rows.get_mut(row) {
            row.runs += u32::from(first);
            row.time += time;
        }
    }

    pub(crate) fn steps(&self) -> &[StepTime] {
        &self.rows
    }

    /// The table: one line for each step, then one for each kind.
    fn table(&self) -> String {
        let mut text = format!("{}: milliseconds a run, GFLOP/s\n", self.title);
        let mut kinds: Vec<(&str, f64)> = Vec::new();
        for row in self.rows.iter().filter(|r| r.runs > 0) {
            let seconds = row.seconds();
            let rate = row.flop as f64 / seconds.max(1e-9) / 1e9;
            let rate = if row.flop > 0 { format!("{rate:8.1}") } else { String::new() };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{:<24} {:<9} {:9.3} {rate}", row.tensor, row.kind, 1e3 * seconds);
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
        if self.prints && self.rows.iter().any(|r| r.runs > 0) {
            eprint!("{}", self.table());
        }
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        self.print();
    }
}
