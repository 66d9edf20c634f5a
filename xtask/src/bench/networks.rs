//! Training steps of the paper's convolutional networks, each in a process of its own, whose peak memory it is.

use std::hint::black_box;
use std::process::Command;

use anyhow::{Context, ensure};
use gmp_autograd::{Tape, op};
use gmp_nn::conv::{Geometry, Images};
use gmp_nn::zoo;
use gmp_nn::{Convolution, Features, LayerSpec, Network, NetworkSpec, Rng};
use gmp_train::{Optimizer, Sgd};
use serde::{Deserialize, Serialize};

use super::timing::{Rounds, Timing};
use crate::method::{self, Architecture, MethodId};
use crate::terminal::print;

use super::{BenchArguments, Case, Work, Workload};

const CLASSES: usize = 1000;

/// The network of a workload and the batch size of a step.
pub(super) fn network(workload: Workload, method: MethodId) -> (NetworkSpec, usize) {
    match workload {
        Workload::Resnet18 => (zoo::resnet18(&method.variant(), CLASSES), 8),
        _ => (zoo::vgg6(&method.variant(), 128, CLASSES), 32),
    }
}

/// The convolutions of a network in order, at this batch size.
pub(super) fn convolutions(spec: &NetworkSpec, batch: usize) -> Vec<Geometry> {
    let mut found = Vec::new();
    let Features::Image { height, width, channels } = spec.input else { return found };
    let mut images = Images { batch, height, width, channels };
    spec.layers.iter().for_each(|(_, layer)| walk(layer, &mut images, &mut found));
    found
}

fn walk(layer: &LayerSpec, images: &mut Images, found: &mut Vec<Geometry>) {
    let fit = "the paper's networks fit together";
    match layer {
        LayerSpec::Convolution(Convolution { filters, window, .. }) => {
            let geometry = Geometry::new(*images, *window, *filters).expect(fit);
            found.push(geometry);
            *images = geometry.output();
        }
        LayerSpec::MaxPool { window } => {
            *images = Geometry::new(*images, *window, images.channels).expect(fit).output();
        }
        LayerSpec::Residual { main, shortcut } => {
            let mut input = *images;
            main.iter().for_each(|layer| walk(layer, images, found));
            shortcut.iter().for_each(|layer| walk(layer, &mut input, found));
        }
        _ => {}
    }
}

/// Multiplications and additions of a direct convolution's forward pass.
pub(super) fn flops(g: &Geometry) -> f64 {
    2.0 * (g.output().rows() * g.output().channels * g.weight_rows()) as f64
}

/// Of a step: every convolution and its two gradients, except for the gradient of the images, and the dense layer.
fn flops_of_a_step(convolutions: &[Geometry], batch: usize) -> f64 {
    let passes: f64 = convolutions.iter().map(|g| 3.0 * flops(g)).sum();
    let features = convolutions.last().map_or(0, |g| g.output().channels);
    passes - convolutions.first().map_or(0.0, flops) + 6.0 * (batch * features * CLASSES) as f64
}

/// What the process of a case prints.
#[derive(Serialize, Deserialize)]
struct Measured {
    timing: Timing,
    peak_memory: Option<f64>,
}

/// Measures a network under every method of the paper, each in a process of its own.
pub(super) fn measure(
    workload: Workload,
    arguments: &BenchArguments,
    threads: u16,
    report: &mut dyn FnMut(Case),
) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let chosen = |method: &MethodId| arguments.method.is_none_or(|only| only == *method);
    for method in method::in_paper(Architecture::Vgg).into_iter().filter(chosen) {
        let name = method.name;
        let output = Command::new(&program)
            .args(["bench", workload.name(), "--here", "--method", name, "--threads", &threads.to_string()])
            .args(arguments.pin.then_some("--pin"))
            .args(["--rounds", &arguments.rounds.to_string()])
            .args(["--round-milliseconds", &arguments.round_milliseconds.to_string()])
            .output()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "measuring {name} ended with {}: {errors}", output.status);
        let Measured { timing, peak_memory } = serde_json::from_slice(&output.stdout)?;
        let (spec, batch) = network(workload, method);
        report(Case {
            workload,
            name: format!("{name}-b{batch}-nhwc"),
            metric: "images/s",
            unit: "img/s",
            timing,
            figure: if batch == 32 { |seconds, _| 32.0 / seconds } else { |seconds, _| 8.0 / seconds },
            work: Work::Flops32(flops_of_a_step(&convolutions(&spec, batch), batch)),
            peak_memory,
        });
    }
    Ok(())
}

/// Measures one method in this process and prints the result for [`measure`].
pub(super) fn measure_here(workload: Workload, method: MethodId, rounds: Rounds) -> anyhow::Result<()> {
    let (mut step, mut tape) = (Step::new(workload, method)?, Tape::new());
    let timing = rounds.time(|| step.run(&mut tape, &mut |_| {}));
    print(&serde_json::to_string(&Measured { timing, peak_memory: peak_memory() })?).map(|_| ())
}

/// A training step on a batch of noise.
pub(super) struct Step {
    network: Network<f32>,
    optimizer: Sgd<f32>,
    images: Vec<f32>,
    classes: Vec<f32>,
    channels: usize,
}

/// The parts of a step, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Parameters and images are copied to the tape.
    Begin,
    Forward,
    Backward,
    Optimizer,
}

impl Step {
    pub(super) fn new(workload: Workload, method: MethodId) -> anyhow::Result<Self> {
        let (spec, batch) = network(workload, method);
        let Features::Image { height, width, channels } = spec.input else {
            unreachable!("the input is an image")
        };
        let mut rng = Rng::new(0, "pictures");
        let images = (0..batch * height * width * channels).map(|_| rng.normal() as f32).collect();
        let classes = (0..batch).map(|_| rng.below(CLASSES) as f32).collect();
        Ok(Self { network: spec.build(0)?, optimizer: Sgd::new(0.9), images, classes, channels })
    }

    pub(super) fn parameters(&self) -> usize {
        self.network.parameters.values().len()
    }

    /// Carries it out and calls `done` after each part.
    pub(super) fn run(&mut self, tape: &mut Tape<f32>, done: &mut dyn FnMut(Part)) {
        tape.begin(self.network.parameters.values());
        let x = tape.input(black_box(&self.images), self.images.len() / self.channels, self.channels);
        let classes = tape.input(&self.classes, self.classes.len(), 1);
        done(Part::Begin);
        let logits = self.network.forward_training(tape, x);
        let loss = op::softmax_cross_entropy(tape, logits, classes);
        done(Part::Forward);
        tape.backward(loss);
        done(Part::Backward);
        self.optimizer.step(&mut self.network.parameters, tape.parameter_gradients(), 0.01);
        done(Part::Optimizer);
    }
}

/// The largest resident memory of this process so far in MiB, where the system tells it.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kibibytes| kibibytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// VGG-6 needs 3.64 GFLOP per image and step, as the paper's layer sizes say.
    #[test]
    fn operations_of_a_step() {
        let (spec, batch) = network(Workload::Vgg6, method::SP);
        let convolutions = convolutions(&spec, batch);
        assert_eq!(convolutions.len(), 6);
        let per_image = flops_of_a_step(&convolutions, batch) / batch as f64;
        assert!((per_image / 3.64e9 - 1.0).abs() < 0.01, "{per_image}");
        let (spec, batch) = network(Workload::Resnet18, method::SP);
        assert_eq!(super::convolutions(&spec, batch).len(), 20);
    }
}
