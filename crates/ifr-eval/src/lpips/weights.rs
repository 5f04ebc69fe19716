//! Reading the weights.

use std::path::Path;

use ifr_net::ParameterStore;

use super::conv::Conv;
use super::{Backbone, Lpips, LpipsError, Prepared, Step};

impl Lpips {
    /// Reads the weights from a safetensors file that holds the state of the reference implementation's `LPIPS(net='vgg')` or
    /// `LPIPS(net='alex')`: `net.sliceS.I.weight` and `.bias` (or torchvision's `features.I.weight` and `.bias`) and
    /// `linK.model.1.weight`, K from 0 to 4. Which network it is shows in the first convolution.
    ///
    /// # Errors
    /// [`LpipsError`] when the file cannot be read, holds no such network, or an array is missing or of another shape.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LpipsError> {
        let store = ParameterStore::open(path)?;
        let first = named(&store, 1, 0, "weight");
        let backbone = match store.entry(&first).map(|entry| entry.shape.as_slice()) {
            Some([64, 3, 3, 3]) => Backbone::Vgg16,
            Some([64, 3, 11, 11]) => Backbone::AlexNet,
            other => {
                let found = other
                    .map_or_else(|| "neither".to_owned(), |shape| format!("{first} of {}", words(shape)));
                return Err(LpipsError::Unknown { origin: store.origin().to_owned(), found });
            }
        };
        let mut steps = Vec::new();
        for step in backbone.steps() {
            steps.push(match step {
                Step::Pool { side } => Prepared::Pool { side },
                Step::Feature => Prepared::Feature,
                Step::Conv(s) => {
                    let shape = [s.to, s.from, s.kernel, s.kernel];
                    let weight = array(&store, &named(&store, s.slice, s.index, "weight"), &shape)?;
                    let bias = array(&store, &named(&store, s.slice, s.index, "bias"), &[s.to])?;
                    Prepared::Conv(Conv::new(s, &weight, bias))
                }
            });
        }
        let mut linear: [Vec<f32>; 5] = Default::default();
        for (k, (linear, width)) in linear.iter_mut().zip(backbone.widths()).enumerate() {
            *linear = array(&store, &format!("lin{k}.model.1.weight"), &[1, width, 1, 1])?;
        }
        Ok(Self { backbone, steps, linear })
    }
}

/// A layer's parameter under the name that the file uses.
fn named(store: &ParameterStore, slice: usize, index: usize, part: &str) -> String {
    let torchvision = format!("features.{index}.{part}");
    if store.entry(&torchvision).is_some() { torchvision } else { format!("net.slice{slice}.{index}.{part}") }
}

fn words(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

fn array(store: &ParameterStore, name: &str, shape: &[usize]) -> Result<Vec<f32>, LpipsError> {
    let found = store.entry(name).map(|entry| entry.shape.as_slice());
    if found != Some(shape) {
        return Err(LpipsError::Array {
            origin: store.origin().to_owned(),
            name: name.to_owned(),
            found: found.map_or_else(|| "nothing".to_owned(), words),
            expected: words(shape),
        });
    }
    Ok(store.read(name)?)
}
