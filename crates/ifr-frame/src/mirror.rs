//! Pictures upside down and the wrong way round.

use crate::RgbImage;

/// Which way a picture is turned over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mirror {
    /// Left and right change places.
    pub across: bool,
    /// Top and bottom change places.
    pub down: bool,
}

impl Mirror {
    /// All four.
    pub const ALL: [Self; 4] = [
        Self { across: false, down: false },
        Self { across: true, down: false },
        Self { across: false, down: true },
        Self { across: true, down: true },
    ];

    /// Turns the picture over; a second time turns it back.
    pub fn turn(self, image: &mut RgbImage) {
        let (w, h) = (image.width(), image.height());
        for plane in image.channels_mut() {
            if self.across {
                plane.chunks_exact_mut(w).for_each(<[f32]>::reverse);
            }
            if self.down {
                for y in 0..h / 2 {
                    let (top, bottom) = plane.split_at_mut((h - 1 - y) * w);
                    top[y * w..(y + 1) * w].swap_with_slice(&mut bottom[..w]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_is_not_at_all() {
        let image = RgbImage::new(3, 3, (0..27).map(|v| v as f32).collect()).unwrap();
        for mirror in Mirror::ALL {
            let mut turned = image.clone();
            mirror.turn(&mut turned);
            assert_eq!(turned == image, mirror == Mirror::ALL[0]);
            if mirror == Mirror::ALL[3] {
                assert_eq!(turned.channel(0), [8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0]);
            }
            mirror.turn(&mut turned);
            assert_eq!(turned, image);
        }
    }
}
