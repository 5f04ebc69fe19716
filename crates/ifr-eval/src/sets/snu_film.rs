//! SNU-FILM (Choi et al., "Channel Attention Is All You Need for Video Frame Interpolation", 2020): four degrees of motion.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::sets::listed::{Files, Pad};
use crate::{EvalError, Kind, ListedSet};

/// Triplets in each list.
const WHOLE: usize = 310;
const DEGREES: [&str; 4] = ["easy", "medium", "hard", "extreme"];
/// IFRNet's script pads to multiples of 20, centred: a scale of 0.8 then gives multiples of 16.
const PAD: Pad = Pad::Centre(20);

/// The list of a degree: in the folder itself, or in `eval_modes` as it is packed.
fn list(root: &Path, degree: &str) -> Option<PathBuf> {
    let name = format!("test-{degree}.txt");
    [root.join(&name), root.join("eval_modes").join(&name)].into_iter().find(|p| p.is_file())
}

pub(crate) fn is_one(root: &Path) -> bool {
    DEGREES.iter().any(|degree| list(root, degree).is_some())
}

pub(crate) fn open(root: &Path, label: &str) -> Result<Vec<ListedSet>, EvalError> {
    let mut sets = Vec::new();
    for degree in DEGREES {
        let Some(list) = list(root, degree) else { continue };
        let text = fs::read_to_string(&list).map_err(|e| EvalError::io("read", &list, e))?;
        let mut cases = Vec::new();
        for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let parts: Vec<&str> = line.split_whitespace().collect();
            let &[first, truth, second] = parts.as_slice() else {
                let found = format!("line {} has {} names", i + 1, parts.len());
                return Err(EvalError::layout(&list, found, "three: first frame, true frame, second frame"));
            };
            let name = Path::new(truth).with_extension("");
            let tail: Vec<_> = name.components().rev().take(2).collect();
            cases.push(Files {
                name: tail
                    .iter()
                    .rev()
                    .map(|c| c.as_os_str().to_string_lossy())
                    .collect::<Vec<_>>()
                    .join("/"),
                inputs: [place(root, first), place(root, second)],
                truths: vec![place(root, truth)],
            });
        }
        let label = format!("{label}-{degree}");
        sets.push(ListedSet::new(root, label, Kind::SnuFilm, cases, Some(WHOLE), PAD)?);
    }
    if sets.is_empty() {
        let expected =
            "test-easy.txt, test-medium.txt, test-hard.txt or test-extreme.txt, here or in eval_modes";
        return Err(EvalError::layout(root, "no list of cases", expected));
    }
    Ok(sets)
}

/// Where a listed file lies: the lists name files from the folder that their authors worked in, such as
/// `data/SNU-FILM/test/GOPRO_test/…`, so leading folders are left out until there is such a file. Names that would lead out
/// of the set are not followed.
fn place(root: &Path, listed: &str) -> PathBuf {
    let parts: Vec<Component<'_>> =
        Path::new(listed).components().filter(|c| matches!(c, Component::Normal(_))).collect();
    let tries = (0..parts.len()).map(|skip| root.join(parts[skip..].iter().collect::<PathBuf>()));
    tries.clone().find(|p| p.is_file()).or_else(|| tries.clone().next()).unwrap_or_else(|| root.to_owned())
}
