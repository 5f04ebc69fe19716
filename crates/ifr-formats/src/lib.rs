//! Other people's checkpoints: PyTorch, ncnn, MindSpore and safetensors in, ONNX out.
//!
//! [`open`] looks at what a file contains, finds the network in it by the names and shapes of its arrays, and hands out the
//! parameters under the network's own names:
//!
//! ```no_run
//! let imported = ifr_formats::open("IFRNet_S_Vimeo90K.pth")?;
//! println!("{} holds {}", imported.format(), imported.network());
//! let parameters = imported.parameters()?;
//! # Ok::<(), ifr_formats::FormatError>(())
//! ```
//!
//! | format | what is read | what is not |
//! |---|---|---|
//! | PyTorch | zip archives and the older row of pickles; state dicts, alone or inside others or lists; whole modules' parameters; 64-, 32- and 16-bit floating-point numbers, in any layout | quantised and sparse tensors; files of torch before 0.2 |
//! | ncnn | text `.param` with `.bin`, weights of 32 and 16 bits, IFRNet S, B and L | quantised weights, the binary `.param` |
//! | MindSpore | `.ckpt`, 64-, 32- and 16-bit floating-point numbers, with or without checksum | encrypted files, maps |
//! | safetensors | the same numbers | 8-bit ones |
//!
//! Names may have something before them (`module.`, `state_dict.net.`); an optimiser's state and other arrays beside the network
//! are left aside and listed.
//!
//! # Files of strangers
//!
//! A PyTorch file is a program for a stack machine. Here it is run without ever importing or calling anything: a class is its
//! name, a call is a note of what would be called. All sizes and places are checked against the file before anything is made
//! of them, and values are read for the parameters of a known network alone. A small file may still describe much: how many
//! objects, values, names and steps it may ask for is bounded by numbers, not by its size, and so is what may be unpacked from
//! compressed data; [`open`] says what that comes to. A file that asks for more is refused.

mod data;
mod error;
mod imported;
mod mindspore;
mod ncnn;
pub mod onnx;
mod pytorch;
mod safetensors;
mod select;

pub use error::FormatError;
pub use imported::{Format, Imported, open};
