//! One suite for all interpreters of graphs: small cases of every operation and its corners, with what the scalar
//! [`reference`](crate::reference) makes of them.
//!
//! An engine implements [`Engine`] and calls [`check`]:
//!
//! ```no_run
//! use ifr_net::{conformance, reference::Reference};
//!
//! conformance::check(&mut Reference).unwrap();
//! ```

mod cases;
mod engine;
mod make;

pub use cases::cases;
pub use engine::{Case, Engine, Failure, check, check_case};
