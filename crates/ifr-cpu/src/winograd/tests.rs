//! Every level against direct summation in double precision.

use super::{Call, STEP, Tiles, run, scratch_len, transform_block, weights_len, weights_start};
use crate::conv;
use crate::layout::Layout;
use crate::level::Level;
use crate::memory::Buffer;

#[derive(Clone, Copy, Debug)]
struct Shape {
    inputs: usize,
    outputs: usize,
    width: usize,
    height: usize,
    pad: usize,
    residual: bool,
    activation: bool,
}

const PLAIN: Shape =
    Shape { inputs: 5, outputs: 7, width: 9, height: 6, pad: 1, residual: false, activation: false };

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

/// The value, and the sum of the magnitudes it is made of.
fn expected(s: Shape, o: usize, y: usize, x: usize) -> (f64, f64) {
    let mut sum = f64::from(noise(o + 5));
    let mut size = sum.abs();
    for i in 0..s.inputs {
        for k in 0..9 {
            let (yy, xx) = ((y + k / 3).wrapping_sub(1), (x + k % 3).wrapping_sub(1));
            if yy < s.height && xx < s.width {
                let term = f64::from(weight(o, i, k)) * f64::from(input(i, yy, xx));
                (sum, size) = (sum + term, size + term.abs());
            }
        }
    }
    if s.residual {
        let term = f64::from(input(o + 1000, y, x));
        (sum, size) = (sum + term, size + term.abs());
    }
    let slope = if s.activation && sum < 0.0 { f64::from(noise(o + 9)) } else { 1.0 };
    (sum * slope, size)
}

/// Runs a shape in units of some tiles and one block each; the output planes, whole. Rubbish is in the outputs and in the
/// scratch memory beforehand, and between planes, where nothing must be read.
fn compute(s: Shape, level: Level, step: usize) -> (Layout, Vec<f32>) {
    let layout = Layout::new(s.width, s.height, s.pad);
    let plane = layout.plane();
    let mut memory = vec![0.0; (s.inputs + 2 * s.outputs) * plane];
    memory[(s.inputs + s.outputs) * plane..].fill(1e9);
    let planes =
        |first: usize, n: usize| (first..first + n).map(|c| c * plane + layout.front()).collect::<Vec<_>>();
    let (mut inputs, residual) = (planes(0, s.inputs), planes(s.inputs, s.outputs));
    // As a concatenation has them: anywhere.
    inputs.reverse();
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
    let direct = conv::Packed::new(level, [s.outputs, s.inputs, 9], weight, bias, slopes);
    let mut weights = vec![f32::NAN; weights_len(&direct)];
    for block in &direct.blocks {
        let at = weights_start(&direct, block);
        transform_block(
            level,
            &direct,
            block,
            &mut weights[at..at + weights_len(&direct) / s.outputs * block.len],
        );
    }
    let tiles = Tiles::new(layout);
    let call = Call {
        base: memory.as_mut_ptr(),
        direct: &direct,
        weights: &weights,
        inputs: &inputs,
        outputs: &outputs,
        residual: if s.residual { &residual } else { &[] },
        tiles,
    };
    let step = step.min(tiles.count());
    let mut scratch = Buffer::new(scratch_len(&direct, step)).unwrap();
    let scratch = scratch.memory();
    // SAFETY: this is all of it.
    unsafe { scratch.write(0, scratch_len(&direct, step)) }.fill(f32::NAN);
    for start in (0..tiles.count()).step_by(step) {
        for block in 0..direct.blocks.len() {
            let range = start..(start + step).min(tiles.count());
            // SAFETY: planes are of the layout and inside `memory`; scratch is as long as it says.
            unsafe { run(level, &call, block..block + 1, range, scratch.base()) };
        }
    }
    (layout, memory.split_off((s.inputs + s.outputs) * plane))
}

fn check(s: Shape) {
    for level in Level::available() {
        let (layout, found) = compute(s, level, usize::MAX);
        for step in [1, 5, 16, 37] {
            assert!(compute(s, level, step).1 == found, "{level}: units of {step} tiles, {s:?}");
        }
        for o in 0..s.outputs {
            let plane = &found[o * layout.plane()..][..layout.plane()];
            let (front, rest) = plane.split_at(layout.front());
            let (body, back) = rest.split_at(layout.height * layout.stride());
            assert!(front.iter().chain(back).all(|&v| v == 1e9), "{level}: outside of the map, {s:?}");
            for (p, &value) in body.iter().enumerate() {
                let (y, x) = (p / layout.stride(), p % layout.stride());
                if x >= s.width {
                    assert!(value == 0.0, "{level}: {value} in the border, {o} {y} {x} {s:?}");
                    continue;
                }
                let (wanted, size) = expected(s, o, y, x);
                // Rounding of a tile's 36 sums, spread by the transforms: a few units in the last place of the largest
                // magnitudes met on the way, which also come from the tile's other outputs.
                let error = (f64::from(value) - wanted).abs();
                let bound = 16.0 * f64::from(f32::EPSILON) * (size + 1.0 + 0.2 * s.inputs as f64);
                assert!(error < bound, "{level}: {value}, not {wanted}, {o} {y} {x} {s:?}");
            }
        }
    }
}

#[test]
fn block_sizes() {
    for outputs in 1..=30 {
        let (residual, activation) = (outputs % 2 == 0, outputs % 3 == 0);
        check(Shape { inputs: 3, outputs, width: 37, height: 3, residual, activation, ..PLAIN });
    }
}

#[test]
fn tiny_maps() {
    for width in 1..=9 {
        for height in 1..=9 {
            check(Shape { width, height, residual: width % 2 == 0, activation: height % 2 == 0, ..PLAIN });
        }
    }
}

#[test]
fn widths() {
    for width in [15, 16, 17, 30, 31, 32, 33, 34, 61, 62, 63, 64, 65, 66, 67, 68, 127, 129, 255, 261] {
        check(Shape { width, height: 5, residual: true, activation: true, ..PLAIN });
    }
}

#[test]
fn wide_borders() {
    for (width, height, pad) in [(7, 5, 2), (8, 8, 3), (33, 6, 2), (66, 9, 3)] {
        check(Shape { width, height, pad, activation: true, ..PLAIN });
    }
}

#[test]
fn many_channels() {
    for inputs in [1, 2, 24, 25, 72, 166] {
        check(Shape { inputs, outputs: 15, width: 13, height: 4, residual: true, activation: true, ..PLAIN });
    }
}

#[test]
fn nothing_beyond_the_map_matters() {
    // A tile's unused outputs are made of values that must not spoil the others.
    let s = Shape { inputs: 2, outputs: 2, width: 5, height: 5, ..PLAIN };
    assert_eq!(Tiles::new(Layout::new(s.width, s.height, 1)).count(), s.width.div_ceil(STEP).pow(2));
    check(s);
}

#[test]
fn vector_levels_agree_to_the_bit() {
    let shape =
        Shape { inputs: 50, outputs: 23, width: 41, height: 13, residual: true, activation: true, ..PLAIN };
    let vector: Vec<_> = Level::available().into_iter().filter(|&l| l != Level::SCALAR).collect();
    for two in vector.windows(2) {
        assert!(compute(shape, two[0], 40).1 == compute(shape, two[1], 40).1);
    }
}
