//! Whole networks in every format are recognised and come back value by value.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use ifr_formats::{Format, FormatError, Imported};
use ifr_net::{Dtype, IfrNet, Network, Parameters, write_safetensors};
use support::{Ncnn, PUBLISHED, arrays, by_rule};

fn same(imported: &Imported, network: Network, parameters: &Parameters) {
    assert_eq!(imported.network(), network);
    assert!(imported.parameters().unwrap() == *parameters, "{network} from {}", imported.format());
}

#[test]
fn pytorch_and_mindspore() {
    for network in PUBLISHED {
        let parameters = by_rule(network);
        for (format, prefix, bytes) in [
            (Format::PyTorch, "module.", support::torch_zip(&arrays(&parameters, "module."))),
            (Format::PyTorch, "", support::torch_legacy(&arrays(&parameters, ""))),
            (Format::MindSpore, "network.", support::mindspore(&arrays(&parameters, "network."))),
        ] {
            let imported = Imported::from_bytes("x", bytes).unwrap();
            assert_eq!((imported.format(), imported.prefix()), (format, prefix));
            assert!(imported.ignored().is_empty());
            same(&imported, network, &parameters);
        }
    }
}

#[test]
fn ncnn_of_32_and_16_bits() {
    let dir = tempfile::tempdir().unwrap();
    for network in [IfrNet::S, IfrNet::B, IfrNet::L].map(Network::IfrNet) {
        let mut parameters = by_rule(network);
        let (param, bin) = Ncnn::write(&parameters, false);
        std::fs::write(dir.path().join("n.param"), &param).unwrap();
        std::fs::write(dir.path().join("n.bin"), &bin).unwrap();
        for given in ["n.param", "n.bin"] {
            let imported = ifr_formats::open(dir.path().join(given)).unwrap();
            assert_eq!(imported.format(), Format::Ncnn);
            assert_eq!(imported.ignored(), ["the encoder's second copy (24 arrays, equal to the first)"]);
            same(&imported, network, &parameters);
        }
        let (param, bin) = Ncnn::write(&parameters, true);
        let imported = Imported::from_ncnn("half", param.as_bytes(), bin).unwrap();
        let graph = network.graph(ifr_net::Ratio::ONE).unwrap();
        for (id, info) in graph.param_ids().zip(graph.params()) {
            // Biases and slopes are never halved.
            if info.shape.len() > 1 {
                parameters.get_mut(id).iter_mut().for_each(|v| *v = half::f16::from_f32(*v).to_f32());
            }
        }
        same(&imported, network, &parameters);
    }
}

#[test]
fn safetensors_of_any_prefix() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("named-like-nothing");
    for network in [Network::IfrNet(IfrNet::S_FLOW), PUBLISHED[3]] {
        let parameters = by_rule(network);
        let named = arrays(&parameters, "_orig_mod.module.");
        let tensors = named.iter().map(|(n, s, v)| (n.as_str(), s.as_slice(), v.as_slice()));
        write_safetensors(&path, Dtype::F32, tensors, &network.metadata()).unwrap();
        let imported = ifr_formats::open(&path).unwrap();
        assert_eq!((imported.format(), imported.prefix()), (Format::Safetensors, "_orig_mod.module."));
        assert_eq!(imported.store().metadata(), &network.metadata());
        same(&imported, network, &parameters);
    }
}

/// Types that are not known, or not read, take nothing from the others.
#[test]
fn safetensors_with_arrays_of_other_types() {
    let parameters = by_rule(PUBLISHED[0]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plain");
    let named = arrays(&parameters, "");
    let tensors = named.iter().map(|(n, s, v)| (n.as_str(), s.as_slice(), v.as_slice()));
    write_safetensors(&path, Dtype::F32, tensors, &Default::default()).unwrap();
    let plain = std::fs::read(&path).unwrap();
    let length = u64::from_le_bytes(plain[..8].try_into().unwrap()) as usize;
    let (header, data) = plain[8..].split_at(length);
    for (dtype, bytes) in [("C64", 24), ("F8_E8M0", 3), ("I64", 24), ("F4", 2)] {
        let end = data.len() + bytes;
        let extra =
            format!(r#""extra":{{"dtype":"{dtype}","shape":[3],"data_offsets":[{},{end}]}}}}"#, data.len());
        let header = std::str::from_utf8(header).unwrap().trim_end().strip_suffix('}').unwrap();
        let header = format!("{header},{extra}");
        let length = (header.len() as u64).to_le_bytes();
        let file = [&length[..], header.as_bytes(), data, &vec![1; bytes]].concat();
        let imported = Imported::from_bytes("x", file).unwrap();
        assert_eq!(imported.ignored(), ["arrays of integers or other types that are not read: 1"]);
        same(&imported, PUBLISHED[0], &parameters);
    }
}

#[test]
fn what_is_beside_the_network_is_left_aside() {
    let network = PUBLISHED[0];
    let parameters = by_rule(network);
    let mut all = arrays(&parameters, "exp_avg.");
    all.extend(arrays(&parameters, "params."));
    all.extend(arrays(&parameters, "params_ema."));
    for (_, _, values) in &mut all[..parameters.iter().count() * 2] {
        values.fill(0.0);
    }
    all.push(("beta1_power".to_owned(), vec![], vec![0.9]));
    let imported = Imported::from_bytes("x", support::torch_zip(&all)).unwrap();
    assert_eq!(imported.prefix(), "params_ema.");
    same(&imported, network, &parameters);
    let ignored = imported.ignored().join("; ");
    assert!(ignored.contains("another ifrnet-s under 'params.*' (a second set of weights)"), "{ignored}");
    assert!(ignored.contains("another ifrnet-s under 'exp_avg.*' (an optimiser's state)"), "{ignored}");

    // Whole words decide: a gradnet is no optimiser, a schema no average. Of two alike the first is taken.
    for (first, second, chosen) in [
        ("gradnet.", "net.", "gradnet."),
        ("net.", "schema.", "net."),
        ("net.", "model_ema1.", "model_ema1."),
        ("adam_v2.", "net.", "net."),
        ("exp_avg_sq.", "net.", "net."),
        ("optimizer.state.", "net.", "net."),
    ] {
        let all = [arrays(&parameters, first), arrays(&parameters, second)].concat();
        let imported = Imported::from_bytes("x", support::torch_zip(&all)).unwrap();
        assert_eq!(imported.prefix(), chosen, "of {first} and {second}");
    }

    // MindSpore keeps them side by side.
    let ifr_plus = by_rule(PUBLISHED[3]);
    let mut all = arrays(&ifr_plus, "");
    all.extend(arrays(&ifr_plus, "moment1."));
    all.push(("global_step".to_owned(), vec![1], vec![7.0]));
    let imported = Imported::from_bytes("x", support::mindspore(&all)).unwrap();
    assert_eq!(imported.prefix(), "");
    same(&imported, PUBLISHED[3], &ifr_plus);
    let inner: Vec<_> = arrays(&ifr_plus, "")
        .into_iter()
        .map(|(name, shape, values)| (name["generator.".len()..].to_owned(), shape, values))
        .collect();
    same(&Imported::from_bytes("x", support::mindspore(&inner)).unwrap(), PUBLISHED[3], &ifr_plus);
}

#[test]
fn a_network_that_is_almost_one_is_compared_with_it() {
    let parameters = by_rule(PUBLISHED[0]);
    let mut all = arrays(&parameters, "module.");
    all.retain(|(name, ..)| !name.contains("decoder2"));
    all.push(("module.decoder5.extra".to_owned(), vec![2], vec![0.0; 2]));
    let first = all.iter().position(|(name, ..)| name.ends_with("pyramid1.0.0.weight")).unwrap();
    all[first].1 = vec![24, 3, 9, 1];
    let error = Imported::from_bytes("x.pth", support::torch_zip(&all)).unwrap_err();
    assert!(matches!(error, FormatError::Network(_)), "{error}");
    let message = error.to_string();
    for part in [
        "x.pth (85 arrays) holds none of the known networks",
        "closest: ",
        "20 missing: decoder2.convblock.0.0.bias",
        "1 surplus: decoder5.extra 2",
        "1 of another shape: encoder.pyramid1.0.0.weight 24x3x9x1 (expected 24x3x3x3)",
    ] {
        assert!(message.contains(part), "'{part}' in '{message}'");
    }
}

#[test]
fn another_arrangement_in_ncnn_is_refused() {
    let parameters = by_rule(PUBLISHED[0]);
    let (param, bin) = Ncnn::write(&parameters, false);
    let refused = |param: &str, bin: &[u8]| {
        Imported::from_ncnn("n.param", param.as_bytes(), bin.to_vec()).unwrap_err().to_string()
    };
    let concat = param.lines().find(|line| line.starts_with("Concat")).unwrap();
    let mut words: Vec<&str> = concat.split_whitespace().collect();
    words.swap(4, 5);
    let message = refused(&param.replace(concat, &words.join(" ")), &bin);
    assert!(message.contains("does not read what convolution 1 of IFRNet's decoder 4 reads"), "{message}");

    let message = refused(&param, &bin[..bin.len() - 4]);
    assert!(message.contains("another .bin, or cut short"), "{message}");
    let message = refused(&param, &[&bin[..], &[0; 8]].concat());
    assert!(message.contains("8 of the"), "{message}");

    // The second encoder's first weight.
    let encoder: usize = parameters
        .iter()
        .filter(|(info, _)| info.name.starts_with("encoder"))
        .map(|(info, values)| 4 * values.len() + if info.shape.len() > 1 { 4 } else { 0 })
        .sum();
    let mut other = bin.clone();
    other[encoder + 4 + 100] ^= 1;
    let message = refused(&param, &other);
    assert!(
        message.contains("the encoders of the two images differ in encoder.pyramid1.0.0.weight"),
        "{message}"
    );

    let mut quantised = bin.clone();
    quantised[..4].copy_from_slice(&0x000D_4B38_u32.to_le_bytes());
    assert!(refused(&param, &quantised).contains("quantised to 8-bit integers"));
    let message = refused(&param.replacen("PReLU", "Swiss ", 1), &bin);
    assert!(message.contains("of kind Swiss, which IFRNet does not have"), "{message}");
}

/// What does not show in the weights.
#[test]
fn ncnn_layers_that_compute_something_else_are_refused() {
    let (param, bin) = Ncnn::write(&by_rule(PUBLISHED[0]), true);
    let first = "13=2 14=1 2=1 3=2 4=1";
    for (from, to, words) in [
        (first, "13=2 14=1 2=1 3=1 4=1", "a stride (parameter 3) is 1; IFRNet has 2 there"),
        (first, "13=1 14=1 2=1 3=2 4=1", "a stride (parameter 13) is 1; IFRNet has 2 there"),
        (first, "14=1 2=1 3=1 4=1", "a stride (parameter 3) is 1"),
        (first, "13=2 14=1 2=2 3=2 4=1", "a dilation (parameter 2) is 2; IFRNet has 1 there"),
        (first, "13=2 14=0 2=1 3=2 4=1", "a padding (parameter 14) is 0; IFRNet has 1 there"),
        (first, "13=2 14=1 2=1 3=2 4=-233", "a padding (parameter 4) is -233"),
        (first, "13=2 14=1 15=0 2=1 3=2 4=1", "a padding (parameter 15) is 0"),
        (first, "13=2 14=1 2=1 3=2 4=1 7=3", "the number of groups (parameter 7) is 3"),
        (first, "13=2 14=1 2=1 3=2 4=1 9=1", "a fused activation (parameter 9) is 1"),
        ("13=1 14=1 2=1 3=1 4=1", "13=2 14=1 2=1 3=2 4=1", "a stride (parameter 3) is 2; IFRNet has 1 there"),
        ("18=0 19=0 ", "18=1 19=1 ", "a number (parameter 18) is 1"),
        ("0=2 1=2.0 2=2.0 6=0", "0=2 1=2.0 2=4.0 6=0", "a factor (parameter 2) is 4.0; IFRNet has 2 there"),
        ("0=2 1=2.0 2=2.0 6=0", "0=1 1=2.0 2=2.0 6=0", "the way of resizing (parameter 0) is 1"),
        ("0=2 1=2.0 2=2.0 6=0", "0=2 1=2.0 2=2.0 6=1", "the alignment of corners (parameter 6) is 1"),
        (
            "0=1 -23301=2,1.0,2.0",
            "0=1 -23301=2,1.0,1.0",
            "the coefficients (parameter -23301) are '2,1.0,1.0'",
        ),
        ("0=1 -23301=2,1.0,2.0", "0=1", "the coefficients (parameter -23301) are '0'"),
        ("0=1 -23301=2,1.0,2.0", "0=0 -23301=2,1.0,2.0", "the operation (parameter 0) is 0"),
        ("=2,120,-233 1=0", "=2,100,-233 1=0", "the sizes of the parts (parameter -23300) are '2,100,-233'"),
        ("=3,2,2,-233 1=0", "=3,4,2,-233 1=0", "IFRNet has 2, 2, … there"),
        ("=4,2,2,1,-233 1=0", "=4,2,2,3,-233 1=0", "IFRNet has 2, 2, 1, … there"),
        ("=4,2,2,1,-233 1=0", "=4,2,2,1,-233 1=1", "the axis (parameter 1) is 1"),
    ] {
        assert!(param.contains(from), "{from}");
        let other = param.replacen(from, to, 1);
        let message = Imported::from_ncnn("n", other.as_bytes(), bin.clone()).unwrap_err().to_string();
        assert!(message.contains(words), "'{words}' in '{message}'");
    }
    // The residual block's sum, which must be one, of what the block reads.
    let sum = param.lines().find(|line| line.starts_with("BinaryOp")).unwrap();
    let product = sum.replace("0=0", "0=2");
    let message = Imported::from_ncnn("n", param.replace(sum, &product).as_bytes(), bin.clone()).unwrap_err();
    assert!(message.to_string().contains("the operation on two convolutions' outputs"), "{message}");
    let mut words: Vec<&str> = sum.split_whitespace().collect();
    words[4] = words[5];
    let message = Imported::from_ncnn("n", param.replace(sum, &words.join(" ")).as_bytes(), bin).unwrap_err();
    assert!(message.to_string().contains("is not added to what IFRNet adds it to"), "{message}");
}

#[test]
fn checksums_that_differ_are_mentioned() {
    let parameters = by_rule(PUBLISHED[0]);
    let arrays = arrays(&parameters, "");
    let mut bytes = support::torch_zip(&arrays);
    let first = arrays[0].2[0].to_le_bytes();
    let place = bytes.windows(4).position(|w| w == first).unwrap();
    bytes[place] ^= 1;
    let imported = Imported::from_bytes("x", bytes).unwrap();
    assert_eq!(imported.network(), PUBLISHED[0]);
    let ignored = imported.ignored();
    assert!(
        ignored.len() == 1 && ignored[0].starts_with("1 of 104 checksums, which are not those"),
        "{ignored:?}"
    );
}
