use std::error::Error;

use thiserror::Error;

use crate::graph::{Graph, Phase, TensorId};
use crate::parameters::Parameters;
use crate::reference;
use crate::tensor::{InputError, Tensor};

/// Anything that runs graphs.
pub trait Engine {
    /// Why a run failed.
    type Error: Error + Send + Sync + 'static;

    /// Runs a graph whole: inputs in the order of [`Graph::inputs`], outputs in the order of [`Graph::outputs`].
    ///
    /// # Errors
    /// What the engine reports.
    fn run(
        &mut self,
        graph: &Graph,
        params: &Parameters,
        inputs: &[Tensor],
    ) -> Result<Vec<Tensor>, Self::Error>;

    /// Runs a graph for several instants of one pair: the outputs for each of `instants`, which hold the inputs of
    /// [`Phase::Instant`] in the order of [`Graph::inputs`] and take the place of those in `inputs`. An engine that keeps
    /// what [`Phase::Pair`] made does so here; by default everything runs anew.
    ///
    /// # Errors
    /// What the engine reports.
    fn run_instants(
        &mut self,
        graph: &Graph,
        params: &Parameters,
        inputs: &[Tensor],
        instants: &[Vec<Tensor>],
    ) -> Result<Vec<Vec<Tensor>>, Self::Error> {
        instants.iter().map(|at| self.run(graph, params, &at_instant(graph, inputs, at))).collect()
    }
}

/// The inputs with those of [`Phase::Instant`] replaced by these, in order.
fn at_instant(graph: &Graph, inputs: &[Tensor], instant: &[Tensor]) -> Vec<Tensor> {
    let mut instant = instant.iter();
    let pick = |(&id, input): (&TensorId, &Tensor)| match graph.tensor(id).phase {
        Phase::Pair => input.clone(),
        Phase::Instant => instant.next().unwrap_or(input).clone(),
    };
    graph.inputs().iter().zip(inputs).map(pick).collect()
}

/// One case of the suite.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is about, unique in the suite.
    pub name: String,
    /// The graph to run.
    pub graph: Graph,
    /// Its parameters.
    pub params: Parameters,
    /// Its inputs, in the order of [`Graph::inputs`].
    pub inputs: Vec<Tensor>,
    /// The greatest error allowed, relative to the greatest magnitude of each expected output (at least 1).
    pub tolerance: f32,
}

impl Case {
    /// What the scalar reference makes of it.
    ///
    /// # Errors
    /// [`InputError`] when the case itself does not hold together.
    pub fn expected(&self) -> Result<Vec<Tensor>, InputError> {
        reference::run(&self.graph, &self.params, &self.inputs)
    }

    fn failed(&self, source: impl Error + Send + Sync + 'static) -> Box<Failure> {
        Box::new(Failure::Error { case: self.name.clone(), source: Box::new(source) })
    }
}

/// How an engine failed a case.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Failure {
    /// It did not run.
    #[error("{case}: {source}")]
    Error {
        /// The case's name.
        case: String,
        /// What was reported.
        source: Box<dyn Error + Send + Sync>,
    },
    /// It made other shapes than expected.
    #[error("{case}: outputs of shapes {found:?}, expected {expected:?}")]
    Shape {
        /// The case's name.
        case: String,
        /// Shapes found.
        found: Vec<[usize; 4]>,
        /// Shapes expected.
        expected: Vec<[usize; 4]>,
    },
    /// It made other values than expected.
    #[error(
        "{case}: output '{output}' at sample {}, channel {}, row {}, column {} is {found}, expected {expected} (tolerance {tolerance:e})",
        at[0], at[1], at[2], at[3]
    )]
    Value {
        /// The case's name.
        case: String,
        /// The output's name.
        output: String,
        /// Sample, channel, row and column of the worst value.
        at: [usize; 4],
        /// The value found there.
        found: f32,
        /// The value expected there.
        expected: f32,
        /// The error allowed, absolute.
        tolerance: f32,
    },
}

/// Runs the whole suite on an engine.
///
/// # Errors
/// The first case that failed, and how.
pub fn check<E: Engine>(engine: &mut E) -> Result<(), Box<Failure>> {
    let cases =
        super::cases().map_err(|e| Failure::Error { case: "suite".to_owned(), source: Box::new(e) })?;
    cases.iter().try_for_each(|case| check_case(engine, case))
}

/// Runs one case on an engine: twice, since engines keep buffers and must not let one run shine through in the next. A
/// graph with inputs of [`Phase::Instant`] then runs for several instants.
///
/// # Errors
/// How it failed.
pub fn check_case<E: Engine>(engine: &mut E, case: &Case) -> Result<(), Box<Failure>> {
    let Case { graph, params, inputs, .. } = case;
    let expected = case.expected().map_err(|e| case.failed(e))?;
    for _ in 0..2 {
        let found = engine.run(graph, params, inputs).map_err(|e| case.failed(e))?;
        compare(case, &found, &expected)?;
    }
    let of_instant =
        graph.inputs().iter().zip(inputs).filter(|(id, _)| graph.tensor(**id).phase == Phase::Instant);
    let given: Vec<Tensor> = of_instant.map(|(_, tensor)| tensor.clone()).collect();
    if given.is_empty() {
        return Ok(());
    }
    let mut other = given.clone();
    other.iter_mut().flat_map(|tensor| tensor.data_mut()).for_each(|v| *v = 1.0 - *v);
    let instants = [given.clone(), other.clone(), given];
    let found = engine.run_instants(graph, params, inputs, &instants).map_err(|e| case.failed(e))?;
    let at_other =
        reference::run(graph, params, &at_instant(graph, inputs, &other)).map_err(|e| case.failed(e))?;
    let wanted = [&expected, &at_other, &expected];
    if found.len() != wanted.len() {
        let shapes = |runs: usize| vec![[0; 4]; runs];
        return Err(Box::new(Failure::Shape {
            case: case.name.clone(),
            found: shapes(found.len()),
            expected: shapes(wanted.len()),
        }));
    }
    found.iter().zip(wanted).try_for_each(|(found, wanted)| compare(case, found, wanted))
}

fn compare(case: &Case, found: &[Tensor], expected: &[Tensor]) -> Result<(), Box<Failure>> {
    let shapes = |tensors: &[Tensor]| tensors.iter().map(Tensor::shape).collect::<Vec<_>>();
    if shapes(found) != shapes(expected) {
        return Err(Box::new(Failure::Shape {
            case: case.name.clone(),
            found: shapes(found),
            expected: shapes(expected),
        }));
    }
    for ((found, expected), &id) in found.iter().zip(expected).zip(case.graph.outputs()) {
        let magnitude = expected.data().iter().fold(1.0_f32, |m, v| m.max(v.abs()));
        let tolerance = case.tolerance * magnitude;
        let mut worst = (0, 0.0_f32);
        for (i, (a, b)) in found.data().iter().zip(expected.data()).enumerate() {
            let difference = if a.is_nan() { f32::INFINITY } else { (a - b).abs() };
            if difference > worst.1 {
                worst = (i, difference);
            }
        }
        if worst.1 > tolerance {
            let [_, c, h, w] = expected.shape();
            let i = worst.0;
            return Err(Box::new(Failure::Value {
                case: case.name.clone(),
                output: case.graph.tensor(id).name.clone(),
                at: [i / (c * h * w), i / (h * w) % c, i / w % h, i % w],
                found: found.data()[i],
                expected: expected.data()[i],
                tolerance,
            }));
        }
    }
    Ok(())
}
