//! A pickle's program, run far enough to see what it describes. Nothing is imported, called or constructed: a global is its
//! name, and a call is a note of what would be called with what.

/// Longest program accepted, in bytes: ten times that of a checkpoint with its optimiser's state.
pub(super) const MOST_BYTES: usize = 16 << 20;
/// Most objects: a state dict of IFR+ makes ten thousand, three or four times that with an optimiser's state.
const MOST_OBJECTS: usize = 1 << 18;
/// Most values in all lists, tuples and dictionaries together, and on the stack.
const MOST_VALUES: usize = 1 << 20;
/// Most codes run and values moved or looked at, together: twice what a program of [`MOST_BYTES`] can ask for when every
/// value is moved once.
const MOST_WORK: usize = 2 * MOST_BYTES;
/// Longest module and longest name of a global, in bytes: each may be looked at once for each object it makes.
const LONGEST_GLOBAL: usize = 256;

/// A value: small and `Copy`, what is large lies in the [`Heap`] or in the program. Objects may contain themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than 64 bits, little-endian.
    Long(&'a [u8]),
    Float,
    Str(&'a str),
    Bytes,
    /// Place in the heap.
    Object(usize),
}

/// What a value may refer to.
#[derive(Debug, Clone)]
pub(super) enum Object<'a> {
    /// A list, tuple or set.
    Sequence(Vec<Value<'a>>),
    /// Pairs in the order in which they were set.
    Dict(Vec<(Value<'a>, Value<'a>)>),
    /// Something importable: module and name.
    Global(&'a str, &'a str),
    /// The result of calling a global with arguments, not made; and the state that it would have been given.
    Call { function: Value<'a>, arguments: Value<'a>, state: Option<Value<'a>> },
    /// A reference to something outside the pickle.
    Persistent(Value<'a>),
}

#[derive(Debug, Default)]
pub(super) struct Heap<'a> {
    objects: Vec<Object<'a>>,
}

impl<'a> Heap<'a> {
    pub(super) fn object(&self, value: Value<'a>) -> Option<&Object<'a>> {
        match value {
            Value::Object(at) => self.objects.get(at),
            _ => None,
        }
    }

    /// What is referred to outside the pickle.
    pub(super) fn persistent(&self) -> impl Iterator<Item = Value<'a>> {
        self.objects.iter().filter_map(|object| match object {
            Object::Persistent(id) => Some(*id),
            _ => None,
        })
    }

    pub(super) fn sequence(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match self.object(value)? {
            Object::Sequence(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn global(&self, value: Value<'a>) -> Option<(&'a str, &'a str)> {
        match self.object(value)? {
            Object::Global(module, name) => Some((module, name)),
            _ => None,
        }
    }
}

/// A program that was run.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    pub(super) heap: Heap<'a>,
    pub(super) value: Value<'a>,
    /// Bytes of the program.
    pub(super) length: usize,
}

/// Runs the program at the beginning of `bytes`.
pub(super) fn load(bytes: &[u8]) -> Result<Pickle<'_>, String> {
    let bytes = &bytes[..bytes.len().min(MOST_BYTES)];
    let mut machine = Machine { bytes, ..Machine::default() };
    let value = machine.run().map_err(|what| format!("its pickle {what} (at byte {})", machine.at))?;
    Ok(Pickle { heap: machine.heap, value, length: machine.at })
}

#[derive(Default)]
struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    heap: Heap<'a>,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at the marks that are open.
    marks: Vec<usize>,
    memo: Vec<Option<Value<'a>>>,
    /// Values put into objects so far.
    contained: usize,
    /// Codes run and values moved or looked at so far.
    work: usize,
}

type Step<T> = Result<T, String>;

impl<'a> Machine<'a> {
    fn take(&mut self, count: usize) -> Step<&'a [u8]> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| format!("ends early or is longer than {MOST_BYTES} bytes"))?;
        self.at += count;
        Ok(taken)
    }

    /// Counts work before it is done.
    fn spend(&mut self, work: usize) -> Step<()> {
        self.work = self.work.saturating_add(work);
        if self.work > MOST_WORK {
            return Err(format!("asks for more than {MOST_WORK} steps"));
        }
        Ok(())
    }

    fn byte(&mut self) -> Step<u8> {
        Ok(self.take(1)?[0])
    }

    /// An unsigned number of that many bytes, at most 8.
    fn size(&mut self, bytes: usize) -> Step<usize> {
        let number = self.take(bytes)?.iter().rev().fold(0_u64, |n, &b| n << 8 | u64::from(b));
        usize::try_from(number).map_err(|_| format!("holds a length of {number}"))
    }

    fn line(&mut self) -> Step<&'a str> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|&b| b == b'\n').ok_or("ends early")?;
        let line = std::str::from_utf8(self.take(end + 1)?).map_err(|_| "has a line that is no text")?;
        Ok(line.trim_end_matches(['\n', '\r']))
    }

    fn text(&mut self, length: usize) -> Step<Value<'a>> {
        // Python's own strings may hold what UTF-8 cannot; no name of a parameter does.
        let bytes = self.take(length)?;
        Ok(std::str::from_utf8(bytes).map_or(Value::Bytes, Value::Str))
    }

    fn pop(&mut self) -> Step<Value<'a>> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err("takes from an empty stack".to_owned());
        }
        self.stack.pop().ok_or_else(|| "takes from an empty stack".to_owned())
    }

    fn top(&self) -> Step<Value<'a>> {
        self.stack.last().copied().ok_or_else(|| "looks at an empty stack".to_owned())
    }

    fn marked(&mut self) -> Step<Vec<Value<'a>>> {
        let mark = self.marks.pop().ok_or("closes what was not opened")?;
        let mark = mark.min(self.stack.len());
        self.spend(self.stack.len() - mark)?;
        Ok(self.stack.split_off(mark))
    }

    fn push(&mut self, value: Value<'a>) -> Step<()> {
        if self.stack.len() >= MOST_VALUES {
            return Err(format!("has more than {MOST_VALUES} values on its stack"));
        }
        self.stack.push(value);
        Ok(())
    }

    fn create(&mut self, object: Object<'a>) -> Step<()> {
        if self.heap.objects.len() >= MOST_OBJECTS {
            return Err(format!("makes more than {MOST_OBJECTS} objects"));
        }
        if let Object::Sequence(items) = &object {
            self.count(items.len())?;
        }
        self.heap.objects.push(object);
        self.push(Value::Object(self.heap.objects.len() - 1))
    }

    fn count(&mut self, more: usize) -> Step<()> {
        self.spend(more)?;
        self.contained += more;
        if self.contained > MOST_VALUES {
            return Err(format!("makes objects of more than {MOST_VALUES} values"));
        }
        Ok(())
    }

    fn tuple(&mut self, count: usize) -> Step<()> {
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(self.pop()?);
        }
        items.reverse();
        self.create(Object::Sequence(items))
    }

    fn remember(&mut self, key: usize) -> Step<()> {
        // Programs number what they keep from 0 upwards: a key beyond all of the program's bytes is none of theirs.
        if key > self.bytes.len() || key >= MOST_VALUES {
            return Err(format!("keeps a value under {key}"));
        }
        if self.memo.len() <= key {
            self.memo.resize(key + 1, None);
        }
        self.memo[key] = Some(self.top()?);
        Ok(())
    }

    fn recall(&mut self, key: usize) -> Step<()> {
        let value = self.memo.get(key).copied().flatten();
        self.push(value.ok_or_else(|| format!("recalls {key}, which it did not keep"))?)
    }

    fn append(&mut self, items: &[Value<'a>]) -> Step<()> {
        self.count(items.len())?;
        match self.top()? {
            Value::Object(at) => match self.heap.objects.get_mut(at) {
                Some(Object::Sequence(list)) => list.extend_from_slice(items),
                // What an unknown constructor made may take anything.
                Some(Object::Call { .. }) => {}
                _ => return Err("appends to what is no list".to_owned()),
            },
            _ => return Err("appends to what is no list".to_owned()),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Value<'a>]) -> Step<()> {
        self.count(items.len())?;
        if !items.len().is_multiple_of(2) {
            return Err("sets a key without a value".to_owned());
        }
        match self.top()? {
            Value::Object(at) => match self.heap.objects.get_mut(at) {
                Some(Object::Dict(pairs)) => pairs.extend(items.chunks_exact(2).map(|p| (p[0], p[1]))),
                Some(Object::Call { .. }) => {}
                _ => return Err("sets an item of what is no dictionary".to_owned()),
            },
            _ => return Err("sets an item of what is no dictionary".to_owned()),
        }
        Ok(())
    }

    fn global(&mut self, module: &'a str, name: &'a str) -> Step<()> {
        if module.len() > LONGEST_GLOBAL || name.len() > LONGEST_GLOBAL {
            return Err(format!(
                "names a global of {} and {} bytes; at most {LONGEST_GLOBAL} each are accepted",
                module.len(),
                name.len()
            ));
        }
        self.create(Object::Global(module, name))
    }

    /// A call; the one to `OrderedDict` makes a dictionary.
    fn call(&mut self, function: Value<'a>, arguments: Value<'a>) -> Step<()> {
        let place = match self.heap.global(function) {
            Some(("collections", "OrderedDict")) => 0,
            // Its first argument makes what is missing.
            Some(("collections", "defaultdict")) => 1,
            _ => return self.create(Object::Call { function, arguments, state: None }),
        };
        let given = self.heap.sequence(arguments).and_then(|a| a.get(place).copied());
        let Some(given) = given else { return self.create(Object::Dict(Vec::new())) };
        // Counted before they are looked at: the same list may be given to any number of calls.
        self.count(2 * self.heap.sequence(given).map_or(0, <[_]>::len))?;
        let items = self.heap.sequence(given).unwrap_or_default();
        let pairs = items.iter().map(|&item| match self.heap.sequence(item) {
            Some(&[key, value]) => Ok((key, value)),
            _ => Err("makes a dictionary of what are no pairs".to_owned()),
        });
        let pairs = pairs.collect::<Step<Vec<_>>>()?;
        self.create(Object::Dict(pairs))
    }

    fn build(&mut self) -> Step<()> {
        let given = self.pop()?;
        // A dictionary's state is its attributes, none of which matters here.
        if let Value::Object(at) = self.top()?
            && let Some(Object::Call { state, .. }) = self.heap.objects.get_mut(at)
        {
            *state = Some(given);
        }
        Ok(())
    }

    fn run(&mut self) -> Step<Value<'a>> {
        loop {
            let code = self.byte()?;
            self.spend(1)?;
            match code {
                b'.' => return self.pop(),
                0x80 => match self.byte()? {
                    0..=5 => {}
                    version => return Err(format!("is of protocol {version}; 0 to 5 are read")),
                },
                0x95 => drop(self.take(8)?),
                b'(' => {
                    if self.marks.len() >= MOST_VALUES {
                        return Err(format!("opens more than {MOST_VALUES} marks"));
                    }
                    self.marks.push(self.stack.len());
                }
                b'0' => match self.marks.last() {
                    Some(&mark) if mark == self.stack.len() => drop(self.marks.pop()),
                    _ => drop(self.pop()?),
                },
                b'1' => drop(self.marked()?),
                b'2' => self.push(self.top()?)?,
                _ => self.value(code)?,
            }
        }
    }

    /// The codes that make values or put them into others.
    fn value(&mut self, code: u8) -> Step<()> {
        match code {
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'K' => self.size(1).and_then(|n| self.push(Value::Int(n as i64))),
            b'M' => self.size(2).and_then(|n| self.push(Value::Int(n as i64))),
            b'J' => {
                let number = self.take(4)?.first_chunk().map_or(0, |&b| i32::from_le_bytes(b));
                self.push(Value::Int(i64::from(number)))
            }
            0x8A | 0x8B => {
                let length = self.size(if code == 0x8A { 1 } else { 4 })?;
                let digits = self.take(length)?;
                self.push(long(digits))
            }
            b'I' | b'L' => {
                let line = self.line()?;
                self.push(match line {
                    "00" => Value::Bool(false),
                    "01" => Value::Bool(true),
                    digits => match digits.trim_end_matches('L').parse() {
                        Ok(number) => Value::Int(number),
                        // Protocol 0 writes long numbers in decimal; none of them matters here.
                        Err(_) => Value::Float,
                    },
                })
            }
            b'G' => self.take(8).and_then(|_| self.push(Value::Float)),
            b'F' => self.line().and_then(|_| self.push(Value::Float)),
            b'S' => {
                let line = self.line()?;
                let quoted = line.len() >= 2 && line.starts_with(['\'', '"']);
                self.push(if quoted { Value::Str(&line[1..line.len() - 1]) } else { Value::Bytes })
            }
            b'V' => self.line().and_then(|line| self.push(Value::Str(line))),
            // Strings of Python 2 are read as text too: that is how its checkpoints name parameters.
            b'X' | b'T' | 0x8C | b'U' | 0x8D => {
                let length = self.size(match code {
                    0x8C | b'U' => 1,
                    0x8D => 8,
                    _ => 4,
                })?;
                let text = self.text(length)?;
                self.push(text)
            }
            b'B' | b'C' | 0x8E | 0x96 => {
                let length = self.size(match code {
                    b'C' => 1,
                    b'B' => 4,
                    _ => 8,
                })?;
                self.take(length)?;
                self.push(Value::Bytes)
            }
            b')' | b']' | 0x8F => self.create(Object::Sequence(Vec::new())),
            b'}' => self.create(Object::Dict(Vec::new())),
            0x85..=0x87 => self.tuple(usize::from(code - 0x84)),
            b't' | b'l' | 0x91 => {
                let items = self.marked()?;
                self.create(Object::Sequence(items))
            }
            b'd' => {
                let items = self.marked()?;
                self.create(Object::Dict(Vec::new()))?;
                self.set(&items)
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])
            }
            b'e' | 0x90 => {
                let items = self.marked()?;
                self.append(&items)
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(&[key, value])
            }
            b'u' => {
                let items = self.marked()?;
                self.set(&items)
            }
            _ => self.reference(code),
        }
    }

    /// The codes that name, keep and recall.
    fn reference(&mut self, code: u8) -> Step<()> {
        match code {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)
            }
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Str(name), Value::Str(module)) => self.global(module, name),
                _ => Err("names a global by what is no text".to_owned()),
            },
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.call(function, arguments)
            }
            0x92 => {
                let (_, arguments, function) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(function, arguments)
            }
            b'o' => {
                let items = self.marked()?;
                let (&function, arguments) = items.split_first().ok_or("makes an object of no class")?;
                self.create(Object::Sequence(arguments.to_vec()))?;
                let arguments = self.pop()?;
                self.call(function, arguments)
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                let items = self.marked()?;
                self.global(module, name)?;
                let function = self.pop()?;
                self.create(Object::Sequence(items))?;
                let arguments = self.pop()?;
                self.call(function, arguments)
            }
            b'b' => self.build(),
            b'Q' => {
                let id = self.pop()?;
                self.create(Object::Persistent(id))
            }
            b'P' => {
                let id = self.line()?;
                self.create(Object::Persistent(Value::Str(id)))
            }
            b'q' | b'r' => {
                let key = self.size(if code == b'q' { 1 } else { 4 })?;
                self.remember(key)
            }
            b'p' => {
                let key = self.key()?;
                self.remember(key)
            }
            0x94 => self.remember(self.memo.len()),
            b'h' | b'j' => {
                let key = self.size(if code == b'h' { 1 } else { 4 })?;
                self.recall(key)
            }
            b'g' => {
                let key = self.key()?;
                self.recall(key)
            }
            other => Err(format!("has the unknown code {other:#04x}")),
        }
    }

    fn key(&mut self) -> Step<usize> {
        let line = self.line()?;
        line.parse().map_err(|_| "keeps a value under what is no number".to_owned())
    }
}

/// A number of two's complement, little-endian.
fn long(digits: &[u8]) -> Value<'_> {
    if digits.len() > 8 {
        return Value::Long(digits);
    }
    let negative = digits.last().is_some_and(|&b| b >= 0x80);
    let mut bytes = [if negative { 0xFF } else { 0 }; 8];
    bytes[..digits.len()].copy_from_slice(digits);
    Value::Int(i64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The work done for a program and the error it ends in, if any.
    fn work(program: &[u8]) -> (usize, Option<String>) {
        let mut machine = Machine { bytes: program, ..Machine::default() };
        let result = machine.run();
        (machine.work, result.err())
    }

    /// A list of so many items, given to so many dictionaries.
    fn dictionaries(class: &str, item: &[u8], items: usize, calls: usize) -> Vec<u8> {
        let mut program = b"\x80\x02NN\x86q\x030]q\x01(".to_vec();
        program.extend(item.repeat(items));
        program.extend(b"e0ccollections\n");
        program.extend(class.bytes());
        program.extend(b"\nq\x00");
        program.extend(if class == "OrderedDict" { &b"h\x01\x85q\x02"[..] } else { b"Nh\x01\x86q\x02" });
        program.extend(b"h\x00h\x02R0".repeat(calls));
        program.extend(b"}.");
        program
    }

    #[test]
    fn dictionaries_are_made_of_pairs_and_counted() {
        for class in ["OrderedDict", "defaultdict"] {
            let (done, error) = work(&dictionaries(class, b"h\x03", 100, 100));
            assert_eq!(error, None);
            assert!((20_000..22_000).contains(&done), "{done}");
            // What are no pairs is not counted in vain: the first ends it.
            let (done, error) = work(&dictionaries(class, b"N", 100_000, 100_000));
            assert_eq!(error.unwrap(), "makes a dictionary of what are no pairs");
            assert!(done < 1_000_000, "{done}");
            let (done, error) = work(&dictionaries(class, b"h\x03", 100_000, 100_000));
            assert_eq!(error.unwrap(), "makes objects of more than 1048576 values");
            assert!(done < 2 * MOST_VALUES, "{done}");
        }
    }

    #[test]
    fn no_program_asks_for_more_than_its_work() {
        // Every value is pushed, moved into a list, and dropped.
        let round = b"(NNNNNNNNNNNNNN1";
        let program = round.repeat(MOST_BYTES / round.len());
        let (done, error) = work(&program);
        assert!(error.unwrap().contains("ends early"));
        assert!(done > MOST_BYTES && done < MOST_WORK, "{done}");
        // A budget that is nearly spent ends the next step.
        let mut machine = Machine { bytes: b"NN.", work: MOST_WORK - 1, ..Machine::default() };
        assert_eq!(machine.run().unwrap_err(), format!("asks for more than {MOST_WORK} steps"));
    }

    #[test]
    fn long_names_are_refused() {
        let global = |module: usize, name: usize| {
            [b"c", "m".repeat(module).as_bytes(), b"\n", "n".repeat(name).as_bytes(), b"\n."].concat()
        };
        assert_eq!(work(&global(LONGEST_GLOBAL, LONGEST_GLOBAL)).1, None);
        for program in [global(LONGEST_GLOBAL + 1, 1), global(1, LONGEST_GLOBAL + 1)] {
            assert!(work(&program).1.unwrap().contains("at most 256 each are accepted"));
        }
    }
}
