//! `ifr convert`: other people's checkpoints into safetensors, and networks into ONNX.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use ifr::Scale;
use ifr::formats::onnx::{self, OPSETS, OnnxError, OnnxOptions};
use ifr::formats::{Imported, open};
use ifr::job::Target;
use ifr::net::{Dtype, Network, Parameters, Scales, Timesteps, printable};

use super::Failure;
use super::model::scale;
use super::say::say;

/// Convert a network's weights: from PyTorch, ncnn, MindSpore or safetensors to safetensors or ONNX.
///
/// What a file contains decides how it is read: PyTorch's .pth (nothing in it is executed), ncnn's .param with the .bin beside it
/// (either may be given), MindSpore's .ckpt, safetensors of any type of floating-point numbers. The network is recognised by the
/// names and shapes of its parameters; what else is there, such as an optimiser's state, is left out.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  ifr convert IFRNet_S_Vimeo90K.pth ifrnet-s.safetensors --dtype f16\n  \
    ifr convert ifrnet-s.safetensors ifrnet-s.onnx --size 1920x1088\n\nExit codes: 0 done, 1 internal error, 2 wrong usage, \
    3 the input cannot be read or holds no known network, 4 the output cannot be written.")]
pub(crate) struct Args {
    /// The weights.
    input: PathBuf,
    /// The result; its ending says what it is to be: .safetensors or .onnx.
    output: PathBuf,
    /// Type of the numbers that are written; in ONNX f16 holds for convolutions' weights, and bf16 is not to be had.
    #[arg(long, value_enum, default_value_t = Numbers::F32)]
    dtype: Numbers,
    /// The instants that the weights know: any, or the middle alone [default: what the file or the network says, or
    /// whether an IFRNet's weights for t are all 0].
    #[arg(long, value_enum)]
    timesteps: Option<Instants>,
    /// Overwrite existing outputs.
    #[arg(short, long)]
    force: bool,
    /// ONNX: the one size of frames that the model takes; sides must be multiples of what the network asks for.
    #[arg(long, value_name = "WxH", value_parser = super::info::size, conflicts_with = "dynamic")]
    size: Option<(usize, usize)>,
    /// ONNX: a model for frames of any size (the default).
    #[arg(long)]
    dynamic: bool,
    /// ONNX: version of the operators, 16 to 22 [default: 16, and for IFR+ 19, the first with deformable convolution].
    #[arg(long, value_name = "N")]
    opset: Option<u32>,
    /// ONNX: the scale at which flows are found (0.125, 0.25, 0.33, 0.4, 0.5, 0.67, 0.75, 0.8, 1) [default: 1; for IFR+ of a
    /// given --size, by that].
    #[arg(long, value_name = "S", value_parser = scale)]
    flow_scale: Option<Scale>,
    /// ONNX: the scale of the refiner, for IFR+, likewise [default: 1, or by --size].
    #[arg(long, value_name = "S", value_parser = scale)]
    refine_scale: Option<Scale>,
}

/// What numbers are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Numbers {
    F32,
    F16,
    Bf16,
}

impl Numbers {
    fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::Bf16,
        }
    }
}

/// The instants that weights know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Instants {
    Any,
    Midpoint,
}

impl Instants {
    fn timesteps(self) -> Timesteps {
        match self {
            Self::Any => Timesteps::Any,
            Self::Midpoint => Timesteps::Midpoint,
        }
    }
}

/// What the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Safetensors,
    Onnx,
}

impl Args {
    /// What the output's name asks for, if the options suit it.
    fn kind(&self) -> Result<Kind, Failure> {
        if self.output.to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]) {
            let name = self.output.display();
            return Err(Failure::usage(format!("{name} names a folder: the output is one file")));
        }
        let ending = self.output.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match ending.as_str() {
            "safetensors" => {
                let given = [
                    ("--size", self.size.is_some()),
                    ("--dynamic", self.dynamic),
                    ("--opset", self.opset.is_some()),
                    ("--flow-scale", self.flow_scale.is_some()),
                    ("--refine-scale", self.refine_scale.is_some()),
                ];
                match given.iter().find(|(_, given)| *given) {
                    Some((option, _)) => Err(Failure::usage(format!(
                        "{option} is for ONNX; {} holds weights alone",
                        self.output.display()
                    ))),
                    None => Ok(Kind::Safetensors),
                }
            }
            "onnx" if self.dtype == Numbers::Bf16 => {
                Err(Failure::usage("weights in ONNX are f32 or f16: few runtimes take bf16"))
            }
            "onnx" => Ok(Kind::Onnx),
            _ => Err(Failure::usage(format!(
                "{}: the output's ending says what it is to be: .safetensors or .onnx",
                self.output.display()
            ))),
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let kind = args.kind()?;
    let imported = open(&args.input).map_err(Failure::input)?;
    let network = imported.network();
    let target = Target::file(args.output.clone());
    target.check(&args.input, args.force)?;
    let parameters = imported.parameters().map_err(Failure::input)?;
    // As they will be read again: rounding may take a small weight for t to 0.
    let held = parameters.rounded(args.dtype.dtype()).map_err(Failure::input)?;
    let metadata = metadata(args, &imported, &held)?;

    say!("{}: {} weights of {network}, {}", args.input.display(), imported.format(), counts(&parameters));
    if !imported.prefix().is_empty() {
        say!("  names begin with '{}', which is left out", printable(imported.prefix(), 100));
    }
    for line in imported.ignored() {
        say!("  left out: {line}");
    }
    let written = match kind {
        Kind::Safetensors => {
            let saved = parameters.save(target.writing(), args.dtype.dtype(), &metadata);
            saved.map(|()| None).map_err(Failure::output)
        }
        Kind::Onnx => write_onnx(args, network, &parameters, metadata, target.writing()).map(Some),
    };
    let written = written.and_then(|multiple| {
        fs::rename(target.writing(), target.path())
            .map_err(|e| Failure::output(format!("{}: {e}", target.path().display())))?;
        Ok(multiple)
    });
    let multiple = written.inspect_err(|_| {
        // Half of a file of weights is of no use to anybody.
        let _ = fs::remove_file(target.writing());
    })?;
    let bytes = fs::metadata(target.path()).map_or(0, |m| m.len());
    say!("{}: written, {:.1} MB", target.path().display(), bytes as f64 / 1e6);
    if let Some(multiple) = multiple {
        let taken =
            args.size.map_or("any size".to_owned(), |(width, height)| format!("{width}x{height} alone"));
        say!("  for frames of {taken}, width and height multiples of {multiple}");
    }
    Ok(())
}

/// The output's words about itself: the input's, where its format has any; the network's; where the weights come from.
fn metadata(
    args: &Args,
    imported: &Imported,
    parameters: &Parameters,
) -> Result<BTreeMap<String, String>, Failure> {
    let network = imported.network();
    let mut words = imported.store().metadata().clone();
    // What is true of an ONNX model at one scale, and of no weights: ours alone to say.
    words.retain(|key, _| !["multiple", "flow_scale", "refine_scale"].contains(&key.as_str()));
    words.extend(network.metadata());
    let name = args.input.file_name().unwrap_or_default().to_string_lossy().into_owned();
    words.insert("source".to_owned(), name);
    words.insert("source_format".to_owned(), imported.format().name().to_owned());
    if let Some(instants) = args.timesteps {
        words.insert(Timesteps::KEY.to_owned(), instants.timesteps().to_string());
    }
    let known = network.timesteps_of(&words, parameters);
    let fault = if args.timesteps.is_some() { Failure::usage } else { Failure::input };
    let instants = known.map_err(|e| fault(e.to_string()))?;
    words.insert(Timesteps::KEY.to_owned(), instants.to_string());
    Ok(words)
}

fn counts(parameters: &Parameters) -> String {
    format!("{} arrays, {:.2} million parameters", parameters.iter().count(), parameters.count() as f64 / 1e6)
}

/// Writes the network at its scales; returns the multiple that sides of frames must be of.
fn write_onnx(
    args: &Args,
    network: Network,
    parameters: &Parameters,
    mut metadata: BTreeMap<String, String>,
    path: &Path,
) -> Result<usize, Failure> {
    let best = args.size.map_or(Scales::FULL, |(width, height)| network.scales_for(width, height));
    let scales = Scales {
        flow: args.flow_scale.unwrap_or_default().or(best.flow),
        refine: args.refine_scale.unwrap_or_default().or(best.refine),
    };
    let graph = network.graph_at(scales).map_err(Failure::usage)?;
    metadata.insert("flow_scale".to_owned(), scales.flow.to_string());
    if matches!(network, Network::IfrPlus(_)) {
        metadata.insert("refine_scale".to_owned(), scales.refine.to_string());
    }
    let options = OnnxOptions {
        opset: args.opset.unwrap_or(if matches!(network, Network::IfrPlus(_)) {
            19
        } else {
            *OPSETS.start()
        }),
        size: args.size,
        half_weights: args.dtype == Numbers::F16,
        metadata,
        ..OnnxOptions::default()
    };
    let failed = |e: std::io::Error| Failure::output(format!("{}: {e}", path.display()));
    let mut out = BufWriter::new(File::create(path).map_err(failed)?);
    onnx::write(&graph, parameters, &options, &mut out).map_err(|e| match e {
        OnnxError::Write(e) => failed(e),
        other => Failure::usage(other),
    })?;
    out.flush().map_err(failed)?;
    out.get_ref().sync_all().map_err(failed)?;
    Ok(graph.multiple())
}
