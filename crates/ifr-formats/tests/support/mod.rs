//! Writers of whole networks in other people's formats, for tests alone: plain forms of what the tools write.
#![allow(dead_code, reason = "each test uses some")]

use std::path::PathBuf;

use ifr_net::{IfrNet, IfrPlus, Network, Parameters, Ratio};

/// The networks that are published.
pub(crate) const PUBLISHED: [Network; 4] = [
    Network::IfrNet(IfrNet::S),
    Network::IfrNet(IfrNet::B),
    Network::IfrNet(IfrNet::L),
    Network::IfrPlus(IfrPlus::PUBLISHED),
];

/// A fixture beside this folder.
pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Made-up weights.
pub(crate) fn by_rule(network: Network) -> Parameters {
    Parameters::by_rule(&network.graph(Ratio::ONE).unwrap())
}

/// Names, shapes and values.
pub(crate) type Arrays = Vec<(String, Vec<usize>, Vec<f32>)>;

/// A network's arrays, each name behind `prefix`.
pub(crate) fn arrays(parameters: &Parameters, prefix: &str) -> Arrays {
    parameters.iter().map(|(p, v)| (format!("{prefix}{}", p.name), p.shape.clone(), v.to_vec())).collect()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Programs of protocol 2.
#[derive(Default)]
pub(crate) struct Program(pub(crate) Vec<u8>);

impl Program {
    pub(crate) fn new() -> Self {
        Self(vec![0x80, 2])
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.0.push(b'X');
        self.0.extend((text.len() as u32).to_le_bytes());
        self.0.extend(text.as_bytes());
    }

    pub(crate) fn int(&mut self, number: usize) {
        self.0.push(b'J');
        self.0.extend((number as i32).to_le_bytes());
    }

    pub(crate) fn global(&mut self, module: &str, name: &str) {
        self.0.extend(format!("c{module}\n{name}\n").bytes());
    }

    pub(crate) fn ints(&mut self, numbers: &[usize]) {
        self.0.push(b'(');
        numbers.iter().for_each(|&n| self.int(n));
        self.0.push(b't');
    }

    /// A tensor of 32-bit numbers that fills the storage of that key.
    pub(crate) fn tensor(&mut self, key: &str, shape: &[usize], legacy: bool) {
        let count = shape.iter().product();
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.0.extend(b"((");
        self.text("storage");
        self.global("torch", "FloatStorage");
        self.text(key);
        self.text("cpu");
        self.int(count);
        if legacy {
            self.0.push(b'N');
        }
        self.0.extend(b"tQ");
        self.int(0);
        self.ints(shape);
        let mut strides = vec![1; shape.len()];
        for i in (1..shape.len()).rev() {
            strides[i - 1] = strides[i] * shape[i];
        }
        self.ints(&strides);
        self.0.push(0x89);
        self.global("collections", "OrderedDict");
        self.0.extend(b")RtR");
    }

    /// A dictionary of tensors, with the number of each as the key of its storage.
    pub(crate) fn state_dict(arrays: &Arrays, legacy: bool) -> Vec<u8> {
        let mut program = Self::new();
        program.0.extend(b"}(");
        for (key, (name, shape, _)) in arrays.iter().enumerate() {
            program.text(name);
            program.tensor(&key.to_string(), shape, legacy);
        }
        program.0.extend(b"u.");
        program.0
    }
}

/// A zip archive of stored files.
pub(crate) fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let crc = crc.sum();
        let fixed = |central: bool| {
            let mut h = if central { b"PK\x01\x02\0\0".to_vec() } else { b"PK\x03\x04".to_vec() };
            // Version, flags, method and time (the directory's first version is there already), then the checksum.
            h.extend([0; 10]);
            h.extend(crc.to_le_bytes());
            h.extend((data.len() as u32).to_le_bytes());
            h.extend((data.len() as u32).to_le_bytes());
            h.extend((name.len() as u16).to_le_bytes());
            h.extend([0; 2]);
            h
        };
        directory.extend(fixed(true));
        directory.extend([0; 10]);
        directory.extend((out.len() as u32).to_le_bytes());
        directory.extend(name.bytes());
        out.extend(fixed(false));
        out.extend(name.bytes());
        out.extend(data);
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((files.len() as u16).to_le_bytes());
    out.extend((files.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

/// As torch 1.6 and later write.
pub(crate) fn torch_zip(arrays: &Arrays) -> Vec<u8> {
    let mut files = vec![
        ("w/data.pkl".to_owned(), Program::state_dict(arrays, false)),
        ("w/byteorder".to_owned(), b"little".to_vec()),
    ];
    files.extend(arrays.iter().enumerate().map(|(k, (_, _, v))| (format!("w/data/{k}"), floats(v))));
    zip(&files)
}

/// As torch before 1.6 wrote.
pub(crate) fn torch_legacy(arrays: &Arrays) -> Vec<u8> {
    let mut out = vec![0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, b'.'];
    out.extend([0x80, 2, b'M', 0xE9, 3, b'.']);
    let mut system = Program::new();
    system.0.push(b'}');
    system.text("little_endian");
    system.0.extend([0x88, b's', b'.']);
    out.extend(system.0);
    out.extend(Program::state_dict(arrays, true));
    let mut keys = Program::new();
    keys.0.extend(b"](");
    (0..arrays.len()).for_each(|key| keys.text(&key.to_string()));
    keys.0.extend(b"e.");
    out.extend(keys.0);
    for (_, _, values) in arrays {
        out.extend((values.len() as u64).to_le_bytes());
        out.extend(floats(values));
    }
    out
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &varint(content.len()), content].concat()
}

/// As MindSpore writes.
pub(crate) fn mindspore(arrays: &Arrays) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, shape, values) in arrays {
        let mut tensor: Vec<u8> = shape.iter().flat_map(|&side| [vec![8], varint(side)].concat()).collect();
        tensor.extend(field(2, b"Float32"));
        tensor.extend(field(3, &floats(values)));
        out.extend(field(1, &[field(1, name.as_bytes()), field(2, &tensor)].concat()));
    }
    out
}

/// IFRNet as ifrnet-ncnn-vulkan's models list it: `.param` and `.bin`, weights as 16-bit numbers if `half`.
pub(crate) struct Ncnn<'a> {
    parameters: &'a Parameters,
    half: bool,
    lines: Vec<String>,
    /// Blobs so far; the last is what the last layer made.
    pub(crate) blobs: usize,
    bin: Vec<u8>,
}

impl<'a> Ncnn<'a> {
    pub(crate) fn write(parameters: &'a Parameters, half: bool) -> (String, Vec<u8>) {
        let mut net = Self { parameters, half, lines: Vec::new(), blobs: 0, bin: Vec::new() };
        let inputs: Vec<usize> = (0..3).map(|_| net.layer("Input", &[], 1, "")[0]).collect();
        let encoders = [0, 1].map(|image| net.encoder(inputs[image]));
        let mut flows = None;
        let mut out = Vec::new();
        for level in [4, 3, 2, 1] {
            let [f0, f1] = [0, 1].map(|image: usize| encoders[image][level - 1]);
            let x = if level == 4 {
                net.layer("Concat", &[f0, f1, inputs[2]], 1, "0=0")[0]
            } else {
                let previous = flows.unwrap_or((out[0], out[1]));
                let (flow0, flow1): (usize, usize) = previous;
                let warp0 = net.layer("ifrnet.Warp", &[flow0, f0], 1, "")[0];
                let warp1 = net.layer("ifrnet.Warp", &[flow1, f1], 1, "")[0];
                net.layer("Concat", &[out[2], warp0, warp1, flow0, flow1], 1, "0=0")[0]
            };
            let raw = net.decoder(level, x);
            let (parts, sizes) = if level == 1 { (4, "4,2,2,1,-233") } else { (3, "3,2,2,-233") };
            let previous = out.clone();
            out = net.layer("Slice", &[raw], parts, &format!("-23300={sizes} 1=0"));
            if level < 4 {
                let (old0, old1) = flows.unwrap_or_else(|| (previous[0], previous[1]));
                let mut sum = |new: usize, old: usize| {
                    let large = net.layer("Interp", &[old], 1, "0=2 1=2.0 2=2.0 6=0")[0];
                    net.layer("Eltwise", &[new, large], 1, "0=1 -23301=2,1.0,2.0")[0]
                };
                flows = Some((sum(out[0], old0), sum(out[1], old1)));
            }
        }
        let mask = net.layer("Sigmoid", &[out[2]], 1, "")[0];
        net.layer("BinaryOp", &[mask, out[3]], 1, "0=0");
        let param = format!("7767517\n{} {}\n{}\n", net.lines.len(), net.blobs, net.lines.join("\n"));
        (param, net.bin)
    }

    fn layer(&mut self, kind: &str, inputs: &[usize], outputs: usize, numbers: &str) -> Vec<usize> {
        let made: Vec<usize> = (self.blobs..self.blobs + outputs).collect();
        self.blobs += outputs;
        let words = inputs.iter().chain(&made).map(usize::to_string).collect::<Vec<_>>().join(" ");
        let name = format!("l{}", self.lines.len());
        self.lines.push(format!("{kind:24} {name:24} {} {outputs} {words} {numbers}", inputs.len()));
        made
    }

    fn values(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let (info, values) = self.parameters.iter().find(|(info, _)| info.name == name).unwrap();
        (info.shape.clone(), values.to_vec())
    }

    fn conv(&mut self, name: &str, input: usize) -> usize {
        let (mut shape, mut values) = self.values(&format!("{name}.weight"));
        let up = name.ends_with("convblock.2");
        if up {
            let [inputs, outputs, taps] = [shape[0], shape[1], shape[2] * shape[3]];
            let place = |i: usize| {
                let (o, rest) = (i / (inputs * taps), i % (inputs * taps));
                (rest / taps * outputs + o) * taps + rest % taps
            };
            values = (0..values.len()).map(|i| values[place(i)]).collect();
            shape.swap(0, 1);
        }
        if self.half {
            self.bin.extend(0x0130_6B47_u32.to_le_bytes());
            self.bin.extend(values.iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()));
            self.bin.resize(self.bin.len().next_multiple_of(4), 0);
        } else {
            self.bin.extend([0; 4]);
            self.bin.extend(floats(&values));
        }
        self.bin.extend(floats(&self.values(&format!("{name}.bias")).1));
        let kind = if up { "Deconvolution" } else { "Convolution" };
        let shrinks = name.starts_with("encoder") && name.ends_with("0.0");
        let (stride, padding) = (if up || shrinks { 2 } else { 1 }, if up { 1 } else { shape[3] / 2 });
        let numbers = format!(
            "0={} 1={} 11={} 12=1 13={stride} 14={padding} {}2=1 3={stride} 4={padding} 5=1 6={}",
            shape[0],
            shape[3],
            shape[2],
            if up { "18=0 19=0 " } else { "" },
            values.len()
        );
        self.layer(kind, &[input], 1, &numbers)[0]
    }

    fn prelu(&mut self, name: &str, input: usize) -> usize {
        let (_, slopes) = self.values(name);
        self.bin.extend(floats(&slopes));
        self.layer("PReLU", &[input], 1, &format!("0={}", slopes.len()))[0]
    }

    fn conv_prelu(&mut self, name: &str, input: usize) -> usize {
        let x = self.conv(&format!("{name}.0"), input);
        self.prelu(&format!("{name}.1.weight"), x)
    }

    fn encoder(&mut self, image: usize) -> Vec<usize> {
        let mut x = image;
        let mut levels = Vec::new();
        for level in 1..=4 {
            for step in 0..2 {
                x = self.conv_prelu(&format!("encoder.pyramid{level}.{step}"), x);
            }
            let split = self.layer("Split", &[x], 2, "");
            levels.push(split[0]);
            x = split[1];
        }
        levels
    }

    fn decoder(&mut self, level: usize, input: usize) -> usize {
        let block = format!("decoder{level}.convblock");
        let first = self.conv_prelu(&format!("{block}.0"), input);
        let split = self.layer("Split", &[first], 2, "");
        let mut x = split[1];
        for n in [1, 3] {
            let whole = self.conv_prelu(&format!("{block}.1.conv{n}"), x);
            let outputs = |n: usize| self.values(&format!("{block}.1.conv{n}.0.weight")).0[0];
            let sizes = format!("-23300=2,{},-233 1=0", outputs(n) - outputs(n + 1));
            let parts = self.layer("Slice", &[whole], 2, &sizes);
            let side = self.conv_prelu(&format!("{block}.1.conv{}", n + 1), parts[1]);
            x = self.layer("Concat", &[parts[0], side], 1, "0=0")[0];
        }
        let last = self.conv(&format!("{block}.1.conv5"), x);
        let sum = self.layer("BinaryOp", &[split[0], last], 1, "0=0")[0];
        let y = self.prelu(&format!("{block}.1.prelu.weight"), sum);
        self.conv(&format!("{block}.2"), y)
    }
}
