//! The network itself, image in, image out.

use std::sync::{Arc, Weak};

use ifr_frame::{Frame, InterpolateError, Padding, RgbImage, RgbReader};
use rayon::ThreadPool;

use super::picture::Picture;
use crate::engine::Engine;
use crate::plan::alone::{Shared, Was};
use crate::prior::{FlowPrior, PairPrior};
use crate::rows::{Rows, RowsMut, Team};

/// An engine and what it needs to make images between images.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) engine: Engine,
    pub(super) pool: Option<Arc<ThreadPool>>,
    /// The pair that the engine holds. Weak: they are compared with others, which must not keep their pixels alive.
    pub(super) held: Option<[Weak<Picture>; 2]>,
    /// How many images have been made.
    pub(super) runs: u64,
}

impl Runner {
    /// Prepares two images: all that does not depend on an instant. What the engine found out about one of them when it had it
    /// last is not worked out again.
    pub(super) fn pair(&mut self, pictures: [&Arc<Picture>; 2]) -> Result<(), InterpolateError> {
        let shared = shared(self.held.take().as_ref(), pictures);
        let [a, b] = pictures.map(|picture| &picture.rgb);
        self.engine.pair_sharing(a.width(), a.height(), [a.data(), b.data()], shared).map_err(failed)?;
        self.held = Some(pictures.map(Arc::downgrade));
        Ok(())
    }

    /// The same for two source frames and a network that keeps nothing of an image for the next pair: they become floats, and are
    /// padded, where the engine wants them.
    pub(super) fn pair_of_frames(
        &mut self,
        frames: [&Arc<Frame>; 2],
        padding: Padding,
    ) -> Result<(), InterpolateError> {
        let (width, height) = padding.padded_size();
        self.held = None;
        let write = |mut rows: RowsMut<'_>| {
            let frame = frames[rows.input()];
            let mut reader = RgbReader::new(frame);
            for y in rows.rows() {
                let row = rows.row(y).map(|row: &mut [f32]| row.split_at_mut(frame.width()));
                let [mut r, mut g, mut b] = row;
                reader.read(y.min(frame.height() - 1), [&mut *r.0, &mut *g.0, &mut *b.0]);
                for (inner, border) in [&mut r, &mut g, &mut b] {
                    border.fill(inner[inner.len() - 1]);
                }
            }
        };
        self.engine.pair_with(width, height, write).map_err(failed)
    }

    /// Makes the image at `t` of the pair prepared last, and hands it on as [`Engine::at_rows`] does, with its padding.
    pub(super) fn at(
        &mut self,
        t: f32,
        prior: Option<&mut PairPrior<'_>>,
        padding: Padding,
        take: impl FnMut(Rows<'_>, Team<'_>) + Send,
    ) -> Result<(), InterpolateError> {
        let Self { engine, pool, runs, .. } = self;
        match prior {
            Some(prior) => {
                let (flows, frame) = on(pool.as_ref(), || prior.at(t, padding))?;
                engine.at_rows(&[&[t], flows, frame.data()], take)
            }
            None => engine.at_rows(&[&[t]], take),
        }
        .map_err(failed)?;
        *runs += 1;
        Ok(())
    }

    /// Makes the middle of two images. A prior sees the source frames where both are sources.
    pub(super) fn middle(
        &mut self,
        pictures: [&Arc<Picture>; 2],
        prior: Option<&mut FlowPrior>,
        padding: Padding,
    ) -> Result<Picture, InterpolateError> {
        let mut prior = match prior {
            Some(prior) => {
                let [a, b] = match pictures.map(|picture| picture.source.clone()) {
                    [Some(a), Some(b)] => [a, b],
                    _ => self.wide(pictures, padding)?,
                };
                Some(prior.pair(&a, &b)?)
            }
            None => None,
        };
        self.pair(pictures)?;
        let (width, height) = padding.padded_size();
        let mut image = RgbImage::black(width, height).map_err(failed)?;
        let mut planes = image.channels_mut();
        let take = |rows: Rows<'_>, _: Team<'_>| {
            for (channel, plane) in planes.iter_mut().enumerate() {
                for y in rows.rows() {
                    plane[y * width..(y + 1) * width].copy_from_slice(rows.row(channel, y));
                }
            }
        };
        self.at(0.5, prior.as_mut(), padding, take)?;
        Ok(Picture::made(image))
    }

    fn wide(
        &self,
        [a, b]: [&Arc<Picture>; 2],
        padding: Padding,
    ) -> Result<[Arc<Frame>; 2], InterpolateError> {
        let convert = || rayon::join(|| a.wide(padding), || b.wide(padding));
        let (a, b) = on(self.pool.as_ref(), convert);
        Ok([a.map_err(failed)?, b.map_err(failed)?])
    }
}

/// What pictures were in the pair before.
fn shared(held: Option<&[Weak<Picture>; 2]>, pictures: [&Arc<Picture>; 2]) -> Shared {
    let [first, second] = pictures.map(|picture| match held {
        Some([first, _]) if is(first, picture) => Was::First,
        Some([_, second]) if is(second, picture) => Was::Second,
        _ => Was::New,
    });
    Shared { first, second }
}

/// Whether both are one. As long as the weak one lives, no other picture can lie where it lay.
fn is(known: &Weak<Picture>, picture: &Arc<Picture>) -> bool {
    std::ptr::eq(known.as_ptr(), Arc::as_ptr(picture))
}

/// Works on the threads of a pool, or of rayon's own.
pub(super) fn on<T: Send>(pool: Option<&Arc<ThreadPool>>, work: impl FnOnce() -> T + Send) -> T {
    match pool {
        Some(pool) => pool.install(work),
        None => work(),
    }
}

pub(super) fn failed(error: impl std::error::Error + Send + Sync + 'static) -> InterpolateError {
    InterpolateError::Engine(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_the_pair_before_are_recognised() {
        let [a, b, m] = [(); 3].map(|()| Arc::new(Picture::made(RgbImage::black(2, 2).unwrap())));
        let held = [&a, &b].map(Arc::downgrade);
        let after = |pictures| {
            let Shared { first, second } = shared(Some(&held), pictures);
            [first, second]
        };
        assert_eq!(after([&a, &m]), [Was::First, Was::New]);
        assert_eq!(after([&m, &b]), [Was::New, Was::Second]);
        assert_eq!(after([&b, &m]), [Was::Second, Was::New]);
        assert_eq!(after([&b, &a]), [Was::Second, Was::First]);
        assert_eq!(after([&m, &m]), [Was::New, Was::New]);
        assert_eq!(shared(None, [&a, &b]), Shared::default());
        // A new picture never lies where a held one did, even once that has gone.
        drop((a, b));
        for _ in 0..4 {
            let new = Arc::new(Picture::made(RgbImage::black(2, 2).unwrap()));
            assert_eq!(shared(Some(&held), [&new, &m]), Shared::default());
        }
    }
}
