//! `ifr info`: what a model is and costs.

use std::io::Write;

use clap::Parser;
use ifr::Model;
use ifr::net::{Cost, Network, Prior, Scales, Timesteps};

use super::Failure;
use super::model::ScaleArgs;
use super::say::seen;

/// Say which network a file holds and what it costs: parameters, multiply-accumulates by stage, memory.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// An embedded model, a safetensors file, or the name of a network (ifrnet-s, ifrnet-b or ifrnet-l, as published or, with
    /// +flow at the end, on the prior of flow; ifr-plus).
    model: String,
    /// Size of the frames, padded to what the network asks for.
    #[arg(long, value_name = "WxH", default_value = "448x256", value_parser = size)]
    size: (usize, usize),
    #[command(flatten)]
    scales: ScaleArgs,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn size(text: &str) -> Result<(usize, usize), String> {
    let bad = || format!("found '{text}', expected WIDTHxHEIGHT, e.g. 1920x1080");
    let (w, h) = text.split_once('x').ok_or_else(bad)?;
    let side = |s: &str| s.parse().ok().filter(|n| (1..=65_535).contains(n)).ok_or_else(bad);
    Ok((side(w)?, side(h)?))
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    // An embedded model has more to say than the network of its name.
    let embedded = Model::embedded().contains(&args.model.as_str());
    let known = Network::all().find(|n| n.name() == args.model && !embedded);
    let (network, timesteps, metadata) = match known {
        Some(network) => (network, network.timesteps(), None),
        None => {
            let model: Model = args.model.parse().map_err(Failure::input)?;
            match model.network() {
                Some(network) => (network, model.timesteps(), model.metadata().cloned()),
                None => {
                    return seen(writeln!(out, "{model}: classical optical flow; it has no parameters"));
                }
            }
        }
    };
    let (w, h) = args.size;
    let auto = network.scales_for(w, h);
    let scales = Scales {
        flow: args.scales.flow_scale.or(auto.flow),
        refine: args.scales.refine_scale.or(auto.refine),
    };
    let graph = network.graph_at(scales).map_err(Failure::usage)?;
    let (w, h) = (w.next_multiple_of(graph.multiple()), h.next_multiple_of(graph.multiple()));
    let cost = Cost::of(&graph, w, h).map_err(Failure::usage)?;
    let written = if args.json {
        let stages: Vec<_> = cost
            .stages
            .iter()
            .map(|s| serde_json::json!({ "name": s.name, "parameters": s.parameters, "macs": s.macs, "written": s.written }))
            .collect();
        let value = serde_json::json!({
            "network": network.name(),
            "prior": network.prior().map(Prior::name),
            "timesteps": timesteps.name(),
            "flow_scale": scales.flow.value(),
            "refine_scale": network.has_refiner().then(|| scales.refine.value()),
            "width": w,
            "height": h,
            "parameters": cost.parameters(),
            "macs": cost.macs(),
            "pair_macs": cost.pair_macs,
            "peak_bytes": cost.peak,
            "stages": stages,
            "metadata": metadata,
        });
        writeln!(out, "{value}")
    } else {
        let prior = match network.prior() {
            Some(prior @ Prior::Flow) => {
                format!(
                    "\nprior {prior}: starts from classical flow, which is worked out beside it and not counted here"
                )
            }
            _ => String::new(),
        };
        let refiner = match network.has_refiner() {
            true => format!(", refiner's scale {}", scales.refine),
            false => String::new(),
        };
        let scale = format!("\nflow scale {}{refiner}", scales.flow);
        let times = match timesteps {
            Timesteps::Any => "\ntimesteps any: makes every instant between two frames",
            Timesteps::Midpoint => {
                "\ntimesteps midpoint: makes middles alone; other instants are made by halving"
            }
        };
        // Other people's words, on our terminal: control characters are spelled out.
        let lines: String = metadata
            .iter()
            .flatten()
            .filter(|(k, _)| *k != Prior::KEY && *k != Timesteps::KEY)
            .map(|(k, v)| format!("\n{}: {}", k.escape_debug(), v.escape_debug()))
            .collect();
        writeln!(out, "{cost}{scale}{times}{prior}{lines}")
    };
    seen(written)
}
