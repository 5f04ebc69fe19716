//! How badly one picture can be predicted from another.

use std::ops::RangeInclusive;

use crate::Thumb;

/// Block side in thumbnail pixels.
const BLOCK: usize = 8;
/// How far motion is searched, in thumbnail pixels: a sixteenth of the picture.
const REACH: usize = 8;
/// The most that is added to a block's texture, in codes, so that flat blocks do not count noise, …
const FLOOR: f32 = 4.0;
/// … the least, for dark scenes, and …
const FLOOR_LEAST: f32 = 1.5;
/// … what is added in terms of the mean texture of all blocks.
const FLOOR_SHARE: f32 = 0.3;
/// The most one block can count.
const BLOCK_LIMIT: f32 = 1.5;

/// A block that counts more than this was not found again.
const LOST: f32 = 0.25;
/// A block that counts this little is not searched for any further.
const ENOUGH: f32 = 0.04;

/// Pictures whose blocks have less texture than this, in codes, are blank.
const BLANK: f32 = 1.0;
/// What is added to textures in comparisons with blank pictures: they have to differ by that much.
const BLANK_FLOOR: f32 = 24.0;

/// The share of blocks not found again that makes a jump. Boxes that open on a screen mostly cover less.
const JUMP: f32 = 0.55;
/// How much, in codes, the brightness may differ across a jump.
const SAME_BRIGHTNESS: f32 = 8.0;

/// Links less unlike than this are not looked at any closer.
const CLOSER: f32 = 0.3;
/// Links less unlike than this are not looked at for a movement of the whole picture.
const MOVED: f32 = 0.5;

/// How two pictures compare, the second following the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Comparison {
    unlikeness: f32,
    forward: f32,
    backward: f32,
    jump: bool,
}

impl Comparison {
    /// That of a picture with itself.
    pub(crate) const SAME: Self = Self { unlikeness: 0.0, forward: 0.0, backward: 0.0, jump: false };
    /// That of pictures of different sizes.
    const NOTHING: Self =
        Self { unlikeness: BLOCK_LIMIT, forward: BLOCK_LIMIT, backward: BLOCK_LIMIT, jump: false };

    /// Compares two pictures, in more ways the less alike they are.
    pub(crate) fn of(old: &Thumb, new: &Thumb) -> Self {
        if (old.width, old.height) != (new.width, new.height) {
            return Self::NOTHING;
        }
        let (plain, lost) = block_unlikeness(old, new, (0, 0), None);
        if plain < CLOSER {
            return Self { unlikeness: plain, forward: plain, backward: plain, jump: false };
        }
        let jump = lost >= JUMP && (brightness(old) - brightness(new)).abs() < SAME_BRIGHTNESS;
        let (old_toned, new_toned) = (toned(old, new), toned(new, old));
        let forward = unlikeness(&old_toned, new, (0, 0), None);
        let backward = unlikeness(&new_toned, old, (0, 0), None);
        if is_blank(old) || is_blank(new) {
            let floor = Some(BLANK_FLOOR);
            let change = unlikeness(old, new, (0, 0), floor).max(unlikeness(new, old, (0, 0), floor));
            return Self { unlikeness: change, forward, backward, jump: false };
        }
        let motion = plain.min(forward.max(backward));
        if motion < MOVED {
            return Self { unlikeness: motion, forward, backward, jump };
        }
        let (dx, dy) = movement(&old_toned, new);
        let there = unlikeness(&old_toned, new, (dx, dy), None);
        let back = unlikeness(&new_toned, old, (-dx, -dy), None);
        Self { unlikeness: motion.min(there.max(back)), forward, backward, jump }
    }

    /// How unlike they are, whatever moves within a sixteenth of the picture, the camera as a whole, and changes of
    /// brightness can explain: about 0 for a still camera, about 1 for different scenes.
    pub(crate) fn unlikeness(&self) -> f32 {
        self.unlikeness
    }

    /// Whether most blocks of the picture, at the same brightness, could not be found again: with a calm picture before
    /// and after, that is a cut to something similar, and not a box that opens.
    pub(crate) fn is_jump(&self) -> bool {
        self.jump
    }

    /// How badly the first, with the second's brightness, predicts the second.
    pub(crate) fn forward(&self) -> f32 {
        self.forward
    }

    /// How badly the second, with the first's brightness, predicts the first.
    pub(crate) fn backward(&self) -> f32 {
        self.backward
    }
}

/// Corners of a picture's blocks.
fn blocks(thumb: &Thumb) -> impl Iterator<Item = (usize, usize)> {
    let (across, down) = (thumb.width / BLOCK, thumb.height / BLOCK);
    (0..down).flat_map(move |y| (0..across).map(move |x| (x * BLOCK, y * BLOCK)))
}

/// The mean, in codes.
fn brightness(thumb: &Thumb) -> f32 {
    thumb.luma.iter().map(|&v| f32::from(v)).sum::<f32>() / thumb.luma.len().max(1) as f32
}

fn is_blank(thumb: &Thumb) -> bool {
    let (sum, count) = blocks(thumb).fold((0.0, 0), |(s, n), (x, y)| (s + texture(thumb, x, y), n + 1));
    sum < BLANK * count as f32
}

/// How badly `new` can be predicted from `old` of the same size by what moves within a sixteenth of the picture.
pub(crate) fn nearby_unlikeness(old: &Thumb, new: &Thumb) -> f32 {
    unlikeness(old, new, (0, 0), None)
}

/// How badly `new` can be predicted from `old` of the same size, by moving blocks: the mean over 8 × 8 blocks of
/// residue ÷ (texture + floor). About 0 for a still camera, 0.1 to 0.5 for motion, about 1.2 for different scenes.
/// Pictures smaller than a block are never unlike. `around` moves the middle of the search, in thumbnail pixels.
fn unlikeness(old: &Thumb, new: &Thumb, around: (isize, isize), floor: Option<f32>) -> f32 {
    block_unlikeness(old, new, around, floor).0
}

/// The same, and the share of blocks that cannot be found again.
fn block_unlikeness(old: &Thumb, new: &Thumb, around: (isize, isize), floor: Option<f32>) -> (f32, f32) {
    let textures: Vec<f32> = blocks(new).map(|(x, y)| texture(new, x, y)).collect();
    let count = textures.len().max(1) as f32;
    let floor = floor
        .unwrap_or_else(|| (FLOOR_SHARE * textures.iter().sum::<f32>() / count).clamp(FLOOR_LEAST, FLOOR));
    let (mut sum, mut inside, mut lost) = (0.0, 0, 0);
    for ((x, y), texture) in blocks(new).zip(&textures) {
        let unit = (BLOCK * BLOCK) as f32 * (texture + floor);
        let enough = (ENOUGH * unit) as u32;
        let Some(residue) = best_match((old, new), (x, y), around, enough) else { continue };
        inside += 1;
        let residue = residue as f32 / unit;
        sum += residue.min(BLOCK_LIMIT);
        lost += usize::from(residue > LOST);
    }
    let count = inside.max(1) as f32;
    (sum / count, lost as f32 / count)
}

/// Mean absolute deviation of a block from its mean.
fn texture(thumb: &Thumb, x: usize, y: usize) -> f32 {
    let block = || (y..y + BLOCK).flat_map(|r| thumb.row(r)[x..x + BLOCK].iter().map(|&v| f32::from(v)));
    let mean = block().sum::<f32>() / (BLOCK * BLOCK) as f32;
    block().map(|v| (v - mean).abs()).sum::<f32>() / (BLOCK * BLOCK) as f32
}

/// The least sum of absolute differences between the block of `new` at (x, y) and any block of `old` within reach of that
/// place and `around`, or the first one found that is at most `enough`; `None` where all of that lies outside.
fn best_match(
    (old, new): (&Thumb, &Thumb),
    (x, y): (usize, usize),
    around: (isize, isize),
    enough: u32,
) -> Option<u32> {
    let mut block = [[0_u8; BLOCK]; BLOCK];
    for (r, row) in block.iter_mut().enumerate() {
        row.copy_from_slice(&new.row(y + r)[x..x + BLOCK]);
    }
    // The sum, as far as it stays below `best`.
    let difference = |sx: usize, sy: usize, best: u32| {
        let mut sum = 0;
        for (r, row) in block.iter().enumerate() {
            let other = &old.row(sy + r)[sx..sx + BLOCK];
            sum += row.iter().zip(other).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum::<u32>();
            if sum >= best {
                break;
            }
        }
        sum
    };
    let (columns, rows) = (places(x, around.0, old.width)?, places(y, around.1, old.height)?);
    let middle = |at: usize, around: isize, range: &RangeInclusive<usize>| {
        at.saturating_add_signed(around).clamp(*range.start(), *range.end())
    };
    let mut best = difference(middle(x, around.0, &columns), middle(y, around.1, &rows), u32::MAX);
    for sy in rows {
        for sx in columns.clone() {
            if best <= enough {
                return Some(best);
            }
            best = best.min(difference(sx, sy, best));
        }
    }
    Some(best)
}

/// Where blocks within reach of `at` + `around` begin that lie inside a side.
fn places(at: usize, around: isize, side: usize) -> Option<RangeInclusive<usize>> {
    let (middle, reach) = (at as isize + around, REACH as isize);
    let (low, high) = ((middle - reach).max(0), (middle + reach).min((side - BLOCK) as isize));
    (low <= high).then_some(low as usize..=high as usize)
}

/// `old` with its values changed so that they are distributed as in `new`: what a flash, a fade or a change of exposure
/// does to a picture is undone, clipping included.
fn toned(old: &Thumb, new: &Thumb) -> Thumb {
    let counts = |thumb: &Thumb| {
        let mut counts = [0_usize; 256];
        thumb.luma.iter().for_each(|&v| counts[usize::from(v)] += 1);
        counts
    };
    let (from, to) = (counts(old), counts(new));
    let mut map = [0_u8; 256];
    let (mut below, mut code, mut reached) = (0, 0, to[0]);
    for (value, count) in from.iter().enumerate() {
        // The middle of this value's share of the picture, and the new picture's value there.
        let middle = below + count / 2;
        below += count;
        while reached <= middle && code < 255 {
            code += 1;
            reached += to[code];
        }
        map[value] = code as u8;
    }
    Thumb { luma: old.luma.iter().map(|&v| map[usize::from(v)]).collect(), ..*old }
}

/// Side of the squares in which a movement of the whole picture is searched.
const COARSE: usize = 4;
/// The largest movement of the whole picture that is searched, as a share of it.
const LARGEST: (isize, isize) = (6, 10);
/// The least share of the picture that two frames must have in common.
const COMMON: (isize, isize) = (4, 10);

/// How far the whole picture has moved from `old` to `new`: what is at p in `new` was at p + movement in `old`.
fn movement(old: &Thumb, new: &Thumb) -> (isize, isize) {
    let (old, new) = (coarse(old), coarse(new));
    let (width, height) = (old.width as isize, old.height as isize);
    let reach = |side: isize| side * LARGEST.0 / LARGEST.1;
    let mut best = ((0, 0), f32::MAX);
    for dy in -reach(height)..=reach(height) {
        for dx in -reach(width)..=reach(width) {
            let (across, down) = (width - dx.abs(), height - dy.abs());
            if across * down * COMMON.1 < width * height * COMMON.0 {
                continue;
            }
            let x = 0.max(-dx);
            let mut sum = 0_u32;
            for y in 0.max(-dy)..height.min(height - dy) {
                let now = &new.row(y as usize)[x as usize..(x + across) as usize];
                let then = &old.row((y + dy) as usize)[(x + dx) as usize..(x + dx + across) as usize];
                sum += now.iter().zip(then).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum::<u32>();
            }
            let mean = sum as f32 / (across * down) as f32;
            if mean < best.1 {
                best = ((dx * COARSE as isize, dy * COARSE as isize), mean);
            }
        }
    }
    best.0
}

/// The picture in means of squares.
fn coarse(thumb: &Thumb) -> Thumb {
    let (width, height) = (thumb.width / COARSE, thumb.height / COARSE);
    let mean = |i: usize| {
        let (x, y) = (i % width * COARSE, i / width * COARSE);
        let rows = (y..y + COARSE).flat_map(|r| &thumb.row(r)[x..x + COARSE]);
        (rows.map(|&v| u32::from(v)).sum::<u32>() / (COARSE * COARSE) as u32) as u8
    };
    Thumb { width, height, luma: (0..width * height).map(mean).collect() }
}
