//! Untrained parameters.

#![allow(clippy::unwrap_used, reason = "tests may")]

use ifr_net::{IfrNet, IfrPlus, Ratio};
use ifr_torch::initial_parameters;

#[test]
fn they_are_pytorchs_distribution() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let parameters = initial_parameters(&graph, 7);
    let mut seen = 0;
    for (info, values) in parameters.iter() {
        // Bounds by hand, as PyTorch documents them: 1/√(inputs × kernel²), transposed: 1/√(outputs × kernel²).
        let bound = match info.name.as_str() {
            "encoder.pyramid1.0.0.weight" | "encoder.pyramid1.0.0.bias" => 1.0 / (3.0_f32 * 9.0).sqrt(),
            "decoder4.convblock.0.0.weight" | "decoder4.convblock.0.0.bias" => 1.0 / (145.0_f32 * 9.0).sqrt(),
            "decoder1.convblock.2.weight" | "decoder1.convblock.2.bias" => 1.0 / (8.0_f32 * 16.0).sqrt(),
            "decoder1.convblock.1.prelu.weight" | "encoder.pyramid3.1.1.weight" => {
                assert!(values.iter().all(|&v| v == 0.25), "{}", info.name);
                seen += 1;
                continue;
            }
            _ => continue,
        };
        seen += 1;
        let greatest = values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        assert!(greatest <= bound && greatest > 0.5 * bound, "{}: {greatest} {bound}", info.name);
        if values.len() > 500 {
            let square = values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32;
            let ratio = square / (bound * bound / 3.0);
            assert!((ratio - 1.0).abs() < 0.1, "{}: variance {ratio} of a uniform one's", info.name);
        }
    }
    assert_eq!(seen, 8);
}

#[test]
fn they_depend_on_the_seed_alone() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let half = IfrNet::S.graph("1/2".parse().unwrap()).unwrap();
    assert_eq!(initial_parameters(&graph, 1), initial_parameters(&half, 1));
    assert_ne!(initial_parameters(&graph, 1), initial_parameters(&graph, 2));
    // The same on every machine.
    let first = initial_parameters(&graph, 1).iter().nth(1).map(|(_, values)| values[..3].to_vec()).unwrap();
    assert_eq!(first, FIRST_OF_SEED_1);
}

#[test]
fn deformable_convolutions_begin_as_ordinary_ones() {
    let graph = IfrPlus::PUBLISHED.graph(Ratio::ONE, Ratio::ONE).unwrap();
    let mut zeros = 0;
    for (info, values) in initial_parameters(&graph, 3).iter() {
        let constant = values.iter().all(|&v| v == values[0]).then_some(values[0]);
        let name = &info.name;
        let expected = match info.shape.len() {
            _ if name.contains("conv_offset") || name.contains("conv_mask") => Some(0.0),
            _ if name.contains(".grn.") => Some(0.0),
            // Of the deformable convolutions themselves.
            1 if name.contains("decoder")
                && [".conv2.0.bias", ".conv4.0.bias"].iter().any(|end| name.ends_with(end)) =>
            {
                Some(0.0)
            }
            1 if name.contains("fgdcl") && name.matches('.').count() == 3 => Some(0.0),
            1 if name.contains(".norm.") || name.contains("stem.1.") || name.contains("downsample.0.") => {
                Some(if name.ends_with("weight") { 1.0 } else { 0.0 })
            }
            1 if name.ends_with("weight") => Some(0.25),
            _ => None,
        };
        assert_eq!(constant, expected, "{name}");
        zeros += usize::from(expected == Some(0.0));
    }
    assert_eq!(zeros, 2 * (8 + 6 + 6) + 2 * 18 + 18 + 7 + 8 + 6);
}

const FIRST_OF_SEED_1: [f32; 3] = [0.019005684, -0.037533306, 0.1865215];
