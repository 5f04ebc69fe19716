//! What is waited for, and for how long, with functions in place of NCCL's: communicators are made up and no GPU is needed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use super::*;
use crate::parallel::star::tests::together;

/// A communicator that says of itself what was put there.
struct Made {
    /// What it answers when asked how far it is; from 100, that it is in progress for as many questions more, and then done.
    state: AtomicI32,
}

static ABORTED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn get_unique_id(_: *mut ncclUniqueId) -> Status {
    0
}

/// Made in the state that the identifier's byte for the rank says.
unsafe extern "C" fn init(
    comm: *mut ncclComm_t,
    _: c_int,
    id: ncclUniqueId,
    rank: c_int,
    config: *mut Config,
) -> Status {
    let made = Box::leak(Box::new(Made { state: AtomicI32::new(c_int::from(id.internal[rank as usize])) }));
    // SAFETY: both pointers come from `Comm::join`.
    unsafe {
        assert_eq!(((*config).size, (*config).magic, (*config).blocking), (24, 0xcafe_beef, 0));
        *comm = std::ptr::from_ref(made).cast_mut().cast();
    }
    IN_PROGRESS
}

unsafe extern "C" fn state(comm: ncclComm_t, state: *mut Status) -> Status {
    // SAFETY: `init` made it, and it is never freed; `state` is writable.
    unsafe {
        let made = &*comm.cast::<Made>();
        let now = made.state.load(Ordering::Relaxed);
        *state = now.min(IN_PROGRESS);
        match now {
            // The last of the questions that it is in progress for.
            100 => made.state.store(0, Ordering::Relaxed),
            101.. => made.state.store(now - 1, Ordering::Relaxed),
            _ => {}
        }
    }
    0
}

unsafe extern "C" fn abort(_: ncclComm_t) -> Status {
    ABORTED.fetch_add(1, Ordering::Relaxed);
    0
}

unsafe extern "C" fn all_reduce(
    _: *const c_void,
    _: *mut c_void,
    _: usize,
    _: ncclDataType_t,
    _: ncclRedOp_t,
    _: ncclComm_t,
    _: cudaStream_t,
) -> Status {
    0
}

unsafe extern "C" fn broadcast(
    _: *const c_void,
    _: *mut c_void,
    _: usize,
    _: ncclDataType_t,
    _: c_int,
    _: ncclComm_t,
    _: cudaStream_t,
) -> Status {
    0
}

unsafe extern "C" fn words(status: Status) -> *const c_char {
    (if status == INVALID_USAGE { c"invalid usage" } else { c"remote process exited" }).as_ptr()
}

const API: Api = Api {
    get_unique_id,
    comm_init_rank_config: init,
    comm_get_async_error: state,
    comm_abort: abort,
    all_reduce,
    broadcast,
    get_error_string: words,
};

/// Joins with a communicator of that state on each rank.
fn join(star: &mut Star, states: [i8; 2], limit: Duration) -> Result<Comm, ParallelError> {
    let mut id = ncclUniqueId { internal: [0; 128] };
    id.internal[..2].copy_from_slice(&states.map(|state| state as c_char));
    Comm::join(API, star, id, limit)
}

/// Tests that count what was aborted do so one after another.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn what_ends_ends_the_waiting() {
    let _alone = ONE_AT_A_TIME.lock();
    let before = ABORTED.load(Ordering::Relaxed);
    together(2, |mut star| {
        let mut comm = join(&mut star, [103, 100], LIMIT).unwrap();
        comm.settle(&mut star, "call", 0).unwrap();
        let questions = AtomicUsize::new(0);
        comm.watch(&mut star, "call", |_| Ok(questions.fetch_add(1, Ordering::Relaxed) == 3)).unwrap();
        // Neither leaves while the other still asks.
        star.any(false).unwrap();
    });
    assert_eq!(ABORTED.load(Ordering::Relaxed) - before, 2, "each given up, once, at the end");
}

#[test]
fn a_process_that_ends_is_missed_by_those_who_wait_for_the_device() {
    let _alone = ONE_AT_A_TIME.lock();
    let errors = together(3, |mut star| {
        let mut comm = join(&mut star, [0, 0], LIMIT).unwrap();
        star.any(false).unwrap();
        if star.rank() == 2 {
            return String::new();
        }
        let before = ABORTED.load(Ordering::Relaxed);
        let error = comm.watch(&mut star, "the exchange", |_| Ok(false)).unwrap_err().to_string();
        assert!(comm.raw.is_null() && ABORTED.load(Ordering::Relaxed) > before);
        // Nothing is left to wait for.
        assert!(comm.watch(&mut star, "the exchange", |_| Ok(false)).is_err());
        assert!(star.any(false).is_err());
        error
    });
    assert!(errors[0].starts_with("rank 2 is gone"), "{}", errors[0]);
    assert!(errors[1].starts_with("rank 0 stopped: rank 2 is gone"), "{}", errors[1]);
}

#[test]
fn one_that_ends_while_they_join_is_missed_as_well() {
    let _alone = ONE_AT_A_TIME.lock();
    let errors = together(2, |mut star| {
        if star.rank() == 1 {
            return String::new();
        }
        join(&mut star, [IN_PROGRESS as i8; 2], LIMIT)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    });
    assert!(errors[0].starts_with("rank 1 is gone"), "{}", errors[0]);
}

#[test]
fn who_fails_says_so_to_those_who_wait() {
    let _alone = ONE_AT_A_TIME.lock();
    let errors = together(2, |mut star| {
        let states = [IN_PROGRESS as i8, INVALID_USAGE as i8];
        join(&mut star, states, LIMIT).err().map(|error| error.to_string()).unwrap_or_default()
    });
    let own = "NCCL: ncclCommInitRankConfig: invalid usage (has each process a GPU of its own? NCCL_DEBUG=WARN says more)";
    assert_eq!(errors[1], own);
    assert_eq!(errors[0], format!("rank 1 stopped: {own}"));
}

#[test]
fn who_caused_an_error_of_nccl_is_named() {
    let _alone = ONE_AT_A_TIME.lock();
    let (gone, wait) = channel::<()>();
    let (gone, wait) = (Mutex::new(Some(gone)), Mutex::new(wait));
    let errors = together(2, |mut star| {
        let mut comm = join(&mut star, [0, 0], LIMIT).unwrap();
        star.any(false).unwrap();
        if star.rank() == 1 {
            drop(star);
            drop(gone.lock().unwrap().take());
            return String::new();
        }
        let _ = wait.lock().unwrap().recv();
        // NCCL says so first, though not who.
        let remote = |_: &Comm| Err(ParallelError::Nccl("remote process exited".to_owned()));
        comm.watch(&mut star, "the exchange", remote).unwrap_err().to_string()
    });
    assert!(errors[0].starts_with("rank 1 is gone"), "{}", errors[0]);
}

#[test]
fn nothing_is_waited_for_for_ever() {
    let _alone = ONE_AT_A_TIME.lock();
    let errors = together(2, |mut star| {
        let mut comm = join(&mut star, [0, 0], Duration::ZERO).unwrap();
        star.any(false).unwrap();
        comm.watch(&mut star, "the exchange", |_| Ok(false)).unwrap_err().to_string()
    });
    let hangs = |error: &String| error.contains("the exchange has not ended in 0 s");
    assert!(errors.iter().all(hangs), "{errors:?}");
}

/// Where there is no NCCL there has to be a reason that says what to do; never a panic.
#[test]
fn loads_or_says_why_not() {
    if let Err(reason) = Api::load() {
        assert!(reason.contains(LIBRARY) && reason.contains("LD_LIBRARY_PATH"), "{reason}");
    }
}

#[test]
fn errors_come_in_words() {
    // A machine with NCCL but without a GPU still has its error texts.
    let Ok(api) = Api::load() else { return };
    assert!(api.check("call", 0).is_ok());
    assert!(api.check("call", 4).unwrap_err().to_string().contains("call: "));
}
