//! Inputs and parameters that do not suit a graph are refused with what was expected.

use ifr_net::{IfrNet, InputError, Parameters, Ratio, RunSize, Tensor, reference};

#[test]
fn wrong_inputs_are_refused() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let image = |n, c, h, w| Tensor::zeros([n, c, h, w]);
    let t = |n| Tensor::point(&vec![0.5; n]);
    let of = |inputs: &[Tensor]| RunSize::of(&graph, inputs);
    let good = of(&[image(2, 3, 32, 48), image(2, 3, 32, 48), t(2)]).unwrap();
    assert_eq!(good, RunSize { batch: 2, width: 48, height: 32 });
    for inputs in [
        vec![image(1, 3, 32, 48), image(1, 3, 32, 48)],
        vec![image(1, 3, 32, 40), image(1, 3, 32, 40), t(1)],
        vec![image(1, 3, 0, 48), image(1, 3, 0, 48), t(1)],
        vec![image(1, 3, 32, 48), image(1, 3, 48, 32), t(1)],
        vec![image(1, 4, 32, 48), image(1, 3, 32, 48), t(1)],
        vec![image(2, 3, 32, 48), image(1, 3, 32, 48), t(2)],
        vec![image(2, 3, 32, 48), image(2, 3, 32, 48), t(1)],
        vec![image(0, 3, 32, 48), image(0, 3, 32, 48), t(0)],
        vec![],
    ] {
        assert!(of(&inputs).is_err());
    }
    assert!(matches!(Tensor::new([1, 1, 2, 2], vec![0.0; 3]), Err(InputError::Length { .. })));
    assert!(Tensor::new([usize::MAX, 2, 1, 1], vec![]).is_err());
}

#[test]
fn another_networks_parameters_are_refused() {
    let graph = IfrNet::S.graph(Ratio::ONE).unwrap();
    let params = Parameters::by_rule(&IfrNet::B.graph(Ratio::ONE).unwrap());
    let image = Tensor::zeros([1, 3, 16, 16]);
    let error = reference::run(&graph, &params, &[image.clone(), image, Tensor::point(&[0.5])]).unwrap_err();
    assert_eq!(error.to_string(), "the parameters are not those of ifrnet-s");
}

#[test]
fn a_batch_is_its_samples() {
    let graph = IfrNet::S.graph("0.5".parse().unwrap()).unwrap();
    let params = Parameters::by_rule(&graph);
    let make =
        |seed: usize| -> Vec<f32> { (0..3 * 32 * 32).map(|i| (i * seed % 97) as f32 / 96.0).collect() };
    let (a, b, c, d) = (make(7), make(31), make(13), make(5));
    let one = |x: &[f32], y: &[f32], t: f32| {
        let image = |v: &[f32]| Tensor::new([1, 3, 32, 32], v.to_vec()).unwrap();
        reference::run(&graph, &params, &[image(x), image(y), Tensor::point(&[t])])
            .unwrap()
            .remove(0)
            .into_data()
    };
    let both = |x: &[f32], y: &[f32]| Tensor::new([2, 3, 32, 32], [x, y].concat()).unwrap();
    let batch =
        reference::run(&graph, &params, &[both(&a, &c), both(&b, &d), Tensor::point(&[0.25, 0.75])]).unwrap();
    assert_eq!(batch[0].data(), [one(&a, &b, 0.25), one(&c, &d, 0.75)].concat());
}
