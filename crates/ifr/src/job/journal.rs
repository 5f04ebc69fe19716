//! The journal of a job: which job it is, and which segments are done.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::job::Fingerprint;

/// The version of the journal's form.
const VERSION: u32 = 1;
/// The longest journal read, in bytes: a line is about 50, a segment some seconds of video.
pub(super) const LIMIT: u64 = 64 << 20;

/// A journal: a JSON object a line, first the job's, then one for each segment that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// The job.
    pub fingerprint: Fingerprint,
    /// Segments in the order in which they were done; one may stand there twice.
    pub done: Vec<JournalEntry>,
}

/// A segment that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalEntry {
    /// Its number, from 0.
    pub segment: u64,
    /// Frames in it.
    pub frames: u64,
    /// Bytes of its file.
    pub bytes: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    #[serde(rename = "ifr-journal")]
    version: u32,
    job: Fingerprint,
}

/// A journal that cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Not even the first line is whole: the run ended before anything was done.
    #[error("a journal without its first line")]
    Empty,
    /// Written by another version.
    #[error("a journal of version {0}, where this ifr knows version {VERSION}")]
    Version(u32),
    /// A line that is none of a journal's.
    #[error("line {line} is none of a journal's ({error})")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// What the parser says.
        error: serde_json::Error,
    },
}

impl Journal {
    /// Reads a journal. What follows its last line break was being written when the run ended, and is ignored.
    ///
    /// # Errors
    /// [`JournalError`] when a whole line is none of a journal's.
    pub fn parse(bytes: &[u8]) -> Result<Self, JournalError> {
        let mut lines = bytes.split_inclusive(|&b| b == b'\n').filter(|l| l.ends_with(b"\n")).enumerate();
        let (_, first) = lines.next().ok_or(JournalError::Empty)?;
        let bad = |line| move |error| JournalError::Line { line: line + 1, error };
        let head: serde_json::Value = serde_json::from_slice(first).map_err(bad(0))?;
        let version = head.get("ifr-journal").and_then(serde_json::Value::as_u64);
        if let Some(version) = version.and_then(|v| u32::try_from(v).ok()).filter(|&v| v != VERSION) {
            return Err(JournalError::Version(version));
        }
        let Head { job, .. } = serde_json::from_value(head).map_err(bad(0))?;
        let done = lines.map(|(i, line)| serde_json::from_slice(line).map_err(bad(i)));
        Ok(Self { fingerprint: job, done: done.collect::<Result<_, _>>()? })
    }

    /// The first line, with its line break.
    pub(super) fn head(fingerprint: &Fingerprint) -> String {
        line(&Head { version: VERSION, job: fingerprint.clone() })
    }
}

impl JournalEntry {
    /// Its line, with its line break.
    pub(super) fn line(&self) -> String {
        line(self)
    }
}

fn line<T: Serialize>(value: &T) -> String {
    // Strings, numbers and maps by strings: that cannot fail.
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::job::InputId;

    fn fingerprint() -> Fingerprint {
        Fingerprint {
            version: "1.2.3".to_owned(),
            input: InputId { bytes: 7, modified: 8, ends: "ab".to_owned() },
            settings: BTreeMap::from([("speed".to_owned(), "x2".to_owned())]),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let entry = |segment| JournalEntry { segment, frames: 240, bytes: 1 << 40 };
        let text = Journal::head(&fingerprint()) + &entry(0).line() + &entry(7).line();
        let journal = Journal::parse(text.as_bytes()).unwrap();
        assert_eq!(journal, Journal { fingerprint: fingerprint(), done: vec![entry(0), entry(7)] });
        // Cut anywhere: whole lines count.
        for end in 0..text.len() {
            match Journal::parse(&text.as_bytes()[..end]) {
                Ok(j) => assert_eq!(j.done, journal.done[..text[..end].matches('\n').count() - 1]),
                Err(e) => assert!(matches!(e, JournalError::Empty) && !text[..end].contains('\n'), "{e}"),
            }
        }
    }

    #[test]
    fn what_is_no_journal_is_told() {
        let told = |text: &str| Journal::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(told("{}\n").contains("line 1"));
        assert!(told("{\"ifr-journal\":9}\n").contains("version 9"));
        assert!(told(&(Journal::head(&fingerprint()) + "{\"segment\":-1}\n")).contains("line 2"));
        assert!(told("").contains("without its first line"));
    }

    #[test]
    fn differences_are_named() {
        let (a, mut b) = (fingerprint(), fingerprint());
        assert_eq!(a.differences(&b), "");
        b.settings.insert("speed".to_owned(), "x4".to_owned());
        b.input.bytes = 9;
        let told = a.differences(&b);
        assert!(told.contains("speed: was x2, is x4") && told.contains("was 7, and is 9"), "{told}");
        assert!(a.id() != b.id());
    }
}
