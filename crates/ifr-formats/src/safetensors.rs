//! Safetensors of other people: any type of floating-point numbers, any prefix.

use ifr_net::{FileBytes, ParameterStore};

use crate::data::{Array, Block, Found, View};

pub(crate) fn read(file: &FileBytes) -> Result<Found, String> {
    let header = ParameterStore::header_of(file.as_slice())?;
    let mut found = Found { metadata: header.1, ..Found::default() };
    let mut others = 0;
    for entry in header.0 {
        if !entry.dtype.is_float() {
            others += 1;
            continue;
        }
        let range = entry.range();
        let view = View::rows(entry.dtype, 0, entry.shape);
        let block = Block::piece(range);
        view.check(&block).map_err(|what| format!("'{}': {what}", entry.name))?;
        found.arrays.push(Array { name: entry.name, block: found.blocks.len(), view });
        found.blocks.push(block);
    }
    if others > 0 {
        found.ignored.push(format!("arrays of integers or other types that are not read: {others}"));
    }
    Ok(found)
}
