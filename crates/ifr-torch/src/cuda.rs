//! Loading libtorch's CUDA half, where there is one.
//!
//! Kernels for CUDA live in a library of their own, which registers them when it is loaded and of which no symbol is ever named here. A
//! linker leaves such a library out; made to link it, it gives programs that do not start on machines without CUDA's libraries. Loaded
//! at run time, it leaves one program for both kinds of machine, and where it does not load there is a reason to show.
#![allow(unsafe_code)] // loading a library runs its initialisers

use std::sync::OnceLock;

use libloading::Library;
use thiserror::Error;

/// Why libtorch's CUDA half does not load although it is there.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{library} does not load: {reason}; put the folders of CUDA's libraries (of the version that libtorch was built for) on LD_LIBRARY_PATH"
)]
pub struct CudaError {
    /// The library.
    pub library: String,
    /// What the system's loader says, e.g. which library is missing.
    pub reason: String,
}

/// libtorch's CUDA half. Found as every library is: by `LD_LIBRARY_PATH`, then where libtorch was when the program was built.
const LIBRARY: &str = "libtorch_cuda.so";

/// Loads libtorch's CUDA kernels, once; `Ok(false)` where this libtorch has none (a build for the CPU, macOS).
///
/// To be called before anything asks whether there is CUDA ([`tch::Cuda::is_available`] among others): libtorch looks for its CUDA half
/// at the first such question and never again. That it loads does not say that there is a driver or a device.
///
/// # Errors
/// [`CudaError`] with the loader's reason where the library is there but, say, cuDNN is not.
pub fn load_cuda() -> Result<bool, CudaError> {
    static LOADED: OnceLock<Result<bool, CudaError>> = OnceLock::new();
    LOADED.get_or_init(|| if cfg!(target_os = "linux") { load(LIBRARY) } else { Ok(false) }).clone()
}

fn load(name: &str) -> Result<bool, CudaError> {
    // SAFETY: the initialisers are those of libtorch itself, of the version that is in this process already (the loader finds both in the
    // same folder); what they do is register kernels, which libtorch allows at any time.
    match unsafe { Library::new(name) } {
        Ok(library) => {
            // The registered kernels are pointers into it.
            std::mem::forget(library);
            Ok(true)
        }
        Err(error) => match reason(&error) {
            // The loader names the file that it did not find: this one, or one that this one needs.
            reason if reason.starts_with(&format!("{name}: cannot open shared object file")) => Ok(false),
            reason => Err(CudaError { library: name.to_owned(), reason }),
        },
    }
}

/// The loader's own words, without what the crate puts around them.
fn reason(error: &libloading::Error) -> String {
    match error {
        libloading::Error::DlOpen { source } => source.to_string(),
        other => other.to_string(),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_libtorch_without_cuda_is_no_error() {
        assert_eq!(load("libtorch_no_such_half.so"), Ok(false));
    }

    #[test]
    fn one_that_does_not_load_is() {
        let path = std::env::temp_dir().join(format!("libifr_no_library_{}.so", std::process::id()));
        std::fs::write(&path, "not a library").unwrap();
        let error = load(path.to_str().unwrap()).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        assert!(error.reason.contains(path.to_str().unwrap()), "{error}");
        assert!(error.to_string().contains("LD_LIBRARY_PATH"), "{error}");
    }

    #[test]
    fn loads_by_name_from_where_libtorch_is() {
        assert_eq!(load("libtorch_cpu.so"), Ok(true));
    }

    /// On a machine without CUDA's libraries the attempt has to end in a reason, never in a crash; with them, in kernels.
    #[test]
    fn says_what_is_missing() {
        match load_cuda() {
            Ok(true) => assert_eq!(tch::Cuda::is_available(), tch::Cuda::device_count() > 0),
            Ok(false) => assert!(!tch::Cuda::is_available()),
            Err(error) => {
                assert!(error.reason.contains(".so") && !error.reason.starts_with(LIBRARY), "{error}")
            }
        }
    }
}
