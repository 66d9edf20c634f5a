use super::*;
use crate::Metric;
use gmp_autograd::Mat;
use gmp_nn::Rng;

const BUILT_IN: [Loss; 6] = [
    Loss::MeanAbsoluteError,
    Loss::MeanSquaredError,
    Loss::BinaryCrossEntropy,
    Loss::SoftmaxCrossEntropy,
    Loss::Huber { delta: 0.7 },
    Loss::Quantile { level: 0.8 },
];

/// Predictions, targets and weights of five samples of three outputs, or of their classes.
fn data(loss: Loss) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut rng = Rng::new(1, "losses");
    let predictions = (0..15).map(|_| rng.normal()).collect();
    let targets = match loss.targets() {
        Targets::Classes => (0..5).map(|_| rng.below(3) as f64).collect(),
        _ => (0..15).map(|_| rng.uniform()).collect(),
    };
    (predictions, targets, (0..5).map(|_| 3.0 * rng.uniform()).collect())
}

/// The loss, and its gradient with respect to the predictions.
fn on_tape(loss: Loss, predictions: &[f64], targets: &[f64], weights: Option<&[f64]>) -> (f64, Vec<f64>) {
    let mut tape = Tape::new();
    tape.begin(predictions);
    let prediction = tape.parameter(0, 5, 3);
    let target = tape.input(targets, 5, targets.len() / 5);
    let value = match weights {
        None => loss.apply(&mut tape, prediction, target),
        Some(weights) => {
            let weights = tape.input(weights, 5, 1);
            loss.apply_weighted(&mut tape, prediction, target, weights).unwrap()
        }
    };
    tape.backward(value);
    (tape.value(value).data()[0], tape.parameter_gradients().to_vec())
}

#[test]
fn gradients_are_those_of_differences_with_and_without_weights() {
    for loss in BUILT_IN {
        let (predictions, targets, weights) = data(loss);
        for weights in [None, Some(&weights[..])] {
            let (_, gradient) = on_tape(loss, &predictions, &targets, weights);
            for i in 0..15 {
                let at = |h: f64| {
                    let mut moved = predictions.clone();
                    moved[i] += h;
                    on_tape(loss, &moved, &targets, weights).0
                };
                let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!(
                    (gradient[i] - difference).abs() < 1e-8,
                    "{loss} {i}: {} for {difference}",
                    gradient[i]
                );
            }
        }
    }
}

#[test]
fn weights_of_1_change_nothing_and_a_weight_of_2_is_the_sample_twice() {
    for loss in BUILT_IN {
        let (predictions, targets, _) = data(loss);
        let (plain, gradient) = on_tape(loss, &predictions, &targets, None);
        let (weighted, weighted_gradient) = on_tape(loss, &predictions, &targets, Some(&[1.0; 5]));
        assert!((plain - weighted).abs() < 1e-15, "{loss}: {plain} and {weighted}");
        for (a, b) in gradient.iter().zip(&weighted_gradient) {
            assert!((a - b).abs() < 1e-15, "{loss}");
        }
        let alone = on_tape(loss, &predictions, &targets, Some(&[1.0, 0.0, 0.0, 0.0, 0.0])).0;
        let twice = on_tape(loss, &predictions, &targets, Some(&[2.0, 1.0, 1.0, 1.0, 1.0])).0;
        assert!((twice - plain - alone).abs() < 1e-15, "{loss}");
    }
}

#[test]
fn every_loss_is_a_metric_of_the_same_value() {
    for loss in BUILT_IN {
        let (predictions, targets, weights) = data(loss);
        let (value, _) = on_tape(loss, &predictions, &targets, None);
        assert!((Metric::Loss(loss).of(&predictions, &targets) - value).abs() < 1e-14, "{loss}");
        let (value, _) = on_tape(loss, &predictions, &targets, Some(&weights));
        let sum = loss.sum(&predictions, &targets, Some(&weights)).unwrap();
        assert!((sum / targets.len() as f64 - value).abs() < 1e-14, "{loss} with weights");
    }
}

#[test]
fn known_values() {
    let of = |loss: Loss, p: f64, t: f64| Metric::Loss(loss).of(&[p], &[t]);
    let huber = Loss::Huber { delta: 1.0 };
    assert_eq!(
        [0.0, 0.5, -0.5, 1.0, 3.0, -3.0].map(|p| of(huber, p, 0.0)),
        [0.0, 0.125, 0.125, 0.5, 2.5, 2.5]
    );
    // 2²/2 at the limit, and 2·(3 − 2/2) beyond it.
    let wide = Loss::Huber { delta: 2.0 };
    assert_eq!([1.0, 2.0, 3.0].map(|p| of(wide, p, 0.0)), [0.5, 2.0, 4.0]);
    let quantile = Loss::Quantile { level: 0.75 };
    assert_eq!([0.0, 2.0, -2.0].map(|p| of(quantile, p, 0.0)), [0.0, 0.5, 1.5]);
    assert_eq!(of(Loss::BinaryCrossEntropy, 0.0, 1.0), std::f64::consts::LN_2);
    assert_eq!(of(Loss::BinaryCrossEntropy, -1e4, 1.0), 1e4);
    assert_eq!(Metric::Loss(Loss::SoftmaxCrossEntropy).of(&[1e4, 0.0], &[1.0]), 1e4);
    assert_eq!(Metric::Loss(Loss::SoftmaxCrossEntropy).of(&[0.0, 1e4], &[0.0]), 1e4);
    assert!(of(huber, f64::NAN, 0.0).is_nan() && of(quantile, f64::NAN, 0.0).is_nan());
}

/// Mean (p − t)² as an own loss.
#[derive(Debug)]
struct Own;
impl LossFunction for Own {
    fn name(&self) -> &str {
        "own"
    }
    fn apply<T: Scalar>(&self, tape: &mut Tape<T>, prediction: Var, target: Var) -> Var {
        let difference = op::sub(tape, prediction, target);
        let square = op::mul(tape, difference, difference);
        op::mean(tape, square)
    }
}

#[test]
fn an_own_loss_works_in_both_precisions_and_a_file_keeps_its_name() {
    fn check<T: Scalar>() {
        let numbers = |values: [f64; 3]| values.map(T::from_f64);
        let (p, t) = (numbers([1.0, 2.0, 4.0]), numbers([1.0, 1.0, 2.0]));
        let (own, built_in) = (Metric::Loss(Loss::Custom(&Own)), Metric::MeanSquaredError);
        assert!((own.of(&p, &t) - built_in.of(&p, &t)).abs() < 1e-6);
    }
    check::<f32>();
    check::<f64>();
    let loss = Loss::Custom(&Own);
    assert_eq!((loss.to_string(), loss.check_settings()), ("own".to_owned(), Ok(())));
    let text = serde_json::to_string(&loss).unwrap();
    assert_eq!(text, "{\"custom\":\"own\"}");
    let read: Loss = serde_json::from_str(&text).unwrap();
    assert_eq!((read.to_string(), read.targets()), ("custom".to_owned(), Targets::Any));
    assert_eq!(read.check_settings(), Err(Error::Placeholder { what: "loss" }));
}

#[test]
fn the_files_of_old_say_the_same() {
    for (loss, text) in
        [(Loss::MeanAbsoluteError, "\"mean_absolute_error\""), (BUILT_IN[4], "{\"huber\":{\"delta\":0.7}}")]
    {
        assert_eq!(serde_json::to_string(&loss).unwrap(), text);
        assert_eq!(serde_json::from_str::<Loss>(text).unwrap(), loss);
    }
}

#[test]
fn targets_that_a_loss_does_not_take_are_named() {
    let place = |user: &'static Loss| Place { set: "data", user, first: 10 };
    let softmax = place(&Loss::SoftmaxCrossEntropy);
    let check = |values: &[f64]| Targets::Classes.check_values(softmax, 3, Mat::new(values, values.len(), 1));
    assert_eq!(check(&[0.0, 1.0, 2.0]), Ok(()));
    for (value, text) in [(3.0, "3"), (-1.0, "-1"), (0.5, "0.5"), (f64::NAN, "NaN"), (1e300, "1e300")] {
        let error = check(&[0.0, value]).unwrap_err().to_string();
        let expected = "softmax_cross_entropy takes the class of a sample, a whole number from 0 to 2 for a model with 3 outputs";
        let text = if value == 1e300 { format!("{value}") } else { text.to_owned() };
        assert_eq!(error, format!("data: target {text} at sample 11, column 0; {expected}"));
    }
    let binary = place(&Loss::BinaryCrossEntropy);
    let check = |values: &[f64]| Targets::Probabilities.check_values(binary, 2, Mat::new(values, 1, 2));
    assert_eq!(check(&[0.25, 1.0]), Ok(()));
    let error = check(&[1.0, -1.0]).unwrap_err().to_string();
    assert_eq!(
        error,
        "data: target -1 at sample 10, column 1; binary_cross_entropy takes numbers from 0 to 1"
    );
    assert!(Targets::Values.check_shape(binary, (4, 2), (4, 2)).is_ok());
    assert!(Targets::Values.check_shape(binary, (4, 2), (4, 1)).is_err());
    assert!(Targets::Values.check_shape(binary, (4, 2), (3, 2)).is_err());
    assert!(Targets::Any.check_shape(binary, (4, 2), (3, 1)).is_ok());
}

#[test]
fn settings_out_of_range_are_refused() {
    let huber = |delta| Loss::Huber { delta }.check_settings();
    let quantile = |level| Loss::Quantile { level }.check_settings();
    assert_eq!(
        [huber(0.5), quantile(0.5), Loss::MeanSquaredError.check_settings()],
        [Ok(()), Ok(()), Ok(())]
    );
    for wrong in [-1.0, 0.0, f64::INFINITY, f64::NAN] {
        assert!(matches!(huber(wrong), Err(Error::Setting { setting: "Huber delta", .. })), "{wrong}");
    }
    for wrong in [-0.5, 0.0, 1.0, 1.5, f64::NAN] {
        assert!(matches!(quantile(wrong), Err(Error::Setting { setting: "quantile level", .. })), "{wrong}");
    }
}

/// Absolute errors, with weights too.
#[derive(Debug)]
struct Weighted(&'static str);
impl LossFunction for Weighted {
    fn name(&self) -> &str {
        self.0
    }
    fn targets(&self) -> Targets {
        Targets::Probabilities
    }
    fn apply<T: Scalar>(&self, tape: &mut Tape<T>, prediction: Var, target: Var) -> Var {
        Loss::MeanAbsoluteError.apply(tape, prediction, target)
    }
    fn apply_weighted<T: Scalar>(&self, tape: &mut Tape<T>, p: Var, t: Var, w: Var) -> Option<Var> {
        Loss::MeanAbsoluteError.apply_weighted(tape, p, t, w)
    }
}

#[test]
fn an_own_loss_has_weights_targets_and_an_identity_of_its_own() {
    let loss = Loss::Custom(&Weighted("a"));
    let (predictions, targets, weights) = data(Loss::MeanAbsoluteError);
    for weights in [None, Some(&weights[..])] {
        let expected = on_tape(Loss::MeanAbsoluteError, &predictions, &targets, weights);
        assert_eq!(on_tape(loss, &predictions, &targets, weights), expected);
    }
    assert_eq!(loss.targets(), Targets::Probabilities);
    let mut tape = Tape::<f32>::new();
    tape.begin(&[]);
    let [p, t, w] = [1.0, 2.0, 3.0].map(|number| tape.input(&[number], 1, 1));
    let weighted = loss.apply_weighted(&mut tape, p, t, w).unwrap();
    assert_eq!(tape.value(weighted).data(), [3.0]);
    assert!(Loss::Custom(&Own).apply_weighted(&mut tape, p, t, w).is_none());
    // By name: what a file keeps of it.
    assert_eq!(loss, Loss::Custom(&Weighted("a")));
    assert_ne!(loss, Loss::Custom(&Weighted("b")));
}

/// Of one prediction against 0, weighted by 1, and what the operation is called.
fn slope(loss: Loss, prediction: f64) -> (f64, &'static str) {
    let mut tape = Tape::new();
    tape.begin(&[prediction]);
    let p = tape.parameter(0, 1, 1);
    let (t, w) = (tape.input(&[0.0], 1, 1), tape.input(&[1.0], 1, 1));
    let value = loss.apply_weighted(&mut tape, p, t, w).unwrap();
    tape.backward(value);
    (tape.parameter_gradients()[0], tape.operations().last().unwrap().name)
}

#[test]
fn slopes_are_those_of_the_formulas_and_zero_at_zero() {
    let (huber, quantile) = (Loss::Huber { delta: 2.0 }, Loss::Quantile { level: 0.75 });
    assert_eq!([-3.0, -1.0, 0.0, 1.0, 3.0].map(|p| slope(huber, p).0), [-2.0, -1.0, 0.0, 1.0, 2.0]);
    assert_eq!([-3.0, 0.0, 3.0].map(|p| slope(quantile, p).0), [-0.75, 0.0, 0.25]);
    assert_eq!([-3.0, 0.0, 3.0].map(|p| slope(Loss::MeanAbsoluteError, p).0), [-1.0, 0.0, 1.0]);
    assert!(slope(quantile, f64::NAN).0.is_nan());
    for (loss, name) in [
        (huber, "huber"),
        (quantile, "quantile"),
        (Loss::MeanAbsoluteError, "mean_absolute_error"),
        (Loss::SoftmaxCrossEntropy, "weighted_softmax_cross_entropy"),
    ] {
        assert_eq!(slope(loss, 1.0).1, name);
    }
}

#[test]
#[should_panic(expected = "huber: 2×1 weights for predictions 3×1; expected one per row")]
fn weights_that_do_not_fit_panic() {
    let mut tape = Tape::<f64>::new();
    tape.begin(&[]);
    let p = tape.input(&[0.0; 3], 3, 1);
    let w = tape.input(&[1.0; 2], 2, 1);
    Loss::Huber { delta: 1.0 }.apply_weighted(&mut tape, p, p, w);
}
