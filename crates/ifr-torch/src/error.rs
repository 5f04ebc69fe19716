use ifr_net::{GraphError, InputError};
use tch::{Device, TchError};
use thiserror::Error;

/// Why a graph did not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TorchError {
    /// Too many or too few inputs or parameters.
    #[error("{graph} takes {expected} {what}, found {found}")]
    Count {
        /// The network's name.
        graph: String,
        /// `inputs` or `parameters`.
        what: &'static str,
        /// How many the graph declares.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// An input or a parameter of another shape than the graph declares.
    #[error("'{name}' has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Its name in the graph.
        name: String,
        /// Its shape.
        found: Vec<i64>,
        /// What the graph and the other inputs ask for.
        expected: Vec<i64>,
    },
    /// A size that does not divide into the network's levels.
    #[error(transparent)]
    Size(#[from] GraphError),
    /// Tensors or parameters that are not what the graph takes.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The device has no room.
    #[error("{device} has not enough memory for {what}: use a smaller batch or a smaller crop ({detail})")]
    Memory {
        /// The device, e.g. `CUDA device 0`.
        device: String,
        /// What was being computed, e.g. `decoder1`.
        what: String,
        /// libtorch's first words on it.
        detail: String,
    },
    /// Anything else that libtorch reports.
    #[error("{what}: libtorch: {detail}")]
    Torch {
        /// What was being computed, e.g. `decoder1`.
        what: String,
        /// libtorch's first words on it.
        detail: String,
    },
}

impl TorchError {
    /// What libtorch reported while `what` was being computed on `device`; want of memory is told from the rest by
    /// libtorch's words.
    #[must_use]
    pub fn new(what: impl Into<String>, device: Device, error: &TchError) -> Self {
        let message = match error {
            TchError::Torch(message) => message.clone(),
            other => other.to_string(),
        };
        // The rest is the stack of C++ calls.
        let detail = message.split("\nException raised from").next().unwrap_or_default().trim().to_owned();
        let what = what.into();
        let lower = detail.to_lowercase();
        // CUDA's allocator, cuDNN and cuBLAS; then the allocator for the CPU.
        let signs = ["out of memory", "alloc_failed", "can't allocate memory", "not enough memory"];
        if signs.iter().any(|sign| lower.contains(sign)) {
            return Self::Memory { device: device_name(device), what, detail };
        }
        Self::Torch { what, detail }
    }
}

fn device_name(device: Device) -> String {
    match device {
        Device::Cpu => "the CPU".to_owned(),
        Device::Cuda(index) => format!("CUDA device {index}"),
        Device::Mps => "the Apple GPU".to_owned(),
        Device::Vulkan => "the Vulkan device".to_owned(),
    }
}

/// Names what was being computed.
pub(crate) trait During<T> {
    /// The value, or a [`TorchError`] that says where it failed.
    fn during(self, what: &str, device: Device) -> Result<T, TorchError>;
}

impl<T> During<T> for Result<T, TchError> {
    fn during(self, what: &str, device: Device) -> Result<T, TorchError> {
        self.map_err(|error| TorchError::new(what, device, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn want_of_memory_is_recognised_and_advises() {
        let words =
            "CUDA out of memory. Tried to allocate 2.00 GiB.\nException raised from malloc at a.cpp:1";
        let error = TorchError::new("decoder1", Device::Cuda(1), &TchError::Torch(words.to_owned()));
        let message = error.to_string();
        assert!(matches!(error, TorchError::Memory { .. }));
        for part in ["CUDA device 1", "decoder1", "smaller batch", "smaller crop", "2.00 GiB"] {
            assert!(message.contains(part), "{message}");
        }
        assert!(!message.contains("a.cpp"), "{message}");

        // What the CPU's allocator really says: an exabyte is not to be had.
        let options = (tch::Kind::Float, Device::Cpu);
        let real = tch::Tensor::f_zeros([1 << 30, 1 << 28], options).unwrap_err();
        let error = TorchError::new("zeros", Device::Cpu, &real);
        assert!(matches!(error, TorchError::Memory { .. }), "{error}");

        let other = TorchError::new("x", Device::Cpu, &TchError::Torch("a bad shape".to_owned()));
        assert!(matches!(other, TorchError::Torch { .. }));
    }
}
