//! Hands libtorch's folder to the crates above, which put it on their programs' search path (`DEP_IFR_TORCH_LIB`, see their build
//! scripts): what `cargo build` makes then runs without `LD_LIBRARY_PATH`. Reads the variables that torch-sys reads.

use std::{env, path::PathBuf};

fn main() {
    for name in ["LIBTORCH", "LIBTORCH_LIB", "LIBTORCH_USE_PYTORCH"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    // Somebody else's Python says where libtorch is: then LD_LIBRARY_PATH has to, too.
    if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        return;
    }
    let root = env::var_os("LIBTORCH_LIB")
        .or_else(|| env::var_os("LIBTORCH"))
        .map_or_else(|| "/usr".into(), PathBuf::from);
    let lib = root.join("lib");
    let file = format!("{}torch_cpu{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    println!("cargo::rerun-if-changed={}", lib.join(&file).display());
    // Removed since the bindings were built; before that, scripts/no-libtorch speaks.
    if !lib.join(&file).exists() {
        println!(
            "cargo::error=no libtorch: {} is not there. Run scripts/setup-torch.sh, or set LIBTORCH to the folder of libtorch 2.11",
            lib.join(&file).display()
        );
        return;
    }
    println!("cargo::metadata=LIB={}", lib.display());
    if cfg!(unix) {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", lib.display());
    }
}
