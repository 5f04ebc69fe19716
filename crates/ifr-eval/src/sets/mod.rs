//! Benchmark sets: pairs of frames and the true frames between them.

mod case;
mod clips;
mod detect;
mod folders;
mod gopro;
mod kind;
mod listed;
mod middlebury;
mod snu_film;
mod triplets;
mod ucf101;
mod vimeo;
mod xiph;

use std::path::Path;

use crate::EvalError;

pub use case::{Case, Truth};
pub(crate) use case::{coarse, fine};
pub use clips::{ClipOptions, Clips};
pub use detect::detect;
pub(crate) use folders::{images, number, stem};
pub use kind::{Kind, UnknownKind};
pub use listed::ListedSet;

/// Yields the cases of a benchmark set, one by one.
pub trait Set: Send {
    /// What it is called in reports.
    fn name(&self) -> &str;

    /// Which set it is.
    fn kind(&self) -> Kind;

    /// How many cases there are, where that is known before they are read.
    fn count(&self) -> Option<usize>;

    /// What people should know of the set before they believe a figure: files that are missing, …; more may come up while it
    /// is read.
    fn notices(&self) -> &[String];

    /// The next case; `None` at the end. After an error the next call goes on behind the case that could not be read.
    fn next_case(&mut self) -> Option<Result<Case, EvalError>>;
}

/// How sets are opened.
#[derive(Debug, Clone, Default)]
pub struct SetOptions {
    /// What the set is called in reports; its kind's name (and the part's, as in `snu-film-hard`) when not given.
    pub label: Option<String>,
    /// Which set it is; recognised by its layout when not given.
    pub kind: Option<Kind>,
    /// How frames are dropped from videos.
    pub clips: ClipOptions,
}

/// Opens the set at `path`: a folder in the layout of one of the benchmarks, or a video (a file, or a folder of frames). Some
/// have parts that are reported on their own: SNU-FILM's four degrees, Xiph's two sizes.
///
/// # Errors
/// [`EvalError`] when there is nothing at `path`, it has no known layout, or nothing in it is complete.
pub fn open_set(path: &Path, options: &SetOptions) -> Result<Vec<Box<dyn Set>>, EvalError> {
    let kind = match options.kind {
        Some(kind) => kind,
        None => detect(path)?,
    };
    if !path.exists() && kind != Kind::Video {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(EvalError::io("open", path, missing));
    }
    let label = options.label.clone().unwrap_or_else(|| match kind {
        Kind::Video => folders::stem(path),
        kind => kind.name().to_owned(),
    });
    let boxed = |set: ListedSet| -> Vec<Box<dyn Set>> { vec![Box::new(set)] };
    Ok(match kind {
        Kind::Triplets => boxed(triplets::open(path, label)?),
        Kind::Vimeo => boxed(vimeo::open(path, label)?),
        Kind::Ucf101 => boxed(ucf101::open(path, label)?),
        Kind::Middlebury => boxed(middlebury::open(path, label)?),
        Kind::SnuFilm => {
            snu_film::open(path, &label)?.into_iter().map(|s| Box::new(s) as Box<dyn Set>).collect()
        }
        Kind::Xiph => xiph::open(path, &label)?.into_iter().map(|s| Box::new(s) as Box<dyn Set>).collect(),
        Kind::Gopro => vec![Box::new(gopro::open(path, label)?)],
        Kind::Video => vec![Box::new(Clips::video(path, label, &options.clips)?)],
    })
}
