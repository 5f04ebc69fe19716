//! Flow as colour, on the Middlebury colour wheel.
//!
//! Hue is the direction and saturation the length of the motion. The wheel and its six transitions are those of Baker et
//! al., "A Database and Evaluation Methodology for Optical Flow" (IJCV 2011).

use std::f32::consts::PI;

use crate::FlowField;

/// Steps from red to yellow, yellow to green, green to cyan, cyan to blue, blue to magenta, magenta to red: after the
/// eye's power to tell hues apart.
const STEPS: [usize; 6] = [15, 6, 4, 11, 13, 6];
/// Corners of the wheel, red first.
const CORNERS: [[f32; 3]; 6] = [
    [255.0, 0.0, 0.0],
    [255.0, 255.0, 0.0],
    [0.0, 255.0, 0.0],
    [0.0, 255.0, 255.0],
    [0.0, 0.0, 255.0],
    [255.0, 0.0, 255.0],
];
/// Displacements from here on mean "unknown", as in `.flo` files; they are painted black.
const UNKNOWN: f32 = 1e9;

/// The hues in order, each RGB 0 to 255.
fn wheel() -> Vec<[f32; 3]> {
    let mut colours = Vec::with_capacity(STEPS.iter().sum());
    for (i, &steps) in STEPS.iter().enumerate() {
        let (from, to) = (CORNERS[i], CORNERS[(i + 1) % CORNERS.len()]);
        for k in 0..steps {
            let f = k as f32 / steps as f32;
            colours.push([0, 1, 2].map(|c| (from[c] + f * (to[c] - from[c])).floor()));
        }
    }
    colours
}

/// Paints `field` as packed 8-bit RGB, `3 · width · height` bytes, row by row.
///
/// Motion to the right is red, motion of length `longest` (in pixels) fully saturated, longer motion darker, no motion
/// white; unknown or non-finite motion black. `None` takes the longest motion of the field.
#[must_use]
pub fn colour_flow(field: &FlowField, longest: Option<f32>) -> Vec<u8> {
    let known = |u: f32, v: f32| u.abs() < UNKNOWN && v.abs() < UNKNOWN;
    let pixels = || field.u().iter().zip(field.v()).map(|(u, v)| (*u, *v));
    let longest = longest.filter(|l| *l > 0.0).unwrap_or_else(|| {
        pixels()
            .filter(|&(u, v)| known(u, v))
            .map(|(u, v)| u.hypot(v))
            .fold(0.0, f32::max)
            .max(f32::MIN_POSITIVE)
    });
    let wheel = wheel();
    pixels()
        .flat_map(|(u, v)| {
            if !known(u, v) {
                return [0; 3];
            }
            let (u, v) = (u / longest, v / longest);
            let length = u.hypot(v);
            // −1 (just past red) to 1 (red again), once around.
            let angle = (-v).atan2(-u) / PI;
            let place = (angle + 1.0) / 2.0 * (wheel.len() - 1) as f32;
            let first = (place as usize).min(wheel.len() - 1);
            let (a, b, f) = (wheel[first], wheel[(first + 1) % wheel.len()], place - first as f32);
            [0, 1, 2].map(|c| {
                let hue = (a[c] + f * (b[c] - a[c])) / 255.0;
                let value = if length <= 1.0 { 1.0 - length * (1.0 - hue) } else { 0.75 * hue };
                (255.0 * value) as u8
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paint(u: f32, v: f32) -> [u8; 3] {
        colour_flow(&FlowField::from_fn(1, 1, |_, _| [u, v]), Some(1.0)).try_into().unwrap()
    }

    #[test]
    fn the_wheel_has_55_hues() {
        let w = wheel();
        assert_eq!(w.len(), 55);
        assert_eq!((w[0], w[15], w[21], w[25]), (CORNERS[0], CORNERS[1], CORNERS[2], CORNERS[3]));
    }

    #[test]
    fn directions_have_their_colours() {
        assert_eq!(paint(0.0, 0.0), [255, 255, 255]);
        assert_eq!(paint(1.0, 0.0), [255, 0, 0]);
        let [r, g, b] = paint(0.0, 1.0); // down: yellow
        assert!(r > 200 && g > 200 && b < 60, "{r} {g} {b}");
        let [r, g, b] = paint(-1.0, 0.0); // left: cyan to blue
        assert!(r < 30 && g > 100 && b > 200, "{r} {g} {b}");
        let [r, g, b] = paint(0.0, -1.0); // up: violet
        assert!(r > 50 && g < 30 && b > 200, "{r} {g} {b}");
    }

    #[test]
    fn longer_motion_is_darker_and_unknown_motion_black() {
        assert_eq!(paint(2.0, 0.0), [191, 0, 0]);
        for bad in [1e10, f32::NAN, f32::INFINITY] {
            assert_eq!(paint(bad, 0.0), [0; 3]);
        }
        assert!(colour_flow(&FlowField::new(0, 0), None).is_empty());
        assert_eq!(colour_flow(&FlowField::new(2, 1), None), vec![255; 6]);
    }
}
