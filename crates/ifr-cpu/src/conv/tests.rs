//! Every level against loops that know nothing of planes, blocks and tiles.

use super::{Call, INPUT_BLOCK, Packed, run};
use crate::layout::Layout;
use crate::level::Level;

/// A convolution without stride: `kernel` odd, zero padding.
#[derive(Clone, Copy, Debug)]
struct Shape {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    width: usize,
    height: usize,
    residual: bool,
    activation: bool,
}

fn noise(seed: usize) -> f32 {
    let x = (seed as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f32 / (1 << 23) as f32 - 1.0
}

fn input(i: usize, y: usize, x: usize) -> f32 {
    noise(i * 10_007 + y * 101 + x)
}

fn weight(o: usize, i: usize, k: usize) -> f32 {
    noise(7 + o * 31_013 + i * 211 + k) * 0.1
}

fn expected(s: Shape, o: usize, y: usize, x: usize) -> f32 {
    let half = s.kernel / 2;
    let mut sum = f64::from(noise(o + 5));
    for i in 0..s.inputs {
        for k in 0..s.kernel * s.kernel {
            let (yy, xx) = ((y + k / s.kernel).wrapping_sub(half), (x + k % s.kernel).wrapping_sub(half));
            if yy < s.height && xx < s.width {
                sum += f64::from(weight(o, i, k)) * f64::from(input(i, yy, xx));
            }
        }
    }
    if s.residual {
        sum += f64::from(input(o + 1000, y, x));
    }
    let slope = if s.activation && sum < 0.0 { noise(o + 9) } else { 1.0 };
    sum as f32 * slope
}

/// Runs a shape in units of some vectors and some blocks; the output planes, whole.
fn compute(s: Shape, level: Level, step: usize) -> (Layout, Vec<f32>) {
    let half = (s.kernel / 2) as isize;
    let layout = Layout::new(s.width, s.height, (s.kernel / 2).max(1));
    let plane = layout.plane();
    // Inputs, then residuals, then outputs, which hold rubbish that must not shine through.
    let mut memory = vec![0.0; (s.inputs + 2 * s.outputs) * plane];
    memory[(s.inputs + s.outputs) * plane..].fill(1e9);
    let planes =
        |first: usize, n: usize| (first..first + n).map(|c| c * plane + layout.front()).collect::<Vec<_>>();
    let (inputs, residual) = (planes(0, s.inputs), planes(s.inputs, s.outputs));
    let outputs = planes(s.inputs + s.outputs, s.outputs);
    for y in 0..s.height {
        for x in 0..s.width {
            let at = y * layout.stride() + x;
            inputs.iter().enumerate().for_each(|(i, p)| memory[p + at] = input(i, y, x));
            residual.iter().enumerate().for_each(|(o, p)| memory[p + at] = input(o + 1000, y, x));
        }
    }
    let all = 0..s.outputs;
    let slopes = if s.activation { all.clone().map(|o| noise(o + 9)).collect() } else { Vec::new() };
    let bias = all.map(|o| noise(o + 5)).collect();
    let taps = s.kernel * s.kernel;
    let packed = Packed::new(level, [s.outputs, s.inputs, taps], weight, bias, slopes);
    let k = s.kernel as isize;
    let taps: Vec<_> = (0..k * k).map(|t| layout.offset(t / k - half, t % k - half)).collect();
    let masks = layout.masks();
    let call = Call {
        base: memory.as_mut_ptr(),
        packed: &packed,
        inputs: &inputs,
        taps: &taps,
        outputs: &outputs,
        residual: if s.residual { &residual } else { &[] },
        masks: &masks,
    };
    for block in 0..packed.blocks.len() {
        for start in (0..masks.len()).step_by(step) {
            // SAFETY: planes and taps are within `memory`, by the layout's borders.
            unsafe { run(level, &call, block..block + 1, start..(start + step).min(masks.len())) };
        }
    }
    (layout, memory.split_off((s.inputs + s.outputs) * plane))
}

fn check(s: Shape) {
    for level in Level::available() {
        let (layout, found) = compute(s, level, usize::MAX);
        for step in [1, 5] {
            assert!(compute(s, level, step).1 == found, "{level}: units of {step} vectors, {s:?}");
        }
        for o in 0..s.outputs {
            let body = &found[o * layout.plane() + layout.front()..][..layout.body()];
            for (p, &value) in body.iter().enumerate() {
                let (y, x) = (p / layout.stride(), p % layout.stride());
                let inside = y < s.height && x < s.width;
                let wanted = if inside { expected(s, o, y, x) } else { 0.0 };
                let error = (value - wanted).abs();
                assert!(
                    error < 1e-5 * (1.0 + s.inputs as f32),
                    "{level}: {value}, not {wanted}, {o} {y} {x} {s:?}"
                );
            }
        }
    }
}

#[test]
fn block_sizes() {
    for outputs in 1..=30 {
        check(Shape {
            inputs: 3,
            outputs,
            kernel: 3,
            width: 37,
            height: 3,
            residual: outputs % 2 == 0,
            activation: outputs % 3 == 0,
        });
    }
}

#[test]
fn sizes() {
    let shape =
        Shape { inputs: 5, outputs: 7, kernel: 3, width: 1, height: 1, residual: true, activation: true };
    for width in [1, 2, 3, 7, 8, 14, 15, 16, 17, 31, 32, 33, 63, 65, 100] {
        for height in [1, 2, 5] {
            check(Shape { width, height, ..shape });
        }
    }
}

#[test]
fn kernels() {
    for kernel in [1, 3, 5, 7] {
        check(Shape {
            inputs: 4,
            outputs: 13,
            kernel,
            width: 19,
            height: 9,
            residual: false,
            activation: true,
        });
    }
}

#[test]
fn many_inputs() {
    for inputs in [1, INPUT_BLOCK - 1, INPUT_BLOCK, INPUT_BLOCK + 1, 3 * INPUT_BLOCK] {
        check(Shape {
            inputs,
            outputs: 9,
            kernel: 3,
            width: 13,
            height: 4,
            residual: true,
            activation: true,
        });
    }
}

#[test]
fn vector_levels_agree_to_the_bit() {
    let shape =
        Shape { inputs: 50, outputs: 23, kernel: 3, width: 21, height: 6, residual: true, activation: true };
    let vector: Vec<_> = Level::available().into_iter().filter(|&l| l != Level::SCALAR).collect();
    for two in vector.windows(2) {
        assert!(compute(shape, two[0], 4).1 == compute(shape, two[1], 4).1);
    }
}
