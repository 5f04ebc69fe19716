use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

use ifr_frame::{ChromaSiting, ColorDescription, Matrix, Primaries, Range, Transfer};

use super::{AvError, AvFrame, Dict, Packet, Params, PixFmt, Rational, c_string, ffi, owned};

/// An encoder or decoder of the FFmpeg in use.
#[derive(Clone, Copy)]
pub struct Codec(&'static ffi::AVCodec);

impl Codec {
    /// # Safety
    /// `codec` is null or a registered codec (these are never freed).
    unsafe fn from_c(codec: *const ffi::AVCodec) -> Option<Self> {
        // SAFETY: as promised.
        unsafe { codec.as_ref() }.map(Self)
    }

    /// The encoder of this name.
    pub fn encoder(name: &str) -> Option<Self> {
        // SAFETY: looks a string up.
        unsafe { Self::from_c(ffi::avcodec_find_encoder_by_name(c_string(name).as_ptr())) }
    }

    /// The decoder of this name.
    pub fn decoder(name: &str) -> Option<Self> {
        // SAFETY: looks a string up.
        unsafe { Self::from_c(ffi::avcodec_find_decoder_by_name(c_string(name).as_ptr())) }
    }

    /// FFmpeg's first encoder for the codec of a stream.
    pub fn encoder_for(params: &Params) -> Option<Self> {
        // SAFETY: looks a number up.
        unsafe { Self::from_c(ffi::avcodec_find_encoder(params.codec_id())) }
    }

    /// FFmpeg's first decoder for the codec of a stream.
    pub fn decoder_for(params: &Params) -> Option<Self> {
        // SAFETY: looks a number up.
        unsafe { Self::from_c(ffi::avcodec_find_decoder(params.codec_id())) }
    }

    /// All encoders.
    pub fn encoders() -> Vec<Self> {
        let (mut all, mut state) = (Vec::new(), ptr::null_mut::<c_void>());
        loop {
            // SAFETY: `state` is the iterator's own.
            let next = unsafe { Self::from_c(ffi::av_codec_iterate(&raw mut state)) };
            let Some(codec) = next else { return all };
            // SAFETY: a registered codec.
            if unsafe { ffi::av_codec_is_encoder(codec.0) } != 0 {
                all.push(codec);
            }
        }
    }

    pub fn name(self) -> String {
        owned(self.0.name)
    }

    pub fn long_name(self) -> String {
        owned(self.0.long_name)
    }

    /// The name of the codec that it writes, e.g. `h264`.
    pub fn codec_name(self) -> String {
        // SAFETY: returns a static string for any id.
        owned(unsafe { ffi::avcodec_get_name(self.0.id) })
    }

    pub(super) fn id(self) -> ffi::AVCodecID {
        self.0.id
    }

    pub fn is_video(self) -> bool {
        self.0.type_ == ffi::AVMediaType::VIDEO
    }

    /// Whether it runs on a device of its own.
    pub fn is_hardware(self) -> bool {
        let flags = ffi::AV_CODEC_CAP_HARDWARE | ffi::AV_CODEC_CAP_HYBRID;
        self.0.capabilities & flags as c_int != 0
    }

    pub fn is_experimental(self) -> bool {
        self.0.capabilities & ffi::AV_CODEC_CAP_EXPERIMENTAL as c_int != 0
    }

    /// Whether a packet may hold any number of samples.
    pub fn takes_any_frame_size(self) -> bool {
        self.0.capabilities & ffi::AV_CODEC_CAP_VARIABLE_FRAME_SIZE as c_int != 0
    }

    /// Whether it has an option of its own (not one that all encoders share) of this name.
    pub fn has_option(self, name: &str) -> bool {
        if self.0.priv_class.is_null() {
            return false;
        }
        let mut class = self.0.priv_class;
        // SAFETY: FAKE_OBJ allows a pointer to a class pointer in place of an object.
        let option = unsafe {
            ffi::av_opt_find(
                (&raw mut class).cast(),
                c_string(name).as_ptr(),
                ptr::null(),
                0,
                ffi::AV_OPT_SEARCH_FAKE_OBJ as c_int,
            )
        };
        !option.is_null()
    }

    /// The pixel formats that it takes; empty when it takes any.
    pub fn pixel_formats(self) -> Vec<PixFmt> {
        // SAFETY: null or a list that ends with NONE.
        unsafe { PixFmt::list(self.config(Config::PixelFormat).cast()) }
    }

    /// The sample formats that it takes, by FFmpeg's numbers; empty when it takes any.
    fn sample_formats(self) -> Vec<ffi::AVSampleFormat> {
        let mut list: *const ffi::AVSampleFormat = self.config(Config::SampleFormat).cast();
        let mut formats = Vec::new();
        if list.is_null() {
            return formats;
        }
        // SAFETY: the list ends with NONE, and is not read beyond.
        unsafe {
            while *list != ffi::AVSampleFormat::NONE {
                formats.push(*list);
                list = list.add(1);
            }
        }
        formats
    }

    /// The sample rates that it takes; empty when it takes any.
    fn sample_rates(self) -> Vec<c_int> {
        let mut list: *const c_int = self.config(Config::SampleRate).cast();
        let mut rates = Vec::new();
        if list.is_null() {
            return rates;
        }
        // SAFETY: the list ends with 0, and is not read beyond.
        unsafe {
            while *list != 0 {
                rates.push(*list);
                list = list.add(1);
            }
        }
        rates
    }

    #[cfg(not(ffmpeg_7_1))]
    fn config(self, config: Config) -> *const c_void {
        match config {
            Config::PixelFormat => self.0.pix_fmts.cast(),
            Config::SampleFormat => self.0.sample_fmts.cast(),
            Config::SampleRate => self.0.supported_samplerates.cast(),
        }
    }

    #[cfg(ffmpeg_7_1)]
    fn config(self, config: Config) -> *const c_void {
        let config = match config {
            Config::PixelFormat => ffi::AVCodecConfig::PIX_FORMAT,
            Config::SampleFormat => ffi::AVCodecConfig::SAMPLE_FORMAT,
            Config::SampleRate => ffi::AVCodecConfig::SAMPLE_RATE,
        };
        let mut list = ptr::null();
        // SAFETY: without a context the codec's own static list is returned.
        let code = unsafe {
            ffi::avcodec_get_supported_config(ptr::null(), self.0, config, 0, &raw mut list, ptr::null_mut())
        };
        if code < 0 { ptr::null() } else { list }
    }
}

/// Lists of what a codec takes.
enum Config {
    PixelFormat,
    SampleFormat,
    SampleRate,
}

/// What a video encoder is told.
pub struct EncoderSetup {
    pub width: i32,
    pub height: i32,
    pub format: PixFmt,
    pub time_base: Rational,
    pub rate: Option<Rational>,
    pub sample_aspect: Rational,
    pub color: ColorDescription,
    pub threads: i32,
    /// Whether the container wants the codec's header apart.
    pub global_header: bool,
    /// Constant quality in the encoder's own units, for those that know it only through the general setting.
    pub quality: Option<i32>,
    /// Whether the bit rate is left to constant quality, for encoders with a bit rate by default.
    pub no_bit_rate: bool,
    /// The container's four letters for the codec, where they are not to be its first choice.
    pub tag: Option<[u8; 4]>,
}

/// What came of asking for output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Something was written to the argument.
    Got,
    /// More input is needed first.
    Again,
    /// There will be no more.
    End,
}

pub(super) fn step(code: c_int) -> Result<Step, AvError> {
    match AvError::check(code) {
        Ok(_) => Ok(Step::Got),
        Err(AvError::AGAIN) => Ok(Step::Again),
        Err(AvError::EOF) => Ok(Step::End),
        Err(e) => Err(e),
    }
}

/// An encoder or decoder at work.
pub struct CodecContext(NonNull<ffi::AVCodecContext>);

// SAFETY: codec contexts are not tied to a thread; the methods that change one borrow it exclusively.
unsafe impl Send for CodecContext {}

impl CodecContext {
    fn alloc(codec: Codec) -> Result<Self, AvError> {
        // SAFETY: returns null or a context with the codec's defaults.
        NonNull::new(unsafe { ffi::avcodec_alloc_context3(codec.0) }).map(Self).ok_or(AvError::NO_MEMORY)
    }

    fn get(&self) -> &ffi::AVCodecContext {
        // SAFETY: valid as long as `self`.
        unsafe { self.0.as_ref() }
    }

    fn get_mut(&mut self) -> &mut ffi::AVCodecContext {
        // SAFETY: valid as long as `self`, which is borrowed exclusively.
        unsafe { self.0.as_mut() }
    }

    fn open(&mut self, codec: Codec, options: &mut Dict) -> Result<(), AvError> {
        // SAFETY: the context was allocated for this codec; options that were taken are removed from the dictionary.
        AvError::check(unsafe { ffi::avcodec_open2(self.0.as_ptr(), codec.0, options.as_mut()) }).map(drop)
    }

    /// A decoder for a stream whose timestamps count `time_base`.
    pub fn decoder(
        codec: Codec,
        params: &Params,
        time_base: Rational,
        threads: i32,
        mut options: Dict,
    ) -> Result<Self, AvError> {
        let mut context = Self::alloc(codec)?;
        // SAFETY: both are valid.
        AvError::check(unsafe { ffi::avcodec_parameters_to_context(context.0.as_ptr(), params.as_ptr()) })?;
        context.get_mut().pkt_timebase = time_base.to_c();
        context.get_mut().thread_count = threads;
        context.open(codec, &mut options)?;
        Ok(context)
    }

    /// A video encoder. Options that it does not know stay in `options`.
    pub fn video_encoder(codec: Codec, setup: &EncoderSetup, options: &mut Dict) -> Result<Self, AvError> {
        let mut context = Self::alloc(codec)?;
        let c = context.get_mut();
        (c.width, c.height) = (setup.width, setup.height);
        c.pix_fmt = setup.format.0;
        c.time_base = setup.time_base.to_c();
        if let Some(rate) = setup.rate {
            c.framerate = rate.to_c();
        }
        c.sample_aspect_ratio = setup.sample_aspect.to_c();
        c.thread_count = setup.threads;
        c.color_range = range_to_c(setup.color.range);
        c.colorspace = ffi::AVColorSpace(setup.color.matrix.0.into());
        c.color_primaries = ffi::AVColorPrimaries(setup.color.primaries.0.into());
        c.color_trc = ffi::AVColorTransferCharacteristic(setup.color.transfer.0.into());
        c.chroma_sample_location = siting_to_c(setup.color.siting);
        if setup.global_header {
            c.flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as c_int;
        }
        if let Some(quality) = setup.quality {
            c.flags |= ffi::AV_CODEC_FLAG_QSCALE as c_int;
            c.global_quality = quality.saturating_mul(ffi::FF_QP2LAMBDA as c_int);
        }
        if setup.no_bit_rate {
            c.bit_rate = 0;
        }
        if let Some(tag) = setup.tag {
            c.codec_tag = u32::from_le_bytes(tag);
        }
        context.open(codec, options)?;
        Ok(context)
    }

    /// An audio encoder for sound like that of `params`. Its sample format, rate and layout are told by
    /// [`Self::audio_format`].
    pub fn audio_encoder(codec: Codec, params: &Params, global_header: bool) -> Result<Self, AvError> {
        let mut context = Self::alloc(codec)?;
        // SAFETY: valid as long as `params`.
        let source = unsafe { &*params.as_ptr() };
        let c = context.get_mut();
        let rates = codec.sample_rates();
        c.sample_rate = match rates.iter().min_by_key(|r| (*r - source.sample_rate).abs()) {
            Some(&nearest) => nearest,
            None => source.sample_rate,
        };
        // SAFETY: the layout is one that the context owns.
        unsafe {
            if source.ch_layout.order == ffi::AVChannelOrder::UNSPEC {
                ffi::av_channel_layout_default(&raw mut c.ch_layout, source.ch_layout.nb_channels);
            } else {
                AvError::check(ffi::av_channel_layout_copy(
                    &raw mut c.ch_layout,
                    &raw const source.ch_layout,
                ))?;
            }
        }
        let formats = codec.sample_formats();
        let wanted = ffi::AVSampleFormat(source.format);
        // SAFETY: a function of numbers.
        let alternatives = [1, 0].map(|planar| unsafe { ffi::av_get_alt_sample_fmt(wanted, planar) });
        c.sample_fmt = [wanted, alternatives[0], alternatives[1]]
            .into_iter()
            .find(|f| formats.contains(f))
            .or_else(|| formats.first().copied())
            .unwrap_or(wanted);
        c.time_base = ffi::AVRational { num: 1, den: c.sample_rate };
        if source.bit_rate > 0 {
            c.bit_rate = source.bit_rate;
        } else {
            c.bit_rate = 96_000 * i64::from(c.ch_layout.nb_channels.max(1));
        }
        c.strict_std_compliance = ffi::FF_COMPLIANCE_EXPERIMENTAL as c_int;
        if global_header {
            c.flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as c_int;
        }
        context.open(codec, &mut Dict::new())?;
        Ok(context)
    }

    /// What an audio encoder takes, as an `aformat` filter says it.
    pub fn audio_format(&self) -> String {
        let c = self.get();
        // SAFETY: returns null or a static string.
        let format = owned(unsafe { ffi::av_get_sample_fmt_name(c.sample_fmt) });
        let layout = super::params::layout_name(&c.ch_layout);
        format!("aformat=sample_fmts={format}:sample_rates={}:channel_layouts={layout}", c.sample_rate)
    }

    /// Samples a packet; 0 when any number will do.
    pub fn frame_size(&self) -> u32 {
        u32::try_from(self.get().frame_size).unwrap_or(0)
    }

    pub fn time_base(&self) -> Rational {
        Rational::from_c(self.get().time_base)
    }

    /// The stream that an encoder makes.
    pub fn params(&self) -> Result<Params, AvError> {
        let params = Params::new()?;
        // SAFETY: both are valid, and the parameters are not shared yet.
        AvError::check(unsafe {
            ffi::avcodec_parameters_from_context(params.as_ptr().cast_mut(), self.0.as_ptr())
        })?;
        Ok(params)
    }

    /// Hands a packet to a decoder, or `None` at the end. `false`: frames must be received first.
    pub fn send_packet(&mut self, packet: Option<&Packet>) -> Result<bool, AvError> {
        let packet = packet.map_or(ptr::null(), Packet::as_ptr);
        // SAFETY: null flushes; a packet is only read and its buffer counted.
        match step(unsafe { ffi::avcodec_send_packet(self.0.as_ptr(), packet) }) {
            Ok(Step::Again) => Ok(false),
            Ok(_) => Ok(true),
            Err(e) => Err(e),
        }
    }

    /// Forgets what a decoder was given, to go on elsewhere.
    pub fn flush(&mut self) {
        // SAFETY: an open decoder.
        unsafe { ffi::avcodec_flush_buffers(self.0.as_ptr()) };
    }

    pub fn receive_frame(&mut self, frame: &mut AvFrame) -> Result<Step, AvError> {
        // SAFETY: the frame's old content is released by the call.
        step(unsafe { ffi::avcodec_receive_frame(self.0.as_ptr(), frame.as_mut()) })
    }

    /// Hands a frame to an encoder, or `None` at the end. `false`: packets must be received first.
    pub fn send_frame(&mut self, frame: Option<&AvFrame>) -> Result<bool, AvError> {
        let frame = frame.map_or(ptr::null(), AvFrame::as_ptr);
        // SAFETY: null flushes; a frame is only read and its buffers counted.
        match step(unsafe { ffi::avcodec_send_frame(self.0.as_ptr(), frame) }) {
            Ok(Step::Again) => Ok(false),
            Ok(_) => Ok(true),
            Err(e) => Err(e),
        }
    }

    pub fn receive_packet(&mut self, packet: &mut Packet) -> Result<Step, AvError> {
        // SAFETY: the packet's old content is released by the call.
        step(unsafe { ffi::avcodec_receive_packet(self.0.as_ptr(), packet.as_mut()) })
    }
}

impl Drop for CodecContext {
    fn drop(&mut self) {
        let mut context = self.0.as_ptr();
        // SAFETY: owned; freed with all it holds.
        unsafe { ffi::avcodec_free_context(&raw mut context) };
    }
}

impl Params {
    /// Whether this is the codec that `encoder` writes.
    pub fn is_of(&self, encoder: Codec) -> bool {
        self.codec_id() == encoder.id()
    }
}

pub(super) fn color_of(
    matrix: ffi::AVColorSpace,
    primaries: ffi::AVColorPrimaries,
    transfer: ffi::AVColorTransferCharacteristic,
    range: ffi::AVColorRange,
    siting: ffi::AVChromaLocation,
) -> ColorDescription {
    ColorDescription {
        matrix: u8::try_from(matrix.0).map_or(Matrix::UNSPECIFIED, Matrix),
        primaries: u8::try_from(primaries.0).map_or(Primaries::UNSPECIFIED, Primaries),
        transfer: u8::try_from(transfer.0).map_or(Transfer::UNSPECIFIED, Transfer),
        range: match range {
            ffi::AVColorRange::MPEG => Range::Limited,
            ffi::AVColorRange::JPEG => Range::Full,
            _ => Range::Unspecified,
        },
        siting: match siting {
            ffi::AVChromaLocation::LEFT => ChromaSiting::Left,
            ffi::AVChromaLocation::CENTER => ChromaSiting::Center,
            ffi::AVChromaLocation::TOPLEFT => ChromaSiting::TopLeft,
            ffi::AVChromaLocation::TOP => ChromaSiting::Top,
            ffi::AVChromaLocation::BOTTOMLEFT => ChromaSiting::BottomLeft,
            ffi::AVChromaLocation::BOTTOM => ChromaSiting::Bottom,
            _ => ChromaSiting::Unspecified,
        },
    }
}

pub(super) fn range_to_c(range: Range) -> ffi::AVColorRange {
    match range {
        Range::Unspecified => ffi::AVColorRange::UNSPECIFIED,
        Range::Limited => ffi::AVColorRange::MPEG,
        Range::Full => ffi::AVColorRange::JPEG,
    }
}

pub(super) fn siting_to_c(siting: ChromaSiting) -> ffi::AVChromaLocation {
    match siting {
        ChromaSiting::Unspecified => ffi::AVChromaLocation::UNSPECIFIED,
        ChromaSiting::Left => ffi::AVChromaLocation::LEFT,
        ChromaSiting::Center => ffi::AVChromaLocation::CENTER,
        ChromaSiting::TopLeft => ffi::AVChromaLocation::TOPLEFT,
        ChromaSiting::Top => ffi::AVChromaLocation::TOP,
        ChromaSiting::BottomLeft => ffi::AVChromaLocation::BOTTOMLEFT,
        ChromaSiting::Bottom => ffi::AVChromaLocation::BOTTOM,
    }
}
