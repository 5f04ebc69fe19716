//! The suite that every interpreter of graphs passes.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests may; -- --nocapture shows what was skipped"
)]

use ifr_net::conformance;
use ifr_torch::{Precision, Torch, load_cuda};
use tch::Device;

/// What results may be off by, as a share of their greatest, where what goes into convolutions is rounded to 8 bits: they are, on the
/// CPU, by up to 0.017.
const BF16: f32 = 0.02;
/// Where it is rounded to 11 bits, which is what cuDNN's convolutions of `f32` do unless told otherwise.
const TF32: f32 = BF16 / 8.0;

/// Runs the suite; cases with a smaller tolerance than `least` get that. The whole of IFR+ is left out then: its sampling places are
/// sums of offsets and flows, and made-up weights make them so large that a rounded bit moves them by pixels.
fn all_pass(device: Device, precision: Precision, least: f32) {
    let mut torch = Torch { device, precision };
    let mut cases = conformance::cases().unwrap();
    cases.retain(|case| least == 0.0 || !case.name.starts_with("ifr-plus"));
    cases.iter_mut().for_each(|case| case.tolerance = case.tolerance.max(least));
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| conformance::check_case(&mut torch, case).err())
        .map(|failure| failure.to_string())
        .collect();
    assert!(failures.is_empty(), "{device:?}, {precision:?}:\n{}", failures.join("\n"));
}

#[test]
fn on_the_cpu() {
    all_pass(Device::Cpu, Precision::F32, 0.0);
}

#[test]
fn on_the_cpu_in_bfloat16() {
    all_pass(Device::Cpu, Precision::Bf16, BF16);
}

/// Skipped only where libtorch finds no GPU, which is said.
#[test]
fn on_every_cuda_device() {
    let loaded = load_cuda();
    let devices = usize::try_from(tch::Cuda::device_count()).unwrap();
    if devices == 0 {
        println!(
            "skipped on CUDA: {}",
            match loaded {
                Ok(true) => "libtorch finds no GPU, or no driver for it".to_owned(),
                Ok(false) => "this libtorch has no CUDA".to_owned(),
                Err(error) => error.to_string(),
            }
        );
    }
    for index in 0..devices {
        all_pass(Device::Cuda(index), Precision::F32, TF32);
        all_pass(Device::Cuda(index), Precision::Bf16, BF16);
        println!("passed on CUDA device {index}");
    }
}
