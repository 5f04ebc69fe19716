//! Files of parameters: good ones come back, wrong ones say what is wrong, hostile ones do no harm.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeMap;
use std::path::Path;

use ifr_net::{
    ArraySource, Dtype, IfrNet, IfrPlus, Network, ParameterError, ParameterStore, Parameters, Ratio,
    StoreError, recognise, write_safetensors,
};

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

fn refused(header: &str, data: usize) -> String {
    ParameterStore::from_bytes("bad.safetensors", file(header, &vec![0; data])).unwrap_err().to_string()
}

#[test]
fn saved_networks_are_recognised_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let words = BTreeMap::from([("midpoint_only".to_owned(), "true".to_owned())]);
    for net in [Network::IfrNet(IfrNet::S), Network::IfrNet(IfrNet::B), Network::IfrPlus(IfrPlus::PUBLISHED)]
    {
        let graph = net.graph(Ratio::ONE).unwrap();
        let params = Parameters::by_rule(&graph);
        for (dtype, relative) in [(Dtype::F32, 0.0), (Dtype::F16, 1e-3), (Dtype::Bf16, 8e-3)] {
            let path = dir.path().join(format!("{net}-{}.safetensors", dtype.name()));
            params.save(&path, dtype, &words).unwrap();
            let store = ParameterStore::open(&path).unwrap();
            assert_eq!(recognise(&store).unwrap(), net);
            assert_eq!(store.metadata(), &words);
            let back = Parameters::read(&graph, &store).unwrap();
            assert!(back.fit(&graph));
            assert_eq!(back.count(), params.count());
            for ((info, a), (_, b)) in params.iter().zip(back.iter()) {
                for (a, b) in a.iter().zip(b) {
                    assert!((a - b).abs() <= relative * a.abs() + relative * 1e-4, "{} {a} {b}", info.name);
                }
            }
        }
    }
    assert!(matches!(
        Parameters::by_rule(&IfrNet::S.graph(Ratio::ONE).unwrap()).save(
            &dir.path().join("x"),
            Dtype::I32,
            &words
        ),
        Err(StoreError::Type { .. })
    ));
}

/// The first values by the rule, computed apart from this code.
#[test]
fn the_rule_makes_known_values() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let params = Parameters::by_rule(&graph);
    for (name, first) in [
        ("encoder.pyramid1.0.0.weight", [0.056470778, -0.030669356, -0.103363514]),
        ("decoder1.convblock.2.bias", [0.030160386, 0.03621612, -0.03688177]),
        ("decoder4.convblock.1.prelu.weight", [0.2791283, 0.21192327, 0.28556445]),
    ] {
        let (_, values) = params.iter().find(|(info, _)| info.name == name).unwrap();
        for (found, expected) in values.iter().zip(first) {
            assert!((found - expected).abs() < 1e-8, "{name}: {found}, expected {expected}");
        }
    }
    assert!(params.non_finite().is_empty());
}

#[test]
fn differences_are_listed() {
    let dir = tempfile::tempdir().unwrap();
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let params = Parameters::by_rule(&graph);
    let path = dir.path().join("almost.safetensors");
    let zeros = vec![0.0; 12];
    let tensors =
        params.iter().filter(|(info, _)| !info.name.starts_with("decoder2")).map(|(info, values)| {
            if info.name == "decoder1.convblock.2.bias" {
                (info.name.as_str(), [12].as_slice(), zeros.as_slice())
            } else {
                (info.name.as_str(), info.shape.as_slice(), values)
            }
        });
    let extra = [("optimizer.step", [1].as_slice(), [7.0].as_slice())];
    write_safetensors(&path, Dtype::F32, tensors.chain(extra), &BTreeMap::new()).unwrap();

    let store = ParameterStore::open(&path).unwrap();
    let ParameterError::Mismatch(found) = Parameters::read(&graph, &store).unwrap_err() else { panic!() };
    assert_eq!((found.missing.len(), found.surplus.len(), found.misshaped.len()), (20, 1, 1));
    let message = found.to_string();
    for part in [
        "almost.safetensors does not hold the parameters of ifrnet-s",
        "20 missing: decoder2.convblock.0.0.bias 108, ",
        ", and 10 more",
        "1 surplus: optimizer.step 1",
        "1 of another shape: decoder1.convblock.2.bias 12 (expected 8)",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
    let message = recognise(&store).unwrap_err().to_string();
    assert!(message.contains("none of the known networks (ifrnet-s, ifrnet-b, ifrnet-l, ifrnet-s+flow, ifrnet-b+flow, ifrnet-l+flow, ifr-plus)"), "{message}");
    assert!(message.contains("closest: "), "{message}");
    assert!(message.len() < 2000);
}

#[test]
fn weights_that_are_no_numbers_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let mut params = Parameters::by_rule(&graph);
    let id = graph.param_ids().nth(5).unwrap();
    params.get_mut(id)[3] = f32::NAN;
    params.get_mut(id)[4] = f32::INFINITY;
    let path = dir.path().join("nan.safetensors");
    params.save(&path, Dtype::F32, &BTreeMap::new()).unwrap();
    let back = Parameters::read(&graph, &ParameterStore::open(&path).unwrap()).unwrap();
    assert_eq!(back.non_finite(), [(graph.param(id).name.as_str(), 2)]);
}

#[test]
fn small_floats_are_read_exactly() {
    let header = r#"{"h":{"dtype":"F16","shape":[5],"data_offsets":[0,10]},"b":{"dtype":"BF16","shape":[3],"data_offsets":[10,16]}}"#;
    let halves = [0x3C00_u16, 0xC000, 0x0001, 0x7C00, 0x7BFF, 0x3F80, 0xC049, 0x0080];
    let data: Vec<u8> = halves.iter().flat_map(|h| h.to_le_bytes()).collect();
    let store = ParameterStore::from_bytes("small", file(header, &data)).unwrap();
    assert_eq!(store.read("h").unwrap(), [1.0, -2.0, 2.0_f32.powi(-24), f32::INFINITY, 65504.0]);
    assert_eq!(store.read("b").unwrap(), [1.0, -3.140625, 2.0_f32.powi(-126)]);
    assert!(matches!(store.read("x"), Err(StoreError::NoEntry { .. })));
}

#[test]
fn other_floats_are_read_or_named() {
    let header = r#"{"d":{"dtype":"F64","shape":[2],"data_offsets":[0,16]},"e":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[16,18]}}"#;
    let data = [0.1_f64.to_le_bytes(), (-3.5_f64).to_le_bytes()].concat();
    let store = ParameterStore::from_bytes("other", file(header, &[&data[..], &[0, 1]].concat())).unwrap();
    assert_eq!(store.read("d").unwrap(), [0.1, -3.5]);
    let error = store.read("e").unwrap_err().to_string();
    assert!(error.contains("'e' holds F8_E4M3; F64 (to read), F32, F16 and BF16 are supported"), "{error}");
    assert!(store.entries().iter().all(|entry| entry.dtype.is_float()));
}

/// Arrays that come from elsewhere.
#[derive(Debug)]
struct Elsewhere;

impl ArraySource for Elsewhere {
    fn read(&self, index: usize) -> Result<Vec<f32>, String> {
        if index == 1 { Err("it is gone".to_owned()) } else { Ok(vec![index as f32; 2]) }
    }
}

#[test]
fn stores_may_take_their_values_from_elsewhere() {
    let array = |name: &str| (name.to_owned(), Dtype::F16, vec![2]);
    let store = |names: [&str; 3]| {
        ParameterStore::from_source("there", names.map(array), BTreeMap::new(), Box::new(Elsewhere))
    };
    let store_abc = store(["a", "b", "c"]).unwrap();
    assert_eq!(store_abc.read("c").unwrap(), [2.0, 2.0]);
    assert_eq!(store_abc.read("b").unwrap_err().to_string(), "there: 'b': it is gone");
    assert!(matches!(store_abc.read("d"), Err(StoreError::NoEntry { .. })));
    assert!(matches!(store_abc.bytes("a"), Err(StoreError::Foreign { .. })));
    assert_eq!(store(["a", "b", "a"]).unwrap_err().to_string(), "there: 'a' is there twice");
}

#[test]
fn a_part_of_the_program_is_read_in_place() {
    let bytes: &'static [u8] =
        Vec::leak(file(r#"{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#, &[0, 60, 0, 192]));
    let store = ParameterStore::from_bytes("embedded", bytes).unwrap();
    assert_eq!(store.read("a").unwrap(), [1.0, -2.0]);
    assert!(bytes.as_ptr_range().contains(&store.bytes("a").unwrap().as_ptr()), "not copied");
}

#[test]
fn hostile_files_are_refused_in_words() {
    let two = |a: &str, b: &str| format!(r#"{{"a":{a},"b":{b}}}"#);
    let f32s = |n: &str, from: &str, to: &str| {
        format!(r#"{{"dtype":"F32","shape":[{n}],"data_offsets":[{from},{to}]}}"#)
    };
    let max = u64::MAX.to_string();
    for (header, data, words) in [
        (two(&f32s("2", "0", "8"), &f32s("2", "4", "12")), 12, "overlap or leave a gap"),
        (two(&f32s("2", "0", "8"), &f32s("1", "12", "16")), 16, "overlap or leave a gap"),
        (two(&f32s("2", "0", "8"), &f32s("2", "8", "16")), 12, "outside the 12 bytes"),
        (two(&f32s("2", "0", "8"), &f32s("1", "8", "12")), 20, "the header describes 12"),
        (two(&f32s("2", "8", "0"), &f32s("1", "8", "12")), 12, "outside"),
        (format!(r#"{{"a":{}}}"#, f32s("2", "8", "0")), 8, "outside"),
        (format!(r#"{{"a":{}}}"#, f32s("3", "0", "8")), 8, "does not fill its 8 bytes"),
        (format!(r#"{{"a":{}}}"#, f32s("2", "0", &max)), 8, "outside"),
        (format!(r#"{{"a":{}}}"#, f32s(&max, "0", "8")), 8, "does not fill"),
        (format!(r#"{{"a":{}}}"#, f32s("4611686018427387906", "0", "8")), 8, "does not fill"),
        (format!(r#"{{"a":{}}}"#, f32s("-2", "0", "8")), 8, "cannot be read"),
        (format!(r#"{{"a":{}}}"#, f32s("1,1,1,1,1,1,1,1,2", "0", "8")), 8, "at most 8 sides"),
        (format!(r#"{{"a":{0},"a":{1}}}"#, f32s("2", "0", "8"), f32s("1", "8", "12")), 12, "there twice"),
        (r#"{"a":{"dtype":4,"shape":[],"data_offsets":[0,0]}}"#.to_owned(), 0, "cannot be read"),
        (
            r#"{"a":{"dtype":"Q4","shape":[],"data_offsets":[0,2]}}"#.to_owned(),
            1,
            "outside the 1 bytes of data",
        ),
        (format!(r#"{{"a":{{"dtype":"{}"}}}}"#, "Q".repeat(100_000)), 0, "cannot be read"),
        (
            format!(r#"{{"{}":{}}}"#, "n\\n".repeat(10_000), f32s("2", "0", "9")),
            9,
            "does not fill its 9 bytes",
        ),
        (r#"{"__metadata__":{"a":1}}"#.to_owned(), 0, "cannot be read"),
        ("[".repeat(100_000), 0, "cannot be read"),
        (r#"{"a":"#.repeat(10_000), 0, "cannot be read"),
        (" ".repeat((1 << 20) + 1), 0, "at most 1048576 are accepted"),
    ] {
        let message = refused(&header, data);
        assert!(message.contains(words), "'{words}' in '{message}'");
        assert!(message.len() < 1000, "{message}");
    }
}

#[test]
fn lengths_are_not_believed() {
    for (bytes, words) in [
        (vec![], "0 bytes are too few"),
        (vec![1, 2, 3], "3 bytes are too few"),
        (vec![0xFF; 8], "cut short, or another format"),
        ([u64::MAX.to_le_bytes(), [b' '; 8]].concat(), "cut short, or another format"),
        ([(1_u64 << 40).to_le_bytes(), [b' '; 8]].concat(), "in a file of 16"),
    ] {
        let message = ParameterStore::from_bytes("bad", bytes).unwrap_err().to_string();
        assert!(message.contains(words), "'{words}' in '{message}'");
    }
    let dir = tempfile::tempdir().unwrap();
    assert!(ParameterStore::open(dir.path()).is_err(), "a folder");
    assert!(matches!(ParameterStore::open(Path::new("/no/such/file")), Err(StoreError::Io { .. })));
    let empty = dir.path().join("empty.safetensors");
    std::fs::write(&empty, []).unwrap();
    assert!(matches!(ParameterStore::open(&empty), Err(StoreError::Malformed { .. })));
}

/// Everything a caller may do with a store.
fn use_all(store: &ParameterStore) {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    for entry in store.entries() {
        let bytes = store.bytes(&entry.name).unwrap();
        // The size of an unknown type is the header's word.
        if entry.dtype != Dtype::Other {
            assert_eq!(bytes.len(), entry.shape.iter().product::<usize>() * entry.dtype.size());
        }
        if let Ok(values) = store.read(&entry.name) {
            assert_eq!(values.len(), entry.shape.iter().product::<usize>());
        }
    }
    assert!(recognise(store).unwrap_err().to_string().len() < 10_000);
    assert!(Parameters::read(&graph, store).is_err());
}

#[test]
fn mutated_files_do_no_harm() {
    let header = r#"{"__metadata__":{"a":"b"},"conv.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"conv.bias":{"dtype":"F16","shape":[4],"data_offsets":[24,32]},"n":{"dtype":"I64","shape":[],"data_offsets":[32,40]}}"#;
    let seed = file(header, &[0x3C; 40]);
    use_all(&ParameterStore::from_bytes("seed", seed.clone()).unwrap());
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let digits = b"0123456789{}[]\",:-eE.\\ \x00\xFF";
    let mut accepted = 0;
    for round in 0..6000 {
        let mut bytes = seed.clone();
        for _ in 0..1 + random(3) {
            let at = random(bytes.len());
            match random(6) {
                0 => bytes[at] ^= 1 << random(8),
                1 => bytes[at] = digits[random(digits.len())],
                2 => bytes.truncate(at.max(1)),
                3 => {
                    let end = (at + random(30)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = random(bytes.len());
                    bytes.splice(to..to, piece);
                }
                4 => bytes.insert(at, digits[random(digits.len())]),
                _ => {
                    // Keep the header's length true, so that its text is what is tested.
                    let at = 8 + random(bytes.len().saturating_sub(9).max(1));
                    if at < bytes.len() && bytes.len() > 48 {
                        bytes[at] = digits[random(digits.len())];
                        let length = (bytes.len() - 48) as u64;
                        bytes[..8].copy_from_slice(&length.to_le_bytes());
                    }
                }
            }
        }
        match ParameterStore::from_bytes("mutated", bytes) {
            Ok(store) => {
                accepted += 1;
                if round % 10 == 0 {
                    use_all(&store);
                }
            }
            Err(error) => assert!(error.to_string().len() < 2000, "{error}"),
        }
    }
    assert!(accepted > 100, "{accepted} mutations were still well-formed");
}
