//! Puts libtorch's folder on the search path of this crate's tests, benchmarks and examples; see ifr-torch's build script.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(lib) = std::env::var("DEP_IFR_TORCH_LIB").ok().filter(|_| cfg!(unix)) {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
