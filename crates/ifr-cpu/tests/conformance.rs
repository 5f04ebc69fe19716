//! The suite that every interpreter of graphs passes, on every level of this machine.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::sync::Arc;

use ifr_cpu::{CpuError, Engine, EngineOptions, Level};
use ifr_net::{Graph, Parameters, Phase, RunSize, Tensor, TensorId, conformance};

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

    /// As a video does it: what the pair shares once, then one instant after the other.
    fn run_instants(
        &mut self,
        graph: &Graph,
        params: &Parameters,
        inputs: &[Tensor],
        instants: &[Vec<Tensor>],
    ) -> Result<Vec<Vec<Tensor>>, CpuError> {
        let size = RunSize::of(graph, inputs)?;
        let mut engine = Engine::new(graph, params, self.0.clone())?;
        let infos = || graph.outputs().iter().map(|&id| graph.tensor(id));
        let empty = || infos().map(|i| Tensor::zeros(size.shape(i.channels, i.extent))).collect::<Vec<_>>();
        let mut outputs: Vec<Vec<Tensor>> = instants.iter().map(|_| empty()).collect();
        let is_pair = |&(id, _): &(&TensorId, &Tensor)| graph.tensor(*id).phase == Phase::Pair;
        let pair: Vec<&Tensor> = graph.inputs().iter().zip(inputs).filter(is_pair).map(|(_, t)| t).collect();
        let range = |tensor: &Tensor, i: usize| {
            let n = tensor.data().len() / size.batch;
            i * n..(i + 1) * n
        };
        for i in 0..size.batch {
            let sample = |tensor| -> &[f32] { &Tensor::data(tensor)[range(tensor, i)] };
            let shared: Vec<_> = pair.iter().map(|&t| sample(t)).collect();
            engine.pair(size.width, size.height, &shared)?;
            for (instant, outputs) in instants.iter().zip(&mut outputs) {
                engine.at(&instant.iter().map(sample).collect::<Vec<_>>())?;
                for (index, output) in outputs.iter_mut().enumerate() {
                    let range = range(output, i);
                    engine.read_output(index, &mut output.data_mut()[range])?;
                }
            }
        }
        Ok(outputs)
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
