//! Once warm, an engine allocates nothing. (A binary of its own, since it counts every allocation of the process.)

#![allow(clippy::unwrap_used, reason = "tests may")]
#![allow(unsafe_code, reason = "a counting allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ifr_cpu::{Engine, EngineOptions, Shared, Was};
use ifr_net::{Graph, IfrNet, IfrPlus, Parameters, Ratio};

struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise, passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes allocated by some pairs of a network once it is warm.
fn allocated(graph: &Graph, width: usize, height: usize, pairs: usize) -> usize {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let options = EngineOptions { pool: Some(Arc::new(pool)), ..EngineOptions::default() };
    let mut engine = Engine::new(graph, &Parameters::by_rule(graph), options).unwrap();
    let image = vec![0.5; 3 * width * height];
    let flows = vec![0.5; 4 * width * height];
    let mut out = vec![0.0; 3 * width * height];
    let shared = Shared { first: Was::Second, second: Was::New };
    let mut frame = || {
        engine.pair_sharing(width, height, [&image, &image], shared).unwrap();
        for t in [0.25, 0.5, 0.75] {
            let inputs: [&[f32]; 3] = [&[t], &flows, &image];
            engine.at(&inputs[..graph.inputs().len() - 2]).unwrap();
            engine.read_output(0, &mut out).unwrap();
        }
    };
    for _ in 0..pairs / 2 {
        frame();
    }
    let before = BYTES.load(Ordering::Relaxed);
    for _ in 0..pairs {
        frame();
    }
    BYTES.load(Ordering::Relaxed) - before
}

/// One test, since others beside it would be counted with it.
#[test]
fn nothing_is_allocated_once_warm() {
    let plus = IfrPlus::PUBLISHED.graph(Ratio::ONE, Ratio::ONE).unwrap();
    let [small, prior] = [IfrNet::S, IfrNet::S_FLOW].map(|net| net.graph(Ratio::ONE).unwrap());
    for (graph, width, height, pairs) in [(small, 96, 64, 50), (prior, 96, 64, 50), (plus, 64, 32, 8)] {
        let bytes = allocated(&graph, width, height, pairs);
        // The pool's queue takes a block of about a kilobyte now and then, whatever is put in.
        assert!(bytes < 200 * pairs + 2000, "{}: {} bytes a pair", graph.name(), bytes / pairs);
    }
}
