use std::fmt;

/// What a sink must know of a source's other streams (sound, subtitles, attachments, data), chapters and metadata to
/// take them along. Opaque: it comes with a [`SourceInfo`](crate::SourceInfo) and goes to [`create`](crate::create).
#[derive(Default)]
pub struct CopiedStreams {
    #[cfg(feature = "ffmpeg")]
    pub(crate) inner: std::sync::Arc<crate::ffmpeg::Streams>,
    /// The part that is taken, where it is not all of it.
    #[cfg(feature = "ffmpeg")]
    pub(crate) cut: Option<crate::trim::Cut>,
}

impl fmt::Debug for CopiedStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("CopiedStreams");
        #[cfg(feature = "ffmpeg")]
        text.field("streams", &self.inner.others.len()).field("chapters", &self.inner.chapters.len());
        text.finish()
    }
}

#[cfg(feature = "ffmpeg")]
impl CopiedStreams {
    /// The chapters of the part that is taken, in the times of the part.
    pub(crate) fn chapters(&self) -> Vec<crate::ffmpeg::Chapter> {
        let chapters = self.inner.chapters.iter();
        match &self.cut {
            Some(cut) => chapters.filter_map(|chapter| cut.chapter(chapter)).collect(),
            None => chapters.cloned().collect(),
        }
    }
}
