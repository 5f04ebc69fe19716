//! The suite that every interpreter of graphs passes.

#![allow(clippy::unwrap_used, reason = "tests may")]

use ifr_net::conformance;
use ifr_torch::{Precision, Torch};
use tch::Device;

fn all_pass(device: Device) {
    // Threads that wait for one another are slow where others compute too.
    tch::set_num_threads(1);
    let mut torch = Torch { device, precision: Precision::F32 };
    let failures: Vec<String> = conformance::cases()
        .unwrap()
        .iter()
        .filter_map(|case| conformance::check_case(&mut torch, case).err())
        .map(|failure| failure.to_string())
        .collect();
    assert!(failures.is_empty(), "{device:?}:\n{}", failures.join("\n"));
}

#[test]
fn on_the_cpu() {
    all_pass(Device::Cpu);
}

#[test]
fn on_every_cuda_device() {
    for index in 0..tch::Cuda::device_count() {
        all_pass(Device::Cuda(index as usize));
    }
}
