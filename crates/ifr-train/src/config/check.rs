//! What values may be.

use std::fmt::Display;

use super::{Config, DataKind, Labels, Prior};
use crate::network::is_plus;

/// What the network's sizes must be multiples of, at full scale.
const MULTIPLE: usize = 16;
/// The largest side of a crop.
const MOST_PIXELS: usize = 4096;
/// The most windows in a batch.
const MOST: usize = 4096;
/// The most crops of a window, and places tried for each.
const MOST_CROPS: usize = 64;
/// The most threads of a kind.
const MOST_THREADS: usize = 1024;
/// The farthest that the frames of a window may lie apart.
const MOST_REACH: usize = 64;

/// Key, value found, what is allowed.
type Fault = (String, String, String);

fn fault(key: &str, value: impl Display, allowed: &str) -> Result<(), Fault> {
    Err((key.to_owned(), value.to_string(), format!("expected {allowed}")))
}

fn within<T: PartialOrd + Display>(key: &str, value: T, low: T, high: T) -> Result<(), Fault> {
    if value >= low && value <= high {
        return Ok(());
    }
    fault(key, &value, &format!("a number from {low} to {high}"))
}

impl Config {
    pub(super) fn check(&self) -> Result<(), Fault> {
        self.check_model()?;
        self.check_data()?;
        self.check_train()?;
        self.check_loss()?;
        self.check_validation()?;
        within("output.keep", self.output.keep, 1, 1000)
    }

    fn check_loss(&self) -> Result<(), Fault> {
        let (loss, plus) = (&self.loss, is_plus(&self.model));
        let (own, other): (&[_], &[_]) = match plus {
            true => (&loss.of_plus(), &loss.of_ifrnet()),
            false => (&loss.of_ifrnet(), &loss.of_plus()),
        };
        for &(key, value) in other {
            if let Some(value) = value {
                let keys: Vec<&str> = own.iter().map(|(key, _)| *key).collect();
                fault(
                    key,
                    value,
                    &format!("one of {}: {} has no such part", keys.join(", "), self.model.network),
                )?;
            }
        }
        for &(key, value) in own {
            within(key, value.unwrap_or(0.0), 0.0, 1000.0)?;
        }
        if let Some(path) = loss.perceptual_weights.as_ref().filter(|_| !plus) {
            fault("loss.perceptual_weights", path.display(), "it with model.network = \"ifr-plus\" alone")?;
        }
        let (key, weight) = loss.labelled(plus);
        if weight > 0.0 && self.data.labels == Labels::None {
            fault(
                key,
                weight,
                "0 where data.labels = \"none\"; set data.labels to \"flow\" (computed), \"cached\" (computed \
                 once, vimeo) or \"files\" (.flo files, vimeo)",
            )?;
        }
        Ok(())
    }

    fn check_validation(&self) -> Result<(), Fault> {
        let validation = &self.validation;
        if validation.every == 0 && !validation.sets.is_empty() {
            fault(
                "validation.every",
                0,
                "the steps between validations on validation.sets; for none, leave the sets out, too (--set validation.sets=[])",
            )?;
        }
        if validation.every > 0 && validation.sets.is_empty() {
            fault("validation.sets", "nothing", "the sets to validate on, since validation.every is set")?;
        }
        for (i, set) in validation.sets.iter().enumerate() {
            let key = |name: &str| format!("validation.sets[{i}].{name}");
            if let Some(kind) = &set.kind
                && let Err(e) = kind.parse::<ifr_eval::Kind>()
            {
                return Err((key("kind"), format!("\"{kind}\""), e.to_string()));
            }
            within(&key("drop"), set.drop, 2, 1000)?;
            for (name, value) in [("limit", set.limit), ("frames", set.frames), ("lines", set.lines)] {
                within(&key(name), value.unwrap_or(1), 1, 1_000_000)?;
            }
        }
        Ok(())
    }

    fn check_model(&self) -> Result<(), Fault> {
        let known: Vec<&str> = crate::network::names();
        if !known.contains(&self.model.network.as_str()) {
            fault(
                "model.network",
                format!("\"{}\"", self.model.network),
                &format!("one of {}", known.join(", ")),
            )?;
        }
        within("model.gate", self.model.gate, -20.0, 20.0)?;
        if !is_plus(&self.model) {
            if let Some(path) = &self.model.encoder {
                fault("model.encoder", path.display(), "it with model.network = \"ifr-plus\" alone")?;
            }
            return Ok(());
        }
        if self.model.prior != Prior::None {
            fault("model.prior", "\"flow\"", "\"none\": ifr-plus takes no prior")?;
        }
        if self.data.kind == DataKind::Gopro {
            const ALLOWED: &str =
                "\"vimeo\", \"clips\" or \"frames\": ifr-plus learns the middle between two frames alone";
            fault("data.kind", "\"gopro\"", ALLOWED)?;
        }
        for (i, set) in self.validation.sets.iter().enumerate() {
            if set.drop != 2 {
                fault(
                    &format!("validation.sets[{i}].drop"),
                    set.drop,
                    "2: ifr-plus makes the middle between two frames alone",
                )?;
            }
        }
        Ok(())
    }

    fn check_data(&self) -> Result<(), Fault> {
        let (width, height) = self.data.crop.size();
        for side in [width, height] {
            if side == 0 || side > MOST_PIXELS || !side.is_multiple_of(MULTIPLE) {
                fault(
                    "data.crop",
                    format!("{width}x{height}"),
                    &format!("multiples of {MULTIPLE} from {MULTIPLE} to {MOST_PIXELS}"),
                )?;
            }
        }
        within("data.batch", self.data.batch, 1, MOST)?;
        within("data.reach", self.data.reach, 2, MOST_REACH)?;
        within("data.crops_per_window", self.data.crops_per_window, 1, MOST_CROPS)?;
        within("data.crop_choices", self.data.crop_choices, 1, MOST_CROPS)?;
        within("data.workers", self.data.workers.unwrap_or(1), 1, MOST_THREADS)?;
        within("data.memory", self.data.memory, 16, 1 << 30)?;
        within("data.tolerate", self.data.tolerate, 0.0, 1.0)?;
        let a = &self.data.augmentation;
        for (name, value) in [
            ("resize", a.resize),
            ("reverse_channels", a.reverse_channels),
            ("flip_vertical", a.flip_vertical),
            ("flip_horizontal", a.flip_horizontal),
            ("transpose", a.transpose),
            ("reverse_time", a.reverse_time),
        ] {
            within(&format!("data.augmentation.{name}"), value, 0.0, 1.0)?;
        }
        if self.data.kind != DataKind::Vimeo {
            const ALLOWED: &str =
                "\"flow\" or \"none\": only vimeo has files, and triplets whose flows can be kept";
            match self.data.labels {
                Labels::Files => fault("data.labels", "\"files\"", ALLOWED)?,
                Labels::Cached => fault("data.labels", "\"cached\"", ALLOWED)?,
                Labels::None | Labels::Flow => {}
            }
        }
        if self.data.labels == Labels::Cached && self.data.cache.is_none() {
            fault("data.cache", "nothing", "a folder to keep the flows in, since data.labels = \"cached\"")?;
        }
        Ok(())
    }

    fn check_train(&self) -> Result<(), Fault> {
        let t = &self.train;
        match (t.steps, t.epochs) {
            (None, None) => fault("train.steps", "nothing", "train.steps or train.epochs")?,
            (Some(steps), Some(_)) => {
                fault("train.steps", steps, "either train.steps or train.epochs, not both")?
            }
            (Some(steps), None) => within("train.steps", steps, 1, 1_000_000_000)?,
            (None, Some(epochs)) => within("train.epochs", epochs, 1e-6, 1e6)?,
        }
        within("train.learning_rate", t.learning_rate, 1e-12, 10.0)?;
        within("train.final_learning_rate", t.final_learning_rate, 0.0, t.learning_rate)?;
        within("train.weight_decay", t.weight_decay, 0.0, 1.0)?;
        within("train.clip", t.clip, 0.0, 1e9)?;
        if t.spike != 0.0 {
            within("train.spike", t.spike, 1.5, 1e9)?;
        }
        within("train.ema", t.ema, 0.0, 0.999_999)?;
        within("train.threads", t.threads.unwrap_or(1), 1, MOST_THREADS)?;
        within("train.log_every", t.log_every, 1, 1_000_000)
    }
}
