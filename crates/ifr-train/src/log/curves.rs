//! `curves.svg`: the loss, the frames beside simple ones, and how far the validation sets' PSNR is above classical flow's.

use std::fmt::Write;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;

use crate::TrainError;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 40.0;
/// The most points drawn of a curve.
const POINTS: usize = 400;
/// Okabe and Ito's palette, which colour-blind people can tell apart.
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// The smooth curve of a noisy one is the mean over this part of it, to either side.
const SMOOTH: usize = 20;

/// One curve: points from left to right.
struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
    /// Whether single points say little: drawn pale, beneath its running mean.
    noisy: bool,
}

/// Draws what `log.csv` (columns `step`, `loss` and `relative`) and `validation.csv` (`step`, `set`, `psnr`, `flow`) hold.
pub(crate) fn write(log: &Path, validation: &Path, to: &Path) -> Result<(), TrainError> {
    let noisy = |column: &str| -> Result<Curve, TrainError> {
        let mut points = Vec::new();
        rows(log, ["step", column], |values| {
            if let [Some(step), Some(value)] = values.map(number) {
                points.push((step, value));
            }
        })?;
        Ok(Curve { name: column.to_owned(), points: thin(&points), noisy: true })
    };
    let (loss, relative) = (noisy("loss")?, noisy("relative")?);
    let mut sets: Vec<Curve> = Vec::new();
    rows(validation, ["set", "step", "psnr", "flow"], |[set, rest @ ..]| {
        let [Some(step), Some(psnr), Some(flow)] = rest.map(number) else { return };
        let index = sets.iter().position(|curve| curve.name == set).unwrap_or_else(|| {
            sets.push(Curve { name: set.to_owned(), points: Vec::new(), noisy: false });
            sets.len() - 1
        });
        sets[index].points.push((step, psnr - flow));
    })?;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{0}\" viewBox=\"0 0 {WIDTH} {0}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        3.0 * HEIGHT
    );
    panel(&mut svg, 0.0, "loss", &[loss], None);
    let title = "the frames' distance from the true ones, beside the prior's or the mean frames'";
    panel(&mut svg, HEIGHT, title, &[relative], Some(1.0));
    panel(&mut svg, 2.0 * HEIGHT, "PSNR above classical flow's, in dB", &sets, Some(0.0));
    svg.push_str("</svg>\n");
    let draft = to.with_extension("partial");
    fs::write(&draft, svg).map_err(|e| TrainError::io("write", &draft, e))?;
    fs::rename(&draft, to).map_err(|e| TrainError::io("rename", draft, e))
}

/// Hands over the wanted columns of one line after the other: a long training's table is not held in memory. Lines without them (one
/// that is being written) are left out.
fn rows<const N: usize>(
    path: &Path,
    columns: [&str; N],
    mut take: impl FnMut([&str; N]),
) -> Result<(), TrainError> {
    let failed = |e| TrainError::io("read", path, e);
    let file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(failed(e)),
    };
    let mut lines = file.lines();
    let head = lines.next().transpose().map_err(failed)?.unwrap_or_default();
    let places = columns.map(|column| head.split(',').position(|name| name == column));
    for line in lines {
        let line = line.map_err(failed)?;
        let values = places.map(|place| place.and_then(|place| line.split(',').nth(place)));
        if values.iter().all(Option::is_some) {
            take(values.map(Option::unwrap_or_default));
        }
    }
    Ok(())
}

fn number(value: &str) -> Option<f64> {
    value.parse().ok().filter(|v: &f64| v.is_finite())
}

/// Means of neighbours, so that no more points than [`POINTS`] are left.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let run = points.len().div_ceil(POINTS).max(1);
    let mean = |part: &[(f64, f64)]| {
        let n = part.len() as f64;
        let (x, y) = part.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0, y + p.1));
        (x / n, y / n)
    };
    points.chunks(run).map(mean).collect()
}

/// Running means over [`SMOOTH`]ths of the points, to either side.
fn smooth(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let reach = points.len() / SMOOTH;
    let mean = |i: usize| {
        let near = &points[i.saturating_sub(reach)..(i + reach + 1).min(points.len())];
        near.iter().map(|p| p.1).sum::<f64>() / near.len() as f64
    };
    points.iter().enumerate().map(|(i, p)| (p.0, mean(i))).collect()
}

/// Round numbers that cut a range into about `count` parts.
fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let rough = (high - low) / count as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|&s| s >= rough).unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    (first..).map(|i| i as f64 * step).take_while(|&v| v <= high + 1e-9 * step).take(100).collect()
}

/// Curves over steps; `level` is drawn dashed.
fn panel(svg: &mut String, top: f64, title: &str, curves: &[Curve], level: Option<f64>) {
    let (x0, x1, y0, y1) = (LEFT, WIDTH - RIGHT, top + HEIGHT - BOTTOM, top + TOP);
    let _ =
        writeln!(svg, "<text x=\"{x0}\" y=\"{}\" font-weight=\"bold\">{}</text>", top + 22.0, escape(title));
    let all = || curves.iter().flat_map(|c| c.points.iter().copied());
    if all().next().is_none() {
        let _ = writeln!(svg, "<text x=\"{x0}\" y=\"{}\">nothing yet</text>", f64::midpoint(y0, y1));
        return;
    }
    let values = || all().map(|p| p.1).chain(level);
    let end = all().map(|p| p.0).fold(1.0, f64::max);
    let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let pad = ((high - low) * 0.05).max(high.abs() * 1e-3).max(1e-9);
    let (low, high) = (low - pad, high + pad);
    let x = |step: f64| x0 + (x1 - x0) * step / end;
    let y = |value: f64| y0 + (y1 - y0) * (value - low) / (high - low);
    for tick in ticks(low, high, 5) {
        let at = y(tick);
        let _ = writeln!(
            svg,
            "<path d=\"M{x0} {at:.1}H{x1}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            x0 - 6.0,
            at + 4.0,
            plain(tick)
        );
    }
    for tick in ticks(0.0, end, 6) {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(tick),
            y0 + 18.0,
            plain(tick)
        );
    }
    let _ = writeln!(svg, "<path d=\"M{x0} {y1}V{y0}H{x1}\" stroke=\"#444\" fill=\"none\"/>");
    if let Some(level) = level {
        let _ = writeln!(
            svg,
            "<path d=\"M{x0} {:.1}H{x1}\" stroke=\"#444\" stroke-dasharray=\"5 4\"/>",
            y(level)
        );
    }
    for (i, curve) in curves.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        let mut line = |points: &[(f64, f64)], style: &str| {
            let points: Vec<String> = points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
            let points = points.join(" ");
            let _ =
                writeln!(svg, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" {style}/>");
        };
        let mut last = curve.points.last().copied();
        if curve.noisy {
            let mean = smooth(&curve.points);
            line(&curve.points, "stroke-width=\"1\" stroke-opacity=\"0.3\"");
            line(&mean, "stroke-width=\"2\"");
            last = mean.last().copied();
        } else {
            line(&curve.points, "stroke-width=\"1.5\"");
        }
        if let [(px, py)] = curve.points[..] {
            let _ =
                writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", x(px), y(py));
        }
        let last = last.map_or_else(String::new, |p| format!(" {}", plain(p.1)));
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" fill=\"{colour}\">{}{last}</text>",
            x1 + 10.0,
            y1 + 12.0 + 16.0 * i as f64,
            escape(&curve.name)
        );
    }
}

/// A number without needless digits.
fn plain(value: f64) -> String {
    let text = if value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else if value.abs() >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.5}")
    };
    match text.split_once('.') {
        Some((whole, part)) => match part.trim_end_matches('0') {
            "" => whole.to_owned(),
            part => format!("{whole}.{part}"),
        },
        None => text,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 100.0, 5), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let close = ticks(25.9, 26.6, 5).into_iter().zip([26.0, 26.2, 26.4, 26.6]);
        assert!(
            close.clone().count() == 4 && close.into_iter().all(|(a, b): (f64, f64)| (a - b).abs() < 1e-9)
        );
        assert_eq!(
            [plain(12000.0), plain(26.5), plain(0.0125), plain(0.0)],
            ["12000", "26.5", "0.0125", "0"]
        );
    }

    #[test]
    fn long_curves_become_means() {
        let points: Vec<(f64, f64)> = (0..4000).map(|i| (f64::from(i), 2.0)).collect();
        let thinned = thin(&points);
        assert_eq!(thinned.len(), POINTS);
        assert_eq!(thinned[0], (4.5, 2.0));
    }

    #[test]
    fn running_means_keep_levels_and_calm_noise() {
        let points: Vec<(f64, f64)> = (0..400).map(|i| (f64::from(i), f64::from(1 + i % 2))).collect();
        let means = smooth(&points);
        assert!(means.iter().all(|&(_, v)| (v - 1.5).abs() < 0.03), "{means:?}");
        assert_eq!(smooth(&[(0.0, 2.0)]), [(0.0, 2.0)]);
    }

    #[test]
    fn draws_what_the_tables_hold() {
        let dir = tempfile::tempdir().unwrap();
        let [log, validation, svg] = ["log.csv", "validation.csv", "curves.svg"].map(|f| dir.path().join(f));
        write(&log, &validation, &svg).unwrap();
        assert_eq!(fs::read_to_string(&svg).unwrap().matches("nothing yet").count(), 3);
        // A value that is none, other columns, and a line cut short.
        fs::write(&log, "step,rate,loss,relative\n10,1,0.5,2\n20,1,NaN,0.9\n30,1,0.25,0.8\n40,1").unwrap();
        fs::write(&validation, "step,set,psnr,flow\n10,a&b,26.5,26.0\n10,clip,30,\n20,a&b,26.75,26.0\n")
            .unwrap();
        write(&log, &validation, &svg).unwrap();
        let text = fs::read_to_string(&svg).unwrap();
        // The loss and the ratio with their means, and the one set that flow was measured on.
        assert_eq!(text.matches("<polyline").count(), 5);
        assert_eq!(text.matches("stroke-dasharray").count(), 2);
        assert!(
            text.contains("a&amp;b 0.75") && !text.contains("clip") && text.contains("loss 0.25"),
            "{text}"
        );
    }
}
