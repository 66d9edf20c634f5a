//! Other initial weights of the hidden layer, the same for every parameterization.
//!
//! The network is built as ever, with Glorot's weights and without bias. Its first hidden layer is then given other weights and
//! biases, which are expressed in its parameterization. All draws come from one stream of the run's seed, so that every method
//! starts as the same function.

use crate::run::measures::ranges;
use gmp_math::Mat;
use gmp_math::geometric::to_geometric;
use gmp_math::uniform::uniform_directions;
use gmp_nn::{LayerView, Network, Rng};
use gmp_train::Dataset;
use serde::{Deserialize, Serialize};

/// How the hidden layer starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Start {
    /// Glorot's weights; biases with which every boundary goes through a training sample, drawn at random.
    #[serde(rename = "spread")]
    Spread,
    /// The same through points that are uniformly distributed over the ranges of the inputs.
    #[serde(rename = "spread uniformly")]
    SpreadUniformly,
    /// Glorot's weights with the sign of the last coordinate lost, as the authors' conversion loses it.
    #[serde(rename = "half sphere")]
    HalfSphere,
    /// He's weights: N(0, 2/n).
    He,
    /// Uniform directions, all of the root mean square length of Glorot's weights.
    #[serde(rename = "uniform")]
    Uniform,
    /// Directions that are orthogonal to each other, as many as there are inputs at a time, of the same length.
    #[serde(rename = "orthogonal")]
    Orthogonal,
}

impl Start {
    /// The name in figures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Spread => "spread over the data",
            Self::SpreadUniformly => "spread uniformly",
            Self::HalfSphere => "half sphere",
            Self::He => "He",
            Self::Uniform => "uniform directions",
            Self::Orthogonal => "orthogonal",
        }
    }

    /// Gives the first hidden layer of a network that was just built these weights.
    ///
    /// # Panics
    /// If that layer has another parameterization than SP, WN or GmP.
    pub fn apply(self, network: &mut Network<f64>, train: &Dataset<f64>, seed: u64) {
        let LayerView::Units(units) = network.layers()[0].layer.view() else {
            panic!("hidden units come first")
        };
        let effective = units.effective(network.parameters.values(), network.buffers.values());
        let count = effective.bias.len();
        let (mut weights, mut bias) = (effective.weights, vec![0.0; count]);
        // What is outside the activation as plain weights again.
        for (unit, scale) in effective.scale.iter().enumerate() {
            weights.iter_mut().skip(unit).step_by(count).for_each(|w| *w *= scale);
        }
        let inputs = weights.len() / count;
        let rng = &mut Rng::new(seed, "initial weights of another kind");
        // The root mean square length of Glorot's weights.
        let length = (2.0 * inputs as f64 / (inputs + count) as f64).sqrt();
        match self {
            Self::Spread => {
                for (unit, bias) in bias.iter_mut().enumerate() {
                    let row = (rng.uniform() * train.samples() as f64) as usize;
                    let sample = &train.inputs()[row * inputs..(row + 1) * inputs];
                    let column = weights.iter().skip(unit).step_by(count);
                    *bias = -column.zip(sample).map(|(w, x)| w * x).sum::<f64>();
                }
            }
            Self::SpreadUniformly => {
                let ranges = ranges(train.inputs(), inputs);
                for (unit, bias) in bias.iter_mut().enumerate() {
                    let column = weights.iter().skip(unit).step_by(count);
                    let along =
                        column.zip(&ranges).map(|(w, (low, high))| w * (low + (high - low) * rng.uniform()));
                    *bias = -along.sum::<f64>();
                }
            }
            // With one input there is no angle whose sign could be lost.
            Self::HalfSphere if inputs == 1 => {}
            Self::HalfSphere => weights[(inputs - 1) * count..].iter_mut().for_each(|w| *w = w.abs()),
            Self::He => weights.fill_with(|| (2.0 / inputs as f64).sqrt() * rng.normal()),
            Self::Uniform => {
                uniform_directions(count, &mut weights, || rng.normal());
                weights.iter_mut().for_each(|w| *w *= length);
            }
            Self::Orthogonal => {
                orthogonal(count, &mut weights, rng);
                weights.iter_mut().for_each(|w| *w *= length);
            }
        }
        write(network, &weights, &bias);
    }
}

/// Columns that are uniform directions, each orthogonal to those before it of its block of as many as there are rows.
fn orthogonal(units: usize, directions: &mut [f64], rng: &mut Rng) {
    let inputs = directions.len() / units;
    for unit in 0..units {
        loop {
            let mut column: Vec<f64> = (0..inputs).map(|_| rng.normal()).collect();
            // Twice, so that no rounding is left.
            for _ in 0..2 {
                for other in unit - unit % inputs..unit {
                    let at = |row: usize| directions[row * units + other];
                    let along: f64 = column.iter().enumerate().map(|(row, x)| x * at(row)).sum();
                    column.iter_mut().enumerate().for_each(|(row, x)| *x -= along * at(row));
                }
            }
            let norm = column.iter().map(|x| x * x).sum::<f64>().sqrt();
            if norm > 1e-6 {
                column.iter().enumerate().for_each(|(row, x)| directions[row * units + unit] = x / norm);
                break;
            }
        }
    }
}

/// Expresses weights and biases in the parameterization of the first hidden layer.
fn write(network: &mut Network<f64>, weights: &[f64], bias: &[f64]) {
    const KNOWN: &str = "a hidden layer under SP, WN or GmP, and weights of finite length";
    let units = bias.len();
    let layer = to_geometric(Mat::new(weights, weights.len() / units, units), bias).expect(KNOWN);
    let parameters = &mut network.parameters;
    let has = |name: &str| parameters.get(&format!("hidden1.{name}")).is_some();
    let written: Vec<(&str, &[f64])> = if has("weights") {
        vec![("weights", weights), ("bias", bias)]
    } else if has("v") {
        vec![("v", weights), ("length", &layer.radius), ("bias", bias)]
    } else if layer.angles.is_empty() {
        network.buffers.set("hidden1.sign", &layer.signs).expect(KNOWN);
        vec![("offset", &layer.offset), ("radius", &layer.radius)]
    } else {
        vec![("angles", &layer.angles), ("offset", &layer.offset), ("radius", &layer.radius)]
    };
    for (name, numbers) in written {
        parameters.set(&format!("hidden1.{name}"), numbers).expect(KNOWN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method::{self, MethodId};
    use gmp_nn::Boundaries;

    fn started(method: MethodId, inputs: usize, start: Start) -> (Network<f64>, Dataset<f64>) {
        let mut network: Network<f64> = method.mlp(inputs, &[9], 1).build(3).unwrap();
        let mut rng = Rng::new(8, "samples");
        let x: Vec<f64> = (0..12 * inputs).map(|_| rng.normal()).collect();
        let data = Dataset::new(x, inputs, vec![0.0; 12], 1).unwrap();
        start.apply(&mut network, &data, 5);
        (network, data)
    }

    const ALL: [Start; 6] = [
        Start::Spread,
        Start::SpreadUniformly,
        Start::HalfSphere,
        Start::He,
        Start::Uniform,
        Start::Orthogonal,
    ];

    #[test]
    fn every_method_starts_as_the_same_function() {
        for inputs in [1, 2, 5] {
            for start in ALL {
                let of = |method| {
                    let (network, data) = started(method, inputs, start);
                    network.predict(Mat::new(data.inputs(), 12, inputs))
                };
                let expected = of(method::SP);
                assert!(expected.iter().any(|y| *y != 0.0), "{start:?}");
                for method in [method::WN, method::GMP] {
                    let found = of(method);
                    // The output layer is drawn alike, but is weight-normalized under WN: the same numbers.
                    let is_same = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12);
                    assert!(is_same, "{method} {inputs} {start:?}: {found:?} {expected:?}");
                }
            }
        }
    }

    #[test]
    fn boundaries_go_through_samples_and_directions_are_what_they_are_called() {
        let boundaries = |start| {
            let (network, data) = started(method::GMP, 3, start);
            let mut boundaries = Boundaries::default();
            network.boundaries("hidden1", &mut boundaries);
            let units = boundaries.units();
            let normal = move |unit: usize| -> Vec<f64> {
                boundaries.normals.iter().skip(unit).step_by(units).copied().collect()
            };
            let (normals, offsets): (Vec<Vec<f64>>, Vec<f64>) = ((0..9).map(normal).collect(), {
                let mut again = Boundaries::default();
                network.boundaries("hidden1", &mut again);
                again.offsets
            });
            (normals, offsets, data)
        };
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (normals, offsets, data) = boundaries(Start::Spread);
        for (normal, offset) in normals.iter().zip(&offsets) {
            let is_on = |sample: &[f64]| (dot(normal, sample) + offset).abs() < 1e-12;
            assert!(data.inputs().chunks(3).any(is_on));
        }
        assert!(offsets.iter().any(|offset| offset.abs() > 0.1));
        let (normals, offsets, data) = boundaries(Start::SpreadUniformly);
        let ranges = ranges(data.inputs(), 3);
        for (normal, offset) in normals.iter().zip(&offsets) {
            // Some corners of the box are on one side of the boundary, and some on the other.
            let ends = |pick: fn(f64, f64) -> f64| -> f64 {
                normal.iter().zip(&ranges).map(|(n, (low, high))| pick(n * low, n * high)).sum()
            };
            assert!(ends(f64::min) <= -offset && -offset <= ends(f64::max));
            let is_on = |sample: &[f64]| (dot(normal, sample) + offset).abs() < 1e-12;
            assert!(!data.inputs().chunks(3).any(is_on));
        }
        let (normals, ..) = boundaries(Start::Orthogonal);
        for block in normals.chunks(3) {
            assert!(dot(&block[0], &block[1]).abs() < 1e-12 && dot(&block[1], &block[2]).abs() < 1e-12);
        }
        let (normals, ..) = boundaries(Start::HalfSphere);
        assert!(normals.iter().all(|normal| normal[2] >= 0.0));
    }
}
