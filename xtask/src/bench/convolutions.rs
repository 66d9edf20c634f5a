//! The convolutions of VGG-6 and ResNet-18, a pass at a time.

use crate::method;
use std::time::Instant;

use gmp_autograd::{Tape, op as basic};
use gmp_nn::conv::Geometry;
use gmp_nn::{Rng, op};

use super::networks::{convolutions, flops, network};
use super::timing::{Rounds, Timing};
use super::{Case, Work, Workload};

/// Measures every size of convolution that occurs.
pub(super) fn measure(rounds: Rounds, report: &mut dyn FnMut(Case)) {
    let mut seen = Vec::new();
    for workload in [Workload::Vgg6, Workload::Resnet18] {
        let (spec, batch) = network(workload, method::SP);
        for (i, g) in convolutions(&spec, batch).iter().enumerate() {
            if seen.contains(g) {
                continue;
            }
            seen.push(*g);
            for pass in [Pass::Forward, Pass::DataGradient, Pass::WeightGradient] {
                // The gradient of the images is not computed.
                if i > 0 || pass != Pass::DataGradient {
                    report(case(g, pass, rounds));
                }
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Pass {
    Forward,
    DataGradient,
    WeightGradient,
}

fn case(g: &Geometry, pass: Pass, rounds: Rounds) -> Case {
    let (input, window, filters) = (g.input(), g.window(), g.output().channels);
    let (side, channels, size, stride) = (input.height, input.channels, window.size, window.stride);
    Case {
        workload: Workload::Conv,
        name: format!("{side}x{side}-{channels}-{filters}-k{size}s{stride}-b{}", input.batch),
        metric: match pass {
            Pass::Forward => "forward",
            Pass::DataGradient => "data gradient",
            Pass::WeightGradient => "weight gradient",
        },
        unit: "GFLOP/s",
        timing: time(g, pass, rounds),
        figure: |seconds, work| work.amount() / seconds / 1e9,
        work: Work::Flops32(flops(g)),
        peak_memory: None,
    }
}

fn time(g: &Geometry, pass: Pass, rounds: Rounds) -> Timing {
    let (input, filters) = (g.input(), g.output().channels);
    let mut rng = Rng::new(0, "convolution");
    let mut draw = |len: usize| -> Vec<f32> { (0..len).map(|_| rng.normal() as f32).collect() };
    let (x, w) = (draw(input.rows() * input.channels), draw(g.weight_rows() * filters));
    let mut tape = Tape::new();
    rounds.time_part(|| {
        tape.begin(&[]);
        let mut leaf = |data: &[f32], rows: usize, wanted: bool| {
            let columns = data.len() / rows;
            if wanted { tape.variable(data, rows, columns) } else { tape.input(data, rows, columns) }
        };
        let x = leaf(&x, input.rows(), pass == Pass::DataGradient);
        let w = leaf(&w, g.weight_rows(), pass == Pass::WeightGradient);
        let start = Instant::now();
        let y = op::conv2d(&mut tape, x, w, g);
        let forward = start.elapsed();
        if pass == Pass::Forward {
            return forward;
        }
        let sum = basic::sum(&mut tape, y);
        // The sum's own gradient is a fill of memory, which counts too.
        let start = Instant::now();
        tape.backward(sum);
        start.elapsed()
    })
}
