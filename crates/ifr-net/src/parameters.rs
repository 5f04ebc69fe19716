use std::collections::BTreeMap;
use std::path::Path;

use thiserror::Error;

use crate::graph::{Graph, ParamId, ParamInfo};
use crate::store::{Dtype, Entry, ParameterStore, StoreError, printable, rounded, write_safetensors};

/// The values of a graph's parameters, as `f32` in the order of [`Graph::params`], each row-major.
///
/// All graphs of one network, whatever their scale, take the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    infos: Vec<ParamInfo>,
    values: Vec<Vec<f32>>,
}

impl Parameters {
    /// Reads every parameter of `graph` from a file. Values that are not finite are kept, but counted in a warning: a
    /// network with them makes frames of nothing.
    ///
    /// # Errors
    /// [`ParameterError::Mismatch`] lists all that is missing, surplus or of another shape; [`ParameterError::Store`]
    /// when a value cannot be read.
    pub fn read(graph: &Graph, store: &ParameterStore) -> Result<Self, ParameterError> {
        let mismatch = Mismatch::between(graph, store);
        if !mismatch.is_empty() {
            return Err(ParameterError::Mismatch(Box::new(mismatch)));
        }
        let values = graph.params().iter().map(|p| store.read(&p.name)).collect::<Result<_, _>>()?;
        let parameters = Self { infos: graph.params().to_vec(), values };
        let bad = parameters.non_finite();
        if let Some((name, _)) = bad.first() {
            let count: usize = bad.iter().map(|(_, n)| n).sum();
            tracing::warn!(
                "{}: {count} weights are not finite numbers, the first in {name}; expect broken pictures",
                store.origin()
            );
        }
        Ok(parameters)
    }

    /// Made-up values that depend on each parameter's name and shape alone, of a size that lets signals through: for
    /// tests and timing where there are no trained weights. The recipe is the one behind the golden vectors:
    ///
    /// seed = FNV-1a 64 of the name; z = splitmix64 of seed + (i + 1) · 0x9E3779B97F4A7C15; u = (z >> 40) / 2²⁴ · 2 − 1;
    /// value = u · 1.2 · √(3 / fan-in) for two dimensions and more (fan-in: all but the first), u / 20 for a `bias`,
    /// else ¼ + u / 20.
    pub fn by_rule(graph: &Graph) -> Self {
        let values = graph.params().iter().map(rule).collect();
        Self { infos: graph.params().to_vec(), values }
    }

    /// The values of one parameter, row-major.
    ///
    /// # Panics
    /// When the id is another graph's and out of range here.
    pub fn get(&self, id: ParamId) -> &[f32] {
        &self.values[id.index()]
    }

    /// The values of one parameter, to write.
    ///
    /// # Panics
    /// When the id is another graph's and out of range here.
    pub fn get_mut(&mut self, id: ParamId) -> &mut [f32] {
        &mut self.values[id.index()]
    }

    /// Names, shapes and values, in the order of the graph.
    pub fn iter(&self) -> impl Iterator<Item = (&ParamInfo, &[f32])> {
        self.infos.iter().zip(self.values.iter().map(Vec::as_slice))
    }

    /// Whether these are the parameters of that graph: the same names and shapes in the same order.
    pub fn fit(&self, graph: &Graph) -> bool {
        self.infos == graph.params()
    }

    /// How many values there are in all.
    pub fn count(&self) -> usize {
        self.values.iter().map(Vec::len).sum()
    }

    /// The parameters that hold NaN or infinite values, and how many.
    pub fn non_finite(&self) -> Vec<(&str, usize)> {
        self.iter()
            .map(|(info, values)| (info.name.as_str(), values.iter().filter(|v| !v.is_finite()).count()))
            .filter(|&(_, count)| count > 0)
            .collect()
    }

    /// The values as a file holds them that is written as `dtype`.
    ///
    /// # Errors
    /// [`StoreError::Range`] when the type would make a finite value infinite.
    pub fn rounded(&self, dtype: Dtype) -> Result<Self, StoreError> {
        let round = |(info, values): (&ParamInfo, &[f32])| {
            values.iter().map(|&value| rounded(&info.name, value, dtype)).collect::<Result<Vec<_>, _>>()
        };
        let values = self.iter().map(round).collect::<Result<_, _>>()?;
        Ok(Self { infos: self.infos.clone(), values })
    }

    /// Writes a safetensors file: values as `dtype` ([`Dtype::F32`], [`Dtype::F16`] or [`Dtype::Bf16`]), and words about
    /// them.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written, the type is none of the three, or its range is too small for a value.
    pub fn save(
        &self,
        path: &Path,
        dtype: Dtype,
        metadata: &BTreeMap<String, String>,
    ) -> Result<(), StoreError> {
        let tensors = self.iter().map(|(info, values)| (info.name.as_str(), info.shape.as_slice(), values));
        write_safetensors(path, dtype, tensors, metadata)
    }
}

/// Why a graph's parameters could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ParameterError {
    /// The file holds other parameters than the network has.
    #[error(transparent)]
    Mismatch(Box<Mismatch>),
    /// The file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How the parameters of a file differ from those of a network. Its message lists the first ten of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{origin} does not hold the parameters of {network}{}{}{}",
    listing("missing", missing),
    listing("surplus", surplus),
    listing("of another shape", misshaped)
)]
pub struct Mismatch {
    /// The network's name.
    pub network: String,
    /// Where the parameters come from.
    pub origin: String,
    /// What the network has and the file has not: name and shape.
    pub missing: Vec<String>,
    /// What the file has and the network has not: name and shape.
    pub surplus: Vec<String>,
    /// What both have in different shapes: name, shape found, shape expected.
    pub misshaped: Vec<String>,
}

impl Mismatch {
    /// Compares names and shapes (not values).
    pub fn between(graph: &Graph, store: &ParameterStore) -> Self {
        let mut expected: BTreeMap<&str, &[usize]> =
            graph.params().iter().map(|p| (p.name.as_str(), p.shape.as_slice())).collect();
        let (mut surplus, mut misshaped) = (Vec::new(), Vec::new());
        for Entry { name, shape, .. } in store.entries() {
            match expected.remove(name.as_str()) {
                None => surplus.push(format!("{} {}", printable(name, 100), words(shape))),
                Some(wanted) if wanted == shape => {}
                Some(wanted) => {
                    misshaped.push(format!("{name} {} (expected {})", words(shape), words(wanted)))
                }
            }
        }
        let missing = expected.into_iter().map(|(name, shape)| format!("{name} {}", words(shape))).collect();
        let (network, origin) = (graph.name().to_owned(), store.origin().to_owned());
        Self { network, origin, missing, surplus, misshaped }
    }

    /// Whether there is no difference.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many parameters differ.
    pub fn len(&self) -> usize {
        self.missing.len() + self.surplus.len() + self.misshaped.len()
    }
}

fn words(shape: &[usize]) -> String {
    let sides: Vec<_> = shape.iter().map(usize::to_string).collect();
    if sides.is_empty() { "scalar".to_owned() } else { sides.join("x") }
}

fn listing(what: &str, items: &[String]) -> String {
    const SHOWN: usize = 10;
    if items.is_empty() {
        return String::new();
    }
    let shown = items[..items.len().min(SHOWN)].join(", ");
    let more =
        if items.len() > SHOWN { format!(", and {} more", items.len() - SHOWN) } else { String::new() };
    format!("; {} {what}: {shown}{more}", items.len())
}

fn rule(info: &ParamInfo) -> Vec<f32> {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    let seed = info.name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    let (offset, gain) = match info.shape.as_slice() {
        [_, rest @ ..] if !rest.is_empty() => {
            let fan_in: usize = rest.iter().product();
            (0.0, (1.2 * (3.0 / fan_in as f64).sqrt()) as f32)
        }
        _ if info.name.ends_with("bias") => (0.0, 0.05),
        _ => (0.25, 0.05),
    };
    (1..=info.len() as u64)
        .map(|i| {
            let mut z = seed.wrapping_add(i.wrapping_mul(STEP));
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            let u = (z >> 40) as f32 / 16_777_216.0 * 2.0 - 1.0;
            offset + u * gain
        })
        .collect()
}
