//! The test list of Vimeo-90K's triplets (Xue et al., 2019).

use std::fs;
use std::path::Path;

use crate::sets::listed::{Files, Pad};
use crate::{EvalError, Kind, ListedSet};

/// Triplets in the test list.
const WHOLE: usize = 3782;
pub(crate) const LIST: &str = "tri_testlist.txt";

pub(crate) fn open(root: &Path, label: String) -> Result<ListedSet, EvalError> {
    let list = root.join(LIST);
    let text = fs::read_to_string(&list).map_err(|e| EvalError::io("read", &list, e))?;
    let names = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let cases = names.map(|name| {
        let file = |n: u8| root.join("sequences").join(name).join(format!("im{n}.png"));
        Files { name: name.to_owned(), inputs: [file(1), file(3)], truths: vec![file(2)] }
    });
    ListedSet::new(root, label, Kind::Vimeo, cases.collect(), Some(WHOLE), Pad::None)
}
