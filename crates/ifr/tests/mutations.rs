//! Parsers of files that are written by this program, but may have been changed since. What `fuzz/` does with mutations of its own
//! is done here with fixed ones.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use ifr::job::{Journal, ShardPlan};

/// Mutations of `whole` by a fixed rule, `count` of them.
fn mutations(whole: &[u8], count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut state = 1_u64;
    let mut below = move |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let whole = whole.to_vec();
    (0..count).map(move |_| {
        let mut bytes = whole.clone();
        for _ in 0..1 + below(3) {
            let (at, letter) = (below(bytes.len()), b"{}[]\",:\n\\0123456789eE-+.\x00\xff abn"[below(30)]);
            match below(5) {
                0 => bytes[at] = letter,
                1 => drop(bytes.remove(at)),
                2 => bytes.truncate(at + 1),
                3 => {
                    let end = (at + 1 + below(40)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                _ => bytes.insert(at, letter),
            }
        }
        bytes
    })
}

#[test]
fn journals() {
    let whole = b"{\"ifr-journal\":1,\"job\":{\"version\":\"0.1.0\",\"input\":{\"bytes\":7,\"modified\":8,\"ends\":\"ab\"},\"settings\":{\"speed\":\"x2\"}}}\n\
        {\"segment\":0,\"frames\":270,\"bytes\":1024}\n{\"segment\":3,\"frames\":270,\"bytes\":18446744073709551615}\n";
    assert_eq!(Journal::parse(whole).unwrap().done.len(), 2);
    let mut read = 0;
    for bytes in mutations(whole, 20_000) {
        match Journal::parse(&bytes) {
            Ok(journal) => {
                read += 1;
                assert!(journal.done.len() < bytes.split(|&b| b == b'\n').count());
            }
            Err(error) => assert!(error.to_string().len() < 500, "{error}"),
        }
    }
    assert!(read > 1000, "{read} mutations could still be read");
    let deep = [b"{\"ifr-journal\":".as_slice(), &b"[".repeat(100_000), b"\n"].concat();
    assert!(Journal::parse(&deep).is_err());
}

#[test]
fn shard_plans() {
    let whole = br#"{"ifr-plan":1,"arguments":["ifr","plan","p.mkv","--shards","2"],"input":"p.mkv","container":"mkv","encoder_threads":3,
        "job":{"version":"0.1.0","input":{"bytes":9853,"modified":0,"ends":"e365"},"settings":{"speed":"x2"}},"shards":2,"segment_frames":4,
        "frames":{"ticks":25,"count":10,"seen":[[1,0],[9,1]],"placed":[[1,0],[9,1]],"durations":[[10,1]],
        "links":[[1,"cut"],[2,"same"],[1,"continuous"],[2,"repeat"],[4,"continuous"]],
        "checksums":[1,1,1,2,2,2,3,4,4,5]}}"#;
    assert_eq!(ShardPlan::parse(whole).unwrap().frames.count(), 10);
    let mut read = 0;
    for bytes in mutations(whole, 20_000) {
        match ShardPlan::parse(&bytes) {
            Ok(plan) => {
                read += 1;
                // What it says of itself is bounded by what is there.
                assert!(plan.frames.count() < bytes.len() as u64 && plan.segments() <= plan.frames.count());
                assert!(plan.frames.cuts().len() as u64 <= plan.frames.count());
            }
            Err(error) => assert!(error.to_string().len() < 500, "{error}"),
        }
    }
    assert!(read > 500, "{read} mutations could still be read");
}
