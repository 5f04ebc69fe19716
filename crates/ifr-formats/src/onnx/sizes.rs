//! Sizes of tensors: numbers where the model has one size, nodes that compute them where it takes any.

use ifr_net::{Extent, Ratio};

use super::body::{Attr, Body, Value};

/// A quantity that data may tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    Batch,
    /// Rows of a map of that extent.
    Height(Ratio),
    /// Columns of a map of that extent.
    Width(Ratio),
}

/// One side of a shape: a number, or a factor on what the data tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dim {
    factor: usize,
    symbol: Option<Symbol>,
}

impl Dim {
    /// That many.
    pub(super) fn known(number: usize) -> Self {
        Self { factor: number, symbol: None }
    }

    /// This side times a number.
    pub(super) fn times(self, factor: usize) -> Self {
        Self { factor: self.factor * factor, symbol: self.symbol.filter(|_| factor > 0) }
    }

    /// The number, where it is known.
    pub(super) fn number(self) -> Option<usize> {
        self.symbol.is_none().then_some(self.factor)
    }

    /// The side as a description of a model's input or output has it.
    pub(super) fn described(self) -> Result<usize, String> {
        let scaled = |what: &str, ratio: Ratio| match ratio {
            Ratio::ONE => what.to_owned(),
            ratio => format!("{what}*{ratio}"),
        };
        match self.symbol {
            None => Ok(self.factor),
            Some(Symbol::Batch) => Err("batch".to_owned()),
            Some(Symbol::Height(ratio)) => Err(scaled("height", ratio)),
            Some(Symbol::Width(ratio)) => Err(scaled("width", ratio)),
        }
    }
}

/// The sizes of one model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Samples, where that is a number.
    pub(super) batch: Option<usize>,
    /// Width and height of [`Extent::FULL`], where those are numbers.
    pub(super) full: Option<(usize, usize)>,
    /// An input that is a map, and its extent: what the data tell is read from its shape.
    pub(super) witness: Option<(Value, Ratio)>,
    /// Any input: its first side is the batch.
    pub(super) first: Value,
}

impl Sizes {
    /// The samples.
    pub(super) fn batch(&self) -> Dim {
        self.batch.map_or(Dim { factor: 1, symbol: Some(Symbol::Batch) }, Dim::known)
    }

    /// Rows and columns of a tensor of that extent.
    pub(super) fn map(&self, extent: Extent) -> [Dim; 2] {
        let unknown = |symbol| Dim { factor: 1, symbol: Some(symbol) };
        match (extent, self.full) {
            (Extent::Point, _) => [Dim::known(1); 2],
            (extent, Some((width, height))) => {
                let (w, h) = extent.size(width, height);
                [Dim::known(h), Dim::known(w)]
            }
            (Extent::Map(ratio), None) => [unknown(Symbol::Height(ratio)), unknown(Symbol::Width(ratio))],
        }
    }

    /// A shape as a list of whole numbers.
    pub(super) fn shape(&self, body: &mut Body, dims: &[Dim]) -> Value {
        let mut parts = Vec::new();
        let mut run = Vec::new();
        for dim in dims {
            match dim.number() {
                Some(number) => run.push(number as i64),
                None => {
                    if !run.is_empty() {
                        parts.push(body.ints(&run));
                        run.clear();
                    }
                    parts.push(self.list_of_one(body, *dim));
                }
            }
        }
        if !run.is_empty() || parts.is_empty() {
            parts.push(body.ints(&run));
        }
        match *parts {
            [one] => one,
            _ => body.call("Concat", &parts, vec![("axis", Attr::Int(0))]),
        }
    }

    /// A side as a whole number without dimensions.
    pub(super) fn scalar(&self, body: &mut Body, dim: Dim) -> Value {
        match dim.number() {
            Some(number) => body.int(number as i64),
            None => {
                let (list, axes) = (self.list_of_one(body, dim), body.ints(&[0]));
                body.plain("Squeeze", &[list, axes])
            }
        }
    }

    /// A side as a list of one whole number.
    fn list_of_one(&self, body: &mut Body, dim: Dim) -> Value {
        let side = |body: &mut Body, of: Value, axis: i64| {
            body.call("Shape", &[of], vec![("start", Attr::Int(axis)), ("end", Attr::Int(axis + 1))])
        };
        let (mut value, num, den) = match (dim.symbol, self.witness) {
            (Some(Symbol::Batch), _) => (side(body, self.first, 0), 1, 1),
            (Some(Symbol::Height(ratio)), Some((witness, own))) => {
                (side(body, witness, 2), relative(ratio, own).0, relative(ratio, own).1)
            }
            (Some(Symbol::Width(ratio)), Some((witness, own))) => {
                (side(body, witness, 3), relative(ratio, own).0, relative(ratio, own).1)
            }
            // Without a map among the inputs, no size is asked for: the writer has refused such a graph.
            (None, _) | (_, None) => return body.ints(&[dim.factor as i64]),
        };
        let factor = num * dim.factor as i64;
        if factor != 1 {
            let by = body.ints(&[factor]);
            value = body.plain("Mul", &[value, by]);
        }
        if den != 1 {
            let by = body.ints(&[den]);
            value = body.plain("Div", &[value, by]);
        }
        value
    }
}

/// How many times as large a map of extent `of` is as one of extent `to`.
fn relative(of: Ratio, to: Ratio) -> (i64, i64) {
    let num = i64::from(of.num()) * i64::from(to.den());
    let den = i64::from(of.den()) * i64::from(to.num());
    let divisor = gcd(num, den);
    (num / divisor, den / divisor)
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
