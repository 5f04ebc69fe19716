//! Files that torch and MindSpore made hold what they were given.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::collections::BTreeMap;

use ifr_formats::Imported;
use ifr_net::{Dtype, ParameterStore};
use support::Program;

/// What `make.py` fills arrays with.
fn value(n: usize, i: usize) -> f32 {
    ((i % 64) as f32 - 20.0) / 8.0 + n as f32
}

fn open(name: &str) -> ParameterStore {
    Imported::arrays(name, std::fs::read(support::fixture(name)).unwrap()).unwrap()
}

type Expected = BTreeMap<&'static str, (Dtype, Vec<usize>, Vec<f32>)>;

fn compare(store: &ParameterStore, expected: &Expected, prefix: &str) {
    for entry in store.entries() {
        let name = entry.name.strip_prefix(prefix).unwrap_or(&entry.name);
        let (dtype, shape, values) =
            expected.get(name).unwrap_or_else(|| panic!("{} in {store:?}", entry.name));
        assert_eq!((entry.dtype, &entry.shape), (*dtype, shape), "{name}");
        assert_eq!(&store.read(&entry.name).unwrap(), values, "{name}");
    }
    assert_eq!(store.entries().len(), expected.len());
}

fn rows(n: usize, shape: &[usize]) -> (Dtype, Vec<usize>, Vec<f32>) {
    let count = shape.iter().product();
    (Dtype::F32, shape.to_vec(), (0..count).map(|i| value(n, i)).collect())
}

#[test]
fn torch_in_all_its_forms() {
    let mut expected = Expected::new();
    expected.insert("conv.weight", rows(0, &[2, 3, 3, 3]));
    expected.insert("conv.bias", (Dtype::F16, vec![2], rows(1, &[2]).2));
    expected.insert("bf16", (Dtype::Bf16, vec![3, 2], rows(2, &[6]).2));
    expected.insert("f64", (Dtype::F64, vec![5], rows(3, &[5]).2));
    let turned = (0..12).map(|i| value(4, i % 3 * 4 + i / 3)).collect();
    expected.insert("transposed", (Dtype::F32, vec![4, 3], turned));
    expected.insert("rows", (Dtype::F32, vec![2, 6], (6..18).map(|i| value(5, i)).collect()));
    let columns = (0..12).map(|i| value(5, i / 3 * 6 + i % 3 * 2 + 1)).collect();
    expected.insert("columns", (Dtype::F32, vec![4, 3], columns));
    expected.insert("scalar", (Dtype::F32, vec![], vec![-2.5]));
    expected.insert("empty", (Dtype::F32, vec![0, 3], vec![]));
    expected.insert("optimizer.state.0.exp_avg", rows(6, &[2, 3]));
    for name in ["zip.pth", "legacy.pth", "protocol4.pth"] {
        compare(&open(name), &expected, "state_dict.module.");
    }
}

/// No machine at hand writes these: the same program, with the numbers' bytes turned round.
#[test]
fn torch_of_big_endian_machines() {
    let values: Vec<f32> = (0..6).map(|i| value(1, i)).collect();
    let arrays = vec![("w".to_owned(), vec![2, 3], values.clone())];
    let turned: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
    let zipped = support::zip(&[
        ("a/data.pkl".to_owned(), Program::state_dict(&arrays, false)),
        ("a/byteorder".to_owned(), b"big".to_vec()),
        ("a/data/0".to_owned(), turned.clone()),
    ]);
    let mut legacy = support::torch_legacy(&arrays);
    let said = legacy.windows(2).position(|w| w == [0x88, b's']).unwrap();
    legacy[said] = 0x89;
    legacy.truncate(legacy.len() - 8 - turned.len());
    legacy.extend(6_u64.to_be_bytes());
    legacy.extend(turned);
    for file in [zipped, legacy] {
        let store = Imported::arrays("big", file).unwrap();
        assert_eq!(store.read("w").unwrap(), values);
    }
}

#[test]
fn whole_modules_give_their_parameters() {
    let expected = Expected::from([
        ("0.weight", rows(0, &[2, 1, 1, 1])),
        ("0.bias", rows(1, &[2])),
        ("1.0.weight", rows(2, &[2])),
    ]);
    compare(&open("module.pth"), &expected, "");
    compare(&open("torchscript.pt"), &expected, "");
}

#[test]
fn mindspore_whole_and_in_parts() {
    let expected = Expected::from([
        ("net.conv.weight", rows(0, &[2, 3, 3, 3])),
        ("net.conv.bias", (Dtype::F16, vec![2], rows(1, &[2]).2)),
        ("net.bf16", (Dtype::Bf16, vec![3, 2], rows(2, &[6]).2)),
        ("net.f64", (Dtype::F64, vec![5], rows(3, &[5]).2)),
        ("learning_rate", (Dtype::F32, vec![], vec![0.5])),
    ]);
    for name in ["plain.ckpt", "checked.ckpt", "sliced.ckpt"] {
        compare(&open(name), &expected, "");
    }
    let mut damaged = std::fs::read(support::fixture("checked.ckpt")).unwrap();
    damaged[40] ^= 1;
    let message = Imported::arrays("damaged.ckpt", damaged).unwrap_err().to_string();
    assert!(message.contains("its checksum is"), "{message}");
}

/// None is a network, and each says what is missing.
#[test]
fn strangers_are_told_apart() {
    for name in ["zip.pth", "legacy.pth", "plain.ckpt", "tiny32.param"] {
        let message = ifr_formats::open(support::fixture(name)).unwrap_err().to_string();
        assert!(message.contains(name), "{message}");
        let words = if name.ends_with("param") {
            "1 inputs; IFRNet has 3"
        } else {
            "holds none of the known networks"
        };
        assert!(message.contains(words), "{message}");
    }
}
