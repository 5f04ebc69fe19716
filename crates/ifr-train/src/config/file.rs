use std::path::{Path, PathBuf, absolute};
use std::str::FromStr;

use toml::{Table, Value};

use super::Config;
use crate::TrainError;
use crate::network::is_plus;

/// The keys that hold paths.
const PATHS: [&str; 7] = [
    "model.init",
    "model.encoder",
    "data.path",
    "data.label_tree",
    "data.cache",
    "loss.perceptual_weights",
    "output.dir",
];

/// The key that holds tables with a path each.
const SETS: &str = "validation.sets";

/// Keys of which a configuration has one: setting it takes the place of the other.
const EITHER: [[&str; 2]; 2] = [["train.steps", "train.epochs"], ["train.epochs", "train.steps"]];

/// A value from the command line that replaces one of the file's: `train.steps=100`.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    key: String,
    value: Value,
}

impl Override {
    /// The key with its section and its value. Paths are relative to the working directory, also those of `validation.sets`.
    pub fn new(key: impl Into<String>, value: impl Into<Value>) -> Self {
        let (key, mut value) = (key.into(), value.into());
        match &mut value {
            path if PATHS.contains(&key.as_str()) => settle(path),
            Value::Array(sets) if key == SETS => {
                sets.iter_mut().filter_map(|set| set.get_mut("path")).for_each(settle);
            }
            _ => {}
        }
        Self { key, value }
    }
}

/// Makes a path absolute.
fn settle(value: &mut Value) {
    if let Value::String(path) = value
        && let Ok(whole) = absolute(&*path)
    {
        *path = whole.to_string_lossy().into_owned();
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
    /// Reads a file, replaces what `overrides` say, and checks every value. Paths in the file are relative to its folder. Of
    /// `train.steps` and `train.epochs`, which exclude each other, the last override alone counts.
    ///
    /// # Errors
    /// [`TrainError::Io`] when it cannot be read, [`TrainError::Syntax`] when it is no TOML, [`TrainError::Config`] with the key,
    /// its value and what is allowed.
    pub fn read(path: &Path, overrides: &[Override]) -> Result<Self, TrainError> {
        let text = std::fs::read_to_string(path).map_err(|e| TrainError::io("read", path, e))?;
        Self::parse(&text, &path.display().to_string(), path.parent().unwrap_or(Path::new("")), overrides)
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
            for [_, other] in EITHER.iter().filter(|[one, _]| one == key) {
                remove(&mut table, other);
            }
            insert(&mut table, key, value.clone());
        }
        let document = Value::Table(table);
        let mut config: Self = serde_path_to_error::deserialize(document.clone()).map_err(|e| {
            let key = e.path().to_string();
            TrainError::Config {
                origin: origin.to_owned(),
                value: find(&document, &key).filter(|v| !v.is_table()).map(|v| short(&v.to_string())),
                key: if key == "." { "the file".to_owned() } else { key },
                // What follows names the section, which the key does already.
                problem: e.inner().to_string().lines().next().unwrap_or_default().to_owned(),
            }
        })?;
        config.rebase(folder);
        config.loss.settle(is_plus(&config.model));
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

    /// A number that is the same for processes that may train together from that step on.
    pub(crate) fn fingerprint(&self, step: u64) -> Result<u64, TrainError> {
        let text = format!("{} from step {step}", self.essence().to_toml()?);
        // FNV-1a.
        Ok(text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        }))
    }

    fn essence(&self) -> Self {
        let mut essence = self.clone();
        essence.model.init = None;
        essence.model.encoder = None;
        essence.loss.perceptual_weights = None;
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
        let optional = [
            &mut self.model.init,
            &mut self.model.encoder,
            &mut self.data.label_tree,
            &mut self.data.cache,
            &mut self.loss.perceptual_weights,
        ];
        for path in sets.chain(fixed).chain(optional.into_iter().flatten()) {
            if path.is_relative() {
                let whole = folder.join(&path);
                // People read these: `run`, not `./run`.
                *path = match whole.strip_prefix(".").unwrap_or(&whole) {
                    here if here.as_os_str().is_empty() => ".".into(),
                    path => path.to_owned(),
                };
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

/// Removes the value under a dotted key, if there is one.
fn remove(table: &mut Table, key: &str) {
    match key.split_once('.') {
        None => drop(table.remove(key)),
        Some((section, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(section) {
                remove(inner, rest);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DataKind, Labels};

    const LEAST: &str = "[model]\nnetwork = 'ifrnet-s'\n[data]\nkind = 'clips'\npath = 'clips'\ncrop = 64\nbatch = 2\n\
                         [output]\ndir = 'out'\n[train]\nsteps = 5\n";

    const PLUS: &str = "model.network=ifr-plus";

    fn parse(text: &str, overrides: &[&str]) -> Result<Config, TrainError> {
        let overrides: Vec<Override> = overrides.iter().map(|o| o.parse().unwrap()).collect();
        Config::parse(text, "c.toml", Path::new("/base"), &overrides)
    }

    fn fault(overrides: &[&str]) -> String {
        parse(LEAST, overrides).unwrap_err().to_string()
    }

    #[test]
    fn paths_are_relative_to_the_file_and_overrides_to_the_working_directory() {
        let config = parse(LEAST, &["output.dir=here", "data.crop=[64, 32]"]).unwrap();
        assert_eq!(config.data.path, Path::new("/base/clips"));
        assert_eq!(config.output.dir, std::env::current_dir().unwrap().join("here"));
        assert_eq!(config.data.crop.size(), (64, 32));
        assert_eq!((config.data.kind, config.data.labels), (DataKind::Clips, Labels::None));
    }

    #[test]
    fn paths_of_a_file_in_the_working_directory_stay_short() {
        for (folder, path, whole) in
            [("", "run", "run"), (".", "./run", "run"), ("", ".", "."), ("", "../run", "../run")]
        {
            let text = LEAST.replace("'out'", &format!("'{path}'"));
            let config = Config::parse(&text, "c.toml", Path::new(folder), &[]).unwrap();
            assert_eq!(config.output.dir.as_os_str(), whole, "{path} in {folder}");
        }
    }

    #[test]
    fn paths_of_sets_given_as_overrides_are_relative_to_the_working_directory() {
        let sets = "validation.sets=[{path='set'}, {path='/set'}]";
        let config = parse(LEAST, &[sets, "validation.every=9"]).unwrap();
        let paths: Vec<&Path> = config.validation.sets.iter().map(|set| set.path.as_path()).collect();
        assert_eq!(paths, [&*std::env::current_dir().unwrap().join("set"), Path::new("/set")]);
        let file = format!("{LEAST}[validation]\nevery = 9\nsets = [{{ path = 'set' }}]\n");
        assert_eq!(parse(&file, &[]).unwrap().validation.sets[0].path, Path::new("/base/set"));
    }

    #[test]
    fn steps_and_epochs_take_the_place_of_each_other() {
        let length = |text: &str, overrides: &[&str]| {
            parse(text, overrides).map(|c| (c.train.steps, c.train.epochs)).map_err(|e| e.to_string())
        };
        let epochs = LEAST.replace("steps = 5", "epochs = 2.0");
        assert_eq!(length(&epochs, &["train.steps=7"]), Ok((Some(7), None)));
        assert_eq!(length(LEAST, &["train.epochs=3"]), Ok((None, Some(3.0))));
        assert_eq!(length(LEAST, &["train.epochs=3", "train.steps=7"]), Ok((Some(7), None)));
        let both = length(&format!("{LEAST}epochs = 2.0\n"), &[]).unwrap_err();
        assert!(both.contains("train.steps = 5") && both.contains("not both"), "{both}");
    }

    #[test]
    fn errors_name_the_key_the_value_and_what_is_allowed() {
        let cases: [(&[&str], &[&str]); 25] = [
            (&["data.kind=film"], &["c.toml: data.kind = \"film\"", "clips"]),
            (&["data.crop=100"], &["data.crop = 100x100", "multiples of 16"]),
            (&["data.crop=big"], &["data.crop = \"big\"", "one number for squares, or [width, height]"]),
            (&["data.batch=-1"], &["data.batch = -1"]),
            (&["data.batch=0"], &["data.batch = 0", "from 1 to 4096"]),
            (&["train.stepz=3"], &["train.stepz = 3", "unknown field", "steps"]),
            (&["train.ema=1.0"], &["train.ema = 1", "from 0 to 0.999999"]),
            (&["train.final_learning_rate=1"], &["train.final_learning_rate = 1", "from 0 to 0.0001"]),
            (
                &["model.network=rife"],
                &["model.network = \"rife\"", "ifrnet-s, ifrnet-b, ifrnet-l, ifr-plus"],
            ),
            (&["loss.distillation=0.01"], &["loss.distillation = 0.01", "data.labels"]),
            (&["data.labels=files"], &["data.labels = \"files\"", "only vimeo"]),
            (
                &["validation.sets=[{path='x'}, {path='y', kind='films'}]", "validation.every=9"],
                &["validation.sets[1].kind = \"films\"", "triplets"],
            ),
            (&["data.labels=cached"], &["data.labels = \"cached\"", "only vimeo"]),
            (&["data.labels=cached", "data.kind=vimeo"], &["data.cache = nothing", "a folder"]),
            (&["validation.every=9"], &["validation.sets = nothing", "validation.every is set"]),
            (&["validation.sets=[{path='x'}]"], &["validation.every = 0", "steps between validations"]),
            (&["validation.sets=[{path=3}]"], &["validation.sets[0].path = 3"]),
            (&["loss.hard=0.1"], &["loss.hard = 0.1", "one of loss.census", "ifrnet-s has no such part"]),
            (&["loss.perceptual_weights=f"], &["loss.perceptual_weights = ", "ifr-plus"]),
            (&["model.encoder=f"], &["model.encoder = ", "ifr-plus"]),
            (&[PLUS, "loss.census=1"], &["loss.census = 1", "one of loss.hard", "ifr-plus has no such part"]),
            (&[PLUS, "loss.flow=0.00178"], &["loss.flow = 0.00178", "data.labels"]),
            (&[PLUS, "model.prior=flow"], &["model.prior = \"flow\"", "takes no prior"]),
            (&[PLUS, "data.kind=gopro"], &["data.kind = \"gopro\"", "the middle"]),
            (
                &[PLUS, "validation.sets=[{path='x', drop=4}]", "validation.every=9"],
                &["validation.sets[0].drop = 4", "the middle"],
            ),
        ];
        for (overrides, parts) in cases {
            let words = fault(overrides);
            assert!(parts.iter().all(|part| words.contains(part)), "{overrides:?}: {words}");
        }
        let words = parse("[model]\nnetwork = 'ifrnet-s'\n", &[]).unwrap_err().to_string();
        assert!(words.contains("missing field `data`"), "{words}");
        let words = parse("[model]\nnetwork = ifrnet\n", &[]).unwrap_err().to_string();
        assert!(words.starts_with("c.toml is no TOML file") && words.contains("line 2"), "{words}");
        assert!("steps=3".parse::<Override>().is_err() && "train.steps".parse::<Override>().is_err());
    }

    #[test]
    fn spelled_out_it_is_the_same() {
        let more = [
            "validation.sets=[{path='x', limit=3}]",
            "validation.every=9",
            "data.workers=3",
            "model.init='w'",
            "model.prior=flow",
        ];
        let config = parse(LEAST, &more).unwrap();
        let again = Config::parse(&config.to_toml().unwrap(), "again", Path::new(""), &[]).unwrap();
        assert_eq!(again, config);
        assert_eq!(config.differences(&again).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn each_network_has_the_defaults_of_its_own_loss() {
        let loss = |overrides: &[&str]| parse(LEAST, overrides).unwrap().loss;
        let ifrnet = loss(&["loss.census=0.5"]);
        assert_eq!((ifrnet.census, ifrnet.geometry, ifrnet.distillation), (Some(0.5), Some(0.01), Some(0.0)));
        assert_eq!((ifrnet.hard, ifrnet.flow), (None, None));
        let plus = loss(&[PLUS, "loss.frequency=0"]);
        assert_eq!((plus.hard, plus.frequency, plus.perceptual), (Some(0.1), Some(0.0), Some(0.1)));
        assert_eq!((plus.flow, plus.census), (Some(0.0), None));
    }

    #[test]
    fn without_its_file_the_perceptual_part_is_left_out_and_that_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let there = dir.path().join("vgg.safetensors");
        let key = format!("loss.perceptual_weights='{}'", there.display());
        let (missing, words) = parse(LEAST, &[PLUS, &key]).unwrap().with_files_there();
        assert_eq!(missing.loss.perceptual, Some(0.0));
        assert!(words.unwrap().contains("there is no"));
        let (unset, words) = parse(LEAST, &[PLUS]).unwrap().with_files_there();
        assert!(unset.loss.perceptual == Some(0.0) && words.unwrap().contains("is not set"));
        std::fs::write(&there, "").unwrap();
        let whole = parse(LEAST, &[PLUS, &key]).unwrap();
        assert_eq!(whole.with_files_there(), (whole.clone(), None));
        // A training with it is another one than without, wherever it lies.
        let differences = whole.differences(&missing).unwrap();
        assert_eq!(differences, ["loss.perceptual: 0.0 before, 0.1 now"]);
        assert_eq!(parse(LEAST, &[]).unwrap().with_files_there().1, None);
    }

    #[test]
    fn differences_are_those_that_change_the_result() {
        let before = parse(LEAST, &[]).unwrap();
        let same =
            parse(LEAST, &["train.threads=3", "output.keep=9", "data.workers=2", "data.path=x"]).unwrap();
        assert_eq!(same.differences(&before).unwrap(), Vec::<String>::new());
        assert_eq!(same.fingerprint(3).unwrap(), before.fingerprint(3).unwrap());
        let other = parse(LEAST, &["train.seed=2", "data.augmentation.resize=0.5"]).unwrap();
        let differences = other.differences(&before).unwrap().join("; ");
        assert!(differences.contains("train.seed: 1 before, 2 now"), "{differences}");
        assert!(differences.contains("data.augmentation"), "{differences}");
        assert_ne!(other.fingerprint(3).unwrap(), before.fingerprint(3).unwrap());
        assert_ne!(before.fingerprint(4).unwrap(), before.fingerprint(3).unwrap());
    }

    #[test]
    fn every_configuration_shipped_is_sound() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "toml") {
                let config = Config::read(&path, &[]).unwrap_or_else(|e| panic!("{e}"));
                crate::network::find(&config.model).unwrap();
                count += 1;
            }
        }
        assert_eq!(count, 10);
    }
}
