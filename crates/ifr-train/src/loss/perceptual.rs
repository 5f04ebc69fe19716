//! Pictures compared as a network that recognises things sees them.

use std::path::Path;

use ifr_net::{ParameterStore, StoreError};
use ifr_torch::{TorchError, upload_values};
use tch::{Device, Kind, TchError, Tensor};
use thiserror::Error;

/// VGG-16's convolutions up to relu5_3, block by block: torchvision's number of the layer, and its width. Blocks begin with a
/// pool (but the first) and end where features are compared.
const BLOCKS: [&[(usize, usize)]; 5] = [
    &[(0, 64), (2, 64)],
    &[(5, 128), (7, 128)],
    &[(10, 256), (12, 256), (14, 256)],
    &[(17, 512), (19, 512), (21, 512)],
    &[(24, 512), (26, 512), (28, 512)],
];
/// Mean and standard deviation of red, green and blue in ImageNet, by which images are normalised.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];
/// Keeps the pool's root from an infinite slope at 0. From the reference.
const POOLED: f64 = 1e-12;
/// The least square of a pixel's length by which its features are divided. From the reference (MindSpore's L2Normalize).
const SHORTEST: f64 = 1e-4;

/// Weights for the perceptual part that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PerceptualError {
    /// The file cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An array is missing or of another shape.
    #[error(
        "{origin}: {name}: found {found}, expected {expected}; VGG-16 and LPIPS's weights of its features are needed, see \
         docs/training.md"
    )]
    Array {
        /// The file.
        origin: String,
        /// The array.
        name: String,
        /// What was found.
        found: String,
        /// The shape that was expected.
        expected: String,
    },
    /// The device has no room for them.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

/// The perceptual part of IFR+'s loss: the distance of LPIPS (Zhang et al., 2018) on VGG-16, with other pools.
///
/// Images are normalised by ImageNet's mean and deviation. Features are those of relu1_2, relu2_2, relu3_3, relu4_3 and relu5_3;
/// between the blocks stand, instead of VGG's max pools, L2 pools: √(x² filtered by [¼ ½ ¼]², every second pixel, + 10⁻¹²), with
/// zeros around. Each pixel's features are divided by √max(their squares' sum, 10⁻⁴); the squares of differences, weighted by
/// channel, are summed over channels, averaged over pixels, summed over the five places, and averaged over the batch. Nothing
/// here learns.
///
/// As a *metric*, LPIPS is in `ifr-eval`, with max pools.
#[derive(Debug)]
pub struct Perceptual {
    /// Weights and biases, block by block.
    blocks: Vec<Vec<(Tensor, Tensor)>>,
    /// What each channel of the five features counts: 1 × channels × 1 × 1.
    linear: Vec<Tensor>,
    mean: Tensor,
    deviation: Tensor,
}

impl Perceptual {
    /// Reads a safetensors file with the layout that `ifr eval --lpips` reads, too: the state of the LPIPS authors'
    /// `LPIPS(net='vgg')`. Of each of VGG-16's 13 convolutions, `features.I.weight` (outputs × inputs × 3 × 3) and `features.I.bias`
    /// by torchvision's numbers I (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), or `net.sliceS.I.weight` and `.bias` with S the
    /// block from 1 to 5; of the features, `linK.model.1.weight` (1 × channels × 1 × 1), K from 0 to 4. All else is ignored.
    ///
    /// # Errors
    /// [`PerceptualError`] when the file cannot be read, an array is missing or of another shape, or the device has no room.
    pub fn open(path: impl AsRef<Path>, device: Device) -> Result<Self, PerceptualError> {
        let store = ParameterStore::open(path)?;
        let array = |name: &str, shape: &[usize]| -> Result<Tensor, PerceptualError> {
            let found = store.entry(name).map(|entry| entry.shape.as_slice());
            if found != Some(shape) {
                return Err(PerceptualError::Array {
                    origin: store.origin().to_owned(),
                    name: name.to_owned(),
                    found: found.map_or_else(|| "nothing".to_owned(), words),
                    expected: words(shape),
                });
            }
            Ok(upload_values(&store.read(name)?, shape, device)?)
        };
        let (mut blocks, mut linear, mut from) = (Vec::new(), Vec::new(), 3);
        for (k, layers) in BLOCKS.iter().enumerate() {
            let mut block = Vec::new();
            for &(index, to) in *layers {
                let lpips = format!("net.slice{}.{index}", k + 1);
                let layer = Some(lpips).filter(|name| store.entry(&format!("{name}.weight")).is_some());
                let layer = layer.unwrap_or_else(|| format!("features.{index}"));
                let weight = array(&format!("{layer}.weight"), &[to, from, 3, 3])?;
                block.push((weight, array(&format!("{layer}.bias"), &[to])?));
                from = to;
            }
            blocks.push(block);
            linear.push(array(&format!("lin{k}.model.1.weight"), &[1, from, 1, 1])?);
        }
        let row = |values: &[f32; 3]| upload_values(values, &[1, 3, 1, 1], device);
        Ok(Self { blocks, linear, mean: row(&MEAN)?, deviation: row(&DEVIATION)? })
    }

    /// The same in another kind, such as `f64` for checks of gradients.
    ///
    /// # Errors
    /// What libtorch reports.
    pub fn to_kind(&self, kind: Kind) -> Result<Self, TchError> {
        let pair = |(w, b): &(Tensor, Tensor)| Ok((w.f_to_kind(kind)?, b.f_to_kind(kind)?));
        Ok(Self {
            blocks: self
                .blocks
                .iter()
                .map(|block| block.iter().map(pair).collect())
                .collect::<Result<_, TchError>>()?,
            linear: self.linear.iter().map(|l| l.f_to_kind(kind)).collect::<Result<_, _>>()?,
            mean: self.mean.f_to_kind(kind)?,
            deviation: self.deviation.f_to_kind(kind)?,
        })
    }

    /// The distance of two batches of pictures (N × 3 × H × W, RGB; values beyond \[0, 1\] count as they are): the mean over the
    /// batch, one number. Gradients flow into `found` alone.
    ///
    /// # Errors
    /// What libtorch reports: shapes that do not fit, or no room.
    pub fn distance(&self, found: &Tensor, expected: &Tensor) -> Result<Tensor, TchError> {
        let expected = tch::no_grad(|| self.features(expected))?;
        let found = self.features(found)?;
        let mut parts = Vec::with_capacity(self.linear.len());
        for ((found, expected), linear) in found.iter().zip(&expected).zip(&self.linear) {
            let square = found.f_sub(expected)?.f_square()?.f_mul(linear)?;
            let sums = square.f_sum_dim_intlist([1_i64].as_slice(), false, None::<Kind>)?;
            // The mean over batch and pixels at once: all samples have as many.
            parts.push(sums.f_mean(None::<Kind>)?);
        }
        Tensor::f_stack(&parts, 0)?.f_sum(None::<Kind>)
    }

    /// The five features, each pixel's of unit length.
    fn features(&self, image: &Tensor) -> Result<Vec<Tensor>, TchError> {
        let mut x = image.f_sub(&self.mean)?.f_div(&self.deviation)?;
        let mut features = Vec::with_capacity(self.blocks.len());
        for (k, block) in self.blocks.iter().enumerate() {
            if k > 0 {
                x = pooled(&x)?;
            }
            for (weight, bias) in block {
                x = x.f_conv2d(weight, Some(bias), [1, 1], [1, 1], [1, 1], 1)?.f_relu()?;
            }
            let squares = x.f_square()?.f_sum_dim_intlist([1_i64].as_slice(), true, None::<Kind>)?;
            features.push(x.f_div(&squares.f_clamp_min(SHORTEST)?.f_sqrt()?)?);
        }
        Ok(features)
    }
}

/// An L2 pool: half the size, rounded up.
fn pooled(x: &Tensor) -> Result<Tensor, TchError> {
    let (_, channels, _, _) = x.size4()?;
    let line = Tensor::f_from_slice(&[0.25_f64, 0.5, 0.25])?;
    let filter = line.f_view([3, 1])?.f_mul(&line.f_view([1, 3])?)?;
    let filter = filter.f_to_kind(x.f_kind()?)?.f_to_device(x.device())?;
    let filter = filter.f_expand([channels, 1, 3, 3], false)?.f_contiguous()?;
    let sums = x.f_square()?.f_conv2d(&filter, None::<Tensor>, [2, 2], [1, 1], [1, 1], channels)?;
    sums.f_add_scalar(POOLED)?.f_sqrt()
}

fn words(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}
