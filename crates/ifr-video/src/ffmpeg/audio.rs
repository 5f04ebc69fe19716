//! Sound that is made here: stretched with the video, or generated.

use std::fmt;

use ifr_frame::{Time, TimeBase};

use super::av::{
    self, AvError, AvFrame, Codec, CodecContext, Dict, Graph, Muxer, Output, Packet, Params, Rational, Step,
};
use super::route::scaled;
use super::streams::OtherStream;
use crate::VideoError;

/// Sound as plain samples, to be written with [`create_with_sound`](crate::create_with_sound).
#[derive(Clone)]
pub struct PcmTrack {
    /// Samples a second.
    pub rate: u32,
    /// Number of channels.
    pub channels: usize,
    /// Samples in −1…1, channel by channel for each instant.
    pub samples: Vec<f32>,
}

impl fmt::Debug for PcmTrack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PcmTrack({} Hz, {} channels, {} values)", self.rate, self.channels, self.samples.len())
    }
}

/// Seconds by which sound may be late before the output gets a gap too, as a fraction.
const GAP: (i64, i64) = (1, 10);
/// Seconds by which sound may stray from its timestamps before silence makes up for it, or a bit is cut off.
const STRAY: (i64, i64) = (1, 40);

/// An audio encoder whose packets go to one stream of the output. Its time is the number of samples.
struct SoundEncoder {
    context: CodecContext,
    /// Filters that bring any sound into the encoder's format and packet size.
    format: String,
    next: i64,
    /// Whether pieces may have any length.
    any_length: bool,
}

impl SoundEncoder {
    fn open(codec: Codec, params: &Params, global_header: bool) -> Result<Self, AvError> {
        let context = CodecContext::audio_encoder(codec, params, global_header)?;
        let mut format = context.audio_format();
        let any_length = context.frame_size() == 0 || codec.takes_any_frame_size();
        if !any_length {
            format += &format!(",asetnsamples=n={}:p=1", context.frame_size());
        }
        Ok(Self { context, format, next: 0, any_length })
    }

    /// Encodes all that the graph has ready, up to the sample `end`.
    fn drain(&mut self, graph: &mut Graph, output: &mut Output, to: usize, end: i64) -> Result<(), AvError> {
        loop {
            let (step, mut frame) = graph.pull()?;
            if step != Step::Got {
                return Ok(());
            }
            if self.next >= end {
                continue;
            }
            if self.any_length {
                frame.shorten(end.saturating_sub(self.next));
            }
            frame.set_pts(self.next);
            self.next += frame.samples();
            self.encode(Some(&frame), output, to)?;
        }
    }

    fn encode(&mut self, frame: Option<&AvFrame>, output: &mut Output, to: usize) -> Result<(), AvError> {
        loop {
            let sent = self.context.send_frame(frame)?;
            loop {
                let mut packet = Packet::new()?;
                if self.context.receive_packet(&mut packet)? != Step::Got {
                    break;
                }
                packet.set_stream(to);
                packet.rescale(self.context.time_base(), output.time_base(to));
                output.write(packet)?;
            }
            if sent {
                return Ok(());
            }
        }
    }
}

/// A stream of sound that is decoded, stretched without changing its pitch, and encoded again.
pub(super) struct AudioTrack {
    decoder: CodecContext,
    encoder: SoundEncoder,
    time_base: Rational,
    stretch: (u32, u32),
    graph: Option<Graph>,
    /// What the graph was made for: the format, and a bit of silence in it.
    input: String,
    silence: Option<AvFrame>,
    /// When the sound in the graph began, in the source's time, and the samples since, silence included.
    begun: Option<Time>,
    pushed: i64,
    /// Samples a second in the graph.
    rate: i32,
    frame: AvFrame,
}

impl AudioTrack {
    /// Adds the stream to the output. Returns its index there, and what people should know.
    pub(super) fn add(
        output: &mut Output,
        muxer: Muxer,
        other: &OtherStream,
        stretch: (u32, u32),
    ) -> Result<(usize, Self, Option<String>), AvError> {
        let params = &other.params;
        let decoder = Codec::decoder_for(params).ok_or(AvError::INVALID_ARGUMENT)?;
        let decoder = CodecContext::decoder(decoder, params, other.time_base, 1, Dict::new())?;
        let codec = encoder_for(muxer, Some(params)).ok_or(AvError::INVALID_ARGUMENT)?;
        let notice = (!params.is_of(codec)).then(|| {
            format!("stream {} ({}) is encoded as {}", other.index, other.describe(), codec.codec_name())
        });
        let encoder = SoundEncoder::open(codec, params, muxer.wants_global_header())?;
        let time_base = encoder.context.time_base();
        let becomes = encoder.context.params()?;
        let to = output.add_stream(&becomes, time_base, other.disposition, &other.metadata, &[])?;
        let track = Self {
            decoder,
            encoder,
            time_base: other.time_base,
            stretch,
            graph: None,
            input: String::new(),
            silence: None,
            begun: None,
            pushed: 0,
            rate: 1,
            frame: AvFrame::new()?,
        };
        Ok((to, track, notice))
    }

    pub(super) fn write(&mut self, output: &mut Output, to: usize, packet: &Packet) -> Result<(), AvError> {
        self.decode(output, to, Some(packet))
    }

    pub(super) fn finish(&mut self, output: &mut Output, to: usize) -> Result<(), AvError> {
        self.decode(output, to, None)?;
        self.end_graph(output, to)?;
        self.encoder.encode(None, output, to)
    }

    fn decode(&mut self, output: &mut Output, to: usize, packet: Option<&Packet>) -> Result<(), AvError> {
        loop {
            let sent = self.decoder.send_packet(packet).unwrap_or_else(|e| {
                tracing::debug!("a packet of sound is skipped: {e}");
                true
            });
            while matches!(self.decoder.receive_frame(&mut self.frame), Ok(Step::Got)) {
                self.stretch(output, to)?;
            }
            if sent {
                return Ok(());
            }
        }
    }

    /// Stretches the piece that was just decoded.
    fn stretch(&mut self, output: &mut Output, to: usize) -> Result<(), AvError> {
        let input = self.frame.sound_format();
        let pts = self.frame.best_pts();
        let time = |ticks: i64, r: Rational| {
            let base = TimeBase::new(r.num.into(), r.den.into()).ok()?;
            Time::from_pts(ticks, base)
        };
        let start = pts.and_then(|t| time(t, self.time_base)).or(self.due()).unwrap_or(Time::ZERO);
        let gap = self.due().is_some_and(|due| start - due > Time::new(GAP.0, GAP.1));
        if self.graph.is_some() && (gap || input != self.input) {
            self.end_graph(output, to)?;
        }
        if self.graph.is_none() {
            let filters = format!("{},{}", tempo(self.stretch), self.encoder.format);
            self.graph = Some(Graph::sound(&input, &filters)?);
            self.input = input;
            // A quarter of a second is more than the tempo filters hold back.
            self.silence = Some(self.frame.silence(self.frame.sample_rate() / 4)?);
            let begin = pts.map(|t| scaled(t, self.stretch)).unwrap_or(0);
            let begin = av::rescale(begin, self.time_base, self.encoder.context.time_base());
            // Never backwards, whatever the file says.
            let due = self.due();
            self.encoder.next = if due.is_some() { self.encoder.next.max(begin) } else { begin };
            self.begun = Some(due.map_or(start, |due| due.max(start)));
            self.pushed = 0;
            self.rate = self.frame.sample_rate().max(1);
        }
        // Small gaps and overlaps add up: what was handed over is held against the time that it should take.
        let stray = start - self.due().unwrap_or(start);
        let samples = stray.abs().div_floor(Time::new(1, self.rate.into()));
        if stray.abs() > Time::new(STRAY.0, STRAY.1) {
            if stray < Time::ZERO {
                match self.frame.without_first(samples)? {
                    Some(rest) => self.frame = rest,
                    None => return Ok(()),
                }
            } else if let Ok(samples) = i32::try_from(samples) {
                let silence = self.frame.silence(samples)?;
                self.push(&silence, output, to)?;
            }
        }
        let frame = std::mem::replace(&mut self.frame, AvFrame::new()?);
        self.push(&frame, output, to)?;
        self.frame = frame;
        Ok(())
    }

    /// When the next piece is due, in the source's time.
    fn due(&self) -> Option<Time> {
        self.begun.map(|begun| begun + Time::new(self.pushed, self.rate.into()))
    }

    fn push(&mut self, frame: &AvFrame, output: &mut Output, to: usize) -> Result<(), AvError> {
        let Some(graph) = &mut self.graph else { return Ok(()) };
        graph.push(Some(frame))?;
        self.pushed += frame.samples();
        self.encoder.drain(graph, output, to, i64::MAX)
    }

    fn end_graph(&mut self, output: &mut Output, to: usize) -> Result<(), AvError> {
        let Some(mut graph) = self.graph.take() else { return Ok(()) };
        // Tempo filters swallow the last bit of what they get: silence goes after it, and what is too much of that is
        // cut off.
        if let Some(silence) = self.silence.take() {
            graph.push(Some(&silence))?;
        }
        graph.push(None)?;
        let base = self.encoder.context.time_base();
        let ticks = TimeBase::new(base.num.into(), base.den.into()).unwrap_or(TimeBase::MILLIS);
        let due = self.due().unwrap_or(Time::ZERO);
        let end = due.scaled(self.stretch.0.into(), self.stretch.1.into()).to_pts(ticks);
        self.encoder.drain(&mut graph, output, to, end)
    }
}

/// The same codec where FFmpeg can encode it and the container takes it, else the first that serves.
fn encoder_for(muxer: Muxer, params: Option<&Params>) -> Option<Codec> {
    let same = params.and_then(Codec::encoder_for).filter(|c| !c.is_experimental());
    let others = ["aac", "libopus", "libvorbis", "flac", "ac3", "libmp3lame", "pcm_s16le"];
    same.into_iter()
        .chain(others.iter().filter_map(|name| Codec::encoder(name)))
        .find(|&c| muxer.holds_codec(c) != Some(false))
}

/// A chain of `atempo` filters that makes sound last `num/den` times as long; each stays where it sounds best.
fn tempo((num, den): (u32, u32)) -> String {
    let tempo = f64::from(den) / f64::from(num);
    let stages = tempo.log2().abs().ceil().clamp(1.0, 16.0);
    let stage = format!("atempo={:.17}", tempo.powf(1.0 / stages).clamp(0.5, 2.0));
    vec![stage; stages as usize].join(",")
}

/// Writes generated sound beside the video, a little ahead of it.
pub(super) struct SoundWriter {
    track: PcmTrack,
    encoder: SoundEncoder,
    graph: Graph,
    to: usize,
    /// Instants handed over so far.
    done: usize,
}

impl SoundWriter {
    pub(super) fn add(output: &mut Output, muxer: Muxer, track: PcmTrack) -> Result<Self, VideoError> {
        let fault =
            |e: AvError| VideoError::Ffmpeg { action: "encode sound".to_owned(), message: e.to_string() };
        let rate = i32::try_from(track.rate).ok().filter(|&r| r > 0);
        let (Some(rate), 1..=8) = (rate, track.channels) else {
            return Err(VideoError::Option(format!(
                "sound of {} Hz and {} channels cannot be encoded: 1 to 8 channels can",
                track.rate, track.channels
            )));
        };
        let codec = encoder_for(muxer, None).ok_or_else(|| {
            VideoError::Option(format!("the FFmpeg in use has no audio encoder for {}", muxer.name()))
        })?;
        let params = Params::floats(rate, track.channels).map_err(fault)?;
        let encoder = SoundEncoder::open(codec, &params, muxer.wants_global_header()).map_err(fault)?;
        let input = AvFrame::sound(rate, track.channels, &vec![0.0; track.channels], 0).map_err(fault)?;
        let graph = Graph::sound(&input.sound_format(), &encoder.format).map_err(fault)?;
        let becomes = encoder.context.params().map_err(fault)?;
        let to = output.add_stream(&becomes, encoder.context.time_base(), 0, &[], &[]).map_err(fault)?;
        Ok(Self { track, encoder, graph, to, done: 0 })
    }

    /// Writes what sounds before `until`.
    pub(super) fn write_until(&mut self, output: &mut Output, until: Time) -> Result<(), AvError> {
        let instant = Time::new(1, self.track.rate.into());
        let end = usize::try_from(until.div_floor(instant)).unwrap_or(0);
        self.write_to(output, end)
    }

    fn write_to(&mut self, output: &mut Output, end: usize) -> Result<(), AvError> {
        let channels = self.track.channels;
        let end = end.min(self.track.samples.len() / channels);
        while self.done < end {
            let next = end.min(self.done + 4096);
            let samples = &self.track.samples[self.done * channels..next * channels];
            let rate = i32::try_from(self.track.rate).unwrap_or(0);
            let frame = AvFrame::sound(rate, channels, samples, self.done as i64)?;
            self.graph.push(Some(&frame))?;
            self.encoder.drain(&mut self.graph, output, self.to, i64::MAX)?;
            self.done = next;
        }
        Ok(())
    }

    /// Writes the rest.
    pub(super) fn finish(&mut self, output: &mut Output) -> Result<(), AvError> {
        self.write_to(output, usize::MAX)?;
        self.graph.push(None)?;
        self.encoder.drain(&mut self.graph, output, self.to, i64::MAX)?;
        self.encoder.encode(None, output, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tempo_stays_in_the_range_of_the_filter() {
        assert_eq!(tempo((2, 1)), "atempo=0.50000000000000000");
        assert_eq!(tempo((4, 1)), "atempo=0.50000000000000000,atempo=0.50000000000000000");
        assert_eq!(tempo((3, 1)).matches("atempo=0.577").count(), 2);
        assert_eq!(tempo((1, 3)).matches("atempo=1.732").count(), 2);
    }
}
