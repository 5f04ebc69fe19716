//! `curves.svg`: the loss, and PSNR on the validation sets.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
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

/// One curve: points from left to right, and a level drawn dashed in the same colour.
struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
    level: Option<f64>,
}

/// Draws what `log.csv` (columns `step` and `loss`) and `validation.csv` (`step`, `set`, `psnr`, `flow`) hold.
pub(crate) fn write(log: &Path, validation: &Path, to: &Path) -> Result<(), TrainError> {
    let log = read(log)?;
    let rows = log.iter().filter_map(|row| Some((number(row, "step")?, number(row, "loss")?)));
    let loss = Curve { name: "loss".to_owned(), points: thin(rows.collect()), level: None };
    let mut sets: Vec<Curve> = Vec::new();
    for row in read(validation)? {
        let (Some(set), Some(step), Some(psnr)) =
            (row.get("set"), number(&row, "step"), number(&row, "psnr"))
        else {
            continue;
        };
        let index = sets.iter().position(|curve| curve.name == *set).unwrap_or_else(|| {
            sets.push(Curve { name: set.clone(), points: Vec::new(), level: None });
            sets.len() - 1
        });
        sets[index].points.push((step, psnr));
        sets[index].level = number(&row, "flow");
    }
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{0}\" viewBox=\"0 0 {WIDTH} {0}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        2.0 * HEIGHT
    );
    panel(&mut svg, 0.0, "loss (mean since the line before)", &[loss]);
    panel(&mut svg, HEIGHT, "PSNR in dB (dashed: flow)", &sets);
    svg.push_str("</svg>\n");
    let draft = to.with_extension("partial");
    fs::write(&draft, svg).map_err(|e| TrainError::io("write", &draft, e))?;
    fs::rename(&draft, to).map_err(|e| TrainError::io("rename", draft, e))
}

type Row = BTreeMap<String, String>;

fn read(path: &Path) -> Result<Vec<Row>, TrainError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(TrainError::io("read", path, e)),
    };
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let row = |line: &str| {
        columns.iter().zip(line.split(',')).map(|(c, v)| ((*c).to_owned(), v.to_owned())).collect()
    };
    Ok(lines.map(row).collect())
}

fn number(row: &Row, column: &str) -> Option<f64> {
    row.get(column)?.parse().ok().filter(|v: &f64| v.is_finite())
}

/// Means of neighbours, so that no more points than [`POINTS`] are left.
fn thin(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let run = points.len().div_ceil(POINTS).max(1);
    let mean = |part: &[(f64, f64)]| {
        let n = part.len() as f64;
        let (x, y) = part.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0, y + p.1));
        (x / n, y / n)
    };
    points.chunks(run).map(mean).collect()
}

/// Round numbers that cut a range into about `count` parts.
fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let rough = (high - low) / count as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|&s| s >= rough).unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    (first..).map(|i| i as f64 * step).take_while(|&v| v <= high + 1e-9 * step).take(100).collect()
}

fn panel(svg: &mut String, top: f64, title: &str, curves: &[Curve]) {
    let (x0, x1, y0, y1) = (LEFT, WIDTH - RIGHT, top + HEIGHT - BOTTOM, top + TOP);
    let _ =
        writeln!(svg, "<text x=\"{x0}\" y=\"{}\" font-weight=\"bold\">{}</text>", top + 22.0, escape(title));
    let all = || curves.iter().flat_map(|c| c.points.iter().copied());
    if all().next().is_none() {
        let _ = writeln!(svg, "<text x=\"{x0}\" y=\"{}\">nothing yet</text>", f64::midpoint(y0, y1));
        return;
    }
    let values = || all().map(|p| p.1).chain(curves.iter().filter_map(|c| c.level));
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
    for (i, curve) in curves.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        if let Some(level) = curve.level {
            let at = y(level);
            let _ = writeln!(
                svg,
                "<path d=\"M{x0} {at:.1}H{x1}\" stroke=\"{colour}\" stroke-dasharray=\"5 4\"/>"
            );
        }
        let points: Vec<String> =
            curve.points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
            points.join(" ")
        );
        if let [(px, py)] = curve.points[..] {
            let _ =
                writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>", x(px), y(py));
        }
        let last = curve.points.last().map_or_else(String::new, |p| format!(" {}", plain(p.1)));
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
        let thinned = thin(points);
        assert_eq!(thinned.len(), POINTS);
        assert_eq!(thinned[0], (4.5, 2.0));
    }

    #[test]
    fn draws_what_the_tables_hold() {
        let dir = tempfile::tempdir().unwrap();
        let [log, validation, svg] = ["log.csv", "validation.csv", "curves.svg"].map(|f| dir.path().join(f));
        write(&log, &validation, &svg).unwrap();
        assert_eq!(fs::read_to_string(&svg).unwrap().matches("nothing yet").count(), 2);
        fs::write(&log, "step,loss\n10,0.5\n20,NaN\n30,0.25\n").unwrap();
        fs::write(&validation, "step,set,psnr,flow\n10,a&b,26.5,26.0\n10,clip,30,\n20,a&b,26.75,26.0\n")
            .unwrap();
        write(&log, &validation, &svg).unwrap();
        let text = fs::read_to_string(&svg).unwrap();
        assert_eq!(text.matches("<polyline").count(), 3);
        assert_eq!(text.matches("stroke-dasharray").count(), 1);
        assert!(text.contains("a&amp;b 26.75") && text.contains("loss 0.25"), "{text}");
    }
}
