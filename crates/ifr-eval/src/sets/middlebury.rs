//! Middlebury's OTHER set (Baker et al., 2011).

use std::path::Path;

use crate::sets::folders::{folders, name};
use crate::sets::listed::{Files, Pad};
use crate::{EvalError, Kind, ListedSet};

/// Pairs with a true frame between.
const WHOLE: usize = 12;
/// What the scripts of RIFE and IFRNet pad to.
const PAD: Pad = Pad::Zero { width: 640, height: 480 };
pub(crate) const DATA: &str = "other-data";
pub(crate) const TRUTH: &str = "other-gt-interp";

pub(crate) fn open(root: &Path, label: String) -> Result<ListedSet, EvalError> {
    let cases = folders(&root.join(TRUTH))?.into_iter().map(|folder| {
        let name = name(&folder);
        let data = root.join(DATA).join(&name);
        Files {
            name,
            inputs: [data.join("frame10.png"), data.join("frame11.png")],
            truths: vec![folder.join("frame10i11.png")],
        }
    });
    ListedSet::new(root, label, Kind::Middlebury, cases.collect(), Some(WHOLE), PAD)
}
