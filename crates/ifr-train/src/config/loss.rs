//! The parts of each network's loss.

use super::{Config, Labels, LossConfig};
use crate::loss::{LossWeights, PlusLosses, PlusWeights};
use crate::network::is_plus;

/// The parts of IFRNet's loss.
const IFRNET: [&str; 3] = ["reconstruction", "geometry", "distillation"];

impl LossConfig {
    /// Spells the defaults out, as published, but without what needs labels.
    pub(super) fn settle(&mut self, plus: bool) {
        if plus {
            let PlusWeights { hard, frequency, perceptual, .. } = PlusWeights::default();
            self.hard.get_or_insert(hard);
            self.frequency.get_or_insert(frequency);
            self.perceptual.get_or_insert(perceptual);
            self.flow.get_or_insert(0.0);
        } else {
            let LossWeights { census, geometry, .. } = LossWeights::default();
            self.census.get_or_insert(census);
            self.geometry.get_or_insert(geometry);
            self.distillation.get_or_insert(0.0);
        }
    }

    /// Keys and values of IFRNet's parts.
    pub(super) fn of_ifrnet(&self) -> [(&'static str, Option<f64>); 3] {
        [
            ("loss.census", self.census),
            ("loss.geometry", self.geometry),
            ("loss.distillation", self.distillation),
        ]
    }

    /// Keys and values of IFR+'s parts.
    pub(super) fn of_plus(&self) -> [(&'static str, Option<f64>); 4] {
        [
            ("loss.hard", self.hard),
            ("loss.frequency", self.frequency),
            ("loss.perceptual", self.perceptual),
            ("loss.flow", self.flow),
        ]
    }

    /// For IFRNet.
    pub(crate) fn ifrnet(&self) -> LossWeights {
        let [census, geometry, distillation] = self.of_ifrnet().map(|(_, weight)| weight.unwrap_or(0.0));
        LossWeights { census, geometry, distillation }
    }

    /// For IFR+.
    pub(crate) fn plus(&self) -> PlusWeights {
        let [hard, frequency, perceptual, flow] = self.of_plus().map(|(_, weight)| weight.unwrap_or(0.0));
        PlusWeights { hard, frequency, perceptual, flow }
    }

    /// Key and weight of the part that needs labels.
    pub(super) fn labelled(&self, plus: bool) -> (&'static str, f64) {
        let (key, weight) = if plus { self.of_plus()[3] } else { self.of_ifrnet()[2] };
        (key, weight.unwrap_or(0.0))
    }
}

impl Config {
    /// The names of the parts of the network's loss, in the order of [`StepReport::parts`](crate::StepReport::parts).
    #[must_use]
    pub fn loss_parts(&self) -> &'static [&'static str] {
        if is_plus(&self.model) { &PlusLosses::PARTS } else { &IFRNET }
    }

    /// The labels that a training needs: none where the loss does not read them.
    pub(crate) fn labels(&self) -> Labels {
        let (_, weight) = self.loss.labelled(is_plus(&self.model));
        if weight > 0.0 { self.data.labels } else { Labels::None }
    }

    /// The same without the parts of the loss for which there is no file here, and words about them. A training's checkpoints say
    /// what it did without: to go on with the file is another training.
    pub(crate) fn with_files_there(&self) -> (Self, Option<String>) {
        let mut config = self.clone();
        let words = match &self.loss.perceptual_weights {
            _ if !is_plus(&self.model) || self.loss.perceptual == Some(0.0) => None,
            Some(path) if path.exists() => None,
            Some(path) => Some(format!("there is no {}", path.display())),
            None => Some("loss.perceptual_weights is not set".to_owned()),
        };
        let words = words.map(|reason| {
            config.loss.perceptual = Some(0.0);
            format!(
                "the perceptual part of the loss is left out: {reason} (docs/training.md says how to make the file; \
                 loss.perceptual = 0 leaves it out without a word)"
            )
        });
        (config, words)
    }
}
