use std::ffi::CStr;
use std::ptr::{self, NonNull};

use super::{
    AvError, Chapter, Codec, Dict, Packet, Params, Rational, SideData, Writer, Written, c_string, ffi, owned,
};

/// A kind of container that can be written.
#[derive(Clone, Copy)]
pub struct Muxer(&'static ffi::AVOutputFormat);

impl Muxer {
    /// By short name, e.g. `matroska`.
    pub fn by_name(name: &str) -> Option<Self> {
        // SAFETY: looks a string up; formats are static.
        unsafe { ffi::av_guess_format(c_string(name).as_ptr(), ptr::null(), ptr::null()).as_ref() }.map(Self)
    }

    /// By the extension of a file name.
    pub fn by_file_name(name: &str) -> Option<Self> {
        // SAFETY: looks a string up; formats are static.
        unsafe { ffi::av_guess_format(ptr::null(), c_string(name).as_ptr(), ptr::null()).as_ref() }.map(Self)
    }

    pub fn name(self) -> String {
        owned(self.0.name)
    }

    /// Whether it needs a file of its own.
    pub fn writes_file(self) -> bool {
        self.0.flags & ffi::AVFMT_NOFILE as i32 == 0
    }

    pub fn wants_global_header(self) -> bool {
        self.0.flags & ffi::AVFMT_GLOBALHEADER as i32 != 0
    }

    /// Whether times must increase from packet to packet; else they may stay.
    pub fn is_strict(self) -> bool {
        self.0.flags & ffi::AVFMT_TS_NONSTRICT as i32 == 0
    }

    fn holds(self, codec: ffi::AVCodecID) -> Option<bool> {
        // SAFETY: a static format.
        match unsafe { ffi::avformat_query_codec(self.0, codec, ffi::FF_COMPLIANCE_NORMAL as i32) } {
            // What Matroska has no name of its own for goes in under Windows' names.
            0 if self.name() == "matroska" => Some(in_riff(codec)),
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// Whether it can hold a copied stream; `None` when libavformat cannot tell.
    pub fn holds_stream(self, params: &Params) -> Option<bool> {
        self.holds(params.codec_id())
    }

    /// Whether it can hold what an encoder writes; `None` when libavformat cannot tell.
    pub fn holds_codec(self, codec: Codec) -> Option<bool> {
        self.holds(codec.id())
    }

    /// Whether a copied stream's four letters may stay as they are.
    fn keeps_tag(self, params: &ffi::AVCodecParameters) -> bool {
        if self.0.codec_tag.is_null() {
            return true;
        }
        let mut tag = 0;
        // SAFETY: the format's own static tables.
        unsafe {
            ffi::av_codec_get_id(self.0.codec_tag, params.codec_tag) == params.codec_id
                || ffi::av_codec_get_tag2(self.0.codec_tag, params.codec_id, &raw mut tag) == 0
        }
    }
}

/// Whether Windows' containers have a name for a codec.
fn in_riff(codec: ffi::AVCodecID) -> bool {
    // SAFETY: static tables, handed over as the lists of tables that end with null which the call asks for.
    unsafe {
        let tables = [ffi::avformat_get_riff_video_tags(), ffi::avformat_get_riff_audio_tags(), ptr::null()];
        let mut tag = 0;
        ffi::av_codec_get_tag2(tables.as_ptr(), codec, &raw mut tag) != 0
    }
}

/// A container that is written.
pub struct Output {
    context: NonNull<ffi::AVFormatContext>,
    muxer: Muxer,
    writer: Writer,
}

// SAFETY: muxers are not tied to a thread; the methods that change one borrow it exclusively.
unsafe impl Send for Output {}

impl Output {
    pub fn create(muxer: Muxer, url: &CStr, mut writer: Writer) -> Result<Self, AvError> {
        let mut context = ptr::null_mut();
        // SAFETY: on failure nothing is left allocated.
        AvError::check(unsafe {
            ffi::avformat_alloc_output_context2(&raw mut context, muxer.0, ptr::null(), url.as_ptr())
        })?;
        let context = NonNull::new(context).ok_or(AvError::NO_MEMORY)?;
        // SAFETY: the writer lives as long as the context; CUSTOM_IO keeps libavformat from closing it.
        unsafe {
            (*context.as_ptr()).pb = writer.as_ptr();
            (*context.as_ptr()).flags |= ffi::AVFMT_FLAG_CUSTOM_IO as i32;
        }
        Ok(Self { context, muxer, writer })
    }

    pub fn set_metadata(&mut self, pairs: &[(String, String)]) {
        let dict = Dict::of(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        // SAFETY: the context owns its dictionary, which is still empty, and frees it.
        unsafe { (*self.context.as_ptr()).metadata = dict.into_raw() };
    }

    /// Adds a stream and returns its index.
    pub fn add_stream(
        &mut self,
        params: &Params,
        time_base: Rational,
        disposition: i32,
        metadata: &[(String, String)],
        side_data: &[SideData],
    ) -> Result<usize, AvError> {
        // SAFETY: the new stream and its parameters belong to the context; the dictionary is handed over.
        unsafe {
            let stream = ffi::avformat_new_stream(self.context.as_ptr(), ptr::null());
            let stream = stream.as_mut().ok_or(AvError::NO_MEMORY)?;
            AvError::check(ffi::avcodec_parameters_copy(stream.codecpar, params.as_ptr()))?;
            if !self.muxer.keeps_tag(&*params.as_ptr()) {
                (*stream.codecpar).codec_tag = 0;
            }
            stream.time_base = time_base.to_c();
            stream.disposition = disposition;
            stream.metadata = Dict::of(metadata.iter().map(|(k, v)| (k.as_str(), v.as_str()))).into_raw();
            for data in side_data {
                add_side_data(stream, data)?;
            }
            Ok(stream.index as usize)
        }
    }

    /// Adds the stream of an encoder's video, which counts in `time_base`.
    pub fn add_video(
        &mut self,
        params: &Params,
        time_base: Rational,
        rate: Option<Rational>,
        sample_aspect: Rational,
        disposition: i32,
        metadata: &[(String, String)],
        side_data: &[SideData],
    ) -> Result<usize, AvError> {
        let index = self.add_stream(params, time_base, disposition, metadata, side_data)?;
        // SAFETY: the stream was just made.
        unsafe { (**(*self.context.as_ptr()).streams.add(index)).sample_aspect_ratio = sample_aspect.to_c() };
        if let Some(rate) = rate {
            self.set_rate(index, rate);
        }
        Ok(index)
    }

    /// States a stream's nominal rate.
    pub fn set_rate(&mut self, index: usize, rate: Rational) {
        assert!(index < self.streams(), "stream {index} was never added");
        // SAFETY: the array holds as many valid pointers as there are streams.
        unsafe {
            let stream = &mut **(*self.context.as_ptr()).streams.add(index);
            stream.avg_frame_rate = rate.to_c();
            stream.r_frame_rate = rate.to_c();
        }
    }

    fn streams(&self) -> usize {
        // SAFETY: valid as long as `self`.
        unsafe { self.context.as_ref() }.nb_streams as usize
    }

    pub fn add_chapter(&mut self, chapter: &Chapter) -> Result<(), AvError> {
        // SAFETY: chapters and their array are allocated by libavutil and freed with the context, as libavformat's own
        // function (which is private) does it; on failure `av_dynarray_add` sets the count to 0 and frees the array.
        unsafe {
            let new = ffi::av_mallocz(size_of::<ffi::AVChapter>()).cast::<ffi::AVChapter>();
            let c = new.as_mut().ok_or(AvError::NO_MEMORY)?;
            c.id = chapter.id;
            c.time_base = chapter.time_base.to_c();
            (c.start, c.end) = (chapter.start, chapter.end);
            let pairs = chapter.metadata.iter().map(|(k, v)| (k.as_str(), v.as_str()));
            c.metadata = Dict::of(pairs).into_raw();
            let context = &mut *self.context.as_ptr();
            let mut count = i32::try_from(context.nb_chapters).map_err(|_| AvError::INVALID_ARGUMENT)?;
            ffi::av_dynarray_add((&raw mut context.chapters).cast(), &raw mut count, new.cast());
            context.nb_chapters = u32::try_from(count).unwrap_or(0);
            if count == 0 { Err(AvError::NO_MEMORY) } else { Ok(()) }
        }
    }

    /// Writes what comes before the packets. Options that the muxer does not know stay in `options`.
    pub fn write_header(&mut self, options: &mut Dict) -> Result<(), AvError> {
        // SAFETY: streams are set up; the call may change their time bases.
        AvError::check(unsafe { ffi::avformat_write_header(self.context.as_ptr(), options.as_mut()) })
            .map(drop)
    }

    /// In what the muxer counts a stream's times, once the header is written.
    pub fn time_base(&self, index: usize) -> Rational {
        assert!(index < self.streams(), "stream {index} was never added");
        // SAFETY: the array holds as many valid pointers as there are streams.
        unsafe { Rational::from_c((**self.context.as_ref().streams.add(index)).time_base) }
    }

    /// Writes a packet in its turn among the other streams' packets.
    pub fn write(&mut self, mut packet: Packet) -> Result<(), AvError> {
        // SAFETY: the packet's content is taken over, which leaves it empty.
        AvError::check(unsafe { ffi::av_interleaved_write_frame(self.context.as_ptr(), packet.as_mut()) })
            .map(drop)
    }

    /// Writes the packets that are held back for their turn, up to the first that is refused.
    pub fn write_held(&mut self) -> Result<(), AvError> {
        // SAFETY: the header was written; null stands for the queue's end.
        AvError::check(unsafe { ffi::av_interleaved_write_frame(self.context.as_ptr(), ptr::null_mut()) })
            .map(drop)
    }

    /// Writes what comes after the packets, and everything that is still held back.
    pub fn write_trailer(&mut self) -> Result<(), AvError> {
        // SAFETY: the header was written.
        AvError::check(unsafe { ffi::av_write_trailer(self.context.as_ptr()) })?;
        self.writer.flush()
    }

    /// How writing went so far.
    pub fn written(&self) -> Written {
        self.writer.written()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: owned; the writer, which it does not own, is freed after it.
        unsafe { ffi::avformat_free_context(self.context.as_ptr()) };
    }
}

/// # Safety
/// The stream belongs to a container whose header is not yet written.
unsafe fn add_side_data(stream: &mut ffi::AVStream, data: &SideData) -> Result<(), AvError> {
    let kind = ffi::AVPacketSideDataType(data.kind as _);
    // SAFETY: the room belongs to the stream (or its parameters), which frees it, and is as long as the data.
    unsafe {
        #[cfg(ffmpeg_6_1)]
        let room = {
            let params = &mut *stream.codecpar;
            let entry = ffi::av_packet_side_data_new(
                &raw mut params.coded_side_data,
                &raw mut params.nb_coded_side_data,
                kind,
                data.bytes.len(),
                0,
            );
            entry.as_ref().map_or(ptr::null_mut(), |e| e.data)
        };
        #[cfg(not(ffmpeg_6_1))]
        let room = ffi::av_stream_new_side_data(stream, kind, data.bytes.len() as _);
        if room.is_null() {
            return Err(AvError::NO_MEMORY);
        }
        ptr::copy_nonoverlapping(data.bytes.as_ptr(), room, data.bytes.len());
    }
    Ok(())
}
