//! Where each layer's weights lie in the `.bin`: in the order of the layers, without names or lengths. What is not known to
//! have no weights, or how many, makes all that follows unreadable.

use std::ops::Range;

use ifr_net::{Dtype, printable};

use super::layers::Layer;

/// Marks before an array of weights; 0 stands for plain 32-bit numbers.
const HALF: u32 = 0x0130_6B47;
const INT8: u32 = 0x000D_4B38;
const PLAIN: u32 = 0x0002_C056;

/// The weights of one layer.
#[derive(Debug)]
pub(super) enum Weights {
    None,
    /// Weights of that type, and biases as `F32`, where there are any.
    Conv {
        dtype: Dtype,
        weight: Range<usize>,
        bias: Option<Range<usize>>,
    },
    /// A PReLU's slopes, `F32`.
    Slopes(Range<usize>),
}

/// Layers that have no weights.
const BARE: [&str; 22] = [
    "Input",
    "Split",
    "Concat",
    "Slice",
    "BinaryOp",
    "UnaryOp",
    "Eltwise",
    "Interp",
    "Sigmoid",
    "ReLU",
    "Crop",
    "Clip",
    "Padding",
    "Reshape",
    "Noop",
    "Dropout",
    "Permute",
    "Reduction",
    "Swish",
    "TanH",
    "ExpandDims",
    "Squeeze",
];

pub(super) fn locate(layers: &[Layer<'_>], bin: &[u8]) -> Result<Vec<Weights>, String> {
    let mut reader = Reader { bin, at: 0 };
    let weights = layers.iter().map(|layer| {
        reader.layer(layer).map_err(|what| format!("layer '{}': {what}", printable(layer.name, 60)))
    });
    let weights = weights.collect::<Result<_, _>>()?;
    match bin.len() - reader.at {
        0 => Ok(weights),
        left => {
            Err(format!("{left} of the {} bytes of the .bin belong to no layer of the .param", bin.len()))
        }
    }
}

struct Reader<'a> {
    bin: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, bytes: usize) -> Result<Range<usize>, String> {
        match self.at.checked_add(bytes).filter(|&end| end <= self.bin.len()) {
            Some(end) => Ok(std::mem::replace(&mut self.at, end)..end),
            None => Err(format!(
                "{bytes} bytes of weights where the .bin has {} left (another .bin, or cut short)",
                self.bin.len() - self.at
            )),
        }
    }

    fn floats(&mut self, count: usize) -> Result<Range<usize>, String> {
        self.take(bytes_of(count, 4)?)
    }

    fn layer(&mut self, layer: &Layer<'_>) -> Result<Weights, String> {
        match layer.kind {
            "Convolution" | "Deconvolution" => {
                if layer.number(8, 0)? != 0 && layer.kind == "Convolution" {
                    return Err(INTEGERS.to_owned());
                }
                let (outputs, _, count) = layer.conv_numbers()?;
                let (dtype, weight) = self.marked(count)?;
                let bias = match layer.number(5, 0)? {
                    0 => None,
                    _ => Some(self.floats(outputs)?),
                };
                Ok(Weights::Conv { dtype, weight, bias })
            }
            "PReLU" => Ok(Weights::Slopes(self.floats(layer.number(0, 0)?)?)),
            "MemoryData" => {
                let sides =
                    [layer.number(0, 0)?, layer.number(1, 0)?, layer.number(11, 0)?, layer.number(2, 0)?];
                let count = sides.iter().try_fold(1_usize, |n, &side| n.checked_mul(side.max(1)));
                // Marked from a later version on, which says so.
                let count = count.ok_or("more values than any memory holds")?;
                if layer.number(21, 1)? == 1 {
                    self.floats(count)?
                } else {
                    self.marked(count)?.1
                };
                Ok(Weights::None)
            }
            kind if BARE.contains(&kind) || kind.ends_with("Warp") || kind.ends_with("warp") => {
                Ok(Weights::None)
            }
            other => Err(format!("of kind {}, which IFRNet does not have", printable(other, 40))),
        }
    }

    /// An array with its mark.
    fn marked(&mut self, count: usize) -> Result<(Dtype, Range<usize>), String> {
        let mark = self.take(4)?;
        let mark = self.bin.get(mark).and_then(|b| b.first_chunk()).map_or(0, |&b| u32::from_le_bytes(b));
        match mark {
            0 | PLAIN => Ok((Dtype::F32, self.floats(count)?)),
            HALF => {
                let bytes = bytes_of(count, 2)?;
                let padded = bytes.checked_next_multiple_of(4).ok_or_else(|| too_many(count))?;
                let range = self.take(padded)?;
                Ok((Dtype::F16, range.start..range.start + bytes))
            }
            INT8 => Err(INTEGERS.to_owned()),
            // Any other mark stands for a table of 256 values and a byte for each weight.
            _ => Err(format!(
                "weights marked {mark:#010x}: quantised to a table, or the .bin belongs to another .param; only 32- and \
                 16-bit floating-point weights are read"
            )),
        }
    }
}

/// Bytes of so many values of that size.
fn bytes_of(count: usize, size: usize) -> Result<usize, String> {
    count.checked_mul(size).ok_or_else(|| too_many(count))
}

fn too_many(count: usize) -> String {
    format!("{count} values, more than any memory holds")
}

const INTEGERS: &str = "quantised to 8-bit integers; only 32- and 16-bit floating-point weights are read";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Array, Block, View, Views};
    use crate::ncnn::layers::parse;
    use ifr_net::{ArraySource, FileBytes};

    /// What `make.py` fills arrays with.
    fn value(n: usize, i: usize) -> f32 {
        ((i % 64) as f32 - 20.0) / 8.0 + n as f32
    }

    /// A convolution, a PReLU and a transposed convolution, as pnnx writes them.
    #[test]
    fn weights_of_pnnx_are_found() {
        for (param, bin, half) in [
            (
                &include_bytes!("../../tests/fixtures/tiny32.param")[..],
                &include_bytes!("../../tests/fixtures/tiny32.bin")[..],
                false,
            ),
            (
                &include_bytes!("../../tests/fixtures/tiny16.param")[..],
                &include_bytes!("../../tests/fixtures/tiny16.bin")[..],
                true,
            ),
        ] {
            let layers = parse(param).unwrap();
            let weights = locate(&layers, bin).unwrap();
            let read = |dtype: Dtype, range: &Range<usize>, shape: Vec<usize>, turned: bool| {
                let mut view = View::rows(dtype, 0, shape);
                if turned {
                    view.shape.swap(0, 1);
                    view.strides.swap(0, 1);
                }
                let arrays = vec![Array { name: String::new(), block: 0, view }];
                let file = FileBytes::from(bin);
                Views::new(file, vec![Block::piece(range.clone())], arrays).unwrap().read(0).unwrap()
            };
            let expected = |n: usize, count: usize| (0..count).map(|i| value(n, i)).collect::<Vec<_>>();
            let [Weights::None, first, Weights::Slopes(slopes), second] = weights.as_slice() else {
                panic!("{weights:?}")
            };
            for (found, layer, n) in [(first, 1, 0), (second, 3, 3)] {
                let Weights::Conv { dtype, weight, bias: Some(bias) } = found else { panic!("{found:?}") };
                assert_eq!(*dtype, if half { Dtype::F16 } else { Dtype::F32 });
                let shape = layers[layer].conv_shape().unwrap();
                let (outputs, count) = (shape[0], shape.iter().product());
                assert_eq!(read(*dtype, weight, shape, layer == 3), expected(n, count));
                assert_eq!(read(Dtype::F32, bias, vec![outputs], false), expected(n + 1, outputs));
            }
            assert_eq!(read(Dtype::F32, slopes, vec![4], false), expected(2, 4));
        }
    }
}
