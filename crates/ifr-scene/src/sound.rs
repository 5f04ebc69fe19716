//! The film's music: soft chords and plucked notes, with a bell and a drum exactly at each cut.

use std::f64::consts::TAU;

use crate::Scene;
use crate::noise::unit;

/// The loudest sample.
const PEAK: f32 = 0.8;
/// Silence before the accent, so that its onset can be told to the sample, in seconds.
const HUSH: f64 = 0.12;
/// Seconds between plucked notes.
const STEP: f64 = 0.25;
/// Chords as semitones above A2, one after another in equal shares of a shot.
const CHORDS: [[&[i32]; 2]; 2] =
    [[&[0, 7, 12, 15, 19], &[-4, 8, 12, 15, 24]], [&[3, 10, 15, 19, 22], &[-2, 5, 14, 17, 22]]];

/// Stereo samples in \[−1, 1\] for the whole of `scene` at `sample_rate` Hz: sample `i` is heard at `i / sample_rate`
/// seconds. There is none at a rate of 0.
///
/// Before each cut the music falls silent for 60 ms; the sample at the cut begins the accent.
pub fn render(scene: &Scene, sample_rate: u32) -> Vec<[f32; 2]> {
    let rate = f64::from(sample_rate);
    let end = scene.duration().as_secs_f64();
    let mut track = Track { rate, samples: vec![[0.0; 2]; (end * rate).round() as usize] };
    let cuts: Vec<f64> = scene.cuts().iter().map(|cut| cut.as_secs_f64()).collect();
    let mut start = 0.0;
    for (shot, &stop) in cuts.iter().chain([&end]).enumerate() {
        let last = stop == end;
        track.music(start, stop, &CHORDS[shot % CHORDS.len()]);
        track.hush(stop, if last { 0.6 } else { HUSH });
        start = stop;
    }
    for &cut in &cuts {
        track.accent(cut);
    }
    track.hush(end, 0.3);
    track.normalised()
}

/// The sound so far.
struct Track {
    rate: f64,
    samples: Vec<[f32; 2]>,
}

impl Track {
    /// Adds `tone` of the seconds since `from`, until `to`, at stereo place `pan` (0 left, 1 right).
    fn add(&mut self, from: f64, to: f64, pan: f64, mut tone: impl FnMut(f64) -> f64) {
        let first = (from * self.rate).ceil().max(0.0) as usize;
        let last = ((to * self.rate).ceil().max(0.0) as usize).min(self.samples.len());
        let gains = [(1.0 - pan).sqrt(), pan.sqrt()];
        for i in first..last {
            let value = tone(i as f64 / self.rate - from);
            for (sample, gain) in self.samples[i].iter_mut().zip(gains) {
                *sample += (value * gain) as f32;
            }
        }
    }

    /// Chords and notes between two instants.
    fn music(&mut self, start: f64, stop: f64, chords: &[&[i32]; 2]) {
        let half = (stop - start) * 0.5;
        for (k, chord) in chords.iter().enumerate() {
            let from = start + half * k as f64;
            let to = (from + half + 0.5).min(stop);
            for (i, &note) in chord.iter().enumerate() {
                self.pad(from, to, note, 0.2 + 0.6 * i as f64 / chord.len() as f64);
            }
        }
        let mut index = 1;
        while start + STEP * f64::from(index) < stop - 0.25 {
            let at = start + STEP * f64::from(index);
            let chord = chords[usize::from(at - start >= half)];
            let pick = (index as usize * 3 + index as usize / 5) % chord.len();
            if unit(index, pick as i32, 9) < 0.82 {
                self.pluck(at, stop, chord[pick] + 12, 0.25 + 0.5 * f64::from(index % 3) / 2.0);
            }
            index += 1;
        }
    }

    /// A soft note: a few partials of two slightly mistuned voices, swelling and fading.
    fn pad(&mut self, from: f64, to: f64, note: i32, pan: f64) {
        let pitch = pitch(note);
        let length = to - from;
        self.add(from, to, pan, |t| {
            let envelope = (t / 0.35).min(1.0) * ((length - t) / 0.45).clamp(0.0, 1.0);
            let voice = |f: f64| {
                let x = TAU * f * t;
                x.sin() + 0.32 * (2.0 * x).sin() + 0.12 * (3.0 * x).sin()
            };
            0.05 * envelope * (voice(pitch * 0.9985) + voice(pitch * 1.0015))
        });
    }

    /// A plucked string: partials that die the sooner the higher they are.
    fn pluck(&mut self, from: f64, stop: f64, note: i32, pan: f64) {
        let pitch = pitch(note);
        self.add(from, (from + 1.4).min(stop), pan, |t| {
            let attack = (t / 0.003).min(1.0);
            let partial = |k: f64| (-t * (2.6 + 1.9 * k)).exp() * (TAU * pitch * k * t).sin() / k;
            0.2 * attack * (partial(1.0) + partial(2.0) * 0.8 + partial(3.0) * 0.6 + partial(4.0) * 0.35)
        });
    }

    /// A bell over a drum, at full strength from the first sample.
    fn accent(&mut self, at: f64) {
        const BELL: [(f64, f64, f64); 5] =
            [(0.5, 0.5, 1.1), (1.0, 1.0, 1.6), (1.19, 0.5, 2.2), (2.0, 0.55, 2.8), (2.74, 0.35, 4.5)];
        let pitch = pitch(27);
        self.add(at, at + 2.6, 0.5, |t| {
            let bell: f64 = BELL
                .iter()
                .map(|(k, gain, decay)| gain * (-t * decay).exp() * (TAU * pitch * k * t).cos())
                .sum();
            let drum = (-t * 14.0).exp() * (TAU * (52.0 * t + 2.2 * (1.0 - (-t * 30.0).exp()))).cos();
            0.24 * bell + 0.6 * drum
        });
    }

    /// Fades what has been played out before `stop`, to silence in the last half of `length`.
    fn hush(&mut self, stop: f64, length: f64) {
        let last = ((stop * self.rate).ceil() as usize).min(self.samples.len());
        let first = ((stop - length) * self.rate).max(0.0) as usize;
        for i in first..last {
            let left = (stop - i as f64 / self.rate) / length;
            let gain = ((left - 0.5) * 2.0).clamp(0.0, 1.0) as f32;
            self.samples[i].iter_mut().for_each(|s| *s *= gain);
        }
    }

    fn normalised(mut self) -> Vec<[f32; 2]> {
        let peak = self.samples.iter().flatten().fold(0.0f32, |peak, s| peak.max(s.abs()));
        if peak > 0.0 {
            self.samples.iter_mut().flatten().for_each(|s| *s *= PEAK / peak);
        }
        self.samples
    }
}

/// Hertz of a note given in semitones above A2.
fn pitch(note: i32) -> f64 {
    110.0 * (f64::from(note) / 12.0).exp2()
}
