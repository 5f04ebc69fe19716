//! A folder of triplets: `input/NAME/*` and `gt/NAME/*`.

use std::path::Path;

use crate::sets::folders::{folders, images, name};
use crate::sets::listed::{Files, Pad};
use crate::{EvalError, Kind, ListedSet};

pub(crate) fn open(root: &Path, label: String) -> Result<ListedSet, EvalError> {
    let mut cases = Vec::new();
    for folder in folders(&root.join("input"))? {
        let name = name(&folder);
        let truth = root.join("gt").join(&name);
        let truths = if truth.is_dir() { images(&truth)? } else { Vec::new() };
        let inputs = images(&folder)?;
        let Ok([first, second]) = <[_; 2]>::try_from(inputs) else {
            return Err(EvalError::layout(
                &folder,
                format!("{} images", images(&folder)?.len()),
                "two, the first and the second frame in the order of their names",
            ));
        };
        // A truth that is not there is named when the set says what is missing.
        let truths = if truths.is_empty() { vec![truth] } else { truths };
        cases.push(Files { name, inputs: [first, second], truths });
    }
    ListedSet::new(root, label, Kind::Triplets, cases, None, Pad::None)
}
