//! Which of a file's arrays are a network's parameters.

use std::collections::{BTreeSet, HashSet};

use ifr_net::{ArraySource, FileBytes, Network, ParameterStore, Ratio, RecogniseError, printable, recognise};

use crate::data::{Array, Found, Views};
use crate::{Format, FormatError, Imported};

/// Most places in a file at which a network is looked for.
const MOST_PLACES: usize = 16;
/// Words of which the names of optimisers' states are made; a number may follow.
const OPTIMISER: [&str; 17] = [
    "accum",
    "accumulator",
    "adam",
    "adamw",
    "avg",
    "exp",
    "grad",
    "grads",
    "gradient",
    "gradients",
    "moment",
    "moments",
    "momentum",
    "optim",
    "optimiser",
    "optimizer",
    "velocity",
];
/// The word for averages over the training.
const AVERAGE: &str = "ema";
/// How IFR+'s names begin; some save the network inside.
const GENERATOR: &str = "generator.";

/// Names of a family of networks, as its checkpoints may have them.
struct Family {
    /// The first parameter's name.
    first: String,
    /// What the names lack at their beginning.
    lacks: &'static str,
    /// How its names begin: first components without their numbers.
    stems: BTreeSet<String>,
}

impl Family {
    fn all() -> Vec<Self> {
        let mut families: Vec<Self> = Vec::new();
        let mut add = |names: Vec<&str>, lacks| {
            let Some(first) = names.first() else { return };
            if families.iter().all(|f| f.first != *first) {
                let stems = names.iter().map(|name| stem(name).to_owned()).collect();
                families.push(Self { first: (*first).to_owned(), lacks, stems });
            }
        };
        for network in Network::all() {
            let Ok(graph) = network.graph(Ratio::ONE) else { continue };
            let names: Vec<&str> = graph.params().iter().map(|p| p.name.as_str()).collect();
            let inner: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix(GENERATOR)).collect();
            add(names, "");
            add(inner, GENERATOR);
        }
        families
    }
}

/// `decoder` of `decoder4.convblock.0.0.weight`.
fn stem(name: &str) -> &str {
    let first = name.split('.').next().unwrap_or(name);
    first.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// Where in a file a network might be: under the names that begin with `prefix`.
struct Place<'a> {
    prefix: String,
    family: &'a Family,
}

impl Place<'_> {
    /// The name in the network of an array that is part of it.
    fn inner(&self, name: &str) -> Option<String> {
        let inner = name.strip_prefix(self.prefix.as_str())?;
        self.family.stems.contains(stem(inner)).then(|| format!("{}{inner}", self.family.lacks))
    }

    /// Smaller is better: not an optimiser's state, an average over the training rather than its last step.
    fn rank(&self) -> (bool, bool) {
        let prefix = self.prefix.to_lowercase();
        let words = || {
            let words = prefix.split(['.', '_']);
            words.map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()))
        };
        (words().any(|word| OPTIMISER.contains(&word)), words().all(|word| word != AVERAGE))
    }
}

/// Arrays of which only names, types and shapes are asked for.
#[derive(Debug)]
struct Names;

impl ArraySource for Names {
    fn read(&self, _: usize) -> Result<Vec<f32>, String> {
        Err("its values are not read while networks are looked for".to_owned())
    }
}

/// Finds the network among what a reader found.
pub(crate) fn select(
    origin: &str,
    format: Format,
    file: FileBytes,
    found: Found,
) -> Result<Imported, FormatError> {
    let families = Family::all();
    let mut places: Vec<Place<'_>> = Vec::new();
    let mut seen = HashSet::new();
    for array in &found.arrays {
        for family in &families {
            let Some(prefix) = array.name.strip_suffix(family.first.as_str()) else { continue };
            let whole = prefix.is_empty() || prefix.ends_with('.');
            // With its beginning there, the names are whole already.
            let lacking = family.lacks.is_empty() || !prefix.ends_with(family.lacks);
            if whole && lacking && places.len() < MOST_PLACES && seen.insert((prefix, family.lacks)) {
                places.push(Place { prefix: prefix.to_owned(), family });
            }
        }
    }
    places.sort_by_key(Place::rank);

    let mut misfit: Option<(usize, RecogniseError)> = None;
    let mut chosen: Option<(Network, &Place<'_>)> = None;
    let mut also = Vec::new();
    for place in &places {
        let names = |a: &Array| Some((place.inner(&a.name)?, a.view.dtype, a.view.shape.clone()));
        let arrays = found.arrays.iter().filter_map(names);
        let store = ParameterStore::from_source(origin, arrays, found.metadata.clone(), Box::new(Names))?;
        match recognise(&store) {
            Ok(network) if chosen.is_none() => chosen = Some((network, place)),
            Ok(network) => also.push(format!(
                "another {network} under '{}*' ({})",
                printable(&place.prefix, 60),
                if place.rank().0 { "an optimiser's state" } else { "a second set of weights" }
            )),
            Err(error) if misfit.as_ref().is_none_or(|(most, _)| store.entries().len() > *most) => {
                misfit = Some((store.entries().len(), error));
            }
            Err(_) => {}
        }
    }
    let Some((network, place)) = chosen else {
        let error = match misfit {
            Some((_, error)) => error,
            // Nothing looks like a network's first parameter: all of the file is a stranger.
            None => {
                let arrays =
                    found.arrays.iter().map(|a| (a.name.clone(), a.view.dtype, a.view.shape.clone()));
                let store = ParameterStore::from_source(origin, arrays, found.metadata, Box::new(Names))?;
                match recognise(&store) {
                    Err(error) => error,
                    // A network's names include its first, so this cannot be; and a message is better than a panic.
                    Ok(network) => {
                        let what = format!("the parameters of {network} are there, but not in any place");
                        return Err(FormatError::malformed(origin, format, &what));
                    }
                }
            }
        };
        return Err(error.into());
    };

    let mut ignored = found.ignored;
    let mut arrays = Vec::new();
    let mut besides = Vec::new();
    for array in found.arrays {
        match place.inner(&array.name) {
            Some(name) => arrays.push(Array { name, ..array }),
            None => besides.push(array.name),
        }
    }
    if let Some(first) = besides.first() {
        let first = printable(first, 60);
        ignored.push(match besides.len() {
            1 => format!("1 array that is no parameter of the network: {first}"),
            n => format!("{n} arrays that are no parameters of the network: {first}, …"),
        });
    }
    ignored.extend(also);
    let prefix = place.prefix.clone();
    let entries: Vec<_> =
        arrays.iter().map(|a| (a.name.clone(), a.view.dtype, a.view.shape.clone())).collect();
    let views = Views::new(file, found.blocks, arrays)
        .map_err(|what| FormatError::malformed(origin, format, &what))?;
    let store = ParameterStore::from_source(origin, entries, found.metadata, Box::new(views))?;
    Ok(Imported { format, network, store, prefix, ignored })
}
