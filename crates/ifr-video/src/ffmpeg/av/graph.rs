use std::ffi::CStr;
use std::ptr::{self, NonNull};

use super::codec::{Step, step};
use super::{AvError, AvFrame, PixFmt, Rational, c_string, ffi};

/// A chain of filters with one input and one output.
pub struct Graph {
    graph: NonNull<ffi::AVFilterGraph>,
    source: NonNull<ffi::AVFilterContext>,
    sink: NonNull<ffi::AVFilterContext>,
}

// SAFETY: a graph is not tied to a thread; the methods that change it borrow it exclusively.
unsafe impl Send for Graph {}

impl Graph {
    /// Filters for pictures.
    pub fn video(
        format: PixFmt,
        width: i32,
        height: i32,
        time_base: Rational,
        filters: &str,
    ) -> Result<Self, AvError> {
        let arguments = format!(
            "video_size={width}x{height}:pix_fmt={}:time_base={}/{}:pixel_aspect=0/1",
            format.0.0, time_base.num, time_base.den
        );
        Self::new(c"buffer", c"buffersink", &arguments, filters)
    }

    /// Filters for sound like that of a frame, as its [`AvFrame::sound_format`] tells.
    pub fn sound(format: &str, filters: &str) -> Result<Self, AvError> {
        Self::new(c"abuffer", c"abuffersink", format, filters)
    }

    fn new(source: &CStr, sink: &CStr, arguments: &str, filters: &str) -> Result<Self, AvError> {
        // SAFETY: a graph, its two ends and the chain between them are made in the order that libavfilter asks for;
        // whatever fails, the graph is freed by `Owned` and the pads by `avfilter_inout_free`.
        unsafe {
            let graph = NonNull::new(ffi::avfilter_graph_alloc()).ok_or(AvError::NO_MEMORY)?;
            let owned = Owned(graph);
            let end = |filter: &CStr, name: &CStr, arguments: *const std::ffi::c_char| {
                let mut context = ptr::null_mut();
                AvError::check(ffi::avfilter_graph_create_filter(
                    &raw mut context,
                    ffi::avfilter_get_by_name(filter.as_ptr()),
                    name.as_ptr(),
                    arguments,
                    ptr::null_mut(),
                    graph.as_ptr(),
                ))?;
                NonNull::new(context).ok_or(AvError::NO_MEMORY)
            };
            let source = end(source, c"in", c_string(arguments).as_ptr())?;
            let sink = end(sink, c"out", ptr::null())?;

            let pad = |name: &CStr, context: NonNull<ffi::AVFilterContext>| {
                let pad = ffi::avfilter_inout_alloc();
                if let Some(p) = pad.as_mut() {
                    p.name = ffi::av_strdup(name.as_ptr());
                    p.filter_ctx = context.as_ptr();
                }
                pad
            };
            let (mut outputs, mut inputs) = (pad(c"in", source), pad(c"out", sink));
            let parsed = AvError::check(ffi::avfilter_graph_parse_ptr(
                graph.as_ptr(),
                c_string(filters).as_ptr(),
                &raw mut inputs,
                &raw mut outputs,
                ptr::null_mut(),
            ));
            ffi::avfilter_inout_free(&raw mut inputs);
            ffi::avfilter_inout_free(&raw mut outputs);
            parsed?;
            AvError::check(ffi::avfilter_graph_config(graph.as_ptr(), ptr::null_mut()))?;
            std::mem::forget(owned);
            Ok(Self { graph, source, sink })
        }
    }

    /// The ticks that timestamps of frames count that are taken out.
    pub fn time_base(&self) -> Rational {
        // SAFETY: a configured sink.
        Rational::from_c(unsafe { ffi::av_buffersink_get_time_base(self.sink.as_ptr()) })
    }

    /// Hands a frame in, or `None` at the end.
    pub fn push(&mut self, frame: Option<&AvFrame>) -> Result<(), AvError> {
        let frame = frame.map_or(ptr::null_mut(), |f| f.as_ptr().cast_mut());
        let keep = ffi::AV_BUFFERSRC_FLAG_KEEP_REF.0 as i32;
        // SAFETY: with KEEP_REF the frame itself is left as it is.
        AvError::check(unsafe { ffi::av_buffersrc_add_frame_flags(self.source.as_ptr(), frame, keep) })
            .map(drop)
    }

    /// Takes a frame out.
    pub fn pull(&mut self) -> Result<(Step, AvFrame), AvError> {
        let mut frame = AvFrame::new()?;
        // SAFETY: the frame is empty.
        let got = step(unsafe { ffi::av_buffersink_get_frame(self.sink.as_ptr(), frame.as_mut()) })?;
        Ok((got, frame))
    }
}

/// Frees a graph that is not finished.
struct Owned(NonNull<ffi::AVFilterGraph>);

impl Drop for Owned {
    fn drop(&mut self) {
        let mut graph = self.0.as_ptr();
        // SAFETY: owned; freed with its filters.
        unsafe { ffi::avfilter_graph_free(&raw mut graph) };
    }
}

impl Drop for Graph {
    fn drop(&mut self) {
        drop(Owned(self.graph));
    }
}
