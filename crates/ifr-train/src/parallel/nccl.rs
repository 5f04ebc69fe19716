//! Gradients from GPU to GPU by NCCL.
//!
//! Types and the CUDA context are `cudarc`'s. The functions are looked up here, for two reasons: NVIDIA's Python packages (which libtorch
//! brings along) hold the library as `libnccl.so.2` alone, a name that `cudarc` does not try; and it panics where it finds none,
//! while here TCP remains.
//!
//! Everything is put on the stream that libtorch computes on unless told otherwise, the device's default stream (a null pointer), so it
//! comes after the backward pass and before the optimiser's step without waiting for either.
//!
//! NCCL itself waits for ever for a process that is gone. So its communicator is one that does not block, and whoever waits for it
//! asks in turn how far it is and, by TCP, whether all processes are still there; when one is not, what is under way is broken off.
#![allow(unsafe_code)] // calls into NCCL, on libtorch's memory

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::fmt;
use std::ptr::null_mut;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use cudarc::driver::{CudaContext, CudaEvent, DriverError};
use cudarc::nccl::sys::{cudaStream_t, ncclComm_t, ncclDataType_t, ncclRedOp_t, ncclUniqueId};
use libloading::Library;
use tch::{Device, Tensor};

use super::ParallelError;
use super::star::Star;

const LIBRARY: &str = "libnccl.so.2";

/// How long an exchange may take once all processes are there: it computes nothing but what is left of a step.
const LIMIT: Duration = Duration::from_secs(600);
/// How long the device is left alone between two questions. Steps take a thousand times as long.
const PAUSE: Duration = Duration::from_micros(50);
/// How often the other processes are looked after meanwhile.
const LOOK: Duration = Duration::from_millis(20);
/// How long after NCCL's own error the process that caused it may take to be missed.
const CAUSE: Duration = Duration::from_secs(1);

/// What every function returns; zero is success. A plain number, as a later version may know more errors than an enumeration here.
type Status = c_int;
const INVALID_USAGE: Status = 5;
const IN_PROGRESS: Status = 7;

/// `ncclConfig_t` as it was when it first had something to set: later versions take its size and version for what they are.
#[repr(C)]
struct Config {
    size: usize,
    magic: c_uint,
    version: c_uint,
    blocking: c_int,
    /// Not read in this version; it fills the structure up.
    cga_cluster_size: c_int,
}

impl Config {
    /// Of a communicator that never blocks.
    fn new() -> Self {
        let size = size_of::<Self>();
        Self { size, magic: 0xcafe_beef, version: 21_400, blocking: 0, cga_cluster_size: c_int::MIN }
    }
}

type GetUniqueId = unsafe extern "C" fn(*mut ncclUniqueId) -> Status;
type CommInitRankConfig =
    unsafe extern "C" fn(*mut ncclComm_t, c_int, ncclUniqueId, c_int, *mut Config) -> Status;
type CommGetAsyncError = unsafe extern "C" fn(ncclComm_t, *mut Status) -> Status;
type CommAbort = unsafe extern "C" fn(ncclComm_t) -> Status;
type AllReduce = unsafe extern "C" fn(
    *const c_void,
    *mut c_void,
    usize,
    ncclDataType_t,
    ncclRedOp_t,
    ncclComm_t,
    cudaStream_t,
) -> Status;
type Broadcast = unsafe extern "C" fn(
    *const c_void,
    *mut c_void,
    usize,
    ncclDataType_t,
    c_int,
    ncclComm_t,
    cudaStream_t,
) -> Status;
type GetErrorString = unsafe extern "C" fn(Status) -> *const c_char;

/// NCCL's functions, as far as they are needed.
#[derive(Clone, Copy)]
pub(super) struct Api {
    get_unique_id: GetUniqueId,
    comm_init_rank_config: CommInitRankConfig,
    comm_get_async_error: CommGetAsyncError,
    comm_abort: CommAbort,
    all_reduce: AllReduce,
    broadcast: Broadcast,
    get_error_string: GetErrorString,
}

impl Api {
    /// Loads the library; why not, where there is none.
    pub(super) fn load() -> Result<Self, String> {
        let missing = |error: libloading::Error| {
            let reason =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            format!(
                "NCCL does not load ({reason}); put the folder of {LIBRARY} (2.14 or later) on LD_LIBRARY_PATH"
            )
        };
        // SAFETY: NCCL's initialisers have no preconditions.
        let library = unsafe { Library::new(LIBRARY) }.map_err(missing)?;
        // SAFETY: names and signatures are those of nccl.h, unchanged throughout version 2 since they exist (the library's name holds
        // the version), but for the configuration, which says itself how long it is; the library is never unloaded.
        let api = unsafe {
            Self {
                get_unique_id: *library.get::<GetUniqueId>(b"ncclGetUniqueId\0").map_err(missing)?,
                comm_init_rank_config: *library
                    .get::<CommInitRankConfig>(b"ncclCommInitRankConfig\0")
                    .map_err(missing)?,
                comm_get_async_error: *library
                    .get::<CommGetAsyncError>(b"ncclCommGetAsyncError\0")
                    .map_err(missing)?,
                comm_abort: *library.get::<CommAbort>(b"ncclCommAbort\0").map_err(missing)?,
                all_reduce: *library.get::<AllReduce>(b"ncclAllReduce\0").map_err(missing)?,
                broadcast: *library.get::<Broadcast>(b"ncclBroadcast\0").map_err(missing)?,
                get_error_string: *library.get::<GetErrorString>(b"ncclGetErrorString\0").map_err(missing)?,
            }
        };
        // Threads of its own may run in it for as long as the process does.
        std::mem::forget(library);
        Ok(api)
    }

    fn check(&self, call: &str, status: Status) -> Result<(), ParallelError> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: takes any number and returns a string of static lifetime.
        let words = unsafe { CStr::from_ptr((self.get_error_string)(status)) };
        let hint = if status == INVALID_USAGE { "has each process a GPU of its own? " } else { "" };
        let words = words.to_string_lossy();
        Err(ParallelError::Nccl(format!("{call}: {words} ({hint}NCCL_DEBUG=WARN says more)")))
    }
}

/// NCCL's communicator. Stays on the thread that made it.
struct Comm {
    api: Api,
    /// Null once it is given up.
    raw: ncclComm_t,
    limit: Duration,
}

impl Comm {
    /// Joins the others of `star`, all of which have to come here with rank 0's identifier; the device is this thread's current one.
    fn join(api: Api, star: &mut Star, id: ncclUniqueId, limit: Duration) -> Result<Self, ParallelError> {
        let number = |value: usize| {
            c_int::try_from(value).map_err(|_| ParallelError::Nccl(format!("{value} processes are too many")))
        };
        let (size, rank) = (number(star.size())?, number(star.rank())?);
        let (mut raw, mut config) = (null_mut(), Config::new());
        // SAFETY: `raw` and `config` are writable, the identifier is rank 0's, and the rank is below the size.
        let status = unsafe { (api.comm_init_rank_config)(&raw mut raw, size, id, rank, &raw mut config) };
        let mut comm = Self { api, raw, limit };
        comm.settle(star, "ncclCommInitRankConfig", status)?;
        Ok(comm)
    }

    /// Waits until NCCL has done what a call asked for, as far as that is the host's work: until then no other call is allowed, and
    /// nothing may be put on the stream that is to come after it.
    fn settle(&mut self, star: &mut Star, call: &str, status: Status) -> Result<(), ParallelError> {
        if status == IN_PROGRESS {
            return self.watch(star, call, |comm| comm.is_idle(call));
        }
        self.api.check(call, status).map_err(|error| self.give_up(star, error))
    }

    /// Whether NCCL has nothing left to do on the host; its error, where there is one, or another process's that it was told of.
    fn is_idle(&self, call: &str) -> Result<bool, ParallelError> {
        let mut state = 0;
        // SAFETY: the communicator has not been given up: `watch` returns as soon as it is. `state` is writable.
        self.api.check(call, unsafe { (self.api.comm_get_async_error)(self.raw, &raw mut state) })?;
        if state == IN_PROGRESS {
            return Ok(false);
        }
        self.api.check(call, state).map(|()| true)
    }

    /// Waits until `done`, for as long as NCCL reports no error, all processes are there and the limit is not reached. After an error
    /// the others are told and the communicator is given up, so that the device does not wait any more, either.
    fn watch(
        &mut self,
        star: &mut Star,
        what: &str,
        done: impl Fn(&Self) -> Result<bool, ParallelError>,
    ) -> Result<(), ParallelError> {
        if self.raw.is_null() {
            return Err(ParallelError::Nccl("it was given up after an error".to_owned()));
        }
        let start = Instant::now();
        let mut look = start + LOOK;
        loop {
            match done(self) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => return Err(self.give_up(star, error)),
            }
            let now = Instant::now();
            if now >= look {
                look = now + LOOK;
                if let Err(error) = star.check().and_then(|()| self.is_idle(what).map(|_| ())) {
                    return Err(self.give_up(star, error));
                }
            }
            if now.duration_since(start) >= self.limit {
                let seconds = self.limit.as_secs();
                let error = format!("{what} has not ended in {seconds} s, although all processes are there");
                return Err(self.give_up(star, ParallelError::Nccl(error)));
            }
            sleep(PAUSE);
        }
    }

    /// After an error: tells the others, frees the device of what it waits for, and returns the error that was there first.
    fn give_up(&mut self, star: &mut Star, error: ParallelError) -> ParallelError {
        // NCCL may notice earlier than the system that a process is gone, but does not say which.
        let deadline = Instant::now() + CAUSE;
        let mut error = error;
        while matches!(error, ParallelError::Nccl(_)) && star.size() > 1 && Instant::now() < deadline {
            match star.check() {
                Ok(()) => sleep(LOOK),
                Err(cause) => error = cause,
            }
        }
        star.fail(&error.to_string());
        self.abort();
        error
    }

    fn abort(&mut self) {
        let raw = std::mem::replace(&mut self.raw, null_mut());
        if !raw.is_null() {
            // SAFETY: made by ncclCommInitRankConfig and given up once. Abort rather than destroy: it does not wait for processes that
            // are gone, and ends what waits for them on the device.
            let _ = unsafe { (self.api.comm_abort)(raw) };
        }
    }
}

impl Drop for Comm {
    fn drop(&mut self) {
        self.abort();
    }
}

/// The processes of a training as NCCL knows them.
pub(super) struct Nccl {
    comm: Comm,
    /// The last exchange on the device.
    event: CudaEvent,
    /// Whether there is one that nobody has waited for.
    pending: bool,
    /// The device's primary context, the one that libtorch uses, too.
    context: Arc<CudaContext>,
    device: usize,
}

impl fmt::Debug for Nccl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nccl").field("device", &self.device).finish_non_exhaustive()
    }
}

impl Nccl {
    /// Brings the processes of `star` together, this one with CUDA device `device`. All of them have to come here.
    pub(super) fn new(api: Api, star: &mut Star, device: usize) -> Result<Self, ParallelError> {
        let made = Self::prepare(api, star.rank() == 0, device);
        // Nobody waits in there for one that does not come.
        if let (true, Ok(_)) = (star.any(made.is_err())?, &made) {
            let reason = "another process cannot use its GPU; see its output".to_owned();
            return Err(ParallelError::Nccl(reason));
        }
        let (context, event, mut id) = made?;
        let mut bytes: [u8; 128] = std::array::from_fn(|i| id.internal[i] as u8);
        star.broadcast_bytes(&mut bytes)?;
        id.internal = bytes.map(|byte| byte as c_char);
        Ok(Self { comm: Comm::join(api, star, id, LIMIT)?, event, pending: false, context, device })
    }

    /// What a process needs of its own: the device, which becomes the current one, and on rank 0 an identifier.
    fn prepare(
        api: Api,
        first: bool,
        device: usize,
    ) -> Result<(Arc<CudaContext>, CudaEvent, ncclUniqueId), ParallelError> {
        // SAFETY: tries to load the driver's library, which has no preconditions; without it the next call would panic.
        if !unsafe { cudarc::driver::sys::is_culib_present() } {
            return Err(ParallelError::Nccl("the driver's library, libcuda.so.1, does not load".to_owned()));
        }
        let context = CudaContext::new(device).map_err(|error| cuda(device, error))?;
        let event = context.new_event(None).map_err(|error| cuda(device, error))?;
        let mut id = ncclUniqueId { internal: [0; 128] };
        if first {
            // SAFETY: `id` is writable and of the size that nccl.h says.
            api.check("ncclGetUniqueId", unsafe { (api.get_unique_id)(&raw mut id) })?;
        }
        Ok((context, event, id))
    }

    /// Puts the mean over all processes, in place, on the device's stream.
    pub(super) fn average(&mut self, star: &mut Star, tensor: &mut Tensor) -> Result<(), ParallelError> {
        let (pointer, length) = self.memory(tensor).inspect_err(|error| star.fail(&error.to_string()))?;
        let (kind, mean) = (ncclDataType_t::ncclFloat32, ncclRedOp_t::ncclAvg);
        self.exchange(star, "ncclAllReduce", |api, comm| {
            // SAFETY: `memory` has checked that `length` values of f32 lie there, on the communicator's device; in place is allowed. The
            // memory was last written on the default stream and libtorch gives it to nobody else before what is queued there now is
            // done.
            unsafe { (api.all_reduce)(pointer, pointer, length, kind, mean, comm, null_mut()) }
        })
    }

    /// Puts rank 0's values, in place, on the device's stream.
    pub(super) fn broadcast(&mut self, star: &mut Star, tensor: &mut Tensor) -> Result<(), ParallelError> {
        let (pointer, length) = self.memory(tensor).inspect_err(|error| star.fail(&error.to_string()))?;
        self.exchange(star, "ncclBroadcast", |api, comm| {
            // SAFETY: as in `average`; rank 0 is the root.
            unsafe {
                (api.broadcast)(pointer, pointer, length, ncclDataType_t::ncclFloat32, 0, comm, null_mut())
            }
        })
    }

    fn exchange(
        &mut self,
        star: &mut Star,
        call: &str,
        go: impl FnOnce(&Api, ncclComm_t) -> Status,
    ) -> Result<(), ParallelError> {
        if self.comm.raw.is_null() {
            return Err(ParallelError::Nccl("it was given up after an error".to_owned()));
        }
        let status = go(&self.comm.api, self.comm.raw);
        self.comm.settle(star, call, status)?;
        let recorded = self.event.record(&self.context.default_stream());
        self.pending = true;
        recorded.map_err(|error| self.comm.give_up(star, cuda(self.device, error)))
    }

    /// Waits until the device has done all exchanges, and all that was put on its stream before.
    pub(super) fn settle(&mut self, star: &mut Star) -> Result<(), ParallelError> {
        if !std::mem::take(&mut self.pending) {
            return Ok(());
        }
        let (event, device) = (&self.event, self.device);
        self.comm.watch(star, "the exchange of gradients", |_| {
            event.try_is_complete().map_err(|error| cuda(device, error))
        })
    }

    /// Ends what is under way, when the others are known to be gone or told.
    pub(super) fn abort(&mut self) {
        self.comm.abort();
    }

    /// Where the values of a tensor are, and how many; makes its device the current one. That they are `f32` and contiguous is the
    /// caller's to check.
    fn memory(&self, tensor: &mut Tensor) -> Result<(*mut c_void, usize), ParallelError> {
        if tensor.device() != Device::Cuda(self.device) {
            let found = format!("on {:?} (process with CUDA device {})", tensor.device(), self.device);
            return Err(ParallelError::Tensor { found, expected: "on the process's own device" });
        }
        self.context.bind_to_thread().map_err(|error| cuda(self.device, error))?;
        Ok((tensor.data_ptr(), tensor.numel()))
    }
}

/// CUDA's error, with the device.
fn cuda(device: usize, error: DriverError) -> ParallelError {
    ParallelError::Nccl(format!("CUDA device {device}: {error}"))
}

#[cfg(test)]
mod tests;
