//! Every layer, alone and in networks, against PyTorch in double precision: outputs, loss, running statistics, and
//! gradients by inputs and parameters, in training and in evaluation. `fixtures/pytorch.py` made the numbers.

use gmp_autograd::{Tape, op};
use gmp_nn::{Features, Network, NetworkSpec, Role};
use serde_json::Value;

/// As in the script: seventh powers modulo 1021, as multiples of 1/512.
fn numbers(start: usize) -> impl Iterator<Item = f64> {
    (start..).map(|i| {
        let i = i % 1021;
        let square = i * i % 1021;
        ((square * square % 1021 * square % 1021 * i % 1021) as f64 - 510.0) / 512.0
    })
}

/// Agreement to ten digits of what is largest among the elements that the script kept.
fn compare(found: &[f64], expected: &Value, what: &str) {
    let expected: Vec<f64> =
        serde_json::from_value(expected.clone()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let product = found.iter().zip(numbers(0)).map(|(x, n)| x * n).sum();
    let kept = found.iter().step_by((found.len() / 16).max(1));
    let found: Vec<f64> = [product].into_iter().chain(kept.copied()).collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0_f64, |scale, x| scale.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!((found - expected).abs() <= 1e-10 * scale, "{what}, number {i}: {found} for {expected}");
    }
}

struct Case {
    name: String,
    network: Network<f64>,
    batch: usize,
    rows: usize,
    columns: usize,
}

impl Case {
    fn new(case: &Value) -> Self {
        let spec: NetworkSpec = serde_json::from_value(case["network"].clone()).unwrap();
        let (pixels, columns) = match spec.input {
            Features::Vector(columns) => (1, columns),
            Features::Image { height, width, channels } => (height * width, channels),
        };
        let mut network = spec.build::<f64>(1).unwrap();
        for entry in network.parameters.entries().to_vec() {
            let values = &mut network.parameters.values_mut()[entry.slot.range()];
            let factor = if entry.role == Role::Angle { 3.0 } else { 1.0 };
            values.iter_mut().zip(numbers(entry.slot.offset)).for_each(|(v, n)| *v = factor * n);
        }
        let batch = case["batch"].as_u64().unwrap() as usize;
        Self {
            name: case["name"].as_str().unwrap().to_owned(),
            network,
            batch,
            rows: batch * pixels,
            columns,
        }
    }

    fn run(&mut self, start: usize, training: bool, expected: Option<&Value>) {
        let mut tape = Tape::new();
        tape.begin(self.network.parameters.values());
        let x: Vec<f64> = numbers(start).take(self.rows * self.columns).collect();
        let x = tape.variable(&x, self.rows, self.columns);
        let y = if training {
            self.network.forward_training(&mut tape, x)
        } else {
            self.network.forward(&mut tape, x)
        };
        let Some(expected) = expected else { return };
        let loss = if y.rows() > self.batch {
            let weights: Vec<f64> = numbers(7).take(y.rows() * y.cols()).collect();
            let weights = tape.input(&weights, y.rows(), y.cols());
            let product = op::mul(&mut tape, y, weights);
            op::sum(&mut tape, product)
        } else {
            let classes: Vec<f64> = (0..y.rows()).map(|i| (i % y.cols()) as f64).collect();
            let classes = tape.input(&classes, y.rows(), 1);
            op::softmax_cross_entropy(&mut tape, y, classes)
        };
        tape.backward(loss);
        let name = format!("{}, {}", self.name, if training { "training" } else { "evaluation" });
        compare(tape.value(y).data(), &expected["y"], &format!("{name}: y"));
        let (loss, expected_loss) = (tape.value(loss).data()[0], expected["loss"].as_f64().unwrap());
        assert!(
            (loss - expected_loss).abs() <= 1e-10 * (1.0 + loss.abs()),
            "{name}: {loss} for {expected_loss}"
        );
        let gradients = &expected["gradients"];
        compare(tape.gradient(x).unwrap().data(), &gradients["x"], &format!("{name}: by x"));
        let entries = self.network.parameters.entries();
        assert_eq!(gradients.as_object().unwrap().len(), 1 + entries.len(), "{name}");
        for entry in entries {
            let gradient = &tape.parameter_gradients()[entry.slot.range()];
            compare(gradient, &gradients[&entry.name], &format!("{name}: by {}", entry.name));
        }
    }
}

#[test]
fn layers_and_networks_are_those_of_pytorch() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("fixtures/pytorch.json")).unwrap();
    assert!(cases.len() > 40);
    for expected in &cases {
        let mut case = Case::new(expected);
        // The first pass only moves the running statistics.
        case.run(3, true, None);
        case.run(5, true, Some(&expected["training"]));
        case.run(5, false, Some(&expected["evaluation"]));
        let buffers = &case.network.buffers;
        assert_eq!(expected["buffers"].as_object().unwrap().len(), buffers.entries().len());
        for entry in buffers.entries() {
            let name = format!("{}: {}", case.name, entry.name);
            compare(&buffers.values()[entry.slot.range()], &expected["buffers"][&entry.name], &name);
        }
    }
}
