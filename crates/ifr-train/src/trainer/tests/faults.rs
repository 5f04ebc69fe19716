use ifr_net::ParameterStore;

use super::*;
use crate::feed::Fed;

#[test]
fn three_broken_steps_in_a_row_end_it_with_the_batch_saved() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "steps = 9");
    let batches = |n| Ok(if n == 1 || n > 2 { broken(n) } else { batch(n) });
    let (ended, steps, _) = Run { batches, ..Run::new(&config) }.go();
    let error = ended.unwrap_err();
    let TrainError::Diverged { step, count, batch: path, .. } = &error else { panic!("{error}") };
    assert_eq!((*step, *count, steps.len()), (6, 3, 6));
    let skipped: Vec<bool> = steps.iter().map(|step| step.skipped.is_some()).collect();
    assert_eq!(skipped, [false, true, false, true, true, true]);

    let store = ParameterStore::open(path).unwrap();
    assert_eq!(store.read("img1").unwrap(), batch(5).second);
    assert!(store.read("img0").unwrap()[7].is_nan());
    assert_eq!(store.read("target").unwrap(), batch(5).target);
    assert_eq!(store.metadata()["origins"], "film 5..2");

    // What was learnt before is kept, and sound.
    let checkpoint = last(&config, TINY);
    assert_eq!((checkpoint.state.step, checkpoint.state.updates, checkpoint.state.guard.skipped), (6, 2, 4));
    let all = [checkpoint.weights, checkpoint.ema, checkpoint.moment1, checkpoint.moment2].concat();
    assert!(all.iter().all(|v| v.is_finite()));
    let log = std::fs::read_to_string(config.output.dir.join("log.csv")).unwrap();
    assert!(log.lines().last().unwrap().starts_with("6,NaN"), "{log}");
}

#[test]
fn data_that_fail_end_it_with_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), "steps = 9");
    let batches = |n| if n < 3 { Ok(batch(n)) } else { Err(DataError::Worker) };
    let (ended, steps, _) = Run { batches, ..Run::new(&config) }.go();
    assert!(matches!(ended.unwrap_err(), TrainError::Data(DataError::Worker)));
    assert_eq!((steps.len(), last(&config, TINY).state.step), (3, 3));
}

#[test]
fn want_of_memory_names_batch_and_crop_and_suggests() {
    let words = |windows: usize| {
        let zeros = || tch::Tensor::zeros([3, 3, 32, 48], (tch::Kind::Float, tch::Device::Cpu));
        let origins = (0..windows).flat_map(|n| batch(n as u64).origins).collect();
        let fed = Fed { inputs: Vec::new(), target: zeros(), labels: None, samples: 3, origins };
        let full = tch::TchError::Torch("CUDA out of memory.".to_owned());
        let error = ifr_torch::TorchError::new("decoder1", tch::Device::Cuda(0), &full);
        fed.explain(error.into(), 16).to_string()
    };
    let several = words(3);
    for part in ["CUDA device 0", "3 samples of 48x32", "--batch 1, ", "smaller --crop (a multiple of 16)"] {
        assert!(several.contains(part), "{several}");
    }
    // There is no half of a single window.
    let single = words(1);
    assert!(!single.contains("--batch") && single.contains("try a smaller --crop"), "{single}");
}

#[test]
fn weights_to_begin_with_must_be_of_the_network() {
    let dir = tempfile::tempdir().unwrap();
    let first = config(dir.path(), "steps = 2");
    let trained = Run::new(&first).go().0.unwrap();
    let mut second = config(dir.path(), "steps = 1");
    second.output.dir = dir.path().join("second");
    second.model.init = trained.weights;
    let error = Run { network: tiny(12), ..Run::new(&second) }.go().0.unwrap_err().to_string();
    assert!(error.contains("decoder1.convblock.0.0.weight 8x16x3x3 (expected 12x16x3x3)"), "{error}");
    let (done, steps, _) = Run::new(&second).go();
    done.unwrap();
    let (_, fresh, _) = Run::new(&config(&dir.path().join("third"), "steps = 1")).go();
    assert_ne!(losses(&steps), losses(&fresh));
}
