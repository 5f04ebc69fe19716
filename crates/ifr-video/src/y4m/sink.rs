use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use ifr_frame::{
    ColorDescription, ColorModel, Frame, Matrix, PixelFormat, Range, Samples, Subsampling, Time,
};

use crate::files::{io_error, unsupported};
use crate::images::pixels::needs_tag;
use crate::y4m::{Interlacing, Y4mHeader};
use crate::{OutputOptions, Sink, StreamPacket, Summary, VideoError};

/// How many samples above 8 bits are turned into bytes at a time.
const CHUNK: usize = 1 << 15;

/// Writes frames as a y4m stream of constant rate; times are not kept.
///
/// RGB frames become limited-range 4:4:4 of the same depth (BT.709 from 720 lines up, BT.601 below: what players assume
/// of y4m). Alpha is kept for 8-bit 4:4:4 and dropped elsewhere.
pub struct Y4mSink {
    output: Box<dyn Write + Send>,
    path: PathBuf,
    format: PixelFormat,
    size: (usize, usize),
    /// What RGB frames are converted to.
    convert: Option<(PixelFormat, ColorDescription)>,
    /// How many of a frame's planes are written.
    planes: usize,
    summary: Summary,
    notices: Vec<String>,
}

impl std::fmt::Debug for Y4mSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Y4mSink")
            .field("path", &self.path)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Y4mSink {
    /// Creates the file, or takes standard output for `-`, and writes the stream header.
    ///
    /// # Errors
    /// [`VideoError::Option`] without a rate or with encoder options, [`VideoError::Unsupported`] for layouts that y4m
    /// has no name for, [`VideoError::Io`] when the file cannot be made.
    pub fn create(options: &OutputOptions) -> Result<Self, VideoError> {
        let path = options.path.clone();
        let option = |what: &str| VideoError::Option(format!("{}: {what}", path.display()));
        if options.rate.is_none() {
            return Err(option(
                "y4m holds one constant rate, but the output has none: give an output rate, or write another container",
            ));
        }
        if let Some(encoder) =
            options.encoder.as_deref().filter(|e| !matches!(*e, "rawvideo" | "wrapped_avframe"))
        {
            return Err(option(&format!("y4m is not encoded, so there is no encoder '{encoder}' for it")));
        }
        if options.crf.is_some() || options.preset.is_some() || !options.encoder_options.is_empty() {
            return Err(option("y4m is not encoded: it takes no quality, preset or encoder options"));
        }
        if options.pix_fmt.is_some() {
            return Err(option("y4m is written in the frames' own layout: it takes no pixel format"));
        }
        let (format, color, convert) = match options.format.model {
            ColorModel::Rgb => {
                let format = PixelFormat::yuv(Subsampling::S444, options.format.depth);
                let color = ColorDescription {
                    matrix: Matrix::UNSPECIFIED,
                    range: Range::Limited,
                    ..ColorDescription::default()
                };
                (format, color, Some((format, color)))
            }
            _ => (options.format, options.color, None),
        };
        let mut header = Y4mHeader {
            width: options.width,
            height: options.height,
            rate: options.rate,
            sample_aspect: options.sample_aspect,
            interlacing: Interlacing::Progressive,
            format,
            color,
        };
        if header.line().is_none() {
            header.format.alpha = false;
        }
        let line = header.line().ok_or_else(|| {
            unsupported(&path, format!("y4m has no name for {format} frames: write another container"))
        })?;
        let mut notices = Vec::new();
        if options.format.alpha && !header.format.alpha {
            notices.push(format!("alpha is dropped: y4m cannot hold that of {} frames", options.format));
        }
        if needs_tag(options.color) {
            notices.push(
                "y4m states no primaries, transfer and matrix: tell its reader that these frames are wide gamut or HDR"
                    .to_owned(),
            );
        }
        let mut output: Box<dyn Write + Send> = if path.as_os_str() == "-" {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(&path).map_err(|e| io_error("create", &path, e))?)
        };
        writeln!(output, "{line}").map_err(|e| io_error("write", &path, e))?;
        let summary =
            Summary { bytes: line.len() as u64 + 1, encoder: "rawvideo".to_owned(), ..Summary::default() };
        let (size, planes) = ((options.width, options.height), header.format.planes());
        Ok(Self { output, path, format: options.format, size, convert, planes, summary, notices })
    }

    fn write(&mut self, frame: &Frame) -> io::Result<()> {
        self.output.write_all(b"FRAME\n")?;
        self.summary.bytes += 6;
        let mut bytes = Vec::new();
        for plane in &frame.planes()[..self.planes] {
            match &plane.samples {
                Samples::U8(v) => {
                    self.output.write_all(v)?;
                    self.summary.bytes += v.len() as u64;
                }
                Samples::U16(v) => {
                    for part in v.chunks(CHUNK) {
                        bytes.clear();
                        bytes.extend(part.iter().flat_map(|s| s.to_le_bytes()));
                        self.output.write_all(&bytes)?;
                    }
                    self.summary.bytes += 2 * v.len() as u64;
                }
            }
        }
        Ok(())
    }
}

impl Sink for Y4mSink {
    fn write_frame(&mut self, frame: &Frame, _: Time, _: Option<Time>) -> Result<(), VideoError> {
        if frame.format() != self.format || (frame.width(), frame.height()) != self.size {
            return Err(VideoError::Option(format!(
                "{}: a frame of {}x{} {} in a stream of {}x{} {}: y4m holds one size and layout",
                self.path.display(),
                frame.width(),
                frame.height(),
                frame.format(),
                self.size.0,
                self.size.1,
                self.format
            )));
        }
        let written = match self.convert {
            Some((format, color)) => self.write(&frame.to_rgb().to_frame(format, color)?),
            None => self.write(frame),
        };
        written.map_err(|e| io_error("write", &self.path, e))?;
        self.summary.frames += 1;
        Ok(())
    }

    fn write_packet(&mut self, _: StreamPacket) -> Result<(), VideoError> {
        Ok(())
    }

    fn notices(&self) -> Vec<String> {
        self.notices.clone()
    }

    fn finish(mut self: Box<Self>) -> Result<Summary, VideoError> {
        self.output.flush().map_err(|e| io_error("write", &self.path, e))?;
        Ok(self.summary)
    }
}
