use std::path::{Path, PathBuf};

use crate::VideoError;

/// The widest zero padding taken.
const MAX_WIDTH: usize = 19;

/// A file name with one printf-style number in it, such as `frame_%05d.png`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    directory: PathBuf,
    before: String,
    width: usize,
    after: String,
}

impl Pattern {
    /// Whether the name holds a number directive (`%d`, `%5d`, `%05d`).
    pub(crate) fn is_one(path: &Path) -> bool {
        matches!(Self::parse(path), Ok(Some(_)))
    }

    /// The pattern, or `None` where the name has no number directive.
    ///
    /// # Errors
    /// [`VideoError::Option`] when there are two directives or an absurd width.
    pub(crate) fn parse(path: &Path) -> Result<Option<Self>, VideoError> {
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else { return Ok(None) };
        let directory = path.parent().map(Path::to_owned).unwrap_or_default();
        let (mut before, mut after, mut found) = (String::new(), String::new(), None);
        let mut rest = name;
        while let Some(at) = rest.find('%') {
            let text = if found.is_some() { &mut after } else { &mut before };
            text.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(tail) = rest.strip_prefix('%') {
                text.push('%');
                rest = tail;
                continue;
            }
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let Some(tail) = rest[digits..].strip_prefix('d') else {
                text.push('%');
                continue;
            };
            let width = if digits == 0 { Some(0) } else { rest[..digits].parse().ok() };
            let width = width.filter(|&w| w <= MAX_WIDTH);
            if found.is_some() || width.is_none() {
                return Err(VideoError::Option(format!(
                    "{}: a pattern holds one number, %d or %01d to %0{MAX_WIDTH}d (write %% for a percent sign)",
                    path.display()
                )));
            }
            found = width;
            rest = tail;
        }
        let Some(width) = found else { return Ok(None) };
        after.push_str(rest);
        Ok(Some(Self { directory, before, width, after }))
    }

    /// The directory that the files lie in; empty for the current one.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path of number `index`.
    pub(crate) fn path(&self, index: u64) -> PathBuf {
        let Self { before, width, after, .. } = self;
        self.directory.join(format!("{before}{index:0width$}{after}"))
    }

    /// The number in `name`, if it is one of this pattern's names.
    pub(crate) fn index(&self, name: &str) -> Option<u64> {
        let digits = name.strip_prefix(&self.before)?.strip_suffix(&self.after)?;
        if digits.is_empty() || digits.len() > MAX_WIDTH || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let index: u64 = digits.parse().ok()?;
        (format!("{index:0width$}", width = self.width) == digits).then_some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Pattern> {
        Pattern::parse(Path::new(text)).unwrap()
    }

    #[test]
    fn names_and_numbers_correspond() {
        let pattern = parse("out/100%%_%05d.png").unwrap();
        assert_eq!(pattern.path(7), Path::new("out/100%_00007.png"));
        assert_eq!(pattern.path(1_234_567), Path::new("out/100%_1234567.png"));
        assert_eq!(pattern.index("100%_00007.png"), Some(7));
        assert_eq!(pattern.index("100%_1234567.png"), Some(1_234_567));
        for other in ["100%_7.png", "100%_0000007.png", "100%_00007.jpg", "100%_.png", "100%_+0007.png"] {
            assert_eq!(pattern.index(other), None, "{other}");
        }
        assert_eq!(parse("%d.png").unwrap().index("12.png"), Some(12));
        assert_eq!(parse("%d.png").unwrap().index("012.png"), None);
    }

    #[test]
    fn what_is_no_pattern() {
        assert_eq!(parse("plain.png"), None);
        assert_eq!(parse("50%.png"), None);
        assert_eq!(parse("50%%d.png"), None);
        assert!(Pattern::parse(Path::new("%d_%d.png")).is_err());
        assert!(Pattern::parse(Path::new("%99999999999999999999d.png")).is_err());
    }
}
