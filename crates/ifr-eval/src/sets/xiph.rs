//! Eight 4K clips of Xiph's Netflix sequences, as Niklaus and Liu ("Softmax Splatting", 2020) took them: of the first 100 frames
//! the odd ones (counted from 1) are inputs, the even ones truth; once downscaled to 2K, once cut to the middle of 4K.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::sets::clips::Shape;
use crate::sets::folders::{folders, images, name, number, stem, y4m};
use crate::{ClipOptions, Clips, EvalError, Kind};

const NAMES: [&str; 8] = [
    "BoxingPractice",
    "Crosswalk",
    "DrivingPOV",
    "FoodMarket",
    "FoodMarket2",
    "RitualDance",
    "SquareAndTimelapse",
    "Tango",
];
const FRAMES: usize = 100;

/// Which of the clips a name means: it is one of the words between underscores, dashes and dots.
fn which(text: &str) -> Option<&'static str> {
    let words = || text.split(['_', '-', '.', ' ']);
    NAMES.into_iter().find(|known| words().any(|word| word.eq_ignore_ascii_case(known)))
}

/// The clips there: `*NAME*.y4m`, folders `NAME`, or images `NAME-001.png` and on.
pub(crate) fn clips(root: &Path) -> Result<BTreeMap<&'static str, PathBuf>, EvalError> {
    let mut found = BTreeMap::new();
    for image in images(root)? {
        let stem = stem(&image);
        if let (Some(known), Some((_, digits))) = (which(&stem), number(&stem)) {
            let head = stem[..stem.len() - digits].replace('%', "%%");
            let extension = image.extension().unwrap_or_default().to_string_lossy();
            found.entry(known).or_insert_with(|| root.join(format!("{head}%0{digits}d.{extension}")));
        }
    }
    for path in folders(root)?.into_iter().chain(y4m(root)?) {
        if let Some(known) = which(&name(&path)) {
            found.insert(known, path);
        }
    }
    Ok(found)
}

pub(crate) fn open(root: &Path, label: &str) -> Result<Vec<Clips>, EvalError> {
    let found = clips(root)?;
    let missing: Vec<&str> = NAMES.into_iter().filter(|n| !found.contains_key(n)).collect();
    if found.is_empty() {
        let expected = format!("Y4M files, folders of frames or images named after {}", NAMES.join(", "));
        return Err(EvalError::layout(root, "none of the eight clips", expected));
    }
    let parts = [("2k", Shape::Half), ("4k", Shape::Middle)];
    let open = |(part, shape): (&str, Shape)| {
        let label = format!("{label}-{part}");
        let notices = if missing.is_empty() {
            Vec::new()
        } else {
            vec![format!("{label}: {} of 8 clips are missing: {}", missing.len(), missing.join(", "))]
        };
        let clips = found.iter().map(|(name, path)| ((*name).to_owned(), path.clone())).collect();
        let options = ClipOptions { drop: 2, frames: Some(FRAMES), lines: None };
        Clips::new(label, Kind::Xiph, clips, options, shape, notices)
    };
    parts.into_iter().map(open).collect()
}
