use super::say::say;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Makes Ctrl-C (and a termination signal) set the flag returned; a second one ends the process at once.
pub(crate) fn flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let shared = Arc::clone(&flag);
    let handler = move || {
        if shared.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        say!("\nifr: stopping; what is done will be kept (interrupt again to stop at once)");
    };
    // Without a handler Ctrl-C still ends the process; only the partial file then does not play.
    if let Err(e) = ctrlc::set_handler(handler) {
        tracing::warn!("no interrupt handler: {e}");
    }
    flag
}
