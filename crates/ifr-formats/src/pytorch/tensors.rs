//! The tensors that a pickle describes.

use std::collections::{BTreeSet, HashMap, HashSet};

use ifr_net::{Dtype, printable};

use super::pickle::{Heap, Object, Value};
use crate::data::{Array, Block, Found, View, row_major};

/// Most tensors in a file: a hundred times those of IFR+.
const MOST_TENSORS: usize = 1 << 16;
/// Longest name of a tensor with the names of all that contains it, in bytes.
const LONGEST_NAME: usize = 512;
/// How deep dictionaries may lie in each other.
const DEEPEST: usize = 32;

/// A storage that a tensor refers to.
pub(super) struct Storage<'a> {
    pub(super) key: &'a str,
    /// `None` for integers and other types that are not read.
    dtype: Option<Dtype>,
    /// Bytes of one element.
    pub(super) size: usize,
    /// Elements before the first of this view of the storage.
    offset: usize,
}

/// The blocks of a file's storages.
pub(super) struct Storages<F> {
    big_endian: bool,
    find: F,
    blocks: Vec<Block>,
    by_key: HashMap<String, usize>,
}

impl<F: Fn(&str) -> Option<Block>> Storages<F> {
    pub(super) fn new(big_endian: bool, find: F) -> Self {
        Self { big_endian, find, blocks: Vec::new(), by_key: HashMap::new() }
    }

    fn block(&mut self, key: &str) -> Option<usize> {
        if let Some(&index) = self.by_key.get(key) {
            return Some(index);
        }
        self.blocks.push((self.find)(key)?);
        self.by_key.insert(key.to_owned(), self.blocks.len() - 1);
        Some(self.blocks.len() - 1)
    }
}

/// The type and size of the elements of a storage class or of a `torch` dtype; no type for those that are not read.
fn element(name: &str) -> Option<(Option<Dtype>, usize)> {
    Some(match name {
        "FloatStorage" | "float32" => (Some(Dtype::F32), 4),
        "HalfStorage" | "float16" => (Some(Dtype::F16), 2),
        "BFloat16Storage" | "bfloat16" => (Some(Dtype::Bf16), 2),
        "DoubleStorage" | "float64" => (Some(Dtype::F64), 8),
        "LongStorage" | "int64" | "uint64" | "ComplexFloatStorage" | "complex64" => (None, 8),
        "IntStorage" | "int32" | "uint32" | "QInt32Storage" => (None, 4),
        "ShortStorage" | "int16" | "uint16" => (None, 2),
        "CharStorage" | "ByteStorage" | "BoolStorage" | "UntypedStorage" | "QInt8Storage"
        | "QUInt8Storage" => (None, 1),
        "int8" | "uint8" | "bool" | "float8_e4m3fn" | "float8_e5m2" => (None, 1),
        "ComplexDoubleStorage" | "complex128" => (None, 16),
        _ => return None,
    })
}

/// Reads the reference ('storage', class, key, device, elements) and, in the old form, what part of it is meant:
/// (key, offset, elements) or `None`.
pub(super) fn storage_of<'a>(heap: &Heap<'a>, id: Value<'a>) -> Result<Storage<'a>, String> {
    let strange = || "a tensor refers to something other than a storage".to_owned();
    let parts = heap.sequence(id).ok_or_else(strange)?;
    let [Value::Str("storage"), class, Value::Str(key), _, _, view @ ..] = parts else {
        return Err(strange());
    };
    let (module, name) = heap.global(*class).ok_or_else(strange)?;
    let known = module == "torch" || module.starts_with("torch.");
    let (dtype, size) = element(name).filter(|_| known).ok_or_else(|| {
        format!("a storage is of the unknown class {}", printable(&format!("{module}.{name}"), 80))
    })?;
    let offset = match view.first().and_then(|&view| heap.sequence(view)) {
        Some([_, offset, _]) => natural(*offset)?,
        _ => 0,
    };
    Ok(Storage { key, dtype, size, offset })
}

fn natural(value: Value<'_>) -> Result<usize, String> {
    match value {
        Value::Int(number) => {
            usize::try_from(number).map_err(|_| format!("a size, place or stride of {number}"))
        }
        _ => Err("a size, place or stride that is no number".to_owned()),
    }
}

fn naturals<'a>(heap: &Heap<'a>, value: Value<'a>) -> Result<Vec<usize>, String> {
    // `torch.Size` is a call with a tuple, where it is not a tuple itself.
    let value = match heap.object(value) {
        Some(Object::Call { arguments, .. }) => {
            heap.sequence(*arguments).and_then(|a| a.first().copied()).unwrap_or(value)
        }
        _ => value,
    };
    let items = heap.sequence(value).ok_or("a shape that is no list")?;
    if items.len() > crate::data::MOST_DIMENSIONS {
        return Err(format!("a shape of {} sides", items.len()));
    }
    items.iter().map(|&item| natural(item)).collect()
}

/// What a call makes, as far as that matters here.
enum Made<'a> {
    /// A tensor: its storage, offset, shape and strides; for those that name their type apart, the type.
    Tensor {
        storage: Value<'a>,
        offset: Value<'a>,
        shape: Value<'a>,
        strides: Value<'a>,
        dtype: Option<&'a str>,
    },
    /// What another call made, unchanged.
    Same(Value<'a>),
    /// A tensor of a kind that is not read.
    Other(&'a str),
    /// Anything else.
    Unknown(&'a str, &'a str),
}

fn made<'a>(heap: &Heap<'a>, function: Value<'a>, arguments: Value<'a>) -> Made<'a> {
    let Some((module, name)) = heap.global(function) else { return Made::Unknown("", "an object") };
    let arguments = heap.sequence(arguments).unwrap_or_default();
    match (module, name, arguments) {
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2", [storage, offset, shape, strides, ..]) => {
            Made::Tensor { storage: *storage, offset: *offset, shape: *shape, strides: *strides, dtype: None }
        }
        ("torch._utils", "_rebuild_tensor_v3", [storage, offset, shape, strides, _, _, dtype, ..]) => {
            let dtype = heap.global(*dtype).map_or("", |(_, name)| name);
            Made::Tensor {
                storage: *storage,
                offset: *offset,
                shape: *shape,
                strides: *strides,
                dtype: Some(dtype),
            }
        }
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state", [data, ..]) => {
            Made::Same(*data)
        }
        (
            "torch._tensor" | "torch.tensor",
            "_rebuild_from_type_v2" | "_rebuild_from_type",
            [function, _, inner, ..],
        ) => {
            match made(heap, *function, *inner) {
                // Subclasses of subclasses are nobody's weights, and would let this go round in circles.
                tensor @ Made::Tensor { .. } => tensor,
                _ => Made::Other(name),
            }
        }
        ("torch._utils", _, _) => Made::Other(name),
        _ => Made::Unknown(module, name),
    }
}

/// Reads the tensors of a program's result: those of dictionaries in dictionaries, named with dots between, and of the
/// modules of whole networks.
pub(super) fn collect<'a, F: Fn(&str) -> Option<Block>>(
    heap: &Heap<'a>,
    root: Value<'a>,
    storages: &mut Storages<F>,
) -> Result<Found, String> {
    let mut walk =
        Walk { heap, storages, found: Found::default(), left: Left::default(), entered: HashSet::new() };
    walk.all(root)?;
    let Walk { mut found, left, .. } = walk;
    found.ignored = left.words();
    found.blocks = std::mem::take(&mut storages.blocks);
    Ok(found)
}

/// What is left aside.
#[derive(Default)]
struct Left {
    integers: usize,
    others: BTreeSet<String>,
    objects: BTreeSet<String>,
}

impl Left {
    fn words(self) -> Vec<String> {
        let list = |names: BTreeSet<String>| {
            let shown: Vec<String> = names.iter().take(5).cloned().collect();
            shown.join(", ") + if names.len() > 5 { ", …" } else { "" }
        };
        let mut words = Vec::new();
        if self.integers > 0 {
            words.push(format!("tensors of integers or other types that are not read: {}", self.integers));
        }
        if !self.others.is_empty() {
            words.push(format!("tensors of kinds that are not read: {}", list(self.others)));
        }
        if !self.objects.is_empty() {
            words.push(format!("objects, which were not made: {}", list(self.objects)));
        }
        words
    }

    fn note(names: &mut BTreeSet<String>, name: &str) {
        if names.len() < 16 {
            names.insert(printable(name, 80));
        }
    }
}

struct Walk<'h, 'a, F> {
    heap: &'h Heap<'a>,
    storages: &'h mut Storages<F>,
    found: Found,
    left: Left,
    /// Dictionaries and modules seen: each is entered once, so that circles end.
    entered: HashSet<usize>,
}

impl<'a, F: Fn(&str) -> Option<Block>> Walk<'_, 'a, F> {
    fn all(&mut self, root: Value<'a>) -> Result<(), String> {
        let mut open = vec![(String::new(), 0, root)];
        while let Some((name, depth, value)) = open.pop() {
            let inside = open.len();
            self.one(&name, depth, value, &mut open)?;
            // The last pushed is popped first: turned round, names come in the order of the file.
            open[inside..].reverse();
        }
        Ok(())
    }

    fn one(
        &mut self,
        name: &str,
        depth: usize,
        value: Value<'a>,
        open: &mut Vec<(String, usize, Value<'a>)>,
    ) -> Result<(), String> {
        let heap = self.heap;
        match heap.object(value) {
            Some(Object::Dict(pairs)) if self.enter(value, depth, name)? => {
                for &(key, value) in pairs {
                    self.child(name, depth, key, value, open)?;
                }
            }
            Some(Object::Call { function, arguments, state }) => match made(heap, *function, *arguments) {
                Made::Tensor { storage, offset, shape, strides, dtype } => {
                    self.tensor(name, storage, (offset, shape, strides), dtype)
                        .map_err(|what| format!("'{}': {what}", printable(name, 100)))?;
                }
                Made::Same(data) if self.enter_again(depth) => open.push((name.to_owned(), depth + 1, data)),
                Made::Same(_) => {}
                Made::Other(kind) => Left::note(&mut self.left.others, kind),
                Made::Unknown(module, class) => {
                    Left::note(&mut self.left.objects, &format!("{module}.{class}"));
                    // A whole network: its modules' attributes, among them the parameters.
                    let Some(Object::Dict(pairs)) = state.and_then(|state| heap.object(state)) else {
                        return Ok(());
                    };
                    if self.enter(value, depth, name)? {
                        for &(key, value) in pairs {
                            match key {
                                Value::Str("_parameters" | "_buffers" | "_modules") => {
                                    open.push((name.to_owned(), depth + 1, value));
                                }
                                _ => self.child(name, depth, key, value, open)?,
                            }
                        }
                    }
                }
            },
            _ => {}
        }
        Ok(())
    }

    /// Whether a dictionary or module is seen for the first time.
    fn enter(&mut self, value: Value<'a>, depth: usize, name: &str) -> Result<bool, String> {
        if depth > DEEPEST {
            return Err(format!(
                "dictionaries lie more than {DEEPEST} deep in each other at '{}'",
                printable(name, 60)
            ));
        }
        Ok(match value {
            Value::Object(at) => self.entered.insert(at),
            _ => false,
        })
    }

    fn enter_again(&self, depth: usize) -> bool {
        depth <= DEEPEST
    }

    fn child(
        &mut self,
        name: &str,
        depth: usize,
        key: Value<'a>,
        value: Value<'a>,
        open: &mut Vec<(String, usize, Value<'a>)>,
    ) -> Result<(), String> {
        // Only dictionaries and calls can hold tensors; nothing is noted of the rest.
        if !matches!(self.heap.object(value), Some(Object::Dict(_) | Object::Call { .. })) {
            return Ok(());
        }
        let number;
        let key = match key {
            Value::Str(key) => key,
            Value::Int(n) => {
                number = n.to_string();
                &number
            }
            _ => return Ok(()),
        };
        if name.len() + 1 + key.len() > LONGEST_NAME {
            return Err(format!("a name of more than {LONGEST_NAME} bytes: {}", printable(key, 40)));
        }
        if open.len() > MOST_TENSORS {
            return Err(format!("more than {MOST_TENSORS} items"));
        }
        let path = if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
        open.push((path, depth + 1, value));
        Ok(())
    }

    fn tensor(
        &mut self,
        name: &str,
        storage: Value<'a>,
        (offset, shape, strides): (Value<'a>, Value<'a>, Value<'a>),
        dtype: Option<&str>,
    ) -> Result<(), String> {
        let heap = self.heap;
        let Some(Object::Persistent(id)) = heap.object(storage) else {
            return Err("a tensor without a storage".to_owned());
        };
        let storage = storage_of(heap, *id)?;
        let dtype = match dtype {
            Some(named) => element(named).and_then(|(dtype, _)| dtype),
            None => storage.dtype,
        };
        let Some(dtype) = dtype else {
            self.left.integers += 1;
            return Ok(());
        };
        let shape = naturals(heap, shape)?;
        let mut strides = naturals(heap, strides)?;
        if strides.len() != shape.len() {
            return Err(format!("{} strides for {} sides", strides.len(), shape.len()));
        }
        // Along a side of 1 any stride is as good.
        let plain = row_major(&shape);
        for ((stride, side), plain) in strides.iter_mut().zip(&shape).zip(plain) {
            if *side == 1 {
                *stride = plain;
            }
        }
        let start = natural(offset)?.checked_add(storage.offset).ok_or("a place beyond all memory")?;
        let view = View { dtype, big_endian: self.storages.big_endian, start, shape, strides };
        let block = self
            .storages
            .block(storage.key)
            .ok_or_else(|| format!("its storage '{}' is not in the file", printable(storage.key, 40)))?;
        view.check(&self.storages.blocks[block])?;
        if self.found.arrays.len() >= MOST_TENSORS {
            return Err(format!("more than {MOST_TENSORS} tensors"));
        }
        self.found.arrays.push(Array { name: name.to_owned(), block, view });
        Ok(())
    }
}
