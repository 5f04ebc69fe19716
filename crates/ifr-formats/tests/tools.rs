//! Whole networks through the tools themselves: torch and MindSpore read our safetensors and save them in their ways.
//!
//! They run in the Python that `IFR_PYTHON` names or in the project's `.venv`; a tool that cannot be imported there is skipped with
//! a message. Small files that they made are in `fixtures/`, so nothing goes untested where they are absent.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stderr, reason = "why a test is skipped")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use ifr_formats::Format;
use ifr_net::{Dtype, Network, Parameters, Ratio};
use support::{PUBLISHED, by_rule};

/// Reads a safetensors file of `F32`, without help.
const LOAD: &str = "
import json, struct, sys
import numpy as np
def load(path):
    data = open(path, 'rb').read()
    length = struct.unpack('<Q', data[:8])[0]
    arrays = {}
    for name, info in json.loads(data[8:8 + length]).items():
        if name != '__metadata__':
            start, end = info['data_offsets']
            piece = data[8 + length + start:8 + length + end]
            arrays[name] = np.frombuffer(piece, dtype='<f4').reshape(info['shape']).copy()
    return arrays
weights = load(sys.argv[1])
folder = sys.argv[2]
";

/// Every way of saving that is seen in the wild: plain, nested, of several GPUs, halved, in odd layouts, old and new.
const TORCH: &str = "
import torch
from collections import OrderedDict
weights = OrderedDict((k, torch.from_numpy(v)) for k, v in weights.items())
torch.save(weights, folder + '/zip.pth')
torch.save(weights, folder + '/legacy.pth', _use_new_zipfile_serialization=False)
moduled = OrderedDict(('module.' + k, torch.nn.Parameter(v.clone())) for k, v in weights.items())
torch.save({'epoch': 300, 'state_dict': moduled, 'lr': 1e-4}, folder + '/nested.pth')
optimiser = torch.optim.AdamW(moduled.values())
for p in moduled.values():
    p.grad = torch.ones_like(p)
optimiser.step()
with torch.no_grad():
    for k, v in weights.items():
        moduled['module.' + k].copy_(v)
torch.save({'model': moduled, 'optimizer': optimiser.state_dict()}, folder + '/trained.pth')
torch.save(OrderedDict((k, v.half()) for k, v in weights.items()), folder + '/half.pth')
torch.save(OrderedDict((k, v.bfloat16()) for k, v in weights.items()), folder + '/bfloat.pth')
torch.save(OrderedDict((k, v.double()) for k, v in weights.items()), folder + '/double.pth')
def turned(v):
    return v.contiguous(memory_format=torch.channels_last) if v.dim() == 4 else v
torch.save(OrderedDict((k, turned(v)) for k, v in weights.items()), folder + '/channels_last.pth')
flat = torch.cat([v.flatten() for v in weights.values()])
at, views = 0, OrderedDict()
for k, v in weights.items():
    views[k] = flat[at:at + v.numel()].view(v.shape)
    at += v.numel()
torch.save(views, folder + '/shared.pth')
torch.save(views, folder + '/shared_legacy.pth', _use_new_zipfile_serialization=False)
";

const MINDSPORE: &str = "
import mindspore
listed = [{'name': k, 'data': mindspore.Tensor(v)} for k, v in weights.items()]
mindspore.save_checkpoint(listed, folder + '/plain.ckpt', crc_check=True)
zeros = [{'name': 'moment1.' + k, 'data': mindspore.Tensor(v * 0)} for k, v in weights.items()]
steps = [{'name': 'global_step', 'data': mindspore.Tensor([7], mindspore.int32)}]
mindspore.save_checkpoint(zeros + listed + steps, folder + '/trained.ckpt')
";

/// A Python that has this tool; `None`, with a message, where there is none.
fn python(tool: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
    let python = std::env::var_os("IFR_PYTHON").map_or(own, PathBuf::from);
    let imported = Command::new(&python).args(["-c", &format!("import {tool}")]).output();
    if imported.is_ok_and(|out| out.status.success()) {
        return Some(python);
    }
    eprintln!("skipped: {} cannot import {tool}", python.display());
    None
}

/// Weights of a network saved by a tool: the folder, and what is in the files.
fn saved(tool: &str, program: &str, network: Network) -> Option<(tempfile::TempDir, Parameters)> {
    let python = python(tool)?;
    let dir = tempfile::tempdir().unwrap();
    let parameters = by_rule(network);
    let ours = dir.path().join("ours.safetensors");
    parameters.save(&ours, Dtype::F32, &BTreeMap::new()).unwrap();
    let script = [LOAD, program].concat();
    let out = Command::new(python).arg("-c").arg(script).arg(&ours).arg(dir.path()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Some((dir, parameters))
}

/// Compares with a tool's file; weights may have been rounded by that much, relatively.
fn compare(path: &Path, format: Format, network: Network, parameters: &Parameters, relative: f32) {
    let imported = ifr_formats::open(path).unwrap();
    assert_eq!((imported.format(), imported.network()), (format, network), "{}", path.display());
    let found = imported.parameters().unwrap();
    assert!(found.fit(&network.graph(Ratio::ONE).unwrap()));
    for ((info, a), (_, b)) in parameters.iter().zip(found.iter()) {
        for (a, b) in a.iter().zip(b) {
            let close = (a - b).abs() <= relative * a.abs() + relative * 1e-4;
            assert!(close, "{} in {}: {b}, expected {a}", info.name, path.display());
        }
    }
}

#[test]
fn torch_saves_what_is_read() {
    let network = PUBLISHED[0];
    let Some((dir, parameters)) = saved("torch", TORCH, network) else { return };
    for (name, relative) in [
        ("zip", 0.0),
        ("legacy", 0.0),
        ("nested", 0.0),
        ("trained", 0.0),
        ("double", 0.0),
        ("channels_last", 0.0),
        ("shared", 0.0),
        ("shared_legacy", 0.0),
        ("half", 1e-3),
        ("bfloat", 8e-3),
    ] {
        compare(&dir.path().join(format!("{name}.pth")), Format::PyTorch, network, &parameters, relative);
    }
}

#[test]
fn mindspore_saves_what_is_read() {
    let Some((dir, parameters)) = saved("mindspore", MINDSPORE, PUBLISHED[3]) else { return };
    for name in ["plain.ckpt", "trained.ckpt"] {
        compare(&dir.path().join(name), Format::MindSpore, PUBLISHED[3], &parameters, 0.0);
    }
}
