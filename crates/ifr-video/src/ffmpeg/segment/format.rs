//! The file of a segment, little-endian throughout:
//!
//! ```text
//! magic, 8 bytes
//! block: the header (which job, which segment, the coded video's parameters)
//! block for each packet, in order of decoding (times, flags, side data, bytes)
//! block: the footer (frames, span, times of all packets)
//! u64: where the footer begins; magic of the end, 8 bytes
//! ```
//!
//! A block is its length (u32), its bytes, and their CRC-32. A file without the end is not whole.

use super::super::av::{Packet, Params, Rational, SideData, VideoParts};
use super::super::encoder::{CodedVideo, Span};
use super::writer::SegmentLabel;

/// What every segment begins with; the last byte is the version.
pub(super) const MAGIC: [u8; 8] = *b"ifr-seg\x01";
/// What every whole segment ends with.
pub(super) const END: [u8; 8] = *b"ifr-end\x01";
/// What times and durations stay below, so that sums and differences of a few cannot overflow.
const LIMIT: u64 = 1 << 60;
/// No time.
const NONE: i64 = i64::MIN;

/// Times of a packet, in the encoder's ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PacketTimes {
    pub(super) pts: i64,
    pub(super) dts: Option<i64>,
}

/// What stands at a segment's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) frames: u64,
    pub(super) span: Option<Span>,
    pub(super) packets: Vec<PacketTimes>,
}

/// Builds the bytes of a block.
#[derive(Default)]
struct Put(Vec<u8>);

impl Put {
    fn u32(&mut self, v: u32) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    fn u64(&mut self, v: u64) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    fn i64(&mut self, v: i64) {
        self.0.extend_from_slice(&v.to_le_bytes());
    }

    /// A count; nothing that is written here comes near its limit.
    fn count(&mut self, n: usize) {
        self.u32(u32::try_from(n).unwrap_or(u32::MAX));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn side_data(&mut self, list: &[SideData]) {
        self.count(list.len());
        for data in list {
            self.u32(data.kind.cast_unsigned());
            self.bytes(&data.bytes);
        }
    }
}

/// Reads the bytes of a block; `None` wherever they end too soon.
struct Take<'a>(&'a [u8]);

impl<'a> Take<'a> {
    fn slice(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.slice(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// A count of things that take at least `least` bytes each: no larger than there is room for.
    fn count(&mut self, least: usize) -> Option<usize> {
        let n = usize::try_from(self.u32()?).ok()?;
        (n.checked_mul(least)? <= self.0.len()).then_some(n)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let n = self.count(1)?;
        self.slice(n)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }

    fn side_data(&mut self) -> Option<Vec<SideData>> {
        let n = self.count(8)?;
        let one = |t: &mut Self| Some(SideData { kind: t.u32()?.cast_signed(), bytes: t.bytes()?.to_vec() });
        (0..n).map(|_| one(self)).collect()
    }
}

/// The header's bytes.
pub(super) fn header(label: &SegmentLabel, video: &CodedVideo) -> Vec<u8> {
    let mut put = Put::default();
    put.0.extend_from_slice(&label.job);
    put.u64(label.index);
    put.text(&video.encoder);
    put.i64(video.time_base.num.into());
    put.i64(video.time_base.den.into());
    put.count(video.options.len());
    for (key, value) in &video.options {
        put.text(key);
        put.text(value);
    }
    put.count(video.notices.len());
    video.notices.iter().for_each(|n| put.text(n));
    let VideoParts { codec, format, numbers, header, mut side_data } = video.params.to_parts();
    side_data.extend(video.side_data.iter().cloned());
    put.text(&codec);
    put.text(&format);
    numbers.iter().for_each(|&n| put.i64(n));
    put.bytes(&header);
    put.side_data(&side_data);
    put.0
}

/// What a header's bytes say; `None`: no header.
pub(super) fn read_header(bytes: &[u8]) -> Option<(SegmentLabel, CodedVideo)> {
    let take = &mut Take(bytes);
    let label = SegmentLabel { job: take.array()?, index: take.u64()? };
    let encoder = take.text()?;
    let (num, den) = (i32::try_from(take.i64()?).ok()?, i32::try_from(take.i64()?).ok()?);
    let time_base = Rational::new(num, den);
    let n = take.count(8)?;
    let options = (0..n).map(|_| Some((take.text()?, take.text()?))).collect::<Option<_>>()?;
    let n = take.count(4)?;
    let notices = (0..n).map(|_| take.text()).collect::<Option<_>>()?;
    let (codec, format) = (take.text()?, take.text()?);
    let mut numbers = [0; 17];
    for n in &mut numbers {
        *n = take.i64()?;
    }
    let (header, side_data) = (take.bytes()?.to_vec(), take.side_data()?);
    let parts = VideoParts { codec, format, numbers, header, side_data: Vec::new() };
    let params = Params::from_parts(&parts).ok()?;
    let whole = take.0.is_empty() && time_base.is_positive();
    whole.then_some((label, CodedVideo { encoder, params, side_data, time_base, options, notices }))
}

/// A packet's bytes.
pub(super) fn packet(packet: &Packet) -> Vec<u8> {
    let mut put = Put(Vec::with_capacity(packet.size() + 64));
    put.i64(packet.pts().unwrap_or(NONE));
    put.i64(packet.dts().unwrap_or(NONE));
    put.i64(packet.duration());
    put.u32(packet.flags().cast_unsigned());
    put.side_data(&packet.side_data());
    put.0.extend_from_slice(packet.data());
    put.0
}

/// Whether `time` is none, or one that can be reckoned with.
fn is_time(time: i64) -> bool {
    time == NONE || time.unsigned_abs() < LIMIT
}

/// A packet from its bytes; `None`: these are none.
pub(super) fn read_packet(bytes: &[u8]) -> Option<Packet> {
    let take = &mut Take(bytes);
    let some = |t: i64| Some(t).filter(|&t| t != NONE);
    let times = [take.i64()?, take.i64()?, take.i64()?];
    if !times.into_iter().all(is_time) {
        return None;
    }
    let [pts, dts, duration] = times;
    let (pts, dts) = (some(pts), some(dts));
    let flags = take.u32()?.cast_signed();
    let side_data = take.side_data()?;
    let mut packet = Packet::of(take.0, flags, &side_data).ok()?;
    packet.set_times(pts, dts, duration);
    Some(packet)
}

/// The footer's bytes.
pub(super) fn footer(footer: &Footer) -> Vec<u8> {
    let mut put = Put::default();
    put.u64(footer.frames);
    let span = footer.span.unwrap_or(Span { first: NONE, last: NONE, end: NONE });
    [span.first, span.last, span.end].into_iter().for_each(|t| put.i64(t));
    put.count(footer.packets.len());
    for times in &footer.packets {
        put.i64(times.pts);
        put.i64(times.dts.unwrap_or(NONE));
    }
    put.0
}

/// What a footer's bytes say; `None`: no footer.
pub(super) fn read_footer(bytes: &[u8]) -> Option<Footer> {
    let take = &mut Take(bytes);
    let frames = take.u64()?;
    let (first, last, end) = (take.i64()?, take.i64()?, take.i64()?);
    let n = take.count(16)?;
    let times = |t: &mut Take<'_>| {
        let (pts, dts) = (t.i64()?, t.i64()?);
        let known = pts != NONE && is_time(pts) && is_time(dts);
        known.then_some(PacketTimes { pts, dts: Some(dts).filter(|&d| d != NONE) })
    };
    let packets = (0..n).map(|_| times(take)).collect::<Option<_>>()?;
    let span = (first != NONE).then_some(Span { first, last, end });
    let sound =
        [first, last, end].into_iter().all(is_time) && (first == NONE || (last != NONE && end != NONE));
    (sound && frames < LIMIT >> 20 && take.0.is_empty()).then_some(Footer { frames, span, packets })
}

/// Reads any bytes as each kind of block. Panics where what was read is not bounded by them, or cannot be read again once
/// it is written.
#[cfg(feature = "fuzzing")]
pub(crate) fn try_blocks(bytes: &[u8]) {
    if let Some((label, video)) = read_header(bytes) {
        let again = read_header(&header(&label, &video));
        assert!(again.is_some_and(|(l, v)| l == label && v.params.to_parts() == video.params.to_parts()));
    }
    if let Some(read) = read_packet(bytes) {
        assert!(read.size() <= bytes.len());
        assert_eq!(read_packet(&packet(&read)).map(|p| p.pts()), Some(read.pts()));
    }
    if let Some(read) = read_footer(bytes) {
        assert!(read.packets.len() <= bytes.len() / 16);
        if let Ok(times) = super::decoding::decoding_times(&[&read.packets]) {
            assert!(times.windows(2).all(|w| w[0] < w[1]) && times.len() == read.packets.len());
        }
        assert_eq!(read_footer(&footer(&read)), Some(read));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_encoder_writes_is_refused() {
        let footer_of = |pts, end| Footer {
            frames: 1,
            span: Some(Span { first: 0, last: 0, end }),
            packets: vec![PacketTimes { pts, dts: None }],
        };
        let fine = footer_of(-5, 10);
        assert_eq!(read_footer(&footer(&fine)), Some(fine));
        for (pts, end) in [(i64::MAX, 10), (1 << 61, 10), (i64::MIN, 10), (0, i64::MAX), (0, -1 << 62)] {
            assert_eq!(read_footer(&footer(&footer_of(pts, end))), None, "{pts} {end}");
        }
        let mut first = Packet::of(b"bytes", -1, &[]).unwrap();
        assert!(first.is_key() && first.flags() & 0x2000 == 0);
        first.set_times(Some(3), None, 1);
        assert_eq!(read_packet(&packet(&first)).unwrap().pts(), Some(3));
        first.set_times(Some(i64::MAX), None, 1);
        assert!(read_packet(&packet(&first)).is_none());
    }
    #[test]
    fn negative_codes_are_refused() {
        for at in 0..17 {
            let mut numbers = [0; 17];
            numbers[at] = -5;
            let (codec, format) = ("h264".to_owned(), "yuv420p".to_owned());
            let parts = VideoParts { codec, format, numbers, header: Vec::new(), side_data: Vec::new() };
            // The tag, and what FFmpeg enumerates.
            let unsigned = at == 0 || (10..16).contains(&at);
            match Params::from_parts(&parts) {
                Ok(params) => assert!(!unsigned && params.to_parts() == parts, "{at}"),
                Err(_) => assert!(unsigned, "{at}"),
            }
        }
    }
}
