//! Computed labels of fixed triplets, kept on disk: whole numbers of 16 bits, a quarter of what `.flo` files take.

use std::fs;
use std::io::Read;
use std::path::Path;

use ifr_flow::{FlowField, Quality};

use crate::set::index::{Stamp, write_whole};

/// Name and version of the format.
const MAGIC: &[u8; 8] = b"ifrlab01";
/// Magic, quality, stamp, width, height, step.
const HEADER: usize = 8 + 1 + 24 + 4 + 4 + 4;

/// Displacements from here on say "unknown" in `.flo` files: no labels hold them.
const UNKNOWN: f32 = 1e9;

/// Two fields of one size as whole numbers of a common step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    width: u32,
    height: u32,
    /// Pixels a unit.
    step: f32,
    /// x, y of the first field, x, y of the second.
    values: Vec<i16>,
}

impl Kept {
    /// The fields to the nearest step: a 32767th of the largest displacement.
    pub(crate) fn new(fields: &[FlowField; 2]) -> Self {
        let all = || fields.iter().flat_map(|f| f.u().iter().chain(f.v()));
        let most = all().fold(0.0_f32, |most, v| most.max(v.abs()));
        let step = if most > 0.0 { most / 32767.0 } else { 1.0 };
        let values = all().map(|v| (v / step).round() as i16).collect();
        let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { width: size(fields[0].width()), height: size(fields[0].height()), step, values }
    }

    /// The fields; `None` when the values are not as many as the size asks for.
    pub(crate) fn fields(&self) -> Option<[FlowField; 2]> {
        let (w, h) = (self.width as usize, self.height as usize);
        let area = w.checked_mul(h).filter(|&a| a > 0)?;
        let mut planes =
            self.values.chunks_exact(area).map(|p| p.iter().map(|&v| f32::from(v) * self.step).collect());
        let mut field = || FlowField::from_channels(w, h, planes.next()?, planes.next()?);
        Some([field()?, field()?])
    }

    /// Writes them.
    pub(crate) fn write(&self, path: &Path, quality: Quality, stamp: Stamp) -> std::io::Result<()> {
        let mut out = Vec::with_capacity(HEADER + 2 * self.values.len());
        out.extend_from_slice(MAGIC);
        out.push(quality as u8);
        out.extend_from_slice(&stamp.to_bytes());
        out.extend_from_slice(&self.width.to_le_bytes());
        out.extend_from_slice(&self.height.to_le_bytes());
        out.extend_from_slice(&self.step.to_le_bytes());
        self.values.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
        write_whole(path, &out)
    }

    /// Reads those of `size` that were made with that quality from images with that stamp; `None` where there are none.
    pub(crate) fn read(path: &Path, quality: Quality, stamp: Stamp, size: (usize, usize)) -> Option<Self> {
        let expected = file_bytes(size)?;
        let mut bytes = Vec::new();
        fs::File::open(path).ok()?.take(expected as u64 + 1).read_to_end(&mut bytes).ok()?;
        Self::parse(&bytes, quality, stamp, size)
    }

    fn parse(bytes: &[u8], quality: Quality, stamp: Stamp, size: (usize, usize)) -> Option<Self> {
        let expected = file_bytes(size)?;
        let word = |at: usize| -> Option<[u8; 4]> { bytes.get(at..at + 4)?.try_into().ok() };
        let (width, height) = (u32::from_le_bytes(word(33)?), u32::from_le_bytes(word(37)?));
        let step = f32::from_le_bytes(word(41)?);
        let sound = bytes.len() == expected
            && bytes.starts_with(MAGIC)
            && bytes[8] == quality as u8
            && bytes[9..33] == stamp.to_bytes()
            && (width as usize, height as usize) == size
            && step > 0.0
            && step < UNKNOWN / 32768.0;
        let values =
            || bytes[HEADER..].as_chunks::<2>().0.iter().map(|&pair| i16::from_le_bytes(pair)).collect();
        sound.then(|| Self { width, height, step, values: values() })
    }
}

/// Bytes of a file of that size.
fn file_bytes(size: (usize, usize)) -> Option<usize> {
    size.0.checked_mul(size.1)?.checked_mul(8)?.checked_add(HEADER)
}

/// Reads any bytes as labels of every size up to 9×9: no panic, and what is read holds finite numbers of that size.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn try_labels(bytes: &[u8]) -> bool {
    let stamp = Stamp::default();
    let sizes = (0..100).map(|i| (i % 10, i / 10));
    let read = sizes.filter_map(|size| Some((size, Kept::parse(bytes, Quality::Fast, stamp, size)?)));
    let all: Vec<_> = read.collect();
    for (size, kept) in &all {
        let fields = kept.fields();
        assert_eq!(fields.is_some(), size.0 * size.1 > 0);
        for field in fields.iter().flatten() {
            assert_eq!((field.width(), field.height()), *size);
            assert!(field.u().iter().chain(field.v()).all(|v| v.is_finite()));
        }
    }
    !all.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `fuzz/fuzz_targets/labels.rs` does with mutations of its own.
    #[test]
    fn mutations_of_labels_do_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.labels");
        let field = FlowField::from_fn(7, 5, |x, y| [x as f32 - 3.3, y as f32]);
        Kept::new(&[field.clone(), field]).write(&path, Quality::Fast, Stamp::default()).unwrap();
        let seed = fs::read(&path).unwrap();
        assert!(try_labels(&seed));
        let read =
            crate::random::mutations(&seed, b"\0\x01\x05\x07\x7f\x80\xff", 4000).filter(|b| try_labels(b));
        assert!(read.count() > 100);
        // In the header, where it matters.
        for at in 0..HEADER {
            for value in 0..=255 {
                let mut bytes = seed.clone();
                bytes[at] = value;
                try_labels(&bytes);
            }
        }
        assert_eq!(Kept::parse(&seed, Quality::Fast, Stamp::default(), (usize::MAX, 2)), None);
        assert_eq!(Kept::parse(&seed, Quality::Fast, Stamp::default(), (usize::MAX / 8, 1)), None);
    }

    #[test]
    fn fields_survive_to_the_step() {
        let field = |k: f32| FlowField::from_fn(7, 5, |x, y| [k * x as f32 - 3.3, y as f32 * -k]);
        let fields = [field(1.7), field(-4.1)];
        let kept = Kept::new(&fields);
        let back = kept.fields().unwrap();
        for (a, b) in fields.iter().zip(&back) {
            assert!(a.end_point_error(b) < 1e-3);
        }
        // What is read is what was kept when it was first computed, to the bit.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.labels");
        let stamp = Stamp::of_paths(&[]).unwrap();
        kept.write(&path, Quality::Fast, stamp).unwrap();
        assert_eq!(Kept::read(&path, Quality::Fast, stamp, (7, 5)), Some(kept));
        assert_eq!(Kept::read(&path, Quality::Standard, stamp, (7, 5)), None);
        assert_eq!(Kept::read(&path, Quality::Fast, stamp, (5, 7)), None);
        assert_eq!(
            Kept::read(&path, Quality::Fast, Stamp::of_paths(std::slice::from_ref(&path)).unwrap(), (7, 5)),
            None
        );
        let whole = fs::read(&path).unwrap();
        for cut in [0, 8, 44, HEADER, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(Kept::read(&path, Quality::Fast, stamp, (7, 5)), None, "{cut} bytes");
        }
        let still = [FlowField::new(2, 2), FlowField::new(2, 2)];
        assert_eq!(Kept::new(&still).fields().unwrap(), still);
    }
}
