//! Methods over sets.

use std::ops::ControlFlow;

use crate::metrics::score;
use crate::{Case, Convention, EvalError, Gallery, Lpips, Method, Report, Row, Set, Take};

/// How sets are run through.
#[derive(Debug, Clone, Copy, Default)]
pub struct EvalOptions<'a> {
    /// Convention of PSNR and SSIM.
    pub convention: Convention,
    /// The first so many cases only.
    pub limit: Option<usize>,
    /// Measures LPIPS too.
    pub lpips: Option<&'a Lpips>,
    /// How many of the worst and of the best frames are kept with their pictures; 0 for none.
    pub gallery: usize,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// The set's name.
    pub set: &'a str,
    /// Cases done (skipped ones included).
    pub done: usize,
    /// Cases there are, where that is known.
    pub count: Option<usize>,
    /// The warning for the case that was just skipped, if it was.
    pub skipped: Option<&'a EvalError>,
}

/// Runs all methods over a set: one report a method, in their order. `watch` is called after every case, and ends the run early
/// by breaking; reports then hold what was measured until then.
///
/// Cases that cannot be read are skipped and counted.
///
/// # Errors
/// [`EvalError`] when a method fails, pictures cannot be compared, or more than one case in ten cannot be read.
pub fn evaluate(
    set: &mut dyn Set,
    methods: &mut [Box<dyn Method>],
    options: &EvalOptions<'_>,
    watch: &mut dyn FnMut(&Progress<'_>) -> ControlFlow<()>,
) -> Result<Vec<Report>, EvalError> {
    let limit = options.limit.unwrap_or(usize::MAX);
    let count = set.count().map(|n| n.min(limit));
    let name = set.name().to_owned();
    let mut reports: Vec<Report> = methods.iter().map(|m| empty(set, m.as_ref(), options)).collect();
    let (mut done, mut skipped, mut complete) = (0, 0, true);
    while done < limit {
        let Some(case) = set.next_case() else { break };
        done += 1;
        let fault = match case {
            Ok(case) => {
                for (method, report) in methods.iter_mut().zip(&mut reports) {
                    measure(method.as_mut(), &case, options, report)?;
                }
                None
            }
            Err(e) => {
                skipped += 1;
                if skipped * 10 > count.unwrap_or(done).max(done) {
                    return Err(EvalError::Unreadable { skipped, seen: done, last: e.to_string() });
                }
                Some(e)
            }
        };
        let progress = Progress { set: &name, done, count, skipped: fault.as_ref() };
        if watch(&progress).is_break() {
            complete = count == Some(done);
            break;
        }
    }
    for report in &mut reports {
        report.skipped = skipped;
        report.notices = set.notices().to_vec();
        report.complete = complete;
        report.gallery.settle();
    }
    Ok(reports)
}

fn empty(set: &dyn Set, method: &dyn Method, options: &EvalOptions<'_>) -> Report {
    Report {
        set: set.name().to_owned(),
        kind: set.kind(),
        method: method.name().to_owned(),
        convention: options.convention,
        rows: Vec::new(),
        skipped: 0,
        notices: Vec::new(),
        complete: true,
        gallery: Gallery::new(options.gallery),
    }
}

fn measure(
    method: &mut dyn Method,
    case: &Case,
    options: &EvalOptions<'_>,
    report: &mut Report,
) -> Result<(), EvalError> {
    method.make(case, &mut |i, Take { image, seconds }| {
        let Some(truth) = case.truths.get(i) else { return Ok(()) };
        let failed = |source| EvalError::Metric { case: case.name.clone(), source };
        let output = case.cut(image, truth)?;
        let expected = truth.frame.to_rgb();
        let scores = score(&output, &expected, options.convention).map_err(failed)?;
        let lpips = options.lpips.map(|l| l.distance(&output, &expected)).transpose().map_err(failed)?;
        let row = Row {
            case: case.name.clone(),
            t: truth.t,
            psnr: scores.psnr,
            ssim: scores.ssim,
            ie: scores.ie,
            lpips,
            seconds,
        };
        report.gallery.offer(&row, case, truth, &output)?;
        report.rows.push(row);
        Ok(())
    })
}
