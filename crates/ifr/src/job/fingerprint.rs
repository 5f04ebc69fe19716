//! What makes a job this job and no other: so that what an earlier run left is only continued by the same.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use ifr_video::images;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::job::{JobError, Plan, Target};

/// Bytes at a file's beginning and end that are hashed.
const ENDS: u64 = 1 << 20;

/// Everything that decides what a job's video will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// The version of `ifr`.
    pub version: String,
    /// The input.
    pub input: InputId,
    /// What was asked for and decided, by name.
    pub settings: BTreeMap<String, String>,
}

/// By what an input is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputId {
    /// Size in bytes; of images, of all together.
    pub bytes: u64,
    /// When it was last changed, in nanoseconds since 1970; 0 where that is not known. Of images, the latest.
    pub modified: u64,
    /// SHA-256 of the first and last MiB; of images, of their names and sizes.
    pub ends: String,
}

impl InputId {
    /// Of the input at `path`: a file, a directory or a pattern of images.
    pub(super) fn of(path: &Path) -> Result<Self, JobError> {
        let fail = |source| JobError::Io { action: "read", path: path.to_owned(), source };
        if path.is_dir() {
            let entries =
                fs::read_dir(path).and_then(|d| d.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>());
            Self::of_many(entries.map_err(fail)?).map_err(fail)
        } else if images::is_pattern(path) && !path.exists() {
            Self::of_many(images::pattern_files(path)).map_err(fail)
        } else {
            Self::of_file(path).map_err(fail)
        }
    }

    fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let bytes = metadata.len();
        let mut hasher = Sha256::new();
        let mut part = Vec::new();
        (&mut file).take(ENDS).read_to_end(&mut part)?;
        hasher.update(&part);
        part.clear();
        file.seek(SeekFrom::Start(bytes.saturating_sub(ENDS)))?;
        file.take(ENDS).read_to_end(&mut part)?;
        hasher.update(&part);
        Ok(Self { bytes, modified: modified(&metadata), ends: hex(&hasher.finalize()) })
    }

    fn of_many(mut files: Vec<PathBuf>) -> io::Result<Self> {
        files.sort();
        let (mut bytes, mut latest, mut hasher) = (0, 0, Sha256::new());
        for file in files {
            let metadata = fs::metadata(&file)?;
            bytes += metadata.len();
            latest = latest.max(modified(&metadata));
            hasher.update(file.file_name().unwrap_or_default().as_encoded_bytes());
            hasher.update([0]);
            hasher.update(metadata.len().to_le_bytes());
        }
        Ok(Self { bytes, modified: latest, ends: hex(&hasher.finalize()) })
    }
}

fn modified(metadata: &fs::Metadata) -> u64 {
    let since = metadata.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
    since.and_then(|d| u64::try_from(d.as_nanos()).ok()).unwrap_or(0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        // Writing to a string does not fail.
        let _ = write!(text, "{b:02x}");
        text
    })
}

impl Fingerprint {
    /// Of a plan.
    pub(super) fn of(plan: &Plan) -> Result<Self, JobError> {
        let mut settings = BTreeMap::new();
        let mut set = |name: &str, value: String| settings.insert(name.to_owned(), value);
        let output = &plan.output;
        set("speed", plan.speed.to_string());
        set("cuts", brief(&format!("{:?}", plan.cuts)));
        set("at cuts", format!("{:?}", plan.at_cut));
        set("overlays", format!("{:?}", plan.overlays));
        set("repeats", format!("{:?}", plan.repeats));
        set("container", output.path.extension().unwrap_or_default().to_string_lossy().into_owned());
        set(
            "encoder",
            format!(
                "{}, crf {}, preset {}, {}, options {:?}, {} threads",
                output.encoder.as_deref().unwrap_or("by the input"),
                output.crf.map_or("default".to_owned(), |q| q.to_string()),
                output.preset.as_deref().unwrap_or("default"),
                output.pix_fmt.as_deref().unwrap_or("pixels by the input"),
                output.encoder_options,
                output.threads
            ),
        );
        if let Some(making) = &plan.making {
            let weights = making.method.weights.map_or(String::new(), |w| format!(", weights {w:08x}"));
            set("model", format!("{}{weights}", making.method));
        }
        set("source frames a segment", plan.segments.map_or(0, u64::from).to_string());
        // Whatever else there is, without what may change.
        let mut rest = plan.clone();
        rest.input = PathBuf::new();
        rest.target = Target::Stdout;
        rest.output.path = PathBuf::new();
        rest.notices.clear();
        rest.resume = false;
        set("other options and the source's streams", brief(&format!("{rest:?}")));
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self { version, input: InputId::of(&plan.input)?, settings })
    }

    /// The same, wherever the input lies and whenever it was copied there.
    pub(super) fn anywhere(mut self) -> Self {
        self.input.modified = 0;
        self
    }

    /// A number of its own for every job.
    pub(super) fn id(&self) -> [u8; 16] {
        let text = serde_json::to_vec(self).unwrap_or_default();
        Sha256::digest(text).first_chunk().copied().unwrap_or_default()
    }

    /// What differs in `other`, in words; empty where nothing does.
    pub fn differences(&self, other: &Self) -> String {
        let mut all = Vec::new();
        let mut compare = |what: &str, a: &str, b: &str| {
            if a != b {
                all.push(format!("{what} was {a}, and is {b}"));
            }
        };
        compare("ifr's version", &self.version, &other.version);
        compare("the input's size in bytes", &self.input.bytes.to_string(), &other.input.bytes.to_string());
        if self.input.ends != other.input.ends {
            all.push("the input's content is another".to_owned());
        } else if self.input.modified != other.input.modified {
            all.push("the input was changed since".to_owned());
        }
        let none = "not there".to_owned();
        let names =
            self.settings.keys().chain(other.settings.keys().filter(|k| !self.settings.contains_key(*k)));
        let mut named = Vec::new();
        for name in names {
            let (a, b) =
                (self.settings.get(name).unwrap_or(&none), other.settings.get(name).unwrap_or(&none));
            if a != b {
                named.push((name, a, b));
            }
        }
        // The last of them holds all others: told only where it stands alone.
        let summary = |name: &str| name.starts_with("other options");
        let alone = named.iter().all(|(name, ..)| summary(name)) && all.is_empty();
        for (name, a, b) in named {
            if !summary(name) {
                all.push(format!("{name}: was {a}, is {b}"));
            } else if alone {
                all.push(format!("{name} differ"));
            }
        }
        all.join("; ")
    }
}

/// A text, or its hash where it is long.
fn brief(text: &str) -> String {
    if text.len() <= 80 { text.to_owned() } else { hex(&Sha256::digest(text))[..16].to_owned() }
}
