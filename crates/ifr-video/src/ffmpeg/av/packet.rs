use std::fmt;
use std::ptr::NonNull;
use std::slice;

use super::{AvError, NO_PTS, Params, Rational, SideData, ffi};

/// Flags that say something of the coded bytes; the others are FFmpeg's own business, and some speak of how memory is laid out.
const STORED_FLAGS: i32 = (ffi::AV_PKT_FLAG_KEY
    | ffi::AV_PKT_FLAG_CORRUPT
    | ffi::AV_PKT_FLAG_DISCARD
    | ffi::AV_PKT_FLAG_DISPOSABLE) as i32;

/// A coded packet.
pub struct Packet(NonNull<ffi::AVPacket>);

// SAFETY: a packet is memory with atomically counted buffers; nothing in it is tied to a thread.
unsafe impl Send for Packet {}

impl Packet {
    pub fn new() -> Result<Self, AvError> {
        // SAFETY: returns null or an empty packet.
        NonNull::new(unsafe { ffi::av_packet_alloc() }).map(Self).ok_or(AvError::NO_MEMORY)
    }

    fn get(&self) -> &ffi::AVPacket {
        // SAFETY: valid as long as `self`.
        unsafe { self.0.as_ref() }
    }

    fn get_mut(&mut self) -> &mut ffi::AVPacket {
        // SAFETY: valid as long as `self`, which is borrowed exclusively.
        unsafe { self.0.as_mut() }
    }

    pub fn stream(&self) -> usize {
        usize::try_from(self.get().stream_index).unwrap_or(usize::MAX)
    }

    pub fn set_stream(&mut self, index: usize) {
        self.get_mut().stream_index = i32::try_from(index).unwrap_or(i32::MAX);
    }

    pub fn pts(&self) -> Option<i64> {
        Some(self.get().pts).filter(|&t| t != NO_PTS)
    }

    pub fn dts(&self) -> Option<i64> {
        Some(self.get().dts).filter(|&t| t != NO_PTS)
    }

    pub fn duration(&self) -> i64 {
        self.get().duration
    }

    pub fn set_times(&mut self, pts: Option<i64>, dts: Option<i64>, duration: i64) {
        let packet = self.get_mut();
        packet.pts = pts.unwrap_or(NO_PTS);
        packet.dts = dts.unwrap_or(NO_PTS);
        packet.duration = duration;
    }

    /// The coded bytes.
    pub fn data(&self) -> &[u8] {
        let data = self.get().data;
        if data.is_null() {
            return &[];
        }
        // SAFETY: a packet holds `size` bytes.
        unsafe { slice::from_raw_parts(data, self.size()) }
    }

    /// A packet of other bytes with the same stream and times.
    pub fn with_data(&self, bytes: &[u8]) -> Result<Self, AvError> {
        let packet = Self::new()?;
        let size = i32::try_from(bytes.len()).map_err(|_| AvError::INVALID_ARGUMENT)?;
        // SAFETY: the new packet gets room for `size` bytes; then times and flags are copied.
        unsafe {
            AvError::check(ffi::av_new_packet(packet.0.as_ptr(), size))?;
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), packet.get().data, bytes.len());
            AvError::check(ffi::av_packet_copy_props(packet.0.as_ptr(), self.0.as_ptr()))?;
        }
        Ok(packet)
    }

    /// A packet of these bytes; its stream and times are to be set. Only flags that a file may hold are taken over.
    pub fn of(bytes: &[u8], flags: i32, side_data: &[SideData]) -> Result<Self, AvError> {
        let packet = Self::new()?;
        let size = i32::try_from(bytes.len()).map_err(|_| AvError::INVALID_ARGUMENT)?;
        // SAFETY: the new packet gets room for `size` bytes, and for as many of each kind of side data.
        unsafe {
            AvError::check(ffi::av_new_packet(packet.0.as_ptr(), size))?;
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), packet.get().data, bytes.len());
            (*packet.0.as_ptr()).flags = flags & STORED_FLAGS;
            for data in side_data {
                let kind = ffi::AVPacketSideDataType(data.kind as _);
                let room = ffi::av_packet_new_side_data(packet.0.as_ptr(), kind, data.bytes.len() as _);
                if room.is_null() {
                    return Err(AvError::NO_MEMORY);
                }
                std::ptr::copy_nonoverlapping(data.bytes.as_ptr(), room, data.bytes.len());
            }
        }
        Ok(packet)
    }

    /// FFmpeg's flags: key frame, discardable, …
    pub fn flags(&self) -> i32 {
        self.get().flags
    }

    /// Whether decoding may begin with it.
    pub fn is_key(&self) -> bool {
        self.flags() & ffi::AV_PKT_FLAG_KEY as i32 != 0
    }

    pub fn side_data(&self) -> Vec<SideData> {
        let p = self.get();
        let count = usize::try_from(p.side_data_elems).unwrap_or(0);
        if p.side_data.is_null() || count == 0 {
            return Vec::new();
        }
        // SAFETY: the list holds `count` entries, each of `size` bytes.
        unsafe { SideData::copies_of(slice::from_raw_parts(p.side_data, count)) }
    }

    /// Number of bytes.
    pub fn size(&self) -> usize {
        usize::try_from(self.get().size).unwrap_or(0)
    }

    /// Forgets where in its file the packet lay.
    pub fn forget_position(&mut self) {
        self.get_mut().pos = -1;
    }

    /// Counts the times of a packet of sound in `to` instead of `from`, the latter being coarser than a sample: the
    /// packets before it tell which of the samples that fall on the tick is meant. `last` is kept from packet to packet.
    pub fn rescale_sound(&mut self, from: Rational, to: Rational, params: &Params, last: &mut Option<i64>) {
        let (Some(dts), rate) = (self.dts().or(self.pts()), params.sample_rate()) else {
            return self.rescale(from, to);
        };
        let samples = params.samples(self.size());
        if rate <= 0 || samples <= 0 {
            return self.rescale(from, to);
        }
        let mut state = last.unwrap_or(NO_PTS);
        let clock = Rational::new(1, rate);
        // SAFETY: arithmetic on plain values, with a state of our own.
        let dts = unsafe {
            ffi::av_rescale_delta(from.to_c(), dts, clock.to_c(), samples, &raw mut state, to.to_c())
        };
        *last = Some(state);
        let duration = super::rescale(samples.into(), clock, to);
        self.set_times(Some(dts), Some(dts), duration);
    }

    /// Counts the times in `to` instead of `from`, to nearest.
    pub fn rescale(&mut self, from: Rational, to: Rational) {
        // SAFETY: plain arithmetic on the packet's fields.
        unsafe { ffi::av_packet_rescale_ts(self.0.as_ptr(), from.to_c(), to.to_c()) };
    }

    pub(super) fn as_ptr(&self) -> *const ffi::AVPacket {
        self.0.as_ptr()
    }

    pub(super) fn as_mut(&mut self) -> *mut ffi::AVPacket {
        self.0.as_ptr()
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        let mut packet = self.0.as_ptr();
        // SAFETY: owned; the call frees it with its references.
        unsafe { ffi::av_packet_free(&raw mut packet) };
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("stream", &self.stream())
            .field("pts", &self.pts())
            .field("dts", &self.dts())
            .field("duration", &self.duration())
            .field("size", &self.size())
            .finish()
    }
}
