use tch::{Device, Kind, Tensor};

use super::ParallelError;
use super::star::Star;
#[cfg(feature = "nccl")]
use super::{message::Kind as Message, nccl::Nccl};

/// Keeps the processes of a training at the same point.
///
/// Every process has to make the same calls in the same order, with tensors of the same size. After an error the training cannot go on;
/// the other processes are told, or notice.
#[derive(Debug)]
pub struct Averager {
    way: Way,
    /// Values on their way through the CPU.
    values: Vec<f32>,
}

#[derive(Debug)]
enum Way {
    Alone,
    Tcp(Star),
    #[cfg(feature = "nccl")]
    Nccl(Star, Nccl),
}

#[derive(Clone, Copy)]
enum Exchange {
    Mean,
    FromFirst,
}

impl Averager {
    /// Of a process on its own: nothing is exchanged.
    pub fn alone() -> Self {
        Self { way: Way::Alone, values: Vec::new() }
    }

    /// For processes that are connected, with gradients on `device`.
    #[cfg(feature = "nccl")]
    pub(super) fn new(mut star: Star, device: Device) -> Result<Self, ParallelError> {
        let Device::Cuda(index) = device else { return Ok(Self { way: Way::Tcp(star), values: Vec::new() }) };
        // Whoever goes into NCCL's own rendezvous waits there for all the others: so first everyone says whether it could.
        let api = super::nccl::Api::load();
        if let Err(reason) = &api {
            tracing::warn!("gradients travel by TCP, which is slower: {reason}");
        }
        let way = match (star.any(api.is_err())?, api) {
            (false, Ok(api)) => {
                let nccl = Nccl::new(api, &mut star, index)?;
                Way::Nccl(star, nccl)
            }
            _ => Way::Tcp(star),
        };
        Ok(Self { way, values: Vec::new() })
    }

    /// For processes that are connected, with gradients on `device`.
    #[cfg(not(feature = "nccl"))]
    pub(super) fn new(star: Star, device: Device) -> Result<Self, ParallelError> {
        if device.is_cuda() {
            tracing::warn!(
                "gradients travel by TCP, which is slower: this program was built without the feature nccl"
            );
        }
        Ok(Self { way: Way::Tcp(star), values: Vec::new() })
    }

    /// How values travel, for people: `one process`, `TCP` or `NCCL`.
    pub fn name(&self) -> &'static str {
        match &self.way {
            Way::Alone => "one process",
            Way::Tcp(_) => "TCP",
            #[cfg(feature = "nccl")]
            Way::Nccl(..) => "NCCL",
        }
    }

    /// How many processes there are.
    pub fn size(&self) -> usize {
        match &self.way {
            Way::Alone => 1,
            Way::Tcp(star) => star.size(),
            #[cfg(feature = "nccl")]
            Way::Nccl(star, _) => star.size(),
        }
    }

    /// The mean of a tensor over all processes, in place; the same bits on all of them. The tensor is `f32`, contiguous, on any device
    /// (on CUDA the one given to [`connect`](super::World::connect)). Not a number on one process is so on all.
    ///
    /// Between GPUs the exchange is begun, and what is computed with the tensor afterwards comes after it; [`Averager::settle`] ends it.
    ///
    /// # Errors
    /// [`ParallelError::Tensor`] for a tensor that is not so; the other kinds where another process is gone, silent or out of step.
    pub fn average(&mut self, tensor: &mut Tensor) -> Result<(), ParallelError> {
        self.through(tensor, Exchange::Mean)
    }

    /// Rank 0's values of a tensor, to all processes, in place. The tensor is as for [`Averager::average`].
    ///
    /// # Errors
    /// As [`Averager::average`].
    pub fn broadcast(&mut self, tensor: &mut Tensor) -> Result<(), ParallelError> {
        self.through(tensor, Exchange::FromFirst)
    }

    /// Waits until all that was begun by [`Averager::average`] and [`Averager::broadcast`] is done; to be called before anything else that
    /// waits for the device. Here it is noticed when a process that the device waits for is gone; elsewhere one would wait for ever.
    ///
    /// # Errors
    /// Where another process is gone or has stopped, or the exchange fails. The device waits for nothing then, but the tensors' values
    /// mean nothing.
    pub fn settle(&mut self) -> Result<(), ParallelError> {
        match &mut self.way {
            Way::Alone | Way::Tcp(_) => Ok(()),
            #[cfg(feature = "nccl")]
            Way::Nccl(star, nccl) => nccl.settle(star),
        }
    }

    /// Whether any process says yes: so all stop, or skip, together. Waits for all.
    ///
    /// # Errors
    /// Where another process is gone, silent or out of step.
    pub fn any(&mut self, flag: bool) -> Result<bool, ParallelError> {
        match &mut self.way {
            Way::Alone => Ok(flag),
            Way::Tcp(star) => star.any(flag),
            #[cfg(feature = "nccl")]
            Way::Nccl(star, nccl) => star.any(flag).inspect_err(|_| nccl.abort()),
        }
    }

    /// Waits until all processes are here.
    ///
    /// # Errors
    /// As [`Averager::any`].
    pub fn barrier(&mut self) -> Result<(), ParallelError> {
        self.any(false).map(|_| ())
    }

    fn through(&mut self, tensor: &mut Tensor, exchange: Exchange) -> Result<(), ParallelError> {
        if tensor.kind() != Kind::Float || !tensor.is_contiguous() {
            let layout = if tensor.is_contiguous() { "contiguous" } else { "not contiguous" };
            let found = format!("{:?} and {layout}", tensor.kind());
            return Err(ParallelError::Tensor { found, expected: "f32 and contiguous" });
        }
        match &mut self.way {
            Way::Alone => Ok(()),
            #[cfg(feature = "nccl")]
            Way::Nccl(star, nccl) => {
                // What a process that is gone, or at another point, would leave the device waiting for is not begun.
                let kind = match exchange {
                    Exchange::Mean => Message::DeviceMean,
                    Exchange::FromFirst => Message::DeviceValues,
                };
                star.agree(kind, 4 * tensor.numel()).inspect_err(|_| nccl.abort())?;
                match exchange {
                    Exchange::Mean => nccl.average(star, tensor),
                    Exchange::FromFirst => nccl.broadcast(star, tensor),
                }
            }
            Way::Tcp(star) => {
                self.values.resize(tensor.numel(), 0.0);
                let host = tensor.f_detach()?.f_to_device(Device::Cpu)?;
                host.f_copy_data(&mut self.values, tensor.numel())?;
                match exchange {
                    Exchange::Mean => star.average(&mut self.values)?,
                    Exchange::FromFirst => star.broadcast(&mut self.values)?,
                }
                let values = Tensor::f_from_slice(&self.values)?.f_view(tensor.size().as_slice())?;
                // A leaf that wants gradients may be written to when nothing is recorded.
                Ok(tch::no_grad(|| tensor.f_copy_(&values))?)
            }
        }
    }

    #[cfg(test)]
    pub(super) fn into_star(self) -> Option<Star> {
        match self.way {
            Way::Tcp(star) => Some(star),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_everything_stays_as_it_is() {
        let mut averager = Averager::alone();
        let mut tensor = Tensor::from_slice(&[1.0f32, f32::MIN_POSITIVE]);
        averager.average(&mut tensor).unwrap();
        averager.broadcast(&mut tensor).unwrap();
        assert_eq!(Vec::<f32>::try_from(&tensor).unwrap(), [1.0, f32::MIN_POSITIVE]);
        assert!(averager.any(true).unwrap() && !averager.any(false).unwrap());
        assert_eq!((averager.name(), averager.size()), ("one process", 1));
    }

    #[test]
    fn other_kinds_and_layouts_are_refused() {
        let mut averager = Averager::alone();
        let double = averager.average(&mut Tensor::from_slice(&[1.0f64])).unwrap_err();
        assert!(double.to_string().contains("Double and contiguous"), "{double}");
        let mut turned = Tensor::from_slice(&[1.0f32; 6]).view([2, 3]).tr();
        let turned = averager.average(&mut turned).unwrap_err();
        assert!(turned.to_string().contains("not contiguous"), "{turned}");
    }
}
