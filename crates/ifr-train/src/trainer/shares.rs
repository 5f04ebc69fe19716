//! Whose the machine's cores are.

use std::thread::available_parallelism;

use tch::Device;

use crate::config::Config;
use crate::parallel::World;

/// Threads of libtorch and of the loader, where the configuration does not say. On the processor they share its cores: libtorch's
/// threads wait for each other at every operation, and where one must wait for a core, all do.
pub(super) fn shares(config: &Config, device: Device, world: &World) -> (usize, usize) {
    let cores = available_parallelism().map_or(1, usize::from);
    divide(config, device, own(cores, world, |name| std::env::var(name).ok()))
}

fn divide(config: &Config, device: Device, cores: usize) -> (usize, usize) {
    let spare = if device == Device::Cpu { cores.div_ceil(4) } else { cores - 1 };
    let workers = config.data.workers.unwrap_or_else(|| match config.train.threads {
        Some(threads) if device == Device::Cpu => cores.saturating_sub(threads).max(1),
        _ => spare.max(1),
    });
    let threads = config.train.threads.unwrap_or_else(|| cores.saturating_sub(workers).max(1));
    (threads, workers)
}

/// This process's share of the cores that it may run on, where others of the same training are on the machine.
fn own(cores: usize, world: &World, variable: impl Fn(&'static str) -> Option<String>) -> usize {
    let number = |name| variable(name)?.trim().parse::<usize>().ok().filter(|&n| n > 0);
    let share = if world.size() == 1 {
        cores
    } else if variable("RANK").is_some() {
        // Started by hand there may be no such variable; that all meet at this machine itself says that all are on it.
        let here = || {
            matches!(variable("MASTER_ADDR")?.trim(), "localhost" | "127.0.0.1" | "::1")
                .then_some(world.size())
        };
        cores / number("LOCAL_WORLD_SIZE").or_else(here).unwrap_or(1)
    } else {
        // Slurm may have bound each task to cores of its own: then they are fewer than the node's already.
        let tasks = number("SLURM_NTASKS_PER_NODE").or_else(|| most(&variable("SLURM_STEP_TASKS_PER_NODE")?));
        let given = || Some(number("SLURM_CPUS_ON_NODE").unwrap_or(cores) / tasks?);
        number("SLURM_CPUS_PER_TASK").or_else(given).unwrap_or(cores)
    };
    share.clamp(1, cores)
}

/// The largest number of a list as Slurm writes it: `4(x2),3`.
fn most(list: &str) -> Option<usize> {
    list.split(',').filter_map(|part| part.split('(').next()?.trim().parse().ok()).max().filter(|&n| n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables = [(&'static str, &'static str)];

    fn own_of(cores: usize, variables: &Variables) -> usize {
        let variable =
            |name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        own(cores, &World::from_variables(variable).unwrap(), variable)
    }

    const TORCHRUN: [(&str, &str); 5] = [
        ("RANK", "3"),
        ("WORLD_SIZE", "8"),
        ("LOCAL_RANK", "3"),
        ("MASTER_ADDR", "node1"),
        ("MASTER_PORT", "29500"),
    ];

    fn with(
        variables: &[(&'static str, &'static str)],
        more: &[(&'static str, &'static str)],
    ) -> Vec<(&'static str, &'static str)> {
        [more, variables].concat()
    }

    #[test]
    fn one_process_has_all_cores() {
        assert_eq!(own_of(16, &[]), 16);
        // A batch script without srun.
        assert_eq!(own_of(16, &[("SLURM_NTASKS_PER_NODE", "4"), ("SLURM_CPUS_ON_NODE", "16")]), 16);
    }

    #[test]
    fn processes_of_a_launcher_share_the_cores() {
        assert_eq!(own_of(16, &with(&TORCHRUN, &[("LOCAL_WORLD_SIZE", "4")])), 4);
        assert_eq!(own_of(2, &with(&TORCHRUN, &[("LOCAL_WORLD_SIZE", "4")])), 1);
        // By hand, on one machine and on who knows how many.
        assert_eq!(own_of(16, &with(&TORCHRUN, &[("MASTER_ADDR", "127.0.0.1")])), 2);
        assert_eq!(own_of(16, &TORCHRUN), 16);
    }

    #[test]
    fn tasks_of_slurm_share_a_node_unless_they_are_bound() {
        let step = [
            ("SLURM_STEP_NUM_TASKS", "8"),
            ("SLURM_PROCID", "5"),
            ("SLURM_LOCALID", "1"),
            ("SLURM_STEP_NODELIST", "gpu[03-04]"),
            ("SLURM_JOB_ID", "1"),
            ("SLURM_CPUS_ON_NODE", "64"),
        ];
        assert_eq!(own_of(64, &with(&step, &[("SLURM_NTASKS_PER_NODE", "4")])), 16);
        assert_eq!(own_of(64, &with(&step, &[("SLURM_STEP_TASKS_PER_NODE", "4(x2)")])), 16);
        assert_eq!(own_of(16, &with(&step, &[("SLURM_NTASKS_PER_NODE", "4")])), 16);
        assert_eq!(own_of(64, &with(&step, &[("SLURM_CPUS_PER_TASK", "8")])), 8);
        assert_eq!(own_of(64, &step), 64);
        assert_eq!(most("2(x3),5,1"), Some(5));
    }

    #[test]
    fn no_core_is_counted_twice() {
        let text = "[model]\nnetwork = 'ifrnet-s'\n[data]\nkind = 'clips'\npath = 'clips'\ncrop = 64\nbatch = 2\n\
                    [output]\ndir = 'out'\n[train]\nsteps = 5\n";
        let config = Config::parse(text, "c.toml", std::path::Path::new("/"), &[]).unwrap();
        assert_eq!(divide(&config, Device::Cpu, 8), (6, 2));
        assert_eq!(divide(&config, Device::Cpu, 1), (1, 1));
        assert_eq!(divide(&config, Device::Cuda(0), 8).1, 7);
    }
}
