//! A run frame by frame: networks of one hidden layer at a few moments of their training, for a reader to move through.

use super::picture;
use crate::method::MethodId;
use crate::report::number::rate;
use crate::run::results::{Cell, Results, SetId};
use crate::run::trace::{Frame, Numbers};
use crate::run::{Protocol, Record};
use gmp_autograd::{Mat, Tape};
use gmp_nn::{Boundaries, Network, fold};
use gmp_train::Model;
use serde_json::{Value, json};

/// Keeps frames while a network is trained.
pub struct Frames {
    /// Has the network's parameters and statistics at the moment of a frame.
    network: Network<f64>,
    /// The batch whose statistics the boundaries in training have, where they are not those of evaluation: inputs, row by
    /// row, and the number of columns.
    batch: Option<(Vec<f64>, usize)>,
    frames: Vec<Frame>,
}

/// Whether there is a frame after this many epochs: closely at first, later at every 1.19-fold, so that ten thousand epochs
/// make 48 frames, and runs of any length the same ones.
#[must_use]
pub fn is_framed(epochs: usize) -> bool {
    const PER_DOUBLING: f64 = 4.0;
    let nearest = (PER_DOUBLING * (epochs as f64).log2()).round();
    epochs == 0 || (nearest / PER_DOUBLING).exp2().round() == epochs as f64
}

impl Frames {
    /// The first frame is the network as it was initialized.
    #[must_use]
    pub fn of(network: &Network<f64>, batch: Option<(&[f64], usize)>) -> Self {
        let batch = batch.map(|(inputs, columns)| (inputs.to_vec(), columns));
        let mut frames = Self { network: network.clone(), batch, frames: Vec::new() };
        frames.take(0, network);
        frames
    }

    /// To be called after every epoch.
    pub fn on_epoch(&mut self, epochs: usize, model: &dyn Model<f64>) {
        if is_framed(epochs) {
            self.take(epochs, model);
        }
    }

    /// The last frame is the trained network: earlier weights, where the best ones were restored.
    #[must_use]
    pub fn finish(mut self, epochs: usize, network: &Network<f64>) -> Vec<Frame> {
        self.take(epochs, network);
        self.frames
    }

    fn take(&mut self, epochs: usize, model: &dyn Model<f64>) {
        let Self { network, batch, frames } = self;
        network.parameters.values_mut().copy_from_slice(model.parameters().values());
        if let Some(buffers) = model.buffers() {
            network.buffers.values_mut().copy_from_slice(buffers.values());
        }
        // What has no plain form has no frames.
        let Ok(plain) = fold::to_standard(network) else { return };
        let parts = ["hidden1.weights", "hidden1.bias", "output.weights", "output.bias"];
        let numbers: Vec<f64> =
            parts.iter().filter_map(|part| plain.parameters.get(part)).flatten().copied().collect();
        let batch = batch.as_ref().map_or_else(Numbers::default, |(inputs, columns)| {
            let mut boundaries = Boundaries::default();
            let x = Mat::new(inputs, inputs.len() / columns, *columns);
            model.batch_boundaries("hidden1", x, (&mut Tape::new(), &mut Vec::new()), &mut boundaries);
            let mut locations = vec![0.0; boundaries.normals.len()];
            boundaries.spatial_locations(&mut locations);
            Numbers::of(&locations)
        });
        frames.push(Frame { epochs, network: Numbers::of(&numbers), batch });
    }
}

/// The network of a frame: z = Σ aⱼ ReLU(wⱼ·x + bⱼ) + c.
#[derive(Debug, Clone, Copy)]
pub struct Shallow<'a> {
    /// wⱼ in column j, inputs×units.
    weights: &'a [f32],
    bias: &'a [f32],
    output: &'a [f32],
    constant: f32,
}

impl<'a> Shallow<'a> {
    /// None where the numbers are not those of a network with `inputs` inputs.
    #[must_use]
    pub fn of(frame: &'a Frame, inputs: usize) -> Option<Self> {
        let (constant, rest) = frame.network.0.split_last()?;
        let units = rest.len() / (inputs + 2);
        let (weights, rest) = rest.split_at(inputs * units);
        let (bias, output) = rest.split_at(units);
        (units > 0 && output.len() == units).then_some(Self { weights, bias, output, constant: *constant })
    }

    /// The output before the sigmoid of a classifier.
    #[must_use]
    pub fn value(&self, x: &[f64]) -> f64 {
        let units = self.bias.len();
        let unit = |j: usize| {
            let products = x.iter().enumerate().map(|(i, x)| f64::from(self.weights[i * units + j]) * x);
            f64::from(self.output[j]) * (products.sum::<f64>() + f64::from(self.bias[j])).max(0.0)
        };
        (0..units).map(unit).sum::<f64>() + f64::from(self.constant)
    }

    /// The spatial locations φ = −b w/‖w‖², inputs×units; NaN for a unit without weights.
    #[must_use]
    pub fn locations(&self) -> Vec<f64> {
        let units = self.bias.len();
        let squares: Vec<f64> = (0..units)
            .map(|j| (j..self.weights.len()).step_by(units).map(|i| f64::from(self.weights[i]).powi(2)).sum())
            .collect();
        let of =
            |(i, w): (usize, &f32)| -f64::from(self.bias[i % units]) * f64::from(*w) / squares[i % units];
        self.weights.iter().enumerate().map(of).collect()
    }
}

/// A method of a figure that moves.
pub struct Shown {
    /// Which.
    pub method: MethodId,
    /// The learning rate of the still figure.
    pub lr: f64,
    /// What its panel's title begins with.
    pub letter: String,
    /// The panels that move, counted over the whole figure.
    pub panels: Vec<usize>,
}

/// What a figure needs to be moved: its methods, the choices of learning rates and seeds, and a description of each run that
/// `describe` makes of its frames: the test metric in each, and numbers for the script. None without frames.
#[must_use]
pub fn data(
    view: &str,
    results: &Results<'_>,
    set: SetId<'_>,
    shown: &[Shown],
    larger_is_better: bool,
    describe: impl Fn(&Record, &[Frame]) -> Option<(Vec<f64>, String)>,
) -> Option<Value> {
    let mut choices =
        vec![("as in the figure".to_owned(), shown.iter().map(|one| one.lr).collect::<Vec<f64>>())];
    for lr in [0.01, 0.1] {
        let of = |one: &Shown| results.rates(set, one.method).contains(&lr);
        if shown.iter().all(of) {
            choices.push((format!("all at {}", rate(lr)), vec![lr; shown.len()]));
        }
    }
    let mut runs = Vec::new();
    for (k, one) in shown.iter().enumerate() {
        let mut rates: Vec<f64> = choices.iter().map(|(_, rates)| rates[k]).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        for lr in rates {
            let cell = Cell { set, method: one.method, lr, protocol: Protocol::Paper };
            for (place, record, trace) in picture::places(results, cell, larger_is_better) {
                let Some((values, numbers)) = describe(record, &trace.frames) else { continue };
                let epochs: Vec<usize> = trace.frames.iter().map(|frame| frame.epochs).collect();
                let values: Vec<Value> = values
                    .into_iter()
                    .map(|value| serde_json::from_str(&format!("{value:.3}")).unwrap_or_default())
                    .collect();
                runs.push(json!({
                    "method": one.method.name, "lr": lr, "place": place, "seed": record.run.seed,
                    "epochs": epochs, "values": values, "numbers": numbers,
                }));
            }
        }
    }
    let is_whole = shown.iter().all(|one| {
        runs.iter().any(|run| {
            run["method"] == one.method.name && run["lr"] == one.lr && run["place"] == picture::MEDIAN
        })
    });
    let methods: Vec<Value> = shown
        .iter()
        .map(|one| {
            let color = one.method.color.to_string();
            json!({ "name": one.method.name, "color": color, "letter": one.letter, "panels": one.panels })
        })
        .collect();
    let choices: Vec<Value> =
        choices.into_iter().map(|(name, rates)| json!({ "name": name, "rates": rates })).collect();
    (is_whole && !shown.is_empty()).then(|| {
        json!({ "kind": "training", "view": view, "methods": methods, "choices": choices, "places": picture::PLACES, "runs": runs })
    })
}

/// Numbers in single precision, four bytes each, as text.
#[must_use]
pub fn packed_f32(numbers: impl IntoIterator<Item = f64>) -> String {
    base64(&numbers.into_iter().flat_map(|x| (x as f32).to_le_bytes()).collect::<Vec<u8>>())
}

/// Numbers up to 32.767 in thousandths, two bytes each, as text. What is larger, or no number, is at the end of the range.
#[must_use]
pub fn packed_i16(numbers: impl IntoIterator<Item = f64>) -> String {
    let thousandths = |x: f64| if x.is_nan() { i16::MAX } else { (1000.0 * x).round() as i16 };
    base64(&numbers.into_iter().flat_map(|x| thousandths(x).to_le_bytes()).collect::<Vec<u8>>())
}

/// Bytes in the usual alphabet of base64 (RFC 4648), with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for part in bytes.chunks(3) {
        let at = |k: usize| u32::from(part.get(k).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for k in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * k)) as usize & 63];
            out.push(if k > part.len() { '=' } else { char::from(letter) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method;

    #[test]
    fn frames_are_close_at_first_and_few_in_all() {
        let framed: Vec<usize> = (0..=10_000).filter(|&epochs| is_framed(epochs)).collect();
        assert_eq!(framed[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13]);
        assert!(framed.len() < 60 && framed.last() > Some(&8000), "{framed:?}");
        assert!(framed.windows(2).all(|pair| pair[1] <= pair[0] + 1 + pair[0] / 4), "{framed:?}");
    }

    /// RFC 4648, section 10.
    #[test]
    fn base64_is_the_usual_one() {
        let encoded = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
        assert_eq!(packed_i16([0.001, 99.0, f64::NAN, -99.0]), base64(&[1, 0, 255, 127, 255, 127, 0, 128]));
        assert_eq!(packed_f32([1.0]), base64(&[0, 0, 128, 63]));
    }

    /// A frame computes the function of the network that it was taken of, and has its boundaries, under every method.
    #[test]
    fn a_frame_is_the_network() {
        for method in [method::SP, method::WN, method::BN, method::GMP] {
            let mut network: Network<f64> = method.mlp(2, &[7], 1).build(3).unwrap();
            let mut rng = gmp_nn::Rng::new(1, "a frame");
            network.parameters.values_mut().iter_mut().for_each(|x| *x += 0.3 * rng.normal());
            let inputs = [0.5, -1.0, 1.5, 0.25, -0.75, 2.0];
            let batch = (method == method::BN).then_some((&inputs[..], 2));
            let frames = Frames::of(&network, batch).finish(9, &network);
            assert_eq!(frames.iter().map(|frame| frame.epochs).collect::<Vec<_>>(), [0, 9]);
            let shallow = Shallow::of(&frames[1], 2).unwrap();
            let mut tape = Tape::new();
            tape.begin(network.parameters.values());
            let x = tape.input(&inputs, 3, 2);
            let y = network.forward(&mut tape, x);
            for (x, expected) in inputs.chunks(2).zip(tape.value(y).data()) {
                let found = shallow.value(x);
                assert!((found - expected).abs() < 1e-5, "{method}: {found} for {expected}");
            }
            let mut boundaries = Boundaries::default();
            network.boundaries("hidden1", &mut boundaries);
            let mut locations = vec![0.0; 14];
            boundaries.spatial_locations(&mut locations);
            for (found, expected) in shallow.locations().iter().zip(&locations) {
                assert!(
                    (found - expected).abs() < 1e-4 * expected.abs().max(1.0),
                    "{method}: {found} for {expected}"
                );
            }
            assert_eq!(frames[1].batch.0.len(), if method == method::BN { 14 } else { 0 });
        }
        let broken = Frame { epochs: 0, network: Numbers(vec![1.0; 7]), batch: Numbers::default() };
        assert!(Shallow::of(&broken, 2).is_none());
    }
}
