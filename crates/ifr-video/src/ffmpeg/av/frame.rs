use std::ptr::NonNull;
use std::slice;

use ifr_frame::ColorDescription;

use super::codec::{color_of, range_to_c, siting_to_c};
use super::params::layout_name;
use super::{AvError, NO_PTS, PixFmt, Rational, SideData, ffi, owned};

/// Kinds of side data that change from picture to picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Streamed {
    /// Closed captions (ATSC A/53).
    Captions,
    Hdr10Plus,
    DolbyVision,
}

/// A decoded picture or piece of sound.
pub struct AvFrame(NonNull<ffi::AVFrame>);

// SAFETY: a frame is memory with atomically counted buffers; nothing in it is tied to a thread.
unsafe impl Send for AvFrame {}

impl AvFrame {
    pub fn new() -> Result<Self, AvError> {
        // SAFETY: returns null or an empty frame.
        NonNull::new(unsafe { ffi::av_frame_alloc() }).map(Self).ok_or(AvError::NO_MEMORY)
    }

    /// A picture with room for its samples, which are not set.
    pub fn picture(format: PixFmt, width: i32, height: i32) -> Result<Self, AvError> {
        let mut frame = Self::new()?;
        let f = frame.get_mut();
        (f.format, f.width, f.height) = (format.0.0, width, height);
        // SAFETY: format and size are set, as the call asks for.
        AvError::check(unsafe { ffi::av_frame_get_buffer(frame.0.as_ptr(), 0) })?;
        Ok(frame)
    }

    /// Sound of interleaved floats, `channels` a sample.
    pub fn sound(rate: i32, channels: usize, samples: &[f32], pts: i64) -> Result<Self, AvError> {
        let mut frame = Self::new()?;
        let count = samples.len() / channels.max(1);
        let f = frame.get_mut();
        f.format = ffi::AVSampleFormat::FLT.0;
        f.sample_rate = rate;
        f.nb_samples = i32::try_from(count).map_err(|_| AvError::INVALID_ARGUMENT)?;
        f.pts = pts;
        let channel_count = i32::try_from(channels).map_err(|_| AvError::INVALID_ARGUMENT)?;
        // SAFETY: the layout is the frame's own; format, rate, layout and length are set before room is asked for,
        // and the room is for `nb_samples` × `channels` floats.
        unsafe {
            ffi::av_channel_layout_default(&raw mut f.ch_layout, channel_count);
            AvError::check(ffi::av_frame_get_buffer(frame.0.as_ptr(), 0))?;
            let room = (*frame.0.as_ptr()).data[0].cast::<f32>();
            std::ptr::copy_nonoverlapping(samples.as_ptr(), room, count * channels);
        }
        Ok(frame)
    }

    /// Silence of this frame's kind.
    pub fn silence(&self, samples: i32) -> Result<Self, AvError> {
        let mut frame = Self::new()?;
        let like = self.get();
        let f = frame.get_mut();
        (f.format, f.sample_rate, f.nb_samples) = (like.format, like.sample_rate, samples);
        // SAFETY: format, rate, layout and length are set before room is asked for, and the room is as the call that
        // fills it is told.
        unsafe {
            AvError::check(ffi::av_channel_layout_copy(&raw mut f.ch_layout, &raw const like.ch_layout))?;
            AvError::check(ffi::av_frame_get_buffer(frame.0.as_ptr(), 0))?;
            let f = frame.get();
            AvError::check(ffi::av_samples_set_silence(
                f.extended_data,
                0,
                samples,
                f.ch_layout.nb_channels,
                ffi::AVSampleFormat(f.format),
            ))?;
        }
        Ok(frame)
    }

    /// Leaves out the sound after the first samples.
    pub fn shorten(&mut self, samples: i64) {
        let f = self.get_mut();
        f.nb_samples = i32::try_from(samples.max(0)).map_or(f.nb_samples, |n| n.min(f.nb_samples));
    }

    /// The same sound without its first samples; `None` when nothing is left.
    pub fn without_first(&self, samples: i64) -> Result<Option<Self>, AvError> {
        let from = self.get();
        let skipped = i32::try_from(samples).unwrap_or(i32::MAX).max(0);
        let left = from.nb_samples.saturating_sub(skipped);
        if left <= 0 {
            return Ok(None);
        }
        let rest = self.silence(left)?;
        let to = rest.get();
        // SAFETY: both frames hold samples of the same format and layout, and `skipped + left` is what `from` holds.
        unsafe {
            AvError::check(ffi::av_samples_copy(
                to.extended_data,
                from.extended_data,
                0,
                skipped,
                left,
                to.ch_layout.nb_channels,
                ffi::AVSampleFormat(to.format),
            ))?;
        }
        Ok(Some(rest))
    }

    fn get(&self) -> &ffi::AVFrame {
        // SAFETY: valid as long as `self`.
        unsafe { self.0.as_ref() }
    }

    fn get_mut(&mut self) -> &mut ffi::AVFrame {
        // SAFETY: valid as long as `self`, which is borrowed exclusively.
        unsafe { self.0.as_mut() }
    }

    pub fn width(&self) -> usize {
        usize::try_from(self.get().width).unwrap_or(0)
    }

    pub fn height(&self) -> usize {
        usize::try_from(self.get().height).unwrap_or(0)
    }

    pub fn format(&self) -> PixFmt {
        PixFmt(ffi::AVPixelFormat(self.get().format))
    }

    pub fn samples(&self) -> i64 {
        self.get().nb_samples.into()
    }

    pub fn sample_rate(&self) -> i32 {
        self.get().sample_rate
    }

    /// Sample format, rate and layout, as an `abuffer` filter takes them; times count samples.
    pub fn sound_format(&self) -> String {
        let f = self.get();
        // SAFETY: returns null or a static string.
        let format = owned(unsafe { ffi::av_get_sample_fmt_name(ffi::AVSampleFormat(f.format)) });
        let (rate, layout) = (f.sample_rate, layout_name(&f.ch_layout));
        format!("time_base=1/{rate}:sample_rate={rate}:sample_fmt={format}:channel_layout='{layout}'")
    }

    pub fn pts(&self) -> Option<i64> {
        Some(self.get().pts).filter(|&t| t != NO_PTS)
    }

    pub fn set_pts(&mut self, pts: i64) {
        self.get_mut().pts = pts;
    }

    /// The timestamp, or what FFmpeg makes of the decoding timestamps where it is missing.
    pub fn best_pts(&self) -> Option<i64> {
        Some(self.get().best_effort_timestamp).filter(|&t| t != NO_PTS).or_else(|| self.pts())
    }

    /// How long it lasts; 0 when unknown.
    pub fn duration(&self) -> i64 {
        #[cfg(ffmpeg_6_0)]
        return self.get().duration;
        #[cfg(not(ffmpeg_6_0))]
        return self.get().pkt_duration;
    }

    pub fn set_duration(&mut self, duration: i64) {
        #[cfg(ffmpeg_6_0)]
        {
            self.get_mut().duration = duration;
        }
        #[cfg(not(ffmpeg_6_0))]
        {
            self.get_mut().pkt_duration = duration;
        }
    }

    /// Whether the picture is marked as two fields of different instants.
    pub fn is_interlaced(&self) -> bool {
        #[cfg(ffmpeg_6_1)]
        return self.get().flags & ffi::AV_FRAME_FLAG_INTERLACED as i32 != 0;
        #[cfg(not(ffmpeg_6_1))]
        return self.get().interlaced_frame != 0;
    }

    pub fn sample_aspect(&self) -> Rational {
        Rational::from_c(self.get().sample_aspect_ratio)
    }

    pub fn color(&self) -> ColorDescription {
        let f = self.get();
        color_of(f.colorspace, f.color_primaries, f.color_trc, f.color_range, f.chroma_location)
    }

    pub fn set_color(&mut self, color: ColorDescription) {
        let f = self.get_mut();
        f.color_range = range_to_c(color.range);
        f.colorspace = ffi::AVColorSpace(color.matrix.0.into());
        f.color_primaries = ffi::AVColorPrimaries(color.primaries.0.into());
        f.color_trc = ffi::AVColorTransferCharacteristic(color.transfer.0.into());
        f.chroma_location = siting_to_c(color.siting);
    }

    /// Display matrix, HDR metadata and the like, under the numbers that streams have for them.
    pub fn side_data(&self) -> Vec<SideData> {
        let known = [
            (ffi::AVFrameSideDataType::DISPLAYMATRIX, SideData::DISPLAY_MATRIX),
            (ffi::AVFrameSideDataType::MASTERING_DISPLAY_METADATA, SideData::MASTERING),
            (ffi::AVFrameSideDataType::CONTENT_LIGHT_LEVEL, SideData::LIGHT_LEVEL),
        ];
        let mut found = Vec::new();
        for (kind, stream_kind) in known {
            // SAFETY: returns null or side data that lives as long as the frame; its bytes are copied at once.
            unsafe {
                if let Some(data) = ffi::av_frame_get_side_data(self.0.as_ptr(), kind).as_ref()
                    && !data.data.is_null()
                {
                    let bytes = slice::from_raw_parts(data.data, data.size as usize).to_vec();
                    found.push(SideData { kind: stream_kind, bytes });
                }
            }
        }
        found
    }

    /// Which side data of this picture alone there are.
    pub fn streamed(&self) -> Vec<Streamed> {
        let known = [
            (ffi::AVFrameSideDataType::A53_CC, Streamed::Captions),
            (ffi::AVFrameSideDataType::DYNAMIC_HDR_PLUS, Streamed::Hdr10Plus),
            (ffi::AVFrameSideDataType::DOVI_RPU_BUFFER, Streamed::DolbyVision),
            (ffi::AVFrameSideDataType::DOVI_METADATA, Streamed::DolbyVision),
        ];
        // SAFETY: plain queries of a valid frame.
        let has = |kind| unsafe { !ffi::av_frame_get_side_data(self.0.as_ptr(), kind).is_null() };
        known.into_iter().filter(|&(kind, _)| has(kind)).map(|(_, streamed)| streamed).collect()
    }

    /// Rows of a plane and bytes a row, padding aside.
    fn plane_size(&self, plane: usize) -> Option<(usize, usize)> {
        let format = self.format();
        let (_, rows_shift) = format.chroma_shift();
        let shift = if plane == 1 || plane == 2 { rows_shift } else { 0 };
        let rows = self.height().div_ceil(1 << shift);
        // SAFETY: a function of numbers.
        let bytes = unsafe { ffi::av_image_get_linesize(format.0, self.get().width, plane as i32) };
        let data = self.get().data.get(plane)?;
        (!data.is_null()).then_some((rows, usize::try_from(bytes).ok()?))
    }

    fn row_ptr(&self, plane: usize, y: usize) -> Option<(*mut u8, usize)> {
        let (rows, bytes) = self.plane_size(plane)?;
        let f = self.get();
        let stride = f.linesize[plane] as isize;
        if y >= rows || bytes > stride.unsigned_abs() {
            return None;
        }
        // SAFETY: `y` is a row of the plane, which starts at `data` and has rows `linesize` bytes apart (upwards
        // where that is negative).
        Some((unsafe { f.data[plane].offset(stride * y as isize) }, bytes))
    }

    /// Row `y` of a plane, without padding. `None` beyond the planes and rows that there are.
    pub fn row(&self, plane: usize, y: usize) -> Option<&[u8]> {
        let (start, bytes) = self.row_ptr(plane, y)?;
        // SAFETY: a row holds at least as many bytes as its pixels need.
        Some(unsafe { slice::from_raw_parts(start, bytes) })
    }

    /// Row `y` of a plane, to write. Only for frames that nobody else holds.
    pub fn row_mut(&mut self, plane: usize, y: usize) -> Option<&mut [u8]> {
        // SAFETY: plain query.
        if unsafe { ffi::av_frame_is_writable(self.0.as_ptr()) } == 0 {
            return None;
        }
        let (start, bytes) = self.row_ptr(plane, y)?;
        // SAFETY: as for `row`; the buffers are not shared, and `self` is borrowed exclusively.
        Some(unsafe { slice::from_raw_parts_mut(start, bytes) })
    }

    /// The 256 colours of a frame with a palette, each 0xAARRGGBB in native byte order.
    pub fn palette(&self) -> Option<[u32; 256]> {
        let data = self.get().data[1];
        if !self.format().has_palette() || data.is_null() {
            return None;
        }
        // SAFETY: such frames hold 1024 bytes of palette in their second plane.
        let bytes = unsafe { slice::from_raw_parts(data, 1024) };
        let mut colors = [0; 256];
        for (color, bytes) in colors.iter_mut().zip(bytes.chunks_exact(4)) {
            *color = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        Some(colors)
    }

    pub(super) fn as_ptr(&self) -> *const ffi::AVFrame {
        self.0.as_ptr()
    }

    pub(super) fn as_mut(&mut self) -> *mut ffi::AVFrame {
        self.0.as_ptr()
    }
}

impl Drop for AvFrame {
    fn drop(&mut self) {
        let mut frame = self.0.as_ptr();
        // SAFETY: owned; freed with its references.
        unsafe { ffi::av_frame_free(&raw mut frame) };
    }
}
