//! The plane that networks know nothing of.

use std::sync::Arc;

use ifr_frame::{Frame, FrameError, Samples};

/// The frame with its alpha (the last plane) blended from two others'.
pub(super) fn with_alpha(
    frame: &Frame,
    [first, second]: &[Arc<Frame>; 2],
    t: f32,
) -> Result<Frame, FrameError> {
    let mut planes: Vec<Samples> = frame.planes().iter().map(|p| p.samples.clone()).collect();
    if let (Some(a), Some(b), Some(alpha)) =
        (first.planes().last(), second.planes().last(), planes.last_mut())
    {
        let blend = |(a, b): (f32, f32)| a + t * (b - a) + 0.5;
        match (&a.samples, &b.samples) {
            (Samples::U8(a), Samples::U8(b)) => {
                let pairs = a.iter().zip(b).map(|(&a, &b)| (f32::from(a), f32::from(b)));
                *alpha = Samples::U8(pairs.map(|p| blend(p) as u8).collect());
            }
            (Samples::U16(a), Samples::U16(b)) => {
                let pairs = a.iter().zip(b).map(|(&a, &b)| (f32::from(a), f32::from(b)));
                *alpha = Samples::U16(pairs.map(|p| blend(p) as u16).collect());
            }
            // Frames of one format have planes of one type.
            _ => {}
        }
    }
    Frame::new(frame.format(), frame.width(), frame.height(), planes, frame.color())
}
