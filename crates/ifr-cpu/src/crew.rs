//! Threads that do many short steps together, one step after the other.
//!
//! A step is a number of units, any of which may run beside any other; the next step begins when all are done. Asking a
//! thread pool for every step anew costs a wake-up each time, which is as long as many a step. A [`Crew`] enters the pool
//! once for a whole run of steps: one thread *leads*, the pool's others *follow* as they get free.
//!
//! ```text
//! lead      ──share(16)── 0 1 2 3 4 5 6 7 ─ wait ─ share(4) ── 0 1 ─ wait ─ … ─ over
//! follower     wait ───── 8 9 a b c d e f ─ wait ───────────── 2 3 ─ wait ─ … ─ leaves
//! ```
//!
//! *Who does what.* Each thread begins with a share of its own, the same part of every step: what it wrote in one step it reads
//! in the next, out of its own cache. Who is done takes from the end of the others' shares.
//!
//! *Waiting.* A thread that waits looks for some [tens of microseconds](SPIN), giving way to whoever else wants the processor, then
//! sleeps. Followers are never needed: where the pool is busy with something else, the lead does all by itself.
//!
//! *Panics* in a unit end the run: the step's other units are passed over, and the lead panics with the first one's payload.
#![allow(unsafe_code, reason = "followers call a closure that lives on the lead's stack")]

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a thread that waits looks for what it waits for before it sleeps: about what waking it up would take.
const SPIN: Duration = Duration::from_micros(50);
/// Of that, how long it does not offer the processor to others.
const KEEP: Duration = Duration::from_micros(5);

/// What a unit of a step does: its number, and which of the threads (from 0) does it.
type Work<'a> = dyn Fn(usize, usize) + Sync + 'a;

thread_local! {
    /// Whether this thread leads or follows somewhere.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Threads that do steps together, and how they come to an understanding.
pub(crate) struct Crew {
    /// One for each thread; the first is the lead's.
    shares: Box<[Share]>,
    /// What a unit of the step does. Written by the lead, while no unit is to be had or under way; read by whoever has taken a
    /// unit and not yet counted it as done.
    work: UnsafeCell<Option<*const Work<'static>>>,
    /// Units of the step that are not done.
    left: AtomicUsize,
    /// How many steps there were that followers had a share in.
    steps: AtomicUsize,
    /// Whether the run is over, and followers leave.
    over: AtomicBool,
    /// Whether a unit panicked.
    failed: AtomicBool,
    /// What with.
    payload: Mutex<Option<Box<dyn Any + Send>>>,
    /// Followers wait here for the next step, or the end.
    begun: Bell,
    /// The lead waits here for the last unit.
    done: Bell,
}

// SAFETY: all but `work` may be shared by themselves. `work` is written by one thread, the lead (`share` is for the thread that
// `run` gives the crew to; see `Lead`), before it makes units available (release), and read only after a unit was taken
// (acquire). It is written again only after all units were counted as done (release) and the lead has seen that (acquire). What
// it points to may be called from any thread, since it is `Sync`.
unsafe impl Sync for Crew {}
// SAFETY: the pointer in `work` is followed during `share` alone, when the crew is borrowed.
unsafe impl Send for Crew {}

impl Crew {
    /// Up to so many threads, the lead among them.
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            shares: (0..threads.max(1)).map(|_| Share::default()).collect(),
            work: UnsafeCell::new(None),
            left: AtomicUsize::new(0),
            steps: AtomicUsize::new(0),
            over: AtomicBool::new(true),
            failed: AtomicBool::new(false),
            payload: Mutex::new(None),
            begun: Bell::default(),
            done: Bell::default(),
        }
    }

    /// Up to how many threads work on a step.
    pub(crate) fn threads(&self) -> usize {
        self.shares.len()
    }

    /// Calls `lead` on a thread of the pool this is called in, while the others of the pool that are free wait for the steps it
    /// [shares](Lead::share). Allocates nothing.
    pub(crate) fn run<T: Send>(&mut self, lead: impl FnOnce(&Lead<'_>) -> T + Send) -> T {
        *self.over.get_mut() = self.threads() == 1;
        let crew = &*self;
        let lead = || {
            let _busy = Busy::new();
            let _over = Over(crew);
            lead(&Lead { crew, _one_thread: Cell::new(()) })
        };
        match crew.threads() {
            1 => lead(),
            threads => rayon::join(lead, || crew.gather(1..threads)).0,
        }
    }

    /// Follows in these places: in one, and offers the others to the pool.
    fn gather(&self, places: Range<usize>) {
        // Without this, a thread that meets this job while it waits for something else of the pool, in the middle of a run, would
        // wait for itself. Nothing in a run does that as it is.
        if BUSY.get() || self.over.load(Ordering::SeqCst) {
            return;
        }
        if places.len() == 1 {
            return self.follow(places.start);
        }
        let middle = places.start + places.len() / 2;
        rayon::join(|| self.gather(places.start..middle), || self.gather(middle..places.end));
    }

    /// Where each thread's share of a step ends: what is done of all before that is at most as much as there is for each. What
    /// this leaves to the last thread the others take from it.
    fn divide(&self, units: usize, cost: &dyn Fn(usize) -> usize) {
        let total: usize = (0..units).map(cost).sum();
        let (mut end, mut before) = (0, 0);
        for (i, share) in self.shares.iter().enumerate() {
            let most = total * (i + 1) / self.threads();
            while end < units && before + cost(end) <= most {
                before += cost(end);
                end += 1;
            }
            share.end.store(end as u32, Ordering::Relaxed);
        }
    }

    /// Does units of every step until the run is over.
    fn follow(&self, place: usize) {
        let _busy = Busy::new();
        let over = || self.over.load(Ordering::SeqCst);
        while !over() {
            let seen = self.steps.load(Ordering::SeqCst);
            self.take_part(place);
            self.begun.wait(|| over() || self.steps.load(Ordering::SeqCst) != seen);
        }
    }

    /// Does units of the step that is under way as long as there are any.
    fn take_part(&self, place: usize) {
        while let Some(unit) = self.take(place) {
            if !self.failed.load(Ordering::Relaxed) {
                // SAFETY: this thread has a unit that is not done, so that the lead is in `share`: it has written this pointer before
                // the unit was to be had, writes no other, and keeps what it points to alive, until `left` says that all are done.
                let work = unsafe { (*self.work.get()).map(|work| &*work) };
                let unit = || work.map(|work| work(unit, place));
                if let Err(payload) = catch_unwind(AssertUnwindSafe(unit)) {
                    lock(&self.payload).get_or_insert(payload);
                    self.failed.store(true, Ordering::Relaxed);
                }
            }
            // From here on the step may be over. (The crew is there: the lead waits for followers before it leaves `run`.)
            if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
                self.done.ring();
            }
        }
    }

    /// A unit nobody else has: the next of one's own share, or else the last of another's.
    fn take(&self, place: usize) -> Option<usize> {
        let others = (place + 1..self.threads()).chain(0..place);
        self.shares[place].first().or_else(|| others.into_iter().find_map(|i| self.shares[i].last()))
    }
}

/// The thread that leads a run.
pub(crate) struct Lead<'a> {
    crew: &'a Crew,
    /// Steps follow one another: this stays on one thread (and so is no `Sync`).
    _one_thread: Cell<()>,
}

impl Lead<'_> {
    /// Calls `work` for each of so many units once, with the number of the thread that does it, which is less than
    /// [`Crew::threads`]; no two threads have the same. Returns when all are done. `cost` says how long each will take, beside
    /// the others.
    ///
    /// # Panics
    /// When a unit does; or when this is called by a unit.
    pub(crate) fn share(&self, units: usize, cost: &dyn Fn(usize) -> usize, work: &Work<'_>) {
        let crew = self.crew;
        if units <= 1 || crew.threads() == 1 {
            return (0..units).for_each(|unit| work(unit, 0));
        }
        assert!(u32::try_from(units).is_ok(), "fewer units than 4 billion");
        assert_eq!(crew.left.load(Ordering::SeqCst), 0, "a unit shares out no others");
        crew.divide(units, cost);
        let work: *const Work<'_> = work;
        // SAFETY: nobody has a unit, so nobody reads this meanwhile. The pointer's lifetime is forgotten: whoever follows it has
        // taken a unit of this step and not counted it as done yet, and this function does not return before all are, nor
        // unwinds (a unit's panic is caught; nothing else here panics).
        unsafe {
            *crew.work.get() = Some(std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work));
        }
        crew.failed.store(false, Ordering::Relaxed);
        crew.left.store(units, Ordering::SeqCst);
        let mut start = 0;
        for share in &crew.shares {
            let end = share.end.load(Ordering::Relaxed);
            share.fill(start, end);
            start = end;
        }
        crew.steps.fetch_add(1, Ordering::SeqCst);
        crew.begun.ring();
        crew.take_part(0);
        crew.done.wait(|| crew.left.load(Ordering::SeqCst) == 0);
        if crew.failed.load(Ordering::Relaxed)
            && let Some(payload) = lock(&crew.payload).take()
        {
            resume_unwind(payload);
        }
    }
}

/// Ends a run, however.
struct Over<'a>(&'a Crew);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
        self.0.begun.ring();
    }
}

/// Says that this thread leads or follows, as long as it does.
struct Busy(bool);

impl Busy {
    fn new() -> Self {
        Self(BUSY.replace(true))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.set(self.0);
    }
}

/// A thread's share of a step, in a cache line of its own (and the one that processors fetch with it).
#[derive(Default)]
#[repr(align(128))]
struct Share {
    /// Units that are to be had: the first, and the one after the last.
    left: AtomicU64,
    /// The unit after the last there will be. The lead's alone.
    end: AtomicU32,
}

/// Two numbers in one.
fn pack(units: Range<u32>) -> u64 {
    u64::from(units.start) << 32 | u64::from(units.end)
}

impl Share {
    /// For the lead, when there are none. Who takes one has seen all that the lead did before.
    fn fill(&self, start: u32, end: u32) {
        self.left.store(pack(start..end), Ordering::Release);
    }

    fn first(&self) -> Option<usize> {
        self.take(|units| (units.start, units.start + 1..units.end))
    }

    fn last(&self) -> Option<usize> {
        self.take(|units| (units.end - 1, units.start..units.end - 1))
    }

    /// That the number read may be of an earlier step when it is exchanged does no harm: then the same units are there again, and
    /// one of them is taken.
    fn take(&self, one: impl Fn(Range<u32>) -> (u32, Range<u32>)) -> Option<usize> {
        let mut taken = None;
        let rest = |both: u64| {
            let units = (both >> 32) as u32..both as u32;
            (!units.is_empty()).then(|| {
                let (unit, rest) = one(units);
                taken = Some(unit as usize);
                pack(rest)
            })
        };
        self.left.fetch_update(Ordering::AcqRel, Ordering::Relaxed, rest).ok().and(taken)
    }
}

/// Where threads wait for something that another one makes true.
#[derive(Default)]
struct Bell {
    asleep: AtomicUsize,
    lock: Mutex<()>,
    rung: Condvar,
}

impl Bell {
    /// Returns once `ready` says so; whoever makes that true [rings](Bell::ring) afterwards. Both are sequentially consistent.
    fn wait(&self, ready: impl Fn() -> bool) {
        if ready() {
            return;
        }
        let start = Instant::now();
        loop {
            (0..16).for_each(|_| std::hint::spin_loop());
            if ready() {
                return;
            }
            match start.elapsed() {
                waited if waited > SPIN => break,
                waited if waited > KEEP => std::thread::yield_now(),
                _ => {}
            }
        }
        // Either this thread sees below that it need not sleep, or who rings sees that somebody sleeps, and waits for the lock: until
        // that thread is where it can be woken.
        let mut guard = lock(&self.lock);
        self.asleep.fetch_add(1, Ordering::SeqCst);
        while !ready() {
            guard = self.rung.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.asleep.fetch_sub(1, Ordering::SeqCst);
    }

    /// Wakes all that wait.
    fn ring(&self) {
        if self.asleep.load(Ordering::SeqCst) > 0 {
            drop(lock(&self.lock));
            self.rung.notify_all();
        }
    }
}

/// Nothing that is locked here is ever left half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
