//! The body of an ONNX graph while it grows: nodes, constants, and the values between them.

use std::collections::{HashMap, HashSet};

use ifr_net::ParamId;

use super::proto;

/// What a node makes, an input, or an initializer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Value(u32);

impl Value {
    /// An optional input that is left out.
    pub(super) const ABSENT: Self = Self(u32::MAX);
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Attr {
    Int(i64),
    Ints(Vec<i64>),
    Text(&'static str),
}

/// A node's attributes, by name.
pub(super) type Attrs = Vec<(&'static str, Attr)>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Call {
    op: &'static str,
    inputs: Vec<Value>,
    attrs: Attrs,
}

/// The data of an initializer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Data {
    /// Whole numbers.
    Ints(Vec<i64>),
    /// The bits of `f32`.
    Floats(Vec<u32>),
    /// A parameter's values: how they are stored, and which of them.
    Param(ParamId, Stored, Columns),
}

/// How a parameter's values are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Stored {
    /// As `f32`.
    AsIs,
    /// As `f32`, those below 0 as 0.
    NonNegative,
    /// As `f16`.
    Half,
}

/// Part of a list of values that is seen as rows: the same columns of each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Columns {
    /// The first column.
    pub(super) first: usize,
    /// How many columns, at least 1.
    pub(super) count: usize,
    /// How many columns a row has in all.
    pub(super) of: usize,
}

/// A constant: its shape and its data, row-major.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Initializer {
    pub(super) dims: Vec<i64>,
    pub(super) data: Data,
}

/// Nodes, each noted once however often it is asked for: the same operation of the same values is the same value. So slices,
/// sampling grids and shapes that several operations need are computed once.
#[derive(Debug, Default)]
pub(super) struct Body {
    calls: Vec<(Call, Value)>,
    known_calls: HashMap<Call, Value>,
    initializers: Vec<(Initializer, Value)>,
    known_initializers: HashMap<Initializer, Value>,
    /// By value: its name if it has one, and what it is to be called after otherwise.
    names: Vec<(Option<String>, String)>,
    /// What new values are called after.
    about: String,
}

impl Body {
    /// Values from here on belong to this tensor.
    pub(super) fn about(&mut self, tensor: &str) {
        tensor.clone_into(&mut self.about);
    }

    /// An input of the model.
    pub(super) fn input(&mut self, name: &str) -> Value {
        self.value(Some(name.to_owned()), String::new())
    }

    /// What an operation makes.
    pub(super) fn call(&mut self, op: &'static str, inputs: &[Value], attrs: Attrs) -> Value {
        let call = Call { op, inputs: inputs.to_vec(), attrs };
        if let Some(&value) = self.known_calls.get(&call) {
            return value;
        }
        let value = self.value(None, format!("{}/{op}", self.about));
        self.known_calls.insert(call.clone(), value);
        self.calls.push((call, value));
        value
    }

    /// An operation without attributes.
    pub(super) fn plain(&mut self, op: &'static str, inputs: &[Value]) -> Value {
        self.call(op, inputs, Vec::new())
    }

    /// A constant, under that name if it is still free.
    pub(super) fn initializer(&mut self, dims: &[usize], data: Data, name: String) -> Value {
        let initializer = Initializer { dims: dims.iter().map(|&d| d as i64).collect(), data };
        if let Some(&value) = self.known_initializers.get(&initializer) {
            return value;
        }
        let value = self.value(None, name);
        self.known_initializers.insert(initializer.clone(), value);
        self.initializers.push((initializer, value));
        value
    }

    /// A list of whole numbers.
    pub(super) fn ints(&mut self, values: &[i64]) -> Value {
        self.initializer(&[values.len()], Data::Ints(values.to_vec()), "constant".to_owned())
    }

    /// A whole number as a tensor without dimensions.
    pub(super) fn int(&mut self, value: i64) -> Value {
        self.initializer(&[], Data::Ints(vec![value]), "constant".to_owned())
    }

    /// Numbers of that shape.
    pub(super) fn floats(&mut self, dims: &[usize], values: &[f32]) -> Value {
        let bits = values.iter().map(|v| v.to_bits()).collect();
        self.initializer(dims, Data::Floats(bits), "constant".to_owned())
    }

    /// A number as a tensor without dimensions.
    pub(super) fn float(&mut self, value: f32) -> Value {
        self.floats(&[], &[value])
    }

    /// The value under that name: the value itself, or, where it has a name already, a copy.
    pub(super) fn named(&mut self, value: Value, name: &str) -> Value {
        // A constant keeps the name of what it holds; inputs are named from the start.
        let constant = self.initializers.iter().any(|&(_, v)| v == value);
        let free = !constant && self.slot(value).is_some_and(|slot| slot.0.is_none());
        // A copy must be one of its own each time.
        let value = if free {
            value
        } else {
            let copy = self.value(None, String::new());
            self.calls.push((Call { op: "Identity", inputs: vec![value], attrs: Vec::new() }, copy));
            copy
        };
        if let Some(slot) = self.slot(value) {
            slot.0 = Some(name.to_owned());
        }
        value
    }

    /// All nodes, then all initializers with their names. Names that `reserved` holds are given to nothing but what has them
    /// already.
    pub(super) fn finish(self, reserved: HashSet<String>) -> (Vec<proto::Node>, Vec<(String, Initializer)>) {
        let mut used = reserved;
        used.extend(self.names.iter().filter_map(|(name, _)| name.clone()));
        let mut counts: HashMap<String, usize> = HashMap::new();
        let mut names: Vec<Option<String>> = vec![None; self.names.len()];
        // In the order of use, so that numbers rise through the file.
        let order = self.initializers.iter().map(|&(_, v)| v).chain(self.calls.iter().map(|&(_, v)| v));
        for value in order {
            let (given, about) = &self.names[value.0 as usize];
            if given.is_some() {
                continue;
            }
            let mut name = about.clone();
            while !used.insert(name.clone()) {
                let count = counts.entry(about.clone()).or_default();
                *count += 1;
                name = format!("{about}.{count}");
            }
            names[value.0 as usize] = Some(name);
        }
        let name = |value: Value| -> String {
            let index = value.0 as usize;
            let given = self.names.get(index).and_then(|(name, _)| name.clone());
            given.or_else(|| names.get(index).cloned().flatten()).unwrap_or_default()
        };
        let nodes = self.calls.iter().map(|(call, value)| proto::Node {
            input: call.inputs.iter().map(|&v| name(v)).collect(),
            output: vec![name(*value)],
            name: name(*value),
            op_type: call.op.to_owned(),
            attribute: call.attrs.iter().map(|(key, attr)| attribute(key, attr)).collect(),
        });
        let nodes = nodes.collect();
        let initializers = self.initializers.iter().map(|(i, value)| (name(*value), i.clone())).collect();
        (nodes, initializers)
    }

    fn value(&mut self, name: Option<String>, about: String) -> Value {
        self.names.push((name, about));
        Value(self.names.len() as u32 - 1)
    }

    fn slot(&mut self, value: Value) -> Option<&mut (Option<String>, String)> {
        self.names.get_mut(value.0 as usize)
    }
}

fn attribute(name: &str, attr: &Attr) -> proto::Attribute {
    let mut out = proto::Attribute { name: name.to_owned(), ..Default::default() };
    match attr {
        Attr::Int(i) => (out.i, out.r#type) = (Some(*i), 2),
        Attr::Text(text) => (out.s, out.r#type) = (Some(text.as_bytes().to_vec()), 3),
        Attr::Ints(ints) => (out.ints, out.r#type) = (ints.clone(), 7),
    }
    out
}
