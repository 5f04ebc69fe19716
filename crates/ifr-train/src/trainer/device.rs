//! What a process trains on.

use ifr_torch::{CudaError, load_cuda};
use tch::Device;

use super::Watch;
use crate::TrainError;
use crate::config::DeviceKind;
use crate::event::Event;
use crate::parallel::World;

/// The device of this process.
pub(super) fn device(kind: DeviceKind, world: &World, watch: &mut Watch<'_>) -> Result<Device, TrainError> {
    if kind == DeviceKind::Cpu {
        return Ok(Device::Cpu);
    }
    // Before anything asks whether there is CUDA.
    let loaded = load_cuda();
    let found = usize::try_from(tch::Cuda::device_count()).unwrap_or(0);
    let (device, notice) = choose(kind == DeviceKind::Cuda, loaded, found, world)?;
    if let Some(notice) = notice {
        watch(&Event::Notice(&notice));
    }
    Ok(device)
}

/// The device, with words about it where it is not what one would expect, when libtorch finds so many GPUs. Without `must` it may be
/// the processor.
fn choose(
    must: bool,
    loaded: Result<bool, CudaError>,
    found: usize,
    world: &World,
) -> Result<(Device, Option<String>), TrainError> {
    let (index, several) = (world.local_rank(), world.size() > 1);
    // That there is no GPU is nothing to talk about; that there is one that cannot be used is.
    let (problem, ordinary) = match loaded {
        Err(e) => (e.to_string(), false),
        // The only one, or one of several of which each process is shown its own alone (`srun --gpus-per-task=1`).
        Ok(_) if found == 1 => return Ok((Device::Cuda(0), None)),
        Ok(_) if found > index => return Ok((Device::Cuda(index), None)),
        Ok(_) if found > 0 => (format!("this process wants GPU {index}, libtorch finds {found}"), false),
        Ok(true) => ("libtorch finds no GPU, or no driver for it".to_owned(), true),
        Ok(false) => ("this libtorch has no CUDA".to_owned(), true),
    };
    if must {
        let problem = format!("{problem}; set \"cpu\" or \"auto\", or see to it that libtorch finds one");
        return Err(TrainError::Device { found: "cuda".to_owned(), problem });
    }
    if several && !ordinary {
        let problem = format!(
            "{problem}; several processes do not fall back to the processor: set \"cpu\" if all shall train there"
        );
        return Err(TrainError::Device { found: "auto".to_owned(), problem });
    }
    // Of several processes, those that find a GPU and those that find none refuse each other when they meet.
    let notice = (several || !ordinary).then(|| format!("training on the processor: {problem}"));
    Ok((Device::Cpu, notice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(local_rank: &str, size: &str) -> World {
        World::from_variables(|name| match name {
            "RANK" => Some("0".to_owned()),
            "LOCAL_RANK" => Some(local_rank.to_owned()),
            "WORLD_SIZE" => Some(size.to_owned()),
            "MASTER_ADDR" => Some("node1".to_owned()),
            "MASTER_PORT" => Some("29500".to_owned()),
            _ => None,
        })
        .unwrap()
    }

    fn missing() -> Result<bool, CudaError> {
        Err(CudaError {
            library: "libtorch_cuda.so".to_owned(),
            reason: "libcudnn.so.9 is missing".to_owned(),
        })
    }

    #[test]
    fn each_process_has_the_gpu_of_its_number_or_the_one_it_is_shown() {
        for (local_rank, size, found, index) in
            [("0", "1", 1, 0), ("0", "1", 8, 0), ("3", "4", 4, 3), ("0", "4", 1, 0), ("3", "4", 1, 0)]
        {
            for must in [false, true] {
                let chosen = choose(must, Ok(true), found, &world(local_rank, size)).unwrap();
                assert_eq!(chosen, (Device::Cuda(index), None), "{local_rank} of {size}, {found} found");
            }
        }
    }

    #[test]
    fn one_process_falls_back_and_says_why_where_there_could_be_a_gpu() {
        let one = World::single();
        assert_eq!(choose(false, Ok(true), 0, &one).unwrap(), (Device::Cpu, None));
        assert_eq!(choose(false, Ok(false), 0, &one).unwrap(), (Device::Cpu, None));
        let (device, notice) = choose(false, missing(), 0, &one).unwrap();
        assert_eq!(device, Device::Cpu);
        assert!(notice.unwrap().contains("libcudnn.so.9"));
        assert!(choose(true, Ok(true), 0, &one).is_err());
    }

    #[test]
    fn several_do_not_fall_back_in_silence() {
        let second = world("2", "4");
        for (loaded, found, words) in
            [(Ok(true), 2, "wants GPU 2, libtorch finds 2"), (missing(), 0, "libcudnn.so.9")]
        {
            for must in [false, true] {
                let error = choose(must, loaded.clone(), found, &second).unwrap_err().to_string();
                assert!(error.contains(words) && error.contains("\"cpu\""), "{error}");
            }
        }
        // No machine without GPUs trains on the processor without a word.
        let (device, notice) = choose(false, Ok(true), 0, &second).unwrap();
        assert_eq!(device, Device::Cpu);
        assert!(notice.unwrap().contains("finds no GPU"));
    }
}
