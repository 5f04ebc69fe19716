//! Gradients from GPU to GPU by NCCL.
//!
//! Types and the CUDA context are `cudarc`'s. The functions are looked up here, for two reasons: NVIDIA's Python packages (which libtorch
//! brings along) hold the library as `libnccl.so.2` alone, a name that `cudarc` does not try; and it panics where it finds none,
//! while here TCP remains.
//!
//! Everything is put on the stream that libtorch computes on unless told otherwise, the device's default stream (a null pointer), so it
//! comes after the backward pass and before the optimiser's step without waiting for either. libtorch has loaded the same library
//! already, wherever it has CUDA.
#![allow(unsafe_code)] // calls into NCCL, on libtorch's memory

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::ptr::null_mut;
use std::sync::Arc;

use cudarc::driver::CudaContext;
use cudarc::nccl::sys::{cudaStream_t, ncclComm_t, ncclDataType_t, ncclRedOp_t, ncclUniqueId};
use libloading::Library;
use tch::{Device, Tensor};

use super::ParallelError;
use super::star::Star;

const LIBRARY: &str = "libnccl.so.2";

/// What every function returns; zero is success. A plain number, as a later version may know more errors than an enumeration here.
type Status = c_int;
type GetUniqueId = unsafe extern "C" fn(*mut ncclUniqueId) -> Status;
type CommInitRank = unsafe extern "C" fn(*mut ncclComm_t, c_int, ncclUniqueId, c_int) -> Status;
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
pub(super) struct Api {
    get_unique_id: GetUniqueId,
    comm_init_rank: CommInitRank,
    comm_abort: CommAbort,
    all_reduce: AllReduce,
    broadcast: Broadcast,
    get_error_string: GetErrorString,
    /// Last, so that it outlives the functions.
    _library: Library,
}

impl Api {
    /// Loads the library; why not, where there is none.
    pub(super) fn load() -> Result<Self, String> {
        let missing = |error: libloading::Error| {
            let reason =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            format!("NCCL does not load ({reason}); put the folder of {LIBRARY} on LD_LIBRARY_PATH")
        };
        // SAFETY: NCCL's initialisers have no preconditions.
        let library = unsafe { Library::new(LIBRARY) }.map_err(missing)?;
        // SAFETY: names and signatures are those of nccl.h, unchanged throughout version 2 (the library's name holds the version); the
        // functions live as long as the library, which is kept beside them.
        unsafe {
            Ok(Self {
                get_unique_id: *library.get::<GetUniqueId>(b"ncclGetUniqueId\0").map_err(missing)?,
                comm_init_rank: *library.get::<CommInitRank>(b"ncclCommInitRank\0").map_err(missing)?,
                comm_abort: *library.get::<CommAbort>(b"ncclCommAbort\0").map_err(missing)?,
                all_reduce: *library.get::<AllReduce>(b"ncclAllReduce\0").map_err(missing)?,
                broadcast: *library.get::<Broadcast>(b"ncclBroadcast\0").map_err(missing)?,
                get_error_string: *library.get::<GetErrorString>(b"ncclGetErrorString\0").map_err(missing)?,
                _library: library,
            })
        }
    }

    fn check(&self, call: &str, status: Status) -> Result<(), ParallelError> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: takes any number and returns a string of static lifetime.
        let words = unsafe { CStr::from_ptr((self.get_error_string)(status)) };
        Err(ParallelError::Nccl(format!("{call}: {} (NCCL_DEBUG=WARN says more)", words.to_string_lossy())))
    }
}

/// The processes of a training as NCCL knows them. Stays on the thread that made it, as handles of NCCL have to.
pub(super) struct Nccl {
    api: Api,
    comm: ncclComm_t,
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
        // SAFETY: tries to load the driver's library, which has no preconditions; without it the next call would panic.
        if !unsafe { cudarc::driver::sys::is_culib_present() } {
            return Err(ParallelError::Nccl("the driver's library, libcuda.so.1, does not load".to_owned()));
        }
        // NCCL takes the device that is current.
        let context = CudaContext::new(device)
            .map_err(|error| ParallelError::Nccl(format!("CUDA device {device}: {error}")))?;
        let mut id = ncclUniqueId { internal: [0; 128] };
        let made = if star.rank() == 0 {
            // SAFETY: `id` is writable and of the size that nccl.h says.
            api.check("ncclGetUniqueId", unsafe { (api.get_unique_id)(&raw mut id) })
        } else {
            Ok(())
        };
        // Nobody waits in there for a rank 0 that has no identifier.
        if star.any(made.is_err())? {
            return Err(made
                .err()
                .unwrap_or_else(|| ParallelError::Nccl("rank 0 got no identifier from NCCL".to_owned())));
        }
        let mut bytes: [u8; 128] = std::array::from_fn(|i| id.internal[i] as u8);
        star.broadcast_bytes(&mut bytes)?;
        id.internal = bytes.map(|byte| byte as c_char);
        let mut comm = null_mut();
        let number = |value: usize| {
            c_int::try_from(value).map_err(|_| ParallelError::Nccl(format!("{value} processes are too many")))
        };
        let (size, rank) = (number(star.size())?, number(star.rank())?);
        // SAFETY: `comm` is writable, the identifier is rank 0's, the rank is below the size, and this thread's device is current.
        api.check("ncclCommInitRank", unsafe { (api.comm_init_rank)(&raw mut comm, size, id, rank) })?;
        Ok(Self { api, comm, context, device })
    }

    /// The mean over all processes, in place.
    pub(super) fn average(&self, tensor: &mut Tensor) -> Result<(), ParallelError> {
        let (pointer, length) = self.memory(tensor)?;
        // SAFETY: `memory` has checked that `length` values of f32 lie there, on the communicator's device; in place is allowed. The
        // memory was last written on the default stream and libtorch gives it to nobody else before what is queued there now is done.
        let status = unsafe {
            (self.api.all_reduce)(
                pointer,
                pointer,
                length,
                ncclDataType_t::ncclFloat32,
                ncclRedOp_t::ncclAvg,
                self.comm,
                null_mut(),
            )
        };
        self.api.check("ncclAllReduce", status)
    }

    /// Rank 0's values, to all, in place.
    pub(super) fn broadcast(&self, tensor: &mut Tensor) -> Result<(), ParallelError> {
        let (pointer, length) = self.memory(tensor)?;
        // SAFETY: as in `average`; rank 0 is the root.
        let status = unsafe {
            (self.api.broadcast)(
                pointer,
                pointer,
                length,
                ncclDataType_t::ncclFloat32,
                0,
                self.comm,
                null_mut(),
            )
        };
        self.api.check("ncclBroadcast", status)
    }

    /// Where the values of a tensor are, and how many; makes its device the current one. That they are `f32` and contiguous is the
    /// caller's to check.
    fn memory(&self, tensor: &mut Tensor) -> Result<(*mut c_void, usize), ParallelError> {
        if tensor.device() != Device::Cuda(self.device) {
            let found = format!("on {:?} (process with CUDA device {})", tensor.device(), self.device);
            return Err(ParallelError::Tensor { found, expected: "on the process's own device" });
        }
        self.context
            .bind_to_thread()
            .map_err(|error| ParallelError::Nccl(format!("CUDA device {}: {error}", self.device)))?;
        Ok((tensor.data_ptr(), tensor.numel()))
    }
}

impl Drop for Nccl {
    fn drop(&mut self) {
        // SAFETY: made by ncclCommInitRank and given up once. Abort rather than destroy: it does not wait for processes that are gone.
        let _ = unsafe { (self.api.comm_abort)(self.comm) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
