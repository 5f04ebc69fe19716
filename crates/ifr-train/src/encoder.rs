//! IFR+'s encoders, which are ConvNeXt-V2: how they begin.

use std::f64::consts::{PI, SQRT_2};
use std::path::Path;

use ifr_net::{Graph, ParameterError, ParameterStore, Parameters};

use crate::TrainError;

/// Where the encoder of flows has its parameters; the ConvNeXt-V2-femto of the publication.
const ENCODER: &str = "generator.encoder.";
/// Where the refiner has its own.
const REFINER: &str = "generator.refiner_encoder.";
/// Standard deviation of the weights at the beginning. From the reference, as in ConvNeXt (Liu et al., 2022); both cut the distribution
/// off at ±2, which is a hundred deviations away.
const DEVIATION: f64 = 0.02;

/// Gives the weights of the ConvNeXts of untrained parameters, which are uniform between ±1/√fan-in, the distribution that the
/// reference gives them: normal with a deviation of 0.02. Other parameters stay, as there.
pub(crate) fn spread(graph: &Graph, parameters: &mut Parameters) {
    for (id, info) in graph.param_ids().zip(graph.params()) {
        let convnext = info.name.starts_with(ENCODER) || info.name.starts_with(REFINER);
        if !convnext || info.shape.len() < 2 {
            continue;
        }
        let fan_in: usize = info.shape.iter().skip(1).product();
        let unit = (fan_in as f64).sqrt();
        for value in parameters.get_mut(id) {
            *value = normal(f64::from(*value) * unit) as f32;
        }
    }
}

/// The normal value at the same place of the distribution as `uniform` between −1 and 1.
fn normal(uniform: f64) -> f64 {
    // Rounding may have brought a uniform value to an end of its range, where the normal one would be infinite.
    const END: f64 = 1.0 - 1e-7;
    DEVIATION * SQRT_2 * inverse_erf(uniform.clamp(-END, END))
}

/// The inverse of the error function, to 0.2 % (Winitzki, 2008): enough to draw by.
fn inverse_erf(x: f64) -> f64 {
    const A: f64 = 0.147;
    let log = (1.0 - x * x).max(f64::MIN_POSITIVE).ln();
    let b = 2.0 / (PI * A) + 0.5 * log;
    ((b * b - log / A).sqrt() - b).max(0.0).sqrt().copysign(x)
}

/// Reads the encoder of flows from a ConvNeXt-V2-femto. Its stem was made for steps of four pixels without padding; here the same
/// weights go in steps of two, with one pixel of padding.
pub(crate) fn read(graph: &Graph, path: &Path, parameters: &mut Parameters) -> Result<(), TrainError> {
    let store = ParameterStore::open(path).map_err(ParameterError::from)?;
    let fault = |problem: String| TrainError::Encoder { path: path.to_owned(), problem };
    for (id, info) in graph.param_ids().zip(graph.params()) {
        let Some(names) = names(&info.name) else { continue };
        let Some(entry) = names.iter().find_map(|name| store.entry(name)) else {
            return Err(fault(format!("it has none of {}", names.join(", "))));
        };
        // Linear layers are 1×1 convolutions, and GRN's parameters stand in four dimensions.
        let plain = |shape: &[usize]| shape.iter().copied().filter(|&side| side != 1).collect::<Vec<_>>();
        if plain(&entry.shape) != plain(&info.shape) {
            return Err(fault(format!("{} is {:?}, expected {:?}", entry.name, entry.shape, info.shape)));
        }
        parameters.get_mut(id).copy_from_slice(&store.read(&entry.name).map_err(ParameterError::from)?);
    }
    Ok(())
}

/// What files call a parameter of the encoder: this project (and IFR+'s checkpoints), timm, the authors of ConvNeXt-V2. `None` for
/// parameters of something else.
fn names(name: &str) -> Option<[String; 3]> {
    let layer = name.strip_prefix(ENCODER)?;
    let (timm, authors) = if let Some(rest) = layer.strip_prefix("stem.") {
        (format!("stem.{rest}"), format!("downsample_layers.0.{rest}"))
    } else {
        let (level, rest) = layer.strip_prefix("pyramid")?.split_once(".0.")?;
        let stage = level.parse::<usize>().ok()?.checked_sub(1)?;
        let authors = match rest.strip_prefix("downsample.") {
            Some(rest) => format!("downsample_layers.{stage}.{rest}"),
            None => {
                let (block, rest) = rest.strip_prefix("blocks.")?.split_once('.')?;
                let rest = rest
                    .replace("conv_dw.", "dwconv.")
                    .replace("mlp.fc1.", "pwconv1.")
                    .replace("mlp.fc2.", "pwconv2.")
                    .replace("mlp.grn.weight", "grn.gamma")
                    .replace("mlp.grn.bias", "grn.beta");
                format!("stages.{stage}.{block}.{rest}")
            }
        };
        (format!("stages.{stage}.{rest}"), authors)
    };
    Some([name.to_owned(), timm, authors])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may")]

    use std::collections::BTreeMap;

    use ifr_net::{Dtype, IfrPlus, Ratio, write_safetensors};
    use ifr_torch::initial_parameters;

    use super::*;

    const SMALL: IfrPlus = IfrPlus { encoder: [4, 5, 6, 7], depths: [1, 2, 1, 1], ..IfrPlus::PUBLISHED };

    fn graph() -> Graph {
        SMALL.graph(Ratio::ONE, Ratio::ONE).unwrap()
    }

    #[test]
    fn weights_of_convnexts_begin_normal() {
        let graph = IfrPlus::PUBLISHED.graph(Ratio::ONE, Ratio::ONE).unwrap();
        let plain = initial_parameters(&graph, 1);
        let mut parameters = plain.clone();
        spread(&graph, &mut parameters);
        let (mut sum, mut square, mut fourth, mut count, mut same) = (0.0, 0.0, 0.0, 0.0, 0);
        for ((info, values), (_, before)) in parameters.iter().zip(plain.iter()) {
            let convnext = [ENCODER, REFINER].iter().any(|layer| info.name.starts_with(layer));
            if convnext && info.shape.len() > 1 {
                for v in values.iter().map(|&v| f64::from(v) / DEVIATION) {
                    assert!(v.abs() <= 6.0, "{v}");
                    (sum, square, fourth, count) = (sum + v, square + v * v, fourth + v.powi(4), count + 1.0);
                }
            } else {
                assert_eq!(values, before, "{}", info.name);
                same += 1;
            }
        }
        assert!(same > 300 && count > 1e6);
        // Moments of a normal distribution: 0, 1 and 3.
        let (mean, square, fourth) = (sum / count, square / count, fourth / count);
        assert!(mean.abs() < 0.005, "{mean}");
        assert!((square - 1.0).abs() < 0.01, "{square}");
        assert!((fourth - 3.0).abs() < 0.06, "{fourth}");
    }

    #[test]
    fn quantiles_are_those_of_the_distribution() {
        // Half of a normal distribution lies within 0.6745 deviations, nine tenths within 1.6449.
        for (uniform, expected) in [(0.0, 0.0), (0.5, 0.674_49), (-0.9, -1.644_85), (0.99, 2.575_8)] {
            let found = normal(uniform) / DEVIATION;
            assert!((found - expected).abs() < 0.006, "{uniform}: {found}, expected {expected}");
        }
        assert!(normal(1.0).is_finite() && normal(-1.0).is_finite());
    }

    #[test]
    fn published_names_are_known() {
        let all = |name: &str| names(&format!("{ENCODER}{name}")).unwrap();
        assert_eq!(all("stem.1.bias")[1..], ["stem.1.bias", "downsample_layers.0.1.bias"]);
        assert_eq!(
            all("pyramid3.0.downsample.1.weight")[1..],
            ["stages.2.downsample.1.weight", "downsample_layers.2.1.weight"]
        );
        assert_eq!(
            all("pyramid2.0.blocks.1.mlp.grn.weight")[1..],
            ["stages.1.blocks.1.mlp.grn.weight", "stages.1.1.grn.gamma"]
        );
        assert_eq!(
            all("pyramid4.0.blocks.0.conv_dw.bias")[1..],
            ["stages.3.blocks.0.conv_dw.bias", "stages.3.0.dwconv.bias"]
        );
        assert_eq!(names("generator.decoder1.convblock.2.weight"), None);
    }

    /// A file of the encoder with names and shapes of one of the families, by rule.
    fn made(family: usize, path: &Path) {
        let graph = graph();
        let parameters = Parameters::by_rule(&graph);
        let mut all = Vec::new();
        for (info, values) in parameters.iter() {
            let Some(names) = names(&info.name) else { continue };
            let mut shape = info.shape.clone();
            if family == 2 && info.name.contains("grn") {
                shape = vec![1, 1, 1, shape[0]];
            } else if info.name.contains("mlp.fc") && shape.len() == 4 {
                shape.truncate(2);
            }
            all.push((names[family].clone(), shape, values.to_vec()));
        }
        all.push(("head.fc.bias".to_owned(), vec![3], vec![0.0; 3]));
        let tensors = all.iter().map(|(name, shape, values)| (name.as_str(), &shape[..], &values[..]));
        write_safetensors(path, Dtype::F32, tensors, &BTreeMap::new()).unwrap();
    }

    #[test]
    fn an_encoder_is_read_whatever_its_names() {
        let dir = tempfile::tempdir().unwrap();
        let graph = graph();
        let by_rule = Parameters::by_rule(&graph);
        for family in 0..3 {
            let path = dir.path().join(format!("{family}.safetensors"));
            made(family, &path);
            let before = initial_parameters(&graph, 1);
            let mut parameters = before.clone();
            read(&graph, &path, &mut parameters).unwrap();
            for (((info, found), (_, file)), (_, before)) in
                parameters.iter().zip(by_rule.iter()).zip(before.iter())
            {
                let expected = if info.name.starts_with(ENCODER) { file } else { before };
                assert_eq!(found, expected, "{}", info.name);
            }
        }
    }

    #[test]
    fn what_is_no_such_encoder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("encoder.safetensors");
        made(1, &path);
        let published = IfrPlus::PUBLISHED.graph(Ratio::ONE, Ratio::ONE).unwrap();
        let mut parameters = initial_parameters(&published, 1);
        let words = read(&published, &path, &mut parameters).unwrap_err().to_string();
        assert!(words.contains("stem.0.weight is [4, 3, 4, 4], expected [48, 3, 4, 4]"), "{words}");
        write_safetensors(&path, Dtype::F32, [("x", &[1][..], &[0.0][..])].into_iter(), &BTreeMap::new())
            .unwrap();
        let words = read(&published, &path, &mut parameters).unwrap_err().to_string();
        assert!(
            words.contains("none of generator.encoder.stem.0.weight, stem.0.weight, downsample"),
            "{words}"
        );
    }
}
