//! HDR metadata: what is kept, how encoders that FFmpeg does not tell of it are told, and what is dropped.
//!
//! Static metadata describe the whole video: the mastering display (SMPTE ST 2086) and the light levels of the content
//! (CTA-861.3). They travel as the video stream's side data ([`Streams::video_side_data`](super::Streams)), from there into
//! the container and, by [`Hdr::tell`], into what the encoder writes. Dynamic metadata belong to single pictures, and no
//! encoder makes them for in-between frames: [`Dropped`] says so once.

use super::av::{Codec, Dict, SideData, Streamed};

/// Chromaticities count 0.00002 in HEVC's and H.264's messages (ITU-T H.265, D.3.28), luminances 0.0001 cd/m².
const CHROMATICITY: f64 = 50_000.0;
const LUMINANCE: f64 = 10_000.0;

/// The metadata of HDR10 as a stream's side data state them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Hdr {
    mastering: Option<Mastering>,
    /// MaxCLL and MaxFALL in cd/m²; 0 when unknown.
    light: Option<(u32, u32)>,
}

/// The display that the video was graded on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Mastering {
    /// CIE 1931 (x, y) of red, green, blue and white.
    points: [[f64; 2]; 4],
    /// Least and greatest luminance in cd/m².
    luminance: [f64; 2],
}

impl Hdr {
    /// What is among a stream's side data. A mastering display counts when both its colours and its luminances are there:
    /// messages have no place for half of it.
    pub(super) fn of(side_data: &[SideData]) -> Self {
        let find = |kind| side_data.iter().find(|d| d.kind == kind).map(|d| words(&d.bytes));
        let mastering = find(SideData::MASTERING).and_then(|w| Mastering::parse(&w));
        let light = find(SideData::LIGHT_LEVEL).and_then(|w| match w[..] {
            [cll, fall, ..] => Some((u32::try_from(cll).ok()?, u32::try_from(fall).ok()?)),
            _ => None,
        });
        Self { mastering, light }
    }

    /// Adds to an encoder's options what it must be told to write the metadata itself. FFmpeg's x264, x265 and SVT-AV1
    /// wrappers hand on none before version 6.1; later ones do so from side data that this crate does not give them. What
    /// whoever calls has set stays.
    pub(super) fn tell(&self, codec: Codec, options: &mut Dict) {
        let (key, names) = match codec.name().as_str() {
            "libx265" => ("x265-params", ["master-display", "max-cll"]),
            "libx264" | "libx264rgb" => ("x264-params", ["mastering-display", "cll"]),
            "libsvtav1" => ("svtav1-params", ["mastering-display", "content-light"]),
            _ => return,
        };
        if !codec.has_option(key) {
            return;
        }
        let mastering = match key {
            "svtav1-params" => self.mastering.map(|m| m.in_units()),
            _ => self.mastering.and_then(|m| m.in_steps()),
        };
        let light = self.light.map(|(cll, fall)| format!("{},{}", cll.min(65_535), fall.min(65_535)));
        for (name, value) in names.into_iter().zip([mastering, light]) {
            if let Some(value) = value {
                append(options, key, name, &value);
            }
        }
    }
}

/// Adds `name=value` to an encoder's own list of parameters, unless it is there.
pub(super) fn append(options: &mut Dict, key: &str, name: &str, value: &str) {
    let given = options.get(key).filter(|given| !given.is_empty());
    let is_set = |list: &str| list.split(':').any(|p| p.split('=').next() == Some(name));
    match given {
        Some(list) if is_set(&list) => {}
        Some(list) => options.set(key, &format!("{list}:{name}={value}")),
        None => options.set(key, &format!("{name}={value}")),
    }
}

impl Mastering {
    /// From `AVMasteringDisplayMetadata`: ten fractions (x and y of red, green, blue and white, least and greatest
    /// luminance), then whether the colours and whether the luminances are set.
    fn parse(words: &[i32]) -> Option<Self> {
        let fraction = |i: usize| match words.get(2 * i..2 * i + 2)? {
            &[num, den] if num >= 0 && den > 0 => Some(f64::from(num) / f64::from(den)),
            _ => None,
        };
        if words.get(20).is_none_or(|&set| set == 0) || words.get(21).is_none_or(|&set| set == 0) {
            return None;
        }
        let mut points = [[0.0; 2]; 4];
        for (i, value) in points.as_flattened_mut().iter_mut().enumerate() {
            *value = fraction(i)?;
        }
        Some(Self { points, luminance: [fraction(8)?, fraction(9)?] })
    }

    /// In the steps of HEVC's message, as x264 and x265 take them; `None` where it has no such codes.
    fn in_steps(self) -> Option<String> {
        let code = |v: f64, step: f64, most: f64| Some((v * step).round()).filter(|&c| c <= most);
        let mut points = [[0.0; 2]; 4];
        for (to, from) in points.as_flattened_mut().iter_mut().zip(self.points.as_flattened()) {
            *to = code(*from, CHROMATICITY, f64::from(u16::MAX))?;
        }
        let [least, most] = self.luminance;
        let luminance =
            [code(least, LUMINANCE, f64::from(u32::MAX))?, code(most, LUMINANCE, f64::from(u32::MAX))?];
        Some(written(points, luminance))
    }

    /// In plain numbers, as SVT-AV1 takes them.
    fn in_units(self) -> String {
        written(self.points, self.luminance)
    }
}

/// The notation that all three encoders share: green, blue, red, white point; greatest, then least luminance.
fn written([[rx, ry], [gx, gy], [bx, by], [wx, wy]]: [[f64; 2]; 4], [least, most]: [f64; 2]) -> String {
    format!("G({gx},{gy})B({bx},{by})R({rx},{ry})WP({wx},{wy})L({most},{least})")
}

fn words(bytes: &[u8]) -> Vec<i32> {
    bytes.as_chunks::<4>().0.iter().map(|&b| i32::from_ne_bytes(b)).collect()
}

/// Which metadata of single pictures were met and are left out, each told once.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    dolby_vision: bool,
    told: Vec<Streamed>,
}

impl Dropped {
    /// Looks at a stream's side data. Returns what people should be told.
    pub(super) fn of_stream(&mut self, side_data: &[SideData]) -> Option<String> {
        let record = side_data.iter().find(|d| d.kind == SideData::DOLBY_VISION)?;
        self.dolby_vision = true;
        // `AVDOVIDecoderConfigurationRecord`: version, revision, profile, level, four flags of which the third says that
        // there is a base layer, and what that is compatible with.
        let (profile, compatible) = (record.bytes.get(2).copied(), record.bytes.get(7).copied());
        if profile == Some(5) || compatible == Some(0) {
            return Some(
                "the video is Dolby Vision without a base layer that stands alone (profile 5): its metadata are dropped, and \
                 the colours of the output will be wrong; convert it to HDR10 first"
                    .to_owned(),
            );
        }
        Some(
            "the video's Dolby Vision metadata are dropped: they describe single pictures, and there are none for new ones; \
             its base layer is kept"
                .to_owned(),
        )
    }

    /// Looks at the side data of a picture. Returns what people should be told that is new.
    pub(super) fn of_picture(&mut self, found: &[Streamed]) -> Vec<String> {
        let mut notices = Vec::new();
        for &kind in found {
            if self.told.contains(&kind) {
                continue;
            }
            self.told.push(kind);
            let text = match kind {
                // The stream's own notice says it all.
                Streamed::DolbyVision if self.dolby_vision => continue,
                Streamed::DolbyVision => {
                    "the video's Dolby Vision metadata are dropped: they describe single pictures, and there are none for \
                     new ones"
                }
                Streamed::Hdr10Plus => {
                    "the video's HDR10+ metadata are dropped: they describe single pictures, and there are none for new \
                     ones; HDR10's, which describe the whole, are kept"
                }
                Streamed::Captions => {
                    "closed captions inside the video (CEA-608/708) are dropped: `ffmpeg -f lavfi -i \
                     \"movie=IN[out0+subcc]\" -map 0:s OUT.srt` makes a subtitle file of them"
                }
            };
            notices.push(text.to_owned());
        }
        notices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P3 in BT.2020, 0.005 to 1000 cd/m², as FFmpeg's decoders state it.
    fn display() -> SideData {
        let points = [34_000, 16_000, 13_250, 34_500, 7_500, 3_000, 15_635, 16_450];
        let mut words: Vec<i32> = points.into_iter().flat_map(|p| [p, 50_000]).collect();
        words.extend([50, 10_000, 10_000_000, 10_000, 1, 1]);
        SideData { kind: SideData::MASTERING, bytes: words.iter().flat_map(|w| w.to_ne_bytes()).collect() }
    }

    fn light() -> SideData {
        let bytes = [1000_u32, 400].iter().flat_map(|w| w.to_ne_bytes()).collect();
        SideData { kind: SideData::LIGHT_LEVEL, bytes }
    }

    #[test]
    fn encoders_are_told_in_their_own_words() {
        let hdr = Hdr::of(&[light(), display()]);
        let steps = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)";
        let units = "G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000,0.005)";
        for (name, key, expected) in [
            ("libx265", "x265-params", format!("master-display={steps}:max-cll=1000,400")),
            ("libx264", "x264-params", format!("mastering-display={steps}:cll=1000,400")),
            ("libsvtav1", "svtav1-params", format!("mastering-display={units}:content-light=1000,400")),
        ] {
            let Some(codec) = Codec::encoder(name) else { continue };
            let mut options = Dict::new();
            hdr.tell(codec, &mut options);
            assert_eq!(options.get(key), Some(expected), "{name}");
        }
        let mut options = Dict::new();
        if let Some(codec) = Codec::encoder("ffv1") {
            hdr.tell(codec, &mut options);
        }
        assert!(options.pairs().is_empty());
    }

    #[test]
    fn what_is_set_by_hand_stays() {
        let Some(codec) = Codec::encoder("libx265") else { return };
        let mut options = Dict::of([("x265-params", "max-cll=1,2:aq-mode=1")]);
        Hdr::of(&[light(), display()]).tell(codec, &mut options);
        let list = options.get("x265-params").unwrap();
        assert!(list.starts_with("max-cll=1,2:aq-mode=1:master-display=G("), "{list}");
        assert!(!list.contains("1000,400"), "{list}");
    }

    #[test]
    fn halves_and_damage_count_for_nothing() {
        let mut half = display();
        half.bytes[80..84].fill(0);
        assert_eq!(Hdr::of(&[half]), Hdr::default());
        let mut short = display();
        short.bytes.truncate(40);
        assert_eq!(Hdr::of(&[short]), Hdr::default());
        let mut zero = display();
        zero.bytes[4..8].fill(0);
        assert_eq!(Hdr::of(&[zero]), Hdr::default());
        let mut bright = display();
        bright.bytes[72..76].copy_from_slice(&i32::MAX.to_ne_bytes());
        bright.bytes[76..80].copy_from_slice(&1_i32.to_ne_bytes());
        assert_eq!(Hdr::of(&[bright]).mastering.and_then(Mastering::in_steps), None);
    }

    #[test]
    fn dolby_vision_is_told_once() {
        let record = |profile: u8, compatible: u8| SideData {
            kind: SideData::DOLBY_VISION,
            bytes: vec![1, 0, profile, 6, 1, 0, 1, compatible],
        };
        let mut dropped = Dropped::default();
        assert!(dropped.of_stream(&[light()]).is_none());
        let told = dropped.of_stream(&[light(), record(8, 1)]).unwrap();
        assert!(told.contains("base layer is kept"), "{told}");
        assert!(dropped.of_picture(&[Streamed::DolbyVision]).is_empty(), "the stream said so");
        assert_eq!(dropped.of_picture(&[Streamed::Hdr10Plus, Streamed::Captions]).len(), 2);
        assert!(dropped.of_picture(&[Streamed::Captions, Streamed::Hdr10Plus]).is_empty());
        assert_eq!(Dropped::default().of_picture(&[Streamed::DolbyVision; 2]).len(), 1);
        let told = Dropped::default().of_stream(&[record(5, 0)]).unwrap();
        assert!(told.contains("colours of the output will be wrong"), "{told}");
    }
}
