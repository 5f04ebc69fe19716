//! Weights in formats that are converted before they are used.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file that is no safetensors file but weights all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foreign {
    PyTorch,
    Checkpoint,
    Ncnn,
    Onnx,
}

impl Foreign {
    /// What a file that could not be read as safetensors is, by its first bytes or its name.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let mut start = [0; 8];
        let length = File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
        match &start[..length] {
            // Zip archives, and pickles of protocol 2, which is what PyTorch writes.
            [b'P', b'K', 3, 4, ..] | [0x80, 2, ..] => return Some(Self::PyTorch),
            // The number that ncnn's descriptions begin with.
            [b'7', b'7', b'6', b'7', b'5', b'1', b'7', ..] => return Some(Self::Ncnn),
            _ => {}
        }
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "pth" | "pt" | "pkl" | "tar" => Some(Self::PyTorch),
            "ckpt" => Some(Self::Checkpoint),
            "param" | "bin" => Some(Self::Ncnn),
            "onnx" => Some(Self::Onnx),
            _ => None,
        }
    }

    /// What it is and what to do with it.
    pub(crate) fn advice(self, path: &Path) -> String {
        let (file, made) = (path.display(), path.with_extension("safetensors"));
        let convert = |input: &Path| {
            format!(
                "a model is a safetensors file; make one with: ifr convert {} {}",
                input.display(),
                made.display()
            )
        };
        let ncnn: PathBuf = path.with_extension("param");
        match self {
            Self::PyTorch => format!("{file} is a PyTorch checkpoint, and {}", convert(path)),
            Self::Checkpoint => {
                format!("{file} is a checkpoint of a training framework, and {}", convert(path))
            }
            Self::Ncnn => format!("{file} is half of an ncnn model, and {}", convert(&ncnn)),
            Self::Onnx => format!(
                "{file} is an ONNX file, which is written here and not read: take the weights it was made from (a model is a \
                 safetensors file; `ifr convert IN OUT.safetensors` makes one of a .pth, .ckpt or .param file)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_content_then_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let cases: [(&str, &[u8], Option<Foreign>); 10] = [
            ("a.pth", b"anything", Some(Foreign::PyTorch)),
            ("a.pth.tar", b"", Some(Foreign::PyTorch)),
            ("a.safetensors", b"PK\x03\x04rest", Some(Foreign::PyTorch)),
            ("a", b"\x80\x02\x8a\x0a", Some(Foreign::PyTorch)),
            ("a.CKPT", b"anything", Some(Foreign::Checkpoint)),
            ("a.bin", b"anything", Some(Foreign::Ncnn)),
            ("flownet.txt", b"7767517\n104 1", Some(Foreign::Ncnn)),
            ("a.onnx", b"\x08\x07", Some(Foreign::Onnx)),
            ("a.safetensors", b"anything", None),
            ("a", b"", None),
        ];
        for (name, content, expected) in cases {
            let path = dir.path().join(name);
            std::fs::write(&path, content).unwrap();
            assert_eq!(Foreign::of(&path), expected, "{name}");
        }
        let advice = Foreign::Ncnn.advice(Path::new("x/flownet.bin"));
        assert!(advice.ends_with("ifr convert x/flownet.param x/flownet.safetensors"), "{advice}");
    }
}
