use std::fmt::Write;

use crate::Report;

/// Reports as a table for a terminal, a line each, with a line of PSNR for each t under sets that have several.
pub fn table(reports: &[Report]) -> String {
    let wide = |head: &str, text: fn(&Report) -> &str| {
        reports.iter().map(|r| text(r).chars().count()).fold(head.len(), usize::max)
    };
    let (set, method) = (wide("set", |r| &r.set), wide("method", |r| &r.method));
    let lpips = reports.iter().any(|r| r.rows.iter().any(|row| row.lpips.is_some()));
    let mut out = format!(
        "{:<set$}  {:<method$}  {:>6}  {:>7}  {:>7}  {:>6}",
        "set", "method", "images", "PSNR", "SSIM", "IE"
    );
    if lpips {
        out += &format!("  {:>7}", "LPIPS");
    }
    out += &format!("  {:>9}\n", "s/image");
    for report in reports {
        let _ = write!(out, "{:<set$}  {:<method$}  ", report.set, report.method);
        let Some(s) = report.summary() else {
            out += "no frame was measured\n";
            continue;
        };
        let _ = write!(out, "{:>6}  {:>7.2}  {:>7.4}  {:>6.2}", s.images, s.psnr, s.ssim, s.ie);
        if lpips {
            let _ = write!(out, "  {:>7}", s.lpips.map_or_else(|| "-".to_owned(), |v| format!("{v:.4}")));
        }
        let _ = writeln!(out, "  {:>9}", s.seconds.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}")));
        let shown: Vec<String> =
            s.times.iter().take(16).map(|at| format!("{:.2} dB at {}", at.psnr, at.t)).collect();
        if !shown.is_empty() {
            let more = if s.times.len() > shown.len() { ", …" } else { "" };
            let _ = writeln!(out, "{:<set$}  {}{more}", "", shown.join(", "));
        }
    }
    out
}
