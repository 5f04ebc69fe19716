/// How a test texture moves; coordinates in pixels from the picture's centre, x right, y down, times in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Motion {
    /// Steady translation.
    Translate {
        /// Pixels a second.
        velocity: [f64; 2],
    },
    /// Steady rotation about the centre, clockwise on the screen.
    Rotate {
        /// Radians a second.
        speed: f64,
    },
    /// Magnification about the centre, by `exp(rate · t)`.
    Zoom {
        /// Natural logarithm of the factor a second.
        rate: f64,
    },
    /// A point that is at `p` at time 0 is at `p + t (matrix p + velocity)`. Of use while `1 + t · matrix` can be
    /// inverted.
    Affine {
        /// Rows of the linear part, a second.
        matrix: [[f64; 2]; 2],
        /// Pixels a second.
        velocity: [f64; 2],
    },
}

/// p ↦ m p + v.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map {
    m: [[f64; 2]; 2],
    v: [f64; 2],
}

impl Motion {
    /// Where points of time 0 are at `t`.
    pub(crate) fn map(self, t: f64) -> Map {
        let still = [[1.0, 0.0], [0.0, 1.0]];
        match self {
            Self::Translate { velocity } => Map { m: still, v: velocity.map(|v| v * t) },
            Self::Rotate { speed } => {
                let (s, c) = (speed * t).sin_cos();
                Map { m: [[c, -s], [s, c]], v: [0.0; 2] }
            }
            Self::Zoom { rate } => {
                let factor = (rate * t).exp();
                Map { m: [[factor, 0.0], [0.0, factor]], v: [0.0; 2] }
            }
            Self::Affine { matrix, velocity } => Map {
                m: [[1.0 + t * matrix[0][0], t * matrix[0][1]], [t * matrix[1][0], 1.0 + t * matrix[1][1]]],
                v: velocity.map(|v| v * t),
            },
        }
    }
}

impl Map {
    pub(crate) fn apply(&self, p: [f64; 2]) -> [f64; 2] {
        let [a, b] = self.m;
        [a[0] * p[0] + a[1] * p[1] + self.v[0], b[0] * p[0] + b[1] * p[1] + self.v[1]]
    }

    pub(crate) fn inverse(&self) -> Self {
        let [[a, b], [c, d]] = self.m;
        let det = a * d - b * c;
        let m = [[d / det, -b / det], [-c / det, a / det]];
        let v = [-(m[0][0] * self.v[0] + m[0][1] * self.v[1]), -(m[1][0] * self.v[0] + m[1][1] * self.v[1])];
        Self { m, v }
    }
}
