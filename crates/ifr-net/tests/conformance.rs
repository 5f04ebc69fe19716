//! The suite itself: it holds together, covers every operation, and notices errors.

use std::collections::{BTreeMap, BTreeSet};

use ifr_net::conformance::{self, Engine, Failure};
use ifr_net::reference::{self, Reference};
use ifr_net::{Graph, InputError, Parameters, Tensor};

#[test]
fn the_reference_makes_numbers_and_passes() {
    for case in conformance::cases().unwrap() {
        for output in case.expected().unwrap() {
            assert!(output.data().iter().all(|v| v.is_finite()), "{}", case.name);
        }
        if case.inputs[0].data().len() < 10_000 {
            conformance::check_case(&mut Reference, &case).unwrap();
        }
    }
}

#[test]
fn every_operation_is_covered() {
    let cases = conformance::cases().unwrap();
    let mut kinds = BTreeMap::new();
    for node in cases.iter().flat_map(|case| case.graph.nodes()) {
        *kinds.entry(node.op.kind()).or_insert(0) += 1;
    }
    let all = [
        ["conv", "conv-transpose", "deform-conv", "warp"],
        ["resize", "add", "sub", "mul"],
        ["activate", "affine", "sum", "blend"],
        ["layer-norm", "response-norm", "channel-mean", "mean"],
    ];
    for kind in all.into_iter().flatten() {
        assert!(kinds.get(kind).is_some_and(|&count| count >= 4), "{kind}: {kinds:?}");
    }
    let names: BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
    assert_eq!(names.len(), cases.len(), "names are unique");
}

/// Adds a little to one value of every first output.
struct Wrong(f32);

impl Engine for Wrong {
    type Error = InputError;

    fn run(
        &mut self,
        graph: &Graph,
        params: &Parameters,
        inputs: &[Tensor],
    ) -> Result<Vec<Tensor>, InputError> {
        let mut outputs = reference::run(graph, params, inputs)?;
        if let Some(v) = outputs.first_mut().and_then(|t| t.data_mut().last_mut()) {
            *v += self.0;
        }
        Ok(outputs)
    }
}

/// Forgets that the timestep changed.
struct Stuck;

impl Engine for Stuck {
    type Error = InputError;

    fn run(
        &mut self,
        graph: &Graph,
        params: &Parameters,
        inputs: &[Tensor],
    ) -> Result<Vec<Tensor>, InputError> {
        reference::run(graph, params, inputs)
    }

    fn run_instants(
        &mut self,
        graph: &Graph,
        params: &Parameters,
        inputs: &[Tensor],
        instants: &[Vec<Tensor>],
    ) -> Result<Vec<Vec<Tensor>>, InputError> {
        instants.iter().map(|_| self.run(graph, params, inputs)).collect()
    }
}

#[test]
fn a_timestep_must_be_heard() {
    let failure = conformance::check(&mut Stuck).unwrap_err();
    assert!(matches!(*failure, Failure::Value { .. }), "{failure}");
}

#[test]
fn an_error_is_noticed_and_located() {
    let cases = conformance::cases().unwrap();
    for (case, wrong) in cases.iter().zip([1.0, f32::NAN].into_iter().cycle()) {
        let failure = conformance::check_case(&mut Wrong(wrong), case).unwrap_err();
        assert!(matches!(*failure, Failure::Value { .. }), "{failure}");
    }
}
