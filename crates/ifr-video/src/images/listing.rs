use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::VideoError;
use crate::files::{io_error, malformed};
use crate::images::pattern::Pattern;
use crate::images::{ImageKind, natural};

/// The images that `path` means, in order, at least one: those of a directory, of a pattern, or the one image itself.
pub(crate) fn list(path: &Path) -> Result<Vec<PathBuf>, VideoError> {
    if path.is_dir() {
        return directory(path);
    }
    match Pattern::parse(path)? {
        Some(pattern) if !path.exists() => numbered(&pattern, path),
        _ => Ok(vec![path.to_owned()]),
    }
}

/// The names of the plain files in `directory` that people see (names that start with a dot are left out).
fn names(directory: &Path) -> Result<Vec<String>, VideoError> {
    let place = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let mut names = Vec::new();
    for entry in fs::read_dir(place).map_err(|e| io_error("open", place, e))? {
        let entry = entry.map_err(|e| io_error("read", place, e))?;
        if let Ok(name) = entry.file_name().into_string()
            && !name.starts_with('.')
            && entry.path().is_file()
        {
            names.push(name);
        }
    }
    Ok(names)
}

fn directory(path: &Path) -> Result<Vec<PathBuf>, VideoError> {
    let mut kinds: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for name in names(path)? {
        if let Some(kind) = ImageKind::of_name(Path::new(&name)) {
            kinds.entry(kind.extension()).or_default().push(name);
        }
    }
    if kinds.len() > 1 {
        let found: Vec<String> =
            kinds.iter().map(|(kind, names)| format!("{} {kind}", names.len())).collect();
        let expected = "images of one format (name the ones meant by a pattern such as frame_%05d.png)";
        return Err(malformed(path, format!("a directory of {} images", found.join(" and ")), expected));
    }
    let Some((_, mut names)) = kinds.pop_first() else {
        return Err(malformed(path, "a directory without images", "PNG, JPEG or WebP images in it"));
    };
    names.sort_by(|a, b| natural::compare(a, b));
    Ok(names.into_iter().map(|name| path.join(name)).collect())
}

fn numbered(pattern: &Pattern, path: &Path) -> Result<Vec<PathBuf>, VideoError> {
    let mut found: Vec<u64> =
        names(pattern.directory())?.iter().filter_map(|name| pattern.index(name)).collect();
    found.sort_unstable();
    let Some(&first) = found.first() else {
        let expected = format!("files such as {}", pattern.path(1).display());
        return Err(malformed(path, "no file fits the pattern", expected));
    };
    if let Some((expected, &next)) = (first..).zip(&found).find(|(expected, found)| expected != *found) {
        let missing = pattern.path(expected);
        return Err(malformed(
            path,
            format!("{} is missing, {} is there", missing.display(), pattern.path(next).display()),
            "numbers without a gap (or give the directory, which is read in order of names)",
        ));
    }
    Ok(found.into_iter().map(|index| pattern.path(index)).collect())
}
