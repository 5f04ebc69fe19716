//! ncnn's `.param` (a text that lists layers) and `.bin` (their weights one after another), as exported for IFRNet.
//!
//! Layers have no names that mean anything; which parameter a weight is follows from where its layer stands in the network.
//!
//! The models of ifrnet-ncnn-vulkan are IFRNet S, B and L with two differences: the encoder is there twice, once for each image,
//! with the same weights; and what is subtracted from both images and added again at the end is ½ where the published network
//! takes the mean of both (layers outside the model do it). Weights are the same, so that what is read here does as published.

mod graph;
mod layers;
mod weights;

use ifr_net::Dtype;

use crate::data::{Array, Block, Found, View};
use layers::Layer;
use weights::Weights;

/// The first line of a text `.param`.
const MAGIC: &[u8] = b"7767517";

/// Whether a file is a text `.param`.
pub(crate) fn is_text(file: &[u8]) -> bool {
    file.trim_ascii_start()
        .strip_prefix(MAGIC)
        .is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_whitespace))
}

/// Reads both files; the arrays found lie in `bin`.
pub(crate) fn read(param: &[u8], bin: &[u8]) -> Result<Found, String> {
    if !is_text(param) {
        return Err("the .param is not of the text form (which begins with 7767517)".to_owned());
    }
    let layers = layers::parse(param)?;
    let weights = weights::locate(&layers, bin)?;
    let named = graph::name(&layers)?;
    let mut found = Found::default();
    let mut twice = Vec::new();
    for unit in named {
        let mut arrays = Vec::new();
        let Weights::Conv { dtype, weight, bias } = &weights[unit.conv] else {
            return Err(format!("layer '{}' has no weights", layers[unit.conv].name));
        };
        let shape = layers[unit.conv].conv_shape()?;
        arrays.push((
            format!("{}.weight", unit.name),
            *dtype,
            weight.clone(),
            shape.clone(),
            unit.transposed,
        ));
        if let Some(bias) = bias {
            arrays.push((format!("{}.bias", unit.name), Dtype::F32, bias.clone(), vec![shape[0]], false));
        }
        if let Some((slopes, name)) = unit.slopes {
            let Weights::Slopes(range) = &weights[slopes] else {
                return Err(format!("layer '{}' has no slopes", layers[slopes].name));
            };
            arrays.push((name, Dtype::F32, range.clone(), vec![range.len() / 4], false));
        }
        for (name, dtype, range, shape, transposed) in arrays {
            let mut view = View::rows(dtype, 0, shape);
            if transposed {
                // ncnn: outputs × inputs; the networks: inputs × outputs.
                view.shape.swap(0, 1);
                view.strides.swap(0, 1);
            }
            let block = Block::piece(range);
            view.check(&block).map_err(|what| format!("{name}: {what}"))?;
            if unit.copy {
                twice.push((name, view, block));
            } else {
                found.arrays.push(Array { name, block: found.blocks.len(), view });
                found.blocks.push(block);
            }
        }
    }
    // ncnn has no shared weights: the encoder is there once for each image, and must be the same.
    for (name, view, block) in &twice {
        let first = found.arrays.iter().find(|a| a.name == *name);
        let same = first.is_some_and(|first| {
            let bytes = |block: &Block| block.bytes(bin).ok();
            first.view == *view && bytes(&found.blocks[first.block]) == bytes(block)
        });
        if !same {
            return Err(format!("the encoders of the two images differ in {name}; IFRNet's are one"));
        }
    }
    if !twice.is_empty() {
        found.ignored.push(format!("the encoder's second copy ({} arrays, equal to the first)", twice.len()));
    }
    Ok(found)
}

/// For layers of which only some kinds have weights.
impl Layer<'_> {
    /// The shape of a convolution's weights: outputs × inputs × height × width.
    pub(super) fn conv_shape(&self) -> Result<Vec<usize>, String> {
        let (outputs, kernel, count) = self.conv_numbers()?;
        let taps = kernel.0 * kernel.1;
        match outputs.checked_mul(taps) {
            Some(per_input) if per_input > 0 && count % per_input == 0 => {
                Ok(vec![outputs, count / per_input, kernel.0, kernel.1])
            }
            _ => Err(format!("layer '{}': {count} weights for {outputs} outputs of {taps} taps", self.name)),
        }
    }
}
