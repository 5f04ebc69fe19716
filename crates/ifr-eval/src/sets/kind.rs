use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

/// The benchmark sets that are known, by their layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `input/NAME/*` (two images) and `gt/NAME/*` (the images between them, evenly spaced).
    Triplets,
    /// Vimeo-90K triplets: `tri_testlist.txt` and `sequences/NNNNN/NNNN/im1.png`, `im2.png`, `im3.png`. 3,782 in the test list.
    Vimeo,
    /// UCF101 as cut by Liu et al. for DVF: 379 folders with `frame_00.png`, `frame_01_gt.png`, `frame_02.png`.
    Ucf101,
    /// SNU-FILM (Choi et al., 2020): `test-easy.txt`, `test-medium.txt`, `test-hard.txt`, `test-extreme.txt`, 310 lines each.
    SnuFilm,
    /// Middlebury OTHER: `other-data/NAME/frame10.png`, `frame11.png`, `other-gt-interp/NAME/frame10i11.png`. 12 with truth.
    Middlebury,
    /// Eight 4K clips of Xiph's Netflix sequences, the first 100 frames (Niklaus and Liu, 2020), in 2K and in 4K.
    Xiph,
    /// Folders of frames at a high rate (GoPro, Adobe240): every eighth is an input, the seven between are the truth.
    Gopro,
    /// A video, or a folder of its frames, of which all but every N-th are dropped.
    Video,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Triplets,
        Self::Vimeo,
        Self::Ucf101,
        Self::SnuFilm,
        Self::Middlebury,
        Self::Xiph,
        Self::Gopro,
        Self::Video,
    ];

    /// Its name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Triplets => "triplets",
            Self::Vimeo => "vimeo",
            Self::Ucf101 => "ucf101",
            Self::SnuFilm => "snu-film",
            Self::Middlebury => "middlebury",
            Self::Xiph => "xiph",
            Self::Gopro => "gopro",
            Self::Video => "video",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No such kind of set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is no kind of set: {all} are", all = Kind::ALL.map(Kind::name).join(", "))]
pub struct UnknownKind(String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|k| k.name() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}
