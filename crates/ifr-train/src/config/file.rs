use std::path::{Path, PathBuf, absolute};
use std::str::FromStr;

use toml::{Table, Value};

use super::Config;
use crate::TrainError;

/// The keys that hold paths.
const PATHS: [&str; 5] = ["model.init", "data.path", "data.label_tree", "data.cache", "output.dir"];

/// A value from the command line that replaces one of the file's: `train.steps=100`.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    key: String,
    value: Value,
}

impl Override {
    /// The key with its section and its value. Paths are relative to the working directory.
    pub fn new(key: impl Into<String>, value: impl Into<Value>) -> Self {
        let (key, value) = (key.into(), value.into());
        let value = match &value {
            Value::String(path) if PATHS.contains(&key.as_str()) => {
                Value::String(absolute(path).unwrap_or_else(|_| path.into()).to_string_lossy().into_owned())
            }
            _ => value,
        };
        Self { key, value }
    }
}

impl FromStr for Override {
    type Err = String;

    /// `SECTION.KEY=VALUE`; what is no TOML value is taken as text.
    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text
            .split_once('=')
            .map(|(key, value)| (key.trim(), value.trim()))
            .filter(|(key, _)| key.contains('.') && key.split('.').all(|part| !part.is_empty()))
            .ok_or_else(|| format!("found '{text}', expected SECTION.KEY=VALUE, as in train.steps=1000"))?;
        let parsed = format!("v = {value}").parse::<Table>().ok().and_then(|mut table| table.remove("v"));
        Ok(Self::new(key, parsed.unwrap_or_else(|| Value::String(value.to_owned()))))
    }
}

impl Config {
    /// Reads a file, replaces what `overrides` say, and checks every value. Paths in the file are relative to its folder.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be read, [`TrainError::Syntax`] when it is no TOML, [`TrainError::Config`] with the key,
    /// its value and what is allowed.
    pub fn read(path: &Path, overrides: &[Override]) -> Result<Self, TrainError> {
        let text = std::fs::read_to_string(path).map_err(|e| TrainError::io("read", path, e))?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Self::parse(&text, &path.display().to_string(), folder, overrides)
    }

    /// The same from text; `origin` names it in errors, `folder` is what its paths are relative to.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(
        text: &str,
        origin: &str,
        folder: &Path,
        overrides: &[Override],
    ) -> Result<Self, TrainError> {
        let mut table: Table = text.parse().map_err(|e: toml::de::Error| TrainError::Syntax {
            origin: origin.to_owned(),
            problem: e.to_string().trim_end().replace('\n', "\n  "),
        })?;
        for Override { key, value } in overrides {
            insert(&mut table, key, value.clone());
        }
        let document = Value::Table(table);
        let mut config: Self = serde_path_to_error::deserialize(document.clone()).map_err(|e| {
            let key = e.path().to_string();
            TrainError::Config {
                origin: origin.to_owned(),
                value: find(&document, &key).filter(|v| !v.is_table()).map(|v| short(&v.to_string())),
                key: if key == "." { "the file".to_owned() } else { key },
                problem: e.inner().to_string().trim().to_owned(),
            }
        })?;
        config.rebase(folder);
        config.check().map_err(|(key, value, problem)| TrainError::Config {
            origin: origin.to_owned(),
            key,
            value: Some(value),
            problem,
        })?;
        Ok(config)
    }

    /// The whole configuration as TOML, with every default spelled out.
    ///
    /// # Errors
    /// [`TrainError::Internal`] when it cannot be spelled (a path that is no UTF-8).
    pub fn to_toml(&self) -> Result<String, TrainError> {
        toml::to_string(self)
            .map_err(|e| TrainError::Internal(format!("cannot spell the configuration: {e}")))
    }

    /// The keys in which another configuration trains another network, with both values; empty when one may go on from the
    /// other's checkpoint and reach the same. Where data and results lie, what it is measured by and on what it runs do not count.
    ///
    /// # Errors
    /// As [`Config::to_toml`].
    pub fn differences(&self, before: &Self) -> Result<Vec<String>, TrainError> {
        let (now, before) = (flat(&self.essence().to_toml()?), flat(&before.essence().to_toml()?));
        let keys: std::collections::BTreeSet<&String> = now.keys().chain(before.keys()).collect();
        let words = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
        Ok(keys
            .into_iter()
            .filter(|&key| now.get(key) != before.get(key))
            .map(|key| format!("{key}: {} before, {} now", words(before.get(key)), words(now.get(key))))
            .collect())
    }

    fn essence(&self) -> Self {
        let mut essence = self.clone();
        essence.model.init = None;
        essence.data.path = PathBuf::new();
        essence.data.workers = None;
        essence.data.cache = None;
        essence.data.label_tree = None;
        essence.train.device = Default::default();
        essence.train.threads = None;
        essence.train.log_every = 1;
        essence.validation = Default::default();
        essence.output = super::OutputConfig {
            dir: PathBuf::new(),
            checkpoint_every: 0,
            keep: 0,
            dtype: Default::default(),
            data: None,
            licence: None,
        };
        essence
    }

    fn rebase(&mut self, folder: &Path) {
        let sets = self.validation.sets.iter_mut().map(|set| &mut set.path);
        let fixed = [&mut self.data.path, &mut self.output.dir];
        let optional = [&mut self.model.init, &mut self.data.label_tree, &mut self.data.cache];
        for path in sets.chain(fixed).chain(optional.into_iter().flatten()) {
            if path.is_relative() {
                *path = folder.join(&path);
            }
        }
    }
}

/// Puts a value under a dotted key; what is not a section on the way becomes one, and is then refused as such.
fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let entry = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if !entry.is_table() {
                *entry = Value::Table(Table::new());
            }
            if let Value::Table(inner) = entry {
                insert(inner, rest, value);
            }
        }
    }
}

/// The value at a path as serde writes it: `validation.sets[0].path`.
fn find<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split(['.', '[']).try_fold(document, |value, part| match part.strip_suffix(']') {
        Some(index) => value.get(index.parse::<usize>().ok()?),
        None => value.get(part),
    })
}

fn short(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        text.chars().take(MOST).chain(['…']).collect()
    }
}

/// `SECTION.KEY` to value.
fn flat(text: &str) -> std::collections::BTreeMap<String, Value> {
    let table: Table = text.parse().unwrap_or_default();
    let mut out = std::collections::BTreeMap::new();
    for (section, value) in table {
        match value {
            Value::Table(inner) => out.extend(inner.into_iter().map(|(k, v)| (format!("{section}.{k}"), v))),
            value => {
                out.insert(section, value);
            }
        }
    }
    out
}
