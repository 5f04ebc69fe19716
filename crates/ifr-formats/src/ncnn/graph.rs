//! Which of IFRNet's convolutions each layer is, from what it reads.
//!
//! The encoder's convolutions depend on one image alone and follow each other, eight for each image; the decoders'
//! depend on both and form one chain of four times seven. What a convolution reads is compared with the network as far as
//! names and order depend on it: the order of features, warped features and parts.

use std::collections::HashMap;

use ifr_net::printable;

use super::layers::Layer;

/// Convolutions of the encoder for one image: two on each of four levels.
const ENCODER: usize = 8;
/// Convolutions of a decoder: one before, five in, one after the residual block.
const DECODER: usize = 7;

/// A convolution with its name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Its layer.
    pub(super) conv: usize,
    pub(super) name: String,
    /// Whether inputs and outputs change places in its weights.
    pub(super) transposed: bool,
    /// The layer that holds its slopes, and their name.
    pub(super) slopes: Option<(usize, String)>,
    /// Whether it is the encoder's second copy.
    pub(super) copy: bool,
}

/// What a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Input(usize),
    /// A convolution's output, with or without its activation.
    Conv(usize),
    /// One of the parts into which a convolution's output was cut.
    Part(usize, usize),
    /// A convolution's output, warped.
    Warped(usize),
    /// A concatenation: place in the list of those.
    Concat(usize),
    /// Anything but a convolution's output, at twice its size.
    Doubled,
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Blob {
    what: What,
    /// Which of the inputs it depends on, a bit each.
    inputs: u64,
    /// Convolutions on the longest way to it.
    depth: usize,
}

struct Unit {
    layer: usize,
    slopes: Option<usize>,
    input: What,
    inputs: u64,
    depth: usize,
}

#[derive(Default)]
struct Walk<'a> {
    blobs: HashMap<&'a str, Blob>,
    units: Vec<Unit>,
    concats: Vec<Vec<What>>,
    /// The layers that cut convolutions' outputs into parts, by the convolutions.
    slices: HashMap<usize, usize>,
    /// What is added to a convolution's output, by the convolution.
    sums: HashMap<usize, usize>,
    images: usize,
}

/// Names the convolutions of all layers.
pub(super) fn name(layers: &[Layer<'_>]) -> Result<Vec<Named>, String> {
    let mut walk = Walk::default();
    for (index, layer) in layers.iter().enumerate() {
        walk.layer(index, layer).map_err(|what| format!("layer '{}' {what}", printable(layer.name, 60)))?;
    }
    if walk.images != 3 {
        return Err(format!("{} inputs; IFRNet has 3, two images and t", walk.images));
    }
    let chain = |wanted: u64| {
        let among = |u: &&usize| walk.units[**u].inputs & 3 == wanted;
        let all: Vec<usize> = (0..walk.units.len()).collect();
        let mut units: Vec<usize> = all.iter().filter(among).copied().collect();
        units.sort_by_key(|&u| walk.units[u].depth);
        units
    };
    let (first, second, decoders) = (chain(1), chain(2), chain(3));
    let counts = [first.len(), second.len(), decoders.len()];
    if counts != [ENCODER, ENCODER, 4 * DECODER] {
        return Err(format!(
            "{} and {} convolutions of one image, {} of both; IFRNet has {ENCODER}, {ENCODER} and {}",
            counts[0],
            counts[1],
            counts[2],
            4 * DECODER
        ));
    }
    walk.check(layers, &first, &second, &decoders)?;
    let mut named = Vec::new();
    for (copy, encoder) in [(false, &first), (true, &second)] {
        for (i, &unit) in encoder.iter().enumerate() {
            let layer = format!("encoder.pyramid{}.{}", 1 + i / 2, i % 2);
            named.push(walk.named(unit, format!("{layer}.0"), Some(format!("{layer}.1.weight")), copy)?);
        }
    }
    for (i, &unit) in decoders.iter().enumerate() {
        let block = format!("decoder{}.convblock", 4 - i / DECODER);
        let (name, slopes) = match i % DECODER {
            0 => (format!("{block}.0.0"), Some(format!("{block}.0.1.weight"))),
            n @ 1..=4 => (format!("{block}.1.conv{n}.0"), Some(format!("{block}.1.conv{n}.1.weight"))),
            5 => (format!("{block}.1.conv5"), Some(format!("{block}.1.prelu.weight"))),
            _ => (format!("{block}.2"), None),
        };
        named.push(walk.named(unit, name, slopes, false)?);
    }
    for Named { conv, transposed, .. } in &mut named {
        *transposed = layers[*conv].kind == "Deconvolution";
    }
    Ok(named)
}

impl<'a> Walk<'a> {
    fn layer(&mut self, index: usize, layer: &Layer<'a>) -> Result<(), String> {
        let inputs = layer.inputs.iter().map(|name| {
            self.blobs
                .get(name)
                .copied()
                .ok_or_else(|| format!("reads '{}' before it is made", printable(name, 40)))
        });
        let inputs: Vec<Blob> = inputs.collect::<Result<_, _>>()?;
        let mut blob = Blob {
            what: What::Other,
            inputs: inputs.iter().fold(0, |all, b| all | b.inputs),
            depth: inputs.iter().map(|b| b.depth).max().unwrap_or(0),
        };
        let first = inputs.first().copied();
        match (layer.kind, first) {
            ("Input", _) => {
                blob.what = What::Input(self.images);
                blob.inputs = 1 << self.images.min(63);
                self.images += 1;
            }
            ("Convolution" | "Deconvolution", Some(input)) => {
                let unit = Unit {
                    layer: index,
                    slopes: None,
                    input: input.what,
                    inputs: blob.inputs,
                    depth: blob.depth,
                };
                self.units.push(unit);
                blob.what = What::Conv(self.units.len() - 1);
                blob.depth += 1;
            }
            ("PReLU", Some(Blob { what: What::Conv(unit), .. })) => {
                if self.units[unit].slopes.replace(index).is_some() {
                    return Err("is a second activation of one convolution".to_owned());
                }
                blob.what = What::Conv(unit);
            }
            ("PReLU", _) => return Err("activates what is no convolution".to_owned()),
            ("Split" | "Noop" | "Dropout", Some(input)) => blob.what = input.what,
            // The residual block's sum: its convolution is the later one.
            ("BinaryOp", _) => {
                let convs = inputs.iter().filter_map(|b| match b.what {
                    What::Conv(unit) => Some(unit),
                    _ => None,
                });
                let mut convs: Vec<usize> = convs.collect();
                convs.sort_by_key(|&u| self.units[u].depth);
                if let [earlier, later] = convs[..] {
                    layer.expect(0, 0.0, 0.0, "the operation on two convolutions' outputs")?;
                    self.sums.insert(later, earlier);
                }
                blob.what = convs.last().map_or(What::Other, |&u| What::Conv(u));
            }
            ("Concat", _) => {
                layer.expect(0, 0.0, 0.0, "the axis")?;
                self.concats.push(inputs.iter().map(|b| b.what).collect());
                blob.what = What::Concat(self.concats.len() - 1);
            }
            // Flows grow by two from level to level, and so do their values.
            ("Interp", _) => {
                layer.expect(0, 0.0, 2.0, "the way of resizing")?;
                layer.expect(1, 1.0, 2.0, "a factor")?;
                layer.expect(2, 1.0, 2.0, "a factor")?;
                layer.expect(6, 0.0, 0.0, "the alignment of corners")?;
                blob.what = What::Doubled;
            }
            ("Eltwise", _) => {
                layer.expect(0, 0.0, 1.0, "the operation")?;
                let factor = |b: &Blob| Some(if b.what == What::Doubled { 2.0 } else { 1.0 });
                let factors: Vec<Option<f64>> = inputs.iter().map(factor).collect();
                layer.expect_list(-23301, &factors, "the coefficients")?;
            }
            ("Slice", Some(Blob { what: What::Conv(unit), .. })) => {
                layer.expect(1, 0.0, 0.0, "the axis")?;
                if self.slices.insert(unit, index).is_some() {
                    return Err("cuts a convolution's output a second time".to_owned());
                }
            }
            (kind, _) if kind.to_ascii_lowercase().ends_with("warp") => {
                let image = inputs.iter().find_map(|b| match b.what {
                    What::Conv(unit) if b.inputs & 3 != 3 => Some(unit),
                    _ => None,
                });
                blob.what = image.map_or(What::Other, What::Warped);
            }
            _ => {}
        }
        for (place, &name) in layer.outputs.iter().enumerate() {
            let what = match (layer.kind, first) {
                ("Slice", Some(Blob { what: What::Conv(unit), .. })) => What::Part(unit, place),
                _ => blob.what,
            };
            self.blobs.insert(name, Blob { what, ..blob });
        }
        Ok(())
    }

    /// Compares what the convolutions read with what IFRNet's read.
    fn check(
        &self,
        layers: &[Layer<'a>],
        first: &[usize],
        second: &[usize],
        decoders: &[usize],
    ) -> Result<(), String> {
        for encoder in [first, second] {
            for (i, &unit) in encoder.iter().enumerate() {
                let layer = &layers[self.units[unit].layer];
                let (_, kernel, _) = layer.conv_numbers()?;
                // As large behind as before: half of what the kernel covers.
                let padding = ((kernel.0 / 2) as f64, (kernel.1 / 2) as f64);
                layer.expect_conv(if i % 2 == 0 { 2.0 } else { 1.0 }, padding)?;
                let above = if i == 0 { None } else { Some(What::Conv(encoder[i - 1])) };
                let image = What::Input(usize::from(std::ptr::eq(encoder, second)));
                if self.units[unit].input != above.unwrap_or(image) {
                    return Err(format!(
                        "layer '{}' does not read what convolution {} of IFRNet's encoder reads",
                        printable(layer.name, 60),
                        i + 1
                    ));
                }
            }
        }
        for (i, &unit) in decoders.iter().enumerate() {
            let (level, step) = (4 - i / DECODER, i % DECODER);
            let before = |n: usize| decoders[i - n];
            let features = |encoder: &[usize]| encoder[2 * level - 1];
            let (found, expected) = match step {
                0 if level == 4 => (
                    self.parts(unit, 3),
                    vec![What::Conv(features(first)), What::Conv(features(second)), What::Input(2)],
                ),
                // Features, both images' features warped; both flows follow.
                0 => (
                    self.parts(unit, 5).map(|parts| &parts[..3]),
                    vec![
                        What::Part(before(1), 2),
                        What::Warped(features(first)),
                        What::Warped(features(second)),
                    ],
                ),
                2 | 4 => {
                    (Some(std::slice::from_ref(&self.units[unit].input)), vec![What::Part(before(1), 1)])
                }
                3 | 5 => (self.parts(unit, 2), vec![What::Part(before(2), 0), What::Conv(before(1))]),
                _ => (Some(std::slice::from_ref(&self.units[unit].input)), vec![What::Conv(before(1))]),
            };
            let layer = &layers[self.units[unit].layer];
            if found != Some(expected.as_slice()) {
                return Err(format!(
                    "layer '{}' does not read what convolution {} of IFRNet's decoder {level} reads: it is another \
                     network, or arranged in another way",
                    printable(layer.name, 60),
                    step + 1
                ));
            }
            if (layer.kind == "Deconvolution") != (step == DECODER - 1) {
                return Err(format!("layer '{}' is a {}", printable(layer.name, 60), layer.kind));
            }
            layer.expect_conv(if step == DECODER - 1 { 2.0 } else { 1.0 }, (1.0, 1.0))?;
            let (outputs, ..) = layer.conv_numbers()?;
            let sizes = match step {
                // Both flows, at the last level the mask, and the rest.
                6 if level == 1 => vec![Some(2.0), Some(2.0), Some(1.0), None],
                6 => vec![Some(2.0), Some(2.0), None],
                1 | 3 => {
                    let (side, ..) = layers[self.units[decoders[i + 1]].layer].conv_numbers()?;
                    vec![Some(outputs as f64 - side as f64), None]
                }
                _ => Vec::new(),
            };
            if let Some(&slice) = self.slices.get(&unit) {
                layers[slice].expect_list(-23300, &sizes, "the sizes of the parts")?;
            } else if !sizes.is_empty() {
                return Err(format!("layer '{}' is not cut into parts", printable(layer.name, 60)));
            }
            let added = self.sums.get(&unit).copied();
            let expected = (step == 5).then(|| decoders[i.saturating_sub(5)]);
            if added != expected {
                return Err(format!(
                    "layer '{}' is not added to what IFRNet adds it to",
                    printable(layer.name, 60)
                ));
            }
        }
        Ok(())
    }

    /// What a convolution's concatenated input is made of, if it is of so many parts.
    fn parts(&self, unit: usize, count: usize) -> Option<&[What]> {
        match self.units[unit].input {
            What::Concat(at) => self.concats.get(at).map(Vec::as_slice).filter(|parts| parts.len() == count),
            _ => None,
        }
    }

    fn named(&self, unit: usize, name: String, slopes: Option<String>, copy: bool) -> Result<Named, String> {
        let unit = &self.units[unit];
        let slopes = match (unit.slopes, slopes) {
            (Some(layer), Some(name)) => Some((layer, name)),
            (None, None) => None,
            (None, Some(slopes)) => return Err(format!("{name} is followed by no PReLU ({slopes})")),
            (Some(_), None) => {
                return Err(format!("{name} is followed by a PReLU, which IFRNet does not have there"));
            }
        };
        Ok(Named { conv: unit.layer, name, transposed: false, slopes, copy })
    }
}
