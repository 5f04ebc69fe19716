//! Weights on benchmark sets.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ifr_cpu::{EngineOptions, NetInterpolator};
use ifr_eval::{
    Blend, ClipOptions, EvalOptions, Interpolated, Method, Report, Set, SetOptions, evaluate, open_set,
};
use ifr_flow::{FlowInterpolator, FlowOptions};
use ifr_net::{Graph, Parameters};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::config::{SetConfig, ValidationConfig};
use crate::event::{Event, SetScores};
use crate::{TrainError, Watch};

/// The sets, and what simple methods make of them.
pub(crate) struct Validator {
    sets: Vec<SetConfig>,
    pool: Arc<ThreadPool>,
    /// PSNR of blend and flow by the set's name in reports.
    baselines: BTreeMap<String, [f64; 2]>,
}

impl Validator {
    /// Opens every set once, so that what is wrong with them is known before training begins, and measures the baselines, unless
    /// `cache` holds them. `None` where nothing is to be validated, or `stop` was set.
    pub(crate) fn new(
        config: &ValidationConfig,
        threads: usize,
        cache: PathBuf,
        stop: &AtomicBool,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Self>, TrainError> {
        if config.every == 0 || config.sets.is_empty() {
            return Ok(None);
        }
        let pool =
            ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("validate-{i}")).build();
        let pool = Arc::new(pool.map_err(|e| TrainError::Internal(format!("no threads to validate: {e}")))?);
        let mut validator = Self { sets: config.sets.clone(), pool, baselines: BTreeMap::new() };
        for set in &validator.sets {
            open(set)?;
        }
        let key = format!("{:?}", validator.sets);
        if let Some(known) = read_cache(&cache, &key) {
            validator.baselines = known;
            return Ok(Some(validator));
        }
        let options = FlowOptions { pool: Some(Arc::clone(&validator.pool)), ..FlowOptions::default() };
        let methods: Vec<Box<dyn Method>> = vec![
            Box::new(Interpolated::new(Blend)),
            Box::new(Interpolated::new(FlowInterpolator::with_options(options))),
        ];
        let Some(reports) = validator.run(methods, stop, watch)? else { return Ok(None) };
        for pair in reports.chunks_exact(2) {
            if let [Some(blend), Some(flow)] = [&pair[0], &pair[1]].map(Report::summary) {
                validator.baselines.insert(pair[0].set.clone(), [blend.psnr, flow.psnr]);
            }
        }
        write_cache(&cache, &key, &validator.baselines)?;
        Ok(Some(validator))
    }

    /// Measures weights; `None` where `stop` was set before the end.
    pub(crate) fn measure(
        &self,
        graph: &Graph,
        parameters: &Parameters,
        stop: &AtomicBool,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<SetScores>>, TrainError> {
        let options = EngineOptions { pool: Some(Arc::clone(&self.pool)), ..EngineOptions::default() };
        let engine = NetInterpolator::new(graph, parameters, options)?;
        let Some(reports) = self.run(vec![Box::new(Interpolated::new(engine))], stop, watch)? else {
            return Ok(None);
        };
        let scores = reports.iter().filter_map(|report| {
            let summary = report.summary()?;
            let [blend, flow] = self.baselines.get(&report.set).copied().unwrap_or([f64::NAN; 2]);
            let (psnr, ssim, ie) = (summary.psnr, summary.ssim, summary.ie);
            Some(SetScores { set: report.set.clone(), images: summary.images, psnr, ssim, ie, blend, flow })
        });
        Ok(Some(scores.collect()))
    }

    /// Runs methods over all sets: for each set a report of each method.
    fn run(
        &self,
        mut methods: Vec<Box<dyn Method>>,
        stop: &AtomicBool,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<Report>>, TrainError> {
        let mut reports = Vec::new();
        for config in &self.sets {
            let options = EvalOptions { limit: config.limit, ..EvalOptions::default() };
            for mut set in open(config)? {
                let mut progress = |p: &ifr_eval::Progress<'_>| {
                    watch(&Event::Validating { set: p.set, done: p.done, count: p.count });
                    if stop.load(Ordering::Relaxed) {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                };
                // Metrics run where they are called from: on the same threads as the methods.
                reports.extend(evaluate(set.as_mut(), &mut methods, &options, &mut progress)?);
                if stop.load(Ordering::Relaxed) {
                    return Ok(None);
                }
            }
        }
        Ok(Some(reports))
    }
}

fn open(set: &SetConfig) -> Result<Vec<Box<dyn Set>>, TrainError> {
    let clips = ClipOptions { drop: set.drop, frames: set.frames, lines: set.lines };
    // Unknown kinds were refused with the configuration.
    let kind = set.kind.as_ref().and_then(|kind| kind.parse().ok());
    Ok(open_set(&set.path, &SetOptions { label: set.name.clone(), kind, clips })?)
}

type Cache = BTreeMap<String, BTreeMap<String, [f64; 2]>>;

fn read_cache(path: &Path, key: &str) -> Option<BTreeMap<String, [f64; 2]>> {
    let mut cache: Cache = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
    cache.remove(key)
}

fn write_cache(path: &Path, key: &str, baselines: &BTreeMap<String, [f64; 2]>) -> Result<(), TrainError> {
    let cache: Cache = [(key.to_owned(), baselines.clone())].into();
    let text = serde_json::to_vec_pretty(&cache).map_err(|e| TrainError::Internal(e.to_string()))?;
    let draft = path.with_extension("partial");
    fs::write(&draft, text).map_err(|e| TrainError::io("write", &draft, e))?;
    fs::rename(&draft, path).map_err(|e| TrainError::io("rename", draft, e))
}
