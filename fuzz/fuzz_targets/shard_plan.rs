//! Any bytes as a plan for shards: no panic, no more frames than bytes.
//!
//! `cargo +nightly fuzz run shard_plan -- -rss_limit_mb=512`
#![no_main]

use ifr::job::ShardPlan;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(plan) = ShardPlan::parse(data) {
        assert!(plan.frames.count() < data.len() as u64);
        assert!(plan.segments() <= plan.frames.count());
    }
});
