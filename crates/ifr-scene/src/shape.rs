//! Points and the outlines made of them. x grows to the right, y down; angles turn clockwise on the screen.

use std::f32::consts::TAU;

/// A place or a vector.
pub(crate) type Point = [f32; 2];

/// The point `radius` away from `centre` in direction `angle`.
pub(crate) fn polar(centre: Point, radius: f32, angle: f32) -> Point {
    [centre[0] + radius * angle.cos(), centre[1] + radius * angle.sin()]
}

/// A closed circle as a polygon.
pub(crate) fn circle(centre: Point, radius: f32, corners: usize) -> Vec<Point> {
    (0..corners).map(|i| polar(centre, radius, TAU * i as f32 / corners as f32)).collect()
}

/// An arc as a polyline.
pub(crate) fn arc(centre: Point, radius: [f32; 2], from: f32, to: f32, steps: usize) -> Vec<Point> {
    let at = |i: usize| from + (to - from) * i as f32 / steps as f32;
    (0..=steps).map(|i| [centre[0] + radius[0] * at(i).cos(), centre[1] + radius[1] * at(i).sin()]).collect()
}

/// A quadratic curve as a polyline.
pub(crate) fn curve(from: Point, control: Point, to: Point, steps: usize) -> Vec<Point> {
    let blend = |t: f32, c: usize| {
        let s = 1.0 - t;
        s * s * from[c] + 2.0 * s * t * control[c] + t * t * to[c]
    };
    (0..=steps).map(|i| i as f32 / steps as f32).map(|t| [blend(t, 0), blend(t, 1)]).collect()
}

/// A place and attitude: local points are scaled, turned, then moved to `at`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pose {
    pub(crate) at: Point,
    pub(crate) angle: f32,
    /// Scale in x and y; negative values mirror.
    pub(crate) scale: Point,
}

impl Pose {
    pub(crate) fn new(at: Point, angle: f32) -> Self {
        Self { at, angle, scale: [1.0, 1.0] }
    }

    pub(crate) fn point(&self, p: Point) -> Point {
        let (s, c) = self.angle.sin_cos();
        let (x, y) = (p[0] * self.scale[0], p[1] * self.scale[1]);
        [self.at[0] + x * c - y * s, self.at[1] + x * s + y * c]
    }

    pub(crate) fn points(&self, points: &[Point]) -> Vec<Point> {
        points.iter().map(|&p| self.point(p)).collect()
    }
}

/// The lowest and highest corner of a set of points; `None` for none.
pub(crate) fn bounds(points: impl Iterator<Item = Point>) -> Option<(Point, Point)> {
    points.fold(None, |bounds, p| {
        let (low, high) = bounds.unwrap_or((p, p));
        Some(([low[0].min(p[0]), low[1].min(p[1])], [high[0].max(p[0]), high[1].max(p[1])]))
    })
}
