use std::path::Path;

use crate::sets::folders::images;
use crate::sets::{gopro, middlebury, snu_film, ucf101, vimeo, xiph};
use crate::{EvalError, Kind};

/// Recognises a set by what is in its folder; a file is taken for a video.
///
/// # Errors
/// [`EvalError`] when there is nothing, or nothing known.
pub fn detect(path: &Path) -> Result<Kind, EvalError> {
    let about = std::fs::metadata(path).map_err(|e| EvalError::io("open", path, e))?;
    if !about.is_dir() {
        return Ok(Kind::Video);
    }
    let has = |name: &str| path.join(name).exists();
    let kind = if has("input") && has("gt") {
        Kind::Triplets
    } else if has(vimeo::LIST) {
        Kind::Vimeo
    } else if has(middlebury::DATA) || has(middlebury::TRUTH) {
        Kind::Middlebury
    } else if snu_film::is_one(path) {
        Kind::SnuFilm
    } else if !xiph::clips(path)?.is_empty() {
        Kind::Xiph
    } else if crate::sets::folders::folders(path)?.iter().any(|folder| folder.join(ucf101::TRUTH).is_file()) {
        Kind::Ucf101
    } else if !gopro::clips(path)?.is_empty() {
        Kind::Gopro
    } else if images(path)?.len() > 2 {
        Kind::Video
    } else {
        return Err(EvalError::layout(
            path,
            "no known layout",
            "input/ and gt/ (triplets), tri_testlist.txt and sequences/ (vimeo), folders with frame_01_gt.png (ucf101), \
             test-easy.txt and the like (snu-film), other-data/ and other-gt-interp/ (middlebury), Netflix clips as Y4M or frames \
             (xiph), folders of at least nine frames (gopro), or a video; name the kind to hear what it misses",
        ));
    };
    Ok(kind)
}
