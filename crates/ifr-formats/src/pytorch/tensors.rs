//! The tensors that a pickle describes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use ifr_net::{Dtype, printable};

use super::pickle::{Heap, Object, Value};
use crate::data::{Array, Block, Found, View, row_major};

/// Most tensors in a file: a hundred times those of IFR+.
const MOST_TENSORS: usize = 1 << 16;
/// Longest name of a tensor with the names of all that contains it, in bytes.
const LONGEST_NAME: usize = 512;
/// Most bytes of all tensors' names together: 128 for each.
const MOST_NAMES: usize = 128 * MOST_TENSORS;
/// Longest key of a storage, in bytes: they are numbers.
const LONGEST_KEY: usize = 256;
/// Most items and entries looked at: twice what the values that a program may make can ask for.
const MOST_STEPS: usize = 1 << 21;
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
    let key = checked_key(key)?;
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

/// A storage's key, if it is short: each is looked up once for each tensor.
pub(super) fn checked_key(key: &str) -> Result<&str, String> {
    if key.len() > LONGEST_KEY {
        return Err(format!("a storage's key of {} bytes; at most {LONGEST_KEY} are accepted", key.len()));
    }
    Ok(key)
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
        /// What else is to be done with it: `None`, or a dictionary.
        metadata: Value<'a>,
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
        // Then: whether it has a gradient, its hooks, and in the third a type.
        (
            "torch._utils",
            "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3",
            [storage, offset, shape, strides, rest @ ..],
        ) => {
            let third = name == "_rebuild_tensor_v3";
            let dtype =
                third.then(|| rest.get(2).and_then(|&dtype| heap.global(dtype)).map_or("", |(_, name)| name));
            let metadata = rest.get(if third { 3 } else { 2 }).copied().unwrap_or(Value::None);
            Made::Tensor {
                storage: *storage,
                offset: *offset,
                shape: *shape,
                strides: *strides,
                dtype,
                metadata,
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
            // Subclasses of subclasses are nobody's weights, and would let this go round in circles.
            let plain = heap.global(*function).is_some_and(|(module, _)| module == "torch._utils");
            match plain.then(|| made(heap, *function, *inner)) {
                Some(tensor @ Made::Tensor { .. }) => tensor,
                _ => Made::Other(name),
            }
        }
        ("torch._utils", _, _) => Made::Other(name),
        _ => Made::Unknown(module, name),
    }
}

/// Reads the tensors of a program's result: those of dictionaries and lists in each other, named with dots between (a
/// list's items by their numbers), and of the modules of whole networks.
pub(super) fn collect<'a, F: Fn(&str) -> Option<Block>>(
    heap: &Heap<'a>,
    root: Value<'a>,
    storages: &mut Storages<F>,
) -> Result<Found, String> {
    let mut walk = Walk {
        heap,
        storages,
        found: Found::default(),
        names: 0,
        left: Left::default(),
        entered: HashSet::new(),
        listed: HashSet::new(),
        open: Vec::new(),
        steps: 0,
    };
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

    /// Notes one of a few names.
    fn note(names: &mut BTreeSet<String>, name: impl FnOnce() -> String) {
        if names.len() < 16 {
            names.insert(printable(&name(), 80));
        }
    }
}

struct Walk<'h, 'a, F> {
    heap: &'h Heap<'a>,
    storages: &'h mut Storages<F>,
    found: Found,
    /// Bytes of the names in `found`.
    names: usize,
    left: Left,
    /// Dictionaries, lists and modules seen: each is entered once, so that circles end.
    entered: HashSet<usize>,
    /// Lists looked at from outside.
    listed: HashSet<usize>,
    /// What is still to be looked at.
    open: Vec<Item<'a>>,
    /// Items and entries of dictionaries and lists looked at.
    steps: usize,
}

/// A value that may be or hold tensors, under the name it has so far.
struct Item<'a> {
    name: Rc<str>,
    depth: usize,
    value: Value<'a>,
}

impl<'a, F: Fn(&str) -> Option<Block>> Walk<'_, 'a, F> {
    fn all(&mut self, root: Value<'a>) -> Result<(), String> {
        self.push(Rc::from(""), 0, root)?;
        while let Some(item) = self.open.pop() {
            let inside = self.open.len();
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return Err(format!("more than {MOST_STEPS} items to look at"));
            }
            self.one(&item)?;
            // The last pushed is popped first: turned round, names come in the order of the file.
            self.open[inside..].reverse();
        }
        Ok(())
    }

    fn push(&mut self, name: Rc<str>, depth: usize, value: Value<'a>) -> Result<(), String> {
        if self.open.len() >= MOST_TENSORS {
            return Err(format!("more than {MOST_TENSORS} items"));
        }
        self.open.push(Item { name, depth, value });
        Ok(())
    }

    fn one(&mut self, item: &Item<'a>) -> Result<(), String> {
        let heap = self.heap;
        match heap.object(item.value) {
            Some(Object::Dict(pairs)) if self.enter(item)? => self.pairs(item, pairs, false),
            Some(Object::Sequence(items)) if self.enter(item)? => {
                for (number, &value) in (0..).zip(items) {
                    self.child(item, Value::Int(number), value)?;
                }
                Ok(())
            }
            Some(Object::Call { function, arguments, state }) => match made(heap, *function, *arguments) {
                Made::Tensor { storage, offset, shape, strides, dtype, metadata } => self
                    .tensor(&item.name, storage, (offset, shape, strides), dtype, metadata)
                    .map_err(|what| format!("'{}': {what}", printable(&item.name, 100))),
                Made::Same(data) if item.depth <= DEEPEST => {
                    self.push(Rc::clone(&item.name), item.depth + 1, data)
                }
                Made::Same(_) => Ok(()),
                Made::Other(kind) => {
                    Left::note(&mut self.left.others, || kind.to_owned());
                    Ok(())
                }
                Made::Unknown(module, class) => {
                    Left::note(&mut self.left.objects, || format!("{module}.{class}"));
                    // A whole network: its modules' attributes, among them the parameters.
                    match state.and_then(|state| heap.object(state)) {
                        Some(Object::Dict(pairs)) if self.enter(item)? => self.pairs(item, pairs, true),
                        _ => Ok(()),
                    }
                }
            },
            _ => Ok(()),
        }
    }

    /// The entries of a dictionary, or of a module's attributes: those of some of these are the module's own.
    fn pairs(
        &mut self,
        item: &Item<'a>,
        pairs: &[(Value<'a>, Value<'a>)],
        module: bool,
    ) -> Result<(), String> {
        // A key that is set again has its last value. What is no name, or too long for one, is compared with nothing.
        let is_name = |key: &Value<'_>| match key {
            Value::Str(key) => key.len() <= LONGEST_NAME,
            Value::Int(_) => true,
            _ => false,
        };
        self.steps += pairs.len();
        let names = pairs.iter().enumerate().filter(|(_, (key, _))| is_name(key));
        let last: HashMap<Value<'a>, usize> = names.map(|(at, (key, _))| (*key, at)).collect();
        for (at, &(key, value)) in pairs.iter().enumerate() {
            if is_name(&key) && last.get(&key) != Some(&at) {
                continue;
            }
            match key {
                Value::Str("_parameters" | "_buffers" | "_modules") if module => {
                    if matches!(self.heap.object(value), Some(Object::Dict(_))) {
                        self.push(Rc::clone(&item.name), item.depth + 1, value)?;
                    }
                }
                _ => self.child(item, key, value)?,
            }
        }
        Ok(())
    }

    /// Whether a dictionary, list or module is seen for the first time.
    fn enter(&mut self, item: &Item<'a>) -> Result<bool, String> {
        if item.depth > DEEPEST {
            return Err(format!(
                "dictionaries lie more than {DEEPEST} deep in each other at '{}'",
                printable(&item.name, 60)
            ));
        }
        Ok(match item.value {
            Value::Object(at) => self.entered.insert(at),
            _ => false,
        })
    }

    /// Whether a list holds any objects. It is looked at once.
    fn may_hold(&mut self, list: Value<'a>, items: &[Value<'a>]) -> bool {
        let Value::Object(at) = list else { return false };
        if !self.listed.insert(at) {
            return false;
        }
        self.steps += items.len();
        items.iter().any(|item| matches!(item, Value::Object(_)))
    }

    fn child(&mut self, item: &Item<'a>, key: Value<'a>, value: Value<'a>) -> Result<(), String> {
        // Nothing else can hold tensors, and nothing is noted of the rest.
        match self.heap.object(value) {
            Some(Object::Dict(_) | Object::Call { .. }) => {}
            // Records of many numbers are many small tuples.
            Some(Object::Sequence(items)) if self.may_hold(value, items) => {}
            _ => return Ok(()),
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
        if item.name.len() + 1 + key.len() > LONGEST_NAME {
            return Err(format!("a name of more than {LONGEST_NAME} bytes: {}", printable(key, 40)));
        }
        let name =
            if item.name.is_empty() { Rc::from(key) } else { Rc::from(format!("{}.{key}", item.name)) };
        self.push(name, item.depth + 1, value)
    }

    fn tensor(
        &mut self,
        name: &str,
        storage: Value<'a>,
        (offset, shape, strides): (Value<'a>, Value<'a>, Value<'a>),
        dtype: Option<&str>,
        metadata: Value<'a>,
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
        let marked = match heap.object(metadata) {
            Some(Object::Dict(pairs)) => !pairs.is_empty(),
            _ => metadata != Value::None,
        };
        if marked {
            let advice = "save it again after resolve_neg() and resolve_conj()";
            return Err(format!("a tensor whose values are to be negated, conjugated or the like: {advice}"));
        }
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
        self.names += name.len();
        if self.names > MOST_NAMES {
            return Err(format!("tensors' names of more than {MOST_NAMES} bytes together"));
        }
        self.found.arrays.push(Array { name: name.to_owned(), block, view });
        Ok(())
    }
}
