//! Data that a model, a loss or a metric does not take are errors that name the sample, and nothing is trained on them.

use gmp_autograd::Mat;
use gmp_nn::{Mlp, Network, Normalization, Parameterization};
use gmp_train::{
    Adam, Batch, Batches, Checkpoint, Dataset, Error, Loss, Metric, Monitor, Observer, State, TrainState,
    Trainer, evaluate,
};

fn network(outputs: usize) -> Network<f64> {
    // With running statistics, which must not move either.
    let mlp = Mlp::new(2, &[4], outputs, Parameterization::Standard);
    mlp.normalization(Normalization::batch()).build(1).unwrap()
}

fn data(targets: &[f64], columns: usize) -> Dataset<f64> {
    let samples = targets.len() / columns;
    Dataset::new((0..2 * samples).map(|i| i as f64).collect(), 2, targets.to_vec(), columns).unwrap()
}

/// Fails before the first step, whether the data come whole or in batches, and leaves the network alone.
fn error(loss: Loss, outputs: usize, data: &Dataset<f64>) -> String {
    let trainer = Trainer::new(loss, data.samples(), 1, 0.1);
    let mut untouched = network(outputs);
    let error = trainer.fit(&mut untouched, &mut Adam::default(), data, None, &mut ()).unwrap_err();
    assert_eq!(untouched.parameters, network(outputs).parameters);
    assert_eq!(untouched.buffers, network(outputs).buffers);
    let (start, mut streamed) = (TrainState::start(&trainer), network(outputs));
    let mut batches = data.batches(data.samples(), 0);
    let of_batches =
        trainer.fit_batches(start, &mut streamed, &mut Adam::default(), &mut batches, None, &mut ());
    assert_eq!(
        std::mem::discriminant(&of_batches.unwrap_err()),
        std::mem::discriminant(&error),
        "in batches: {error}"
    );
    assert_eq!(streamed.parameters, network(outputs).parameters);
    error.to_string()
}

const SOFTMAX: Loss = Loss::SoftmaxCrossEntropy;

#[test]
fn classes_that_are_none() {
    let expected = |target: &str, sample: usize| {
        format!(
            "training data: target {target} at sample {sample}, column 0; softmax_cross_entropy takes the class of a \
             sample, a whole number from 0 to 2 for a model with 3 outputs"
        )
    };
    assert_eq!(error(SOFTMAX, 3, &data(&[1.0, 2.0, 3.0], 1)), expected("3", 2));
    assert_eq!(error(SOFTMAX, 3, &data(&[0.0, 0.5], 1)), expected("0.5", 1));
    assert_eq!(error(SOFTMAX, 3, &data(&[-1.0, 1.0], 1)), expected("-1", 0));
    assert_eq!(
        error(SOFTMAX, 3, &data(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0], 3)),
        "targets of the training data: 3 columns, expected 1 column with the class of every sample, a whole number \
         from 0 to 2, for softmax_cross_entropy; one-hot targets are not taken"
    );
}

#[test]
fn binary_targets_that_are_none() {
    assert_eq!(
        error(Loss::BinaryCrossEntropy, 1, &data(&[1.0, -1.0], 1)),
        "training data: target -1 at sample 1, column 0; binary_cross_entropy takes numbers from 0 to 1"
    );
}

#[test]
fn wrong_numbers_of_inputs_and_outputs() {
    assert_eq!(
        error(Loss::MeanSquaredError, 2, &data(&[1.0, 2.0, 3.0], 1)),
        "targets of the training data: 1 column, expected 2 columns, one per output of the model, for mean_squared_error"
    );
    let wide = Dataset::new(vec![0.0; 9], 3, vec![0.0; 3], 1).unwrap();
    assert_eq!(
        error(Loss::MeanSquaredError, 1, &wide),
        "inputs of the training data: 1 rows of 3 columns for 1 samples, expected 2 columns, as the model takes them"
    );
}

#[test]
fn metrics_and_validation_sets_are_looked_at_too() {
    let fit = |trainer: &Trainer, validation: &Dataset<f64>| {
        let train = data(&[0.0, 1.0, 2.0], 1);
        trainer.fit(&mut network(3), &mut Adam::default(), &train, Some(validation), &mut ())
    };
    let trainer = Trainer::new(SOFTMAX, 3, 1, 0.1);
    assert!(fit(&trainer, &data(&[0.0, 2.0], 1)).is_ok());
    let error = fit(&trainer, &data(&[0.0, 7.0], 1)).unwrap_err().to_string();
    assert!(error.starts_with("validation data: target 7 at sample 1, column 0; softmax"), "{error}");
    let trainer = Trainer { metrics: vec![Metric::MeanAbsoluteError], ..trainer };
    let error = fit(&trainer, &data(&[0.0, 2.0], 1)).unwrap_err().to_string();
    assert!(error.ends_with("one per output of the model, for mean_absolute_error"), "{error}");
    // What is not looked at may be anything.
    let trainer = Trainer { metrics: Vec::new(), monitor: Monitor::TrainingLoss, ..trainer };
    assert!(fit(&trainer, &data(&[0.0, 7.0], 1)).is_ok());
}

#[test]
fn evaluating_is_checked_too() {
    let top = evaluate(&network(3), &mut data(&[0.0, 3.0], 1), &[Metric::TopK(1)]).unwrap_err();
    assert_eq!(
        top.to_string(),
        "data: target 3 at sample 1, column 0; top_1_accuracy takes the class of a sample, a whole number from 0 to 2 \
         for a model with 3 outputs"
    );
    let mut set = data(&[0.0, 2.0], 1);
    let values = evaluate(&network(3), &mut set, &[Metric::Loss(SOFTMAX), Metric::TopK(3)]).unwrap();
    assert_eq!(values, evaluate(&network(3), &mut set, &[Metric::Loss(SOFTMAX), Metric::TopK(3)]).unwrap());
    assert_eq!(set, data(&[0.0, 2.0], 1), "how far it was read is no part of it");
    assert_eq!(values[1], 1.0);
}

/// The third batch of an epoch has a class that is none.
struct Stream(usize, [f64; 2]);
impl Batches<f64> for Stream {
    fn samples(&self) -> usize {
        8
    }
    fn start(&mut self, _: usize, batch: usize) {
        self.0 = batch;
    }
    fn next_batch(&mut self) -> Result<Option<Batch<'_, f64>>, Error> {
        if self.0 == 4 {
            return Ok(None);
        }
        self.0 += 1;
        self.1 = [0.0, if self.0 == 3 { 9.0 } else { 1.0 }];
        let (inputs, targets) = (Mat::new(&[1.0, 2.0, 3.0, 4.0], 2, 2), Mat::new(&self.1, 2, 1));
        Ok(Some(Batch { index: self.0 - 1, samples: 2, inputs, targets, weights: None }))
    }
}

#[test]
fn a_batch_is_looked_at_when_it_comes() {
    for micro_batch in [None, Some(1)] {
        let trainer = Trainer { micro_batch, ..Trainer::new(SOFTMAX, 2, 1, 0.1) };
        let (start, mut stream) = (TrainState::start(&trainer), Stream(0, [0.0; 2]));
        let mut network = Mlp::new(2, &[4], 2, Parameterization::Geometric).build(1).unwrap();
        let error = trainer
            .fit_batches(start, &mut network, &mut Adam::default(), &mut stream, None, &mut ())
            .unwrap_err();
        assert!(matches!(error, Error::Target { sample: 5, column: 0, .. }), "{error}");
        // So is one of the validation set.
        let (start, validation) = (TrainState::start(&trainer), &mut stream);
        let (set, trainer) =
            (data(&[0.0, 1.0, 1.0], 1), Trainer { metrics: vec![Metric::TopK(1)], ..trainer });
        let error = trainer
            .fit_batches(
                start,
                &mut network,
                &mut Adam::default(),
                &mut set.batches(3, 0),
                Some(validation),
                &mut (),
            )
            .unwrap_err();
        assert!(matches!(error, Error::Target { set: "validation data", sample: 5, .. }), "{error}");
    }
}

struct Keep(Option<Checkpoint<f64>>);
impl Observer<f64> for Keep {
    fn on_end(&mut self, state: &State<'_, f64>) {
        self.0 = Some(Checkpoint::new(state, ""));
    }
}

/// The loss of a checkpoint is a setting that can be changed, by hand or by an editor of bytes.
#[test]
fn a_run_that_goes_on_with_another_loss_is_looked_at_too() {
    let (regression, mut keep) = (data(&[0.5, 1.5, 3.0], 1), Keep(None));
    let trainer = Trainer::new(Loss::MeanSquaredError, 2, 2, 0.1);
    trainer.fit(&mut network(1), &mut Adam::default(), &regression, None, &mut keep).unwrap();
    for (loss, text) in
        [(SOFTMAX, "target 0.5 at sample 0"), (Loss::BinaryCrossEntropy, "target 1.5 at sample 1")]
    {
        let (mut network, mut adam) = (network(1), Adam::default());
        let progress = keep.0.clone().unwrap().restore(&mut network, &mut adam).unwrap();
        let trainer = Trainer { loss, epochs: 4, ..trainer.clone() };
        let error =
            trainer.fit_from(progress, &mut network, &mut adam, &regression, None, &mut ()).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn weights_are_checked() {
    let set = || data(&[0.0, 1.0, 2.0], 1);
    assert!(set().with_weights(vec![1.0; 2]).is_err());
    assert!(set().with_weights(vec![1.0, -1.0, 0.0]).is_err());
    assert!(set().with_weights(vec![1.0, f64::NAN, 0.0]).is_err());
    let error = set().with_class_weights(&[1.0, 2.0]).unwrap_err().to_string();
    assert!(
        error.starts_with("data set: target 2 at sample 2, column 0; a list of class weights"),
        "{error}"
    );
    let weighted = set().with_class_weights(&[1.0, 2.0, 3.0]).unwrap();
    assert_eq!(weighted.subset(&[2, 0]).unwrap().weights(), Some(&[3.0, 1.0][..]));
}
