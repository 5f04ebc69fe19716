//! Procedural scenes with the truth at any instant, for the demo and for tests on machines without footage.
//!
//! * [`Scene::demo`] is a short film of two shots (a harbour at dusk, the works of a clock) with a hard cut, a pan, a
//!   zoom, crossing and turning objects, thin lines, fine texture and a static caption. It renders any instant at any
//!   size, so that an interpolated frame can be held against the one that truly belongs there.
//! * [`TextureScene`] is a band-limited texture under a known [`Motion`]: its optical flow is exact.
//! * [`DiscScene`] is a textured disc over a textured ground: exact flow with an occlusion boundary.
//! * [`sound`] plays the film's music, with an accent at each cut.
//!
//! Everything is computed from formulas and fixed seeds: no assets, no state between calls.
//!
//! ```
//! use ifr_scene::{Motion, Scene, TextureScene};
//!
//! let film = Scene::demo();
//! let image = film.render(1.5, 64, 36);
//! assert_eq!((image.width(), image.height()), (64, 36));
//!
//! let scene = TextureScene::new(Motion::Translate { velocity: [24.0, 0.0] }, 1);
//! assert_eq!(scene.flow(0.0, 0.5, 8, 8)[0], [12.0, 0.0]);
//! ```

mod canvas;
mod caption;
mod clockwork;
mod color;
mod disc;
mod fill;
mod harbour;
mod motion;
mod noise;
mod scene;
mod shape;
pub mod sound;
mod stroke;
mod texture;
mod view;

pub use caption::burn_caption;
pub use disc::DiscScene;
pub use motion::Motion;
pub use scene::Scene;
pub use texture::TextureScene;
