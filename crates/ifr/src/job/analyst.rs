//! The thread that looks at frames before anything is made of them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use ifr_video::{Item, StreamPacket};

use crate::job::JobError;
use crate::job::analysis::{Analysed, Analysis};

/// What comes to be known of a source, in order.
pub(super) enum Known {
    /// Frames read so far, and how many of them were left out as repeats.
    Read { read: u64, left_out: u64 },
    /// A frame of which all is known.
    Frame(Analysed),
    /// What is handed on as it is.
    Packet(StreamPacket),
    /// There is no more.
    All,
    /// The source is not as it should be.
    Error(JobError),
    /// The thread has panicked.
    Panic(Box<dyn Any + Send>),
}

/// Whoever listened has gone.
struct Gone;

/// Looks at all items and tells what it finds, until the end, an error, or until nobody listens. Where the reader ended with an error,
/// which `broken` tells, and `whole` says that only what is whole counts, what was held back stays untold.
pub(super) fn analyse(
    mut analysis: Analysis,
    items: &Receiver<Item>,
    to: &SyncSender<Known>,
    broken: &AtomicBool,
    whole: bool,
) {
    let tell = AssertUnwindSafe(|| {
        while let Ok(item) = items.recv() {
            match item {
                Item::Packet(packet) => send(to, Known::Packet(packet))?,
                Item::Frame(frame) => match analysis.push(frame) {
                    Ok(()) => hand_on(&mut analysis, to)?,
                    Err(e) => return send(to, Known::Error(e)),
                },
            }
        }
        if whole && broken.load(Ordering::Relaxed) {
            return Ok(());
        }
        analysis.finish();
        hand_on(&mut analysis, to)?;
        send(to, Known::All)
    });
    if let Err(panic) = catch_unwind(tell) {
        // If nobody listens, nobody is told.
        let _ = send(to, Known::Panic(panic));
    }
}

fn hand_on(analysis: &mut Analysis, to: &SyncSender<Known>) -> Result<(), Gone> {
    send(to, Known::Read { read: analysis.read(), left_out: analysis.left_out() })?;
    while let Some(frame) = analysis.pop() {
        send(to, Known::Frame(frame))?;
    }
    Ok(())
}

fn send(to: &SyncSender<Known>, known: Known) -> Result<(), Gone> {
    to.send(known).map_err(|_| Gone)
}
