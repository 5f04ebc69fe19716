//! Defaults of the command line, from a file.
//!
//! A TOML file whose keys are the long names of options. What stands before the first table holds for every subcommand that has
//! such an option, a table for the subcommand of its name:
//!
//! ```toml
//! model = "flow-fast"
//!
//! [interpolate]
//! fps = "60000/1001"
//! crf = 18
//! no-audio = true
//! encoder-opt = ["tune=film", "aq-mode=3"]
//! ```
//!
//! This module only reads; which options there are the command line knows.

use thiserror::Error;

/// The longest file read, in bytes.
pub const MAX_CONFIG: usize = 1 << 20;

/// A file of defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// All settings: those for all subcommands first, then the tables, each in the order of its keys.
    pub settings: Vec<Setting>,
}

/// One key of a [`Config`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The subcommand it is for; `None`: all that have such an option.
    pub command: Option<String>,
    /// The option's long name, without dashes before it.
    pub option: String,
    /// What it is set to.
    pub value: SettingValue,
}

impl Setting {
    /// The key as people know it: `interpolate.fps`.
    pub fn name(&self) -> String {
        match &self.command {
            Some(command) => format!("{command}.{}", self.option),
            None => self.option.clone(),
        }
    }
}

/// What an option is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingValue {
    /// A switch.
    Switch(bool),
    /// Text or a number, as it would stand on the command line; several for an option that may be given several times.
    Words(Vec<String>),
}

/// A file that holds no defaults.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It is too long.
    #[error("{0} bytes are too many for a file of defaults; expected at most {MAX_CONFIG}")]
    Long(usize),
    /// It is not text.
    #[error("not UTF-8 from byte {0} on; expected text")]
    Text(usize),
    /// It is not TOML.
    #[error("{0}")]
    Toml(String),
    /// A value of a kind that options do not have.
    #[error("{name}: found {found}, expected text, a number, true or false, or a list of text and numbers")]
    Value {
        /// The key.
        name: String,
        /// The kind of its value.
        found: &'static str,
    },
}

impl Config {
    /// Reads a file's content.
    ///
    /// # Errors
    /// [`ConfigError`] when it is no TOML, or a value is of another kind than options have.
    pub fn parse(content: &[u8]) -> Result<Self, ConfigError> {
        if content.len() > MAX_CONFIG {
            return Err(ConfigError::Long(content.len()));
        }
        let text = std::str::from_utf8(content).map_err(|e| ConfigError::Text(e.valid_up_to()))?;
        let table: toml::Table = text
            .parse()
            .map_err(|e: toml::de::Error| ConfigError::Toml(e.to_string().trim_end().to_owned()))?;
        let mut settings = Vec::new();
        let (tables, plain): (Vec<_>, Vec<_>) =
            table.into_iter().partition(|(_, value)| matches!(value, toml::Value::Table(_)));
        for (option, value) in plain {
            settings.push(Setting::new(None, option, value)?);
        }
        for (command, value) in tables {
            let toml::Value::Table(table) = value else { continue };
            for (option, value) in table {
                settings.push(Setting::new(Some(command.clone()), option, value)?);
            }
        }
        Ok(Self { settings })
    }
}

impl Setting {
    fn new(command: Option<String>, option: String, value: toml::Value) -> Result<Self, ConfigError> {
        let mut setting = Self { command, option, value: SettingValue::Words(Vec::new()) };
        let bad = |found| ConfigError::Value { name: setting.name(), found };
        setting.value = match value {
            toml::Value::Boolean(on) => SettingValue::Switch(on),
            toml::Value::Array(items) => {
                let words = items.into_iter().map(|item| word(item).map_err(bad));
                SettingValue::Words(words.collect::<Result<_, _>>()?)
            }
            other => SettingValue::Words(vec![word(other).map_err(bad)?]),
        };
        Ok(setting)
    }
}

/// A value as it would stand on the command line, or what it is instead.
fn word(value: toml::Value) -> Result<String, &'static str> {
    match value {
        toml::Value::String(text) if text.contains('\0') => Err("text with a NUL character"),
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(n) => Ok(n.to_string()),
        toml::Value::Float(x) if x.is_finite() => Ok(x.to_string()),
        toml::Value::Float(_) => Err("no finite number"),
        toml::Value::Boolean(_) => Err("true or false in a list"),
        toml::Value::Datetime(_) => Err("a date or time"),
        toml::Value::Array(_) => Err("a list in a list"),
        toml::Value::Table(_) => Err("a table"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text.as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn keys_are_options() {
        let config = parse(
            "threads = 4\n[interpolate]\nfps = \"60000/1001\"\ncrf = 18.5\nno-audio = true\nencoder-opt = ['a=b', 'c=1']\n",
        );
        let words = |words: &[&str]| SettingValue::Words(words.iter().map(|&w| w.to_owned()).collect());
        let found: Vec<_> = config.unwrap().settings.into_iter().map(|s| (s.name(), s.value)).collect();
        assert_eq!(found.len(), 5);
        for (name, value) in [
            ("threads", words(&["4"])),
            ("interpolate.fps", words(&["60000/1001"])),
            ("interpolate.crf", words(&["18.5"])),
            ("interpolate.no-audio", SettingValue::Switch(true)),
            ("interpolate.encoder-opt", words(&["a=b", "c=1"])),
        ] {
            assert!(found.contains(&(name.to_owned(), value)), "{name}: {found:?}");
        }
        assert_eq!(parse(""), Ok(Config::default()));
    }

    #[test]
    fn what_is_no_default_is_told() {
        for (text, words) in [
            ("fps 60", "expected"),
            ("fps = 60\nfps = 30", "duplicate key"),
            (
                "[interpolate]\nfps = 2020-01-01",
                "interpolate.fps: found a date or time, expected text, a number",
            ),
            ("[interpolate.fps]\nx = 1", "interpolate.fps: found a table"),
            ("fps = nan", "fps: found no finite number"),
            ("fps = [[1]]", "fps: found a list in a list"),
            ("fps = [true]", "fps: found true or false in a list"),
            ("fps = \"\\u0000\"", "fps: found text with a NUL character"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert_eq!(Config::parse(b"a = 1\n\xff"), Err(ConfigError::Text(6)));
        assert_eq!(Config::parse(&vec![b'#'; MAX_CONFIG + 1]), Err(ConfigError::Long(MAX_CONFIG + 1)));
    }

    /// What `fuzz/` does with mutations of its own is done here with fixed ones.
    #[test]
    fn any_bytes_are_read_or_refused() {
        let whole =
            b"threads = 4\n[interpolate]\nfps = \"60\"\nencoder-opt = ['a=b', \"c\\u0031\"]\ncrf = 1e1\n"
                .to_vec();
        let mut state = 1_u64;
        let mut below = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound
        };
        let mut read = 0;
        for _ in 0..4000 {
            let mut bytes = whole.clone();
            for _ in 0..1 + below(3) {
                let (at, letter) = (below(bytes.len()), b"[]{}\"'\\=.\n#,\0\xff-e012"[below(19)]);
                match below(3) {
                    0 => bytes[at] = letter,
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, letter),
                }
            }
            if let Ok(config) = Config::parse(&bytes) {
                read += 1;
                assert!(config.settings.len() <= bytes.len());
            }
        }
        assert!(read > 500, "{read}: hardly anything of this reaches the values");
        let deep = [b"a=".as_slice(), &b"[".repeat(100_000)].concat();
        assert!(Config::parse(&deep).is_err());
    }
}
