//! What depends on one image of a pair alone, and can serve the next pair that has the image.

use std::collections::HashMap;

use ifr_net::{Graph, Op, Phase, TensorId, View};

use super::lower::needed;

/// What an image of a pair was in the pair before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Was {
    /// No part of it.
    #[default]
    New,
    /// Its first image.
    First,
    /// Its second image.
    Second,
}

/// What both images of a pair were in the pair before; the default: both are new.
///
/// From (A, B) to (B, C), the first image was the second and the second is new: `Shared { first: Was::Second, second:
/// Was::New }`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// What the first image was.
    pub first: Was,
    /// What the second image was.
    pub second: Was,
}

/// What must be moved before a pair, so that each image's maps are in their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    FirstToSecond,
    SecondToFirst,
    Exchange,
}

impl Shared {
    pub(crate) fn moves(self) -> Option<Move> {
        match (self.first, self.second) {
            (Was::Second, Was::First) => Some(Move::Exchange),
            (Was::Second, _) => Some(Move::SecondToFirst),
            (_, Was::First) => Some(Move::FirstToSecond),
            _ => None,
        }
    }

    /// Which images are known.
    pub(crate) fn known(self) -> [bool; 2] {
        [self.first, self.second].map(|was| was != Was::New)
    }
}

/// For each of the two images, the bit that stands for it in `TensorInfo::depends`; `None` when a pair is something else.
pub(crate) fn bits(graph: &Graph) -> Option<[u32; 2]> {
    let is_pair = |&bit: &usize| graph.tensor(graph.inputs()[bit]).phase == Phase::Pair;
    let bits: Vec<u32> = (0..graph.inputs().len()).filter(is_pair).map(|bit| 1 << bit).collect();
    bits.try_into().ok()
}

/// Which image alone a node's result depends on.
pub(crate) fn image_of(graph: &Graph, bits: Option<[u32; 2]>, node: usize) -> Option<usize> {
    let info = graph.tensor(graph.nodes()[node].output);
    bits?.into_iter().position(|bit| info.phase == Phase::Pair && info.depends == bit)
}

/// The tensors that the rest of the graph takes from what depends on one image alone: each of the first image's with the one
/// that is made of the second image in the same way, by the same parameters. None at all unless every one has such a twin.
pub(crate) fn twins(graph: &Graph) -> Vec<[TensorId; 2]> {
    all_twins(graph).unwrap_or_default()
}

fn all_twins(graph: &Graph) -> Option<Vec<[TensorId; 2]>> {
    let both = bits(graph)?;
    let image = |node: usize| image_of(graph, Some(both), node);
    let [first, second] = both.map(|bit| graph.inputs()[bit.trailing_zeros() as usize]);
    let alike = |a: TensorId, b: TensorId| {
        let (a, b) = (graph.tensor(a), graph.tensor(b));
        (a.channels, a.extent) == (b.channels, b.extent)
    };
    if !alike(first, second) {
        return None;
    }
    // From the second image's tensors to the first's.
    let mut twin = HashMap::from([(second, first)]);
    let mut taken = HashMap::new();
    let nodes = graph.nodes();
    for (index, node) in nodes.iter().enumerate().filter(|(index, _)| image(*index) == Some(1)) {
        let mapped = |v: View| twin.get(&v.tensor).map_or(v, |&tensor| View { tensor, ..v });
        let op: Op = node.op.with_views(mapped);
        let like = |&other: &usize| {
            image(other) == Some(0)
                && !taken.contains_key(&other)
                && nodes[other].op == op
                && alike(nodes[other].output, node.output)
        };
        if let Some(other) = (0..nodes.len()).find(like) {
            taken.insert(other, index);
            twin.insert(node.output, nodes[other].output);
        }
    }
    let wanted = needed(graph);
    // Made of one image alone, and read by what is not, or asked for.
    let frontier = |side: usize| -> Vec<TensorId> {
        let elsewhere = |index: &usize| wanted[*index] && image(*index) != Some(side);
        let read: Vec<TensorId> = (0..nodes.len())
            .filter(elsewhere)
            .flat_map(|index| nodes[index].op.views())
            .map(|view| view.tensor)
            .chain(graph.outputs().iter().copied())
            .collect();
        let made = |index: &usize| image(*index) == Some(side) && wanted[*index];
        let outputs = (0..nodes.len()).filter(made).map(|index| nodes[index].output);
        outputs.filter(|tensor| read.contains(tensor)).collect()
    };
    let (firsts, seconds) = (frontier(0), frontier(1));
    let pairs: Vec<[TensorId; 2]> = seconds.iter().filter_map(|&t| Some([*twin.get(&t)?, t])).collect();
    let complete = pairs.len() == seconds.len()
        && pairs.len() == firsts.len()
        && firsts.iter().all(|t| pairs.iter().any(|pair| pair[0] == *t));
    complete.then_some(pairs)
}

#[cfg(test)]
mod tests {
    use ifr_net::{IfrNet, IfrPlus, Ratio};

    use super::*;

    #[test]
    fn features_of_one_image_have_twins() {
        let graph = IfrPlus::PUBLISHED.graph(Ratio::ONE, Ratio::ONE).unwrap();
        let twins = twins(&graph);
        let names: Vec<[&str; 2]> =
            twins.iter().map(|pair| pair.map(|id| graph.tensor(id).name.as_str())).collect();
        assert!(names.contains(&["img0/level4", "img1/level4"]));
        // The image, four levels for the decoders and three for the refiner.
        assert_eq!(names.len(), 8, "{names:?}");
        assert!(names.iter().all(|[a, b]| a.replace("img0", "img1") == *b), "{names:?}");
    }

    #[test]
    fn networks_that_mix_their_images_have_none() {
        assert!(twins(&IfrNet::S.graph(Ratio::ONE).unwrap()).is_empty());
    }

    #[test]
    fn images_are_moved_where_they_belong() {
        let moves = |first, second| Shared { first, second }.moves();
        assert_eq!(moves(Was::New, Was::New), None);
        assert_eq!(moves(Was::First, Was::Second), None);
        assert_eq!(moves(Was::First, Was::New), None);
        assert_eq!(moves(Was::Second, Was::New), Some(Move::SecondToFirst));
        assert_eq!(moves(Was::Second, Was::Second), Some(Move::SecondToFirst));
        assert_eq!(moves(Was::First, Was::First), Some(Move::FirstToSecond));
        assert_eq!(moves(Was::Second, Was::First), Some(Move::Exchange));
    }
}
