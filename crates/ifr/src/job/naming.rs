//! The names of outputs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::job::Speed;

impl Speed {
    /// What is added to the name of an output that is not named: `x2`, `60fps`, `slow4x`.
    pub fn tag(self) -> String {
        tag(self)
    }
}

/// What the speed adds to a name: `x2`, `60fps`, `slow4x`.
fn tag(speed: Speed) -> String {
    let rate = |r: ifr_frame::Rate| {
        if r.den() == 1 { format!("{}fps", r.num()) } else { format!("{:.2}fps", r.as_f64()) }
    };
    match speed {
        Speed::Factor(n) => format!("x{n}"),
        Speed::Times(times) => {
            let (num, den) = times.parts();
            format!("x{}", f64::from(num) / f64::from(den))
        }
        Speed::Rate(r) => rate(r),
        Speed::Slow { stretch, rate: other } => {
            let (num, den) = stretch.parts();
            let slow = format!("slow{}x", f64::from(num) / f64::from(den));
            other.map_or(slow.clone(), |r| format!("{slow}.{}", rate(r)))
        }
    }
}

/// The default output beside `input`: `holiday.mp4` → `holiday.60fps.mp4`, `shots/` → `shots.x2/`.
pub(super) fn beside(input: &Path, speed: Speed, extension: Option<&str>) -> PathBuf {
    let mut name = match extension {
        Some(_) => input.file_stem(),
        None => input.file_name(),
    }
    .map_or_else(|| OsString::from("output"), OsString::from);
    name.push(".");
    name.push(tag(speed));
    if let Some(extension) = extension {
        name.push(".");
        name.push(extension);
    }
    input.with_file_name(name)
}

/// Where an output is written until it is whole: `OUT.partial.EXT`, which players recognise.
pub(super) fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_stem().map(OsString::from).unwrap_or_default();
    name.push(".partial");
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Likewise for a directory; the closing slash tells a directory from a file whose name has a dot.
pub(super) fn partial_directory(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".partial/");
    path.with_file_name(name)
}

/// The folder of an output's segments: `OUT.EXT.partial/`.
pub(super) fn segments(path: &Path) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(".partial");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_was_done() {
        let name = |speed, input: &str, ext| beside(Path::new(input), speed, ext).display().to_string();
        let slow = Speed::Slow { stretch: "2.5".parse().unwrap(), rate: "60".parse().ok() };
        assert_eq!(
            name(Speed::Rate("60".parse().unwrap()), "a/holiday.mp4", Some("mp4")),
            "a/holiday.60fps.mp4"
        );
        assert_eq!(name(Speed::Rate("59.94".parse().unwrap()), "b.c.avi", Some("mkv")), "b.c.59.94fps.mkv");
        assert_eq!(name(slow, "x.mov", Some("mov")), "x.slow2.5x.60fps.mov");
        assert_eq!(name(Speed::Factor(4), "shots/", None), "shots.x4");
        assert_eq!(partial(Path::new("a/b.c.mkv")), Path::new("a/b.c.partial.mkv"));
        assert_eq!(partial_directory(Path::new("a/shots.x2")).to_str(), Some("a/shots.x2.partial/"));
        assert_eq!(segments(Path::new("a/b.c.mkv")), Path::new("a/b.c.mkv.partial"));
        assert_eq!(partial_directory(Path::new("a/shots/")).to_str(), Some("a/shots.partial/"));
    }
}
