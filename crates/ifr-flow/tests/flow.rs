//! Accuracy of the flow itself, on motion that is known.

use ifr_flow::{FlowError, FlowField, Plane, Quality, flow, flow_at};

const SIZE: [usize; 2] = [256, 192];

fn texture(x: f32, y: f32) -> f32 {
    let wave = |a: f32, b: f32, c: f32| (a * x + b * y + c).sin();
    128.0
        + 30.0 * wave(0.11, 0.07, 0.3)
        + 25.0 * wave(-0.05, 0.13, 1.0)
        + 20.0 * wave(0.31, -0.23, 2.0)
        + 15.0 * wave(0.57, 0.41, 0.5)
}

/// Smooth motion: a slight turn and zoom about the middle, and a shift.
fn motion(x: f32, y: f32) -> [f32; 2] {
    let (cx, cy) = (x - 128.0, y - 96.0);
    [3.0 + 0.02 * cx - 0.03 * cy, -2.0 + 0.03 * cx + 0.02 * cy]
}

/// The plane whose content moves by `motion` to become the texture, and the texture.
fn planes() -> [Plane; 2] {
    let at = |x: usize, y: usize| (x as f32, y as f32);
    let first = Plane::from_fn(SIZE[0], SIZE[1], |x, y| {
        let (x, y) = at(x, y);
        let [u, v] = motion(x, y);
        texture(x + u, y + v)
    });
    let second = Plane::from_fn(SIZE[0], SIZE[1], |x, y| {
        let (x, y) = at(x, y);
        texture(x, y)
    });
    [first, second]
}

/// Mean end-point error away from the edges, across which content comes and goes.
fn inner_error(got: &FlowField, want: impl Fn(f32, f32) -> [f32; 2]) -> f32 {
    let margin = 16;
    let crop = |f: &dyn Fn(usize, usize) -> [f32; 2]| {
        FlowField::from_fn(SIZE[0] - 2 * margin, SIZE[1] - 2 * margin, |x, y| f(x + margin, y + margin))
    };
    crop(&|x, y| got.at(x, y)).end_point_error(&crop(&|x, y| want(x as f32, y as f32)))
}

#[test]
fn smooth_motion_is_found_to_a_fraction_of_a_pixel() {
    let [a, b] = planes();
    for (quality, limit) in [(Quality::Standard, 0.1), (Quality::Fast, 0.3)] {
        let error = inner_error(&flow(&a, &b, quality).unwrap(), motion);
        assert!(error < limit, "{quality:?}: {error} px");
    }
}

#[test]
fn flow_from_an_instant_leads_to_both_frames() {
    let shift =
        |k: f32| Plane::from_fn(SIZE[0], SIZE[1], |x, y| texture(x as f32 - 8.0 * k, y as f32 + 4.0 * k));
    let (a, b) = (shift(0.0), shift(1.0));
    for t in [0.25, 0.5, 0.8] {
        let [to0, to1] = flow_at(&a, &b, t, Quality::Standard).unwrap();
        let (e0, e1) = (
            inner_error(&to0, |_, _| [-8.0 * t, 4.0 * t]),
            inner_error(&to1, |_, _| [8.0 * (1.0 - t), -4.0 * (1.0 - t)]),
        );
        assert!(e0 < 0.1 && e1 < 0.1, "{t}: {e0} {e1}");
    }
}

/// Random values at every eighth pixel, interpolated smoothly: unlike waves, no place looks like another.
fn cloud(x: f32, y: f32) -> f32 {
    let value = |x: f32, y: f32| {
        let n = (x as i32 as u32).wrapping_mul(0x9E37_79B9) ^ (y as i32 as u32).wrapping_mul(0x85EB_CA6B);
        let n = (n ^ (n >> 15)).wrapping_mul(0x2C1B_3C6D);
        ((n ^ (n >> 13)) & 255) as f32
    };
    let (x, y) = (x / 8.0, y / 8.0);
    let (ix, iy) = (x.floor(), y.floor());
    let smooth = |f: f32| f * f * (3.0 - 2.0 * f);
    let (fx, fy) = (smooth(x - ix), smooth(y - iy));
    let mix = |a: f32, b: f32, f: f32| a + f * (b - a);
    mix(
        mix(value(ix, iy), value(ix + 1.0, iy), fx),
        mix(value(ix, iy + 1.0), value(ix + 1.0, iy + 1.0), fx),
        fy,
    )
}

#[test]
fn large_motion_is_found() {
    let shift =
        |k: f32| Plane::from_fn(SIZE[0], SIZE[1], |x, y| cloud(x as f32 - 30.0 * k, y as f32 + 13.0 * k));
    let got = flow(&shift(0.0), &shift(1.0), Quality::Standard).unwrap();
    // Away from the edges over which a third of the picture leaves.
    let centre =
        |f: &dyn Fn(usize, usize) -> [f32; 2]| FlowField::from_fn(150, 110, |x, y| f(x + 40, y + 40));
    let error = centre(&|x, y| got.at(x, y)).end_point_error(&centre(&|_, _| [30.0, -13.0]));
    assert!(error < 0.3, "{error} px");
}

#[test]
fn still_planes_have_no_flow() {
    let [a, _] = planes();
    let still = FlowField::new(SIZE[0], SIZE[1]);
    assert!(flow(&a, &a, Quality::Standard).unwrap().end_point_error(&still) < 1e-3);
}

#[test]
fn what_cannot_be_computed_is_an_error() {
    let (a, b) = (Plane::new(8, 8), Plane::new(8, 9));
    let error = flow(&a, &b, Quality::Fast).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the flow between 8x8 and 8x9 was asked for: both planes must be of one size"
    );
    assert_eq!(flow_at(&a, &a, 1.0, Quality::Fast), Err(FlowError::Timestep(1.0)));
}
