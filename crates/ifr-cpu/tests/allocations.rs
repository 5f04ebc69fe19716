//! Once warm, an engine allocates nothing. (A binary of its own, since it counts every allocation of the process.)

#![allow(clippy::unwrap_used, reason = "tests may")]
#![allow(unsafe_code, reason = "a counting allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ifr_cpu::{Engine, EngineOptions};
use ifr_net::{IfrNet, Parameters, Ratio};

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

/// Bytes allocated by many frames of a network once it is warm, and their number.
fn allocated(net: IfrNet) -> (usize, usize) {
    let (width, height) = (96, 64);
    let graph = net.graph(Ratio::ONE).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let options = EngineOptions { pool: Some(Arc::new(pool)), ..EngineOptions::default() };
    let mut engine = Engine::new(&graph, &Parameters::by_rule(&graph), options).unwrap();
    let image = vec![0.5; 3 * width * height];
    let flows = vec![0.5; 4 * width * height];
    let mut out = vec![0.0; 3 * width * height];
    let mut frame = || {
        engine.pair(width, height, &[&image, &image]).unwrap();
        for t in [0.25, 0.5, 0.75] {
            let inputs: [&[f32]; 3] = [&[t], &flows, &image];
            engine.at(&inputs[..graph.inputs().len() - 2]).unwrap();
            engine.read_output(0, &mut out).unwrap();
        }
    };
    for _ in 0..20 {
        frame();
    }
    let before = BYTES.load(Ordering::Relaxed);
    let frames = 50;
    for _ in 0..frames {
        frame();
    }
    (BYTES.load(Ordering::Relaxed) - before, frames)
}

/// One test, since others beside it would be counted with it.
#[test]
fn nothing_is_allocated_once_warm() {
    for net in [IfrNet::S, IfrNet::S_FLOW] {
        let (bytes, frames) = allocated(net);
        // The pool's queue takes a block of about a kilobyte now and then, whatever is put in.
        assert!(bytes < 200 * frames, "{net}: {} bytes a frame", bytes / frames);
    }
}
