//! Frames and packets into one file, in one go.

use ifr_frame::{Frame, Time};

use super::audio::PcmTrack;
use super::av;
use super::encoder::{Encoder, Opened};
use super::mux::{self, Mux};
use crate::{OutputOptions, Sink, SourceInfo, StreamPacket, Summary, VideoError};

/// An encoder and the container that its packets go to.
pub(crate) struct FileSink {
    encoder: Encoder,
    mux: Mux,
    frames: u64,
}

/// Creates a container for [`crate::create`].
pub(crate) fn create(
    options: &OutputOptions,
    source: Option<&SourceInfo>,
    sound: Option<PcmTrack>,
) -> Result<FileSink, VideoError> {
    av::route_log();
    mux::check_stretch(options.stretch)?;
    let Opened { encoder, video } = Encoder::open(options, source, mux::muxer_of(&options.path)?)?;
    let mux = Mux::create(options, source, &video, sound)?;
    Ok(FileSink { encoder, mux, frames: 0 })
}

impl Sink for FileSink {
    fn write_frame(&mut self, frame: &Frame, pts: Time, duration: Option<Time>) -> Result<(), VideoError> {
        self.mux.refuse_when_full()?;
        let Self { encoder, mux, .. } = self;
        let taken = encoder.send(frame, pts, duration, &mut |packet| mux.write_video(packet))?;
        self.frames += u64::from(taken);
        self.mux.write_sound(pts)?;
        self.mux.check_room()
    }

    fn write_packet(&mut self, packet: StreamPacket) -> Result<(), VideoError> {
        self.mux.write_packet(packet)
    }

    fn notices(&self) -> Vec<String> {
        self.mux.notices()
    }

    fn finish(self: Box<Self>) -> Result<Summary, VideoError> {
        let Self { mut encoder, mut mux, frames } = *self;
        let flushed = match mux.refuse_when_full() {
            Ok(()) => encoder.flush(&mut |packet| mux.write_video(packet)),
            Err(_) => Ok(()),
        };
        mux.finish(flushed, encoder.span(), frames)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::{Item, OpenOptions};

    #[test]
    fn a_damaged_packet_of_sound_costs_only_itself() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let (from, to) = (folder.path().join("in.mkv"), folder.path().join("out.ts"));
        let arguments = "-v error -f lavfi -i testsrc2=size=64x48:rate=25:duration=2 -f lavfi -i sine=duration=2 \
            -c:v ffv1 -pix_fmt yuv420p -c:a aac";
        assert!(Command::new("ffmpeg").args(arguments.split_whitespace()).arg(&from).status()?.success());
        let mut source = crate::open(&from, &OpenOptions::default())?;
        let info = source.info().clone();
        let video = &info.video;
        let options = OutputOptions {
            path: to.clone(),
            width: video.width,
            height: video.height,
            format: video.format,
            color: video.color,
            sample_aspect: video.sample_aspect,
            rotation: None,
            rate: video.rate,
            time_base: None,
            encoder: None,
            crf: None,
            preset: None,
            pix_fmt: None,
            encoder_options: Vec::new(),
            threads: 1,
            stretch: (1, 1),
            audio: true,
            extras: true,
        };
        let mut sink = crate::create(&options, Some(&info))?;
        let mut packets = 0;
        while let Some(item) = source.next()? {
            match item {
                Item::Frame(f) => sink.write_frame(&f.frame, f.pts, f.duration)?,
                Item::Packet(StreamPacket { stream, mut packet }) => {
                    packets += 1;
                    if packets % 20 == 0 {
                        // Transport streams take no sound so short.
                        packet = packet.with_data(&[1]).map_err(|e| e.to_string())?;
                    }
                    sink.write_packet(StreamPacket { stream, packet })?;
                }
            }
        }
        let summary = sink.finish()?;
        assert_eq!(summary.frames, 50);
        let told = format!("left out: {}", packets / 20);
        assert!(summary.notices.len() == 1 && summary.notices[0].contains(&told), "{:?}", summary.notices);
        let mut source = crate::open(&to, &OpenOptions::default())?;
        let (mut frames, mut sound) = (0, 0);
        while let Some(item) = source.next()? {
            *(if matches!(item, Item::Frame(_)) { &mut frames } else { &mut sound }) += 1;
        }
        assert!(frames == 50 && sound >= packets - packets / 20 - 1, "{frames} {sound} of {packets}");
        Ok(())
    }
}
