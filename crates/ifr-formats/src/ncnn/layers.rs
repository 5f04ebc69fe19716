//! The text of a `.param`: `type name inputs outputs blobs… key=value…`, one layer a line.

use std::collections::HashMap;

use ifr_net::printable;

/// Most layers: ten times those of IFRNet.
const MOST_LAYERS: usize = 4096;
/// Most blobs a layer may read or write.
const MOST_BLOBS: usize = 64;
/// Most numbered parameters a layer may have.
const MOST_NUMBERS: usize = 64;
/// Largest number that a parameter used here may be.
const LARGEST: usize = 1 << 28;

/// One layer.
#[derive(Debug)]
pub(super) struct Layer<'a> {
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    /// Names of the blobs it reads and writes.
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    /// Parameters by number, as text.
    numbers: HashMap<i32, &'a str>,
}

impl Layer<'_> {
    /// A parameter that is a natural number.
    pub(super) fn number(&self, key: i32, default: usize) -> Result<usize, String> {
        match self.numbers.get(&key) {
            None => Ok(default),
            Some(text) => text.parse().ok().filter(|&n| n <= LARGEST).ok_or_else(|| {
                format!("layer '{}': parameter {key} is '{}'", printable(self.name, 60), printable(text, 40))
            }),
        }
    }

    /// Checks that a parameter is that number; `default` stands for one that is not given.
    pub(super) fn expect(&self, key: i32, default: f64, expected: f64, what: &str) -> Result<f64, String> {
        let text = self.numbers.get(&key).copied();
        match text.map_or(Some(default), |text| text.parse::<f64>().ok()) {
            Some(found) if found == expected => Ok(found),
            _ => Err(format!(
                "layer '{}': {what} (parameter {key}) is {}; IFRNet has {expected} there",
                printable(self.name, 60),
                printable(text.unwrap_or(&default.to_string()), 40)
            )),
        }
    }

    /// Checks everything about a convolution that does not show in its weights.
    pub(super) fn expect_conv(&self, stride: f64, padding: (f64, f64)) -> Result<(), String> {
        let pair = |keys: (i32, i32), default, (y, x), what: &str| {
            let across = self.expect(keys.0, default, x, what)?;
            self.expect(keys.1, across, y, what)
        };
        pair((2, 12), 1.0, (1.0, 1.0), "a dilation")?;
        pair((3, 13), 1.0, (stride, stride), "a stride")?;
        pair((4, 14), 0.0, padding, "a padding")?;
        // On the other side the padding is the same unless given.
        self.expect(15, padding.1, padding.1, "a padding")?;
        self.expect(16, padding.0, padding.0, "a padding")?;
        self.expect(7, 1.0, 1.0, "the number of groups")?;
        self.expect(9, 0.0, 0.0, "a fused activation")?;
        // Values around a convolution's input, weights that come from elsewhere; sizes of what a transposed one makes.
        for key in [18, 19, 20, 21, 28] {
            self.expect(key, 0.0, 0.0, "a number")?;
        }
        Ok(())
    }

    /// Checks a parameter that is a list (its length, then its items); `None` is any item.
    pub(super) fn expect_list(&self, key: i32, expected: &[Option<f64>], what: &str) -> Result<(), String> {
        let text = self.numbers.get(&key).copied().unwrap_or("0");
        let found: Option<Vec<f64>> = text.split(',').map(|item| item.parse().ok()).collect();
        let same = found.as_deref().and_then(<[f64]>::split_first).is_some_and(|(&count, items)| {
            count == expected.len() as f64
                && items.len() == expected.len()
                && items.iter().zip(expected).all(|(item, expected)| expected.is_none_or(|e| e == *item))
        });
        if same {
            return Ok(());
        }
        let expected: Vec<String> =
            expected.iter().map(|e| e.map_or_else(|| "…".to_owned(), |e| e.to_string())).collect();
        Err(format!(
            "layer '{}': {what} (parameter {key}) are '{}'; IFRNet has {} there",
            printable(self.name, 60),
            printable(text, 60),
            expected.join(", ")
        ))
    }

    /// Outputs, kernel (height, width) and number of weights of a convolution.
    pub(super) fn conv_numbers(&self) -> Result<(usize, (usize, usize), usize), String> {
        let width = self.number(1, 0)?;
        let kernel = (self.number(11, width)?, width);
        if kernel.0 > 64 || kernel.1 > 64 {
            return Err(format!("layer '{}': a kernel of {}x{}", self.name, kernel.1, kernel.0));
        }
        Ok((self.number(0, 0)?, kernel, self.number(6, 0)?))
    }
}

/// Reads the text.
pub(super) fn parse(param: &[u8]) -> Result<Vec<Layer<'_>>, String> {
    let text = std::str::from_utf8(param).map_err(|_| "the .param is no text")?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).skip(1);
    let counts = lines.next().ok_or("the .param ends after its first line")?;
    let count: Option<usize> = counts.split_whitespace().next().and_then(|n| n.parse().ok());
    let count = count.filter(|&n| n <= MOST_LAYERS).ok_or_else(|| {
        format!("'{}' layers in the .param; at most {MOST_LAYERS} are accepted", printable(counts, 40))
    })?;
    let layers: Vec<Layer<'_>> = lines.take(count + 1).map(layer).collect::<Result<_, _>>()?;
    if layers.len() == count {
        Ok(layers)
    } else {
        Err(format!("the .param announces {count} layers, but lists {}", layers.len()))
    }
}

fn layer(line: &str) -> Result<Layer<'_>, String> {
    let strange = || format!("a line of the .param is no layer: '{}'", printable(line, 80));
    let mut words = line.split_whitespace();
    let mut word = || words.next().ok_or_else(strange);
    let (kind, name) = (word()?, word()?);
    let count = |text: &str| text.parse::<usize>().ok().filter(|&n| n <= MOST_BLOBS).ok_or_else(strange);
    let (inputs, outputs) = (count(word()?)?, count(word()?)?);
    let inputs = (0..inputs).map(|_| word()).collect::<Result<_, _>>()?;
    let outputs = (0..outputs).map(|_| word()).collect::<Result<_, _>>()?;
    let mut numbers = HashMap::new();
    for pair in words {
        let (key, value) = pair.split_once('=').ok_or_else(strange)?;
        // Other keys (of custom layers) are words.
        if let Ok(key) = key.parse() {
            numbers.insert(key, value);
            if numbers.len() > MOST_NUMBERS {
                return Err(strange());
            }
        }
    }
    Ok(Layer { kind, name, inputs, outputs, numbers })
}
