use std::time::Duration;

use thiserror::Error;

/// Why processes cannot train together, or not any longer. Each message says which process and what to look at.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ParallelError {
    /// An environment variable of the launcher that is missing or means nothing.
    #[error("{name}{found}: {problem}", found = value.as_ref().map_or_else(|| " is not set".to_owned(), |v| format!(" = {v:?}")))]
    Variable {
        /// Its name.
        name: &'static str,
        /// Its value, where it has one.
        value: Option<String>,
        /// What is expected.
        problem: String,
    },
    /// Rank 0 cannot listen.
    #[error(
        "rank 0 cannot wait for the others at {address}: {problem}; MASTER_ADDR has to be this machine, MASTER_PORT a port that is free"
    )]
    Listen {
        /// Where.
        address: String,
        /// What the system says.
        problem: String,
    },
    /// Rank 0 cannot be reached.
    #[error(
        "rank {rank} has not reached rank 0 at {address} in {} s ({problem}): is rank 0 running, is MASTER_ADDR its address, does a firewall \
         block the port?",
        waited.as_secs()
    )]
    Unreachable {
        /// This process.
        rank: usize,
        /// Where rank 0 should be.
        address: String,
        /// How long was tried.
        waited: Duration,
        /// What the last attempt met with.
        problem: String,
    },
    /// Some processes never came.
    #[error(
        "of {size} processes, {} did not reach rank 0 at {address} in {} s: look at the output of those, and that all were started with \
         WORLD_SIZE={size} and the same MASTER_ADDR and MASTER_PORT",
        ranks(missing), waited.as_secs()
    )]
    Missing {
        /// Where rank 0 waited.
        address: String,
        /// How many were expected, rank 0 included.
        size: usize,
        /// Those that did not come.
        missing: Vec<usize>,
        /// How long was waited.
        waited: Duration,
    },
    /// A process that does not belong to these: other world size, configuration or version, or a rank that is there already.
    #[error("rank {rank} cannot take part: {problem}")]
    Refused {
        /// Which.
        rank: usize,
        /// What differs.
        problem: String,
    },
    /// A process is gone.
    #[error("rank {rank} is gone ({problem}); see its output")]
    Lost {
        /// Which.
        rank: usize,
        /// What the system says of its connection.
        problem: String,
    },
    /// A process is silent.
    #[error("rank {rank} has not answered for {} s; see its output", waited.as_secs())]
    Silent {
        /// Which.
        rank: usize,
        /// For how long.
        waited: Duration,
    },
    /// Another process met with an error.
    #[error("rank {rank} stopped: {reason}")]
    Stopped {
        /// Which.
        rank: usize,
        /// Its error.
        reason: String,
    },
    /// Processes that are not at the same point, or average different things.
    #[error(
        "rank {rank} sends {found} where {expected} was expected: do all processes run the same program, with the same configuration?"
    )]
    OutOfStep {
        /// Which.
        rank: usize,
        /// What it sends.
        found: String,
        /// What this process is at.
        expected: String,
    },
    /// A tensor that cannot be exchanged.
    #[error("cannot exchange a tensor that is {found}; expected {expected}")]
    Tensor {
        /// Kind, device, layout.
        found: String,
        /// What can be.
        expected: &'static str,
    },
    /// What NCCL or CUDA reports.
    #[error("NCCL: {0}")]
    Nccl(String),
    /// What libtorch reports.
    #[error(transparent)]
    Torch(#[from] tch::TchError),
}

/// "rank 2", "ranks 2 and 3", "ranks 1, 2 and 3".
fn ranks(list: &[usize]) -> String {
    match list {
        [] => "none".to_owned(),
        [one] => format!("rank {one}"),
        [rest @ .., last] => {
            let rest: Vec<_> = rest.iter().map(ToString::to_string).collect();
            format!("ranks {} and {last}", rest.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_ranks_and_variables() {
        let missing = |list: &[usize]| {
            let error = ParallelError::Missing {
                address: "node1:29500".into(),
                size: 4,
                missing: list.to_vec(),
                waited: Duration::from_secs(600),
            };
            error.to_string()
        };
        assert!(
            missing(&[2]).starts_with("of 4 processes, rank 2 did not reach rank 0 at node1:29500 in 600 s"),
            "{}",
            missing(&[2])
        );
        assert!(missing(&[1, 2, 3]).contains("ranks 1, 2 and 3 did"), "{}", missing(&[1, 2, 3]));
        let unset =
            ParallelError::Variable { name: "RANK", value: None, problem: "expected a number".into() };
        assert_eq!(unset.to_string(), "RANK is not set: expected a number");
        let wrong = ParallelError::Variable {
            name: "RANK",
            value: Some("x".into()),
            problem: "expected a number".into(),
        };
        assert_eq!(wrong.to_string(), "RANK = \"x\": expected a number");
    }
}
