//! Tensors of ifr-net and of libtorch.

use ifr_net::InputError;
use tch::{Device, Kind, Tensor};

use crate::error::{During, TorchError};

/// A tensor of the same shape and values on a device, `f32`.
///
/// # Errors
/// [`TorchError::Memory`] when the device has no room.
pub fn upload(tensor: &ifr_net::Tensor, device: Device) -> Result<Tensor, TorchError> {
    upload_values(tensor.data(), &tensor.shape(), device)
}

/// Values in row-major order as a tensor of that shape on a device, `f32`.
///
/// # Errors
/// [`InputError::Length`] when there are more or fewer values than the shape has (in four dimensions or less),
/// [`TorchError::Memory`] when the device has no room.
pub fn upload_values(values: &[f32], shape: &[usize], device: Device) -> Result<Tensor, TorchError> {
    if shape.iter().product::<usize>() != values.len() {
        let mut four = [1; 4];
        for (to, &side) in four.iter_mut().rev().zip(shape.iter().rev()) {
            *to = side;
        }
        return Err(InputError::Length { shape: four, found: values.len() }.into());
    }
    let shape: Vec<i64> = shape.iter().map(|&side| side as i64).collect();
    let on_host = Tensor::f_from_slice(values).and_then(|t| t.f_view(shape.as_slice()));
    on_host.and_then(|t| t.f_to_device(device)).during("upload", device)
}

/// The values of a batch × channels × height × width tensor of any float kind and on any device.
///
/// # Errors
/// [`TorchError::Shape`] when it has not four dimensions.
pub fn download(tensor: &Tensor) -> Result<ifr_net::Tensor, TorchError> {
    let found = tensor.size();
    let [n, c, h, w] = found[..] else {
        return Err(TorchError::Shape { name: "tensor".to_owned(), found, expected: vec![-1; 4] });
    };
    let shape = [n, c, h, w].map(|side| usize::try_from(side).unwrap_or(0));
    Ok(ifr_net::Tensor::new(shape, download_values(tensor)?)?)
}

/// The values of a tensor of any shape, float kind and device, in row-major order.
///
/// # Errors
/// [`TorchError::Torch`] when they cannot be read.
pub fn download_values(tensor: &Tensor) -> Result<Vec<f32>, TorchError> {
    let device = tensor.device();
    let mut values = vec![0.0_f32; tensor.numel()];
    let plain = tensor.f_detach().and_then(|t| t.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float));
    plain
        .and_then(|t| t.f_contiguous()?.f_copy_data(&mut values, tensor.numel()))
        .during("download", device)?;
    Ok(values)
}
