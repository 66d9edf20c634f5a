//! The cases: the shapes, data and settings that the other implementations are timed with.

use std::fmt::Display;
use std::hint::black_box;

use crate::method::{self, Architecture, MethodId};
use crate::problem::levy;
use crate::setting::Normalizing;
use gmp_autograd::{Mat, MatMut};
use gmp_math::{Scalar, parallel, sphere};
use gmp_nn::gemm::gemm;
use gmp_nn::{Activation, Element, Mlp, Rng};
use gmp_train::{Adam, Dataset, EarlyStopping, Loss, ReduceOnPlateau, Restore, Trainer};

use super::timing::Rounds;
use super::{Case, Work, Workload};

/// Measures the cases of a workload, handing each over as soon as it is done.
pub(super) fn measure(workload: Workload, rounds: Rounds, report: &mut dyn FnMut(Case)) {
    match workload {
        Workload::Gemm => GEMM_SHAPES.into_iter().for_each(|shape| report(product(shape, rounds))),
        Workload::Mlp => {
            for (batch, method) in steps() {
                report(step::<f64>(workload, method, method, batch, rounds, plain));
            }
            for (batch, method) in steps() {
                report(step::<f32>(workload, method, method, batch, rounds, plain));
            }
        }
        Workload::Levy => {
            for method in [method::SP, method::GMP] {
                report(levy_run(method, rounds));
            }
        }
        Workload::Rivals => RIVALS.into_iter().for_each(|method| {
            report(step::<f64>(workload, method, method, 404, rounds, plain));
        }),
        Workload::Transform => {
            transforms::<f64>(rounds, report);
            transforms::<f32>(rounds, report);
        }
        Workload::Activations => {
            for activation in
                Activation::ALL.into_iter().filter(|&activation| activation != Activation::Identity)
            {
                let with = |network: Mlp| network.activation(activation);
                report(step::<f64>(workload, activation, method::GMP, 1024, rounds, with));
                report(step::<f32>(workload, activation, method::GMP, 1024, rounds, with));
            }
        }
        Workload::Normalizations => {
            for normalizing in Normalizing::ALL {
                let with = |network: Mlp| network.normalization(normalizing.normalization());
                let name = if normalizing == Normalizing::None { "none" } else { normalizing.name() };
                report(step::<f64>(workload, name, method::GMP, 1024, rounds, with));
                report(step::<f32>(workload, name, method::GMP, 1024, rounds, with));
            }
        }
        Workload::Conv | Workload::Vgg6 | Workload::Resnet18 => unreachable!("measured elsewhere"),
    }
}

fn draw<T: Scalar>(stream: &str, len: usize) -> Vec<T> {
    let mut rng = Rng::new(0, stream);
    (0..len).map(|_| T::from_f64(rng.normal())).collect()
}

fn type_name<T: Scalar>() -> &'static str {
    if size_of::<T>() == 4 { "float32" } else { "float64" }
}

fn flops<T: Scalar>(operations: usize) -> Work {
    if size_of::<T>() == 4 { Work::Flops32(operations as f64) } else { Work::Flops64(operations as f64) }
}

fn microseconds(seconds: f64, _: Work) -> f64 {
    seconds * 1e6
}

const GEMM_SHAPES: [[usize; 3]; 9] = [
    [256, 256, 256],
    [512, 512, 512],
    [1024, 1024, 1024],
    [2048, 2048, 2048],
    [1024, 13, 100],
    [404, 13, 100],
    [32768, 1152, 128],
    [8192, 2304, 256],
    [2048, 4608, 512],
];

fn product([m, k, n]: [usize; 3], rounds: Rounds) -> Case {
    let (a, b, mut c) = (draw::<f32>("a", m * k), draw::<f32>("b", k * n), vec![0.0; m * n]);
    let timing = rounds.time(|| {
        let (a, b) = (Mat::new(black_box(&a), m, k), Mat::new(black_box(&b), k, n));
        gemm(a, b, MatMut::new(black_box(&mut c), m, n), false);
    });
    Case {
        workload: Workload::Gemm,
        name: format!("{m}x{k}x{n}"),
        metric: "GFLOP/s",
        unit: "GFLOP/s",
        timing,
        figure: |seconds, work| work.amount() / seconds / 1e9,
        work: flops::<f32>(2 * m * k * n),
        peak_memory: None,
    }
}

fn steps() -> impl Iterator<Item = (usize, MethodId)> {
    [404, 1024].into_iter().flat_map(|batch| {
        method::in_paper(Architecture::Dense).into_iter().map(move |method| (batch, method))
    })
}

/// Multiplications and additions of the matrix products of one step: forward, weight gradients, and the gradient
/// of the hidden units.
fn products_of_a_step(samples: usize, inputs: usize, hidden: usize) -> usize {
    2 * samples * hidden * (2 * inputs + 3)
}

/// Inputs and hidden units of the network whose steps are timed.
const INPUTS: usize = 13;
const HIDDEN: usize = 100;

/// A network as its method has it.
fn plain(network: Mlp) -> Mlp {
    network
}

/// One epoch of [`Trainer::fit`] on a single batch, as every training run has it, with what the method puts around the optimizer.
fn step<T: Element>(
    workload: Workload,
    what: impl Display,
    method: MethodId,
    batch: usize,
    rounds: Rounds,
    with: impl Fn(Mlp) -> Mlp,
) -> Case {
    let data = Dataset::new(draw::<T>("inputs", batch * INPUTS), INPUTS, draw("targets", batch), 1)
        .expect("normal numbers are finite");
    let network = with(method.mlp(INPUTS, &[HIDDEN], 1));
    let mut network = network.build::<T>(0).expect("the layers are not empty");
    let trainer = Trainer::new(Loss::MeanAbsoluteError, batch, usize::MAX, 1e-3);
    let mut optimizer = method.optimizer(&network, Box::new(Adam::default()));
    let timing = rounds.time_epochs(|watch| {
        trainer.fit(&mut network, &mut optimizer, &data, None, watch).expect("a small rate does not diverge");
    });
    Case {
        workload,
        name: format!("{what}-b{batch}-{}", type_name::<T>()),
        metric: "us/step",
        unit: "us",
        timing,
        figure: microseconds,
        work: flops::<T>(products_of_a_step(batch, INPUTS, HIDDEN)),
        peak_memory: None,
    }
}

const RIVALS: [MethodId; 7] = [
    method::GMP,
    method::GEODESIC,
    method::PROJECTED,
    method::FIXED_NORM,
    method::NATURAL,
    method::SCALED,
    method::RECENTRED,
];

/// The paper's one-dimensional run, its schedules on, with a patience that lets it reach the last epoch.
fn levy_run(method: MethodId, rounds: Rounds) -> Case {
    const EPOCHS: usize = 10_000;
    let (x, y) = levy::draw(0);
    let samples = x.len();
    let data = Dataset::new(x, 1, y, 1).expect("finite numbers");
    let trainer = Trainer {
        plateau: Some(ReduceOnPlateau::new(500)),
        early_stopping: Some(EarlyStopping {
            patience: EPOCHS,
            min_delta: 0.0,
            restore: Restore::WhenStoppedEarly,
        }),
        ..Trainer::new(Loss::MeanAbsoluteError, samples, EPOCHS, method.paper_rate)
    };
    let timing = rounds.time(|| {
        let mut network = method.mlp(1, &[100], 1).build::<f64>(0).expect("the layers are not empty");
        let fit = trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ());
        assert_eq!(fit.expect("the paper's rates do not diverge").epochs, EPOCHS);
    });
    Case {
        workload: Workload::Levy,
        name: format!("{method}-float64"),
        metric: "s/10000 steps",
        unit: "s",
        timing,
        figure: |seconds, _| seconds,
        work: flops::<f64>(EPOCHS * products_of_a_step(samples, 1, 100)),
        peak_memory: None,
    }
}

fn transforms<T: Scalar>(rounds: Rounds, report: &mut dyn FnMut(Case)) {
    let units = 512;
    for inputs in [16, 128, 1152, 4608] {
        let numbers = inputs * units;
        let mut angles = vec![T::ZERO; numbers - units];
        sphere::to_spherical(&draw("weights", numbers), units, &mut angles, &mut vec![T::ZERO; units])
            .expect("normal columns have directions");
        let gradients = draw::<T>("gradients", numbers);
        let mut directions = vec![T::ZERO; numbers];
        let mut angle_gradients = vec![T::ZERO; numbers - units];
        let mut saved = vec![T::ZERO; sphere::saved_len(inputs, units)];
        let case = |metric, bytes, timing| Case {
            workload: Workload::Transform,
            name: format!("{inputs}x{units}-{}", type_name::<T>()),
            metric,
            unit: "us",
            timing,
            figure: microseconds,
            work: Work::Bytes((bytes * size_of::<T>()) as f64),
            peak_memory: None,
        };
        let forward = rounds.time(|| {
            parallel::directions(black_box(&angles), units, black_box(&mut directions));
        });
        report(case("forward", angles.len() + numbers, forward));
        let both = rounds.time(|| {
            parallel::directions_saving(black_box(&angles), units, black_box(&mut directions), &mut saved);
            let (angles, gradients) = (black_box(&angles), black_box(&gradients));
            parallel::directions_vjp(
                angles,
                &saved,
                units,
                gradients,
                black_box(&mut angle_gradients),
                false,
            );
        });
        report(case("forward+vjp", 2 * (angles.len() + numbers), both));
    }
}
