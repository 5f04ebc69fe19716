//! The suite that every interpreter of graphs passes, on every level of this machine.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::sync::Arc;

use ifr_cpu::{CpuError, Engine, EngineOptions, Level};
use ifr_net::{Graph, Parameters, Tensor, conformance};

struct Cpu(EngineOptions);

impl conformance::Engine for Cpu {
    type Error = CpuError;

    fn run(
        &mut self,
        graph: &Graph,
        params: &Parameters,
        inputs: &[Tensor],
    ) -> Result<Vec<Tensor>, CpuError> {
        Engine::new(graph, params, self.0.clone())?.run_tensors(inputs)
    }
}

fn all_pass(level: Level) {
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut cpu = Cpu(EngineOptions { pool: Some(Arc::new(pool)), level });
        let failures: Vec<String> = conformance::cases()
            .unwrap()
            .iter()
            .filter_map(|case| conformance::check_case(&mut cpu, case).err())
            .map(|failure| failure.to_string())
            .collect();
        assert!(failures.is_empty(), "{level}, {threads} threads:\n{}", failures.join("\n"));
    }
}

#[test]
fn scalar() {
    all_pass(Level::SCALAR);
}

#[test]
fn every_vector_level() {
    for level in Level::available() {
        all_pass(level);
    }
}
