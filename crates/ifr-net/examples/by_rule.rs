//! Writes made-up weights of a network, for trying and timing it where there are no trained ones:
//!
//! ```text
//! cargo run --release -p ifr-net --example by_rule -- ifr-plus ifr-plus.safetensors
//! ```

use std::path::Path;

use ifr_net::{Dtype, Network, Parameters, Ratio};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, file] = arguments.as_slice() else { return Err("expected NETWORK FILE".into()) };
    let network = Network::all().find(|network| network.name() == name).ok_or("no such network")?;
    let mut words = network.metadata();
    words.insert("made".to_owned(), "by rule: no trained weights".to_owned());
    Parameters::by_rule(&network.graph(Ratio::ONE)?).save(Path::new(file), Dtype::F16, &words)?;
    Ok(())
}
