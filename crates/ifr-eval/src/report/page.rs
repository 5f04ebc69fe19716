//! The page's text.

use std::fmt::Write;

use crate::{Kept, Report};

/// The folder of the pictures, beside the page.
pub(crate) const IMAGES: &str = "images";
/// What is shown of each frame.
pub(crate) const PANELS: [&str; 6] = ["first", "second", "output", "truth", "error", "flow"];
const CAPTIONS: [&str; 6] =
    ["input at t = 0", "input at t = 1", "output", "truth", "error, 4 times", "flow from 0 to 1"];

const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#fff;--ink:#1a1a1e;--soft:#6b6b76;--line:#dcdce2;--mark:#0a6cc2}
@media(prefers-color-scheme:dark){:root{--ground:#141417;--ink:#e8e8ec;--soft:#9a9aa6;--line:#33333a;--mark:#7ab8f5}}
body{margin:2rem auto;max-width:96rem;padding:0 1.5rem;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:3rem;border-top:1px solid var(--line);padding-top:1rem}h3{font-size:1rem;color:var(--soft)}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.3rem .9rem;text-align:right;border-bottom:1px solid var(--line)}
th:nth-child(-n+2),td:nth-child(-n+2){text-align:left}th{color:var(--soft);font-weight:500}td.top{color:var(--mark);font-weight:600}
.notice{color:var(--soft)}figure{margin:1rem 0 2rem}figcaption{margin-bottom:.4rem}figcaption span{color:var(--soft)}
.panels{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:.5rem}
.panels a{color:var(--soft);font-size:.85rem;text-decoration:none}.panels img{display:block;width:100%;height:auto}";

/// The name of a picture's file.
pub(crate) fn file(report: usize, end: &str, index: usize, panel: &str) -> String {
    format!("{report}-{end}-{index}-{panel}.png")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The page of all reports.
pub(crate) fn page(reports: &[Report]) -> String {
    let convention = reports.first().map_or("", |r| r.convention.name());
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>ifr eval</title>\n<style>{STYLE}</style></head>\n<body>\n<h1>Frame interpolation, measured</h1>\n\
         <p class=\"notice\">Convention {convention}. PSNR in dB and SSIM: higher is better; IE and LPIPS: lower is better.</p>\n"
    );
    figures(&mut out, reports);
    let mut notices: Vec<&String> = reports.iter().flat_map(|r| &r.notices).collect();
    notices.dedup();
    for notice in notices {
        let _ = writeln!(out, "<p class=\"notice\">{}</p>", escaped(notice));
    }
    times(&mut out, reports);
    for (r, report) in reports.iter().enumerate() {
        let ends = [("worst", &report.gallery.worst), ("best", &report.gallery.best)];
        if ends.iter().all(|(_, list)| list.is_empty()) {
            continue;
        }
        let _ = writeln!(out, "<h2>{}: {}</h2>", escaped(&report.set), escaped(&report.method));
        for (end, list) in ends {
            if !list.is_empty() {
                let _ = writeln!(out, "<h3>The {end} by PSNR</h3>");
            }
            for (k, kept) in list.iter().enumerate() {
                frame(&mut out, kept, |panel| file(r, end, k, panel));
            }
        }
    }
    out + "</body></html>\n"
}

/// The table; the best figure of each set stands out.
fn figures(out: &mut String, reports: &[Report]) {
    let lpips = reports.iter().any(|r| r.rows.iter().any(|row| row.lpips.is_some()));
    let head = if lpips { "<th>LPIPS</th>" } else { "" };
    let _ = writeln!(
        out,
        "<table><tr><th>set</th><th>method</th><th>images</th><th>PSNR</th><th>SSIM</th><th>IE</th>{head}<th>s/image</th></tr>"
    );
    for report in reports {
        let Some(s) = report.summary() else { continue };
        let peers = || reports.iter().filter(|r| r.set == report.set).filter_map(Report::summary);
        let several = peers().count() > 1;
        let cell = |text: String, top: bool| {
            let class = if top && several { " class=\"top\"" } else { "" };
            format!("<td{class}>{text}</td>")
        };
        let _ = write!(out, "<tr><td>{}</td><td>{}</td>", escaped(&report.set), escaped(&report.method));
        let _ = write!(
            out,
            "<td>{}</td>{}{}{}",
            s.images,
            cell(format!("{:.2}", s.psnr), peers().all(|p| p.psnr <= s.psnr)),
            cell(format!("{:.4}", s.ssim), peers().all(|p| p.ssim <= s.ssim)),
            cell(format!("{:.2}", s.ie), peers().all(|p| p.ie >= s.ie)),
        );
        let maybe =
            |v: Option<f64>, digits: usize| v.map_or_else(|| "–".to_owned(), |v| format!("{v:.digits$}"));
        if lpips {
            let _ = write!(out, "<td>{}</td>", maybe(s.lpips, 4));
        }
        let _ = writeln!(out, "<td>{}</td></tr>", maybe(s.seconds, 3));
    }
    *out += "</table>\n";
}

/// PSNR for each t, for sets that have several.
fn times(out: &mut String, reports: &[Report]) {
    for report in reports {
        let Some(summary) = report.summary().filter(|s| !s.times.is_empty()) else { continue };
        let (set, method) = (escaped(&report.set), escaped(&report.method));
        let _ = writeln!(
            out,
            "<h3>{set}: {method}, for each t</h3>\n<table><tr><th>t</th><th>images</th><th>PSNR</th></tr>"
        );
        for at in &summary.times {
            let _ = writeln!(out, "<tr><td>{}</td><td>{}</td><td>{:.2}</td></tr>", at.t, at.images, at.psnr);
        }
        *out += "</table>\n";
    }
}

fn frame(out: &mut String, kept: &Kept, file: impl Fn(&str) -> String) {
    let row = &kept.row;
    let _ = write!(
        out,
        "<figure><figcaption>{} <span>at t = {}: {:.2} dB, SSIM {:.4}, IE {:.2}</span></figcaption>\n<div class=\"panels\">",
        escaped(&row.case),
        row.t,
        row.psnr,
        row.ssim,
        row.ie,
    );
    for (panel, caption) in PANELS.into_iter().zip(CAPTIONS) {
        let file = file(panel);
        let _ = write!(
            out,
            "<a href=\"{IMAGES}/{file}\"><img src=\"{IMAGES}/{file}\" alt=\"{caption}\" loading=\"lazy\">{caption}</a>"
        );
    }
    *out += "</div></figure>\n";
}
