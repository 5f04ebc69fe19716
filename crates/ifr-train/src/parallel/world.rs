use std::hash::{DefaultHasher, Hash, Hasher};

use tch::Device;

use super::{Averager, ParallelError, Timeouts, rendezvous, slurm};

/// Which of how many processes this is, and where they meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    rank: usize,
    size: usize,
    local_rank: usize,
    meeting: Option<Meeting>,
}

/// Where the processes of one training meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meeting {
    /// Host name or address of rank 0's machine.
    pub(super) host: String,
    pub(super) port: u16,
    /// Tells trainings apart that share a machine and got the same port.
    pub(super) job: u64,
}

impl World {
    /// A process on its own.
    pub fn single() -> Self {
        Self { rank: 0, size: 1, local_rank: 0, meeting: None }
    }

    /// From the environment: `RANK`, `WORLD_SIZE`, `LOCAL_RANK`, `MASTER_ADDR` and `MASTER_PORT` as `torchrun` sets them, or the
    /// variables of a Slurm step (`srun`); [`World::single`] where there are neither.
    ///
    /// # Errors
    /// [`ParallelError::Variable`] where some are set and others are not, or do not make sense.
    pub fn from_env() -> Result<Self, ParallelError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// [`World::from_env`] with variables from elsewhere.
    ///
    /// # Errors
    /// As [`World::from_env`].
    pub fn from_variables(variable: impl Fn(&'static str) -> Option<String>) -> Result<Self, ParallelError> {
        let variables = Variables(&variable);
        let torchrun = ["RANK", "WORLD_SIZE"].iter().any(|name| variable(name).is_some());
        // What tells trainings apart: of Slurm's variables only where ranks are Slurm's. Started in any other way, one training's
        // processes may lie in different jobs, or some of them in none.
        let distinct: &[&'static str];
        let (rank, size, local_rank, elsewhere): (usize, usize, usize, _) = if torchrun {
            distinct = &["TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT"];
            let (rank, size) = (variables.number("RANK")?, variables.number("WORLD_SIZE")?);
            // One process needs to know no more.
            let local = if size == 1 {
                variables.optional("LOCAL_RANK")?.unwrap_or(0)
            } else {
                variables.number("LOCAL_RANK")?
            };
            (rank, size, local, None)
        } else if let Some(size) = variables.optional::<usize>("SLURM_STEP_NUM_TASKS")? {
            // Of the step, not of the job: a batch script that runs one process without srun has several tasks, too.
            distinct = &["SLURM_JOB_ID", "SLURM_STEP_ID"];
            (
                variables.number("SLURM_PROCID")?,
                size,
                variables.number("SLURM_LOCALID")?,
                slurm::meeting(&variable),
            )
        } else {
            return Ok(Self::single());
        };
        if rank >= size {
            let name = if torchrun { "RANK" } else { "SLURM_PROCID" };
            return Err(wrong(
                name,
                Some(rank.to_string()),
                format!("ranks of {size} processes run from 0 to {}", size.saturating_sub(1)),
            ));
        }
        if size == 1 {
            return Ok(Self { local_rank, ..Self::single() });
        }
        let (mut host, mut port) = elsewhere.map_or((None, None), |(host, port)| (Some(host), Some(port)));
        host = variable("MASTER_ADDR").or(host);
        port = variables.optional("MASTER_PORT")?.or(port);
        let host = host.ok_or_else(|| {
            wrong("MASTER_ADDR", None, format!("with {size} processes it has to name rank 0's machine"))
        })?;
        let mut port: u16 = port.ok_or_else(|| {
            wrong("MASTER_PORT", None, "it has to be a free port on rank 0's machine".to_owned())
        })?;
        if port == 0 {
            return Err(wrong(
                "MASTER_PORT",
                Some("0".to_owned()),
                "it has to be a port from 1 to 65535".to_owned(),
            ));
        }
        // torchrun keeps a store of its own at that port for as long as the processes run.
        if variable("TORCHELASTIC_USE_AGENT_STORE").is_some_and(|value| value == "True") {
            port = if port == u16::MAX { port - 1 } else { port + 1 };
        }
        let mut job = DefaultHasher::new();
        for name in distinct {
            variable(name).hash(&mut job);
        }
        Ok(Self { rank, size, local_rank, meeting: Some(Meeting { host, port, job: job.finish() }) })
    }

    /// This process, from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many processes there are.
    pub fn size(&self) -> usize {
        self.size
    }

    /// This process among those of its machine, from 0: the CUDA device to use, unless the launcher shows each process its own alone.
    pub fn local_rank(&self) -> usize {
        self.local_rank
    }

    /// Whether this is rank 0, which validates, logs and writes.
    pub fn is_first(&self) -> bool {
        self.rank == 0
    }

    /// Waits for all processes of this world and connects them. `device` is where this process's gradients are; `fingerprint` stands for
    /// what all must agree on (a hash of the configuration): processes that differ are told so instead of averaging apples and pears.
    ///
    /// # Errors
    /// [`ParallelError::Missing`] and [`ParallelError::Unreachable`] after [`Timeouts::meet`]; [`ParallelError::Refused`] where
    /// processes do not match; [`ParallelError::Listen`]; [`ParallelError::Nccl`].
    pub fn connect(
        &self,
        device: Device,
        fingerprint: u64,
        timeouts: Timeouts,
    ) -> Result<Averager, ParallelError> {
        let Some(meeting) = &self.meeting else { return Ok(Averager::alone()) };
        // GPUs and processors have different ways to exchange.
        let star = rendezvous::meet(self, meeting, fingerprint ^ u64::from(device.is_cuda()), timeouts)?;
        Averager::new(star, device)
    }

    #[cfg(test)]
    pub(super) fn job(&self) -> Option<u64> {
        self.meeting.as_ref().map(|meeting| meeting.job)
    }
}

/// Reads numbers from variables, with errors that name them.
struct Variables<'a, F>(&'a F);

impl<F: Fn(&'static str) -> Option<String>> Variables<'_, F> {
    fn optional<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, ParallelError> {
        let Some(value) = (self.0)(name) else { return Ok(None) };
        match value.trim().parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(wrong(
                name,
                Some(value),
                "expected a whole number, as torchrun or srun set it".to_owned(),
            )),
        }
    }

    fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<T, ParallelError> {
        self.optional(name)?.ok_or_else(|| {
            wrong(name, None, "several processes need RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT, as torchrun sets them".into())
        })
    }
}

fn wrong(name: &'static str, value: Option<String>, problem: String) -> ParallelError {
    ParallelError::Variable { name, value, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(variables: &[(&str, &str)]) -> Result<World, ParallelError> {
        World::from_variables(|name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        })
    }

    const TORCHRUN: [(&str, &str); 5] = [
        ("RANK", "3"),
        ("WORLD_SIZE", "8"),
        ("LOCAL_RANK", "1"),
        ("MASTER_ADDR", "node1"),
        ("MASTER_PORT", "29500"),
    ];

    #[test]
    fn nothing_set_is_one_process() {
        assert_eq!(world(&[]).unwrap(), World::single());
        // A batch script's own shell, without srun.
        assert_eq!(world(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")]).unwrap(), World::single());
    }

    #[test]
    fn reads_what_torchrun_sets() {
        let found = world(&TORCHRUN).unwrap();
        assert_eq!((found.rank(), found.size(), found.local_rank(), found.is_first()), (3, 8, 1, false));
        let meeting = found.meeting.unwrap();
        assert_eq!((meeting.host.as_str(), meeting.port), ("node1", 29500));
    }

    #[test]
    fn keeps_clear_of_the_port_that_torchrun_uses() {
        let mut variables = TORCHRUN.to_vec();
        variables.push(("TORCHELASTIC_USE_AGENT_STORE", "True"));
        assert_eq!(world(&variables).unwrap().meeting.unwrap().port, 29501);
        variables[4].1 = "65535";
        assert_eq!(world(&variables).unwrap().meeting.unwrap().port, 65534);
    }

    #[test]
    fn a_restarted_training_is_another_job() {
        let job = |count| {
            let mut variables = TORCHRUN.to_vec();
            variables.push(("TORCHELASTIC_RESTART_COUNT", count));
            world(&variables).unwrap().meeting.unwrap().job
        };
        assert_eq!(job("0"), job("0"));
        assert_ne!(job("0"), job("1"));
    }

    #[test]
    fn the_job_of_slurm_counts_where_ranks_are_slurms() {
        let job = |ranks: &[(&str, &str)], number| {
            let mut variables = ranks.to_vec();
            variables.push(("SLURM_JOB_ID", number));
            world(&variables).unwrap().job()
        };
        // By hand, from shells of two jobs.
        assert_eq!(job(&TORCHRUN, "1"), job(&TORCHRUN, "2"));
        let slurm = [
            ("SLURM_STEP_NUM_TASKS", "2"),
            ("SLURM_PROCID", "1"),
            ("SLURM_LOCALID", "0"),
            ("SLURM_STEP_NODELIST", "node[1-2]"),
        ];
        assert_ne!(job(&slurm, "1"), job(&slurm, "2"));
    }

    #[test]
    fn port_0_is_refused() {
        let mut variables = TORCHRUN.to_vec();
        variables[4].1 = "0";
        for store in ["False", "True"] {
            variables.push(("TORCHELASTIC_USE_AGENT_STORE", store));
            let error = world(&variables).unwrap_err().to_string();
            assert!(error.starts_with("MASTER_PORT = \"0\""), "{error}");
            variables.pop();
        }
    }

    #[test]
    fn reads_what_srun_sets() {
        let variables = [
            ("SLURM_STEP_NUM_TASKS", "16"),
            ("SLURM_PROCID", "9"),
            ("SLURM_LOCALID", "1"),
            ("SLURM_STEP_NODELIST", "gpu[03-04]"),
            ("SLURM_JOB_ID", "123456"),
        ];
        let found = world(&variables).unwrap();
        assert_eq!((found.rank(), found.size(), found.local_rank()), (9, 16, 1));
        assert_eq!(found.meeting.unwrap().host, "gpu03");
    }

    #[test]
    fn one_process_of_a_launcher_needs_no_address() {
        let found = world(&[("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "2")]).unwrap();
        assert_eq!((found.size(), found.local_rank(), found.meeting), (1, 2, None));
    }

    #[test]
    fn says_which_variable_is_wrong() {
        let without = |name| {
            world(&TORCHRUN.into_iter().filter(|(n, _)| *n != name).collect::<Vec<_>>())
                .unwrap_err()
                .to_string()
        };
        for name in ["RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"] {
            assert!(without(name).starts_with(&format!("{name} is not set: ")), "{}", without(name));
        }
        let with = |name, value| {
            let changed = TORCHRUN.map(|(n, v)| (n, if n == name { value } else { v }));
            world(&changed).unwrap_err().to_string()
        };
        assert!(with("RANK", "8").contains("from 0 to 7"), "{}", with("RANK", "8"));
        assert!(
            with("WORLD_SIZE", "eight").starts_with("WORLD_SIZE = \"eight\""),
            "{}",
            with("WORLD_SIZE", "eight")
        );
        assert!(with("WORLD_SIZE", "0").starts_with("RANK"), "{}", with("WORLD_SIZE", "0"));
        assert!(with("MASTER_PORT", "70000").starts_with("MASTER_PORT"), "{}", with("MASTER_PORT", "70000"));
    }
}
