//! What every network costs: `cargo run -p ifr-net --example cost -- 1280 704`.
#![allow(clippy::print_stdout, reason = "an example prints")]

use ifr_net::{Cost, Network, Ratio};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut side = |default: usize| args.next().map_or(Ok(default), |text| text.parse());
    let (width, height) = (side(448)?, side(256)?);
    for network in Network::all() {
        println!("{}\n", Cost::of(&network.graph(Ratio::ONE)?, width, height)?);
    }
    Ok(())
}
