use std::fmt;
use std::ptr;
use std::ptr::NonNull;

use ifr_frame::ColorDescription;

use super::codec::color_of;
use super::{AvError, Rational, c_string, ffi, owned};

/// What a stream carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Video,
    Audio,
    Subtitle,
    Attachment,
    Data,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Subtitle => "subtitle",
            Self::Attachment => "attachment",
            Self::Data => "data",
        })
    }
}

/// Side data of a stream: FFmpeg's number for its type, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SideData {
    pub kind: i32,
    pub bytes: Vec<u8>,
}

impl SideData {
    pub const DISPLAY_MATRIX: i32 = ffi::AVPacketSideDataType::DISPLAYMATRIX.0 as i32;
    pub const MASTERING: i32 = ffi::AVPacketSideDataType::MASTERING_DISPLAY_METADATA.0 as i32;
    pub const LIGHT_LEVEL: i32 = ffi::AVPacketSideDataType::CONTENT_LIGHT_LEVEL.0 as i32;
    pub const DOLBY_VISION: i32 = ffi::AVPacketSideDataType::DOVI_CONF.0 as i32;
    /// Kinds that describe the picture however it is coded: HDR, stereo and 360° video.
    pub const OF_PICTURE: [i32; 4] = [
        Self::MASTERING,
        Self::LIGHT_LEVEL,
        ffi::AVPacketSideDataType::STEREO3D.0 as i32,
        ffi::AVPacketSideDataType::SPHERICAL.0 as i32,
    ];

    /// Copies of entries as FFmpeg has them.
    ///
    /// # Safety
    /// Each entry holds as many bytes as it says, or none.
    pub(super) unsafe fn copies_of(entries: &[ffi::AVPacketSideData]) -> Vec<Self> {
        let copy = |e: &ffi::AVPacketSideData| Self {
            kind: e.type_.0 as i32,
            // SAFETY: as promised.
            bytes: unsafe { std::slice::from_raw_parts(e.data, e.size as usize) }.to_vec(),
        };
        entries.iter().filter(|e| !e.data.is_null()).map(copy).collect()
    }
}

/// The parameters of a video stream as plain values; see [`Params::to_parts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoParts {
    /// The codec's short name.
    pub codec: String,
    /// The pixel format's name.
    pub format: String,
    /// Further fields, in an order of their own.
    pub numbers: [i64; 17],
    /// The codec's header.
    pub header: Vec<u8>,
    pub side_data: Vec<SideData>,
}

/// What a decoder must know of a stream.
pub struct Params(NonNull<ffi::AVCodecParameters>);

// SAFETY: plain memory, never changed after it was made.
unsafe impl Send for Params {}
// SAFETY: as above.
unsafe impl Sync for Params {}

impl Params {
    pub fn new() -> Result<Self, AvError> {
        // SAFETY: returns null or empty parameters.
        NonNull::new(unsafe { ffi::avcodec_parameters_alloc() }).map(Self).ok_or(AvError::NO_MEMORY)
    }

    /// A copy of a stream's parameters.
    ///
    /// # Safety
    /// `from` is valid.
    pub(super) unsafe fn copy_of(from: *const ffi::AVCodecParameters) -> Result<Self, AvError> {
        let copy = Self::new()?;
        // SAFETY: both are valid.
        AvError::check(unsafe { ffi::avcodec_parameters_copy(copy.0.as_ptr(), from) })?;
        Ok(copy)
    }

    fn get(&self) -> &ffi::AVCodecParameters {
        // SAFETY: valid as long as `self`.
        unsafe { self.0.as_ref() }
    }

    pub fn kind(&self) -> Kind {
        match self.get().codec_type {
            ffi::AVMediaType::VIDEO => Kind::Video,
            ffi::AVMediaType::AUDIO => Kind::Audio,
            ffi::AVMediaType::SUBTITLE => Kind::Subtitle,
            ffi::AVMediaType::ATTACHMENT => Kind::Attachment,
            _ => Kind::Data,
        }
    }

    /// The codec's short name, e.g. `aac`; `none` for data that FFmpeg does not know.
    pub fn codec_name(&self) -> String {
        // SAFETY: returns a static string for any id.
        owned(unsafe { ffi::avcodec_get_name(self.get().codec_id) })
    }

    pub(super) fn codec_id(&self) -> ffi::AVCodecID {
        self.get().codec_id
    }

    /// The container's four letters for the codec, as bytes; zeros where there are none.
    pub fn tag(&self) -> [u8; 4] {
        self.get().codec_tag.to_le_bytes()
    }

    /// Whether the codec stores everything losslessly.
    pub fn is_lossless(&self) -> bool {
        // SAFETY: returns null or a static descriptor.
        let descriptor = unsafe { ffi::avcodec_descriptor_get(self.get().codec_id).as_ref() };
        let both = (ffi::AV_CODEC_PROP_LOSSLESS | ffi::AV_CODEC_PROP_LOSSY) as i32;
        descriptor.is_some_and(|d| d.props & both == ffi::AV_CODEC_PROP_LOSSLESS as i32)
    }

    pub fn size(&self) -> (i32, i32) {
        (self.get().width, self.get().height)
    }

    /// Whether the pictures are stored as two fields.
    pub fn is_interlaced(&self) -> bool {
        let progressive = [ffi::AVFieldOrder::UNKNOWN, ffi::AVFieldOrder::PROGRESSIVE];
        !progressive.contains(&self.get().field_order)
    }

    pub fn sample_aspect(&self) -> Rational {
        Rational::from_c(self.get().sample_aspect_ratio)
    }

    pub fn color(&self) -> ColorDescription {
        let p = self.get();
        color_of(p.color_space, p.color_primaries, p.color_trc, p.color_range, p.chroma_location)
    }

    pub fn sample_rate(&self) -> i32 {
        self.get().sample_rate
    }

    /// Samples in a packet of `size` bytes; 0 when unknown.
    pub fn samples(&self, size: usize) -> i32 {
        let size = i32::try_from(size).unwrap_or(0);
        // SAFETY: only reads the parameters.
        let samples = unsafe { ffi::av_get_audio_frame_duration2(self.0.as_ptr(), size) };
        if samples > 0 { samples } else { self.get().frame_size }
    }

    /// Another copy.
    pub fn duplicate(&self) -> Result<Self, AvError> {
        // SAFETY: valid as long as `self`.
        unsafe { Self::copy_of(self.as_ptr()) }
    }

    /// The channel layout in FFmpeg's words, e.g. `stereo`.
    pub fn layout(&self) -> String {
        layout_name(&self.get().ch_layout)
    }

    /// Parameters of text subtitles, MP4's or else SubRip, with the given header.
    pub fn subtitle(mov_text: bool, header: &[u8]) -> Result<Self, AvError> {
        let params = Self::new()?;
        // SAFETY: plain fields, then a header for parameters that have none.
        unsafe {
            let p = params.0.as_ptr();
            (*p).codec_type = ffi::AVMediaType::SUBTITLE;
            (*p).codec_id = if mov_text { ffi::AVCodecID::MOV_TEXT } else { ffi::AVCodecID::SUBRIP };
            params.set_header(header)?;
        }
        Ok(params)
    }

    /// Parameters of an attached file of the same codec.
    pub fn attachment(&self, file: &[u8]) -> Result<Self, AvError> {
        let params = Self::new()?;
        // SAFETY: a plain field, then a header for parameters that have none.
        unsafe {
            (*params.0.as_ptr()).codec_type = ffi::AVMediaType::ATTACHMENT;
            (*params.0.as_ptr()).codec_id = self.codec_id();
            params.set_header(file)?;
        }
        Ok(params)
    }

    /// # Safety
    /// The parameters have no header yet.
    unsafe fn set_header(&self, header: &[u8]) -> Result<(), AvError> {
        if header.is_empty() {
            return Ok(());
        }
        let size = i32::try_from(header.len()).map_err(|_| AvError::INVALID_ARGUMENT)?;
        let padding = ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
        // SAFETY: the block is zeroed, has the padding that FFmpeg asks for, and belongs to the parameters, which
        // free it.
        unsafe {
            let block = ffi::av_mallocz(header.len() + padding).cast::<u8>();
            if block.is_null() {
                return Err(AvError::NO_MEMORY);
            }
            ptr::copy_nonoverlapping(header.as_ptr(), block, header.len());
            (*self.0.as_ptr()).extradata = block;
            (*self.0.as_ptr()).extradata_size = size;
        }
        Ok(())
    }

    /// Parameters of sound as floats.
    pub fn floats(rate: i32, channels: usize) -> Result<Self, AvError> {
        let params = Self::new()?;
        let channels = i32::try_from(channels).map_err(|_| AvError::INVALID_ARGUMENT)?;
        // SAFETY: plain fields, and a layout that the parameters own.
        unsafe {
            let p = params.0.as_ptr();
            (*p).codec_type = ffi::AVMediaType::AUDIO;
            (*p).format = ffi::AVSampleFormat::FLT.0;
            (*p).sample_rate = rate;
            ffi::av_channel_layout_default(&raw mut (*p).ch_layout, channels);
        }
        Ok(params)
    }

    /// All that is known of a video stream, as plain values.
    pub fn to_parts(&self) -> VideoParts {
        let p = self.get();
        let format = super::PixFmt(ffi::AVPixelFormat(p.format as _)).name();
        let size = usize::try_from(p.extradata_size).unwrap_or(0);
        let header = if p.extradata.is_null() {
            Vec::new()
        } else {
            // SAFETY: the header holds as many bytes as it says.
            unsafe { std::slice::from_raw_parts(p.extradata, size) }.to_vec()
        };
        let numbers = [
            i64::from(p.codec_tag),
            p.bit_rate,
            p.bits_per_coded_sample.into(),
            p.bits_per_raw_sample.into(),
            p.profile.into(),
            p.level.into(),
            p.width.into(),
            p.height.into(),
            p.sample_aspect_ratio.num.into(),
            p.sample_aspect_ratio.den.into(),
            p.field_order.0 as i64,
            p.color_range.0 as i64,
            p.color_primaries.0 as i64,
            p.color_trc.0 as i64,
            p.color_space.0 as i64,
            p.chroma_location.0 as i64,
            p.video_delay.into(),
        ];
        VideoParts { codec: self.codec_name(), format, numbers, header, side_data: self.side_data() }
    }

    /// A video stream's parameters from their parts, but for the side data, which a stream has.
    pub fn from_parts(parts: &VideoParts) -> Result<Self, AvError> {
        let params = Self::new()?;
        // SAFETY: looks a string up; descriptors are static.
        let codec = unsafe { ffi::avcodec_descriptor_get_by_name(c_string(&parts.codec).as_ptr()).as_ref() };
        let codec = codec.ok_or(AvError::INVALID_DATA)?;
        let format = super::PixFmt::by_name(&parts.format).ok_or(AvError::INVALID_DATA)?;
        let n = &parts.numbers;
        let int = |i: usize| i32::try_from(n[i]).map_err(|_| AvError::INVALID_DATA);
        // FFmpeg's enumerations begin at 0.
        let code = |i: usize| int(i).and_then(|v| if v < 0 { Err(AvError::INVALID_DATA) } else { Ok(v) });
        // SAFETY: plain fields, then a header for parameters that have none.
        unsafe {
            let p = &mut *params.0.as_ptr();
            p.codec_type = ffi::AVMediaType::VIDEO;
            p.codec_id = codec.id;
            p.format = format.0.0 as _;
            p.codec_tag = u32::try_from(n[0]).map_err(|_| AvError::INVALID_DATA)?;
            p.bit_rate = n[1];
            (p.bits_per_coded_sample, p.bits_per_raw_sample) = (int(2)?, int(3)?);
            (p.profile, p.level) = (int(4)?, int(5)?);
            (p.width, p.height) = (int(6)?, int(7)?);
            p.sample_aspect_ratio = ffi::AVRational { num: int(8)?, den: int(9)? };
            p.field_order = ffi::AVFieldOrder(code(10)? as _);
            p.color_range = ffi::AVColorRange(code(11)? as _);
            p.color_primaries = ffi::AVColorPrimaries(code(12)? as _);
            p.color_trc = ffi::AVColorTransferCharacteristic(code(13)? as _);
            p.color_space = ffi::AVColorSpace(code(14)? as _);
            p.chroma_location = ffi::AVChromaLocation(code(15)? as _);
            p.video_delay = int(16)?;
            params.set_header(&parts.header)?;
        }
        Ok(params)
    }

    /// Side data that the codec states, where FFmpeg keeps it here.
    fn side_data(&self) -> Vec<SideData> {
        #[cfg(ffmpeg_6_1)]
        {
            let p = self.get();
            let count = usize::try_from(p.nb_coded_side_data).unwrap_or(0);
            if p.coded_side_data.is_null() || count == 0 {
                return Vec::new();
            }
            // SAFETY: the list holds `count` entries.
            let entries = unsafe { std::slice::from_raw_parts(p.coded_side_data, count) };
            // SAFETY: each entry holds `size` bytes.
            unsafe { SideData::copies_of(entries) }
        }
        #[cfg(not(ffmpeg_6_1))]
        Vec::new()
    }

    pub(super) fn as_ptr(&self) -> *const ffi::AVCodecParameters {
        self.0.as_ptr()
    }
}

impl Drop for Params {
    fn drop(&mut self) {
        let mut params = self.0.as_ptr();
        // SAFETY: owned; freed with what it holds.
        unsafe { ffi::avcodec_parameters_free(&raw mut params) };
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.codec_name())
    }
}

pub(super) fn layout_name(layout: &ffi::AVChannelLayout) -> String {
    let mut buffer = [0 as std::ffi::c_char; 128];
    // SAFETY: writes at most `len` bytes, NUL included; the last byte stays NUL.
    let length = unsafe { ffi::av_channel_layout_describe(layout, buffer.as_mut_ptr(), buffer.len() - 1) };
    if length < 0 { String::new() } else { owned(buffer.as_ptr()) }
}
