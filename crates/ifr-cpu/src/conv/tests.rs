use super::{Call, Packed, run};
use crate::layout::Layout;
use crate::level::Level;

#[test]
#[ignore]
fn bench() {
    for (c, o, w, h) in [
        (24, 24, 224, 128),
        (72, 72, 224, 128),
        (108, 108, 112, 64),
        (162, 162, 56, 32),
        (144, 144, 28, 16),
        (24, 24, 56, 32),
        (72, 8, 224, 128),
    ] {
        let l = Layout::new(w, h, 1);
        for level in Level::available().into_iter().skip(1) {
            let p = Packed::new(
                level,
                [o, c, 9],
                |o, i, k| (o + i + k) as f32 * 1e-3,
                vec![0.0; o],
                vec![0.1; o],
            );
            let mut mem = vec![0.5f32; (c + o) * l.plane() + 16];
            let inputs: Vec<usize> = (0..c).map(|i| i * l.plane() + l.front()).collect();
            let outputs: Vec<usize> = (0..o).map(|i| (c + i) * l.plane() + l.front()).collect();
            let taps: Vec<isize> = (0..9).map(|k| l.offset(k / 3 - 1, k % 3 - 1)).collect();
            let masks = l.masks();
            let call = Call {
                base: mem.as_mut_ptr(),
                packed: &p,
                inputs: &inputs,
                taps: &taps,
                outputs: &outputs,
                residual: &[],
                masks: &masks,
            };
            let mut best = f64::MAX;
            for _ in 0..8 {
                let t = cpu();
                let step = 128;
                let mut v = 0;
                while v < masks.len() {
                    unsafe { run(level, &call, 0..p.blocks.len(), v..(v + step).min(masks.len())) };
                    v += step;
                }
                best = best.min(cpu() - t);
            }
            let flop = 2.0 * 9.0 * (c * o * w * h) as f64;
            println!("{level} {c}->{o} {w}x{h}: {:.2} ms {:.1} GFLOP/s", best * 1e3, flop / best / 1e9);
        }
    }
    // peak
}

fn cpu() -> f64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
    t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
}
