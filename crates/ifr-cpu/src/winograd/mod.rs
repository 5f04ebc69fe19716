//! 3×3 convolutions without stride by Winograd's minimal filtering F(4×4, 3×3): 36 multiplications for each input and
//! output channel where 16 outputs take 144 directly.
//!
//! ```text
//! out = Aᵀ [ Σ_i (G w_i Gᵀ) ∘ (Bᵀ d_i B) ] A      for each tile of 4×4 outputs; d: 6×6 inputs
//! ```
//!
//! A unit of work is a run of tiles (counted row by row from the map's origin) and a range of output-channel blocks. It goes
//! through three parts, all in the thread's own scratch memory, which is meant to stay in the second-level cache:
//!
//! 1. *Input transform* ([`transform`]). For each channel, `Bᵀ` is applied to columns as they lie in memory, rows of values
//!    in vectors; the six rows that come out are split into tiles, one to a lane, and `B` is applied to those:
//!    `[position][input][tile]`.
//! 2. *Products* ([`gemm`]). For each of the 36 positions, a matrix product of weights, which a step of their own has
//!    transformed before ([`transform_block`]), and values; 14 output channels × 2 vectors of tiles stay in registers.
//! 3. *Output transform*, block by block while the products are in the cache: `Aᵀ · A`, bias, residual, PReLU, and stores of
//!    what is inside the map.
//!
//! Concatenation costs nothing here either: inputs are a list of planes, and nothing but planes leaves the scratch memory.
//!
//! Every tile's values come out of the same operations in the same order whatever unit it is in, so results depend neither
//! on units nor on threads, to the bit; AVX2, AVX-512 and NEON agree to the bit too.
#![allow(
    unsafe_code,
    reason = "kernels read and write planes by pointer; see `Call` for what callers promise"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod gemm;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pack;
mod reference;
#[cfg(test)]
mod tests;
mod tiles;
mod transform;
mod vector;

use std::ops::Range;

pub(crate) use pack::{transform_block, weights_len, weights_start};
pub(crate) use tiles::Tiles;

use crate::conv;
use crate::layout::LANES;
use crate::level::{Level, Set};
use gemm::Product;
use pack::WeightsCall;
use transform::{InputCall, OutputCall};

/// Outputs of a tile along each axis.
pub(crate) const STEP: usize = 4;
/// Inputs of a tile along each axis.
const EDGE: usize = STEP + 2;
/// Products of a tile.
const POSITIONS: usize = EDGE * EDGE;

/// The three parts and the weights' transform, for one level.
struct Functions {
    input: unsafe fn(&InputCall),
    product: unsafe fn(&Product),
    output: unsafe fn(&OutputCall),
    weights: unsafe fn(&WeightsCall),
}

impl Functions {
    fn of(level: Level) -> Self {
        match level.0 {
            Set::Scalar => Self {
                input: reference::input,
                product: reference::product,
                output: reference::output,
                weights: reference::weights,
            },
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => Self {
                input: avx2::input,
                product: avx2::product,
                output: avx2::output,
                weights: avx2::weights,
            },
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => Self {
                input: avx512::input,
                product: avx512::product,
                output: avx512::output,
                weights: avx512::weights,
            },
            #[cfg(target_arch = "aarch64")]
            Set::Neon => Self {
                input: neon::input,
                product: neon::product,
                output: neon::output,
                weights: neon::weights,
            },
        }
    }
}

/// One convolution over planes in memory.
///
/// All offsets are counted in floats from `base` and name the first value of a plane's first row.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) base: *mut f32,
    /// Blocks, bias and slopes.
    pub(crate) direct: &'a conv::Packed,
    /// [`weights_len`] floats, transformed: see [`transform_block`].
    pub(crate) weights: &'a [f32],
    /// One plane for each input channel.
    pub(crate) inputs: &'a [usize],
    /// One plane for each output channel.
    pub(crate) outputs: &'a [usize],
    /// One plane for each output channel, or none at all.
    pub(crate) residual: &'a [usize],
    /// The tiles of all these planes.
    pub(crate) tiles: Tiles,
}

/// From one plane to the next, of some offsets.
fn ahead(planes: &[usize], at: usize) -> isize {
    planes.get(at + 1).map_or(0, |&next| next.wrapping_sub(planes[at]).cast_signed())
}

/// How a unit uses its scratch memory, in floats.
struct Scratch {
    /// Tiles, rounded up to vectors.
    tiles: usize,
    stage_row: usize,
    /// Values: where, and from one position to the next.
    values: usize,
    value_position: usize,
    /// Products, likewise.
    products: usize,
    product_position: usize,
    len: usize,
}

impl Scratch {
    fn new(inputs: usize, block: usize, tiles: usize) -> Self {
        let tiles = tiles.next_multiple_of(LANES);
        // A run is at most as long as the unit; its last vectors reach beyond.
        let stage_row = STEP * tiles + 6 * LANES;
        // A line more than needed, or the 36 positions of a tile would meet in few sets of the cache.
        let (value_position, product_position) = (inputs * tiles + LANES, block * tiles + LANES);
        let values = EDGE * stage_row;
        let products = values + POSITIONS * value_position;
        // Runs begin anywhere, and the output transform reads whole vectors.
        let len = products + POSITIONS * product_position + LANES;
        Self { tiles, stage_row, values, value_position, products, product_position, len }
    }
}

/// Floats of scratch memory that a unit of some tiles takes.
pub(crate) fn scratch_len(direct: &conv::Packed, tiles: usize) -> usize {
    let block = direct.blocks.iter().map(|b| b.len).max().unwrap_or(0);
    Scratch::new(direct.inputs, block, tiles).len
}

/// Runs one unit of a convolution: some output-channel blocks of some tiles.
///
/// The border to the right of each row is zeroed with the row's last tile; what is before the first row and after the last
/// is not touched.
///
/// # Safety
/// `level`'s packing was used. Planes have `call.tiles`' layout, whose pad is at least 1, with zeros as their borders, and lie
/// in one live allocation; nobody else writes the inputs and residuals meanwhile, or touches these tiles of the outputs; the
/// outputs are none of the inputs or residuals. `scratch` is memory of [`scratch_len`] floats, initialised, aligned to 64 bytes
/// and used by nobody else.
pub(crate) unsafe fn run(
    level: Level,
    call: &Call<'_>,
    blocks: Range<usize>,
    tiles: Range<usize>,
    scratch: *mut f32,
) {
    debug_assert!(tiles.end <= call.tiles.count() && blocks.end <= call.direct.blocks.len());
    debug_assert_eq!(call.inputs.len(), call.direct.inputs);
    debug_assert_eq!(call.outputs.len(), call.direct.outputs());
    debug_assert!(call.residual.is_empty() || call.residual.len() == call.outputs.len());
    let functions = Functions::of(level);
    let layout = call.tiles.layout();
    let largest = call.direct.blocks.iter().map(|b| b.len).max().unwrap_or(0);
    let room = Scratch::new(call.inputs.len(), largest, tiles.len());
    let stride = layout.stride();
    // SAFETY: scratch is as long as `room` says; runs of tiles are inside the planes, whose rows are read from one value
    // before the first to one after the last, and from one row above to one below.
    unsafe {
        let (values, products) = (scratch.add(room.values), scratch.add(room.products));
        for (c, &plane) in call.inputs.iter().enumerate() {
            for run in call.tiles.runs(tiles.clone()) {
                let x = STEP * run.column;
                // The row below the last is zeros; tiles that reach further read it again.
                let row = |i: usize| {
                    let y = (STEP * run.row + i).min(layout.height + 1);
                    call.base.cast_const().add(plane + y * stride + x - stride - 1)
                };
                (functions.input)(&InputCall {
                    rows: [row(0), row(1), row(2), row(3), row(4), row(5)],
                    ahead: ahead(call.inputs, c),
                    limit: layout.width + 2 - x,
                    tiles: run.len,
                    stage: scratch,
                    stage_row: room.stage_row,
                    out: values.add(c * room.tiles + run.lane),
                    position: room.value_position,
                });
            }
        }
        for block in &call.direct.blocks[blocks] {
            let panel = call.inputs.len() * block.len;
            let weights = &call.weights[weights_start(call.direct, block)..][..POSITIONS * panel];
            for p in 0..POSITIONS {
                (functions.product)(&Product {
                    weights: weights[p * panel..].as_ptr(),
                    values: values.add(p * room.value_position),
                    out: products.add(p * room.product_position),
                    rows: block.len,
                    depth: call.inputs.len(),
                    tiles: room.tiles,
                });
            }
            for m in 0..block.len {
                let o = block.first + m;
                for run in call.tiles.runs(tiles.clone()) {
                    let (y, x) = (STEP * run.row, STEP * run.column);
                    let at = y * stride + x;
                    let height = STEP.min(layout.height - y);
                    (functions.output)(&OutputCall {
                        products: products.add(m * room.tiles + run.lane),
                        position: room.product_position,
                        tiles: run.len,
                        out: call.base.add(call.outputs[o] + at),
                        ahead: ahead(call.outputs, o),
                        residual: call.residual.get(o).map_or(std::ptr::null(), |&r| call.base.add(r + at)),
                        stride,
                        height,
                        width: (STEP * run.len).min(layout.width - x),
                        bias: call.direct.bias[o],
                        slope: call.direct.slopes.get(o).copied().unwrap_or(1.0),
                    });
                    if run.column + run.len == call.tiles.across() {
                        for y in y..y + height {
                            let border = call.base.add(call.outputs[o] + y * stride + layout.width);
                            border.write_bytes(0, layout.pad);
                        }
                    }
                }
            }
        }
    }
}
