use std::path::{Path, PathBuf};

use ifr_video::images::read_image;

use crate::sets::{images, number, stem};
use crate::{Case, EvalError, Method, Take, Truth};

const EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// Frames that another program made, in a folder.
///
/// A frame of a case NAME whose true frame's file is called TRUTH is looked for as `NAME/TRUTH.png` (or `.jpg`, `.webp`), then
/// as `NAME.png`, also with `_` for the `/` in names, then as the only image in the folder `NAME`. A frame of a video is looked
/// for by its number, counted from 1, at the end of a file's name (`frame_000002.png`), in the folder named after the clip or in
/// the folder itself.
#[derive(Debug, Clone)]
pub struct FrameFolder {
    name: String,
    root: PathBuf,
}

impl FrameFolder {
    /// The frames in `root`, called after it.
    ///
    /// # Errors
    /// [`EvalError`] when it is no folder.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self, EvalError> {
        let root = root.into();
        if !root.is_dir() {
            return Err(EvalError::layout(root, "no folder", "a folder of frames that another program made"));
        }
        Ok(Self { name: stem(&root), root })
    }

    /// The file of a frame, or what was tried.
    fn find(&self, case: &Case, truth: &Truth) -> Result<PathBuf, String> {
        match truth.number {
            Some(n) => self.by_number(&case.name, n),
            None => self.by_name(case, truth),
        }
    }

    fn by_number(&self, case: &str, n: usize) -> Result<PathBuf, String> {
        let clip = self.root.join(case.rsplit_once('/').map_or(case, |(clip, _)| clip));
        let folder = if clip.is_dir() { &clip } else { &self.root };
        let is = |path: &PathBuf| number(&stem(path)).is_some_and(|(found, _)| found == n);
        let found = images(folder).unwrap_or_default().into_iter().find(is);
        found.ok_or_else(|| format!("an image numbered {n} in {}", folder.display()))
    }

    fn by_name(&self, case: &Case, truth: &Truth) -> Result<PathBuf, String> {
        let flat = case.name.replace('/', "_");
        let folders = [self.root.join(&case.name), self.root.join(&flat)];
        let with = |base: &Path, extension: &str| PathBuf::from(format!("{}.{extension}", base.display()));
        let mut tried = Vec::new();
        for folder in &folders {
            let bases = [folder.join(&truth.stem), folder.clone()];
            // Without the second form where a case has several frames: it could be any of them.
            for base in &bases[..if case.truths.len() == 1 { 2 } else { 1 }] {
                if let Some(found) = EXTENSIONS.iter().map(|e| with(base, e)).find(|p| p.is_file()) {
                    return Ok(found);
                }
                tried.push(with(base, "png").display().to_string());
            }
            if case.truths.len() == 1
                && let Ok([only]) = <[_; 1]>::try_from(images(folder).unwrap_or_default())
            {
                return Ok(only);
            }
        }
        tried.dedup();
        Err(tried.join(", "))
    }
}

impl Method for FrameFolder {
    fn name(&self) -> &str {
        &self.name
    }

    fn make(
        &mut self,
        case: &Case,
        taken: &mut dyn FnMut(usize, Take) -> Result<(), EvalError>,
    ) -> Result<(), EvalError> {
        for (i, truth) in case.truths.iter().enumerate() {
            let path = self.find(case, truth).map_err(|tried| EvalError::NoFrame {
                case: case.name.clone(),
                t: truth.t,
                tried,
            })?;
            taken(i, Take { image: read_image(&path)?.to_rgb(), seconds: None })?;
        }
        Ok(())
    }
}
