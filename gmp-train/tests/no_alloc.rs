//! A steady-state training step allocates nothing: counted by an allocator that counts.

use gmp_nn::{Mlp, Parameterization, Rng};
use gmp_train::{
    Adam, AdamW, BoundaryChanges, Clip, Dataset, Epoch, EpochRecord, Loss, Observer, Optimizer, ParamGroup,
    ParamGroups, RmsProp, Schedule, Sgd, Span, Trainer,
};
use std::ops::ControlFlow;

mod common;
#[path = "../../gmp-nn/tests/forms.rs"]
mod forms;
use common::allocations;

/// Notes the allocations so far after every epoch, in memory of its own that never grows.
struct Count(Vec<usize>);
impl<T: gmp_nn::Element> Observer<T> for Count {
    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        self.0[epoch.record.epoch] = allocations();
        ControlFlow::Continue(())
    }
}

fn allocations_of<T: gmp_nn::Element>(
    form: &str,
    inputs: usize,
    hidden: &[usize],
    batch_size: usize,
) -> usize {
    let trainer = Trainer { seed: 1, ..Trainer::new(Loss::MeanAbsoluteError, batch_size, 110, 0.01) };
    allocations_under::<T>(&trainer, &mut Adam::default(), false, form, inputs, hidden)
}

fn allocations_under<T: gmp_nn::Element>(
    trainer: &Trainer,
    optimizer: &mut dyn Optimizer<T>,
    is_weighted: bool,
    form: &str,
    inputs: usize,
    hidden: &[usize],
) -> usize {
    let mut rng = Rng::new(1, "data");
    let draw = |rng: &mut Rng, n: usize| (0..n).map(|_| T::from_f64(rng.normal())).collect::<Vec<T>>();
    let data = Dataset::new(draw(&mut rng, 404 * inputs), inputs, draw(&mut rng, 404), 1).unwrap();
    let mut network = forms::mlp(inputs, hidden, 1, form).build::<T>(1).unwrap();
    let data = if is_weighted { data.with_weights(vec![T::ONE; 404]).unwrap() } else { data };
    let mut count = Count(vec![0; 110]);
    trainer.fit(&mut network, optimizer, &data, None, &mut count).unwrap();
    count.0[109] - count.0[9]
}

/// One test, so that no other runs beside it and is counted too.
#[test]
fn a_hundred_steady_epochs_allocate_nothing() {
    assert!(allocations() > 0, "the counting allocator is not in use");
    for form in forms::DENSE {
        for (inputs, hidden, batch) in
            [(13, &[100][..], 404), (1, &[100], 50), (13, &[100, 60], 128), (2, &[10], 1)]
        {
            assert_eq!(
                allocations_of::<f64>(form, inputs, hidden, batch),
                0,
                "{form} f64 {inputs} {hidden:?} {batch}"
            );
            assert_eq!(
                allocations_of::<f32>(form, inputs, hidden, batch),
                0,
                "{form} f32 {inputs} {hidden:?} {batch}"
            );
        }
    }
    // Every optimizer, the losses of this crate, weights, schedules and metrics that need the tape.
    let optimizers: [Box<dyn Optimizer<f64>>; 4] = [
        Box::new(AdamW::new(0.01)),
        Box::new(RmsProp::new(0.9, 0.5, 1e-7)),
        Box::new(Sgd::new(0.9).with_nesterov()),
        Box::new(ParamGroups::new(Adam::default(), [ParamGroup::name("hidden1.*").rate(0.5)])),
    ];
    for (mut optimizer, loss) in optimizers.into_iter().zip([
        Loss::Huber { delta: 1.0 },
        Loss::Quantile { level: 0.9 },
        Loss::MeanSquaredError,
        Loss::Huber { delta: 0.1 },
    ]) {
        let trainer = Trainer {
            schedule: Some(Schedule::WarmUp.during(Span::Steps(50)).then(Schedule::cosine())),
            clip: Some(Clip::Norm(1.0)),
            ..Trainer::new(loss, 128, 110, 0.01)
        };
        let count = allocations_under(&trainer, &mut *optimizer, true, "GmP", 13, &[20]);
        assert_eq!(count, 0, "{loss}");
    }
    // Watching the boundaries costs the growth of its record and nothing else.
    let network = Mlp::new(2, &[10], 1, Parameterization::Geometric).build::<f64>(1).unwrap();
    let mut changes = BoundaryChanges::new(&network, "hidden1");
    let trainer = Trainer::new(Loss::MeanAbsoluteError, 1, 64, 0.1);
    let mut epoch = |epoch| {
        let record = EpochRecord {
            epoch,
            learning_rate: 0.1,
            training_loss: 0.0,
            validation: None,
            training_metrics: Vec::new(),
            validation_metrics: Vec::new(),
        };
        let _ = changes.on_epoch(&Epoch { record: &record, steps: 0, trainer: &trainer, model: &network });
    };
    (0..33).for_each(&mut epoch);
    let before = allocations();
    (33..64).for_each(&mut epoch);
    assert_eq!(allocations() - before, 0);
}
