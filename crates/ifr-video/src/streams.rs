use std::fmt;

/// What a sink must know of a source's other streams (sound, subtitles, attachments, data), chapters and metadata to
/// take them along. Opaque: it comes with a [`SourceInfo`](crate::SourceInfo) and goes to [`create`](crate::create).
#[derive(Default)]
pub struct CopiedStreams {
    #[cfg(feature = "ffmpeg")]
    pub(crate) inner: crate::ffmpeg::Streams,
}

impl fmt::Debug for CopiedStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("CopiedStreams");
        #[cfg(feature = "ffmpeg")]
        text.field("streams", &self.inner.others.len()).field("chapters", &self.inner.chapters.len());
        text.finish()
    }
}
