use super::HORIZON;
use crate::canvas::Canvas;
use crate::color::{Rgb, hex, mix};
use crate::noise::unit;

/// How a row of houses looks.
struct Row {
    seed: u32,
    wall: Rgb,
    haze: Rgb,
    /// Least and most height.
    height: [f32; 2],
    width: [f32; 2],
    /// Share of windows lit.
    lit: f32,
    from: f32,
    to: f32,
}

/// Towers in the distance.
pub(super) fn back(canvas: &mut Canvas) {
    row(
        canvas,
        &Row {
            seed: 900,
            wall: hex(0x5b3a6e),
            haze: hex(0xb9606f),
            height: [18.0, 74.0],
            width: [15.0, 29.0],
            lit: 0.3,
            from: -30.0,
            to: 330.0,
        },
    );
    row(
        canvas,
        &Row {
            seed: 933,
            wall: hex(0x5b3a6e),
            haze: hex(0xb9606f),
            height: [14.0, 46.0],
            width: [15.0, 29.0],
            lit: 0.3,
            from: 560.0,
            to: 800.0,
        },
    );
}

/// Houses along the water, and the lamps of the promenade.
pub(super) fn front(canvas: &mut Canvas) {
    row(
        canvas,
        &Row {
            seed: 1200,
            wall: hex(0x2b2048),
            haze: hex(0x47294f),
            height: [9.0, 30.0],
            width: [16.0, 34.0],
            lit: 0.5,
            from: -40.0,
            to: 800.0,
        },
    );
    canvas.rect([-50.0, HORIZON - 3.0], [850.0, HORIZON + 1.0], hex(0x231838), 1.0);
    for i in 0..30 {
        let x = -28.0 + i as f32 * 29.0;
        canvas.stroke(&[[x, HORIZON - 2.0], [x, HORIZON - 11.0]], 0.8, hex(0x231838), 1.0);
        canvas.disc([x, HORIZON - 11.0], 1.3, hex(0xffe2a0), 1.0);
        canvas.glow([x, HORIZON - 11.0], 11.0, [0.65, 0.4, 0.14]);
    }
}

fn row(canvas: &mut Canvas, row: &Row) {
    let mut x = row.from;
    let mut index = 0;
    while x < row.to {
        let random = |k: i32| unit(index, k, row.seed);
        let width = row.width[0] + (row.width[1] - row.width[0]) * random(0);
        let height = row.height[0] + (row.height[1] - row.height[0]) * random(1) * (0.4 + 0.6 * random(2));
        house(canvas, row, index, x, width, height);
        x += width - 1.0 + 3.0 * random(3);
        index += 1;
    }
}

fn house(canvas: &mut Canvas, row: &Row, index: i32, x: f32, width: f32, height: f32) {
    let top = HORIZON - height;
    let random = |k: i32| unit(index, k, row.seed);
    let paint = |p: [f32; 2]| {
        let sun = 1.0 - ((p[0] - x) / width).clamp(0.0, 1.0);
        (mix(mix(row.wall, row.haze, ((p[1] - top) / 75.0).clamp(0.0, 0.8)), row.haze, sun * 0.25), 1.0)
    };
    let low = HORIZON + 1.0;
    let roof = match (random(9) * 4.0) as u32 {
        0 => vec![[x, top], [x + width * 0.5, top - width * 0.32], [x + width, top]],
        1 => vec![
            [x, top],
            [x, top - 4.0],
            [x + width * 0.6, top - 4.0],
            [x + width * 0.6, top],
            [x + width, top],
        ],
        _ => vec![[x, top], [x + width, top]],
    };
    let mut outline = roof;
    outline.extend([[x + width, low], [x, low]]);
    canvas.fill_with(&[&outline], paint);
    if height > 38.0 {
        let mast = [x + width * 0.5, top - 14.0];
        canvas.stroke(&[[mast[0], top], mast], 0.9, row.wall, 1.0);
        canvas.glow(mast, 5.0, [0.9, 0.2, 0.15]);
    }
    let (columns, rows) = (((width - 4.0) / 4.4) as i32, ((height - 4.0) / 6.0) as i32);
    let inset = (width - columns as f32 * 4.4 + 2.2) * 0.5;
    for j in 0..rows {
        for i in 0..columns {
            let luck = unit(index * 64 + i, j, row.seed ^ 0x51);
            if luck < row.lit {
                let (wx, wy) = (x + inset + i as f32 * 4.4, top + 3.5 + j as f32 * 6.0);
                let color = mix(hex(0xffc870), hex(0xfff0c0), unit(i, j, index as u32));
                canvas.rect([wx, wy], [wx + 2.2, wy + 3.2], color, 0.55 + 0.45 * luck / row.lit);
            }
        }
    }
}
