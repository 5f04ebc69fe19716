//! Files made to do harm: each ends in an error (or is read) without a panic and in memory that the file bounds. What `fuzz/` does
//! with mutations of its own is done here with fixed ones.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(unsafe_code, reason = "an allocator that counts")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use ifr_formats::Imported;
use support::{Program, fixture, zip};

/// The system's allocator; counts what is taken and the most ever taken.
struct Counting;

static TAKEN: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);
/// All ever taken, whether given back or not: what was written, unlike time, is the same on every machine.
static ALL: AtomicUsize = AtomicUsize::new(0);
/// The counts are the process's: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

// SAFETY: every call is passed on as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALL.fetch_add(layout.size(), Relaxed);
        MOST.fetch_max(TAKEN.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` returns and the most memory taken meanwhile, in bytes.
fn most_taken<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let (result, most, _) = taken(work);
    (result, most)
}

/// What `work` returns, the most memory taken meanwhile, and all that was taken one after another, in bytes.
fn taken<T>(work: impl FnOnce() -> T) -> (T, usize, usize) {
    let before = TAKEN.load(Relaxed);
    MOST.store(before, Relaxed);
    ALL.store(0, Relaxed);
    let result = work();
    (result, MOST.load(Relaxed) - before, ALL.load(Relaxed))
}

/// Reads all arrays of a file, as well as it can be.
fn read_all(file: &[u8]) -> Result<usize, String> {
    let store = Imported::arrays("hostile", file.to_vec()).map_err(|e| e.to_string())?;
    for entry in store.entries() {
        if let Ok(values) = store.read(&entry.name) {
            assert_eq!(values.len(), entry.shape.iter().product::<usize>(), "{}", entry.name);
        }
    }
    Ok(store.entries().len())
}

/// Reads a file that must be refused in these words, in no more memory than `bound`.
#[track_caller]
fn refused(file: &[u8], words: &str, bound: usize) {
    let (result, most, all) = taken(|| read_all(file));
    let message = result.unwrap_err();
    assert!(message.contains(words), "'{words}' in '{message}'");
    assert!(message.len() < 1000, "{message}");
    assert!(most <= bound + 2 * file.len(), "{most} bytes taken for a file of {}", file.len());
    assert!(all <= 4 * (bound + 2 * file.len()), "{all} bytes taken in all for a file of {}", file.len());
}

fn pickled(program: &[u8]) -> Vec<u8> {
    zip(&[("a/data.pkl".to_owned(), program.to_vec()), ("a/data/0".to_owned(), vec![0; 64])])
}

/// A state dict of one tensor: elements, offset, shape and strides as given (`K`: one byte, `J`: four, `\x8a`: eight).
fn tensor(key: &str, offset: i64, shape: &[i64], strides: &[i64]) -> Vec<u8> {
    let long = |n: i64| [&[0x8A, 8][..], &n.to_le_bytes()].concat();
    let tuple = |numbers: &[i64]| {
        let inner: Vec<u8> = numbers.iter().flat_map(|&n| long(n)).collect();
        [b"(", inner.as_slice(), b"t"].concat()
    };
    let mut program = Program::new();
    program.0.push(b'}');
    program.text("w");
    program.global("torch._utils", "_rebuild_tensor_v2");
    program.0.extend(b"((");
    program.text("storage");
    program.global("torch", "FloatStorage");
    program.text(key);
    program.text("cpu");
    program.0.extend(long(i64::MAX));
    program.0.extend(b"tQ");
    program.0.extend(long(offset));
    program.0.extend(tuple(shape));
    program.0.extend(tuple(strides));
    program.0.extend(b"\x89}tRs.");
    program.0
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

#[test]
fn tensors_outside_their_storages() {
    let _alone = ALONE.lock();
    assert_eq!(read_all(&pickled(&tensor("0", 4, &[3, 4], &[4, 1]))).unwrap(), 1);
    let huge = i64::MAX;
    for (program, words) in [
        (tensor("0", 5, &[3, 4], &[4, 1]), "do not lie in its 16"),
        (tensor("0", 0, &[3, 4], &[huge, 1]), "do not lie in its 16"),
        (tensor("0", huge, &[3, 4], &[4, 1]), "do not lie in its 16"),
        (tensor("0", 0, &[huge, huge], &[0, 0]), "a shape of"),
        (tensor("0", 0, &[1 << 40], &[0]), "an expanded view"),
        (tensor("0", 0, &[3, 4], &[-4, 1]), "place or stride of -4"),
        (tensor("0", -1, &[3, 4], &[4, 1]), "place or stride of -1"),
        (tensor("0", 0, &[3, 4], &[4]), "1 strides for 2 sides"),
        (tensor("0", 0, &[1; 9], &[1; 9]), "a shape of 9 sides"),
        (tensor("../../etc/passwd", 0, &[1], &[1]), "is not in the file"),
    ] {
        refused(&pickled(&program), words, 64 * KIB);
    }
}

#[test]
fn programs_that_go_wrong() {
    let _alone = ALONE.lock();
    let repeated = |code: &[u8], count: usize| [b"\x80\x02", code.repeat(count).as_slice(), b"."].concat();
    // Many lists in each other, each the only item of the next; one that contains itself; a dictionary that does.
    let nested =
        [b"\x80\x02", b"]".repeat(250_000).as_slice(), b"a".repeat(249_999).as_slice(), b"."].concat();
    refused(&pickled(&nested), "deep in each other", 128 * MIB);
    assert_eq!(read_all(&pickled(b"\x80\x02]q\0h\0a.")).unwrap(), 0);
    assert_eq!(read_all(&pickled(b"\x80\x02}q\0(X\x01\0\0\0ah\0X\x01\0\0\0bh\0u.")).unwrap(), 0);
    // A call whose argument is itself.
    let circle = b"\x80\x02}X\x01\0\0\0actorch._utils\n_rebuild_parameter\n]q\0h\0a\x85Rs.";
    assert_eq!(read_all(&pickled(circle)).unwrap(), 0);
    // A tensor of a subclass whose subclass is itself.
    let circle = b"\x80\x02}X\x01\0\0\0actorch._tensor\n_rebuild_from_type_v2\nq\x01]q\0(h\x01Nh\0eRs.";
    assert_eq!(read_all(&pickled(circle)).unwrap(), 0);
    // Classes are never looked for, functions never called.
    let system = b"\x80\x02}X\x01\0\0\0acposix\nsystem\nX\x0c\0\0\0touch /pwned\x85Rs.";
    assert_eq!(read_all(&pickled(system)).unwrap(), 0);

    for (program, words, bound) in [
        (repeated(b"]Na", 1 << 19), "more than 262144 objects", 96 * MIB),
        (repeated(b"}NNs", 1 << 19), "more than 262144 objects", 96 * MIB),
        (b"\x80\x02ccollections\nOrderedDict\n]Na\x85R.".to_vec(), "what are no pairs", 64 * KIB),
        (
            [b"\x80\x02c", "m".repeat(300).as_bytes(), b"\nx\n."].concat(),
            "a global of 300 and 1 bytes",
            64 * KIB,
        ),
        (b"\x80\x02".to_vec(), "ends early", 64 * KIB),
        (b"\x80\x09.".to_vec(), "is of protocol 9", 64 * KIB),
        (b"\x80\x02\xff.".to_vec(), "unknown code 0xff", 64 * KIB),
        (b"\x80\x02.".to_vec(), "takes from an empty stack", 64 * KIB),
        (b"\x80\x02(.".to_vec(), "takes from an empty stack", 64 * KIB),
        (b"\x80\x02Nt.".to_vec(), "closes what was not opened", 64 * KIB),
        (b"\x80\x02h\x07.".to_vec(), "recalls 7", 64 * KIB),
        (b"\x80\x02Nr\xff\xff\xff\xff.".to_vec(), "keeps a value under 4294967295", 64 * KIB),
        (b"\x80\x02X\xff\xff\xff\xffabc.".to_vec(), "ends early", 64 * KIB),
        (b"\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.".to_vec(), "ends early", 64 * KIB),
        (b"\x80\x02\x8b\xff\xff\xff\x7fabc.".to_vec(), "ends early", 64 * KIB),
        (b"\x80\x02]Na}Ns.".to_vec(), "sets an item of what is no dictionary", 64 * KIB),
        (b"\x80\x02NNa.".to_vec(), "appends to what is no list", 64 * KIB),
        (b"\x80\x02}(Nu.".to_vec(), "a key without a value", 64 * KIB),
        (repeated(b"]", 1 << 21), "more than 262144 objects", 48 * MIB),
        (repeated(b"N", 1 << 21), "on its stack", 64 * MIB),
        (repeated(b"(", 1 << 21), "marks", 64 * MIB),
        (repeated(b"]q\0h\0h\0h\0h\0\x86", 1 << 20), "more than", 160 * MIB),
    ] {
        refused(&pickled(&program), words, bound);
    }
    // Dictionaries in dictionaries, and names that grow.
    let mut deep = Program::new();
    deep.0.push(b'}');
    for _ in 0..100 {
        deep.text("a");
        deep.0.push(b'}');
    }
    deep.0.extend(b"s".repeat(100));
    deep.0.push(b'.');
    refused(&pickled(&deep.0), "deep in each other", 64 * KIB);
    let mut long = Program::new();
    long.0.push(b'}');
    long.text(&"x".repeat(4096));
    long.0.extend(b"}s.");
    refused(&pickled(&long.0), "a name of more than 512 bytes", 64 * KIB);
}

fn deflated(data: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(data).unwrap();
    packed.finish().unwrap()
}

#[test]
fn archives_that_lie() {
    let _alone = ALONE.lock();
    let good = pickled(&tensor("0", 0, &[4], &[1]));
    assert_eq!(read_all(&good).unwrap(), 1);
    let end = good.len() - 22;
    let directory = u32::from_le_bytes(good[end + 16..end + 20].try_into().unwrap()) as usize;
    let with = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    for (file, words) in [
        (good[..end].to_vec(), "no directory at the end"),
        (with(end + 10, &[0xFF, 0xFF]), "65535 files in a zip directory"),
        (with(end + 10, &[3, 0]), "3 files in a zip directory of 110 bytes"),
        (with(end + 12, &[0xFF; 4]), "no directory at the end"),
        (with(end + 16, &[0xFF; 4]), "no directory at the end"),
        (with(directory + 42, &[0xFF; 4]), "cut short or damaged"),
        (with(directory + 20, &[0xFF, 0xFF, 0xFF, 0]), "cut short or damaged"),
        (with(directory + 24, &[1, 0, 0, 0]), "the archive says 1"),
        (with(directory + 28, &[0xFF, 0xFF]), "cut short or damaged"),
        (with(directory + 10, &[12, 0]), "compressed by method 12"),
        (with(directory + 8, &[1, 0]), "encrypted"),
    ] {
        refused(&file, words, 64 * KIB);
    }

    // A program of 8 MiB in 8 KiB, one of 60 MiB, and one that says it holds less.
    for (size, said, words, bound) in [
        (8 * MIB, 8 * MIB, "unknown code", 40 * MIB),
        (60 * MIB, 60 * MIB, "at most 16777216 are accepted", MIB),
        (60 * MIB, 1 << 30, "at most 67108864 are accepted", MIB),
        (60 * MIB, KIB, "more than the 1024 bytes announced", MIB),
    ] {
        let mut file = zip(&[("a/data.pkl".to_owned(), deflated(&vec![0; size]))]);
        let end = file.len() - 22;
        let directory = u32::from_le_bytes(file[end + 16..end + 20].try_into().unwrap()) as usize;
        file[directory + 10] = 8;
        let mut crc = flate2::Crc::new();
        crc.update(&vec![0; size]);
        file[directory + 16..directory + 20].copy_from_slice(&crc.sum().to_le_bytes());
        file[directory + 24..directory + 28].copy_from_slice(&(said as u32).to_le_bytes());
        refused(&file, words, bound);
    }
}

#[test]
fn messages_that_lie() {
    let _alone = ALONE.lock();
    let value = |tensor: &[u8]| {
        let tag = b"\x0a\x01w";
        let inner = [&tag[..], &[0x12, tensor.len() as u8], tensor].concat();
        [&[0x0A, inner.len() as u8][..], &inner].concat()
    };
    let good = value(b"\x08\x02\x12\x07Float32\x1a\x08\0\0\0\0\0\0\0\0");
    assert_eq!(read_all(&good).unwrap(), 1);
    for (file, words) in [
        ([&good[..], &good[..good.len() - 1]].concat(), "where 25 are left"),
        (value(b"\x08\x03\x12\x07Float32\x1a\x08\0\0\0\0\0\0\0\0"), "8 bytes for [3] values of Float32"),
        (value(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x12\x07Float32\x1a\0"), "0 bytes for"),
        (value(&[&b"\x08\x01".repeat(9)[..], b"\x12\x07Float32\x1a\0"].concat()), "more than 8 sides"),
        (value(b"\x0a\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "more than 10 bytes"),
        (value(b"\x12\x07Float32"), "no content"),
        (value(b"\x1a\0"), "no type"),
        ([&good[..], b"\x0b"].concat(), "the unknown kind 3"),
        ([&good[..], b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"].concat(), "are left"),
        ([&good[..], b"crc_num\0\0\0\0\0\0\0\0\0\x01"].concat(), "its checksum is"),
    ] {
        refused(&file, words, 64 * KIB);
    }
    // Many small values of one name become one, not as many times the whole.
    let many = good.repeat(100_000);
    refused(&many, "bytes for [2] values", 32 * MIB);
}

#[test]
fn layers_that_lie() {
    let _alone = ALONE.lock();
    let refused = |param: &str, bin: &[u8], words: &str| {
        let (result, most) = most_taken(|| Imported::from_ncnn("hostile", param.as_bytes(), bin.to_vec()));
        let message = result.unwrap_err().to_string();
        assert!(message.contains(words), "'{words}' in '{message}'");
        assert!(most < MIB + 64 * param.len(), "{most}");
    };
    let one = |layer: &str| format!("7767517\n2 2\nInput in0 0 1 a\n{layer}\n");
    for (layer, words) in [
        ("Convolution c 1 1 a b 0=24 1=3 6=268435456", "another .bin, or cut short"),
        ("Convolution c 1 1 a b 0=24 1=3 6=99999999999", "parameter 6 is '99999999999'"),
        ("Convolution c 1 1 a b 0=24 1=3 6=-648", "parameter 6 is '-648'"),
        ("Convolution c 1 1 a b 0=24 1=9999 6=1", "a kernel of"),
        ("PReLU c 1 1 a b 0=268435456", "another .bin, or cut short"),
        ("PReLU c 1 1 a b 0=1 nonsense", "is no layer"),
        ("Split c 1 99999999 a b", "is no layer"),
        ("Split c 1 2 a b", "is no layer"),
        ("MemoryData c 0 1 b 0=268435456 1=268435456 2=268435456 11=268435456", "more values than any"),
        // 2^62 and 2^63 values: four times as many bytes are none, if counted in 64 bits.
        (
            "MemoryData c 0 1 b 0=268435456 1=268435456 2=64",
            "4611686018427387904 values, more than any memory",
        ),
        (
            "MemoryData c 0 1 b 0=268435456 1=268435456 2=128",
            "9223372036854775808 values, more than any memory",
        ),
        ("Mystery c 1 1 a b", "of kind Mystery"),
    ] {
        refused(&one(layer), &[0; 4], words);
    }
    // The same, marked as 16-bit numbers: twice 2^63 is none.
    let half = 0x0130_6B47_u32.to_le_bytes();
    for (side, count) in [(64, "4611686018427387904"), (128, "9223372036854775808")] {
        let layer = format!("MemoryData c 0 1 b 0=268435456 1=268435456 2={side} 21=0");
        let words = if side == 64 { "9223372036854775808 bytes of weights where" } else { count };
        refused(&one(&layer), &half, words);
    }
    refused(&one("Split c 1 1 z b"), &[], "reads 'z' before it is made");
    refused("7767517\n99999999 1\n", &[], "layers in the .param; at most 4096");
    refused("7767517\n-1 1\n", &[], "layers in the .param");
    refused("7767517\n", &[], "ends after its first line");
    refused("7767517\n3 3\nInput in0 0 1 a\n", &[], "announces 3 layers, but lists 1");
    refused("\x7f", &[], "not of the text form");
    let inputs: String = (0..4000).map(|n| format!("Input i{n} 0 1 b{n}\n")).collect();
    refused(&format!("7767517\n4000 4000\n{inputs}"), &[], "4000 inputs; IFRNet has 3");
}

/// Bytes changed, put in, left out, repeated and cut off, always in the same way.
struct Mutations {
    state: u64,
}

impl Mutations {
    fn below(&mut self, bound: usize) -> usize {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % bound.max(1)
    }

    fn of(&mut self, seed: &[u8]) -> Vec<u8> {
        const TELLING: &[u8] = b"\0\x01\x7f\x80\xff.(t}]RQbu0129 -=\n\x0a\x12\x1a\x08";
        let mut bytes = seed.to_vec();
        for _ in 0..1 + self.below(4) {
            let at = self.below(bytes.len());
            match self.below(8) {
                0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                1..=3 if !bytes.is_empty() => bytes[at] = TELLING[self.below(TELLING.len())],
                4 => bytes.insert(at, TELLING[self.below(TELLING.len())]),
                5 => {
                    let end = (at + self.below(40)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, piece);
                }
                6 => drop(bytes.drain(at..(at + self.below(8)).min(bytes.len()))),
                _ if self.below(8) == 0 => bytes.truncate(at),
                _ => {}
            }
        }
        bytes
    }
}

#[test]
fn mutations_neither_panic_nor_swell() {
    let _alone = ALONE.lock();
    let mut mutations = Mutations { state: 1 };
    let mut accepted = 0;
    for (name, rounds) in [
        ("zip.pth", 6000),
        ("protocol4.pth", 3000),
        ("legacy.pth", 8000),
        ("module.pth", 3000),
        ("torchscript.pt", 3000),
        ("plain.ckpt", 6000),
        ("sliced.ckpt", 3000),
    ] {
        let seed = std::fs::read(fixture(name)).unwrap();
        for round in 0..rounds {
            let file = mutations.of(&seed);
            let (result, most) = most_taken(|| read_all(&file));
            assert!(most < 2 * MIB, "{most} bytes taken for mutation {round} of {name}");
            match result {
                Ok(_) => accepted += 1,
                Err(message) => assert!(message.len() < 1500, "{message}"),
            }
        }
    }
    assert!(accepted > 1000, "{accepted} mutations could still be read");
    for name in ["tiny16", "tiny32"] {
        let param = std::fs::read(fixture(&format!("{name}.param"))).unwrap();
        let bin = std::fs::read(fixture(&format!("{name}.bin"))).unwrap();
        for _ in 0..3000 {
            let (param, bin) = (mutations.of(&param), mutations.of(&bin));
            assert!(Imported::from_ncnn("mutated", &param, bin).is_err());
        }
    }
}

/// The programs alone, where nothing around them is broken.
#[test]
fn mutated_programs_in_sound_archives() {
    let _alone = ALONE.lock();
    let mut mutations = Mutations { state: 2 };
    let arrays = vec![
        ("a.weight".to_owned(), vec![2, 3], vec![0.5; 6]),
        ("a.bias".to_owned(), vec![2], vec![0.25; 2]),
    ];
    let seed = Program::state_dict(&arrays, false);
    let mut accepted = 0;
    for _ in 0..10_000 {
        let program = mutations.of(&seed);
        let (result, most) = most_taken(|| read_all(&pickled(&program)));
        assert!(most < 2 * MIB, "{most}");
        accepted += usize::from(result.is_ok_and(|arrays| arrays > 0));
    }
    assert!(accepted > 300, "{accepted} mutations could still be read");
}

/// Programs that say much in few bytes: what is made of them is bounded whatever they repeat.
#[test]
fn programs_that_repeat_themselves() {
    let _alone = ALONE.lock();
    let entries = |key: &str, code: &[u8], count: usize| {
        let mut program = Program::new();
        program.text(key);
        program.0.extend(b"q\x000cfoo\nBar\nq\x010}");
        program.text(&"n".repeat(500));
        program.0.extend(b"h\x01)R}(");
        for number in 0..count {
            if key.is_empty() {
                program.int(number);
            } else {
                program.0.extend(b"h\x00");
            }
            program.0.extend(code);
        }
        program.0.extend(b"ubs.");
        program.0
    };
    // One name set again and again, with nothing, with a dictionary, with an object.
    for key in ["_modules", "_parameters", "weight"] {
        for code in [&b"N"[..], b"}", b"h\x01)R"] {
            let file = pickled(&entries(key, code, 50_000));
            let (result, most, all) = taken(|| read_all(&file));
            assert_eq!(result, Ok(0));
            assert!(most < 64 * MIB && all < 128 * MIB, "{most} and {all} bytes for {key}");
        }
    }
    refused(&pickled(&entries("", b"}", 100_000)), "more than 65536 items", 160 * MIB);
    refused(&pickled(&entries("_modules", b"]", 1 << 19)), "more than 262144 objects", 96 * MIB);
}

/// Parameters of parameters of parameters, each looked through again under every name.
#[test]
fn chains_end() {
    let _alone = ALONE.lock();
    let chained = |names: usize| {
        let mut program = Program::new();
        program.global("torch._utils", "_rebuild_parameter");
        program.0.extend(b"q\0N");
        for _ in 0..40 {
            // The class is put below what it is called with.
            program.0.extend(b"\x85q\x010h\0h\x01R");
        }
        program.0.extend(b"q\x020}(");
        for number in 0..names {
            program.int(number);
            program.0.extend(b"h\x02");
        }
        program.0.extend(b"u.");
        pickled(&program.0)
    };
    assert_eq!(read_all(&chained(50_000)), Ok(0));
    refused(&chained(65_000), "more than 2097152 items to look at", 16 * MIB);
}

#[test]
fn the_last_of_equal_keys_counts() {
    let _alone = ALONE.lock();
    let mut program = Program::new();
    program.0.push(b'}');
    for (name, shape) in [("w", [1]), ("v", [3]), ("w", [2])] {
        program.text(name);
        program.tensor("0", &shape, false);
        program.0.push(b's');
    }
    program.text("v");
    program.0.extend(b"Ns.");
    let store = Imported::arrays("x", pickled(&program.0)).unwrap();
    let found: Vec<_> = store.entries().iter().map(|e| (e.name.as_str(), e.shape.as_slice())).collect();
    assert_eq!(found, [("w", &[2][..])]);
}

/// A list's items have their numbers for names; lists that hold themselves, or numbers alone, are passed by.
#[test]
fn lists_are_entered() {
    let _alone = ALONE.lock();
    let mut program = Program::new();
    program.0.extend(b"]q\0(}");
    program.text("w");
    program.tensor("0", &[2], false);
    program.0.extend(b"sK\x01](");
    program.0.extend(b"K\x01K\x02\x86".repeat(70_000));
    program.0.extend(b"e(");
    program.tensor("0", &[3], false);
    program.0.extend(b"th\0e.");
    let store = Imported::arrays("x", pickled(&program.0)).unwrap();
    let found: Vec<_> = store.entries().iter().map(|e| (e.name.as_str(), e.shape.as_slice())).collect();
    assert_eq!(found, [("0.w", &[2][..]), ("3.0", &[3][..])]);
}

/// A seventh argument asks for values to be changed after reading, which is not done here.
#[test]
fn marked_tensors_are_refused() {
    let _alone = ALONE.lock();
    let plain = tensor("0", 0, &[4], &[1]);
    let with = |code: &[u8]| [&plain[..plain.len() - 4], code, b"tRs."].concat();
    for code in [&b"N"[..], b"}"] {
        assert_eq!(read_all(&pickled(&with(code))).unwrap(), 1);
    }
    refused(&pickled(&with(b"}X\x03\0\0\0neg\x88s")), "negated, conjugated", 64 * KIB);
    refused(&pickled(&with(b"\x88")), "negated, conjugated", 64 * KIB);
}

/// The same file with its only member deflated.
fn packed(name: &str, data: &[u8]) -> Vec<u8> {
    let mut file = zip(&[(name.to_owned(), deflated(data))]);
    let end = file.len() - 22;
    let directory = u32::from_le_bytes(file[end + 16..end + 20].try_into().unwrap()) as usize;
    let mut crc = flate2::Crc::new();
    crc.update(data);
    file[directory + 10] = 8;
    file[directory + 16..directory + 20].copy_from_slice(&crc.sum().to_le_bytes());
    file[directory + 24..directory + 28].copy_from_slice(&(data.len() as u32).to_le_bytes());
    file
}

/// Files that come as near as they can to all bounds at once take no more than is promised.
#[test]
fn the_most_that_any_file_takes() {
    let _alone = ALONE.lock();
    // As many dictionaries as objects are accepted, of one value each, in one; then a full stack and the last place for a value
    // to be kept; the rest of the program is filled.
    let mut program = Program::new();
    program.0.extend(b"Nr\xff\xff\x0f\x000}(");
    for number in 0..(1 << 18) - 16 {
        program.int(number);
        program.0.extend(b"}NNs");
    }
    program.0.extend(b"u(");
    program.0.extend(b"N".repeat((1 << 20) - 16));
    program.0.push(b'1');
    let mut legacy = support::torch_legacy(&Vec::new());
    // Its last two programs, of its tensors and its keys: an empty dictionary and an empty list.
    legacy.truncate(legacy.len() - 2 * 2 - b"}(u.](e.".len());
    legacy.extend(&program.0);
    legacy.push(b'.');
    legacy.extend(&program.0);
    legacy.push(b'.');
    let rest = (16 << 20) - program.0.len() - 7;
    program.0.push(b'B');
    program.0.extend((rest as u32).to_le_bytes());
    program.0.extend(vec![0; rest]);
    program.0.extend(b"0.");
    assert_eq!(program.0.len(), 16 << 20);
    let zipped = packed("a/data.pkl", &program.0);

    // As many values as are accepted, as small as they can be.
    let mut values = Vec::new();
    for number in 0..1 << 18 {
        let tag = format!("{number:x}");
        let tensor = b"\x08\x00\x12\x07Float32\x1a\x04\0\0\0\0";
        let inner = [&[0x0A, tag.len() as u8], tag.as_bytes(), &[0x12, tensor.len() as u8], tensor].concat();
        values.extend([0x0A, inner.len() as u8]);
        values.extend(inner);
    }
    // As many tensors as are accepted, with names as long as all may be together.
    let mut tensors = Program::new();
    tensors.0.push(b'}');
    tensors.text("a");
    tensors.tensor("0", &[16], false);
    tensors.0.extend(b"q\x01s(");
    for number in 1..1 << 16 {
        tensors.text(&format!("{number:0>128}"));
        tensors.0.extend(b"h\x01");
    }
    tensors.0.extend(b"u.");
    let tensors = pickled(&tensors.0);
    let directory: Vec<_> = (0..60_000).map(|n| (n.to_string(), Vec::new())).collect();
    for (name, file) in [
        ("legacy", legacy),
        ("zipped", zipped),
        ("values", values),
        ("tensors", tensors),
        ("members", zip(&directory)),
    ] {
        let (result, most, all) = taken(|| Imported::from_bytes(name, file.clone()).map(drop));
        let message = result.unwrap_err().to_string();
        let words = match name {
            "legacy" => "its storages are not listed",
            "zipped" => "more than 65536 items",
            "members" => "no data.pkl among its 60000 files",
            _ => "holds none of the known networks",
        };
        assert!(message.contains(words), "{name}: {message}");
        // The copy is this test's.
        let most = most - file.len();
        assert!(most < 256 * MIB + 4 * file.len(), "{most} bytes taken for {name} of {}", file.len());
        assert!(all < 1024 * MIB, "{all} bytes taken in all for {name}");
    }
}
