//! Where the processes of a Slurm step meet, from the variables that `srun` sets.

/// Rank 0's machine, the first of the step's, and a port that differs from job to job; `None` where the list cannot be read.
pub(super) fn meeting(variable: &impl Fn(&'static str) -> Option<String>) -> Option<(String, u16)> {
    let list = variable("SLURM_STEP_NODELIST").or_else(|| variable("SLURM_JOB_NODELIST"))?;
    let job: u64 = variable("SLURM_JOB_ID").and_then(|id| id.trim().parse().ok()).unwrap_or(0);
    // Above the ports of services, below those that systems hand out by themselves (32768 and up).
    Some((first_host(&list)?, 20_000 + (job % 10_000) as u16))
}

/// The first host of a list as Slurm abbreviates it: `gpu03` of `gpu[03-05,09],login1`.
fn first_host(list: &str) -> Option<String> {
    let list = list.trim();
    let end = list.find([',', '[']).unwrap_or(list.len());
    let mut host = list[..end].to_owned();
    if let Some(ranges) = list[end..].strip_prefix('[') {
        let (ranges, after) = ranges.split_once(']')?;
        host += ranges.split([',', '-']).next()?;
        // What follows the bracket belongs to the name, up to the next host; a second bracket is beyond this.
        host += after.split(',').next()?;
    }
    (!host.is_empty() && !host.contains('[')).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_host() {
        for (list, host) in [
            ("node1", "node1"),
            ("node1,node2", "node1"),
            ("gpu[03-05,09],login1", "gpu03"),
            ("gpu[7,9]", "gpu7"),
            ("n[001-016]-ib,other", "n001-ib"),
            ("a,b[1-2]", "a"),
        ] {
            assert_eq!(first_host(list).as_deref(), Some(host), "{list}");
        }
        for list in ["", "gpu[03", "r[1-2]n[1-4]"] {
            assert_eq!(first_host(list), None, "{list}");
        }
    }

    #[test]
    fn ports_differ_from_job_to_job() {
        let port = |job: &'static str| {
            meeting(&|name| match name {
                "SLURM_STEP_NODELIST" => Some("n1".to_owned()),
                "SLURM_JOB_ID" => Some(job.to_owned()),
                _ => None,
            })
            .unwrap()
            .1
        };
        assert_eq!(port("123456"), 23_456);
        assert_ne!(port("123456"), port("123457"));
    }
}
