//! UCF101 as cut into triplets by Liu et al. (Deep Voxel Flow, 2017) and packed with DAIN and RIFE.

use std::path::Path;

use crate::sets::folders::{folders, name};
use crate::sets::listed::{Files, Pad};
use crate::{EvalError, Kind, ListedSet};

const WHOLE: usize = 379;
pub(crate) const TRUTH: &str = "frame_01_gt.png";

pub(crate) fn open(root: &Path, label: String) -> Result<ListedSet, EvalError> {
    let cases = folders(root)?.into_iter().map(|folder| Files {
        name: name(&folder),
        inputs: [folder.join("frame_00.png"), folder.join("frame_02.png")],
        truths: vec![folder.join(TRUTH)],
    });
    ListedSet::new(root, label, Kind::Ucf101, cases.collect(), Some(WHOLE), Pad::None)
}
