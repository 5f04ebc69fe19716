//! Images a second of the trainer's step on a made-up batch, beside which benches/train_throughput puts a plain PyTorch loop:
//!
//! ```text
//! cargo run --release -p ifr-train --example throughput -- --batch 8 --crop 128 --precision bf16 --steps 20
//! ```
//!
//! Prints one line of JSON: the seconds of every step, in order.

use std::error::Error;
use std::path::Path;

use ifr_train::config::{Config, Override};
use ifr_train::{set_threads, throughput};
use tch::Device;

const BASE: &str = r#"
[model]
network = "ifrnet-s"
[data]
kind = "vimeo"
path = "made-up"
crop = 128
batch = 8
labels = "files"
[loss]
distillation = 0.01
[train]
steps = 1000000
[output]
dir = "nowhere"
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut overrides = Vec::new();
    let (mut steps, mut device) = (20, Device::Cpu);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{argument} needs a value"))?;
        let number = || value.parse::<i64>().map_err(|e| format!("{argument} {value}: {e}"));
        match argument.as_str() {
            "--network" => overrides.push(Override::new("model.network", value)),
            "--precision" => overrides.push(Override::new("train.precision", value)),
            "--batch" => overrides.push(Override::new("data.batch", number()?)),
            "--crop" => overrides.push(Override::new("data.crop", number()?)),
            "--steps" => steps = usize::try_from(number()?)?,
            "--threads" => set_threads(usize::try_from(number()?)?),
            "--device" => {
                device = if value == "cuda" { Device::Cuda(0) } else { Device::Cpu };
            }
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    if device != Device::Cpu {
        ifr_torch::load_cuda()?;
    }
    let config = Config::parse(BASE, "built in", Path::new("."), &overrides)?;
    let seconds = throughput(&config, device, steps)?;
    let seconds: Vec<String> = seconds.iter().map(|s| format!("{:.6}", s.as_secs_f64())).collect();
    #[allow(clippy::print_stdout, reason = "its result")]
    {
        println!("{{\"seconds\": [{}]}}", seconds.join(", "));
    }
    Ok(())
}
