//! The operations, one by one.

use ifr_net::{
    Activation, Binary, Conv, DeformConv, Extent, Graph, Node, Norm, Op, ParamId, RunSize, Source, TensorId,
    View,
};
use tch::{Device, Kind, TchError, Tensor};

use crate::error::{During, TorchError};
use crate::sample::{Warper, deformed, resize};

/// A tensor of the graph, as it was computed and as it was asked for.
#[derive(Default)]
struct Value {
    /// In the kind of flows, warps and results.
    wide: Option<Tensor>,
    /// In the kind of convolutions, where that is another.
    narrow: Option<Tensor>,
}

pub(crate) struct Walk<'a> {
    graph: &'a Graph,
    parameters: &'a [Tensor],
    size: RunSize,
    device: Device,
    /// The kind of flows, warps and results.
    wide: Kind,
    /// The kind of convolutions.
    narrow: Kind,
    values: Vec<Value>,
    /// Parameters in the kind of convolutions.
    casts: Vec<Option<Tensor>>,
    warper: Warper,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        graph: &'a Graph,
        parameters: &'a [Tensor],
        size: RunSize,
        device: Device,
        wide: Kind,
        narrow: Kind,
    ) -> Self {
        let values = graph.tensors().iter().map(|_| Value::default()).collect();
        let casts = graph.params().iter().map(|_| None).collect();
        let warper = Warper::new(device, wide);
        Self { graph, parameters, size, device, wide, narrow, values, casts, warper }
    }

    /// Gives a tensor its value, in whichever of the two kinds.
    pub(crate) fn set(&mut self, id: TensorId, tensor: Tensor) {
        let value = &mut self.values[id.index()];
        match tensor.f_kind() {
            Ok(kind) if kind == self.narrow && kind != self.wide => value.narrow = Some(tensor),
            _ => value.wide = Some(tensor),
        }
    }

    pub(crate) fn forget(&mut self, id: TensorId) {
        self.values[id.index()] = Value::default();
    }

    /// A whole tensor in the wide kind.
    pub(crate) fn whole(&mut self, id: TensorId) -> Result<Tensor, TorchError> {
        let view = self.graph.view(id);
        self.see(view, self.wide).during(&self.graph.tensor(id).name, self.device)
    }

    /// Computes what a node writes.
    pub(crate) fn step(&mut self, node: &Node) -> Result<(), TorchError> {
        let info = self.graph.tensor(node.output);
        let shape = self.size.shape(info.channels, info.extent);
        let value = self.apply(&node.op, shape).during(&info.name, self.device)?;
        self.set(node.output, value);
        Ok(())
    }

    /// The value of an operation whose output has that shape.
    fn apply(&mut self, op: &Op, shape: [usize; 4]) -> Result<Tensor, TchError> {
        let [_, _, height, width] = shape;
        match op {
            Op::Conv(conv) => self.conv(conv, false),
            Op::ConvTranspose(conv) => self.conv(conv, true),
            Op::DeformConv(deform) => self.deform_conv(deform),
            Op::Warp { image, flow } => self.warp(*image, *flow),
            Op::Resize { input, alignment, gain, add } => {
                let input = self.see(*input, self.wide)?;
                let out = resize(&input, *alignment, (height, width), *gain)?;
                match add {
                    Some(view) => out.f_add(&self.see(*view, self.wide)?),
                    None => Ok(out),
                }
            }
            Op::Binary { op, a, b, activation } => {
                let (a, b) = (self.operand(a)?, self.operand(b)?);
                let out = match op {
                    Binary::Add => a.f_add(&b),
                    Binary::Sub => a.f_sub(&b),
                    Binary::Mul => a.f_mul(&b),
                }?;
                self.activate(out, *activation)
            }
            Op::Activate { input, activation } => {
                let input = self.see(*input, self.wide)?;
                self.activate(input, *activation)
            }
            Op::Affine { input, gain, offset, activation } => {
                let row = |values: &[f32]| {
                    let row = Tensor::f_from_slice(values)?.f_view([1, values.len() as i64, 1, 1])?;
                    row.f_to_kind(self.wide)?.f_to_device(self.device)
                };
                let (gain, offset) = (row(gain)?, row(offset)?);
                let out = offset.f_addcmul(&self.see(*input, self.wide)?, &gain)?;
                self.activate(out, *activation)
            }
            Op::Sum { inputs, gain } => {
                let mut sum = None::<Tensor>;
                for &view in inputs {
                    let map = self.see(view, self.wide)?;
                    sum = Some(match sum {
                        Some(sum) => sum.f_add(&map)?,
                        None => map,
                    });
                }
                // A builder lets no sum of nothing through; it would be this.
                let zeros = || Tensor::f_zeros(shape.map(|side| side as i64), (self.wide, self.device));
                sum.map_or_else(zeros, |sum| sum.f_mul_scalar(f64::from(*gain)))
            }
            Op::LayerNorm(norm) => self.layer_norm(norm),
            Op::ResponseNorm(norm) => self.response_norm(norm),
            Op::ChannelMean { input } => {
                self.see(*input, self.wide)?.f_mean_dim([2_i64, 3].as_slice(), true, None::<Kind>)
            }
            Op::Mean { inputs } => self.mean(inputs),
            Op::Blend { mask, a, b, add, activation } => {
                let mask = self.see(*mask, self.wide)?;
                let (a, b) = (self.operand(a)?, self.operand(b)?);
                let mut out = b.f_lerp_tensor(&a, &mask)?;
                for source in add {
                    out = out.f_add(&self.operand(source)?)?;
                }
                self.activate(out, *activation)
            }
        }
    }

    fn conv(&mut self, conv: &Conv, transposed: bool) -> Result<Tensor, TchError> {
        let input = self.side_by_side(&conv.inputs, self.narrow)?;
        let weight = self.parameter(conv.weight, self.narrow)?;
        let bias = conv.bias.map(|id| self.parameter(id, self.narrow)).transpose()?;
        let [stride, padding] = [conv.window.stride, conv.window.padding].map(|n| [n as i64; 2]);
        let groups = conv.groups as i64;
        let mut out = if transposed {
            input.f_conv_transpose2d(&weight, bias, stride, padding, [0, 0], groups, [1, 1])?
        } else {
            input.f_conv2d(&weight, bias, stride, padding, [1, 1], groups)?
        };
        if let Some(residual) = conv.residual {
            out = out.f_add(&self.see(residual, self.narrow)?)?;
        }
        self.activate(out, conv.activation)
    }

    /// Samples in the wide kind, then what is left: a convolution 1/1/0 of them.
    fn deform_conv(&mut self, deform: &DeformConv) -> Result<Tensor, TchError> {
        let DeformConv { conv, offsets, masks, flow, groups } = deform;
        let input = self.side_by_side(&conv.inputs, self.wide)?;
        let (offsets, masks) = (self.see(*offsets, self.wide)?, self.see(*masks, self.wide)?);
        let flow = flow.map(|view| self.see(view, self.wide)).transpose()?;
        let window = [conv.window.kernel as i64, *groups as i64];
        let samples = deformed(&input, &offsets, &masks, flow.as_ref(), window)?.f_to_kind(self.narrow)?;
        let weight = self.parameter(conv.weight, self.narrow)?;
        let weight = weight.f_reshape([weight.size4()?.0, -1, 1, 1])?;
        let bias = conv.bias.map(|id| self.parameter(id, self.narrow)).transpose()?;
        let mut out = samples.f_conv2d(&weight, bias, [1, 1], [0, 0], [1, 1], 1)?;
        if let Some(residual) = conv.residual {
            out = out.f_add(&self.see(residual, self.narrow)?)?;
        }
        self.activate(out, conv.activation)
    }

    fn layer_norm(&mut self, norm: &Norm) -> Result<Tensor, TchError> {
        let x = self.see(norm.input, self.wide)?.f_permute([0, 2, 3, 1])?;
        let (weight, bias) = self.norm_parameters(norm)?;
        let channels = [norm.input.channels as i64];
        let out = x.f_layer_norm(channels, Some(&weight), Some(&bias), f64::from(norm.epsilon), true)?;
        out.f_permute([0, 3, 1, 2])
    }

    fn response_norm(&mut self, norm: &Norm) -> Result<Tensor, TchError> {
        let x = self.see(norm.input, self.wide)?;
        let (weight, bias) = self.norm_parameters(norm)?;
        let plane = [1, norm.input.channels as i64, 1, 1];
        let norms = x.f_norm_scalaropt_dim(2.0, [2_i64, 3].as_slice(), true)?;
        let mean = norms.f_mean_dim([1_i64].as_slice(), true, None::<Kind>)?;
        let relative = norms.f_div(&mean.f_add_scalar(f64::from(norm.epsilon))?)?;
        let gain = relative.f_mul(&weight.f_view(plane)?)?.f_add_scalar(1.0)?;
        bias.f_view(plane)?.f_addcmul(&x, &gain)
    }

    fn norm_parameters(&mut self, norm: &Norm) -> Result<(Tensor, Tensor), TchError> {
        Ok((self.parameter(norm.weight, self.wide)?, self.parameter(norm.bias, self.wide)?))
    }

    /// The sources of a convolution, concatenated, in that kind.
    fn side_by_side(&mut self, sources: &[Source], kind: Kind) -> Result<Tensor, TchError> {
        let extent_of = |source: &Source| {
            let extents = source.views().map(|view| self.graph.tensor(view.tensor).extent);
            extents.into_iter().find(|&extent| extent != Extent::Point)
        };
        let extent = sources.iter().find_map(extent_of).unwrap_or(Extent::FULL);
        let [batch, _, height, width] = self.size.shape(1, extent).map(|side| side as i64);
        let mut maps = Vec::with_capacity(sources.len());
        for source in sources {
            maps.push(match *source {
                Source::Map(view) => self.see(view, kind)?,
                Source::Warped { image, flow } => self.warp(image, flow)?.f_to_kind(kind)?,
                Source::Plane(view) => {
                    let size = [batch, view.channels as i64, height, width];
                    self.see(view, kind)?.f_expand(size, false)?
                }
            });
        }
        match <[Tensor; 1]>::try_from(maps) {
            Ok([single]) => Ok(single),
            Err(maps) => Tensor::f_cat(&maps, 1),
        }
    }

    /// A source that broadcasts by itself: a plane stays one pixel.
    fn operand(&mut self, source: &Source) -> Result<Tensor, TchError> {
        match *source {
            Source::Map(view) | Source::Plane(view) => self.see(view, self.wide),
            Source::Warped { image, flow } => self.warp(image, flow),
        }
    }

    fn warp(&mut self, image: View, flow: View) -> Result<Tensor, TchError> {
        let (image, flow) = (self.see(image, self.wide)?, self.see(flow, self.wide)?);
        self.warper.warp(&image, &flow)
    }

    /// The mean of each sample over all inputs: their sums, each over all channels and pixels, by the count of values.
    fn mean(&mut self, inputs: &[View]) -> Result<Tensor, TchError> {
        let (mut sums, mut count) = (None::<Tensor>, 0);
        for &view in inputs {
            let map = self.see(view, self.wide)?;
            count += map.size().iter().skip(1).product::<i64>();
            let sum = map.f_sum_dim_intlist([1_i64, 2, 3].as_slice(), true, None::<Kind>)?;
            sums = Some(match sums {
                Some(sums) => sums.f_add(&sum)?,
                None => sum,
            });
        }
        match sums {
            Some(sums) => sums.f_div_scalar(count),
            // A builder lets no mean of nothing through; it would be this.
            None => Tensor::f_full([self.size.batch as i64, 1, 1, 1], f64::NAN, (self.wide, self.device)),
        }
    }

    fn activate(&mut self, x: Tensor, activation: Activation) -> Result<Tensor, TchError> {
        match activation {
            Activation::None => Ok(x),
            Activation::Prelu(slopes) => {
                let kind = x.f_kind()?;
                x.f_prelu(&self.parameter(slopes, kind)?)
            }
            Activation::PreluNonNegative(slopes) => {
                let kind = x.f_kind()?;
                x.f_prelu(&self.parameter(slopes, kind)?.f_relu()?)
            }
            Activation::Relu => x.f_relu(),
            Activation::Gelu => x.f_gelu("none"),
            Activation::Sigmoid => x.f_sigmoid(),
            Activation::Clamp { low, high } => x.f_clamp(f64::from(low), f64::from(high)),
        }
    }

    /// The channels of a view, in that kind. A whole tensor is kept in both kinds once it was asked for in both.
    fn see(&mut self, view: View, kind: Kind) -> Result<Tensor, TchError> {
        let whole = view.channels == self.graph.tensor(view.tensor).channels;
        let (wide, narrow) = (kind == self.wide, kind == self.narrow);
        let value = &mut self.values[view.tensor.index()];
        let ready = [wide.then_some(value.wide.as_ref()), narrow.then_some(value.narrow.as_ref())];
        let ready = ready.into_iter().flatten().flatten().next();
        let missing = || TchError::Torch("it reads a tensor that nothing has written".to_owned());
        let part = |tensor: &Tensor| tensor.f_narrow(1, view.first as i64, view.channels as i64);
        match ready {
            Some(tensor) if whole => Ok(tensor.shallow_clone()),
            Some(tensor) => part(tensor),
            None => {
                let tensor = value.wide.as_ref().or(value.narrow.as_ref()).ok_or_else(missing)?;
                if !whole {
                    return part(tensor)?.f_to_kind(kind);
                }
                let cast = tensor.f_to_kind(kind)?;
                let place = if wide { &mut value.wide } else { &mut value.narrow };
                *place = Some(cast.shallow_clone());
                Ok(cast)
            }
        }
    }

    /// A parameter in that kind; those of convolutions are cast once.
    fn parameter(&mut self, id: ParamId, kind: Kind) -> Result<Tensor, TchError> {
        let given = &self.parameters[id.index()];
        if given.f_kind()? == kind {
            return Ok(given.shallow_clone());
        }
        if kind != self.narrow {
            return given.f_to_kind(kind);
        }
        if let Some(cast) = &self.casts[id.index()] {
            return Ok(cast.shallow_clone());
        }
        let cast = given.f_to_kind(kind)?;
        self.casts[id.index()] = Some(cast.shallow_clone());
        Ok(cast)
    }
}
