use std::fmt::Write;

use crate::Report;

/// Reports as CSV (RFC 4180), one line a frame: set, method, convention, case, t, psnr, ssim, ie, lpips, seconds. Fields without
/// a value are empty.
pub fn csv(reports: &[Report]) -> String {
    let mut out = String::from("set,method,convention,case,t,psnr,ssim,ie,lpips,seconds\r\n");
    for report in reports {
        let (set, method) = (field(&report.set), field(&report.method));
        for row in &report.rows {
            let maybe = |v: Option<f64>| v.map(|v| format!("{v:.6}")).unwrap_or_default();
            let _ = write!(
                out,
                "{set},{method},{},{},{},{:.6},{:.6},{:.6},{},{}\r\n",
                report.convention,
                field(&row.case),
                row.t,
                row.psnr,
                row.ssim,
                row.ie,
                maybe(row.lpips),
                maybe(row.seconds),
            );
        }
    }
    out
}

/// A field, quoted where it must be.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted() {
        assert_eq!(field("a b"), "a b");
        assert_eq!(field("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
