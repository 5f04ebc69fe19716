//! What the fuzzers begin with, read without them: each seed goes through the reader that its fuzzer tries, and is what its name
//! says.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ifr_formats::{FormatError, Imported};
use ifr_net::{IfrNet, ParameterStore, Parameters, Ratio};

/// The folder of seeds, and that of this crate's fixtures.
fn folders() -> [PathBuf; 2] {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    [here.join("../../fuzz/seeds"), here.join("tests/fixtures")]
}

/// Name and bytes of all files of a folder and those in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let inner = files(&entry.path()).into_iter();
            found.extend(inner.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            found.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    found
}

fn seeds(format: &str) -> BTreeMap<String, Vec<u8>> {
    files(&folders()[0].join(format))
}

/// Reads all arrays; their number.
fn read(store: &ParameterStore) -> usize {
    for entry in store.entries() {
        let values = store.read(&entry.name).unwrap();
        assert_eq!(values.len(), entry.shape.iter().product::<usize>(), "{}", entry.name);
    }
    store.entries().len()
}

/// How many arrays each seed of a format holds, by the reader that its fuzzer tries.
fn counts(format: &str, store: impl Fn(Vec<u8>) -> ParameterStore) -> Vec<(String, usize)> {
    seeds(format).into_iter().map(|(name, bytes)| (name, read(&store(bytes)))).collect()
}

fn pairs(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn checkpoints_that_fuzzers_begin_with_are_read() {
    let arrays = |bytes: Vec<u8>| Imported::arrays("seed", bytes).unwrap();
    let expected = [
        ("legacy.pth", 10),
        ("module.pth", 3),
        ("protocol4.pth", 10),
        ("torchscript.pt", 3),
        ("zip.pth", 10),
    ];
    assert_eq!(counts("pytorch", arrays), pairs(&expected));
    assert_eq!(
        counts("mindspore", arrays),
        pairs(&[("checked.ckpt", 5), ("plain.ckpt", 5), ("sliced.ckpt", 5)])
    );
    for (name, count) in [("bf16", 2), ("empty", 0), ("three", 3)] {
        let bytes = seeds("safetensors").remove(&format!("{name}.safetensors")).unwrap();
        let store = ParameterStore::from_bytes(name, bytes).unwrap();
        for entry in store.entries() {
            let values: usize = entry.shape.iter().product();
            assert_eq!(store.bytes(&entry.name).unwrap().len(), values * entry.dtype.size());
        }
        assert_eq!(store.entries().len(), count);
    }
    assert_eq!(seeds("safetensors").len(), 3);
}

/// Programs without storages: they are run to their ends, and what is missing is named.
#[test]
fn programs_that_fuzzers_begin_with_are_run() {
    let head = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}X\x0d\0\0\0little_endian\x88s.";
    let all = seeds("pickle");
    assert_eq!(all.len(), 3);
    for (name, program) in all {
        // No keys follow, in the second case an empty list of them.
        let bytes = [&head[..], &program].concat();
        let message = Imported::arrays("seed", bytes.clone()).unwrap_err().to_string();
        assert!(message.contains("ends early"), "{name}: {message}");
        let message = Imported::arrays("seed", [&bytes[..], b"\x80\x02]."].concat()).unwrap_err().to_string();
        assert!(message.contains("its storage '0' is not in the file"), "{name}: {message}");
    }
}

/// IFRNet with as few channels as there can be: what its layers are is found out, and then that nobody publishes it.
#[test]
fn layers_that_fuzzers_begin_with_are_named() {
    let network = IfrNet { encoder: [1; 4], decoder: [2; 4], side: 1, ..IfrNet::S };
    let parameters = Parameters::by_rule(&network.graph(Ratio::ONE).unwrap());
    let (param, bin) = support::Ncnn::write(&parameters, true);
    let mut all = seeds("ncnn");
    let written = [param.as_bytes(), b"\n", &bin].concat();
    assert!(all.remove("narrow").unwrap() == written, "no longer what the tests' writer writes");
    let error = Imported::from_ncnn("seed", param.as_bytes(), bin).unwrap_err();
    assert!(matches!(error, FormatError::Network(_)), "{error}");
    assert!(error.to_string().contains("encoder.pyramid1.0.0.weight 1x3x3x3"), "{error}");
    for (name, bytes) in all {
        let end = bytes.windows(2).position(|w| w == b"\n\n").unwrap();
        let message =
            Imported::from_ncnn("seed", &bytes[..end], bytes[end + 2..].to_vec()).unwrap_err().to_string();
        assert!(message.contains("1 inputs; IFRNet has 3"), "{name}: {message}");
    }
}

/// Neither was any made where its maker's folders, or those of the tools, show.
#[test]
fn no_file_says_where_it_was_made() {
    for folder in folders() {
        let all = files(&folder);
        assert!(all.len() > 10, "{}", folder.display());
        for (name, bytes) in all {
            for word in ["/home/", "/lib/python", "site-packages"] {
                let there = bytes.windows(word.len()).any(|w| w == word.as_bytes());
                assert!(!there, "{name} contains {word}");
            }
            // Nor may it be hidden by compression.
            let mut entries = bytes.windows(12).filter(|w| w.starts_with(b"PK\x01\x02"));
            assert!(entries.all(|entry| entry[10..12] == [0, 0]), "{name} is compressed");
        }
    }
}
