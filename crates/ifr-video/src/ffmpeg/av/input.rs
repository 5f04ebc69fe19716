use std::ffi::{CStr, CString, c_int, c_void};
use std::path::Path;
use std::ptr::{self, NonNull};
use std::slice;

use super::dict::pairs_of;
use super::{AvError, Dict, Packet, Params, Rational, SideData, ffi, owned};

/// A container that is read.
pub struct Input(NonNull<ffi::AVFormatContext>);

// SAFETY: demuxers are not tied to a thread; the methods that change one borrow it exclusively.
unsafe impl Send for Input {}

/// A chapter, its times counted in its own time base.
#[derive(Debug, Clone)]
pub struct Chapter {
    pub id: i64,
    pub time_base: Rational,
    pub start: i64,
    pub end: i64,
    pub metadata: Vec<(String, String)>,
}

/// What a container says of one stream.
pub struct StreamView {
    pub params: Params,
    pub time_base: Rational,
    pub duration: Option<i64>,
    pub frames: i64,
    /// Average and lowest common frame rate.
    pub rates: [Rational; 2],
    pub sample_aspect: Rational,
    pub disposition: i32,
    pub metadata: Vec<(String, String)>,
    pub side_data: Vec<SideData>,
    /// The coded picture of a stream that is nothing else, such as cover art.
    pub picture: Vec<u8>,
}

impl StreamView {
    /// Whether it is a picture that belongs to the whole file, such as cover art.
    pub fn is_attached_picture(&self) -> bool {
        self.disposition & ffi::AV_DISPOSITION_ATTACHED_PIC as i32 != 0
    }
}

impl Input {
    /// The demuxer that a file's name and first bytes call for.
    pub fn kind(path: &Path, start: &[u8]) -> Option<String> {
        let name = CString::new(path.as_os_str().as_encoded_bytes()).ok()?;
        let mut buffer = start.to_vec();
        buffer.resize(start.len() + ffi::AVPROBE_PADDING_SIZE as usize, 0);
        let data = ffi::AVProbeData {
            filename: name.as_ptr(),
            buf: buffer.as_mut_ptr(),
            buf_size: c_int::try_from(start.len()).ok()?,
            mime_type: ptr::null(),
        };
        let mut score = 0;
        // SAFETY: the buffer is as long as it says, with zeros behind; all outlive the call.
        let format = unsafe { ffi::av_probe_input_format3(&raw const data, 1, &raw mut score).as_ref() };
        format.map(|f| owned(f.name))
    }

    /// Opens a container and reads as much of it as is needed to know its streams. Of decoders that are opened to that end, those
    /// of streams in the header get `decoder`'s options.
    pub fn open(url: &CStr, mut options: Dict, decoder: &Dict) -> Result<Self, AvError> {
        let mut context = ptr::null_mut();
        // SAFETY: on failure nothing is left allocated.
        AvError::check(unsafe {
            ffi::avformat_open_input(&raw mut context, url.as_ptr(), ptr::null(), options.as_mut())
        })?;
        let input = NonNull::new(context).map(Self).ok_or(AvError::NO_MEMORY)?;
        let mut decoders: Vec<Dict> = (0..input.streams()).map(|_| decoder.copy()).collect();
        let mut raw: Vec<_> = decoders.iter_mut().map(|dict| dict.take()).collect();
        // SAFETY: an open container; one dictionary for each of its streams, of which FFmpeg takes what it knows.
        let found = unsafe { ffi::avformat_find_stream_info(input.0.as_ptr(), raw.as_mut_ptr()) };
        // What is left of them is freed again.
        decoders.iter_mut().zip(raw).for_each(|(dict, raw)| dict.put_back(raw));
        AvError::check(found)?;
        Ok(input)
    }

    fn get(&self) -> &ffi::AVFormatContext {
        // SAFETY: valid as long as `self`.
        unsafe { self.0.as_ref() }
    }

    /// The demuxer's name, e.g. `mov,mp4,m4a,3gp,3g2,mj2`.
    pub fn format_name(&self) -> String {
        // SAFETY: an open container has a format.
        owned(unsafe { (*self.get().iformat).name })
    }

    /// Duration in microseconds.
    pub fn duration(&self) -> Option<i64> {
        Some(self.get().duration).filter(|&d| d > 0)
    }

    pub fn metadata(&self) -> Vec<(String, String)> {
        // SAFETY: null or a dictionary.
        unsafe { pairs_of(self.get().metadata) }
    }

    pub fn chapters(&self) -> Vec<Chapter> {
        let context = self.get();
        let mut chapters = Vec::new();
        for i in 0..context.nb_chapters as usize {
            // SAFETY: the array holds `nb_chapters` valid pointers.
            let c = unsafe { &**context.chapters.add(i) };
            chapters.push(Chapter {
                id: c.id,
                time_base: Rational::from_c(c.time_base),
                start: c.start,
                end: c.end,
                // SAFETY: null or a dictionary.
                metadata: unsafe { pairs_of(c.metadata) },
            });
        }
        chapters
    }

    pub fn streams(&self) -> usize {
        self.get().nb_streams as usize
    }

    fn stream_ptr(&self, index: usize) -> Option<&ffi::AVStream> {
        // SAFETY: the array holds `nb_streams` valid pointers.
        (index < self.streams()).then(|| unsafe { &**self.get().streams.add(index) })
    }

    pub fn stream(&self, index: usize) -> Result<StreamView, AvError> {
        let s = self.stream_ptr(index).ok_or(AvError::INVALID_ARGUMENT)?;
        let known = |v: i64| Some(v).filter(|&v| v != super::NO_PTS);
        // SAFETY: a stream has parameters, and null or a dictionary for metadata.
        let (params, metadata) = unsafe { (Params::copy_of(s.codecpar)?, pairs_of(s.metadata)) };
        Ok(StreamView {
            params,
            time_base: Rational::from_c(s.time_base),
            duration: known(s.duration).filter(|&d| d > 0),
            frames: s.nb_frames,
            rates: [Rational::from_c(s.avg_frame_rate), Rational::from_c(s.r_frame_rate)],
            sample_aspect: Rational::from_c(s.sample_aspect_ratio),
            disposition: s.disposition,
            metadata,
            side_data: side_data(s),
            picture: picture(s),
        })
    }

    /// The stream that is "the" video.
    pub fn best_video(&self) -> Option<usize> {
        let video = ffi::AVMediaType::VIDEO;
        // SAFETY: only reads the streams; no decoder is asked for.
        let index = unsafe { ffi::av_find_best_stream(self.0.as_ptr(), video, -1, -1, ptr::null_mut(), 0) };
        usize::try_from(index).ok()
    }

    /// Leaves out all packets of a stream.
    pub fn discard(&mut self, index: usize) {
        if index < self.streams() {
            // SAFETY: as for `stream_ptr`; `self` is borrowed exclusively.
            unsafe { (**self.0.as_ref().streams.add(index)).discard = ffi::AVDiscard::ALL };
        }
    }

    /// The next packet; `None` at the end.
    pub fn read(&mut self) -> Result<Option<Packet>, AvError> {
        let mut packet = Packet::new()?;
        // SAFETY: the packet is empty.
        match AvError::check(unsafe { ffi::av_read_frame(self.0.as_ptr(), packet.as_mut()) }) {
            Ok(_) => Ok(Some(packet)),
            Err(AvError::EOF) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Whether files of this kind may hold timestamps that start anew in their midst.
    pub fn may_jump(&self) -> bool {
        // SAFETY: an open container has a format.
        unsafe { (*self.get().iformat).flags & ffi::AVFMT_TS_DISCONT as i32 != 0 }
    }

    /// Goes on reading at the last key frame of stream `index` that is shown no later than `to`, in its ticks.
    pub fn seek(&mut self, index: usize, to: i64) -> Result<(), AvError> {
        let index = i32::try_from(index).map_err(|_| AvError::INVALID_ARGUMENT)?;
        let flags = ffi::AVSEEK_FLAG_BACKWARD as i32;
        // SAFETY: an open container; the stream's index and the timestamp are checked by the call.
        AvError::check(unsafe { ffi::avformat_seek_file(self.0.as_ptr(), index, i64::MIN, to, to, flags) })
            .map(drop)
    }

    /// What reading the file last failed with, if it did.
    pub fn read_error(&self) -> Option<AvError> {
        // SAFETY: null or a valid I/O context.
        let error = unsafe { self.get().pb.as_ref() }.map_or(0, |pb| pb.error);
        AvError::check(error).err().filter(|&e| e != AvError::EOF)
    }
}

/// The names of all demuxers; some have several, separated by commas.
pub fn demuxers() -> Vec<String> {
    let (mut all, mut state) = (Vec::new(), ptr::null_mut::<c_void>());
    loop {
        // SAFETY: `state` is the iterator's own; demuxers are never freed.
        let Some(demuxer) = (unsafe { ffi::av_demuxer_iterate(&raw mut state).as_ref() }) else { return all };
        all.push(owned(demuxer.name));
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        let mut context = self.0.as_ptr();
        // SAFETY: owned; closed and freed.
        unsafe { ffi::avformat_close_input(&raw mut context) };
    }
}

fn picture(stream: &ffi::AVStream) -> Vec<u8> {
    let packet = &stream.attached_pic;
    let size = usize::try_from(packet.size).unwrap_or(0);
    if packet.data.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: a packet holds `size` bytes.
    unsafe { slice::from_raw_parts(packet.data, size) }.to_vec()
}

fn side_data(stream: &ffi::AVStream) -> Vec<SideData> {
    #[cfg(ffmpeg_6_1)]
    // SAFETY: a stream has parameters.
    let (list, count) =
        unsafe { ((*stream.codecpar).coded_side_data, (*stream.codecpar).nb_coded_side_data) };
    #[cfg(not(ffmpeg_6_1))]
    let (list, count) = (stream.side_data, stream.nb_side_data);
    let count = usize::try_from(count).unwrap_or(0);
    if list.is_null() || count == 0 {
        return Vec::new();
    }
    // SAFETY: the list holds `count` entries, each of `size` bytes.
    unsafe { SideData::copies_of(slice::from_raw_parts(list, count)) }
}
