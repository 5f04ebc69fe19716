use crate::FrameError;
use crate::frame::check_size;

/// A planar float RGB image: three planes R, G, B of `height` rows × `width` columns, nominally in \[0, 1\].
///
/// Values outside \[0, 1\] occur (limited-range video holds blacker than black) and are kept; conversion back to a
/// frame clamps to the codes the format has.
#[derive(Debug, Clone, PartialEq)]
pub struct RgbImage {
    width: usize,
    height: usize,
    data: Vec<f32>,
}

impl RgbImage {
    /// A black image.
    ///
    /// # Errors
    /// [`FrameError::Size`] when the size is impossible.
    pub fn black(width: usize, height: usize) -> Result<Self, FrameError> {
        check_size(width, height)?;
        Ok(Self { width, height, data: vec![0.0; 3 * width * height] })
    }

    /// An image of given data: 3 × `height` × `width`, R then G then B.
    ///
    /// # Errors
    /// [`FrameError`] when the size is impossible or the data is not of that length.
    pub fn new(width: usize, height: usize, data: Vec<f32>) -> Result<Self, FrameError> {
        check_size(width, height)?;
        if data.len() != 3 * width * height {
            return Err(FrameError::Plane {
                plane: 0,
                format: "float RGB".to_owned(),
                found: format!("{} values", data.len()),
                expected: format!("3x{height}x{width} = {} values", 3 * width * height),
            });
        }
        Ok(Self { width, height, data })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All values: 3 × height × width.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All values, to write.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The values themselves.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }

    /// One channel (0 red, 1 green, 2 blue), height × width.
    pub fn channel(&self, index: usize) -> &[f32] {
        let n = self.width * self.height;
        &self.data[index * n..(index + 1) * n]
    }

    /// The three channels to write at once.
    pub fn channels_mut(&mut self) -> [&mut [f32]; 3] {
        let n = self.width * self.height;
        let (r, rest) = self.data.split_at_mut(n);
        let (g, b) = rest.split_at_mut(n);
        [r, g, b]
    }
}
