//! Where the weights of Winograd's algorithm are transformed: right before the first step that needs them.
//!
//! They lie in the buffer as maps do, so that the next convolution's take their place, and nothing holds those of all, which take
//! four times the memory of the weights themselves.

use super::lower::{Slot, address};
use super::step::{Step, Work};
use crate::layout::Layout;
use crate::winograd::weights_len;

/// Adds steps that transform weights, one before the first step of each node that does by Winograd's algorithm; all bands of
/// that node read what it makes. Returns all steps, and how many of them are the first phase's, as `first` are now.
pub(super) fn before_use(steps: Vec<Step>, first: usize, slots: &mut Vec<Slot>) -> (Vec<Step>, usize) {
    let (mut all, mut count) = (Vec::with_capacity(steps.len()), first);
    // The last transformed of each node. A node may have several kernels, each with all its steps together.
    let mut known = Vec::new();
    for (index, mut step) in steps.into_iter().enumerate() {
        let node = step.node;
        if let Work::Winograd { kernel, weights, .. } = &mut step.work {
            let is =
                |(of, by, _): &&(usize, _, Vec<usize>)| *of == node && std::sync::Arc::ptr_eq(by, kernel);
            if let Some((.., known)) = known.iter().find(is) {
                weights.clone_from(known);
            } else {
                let slot = |part: &super::kernel::Part| {
                    // One long row.
                    let layout = Layout::new(weights_len(&part.packed), 1, 0);
                    slots.push(Slot { layout, channels: 1, slack: 0 });
                    address(slots.len() - 1, 0)
                };
                *weights = kernel.parts.iter().map(slot).collect();
                known.push((node, kernel.clone(), weights.clone()));
                let layout = Layout::new(1, 1, 0);
                let work = Work::Weights { kernel: kernel.clone() };
                all.push(Step { work, outputs: weights.clone(), layout, node, edges: [true; 2] });
                count += usize::from(index < first);
            }
        }
        all.push(step);
    }
    (all, count)
}
