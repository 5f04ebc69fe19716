//! Weights on benchmark sets.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ifr_cpu::{EngineOptions, NetInterpolator};
use ifr_eval::{
    Blend, ClipOptions, EvalOptions, Interpolated, Method, Report, Set, SetOptions, evaluate, open_set,
};
use ifr_flow::{FlowInterpolator, FlowOptions};
use ifr_frame::BisectDepth;
use ifr_net::{Graph, Parameters, Timesteps};
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::{Deserialize, Serialize};

use crate::config::{SetConfig, ValidationConfig};
use crate::event::{Event, SetScores};
use crate::{TrainError, Watch};

/// The sets, and what simple methods make of them.
pub(crate) struct Validator {
    sets: Vec<SetConfig>,
    pool: Arc<ThreadPool>,
    /// PSNR of blend and flow by the set's name in reports.
    baselines: BTreeMap<String, [f64; 2]>,
    /// How long the baselines took, where all are known.
    took: Option<Duration>,
}

/// Whether a run over sets has to end.
pub(crate) type Halt<'a> = dyn Fn() -> bool + 'a;

impl Validator {
    /// Opens every set once, so that what is wrong with them is known before training begins, and measures the baselines, unless
    /// `cache` holds them, which gets each set's as soon as it is done. Those that are not done when `halt` says so are left out.
    /// `None` where nothing is to be validated.
    pub(crate) fn new(
        config: &ValidationConfig,
        threads: usize,
        cache: &Path,
        clock: &dyn Fn() -> Duration,
        halt: &Halt<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Self>, TrainError> {
        if config.every == 0 || config.sets.is_empty() {
            return Ok(None);
        }
        let pool =
            ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("validate-{i}")).build();
        let pool = Arc::new(pool.map_err(|e| TrainError::Internal(format!("no threads to validate: {e}")))?);
        let sets = config.sets.clone();
        distinct(&sets)?;
        let mut validator = Self { sets, pool, baselines: BTreeMap::new(), took: Some(Duration::ZERO) };
        let mut cached = read_cache(cache);
        for set in &validator.sets {
            let start = clock();
            let known = match cached.iter().find(|known| known.set == *set) {
                Some(known) => known.clone(),
                None => match validator.baselines(set, halt, watch)? {
                    Some(scores) => {
                        let seconds = clock().saturating_sub(start).as_secs_f64();
                        let known = Known { set: set.clone(), seconds, scores };
                        cached.push(known.clone());
                        write_cache(cache, &cached)?;
                        known
                    }
                    None => {
                        validator.took = None;
                        break;
                    }
                },
            };
            let took = Duration::try_from_secs_f64(known.seconds).ok();
            validator.took = validator.took.zip(took).map(|(sum, took)| sum + took);
            let scores =
                |(name, scores): (String, [Option<f64>; 2])| (name, scores.map(|v| v.unwrap_or(f64::NAN)));
            validator.baselines.extend(known.scores.into_iter().map(scores));
        }
        Ok(Some(validator))
    }

    /// The sets, spelled: what is measured on others cannot be compared.
    pub(crate) fn key(&self) -> Result<String, TrainError> {
        serde_json::to_string(&self.sets).map_err(|e| TrainError::Internal(e.to_string()))
    }

    /// How long the baselines took, here or when they were kept; `None` where they are not all known.
    pub(crate) fn baselines_took(&self) -> Option<Duration> {
        self.took
    }

    /// PSNR of blend and flow for each set in what a configuration names.
    fn baselines(
        &self,
        set: &SetConfig,
        halt: &Halt<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Scores>, TrainError> {
        let options = FlowOptions { pool: Some(Arc::clone(&self.pool)), ..FlowOptions::default() };
        let mut methods: Vec<Box<dyn Method>> = vec![
            Box::new(Interpolated::new(Blend)),
            Box::new(Interpolated::new(FlowInterpolator::with_options(options))),
        ];
        let Some(reports) = run(set, &mut methods, halt, watch)? else { return Ok(None) };
        let mut scores = Scores::new();
        for pair in reports.chunks_exact(2) {
            if let [Some(blend), Some(flow)] = [&pair[0], &pair[1]].map(Report::summary) {
                let finite = |v: f64| Some(v).filter(|v| v.is_finite());
                scores.insert(pair[0].set.clone(), [finite(blend.psnr), finite(flow.psnr)]);
            }
        }
        Ok(Some(scores))
    }

    /// Measures weights that know these instants; `None` where `halt` said so before the end.
    pub(crate) fn measure(
        &self,
        graph: &Graph,
        parameters: &Parameters,
        timesteps: Timesteps,
        halt: &Halt<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Option<Vec<SetScores>>, TrainError> {
        let options = EngineOptions { pool: Some(Arc::clone(&self.pool)), ..EngineOptions::default() };
        let engine = NetInterpolator::new(graph, parameters, options)?;
        let engine = match timesteps {
            Timesteps::Any => engine,
            Timesteps::Midpoint => engine.bisecting(BisectDepth::default()),
        };
        let mut methods: Vec<Box<dyn Method>> = vec![Box::new(Interpolated::new(engine))];
        let mut reports = Vec::new();
        for set in &self.sets {
            let Some(more) = run(set, &mut methods, halt, watch)? else { return Ok(None) };
            reports.extend(more);
        }
        let scores = reports.iter().filter_map(|report| {
            let summary = report.summary()?;
            let [blend, flow] = self.baselines.get(&report.set).copied().unwrap_or([f64::NAN; 2]);
            let (psnr, ssim, ie) = (summary.psnr, summary.ssim, summary.ie);
            Some(SetScores { set: report.set.clone(), images: summary.images, psnr, ssim, ie, blend, flow })
        });
        Ok(Some(scores.collect()))
    }
}

/// Runs methods over what a configuration names: for each set in it a report of each method. `None` where `halt` said so before
/// the end; it is asked between cases.
fn run(
    config: &SetConfig,
    methods: &mut [Box<dyn Method>],
    halt: &Halt<'_>,
    watch: &mut Watch<'_>,
) -> Result<Option<Vec<Report>>, TrainError> {
    let mut reports = Vec::new();
    let options = EvalOptions { limit: config.limit, ..EvalOptions::default() };
    for mut set in open(config)? {
        if halt() {
            return Ok(None);
        }
        let mut halted = false;
        let mut progress = |p: &ifr_eval::Progress<'_>| {
            watch(&Event::Validating { set: p.set, done: p.done, count: p.count });
            // After the last case there is nothing left to end.
            halted = p.count != Some(p.done) && halt();
            if halted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        // Metrics run where they are called from: on the same threads as the methods.
        reports.extend(evaluate(set.as_mut(), methods, &options, &mut progress)?);
        if halted {
            return Ok(None);
        }
    }
    Ok(Some(reports))
}

fn open(set: &SetConfig) -> Result<Vec<Box<dyn Set>>, TrainError> {
    let clips = ClipOptions { drop: set.drop, frames: set.frames, lines: set.lines };
    // Unknown kinds were refused with the configuration.
    let kind = set.kind.as_ref().and_then(|kind| kind.parse().ok());
    Ok(open_set(&set.path, &SetOptions { label: set.name.clone(), kind, clips })?)
}

/// Refuses sets that tables could not tell apart.
fn distinct(sets: &[SetConfig]) -> Result<(), TrainError> {
    let mut names = BTreeMap::new();
    for (i, config) in sets.iter().enumerate() {
        for set in open(config)? {
            let name = set.name().to_owned();
            if let Some(before) = names.insert(name.clone(), i) {
                return Err(TrainError::Config {
                    origin: "the configuration".to_owned(),
                    key: format!("validation.sets[{i}]"),
                    value: Some(format!("\"{name}\"")),
                    problem: format!("sets[{before}] is called that, too: give one of them another `name`"),
                });
            }
        }
    }
    Ok(())
}

/// PSNR of blend and flow by the set's name in reports, where they are numbers.
type Scores = BTreeMap<String, [Option<f64>; 2]>;

/// The baselines of what a configuration names, as they are kept.
#[derive(Clone, Serialize, Deserialize)]
struct Known {
    set: SetConfig,
    seconds: f64,
    scores: Scores,
}

/// What is kept; nothing where that cannot be read.
fn read_cache(path: &Path) -> Vec<Known> {
    let text = fs::read_to_string(path).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

fn write_cache(path: &Path, known: &[Known]) -> Result<(), TrainError> {
    let text = serde_json::to_vec_pretty(known).map_err(|e| TrainError::Internal(e.to_string()))?;
    let draft = path.with_extension("partial");
    fs::write(&draft, text).map_err(|e| TrainError::io("write", &draft, e))?;
    fs::rename(&draft, path).map_err(|e| TrainError::io("rename", draft, e))
}
