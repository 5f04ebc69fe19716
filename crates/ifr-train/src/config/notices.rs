use super::Config;
use crate::network::is_plus;

impl Config {
    /// What is allowed in a training of so many steps, but hardly meant.
    pub(crate) fn notices(&self, steps: u64) -> Vec<String> {
        let mut notices = Vec::new();
        if self.data.labels != self.labels() {
            let (key, _) = self.loss.labelled(is_plus(&self.model));
            notices.push(format!("data.labels is not used: {key} is 0"));
        }
        if self.train.warmup >= steps {
            notices.push(format!(
                "train.warmup = {} is not over within the {steps} steps: the learning rate only rises",
                self.train.warmup
            ));
        }
        notices
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Labels, Override};

    fn config(overrides: &[&str]) -> Config {
        let text = "[model]\nnetwork = 'ifrnet-s'\n[data]\nkind = 'clips'\npath = 'clips'\ncrop = 64\nbatch = 2\n\
                    [output]\ndir = 'out'\n[train]\nsteps = 5\n";
        let overrides: Vec<Override> = overrides.iter().map(|o| o.parse().unwrap()).collect();
        Config::parse(text, "c.toml", Path::new("/"), &overrides).unwrap()
    }

    #[test]
    fn labels_that_the_loss_does_not_read_are_none() {
        let unread = config(&["data.labels=flow"]);
        assert_eq!(unread.labels(), Labels::None);
        assert_eq!(unread.notices(5), ["data.labels is not used: loss.distillation is 0"]);
        let read = config(&["data.labels=flow", "loss.distillation=0.01"]);
        assert_eq!(read.labels(), Labels::Flow);
        assert_eq!(read.notices(5), [""; 0]);
    }

    #[test]
    fn a_warm_up_ends_within_the_training() {
        let config = config(&["train.warmup=500"]);
        assert_eq!(config.notices(501), [""; 0]);
        for steps in [100, 500] {
            let notices = config.notices(steps).concat();
            assert!(
                notices.contains("train.warmup = 500") && notices.contains(&steps.to_string()),
                "{notices}"
            );
        }
    }
}
