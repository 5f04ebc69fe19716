use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ifr_net::{Dtype, Graph, ParamInfo, ParameterStore, write_safetensors};

use crate::TrainError;

/// The most bytes of values in a file; the header comes on top, and together they stay below 15 MiB.
const MOST: usize = 14 * 1024 * 1024;

/// Writes one value for every parameter, in as many files as it takes.
pub(super) fn write(folder: &Path, name: &str, graph: &Graph, values: &[f32]) -> Result<(), TrainError> {
    let parts = parts(graph.params(), MOST / size_of::<f32>());
    let mut rest = values;
    for (i, params) in parts.iter().enumerate() {
        let file = match parts.len() {
            1 => format!("{name}.safetensors"),
            count => format!("{name}-{}-of-{count}.safetensors", i + 1),
        };
        let mut tensors = Vec::with_capacity(params.len());
        for param in *params {
            let Some((own, after)) = rest.split_at_checked(param.len()) else {
                return Err(TrainError::Internal(format!("{name} has too few values for {}", graph.name())));
            };
            tensors.push((param.name.as_str(), param.shape.as_slice(), own));
            rest = after;
        }
        write_safetensors(&folder.join(file), Dtype::F32, tensors.into_iter(), &BTreeMap::new())?;
    }
    Ok(())
}

/// Runs of parameters of at most `most` values; a parameter that is larger stands alone.
fn parts(params: &[ParamInfo], most: usize) -> Vec<&[ParamInfo]> {
    let (mut out, mut start, mut size) = (Vec::new(), 0, 0);
    for (i, param) in params.iter().enumerate() {
        if i > start && size + param.len() > most {
            out.push(&params[start..i]);
            (start, size) = (i, 0);
        }
        size += param.len();
    }
    out.push(&params[start..]);
    out
}

/// Reads what [`write`] wrote, and says which parameter differs from the graph's.
pub(super) fn read(folder: &Path, name: &str, graph: &Graph) -> Result<Vec<f32>, TrainError> {
    let mut stores = Vec::new();
    for file in files(folder, name)? {
        stores.push(ParameterStore::open(file).map_err(ifr_net::ParameterError::from)?);
    }
    let refuse = |problem: String| {
        let network = graph.name();
        TrainError::checkpoint(
            folder,
            format!(
                "{name} is not of {network}: {problem}; train into another folder, or set model.network and model.prior as they were"
            ),
        )
    };
    let found: usize = stores.iter().map(|store| store.entries().len()).sum();
    let mut values = Vec::with_capacity(graph.params().iter().map(ParamInfo::len).sum());
    for param in graph.params() {
        let stored = stores.iter().find_map(|store| store.entry(&param.name).map(|entry| (store, entry)));
        let Some((store, entry)) = stored else {
            return Err(refuse(format!("parameter {} ({}) is missing", param.name, words(&param.shape))));
        };
        if entry.shape != param.shape {
            let (has, wants) = (words(&entry.shape), words(&param.shape));
            return Err(refuse(format!("parameter {} is {has}, expected {wants}", param.name)));
        }
        values.extend(store.read(&param.name)?);
    }
    if found != graph.params().len() {
        let known = |name: &str| graph.params().iter().any(|p| p.name == name);
        let surplus = stores.iter().flat_map(|s| s.entries()).find(|entry| !known(&entry.name));
        let name = surplus.map_or("", |entry| entry.name.as_str());
        return Err(refuse(format!(
            "it has {found} parameters, expected {}; {name} is surplus",
            graph.params().len()
        )));
    }
    Ok(values)
}

/// `NAME.safetensors`, or all its parts.
fn files(folder: &Path, name: &str) -> Result<Vec<PathBuf>, TrainError> {
    let whole = folder.join(format!("{name}.safetensors"));
    if whole.is_file() {
        return Ok(vec![whole]);
    }
    let prefix = format!("{name}-1-of-");
    let entries = fs::read_dir(folder).map_err(|e| TrainError::io("read", folder, e))?;
    let count = entries.flatten().find_map(|entry| {
        let file = entry.file_name();
        file.to_str()?.strip_prefix(&prefix)?.strip_suffix(".safetensors")?.parse::<usize>().ok()
    });
    match count {
        Some(count) if count <= 10_000 => {
            Ok((1..=count).map(|i| folder.join(format!("{name}-{i}-of-{count}.safetensors"))).collect())
        }
        _ => Err(TrainError::checkpoint(folder, format!("{name}.safetensors is not there"))),
    }
}

/// Makes sure that what was created or renamed in a folder is on the disk.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), TrainError> {
    // Only Unix opens folders as files.
    if cfg!(unix) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(|e| TrainError::io("sync", folder, e))?;
    }
    Ok(())
}

fn words(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x")
}

#[cfg(test)]
mod tests {
    use ifr_net::{IfrNet, Ratio};

    use super::*;

    fn param(len: usize) -> ParamInfo {
        ParamInfo { name: String::new(), shape: vec![len] }
    }

    #[test]
    fn parts_hold_what_fits() {
        let params: Vec<_> = [4, 4, 3, 20, 1, 2].map(param).into();
        let sizes: Vec<Vec<usize>> =
            parts(&params, 10).iter().map(|part| part.iter().map(ParamInfo::len).collect()).collect();
        assert_eq!(sizes, [vec![4, 4], vec![3], vec![20], vec![1, 2]]);
    }

    #[test]
    fn large_vectors_are_split_below_15_mib_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let graph = IfrNet::B.graph(Ratio::ONE).unwrap();
        let count: usize = graph.params().iter().map(ParamInfo::len).sum();
        let values: Vec<f32> = (0..count).map(|i| i as f32).collect();
        write(dir.path(), "ema", &graph, &values).unwrap();
        let sizes: Vec<u64> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).collect();
        assert_eq!(sizes.len(), 2);
        assert!(sizes.iter().all(|&size| size <= 15 * 1024 * 1024), "{sizes:?}");
        assert_eq!(read(dir.path(), "ema", &graph).unwrap(), values);
        let error = read(dir.path(), "weights", &graph).unwrap_err().to_string();
        assert!(error.contains("weights.safetensors is not there"), "{error}");
    }

    #[test]
    fn another_network_is_named_by_the_parameter_that_differs() {
        let dir = tempfile::tempdir().unwrap();
        let tiny = IfrNet { encoder: [4, 4, 4, 4], decoder: [8, 8, 8, 8], side: 4, ..IfrNet::S };
        let other = IfrNet { decoder: [8, 8, 8, 12], ..tiny };
        let graph = tiny.graph(Ratio::ONE).unwrap();
        let count: usize = graph.params().iter().map(ParamInfo::len).sum();
        write(dir.path(), "weights", &graph, &vec![0.5; count]).unwrap();
        let error = read(dir.path(), "weights", &other.graph(Ratio::ONE).unwrap()).unwrap_err().to_string();
        assert!(error.contains("decoder1.convblock.0.1.weight is 8, expected 12"), "{error}");
    }
}
