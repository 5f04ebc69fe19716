//! Data parallelism with real processes: this test program, started again for every rank.

#![allow(clippy::unwrap_used, reason = "tests may")]
#![allow(clippy::print_stdout, reason = "processes tell the tests that started them")]

use std::env;
use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::Duration;

#[cfg(feature = "nccl")]
use ifr_train::parallel::ParallelError;
use ifr_train::parallel::{Averager, Timeouts, World};
use tch::{Device, Kind, Tensor};

const ROLE: &str = "IFR_TEST_PROCESS";

/// Starts `process` once for each rank, all with the same variables, and waits for all.
fn launch(role: &str, ranks: &[usize], size: usize) -> Vec<Output> {
    // Nobody else gets a port that was just given back: the system hands them out in turn.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let children: Vec<_> = ranks
        .iter()
        .map(|rank| {
            Command::new(env::current_exe().unwrap())
                .args(["--exact", "process", "--ignored", "--nocapture", "--test-threads=1"])
                .env(ROLE, role)
                .env("RANK", rank.to_string())
                .env("LOCAL_RANK", rank.to_string())
                .env("WORLD_SIZE", size.to_string())
                .env("MASTER_ADDR", "127.0.0.1")
                .env("MASTER_PORT", port.to_string())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
}

/// What a process printed after `RESULT `.
fn result(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let found = text.lines().find_map(|line| line.split_once("RESULT ")).map(|(_, result)| result.to_owned());
    found.unwrap_or_else(|| panic!("no result in:\n{text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// What the launched processes run; by itself it does nothing.
#[test]
#[ignore = "a process that the other tests start"]
fn process() {
    match env::var(ROLE).as_deref() {
        Ok("train") => {
            let world = World::from_env().unwrap();
            let mut averager = world.connect(Device::Cpu, 1, Timeouts::default()).unwrap();
            let weights = train(&mut averager, &[world.rank()]);
            println!(
                "RESULT {}",
                weights.iter().map(|weight| format!("{:08x}", weight.to_bits())).collect::<String>()
            );
        }
        Ok("wait") => {
            let timeouts = Timeouts { meet: Duration::from_millis(500), ..Timeouts::default() };
            let error = World::from_env().unwrap().connect(Device::Cpu, 1, timeouts).unwrap_err();
            println!("RESULT {error}");
        }
        #[cfg(feature = "nccl")]
        Ok("gpu") => println!("RESULT {}", on_gpus(true).unwrap_or_else(|error| error.to_string())),
        #[cfg(feature = "nccl")]
        Ok("lost gpu") => println!("RESULT {}", on_gpus(false).unwrap_or_else(|error| error.to_string())),
        _ => {}
    }
}

/// Exchanges by NCCL, as one of two processes; in the end either of tensors that differ in size, or with one process gone.
#[cfg(feature = "nccl")]
fn on_gpus(differ: bool) -> Result<String, ParallelError> {
    ifr_torch::load_cuda().unwrap();
    let world = World::from_env()?;
    // With one GPU both take it, which NCCL refuses.
    let device = Device::Cuda(world.local_rank() % usize::try_from(tch::Cuda::device_count()).unwrap());
    let mut averager = world.connect(device, 1, Timeouts::default())?;
    assert_eq!(averager.name(), "NCCL");
    let tensor = |length: i64| Tensor::arange(length, (Kind::Float, device)) + world.rank() as f64;
    let (mut mean, mut small, mut first) = (tensor(1_000_003), tensor(3), tensor(5));
    averager.average(&mut mean)?;
    averager.average(&mut small)?;
    averager.broadcast(&mut first)?;
    averager.settle()?;
    let far = (mean - Tensor::arange(1_000_003, (Kind::Float, device)) - 0.5).abs().max().double_value(&[]);
    assert!(far < 0.1, "{far}");
    let values = |tensor: &Tensor| Vec::<f32>::try_from(tensor.to_device(Device::Cpu)).unwrap();
    assert_eq!((values(&small), values(&first)), (vec![0.5, 1.5, 2.5], vec![0.0, 1.0, 2.0, 3.0, 4.0]));
    if differ {
        averager.average(&mut tensor(7 + world.rank() as i64))?;
    } else if world.rank() == 0 {
        // The other leaves.
        averager.average(&mut tensor(7))?;
        averager.settle()?;
    }
    Ok("no error".to_owned())
}

#[cfg(feature = "nccl")]
#[test]
fn gpus_exchange_by_nccl_and_do_not_wait_for_who_is_gone() {
    let loaded = ifr_torch::load_cuda();
    let gpus = tch::Cuda::device_count();
    if gpus == 0 {
        println!("skipped: libtorch finds no GPU ({loaded:?})");
        return;
    }
    let results = |role| launch(role, &[0, 1], 2).iter().map(result).collect::<Vec<_>>();
    if gpus == 1 {
        println!("two processes on one GPU are refused; the rest is skipped, it takes two");
        let refused = results("gpu");
        assert!(
            refused.iter().all(|words| words.contains("has each process a GPU of its own?")),
            "{refused:?}"
        );
        return;
    }
    let differ = results("gpu");
    let words = "rank 1 sends 8 values for the mean";
    assert!(differ[0].starts_with(words), "{differ:?}");
    assert!(differ[1].contains(words) || differ[1].starts_with("rank 0 is gone"), "{differ:?}");
    let lost = results("lost gpu");
    assert!(lost[0].starts_with("rank 1 is gone"), "{lost:?}");
    assert_eq!(lost[1], "no error");
}

/// Three steps of a small network with momentum, the batch being the samples of the given numbers; the weights after them.
fn train(averager: &mut Averager, samples: &[usize]) -> Vec<f32> {
    // Rank 0's weights count; the others begin with their own.
    let pattern = |length: i64, seed: f64| (Tensor::arange(length, (Kind::Float, Device::Cpu)) * seed).sin();
    let mut weights = pattern(3 * 8 * 9 + 8 * 3 * 9, 1.7 + samples[0] as f64) * 0.2;
    averager.broadcast(&mut weights).unwrap();
    let mut weights = weights.set_requires_grad(true);
    let mut momentum = weights.zeros_like().set_requires_grad(false);
    for step in 0..3 {
        let batch = |seed: f64| {
            let images: Vec<_> = samples
                .iter()
                .map(|n| {
                    pattern(3 * 16 * 16, seed + 0.1 * *n as f64 + 0.01 * f64::from(step)).view([3, 16, 16])
                })
                .collect();
            Tensor::stack(&images, 0)
        };
        let (input, target) = (batch(0.9), batch(2.3));
        let first = weights.narrow(0, 0, 216).view([8, 3, 3, 3]);
        let second = weights.narrow(0, 216, 216).view([3, 8, 3, 3]);
        let convolve =
            |image: &Tensor, kernel: &Tensor| image.conv2d(kernel, None::<Tensor>, [1, 1], [1, 1], [1, 1], 1);
        let output = convolve(&convolve(&input, &first).tanh(), &second);
        (output - target).square().mean(Kind::Float).backward();

        let mut gradient = weights.grad();
        averager.average(&mut gradient).unwrap();
        tch::no_grad(|| {
            momentum = &momentum * 0.9 + &gradient;
            let _ = weights.f_sub_(&(&momentum * 0.1)).unwrap();
        });
        weights.zero_grad();
    }
    Vec::try_from(weights.detach()).unwrap()
}

#[test]
fn two_processes_train_like_one_with_both_samples() {
    let outputs = launch("train", &[0, 1], 2);
    let weights: Vec<Vec<f32>> = outputs
        .iter()
        .map(|output| {
            let digits = result(output);
            (0..digits.len() / 8)
                .map(|i| f32::from_bits(u32::from_str_radix(&digits[8 * i..8 * i + 8], 16).unwrap()))
                .collect()
        })
        .collect();
    assert_eq!(weights[0].len(), 432);
    assert!(
        weights[0].iter().zip(&weights[1]).all(|(a, b)| a.to_bits() == b.to_bits()),
        "the ranks' weights differ"
    );

    let alone = train(&mut Averager::alone(), &[0, 1]);
    let apart =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    let norm = apart(&alone, &vec![0.0; alone.len()]);
    assert!(apart(&weights[0], &alone) < 1e-6 * norm, "{:e} of {norm}", apart(&weights[0], &alone));
    // One sample only leads elsewhere: the other process's gradient does count.
    let half = train(&mut Averager::alone(), &[0]);
    assert!(apart(&half, &alone) > 1e-3 * norm, "{:e} of {norm}", apart(&half, &alone));
}

#[test]
fn a_process_that_never_comes_is_named() {
    let outputs = launch("wait", &[0, 2], 3);
    let first = result(&outputs[0]);
    assert!(first.starts_with("of 3 processes, rank"), "{first}");
    assert!(first.contains("rank 1 did not") || first.contains("ranks 1 and 2 did not"), "{first}");
    // Rank 2 was told, or found nobody there any more.
    let other = result(&outputs[1]);
    assert!(
        other.starts_with("rank 0 stopped: of 3 processes")
            || other.starts_with("rank 2 has not reached rank 0"),
        "{other}"
    );
}
