//! The layers of a network and their costs per sample.

use crate::layer::{Chain, NamedLayer};
use crate::{Element, Features, LayerView, Network};
use std::fmt;

/// The layers of a network, with what each costs per sample: the result of [`Network::summary`]. Printed, it is a
/// table.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization};
/// let network = Mlp::new(20, &[64], 1, Parameterization::Geometric).build::<f64>(7)?;
/// let summary = network.summary();
/// let hidden = &summary.layers()[0];
/// assert_eq!((hidden.name.as_str(), hidden.parameters), ("hidden1", 19 * 64 + 64 + 64));
/// assert_eq!((hidden.activation_bytes, hidden.multiply_adds), (8 * 64, Some(20 * 64)));
/// assert_eq!(summary.multiply_adds(), Some(20 * 64 + 64));
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    layers: Vec<LayerSummary>,
}

/// One layer in a [`Summary`]. The numbers of a residual block include the layers inside it, and its sum.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerSummary {
    /// Its name, unique in the network.
    pub name: String,
    /// The kind of layer and its options.
    pub kind: String,
    /// Number of residual blocks around it.
    pub depth: usize,
    /// The features of its output.
    pub output: Features,
    /// Number of its parameters.
    pub parameters: usize,
    /// Bytes of its output for one sample, which a training step keeps for the backward pass. Gradients, and what
    /// some operations save in addition to their output, are not included.
    pub activation_bytes: usize,
    /// Multiplications, each with its addition, of its linear map for one sample: half the number of floating-point
    /// operations (FLOPs). Zeros that pad an image are counted. Biases, scales, normalizations, activations, pools
    /// and sums are not, nor is what is computed once per batch, such as the directions of geometric units.
    /// Convolutions by Winograd's algorithm carry out a quarter of these multiplications. `None` for a user-defined
    /// layer that does not implement [`Layer::multiply_adds`](crate::Layer::multiply_adds).
    pub multiply_adds: Option<u64>,
}

impl Summary {
    pub(crate) fn of<T: Element>(network: &Network<T>) -> Self {
        let mut layers = Vec::new();
        list(network.chain(), network.input(), 0, &mut layers);
        Self { layers }
    }

    /// The layers in order; those inside a residual block follow their block.
    pub fn layers(&self) -> &[LayerSummary] {
        &self.layers
    }

    /// Number of parameters of the network.
    pub fn parameters(&self) -> usize {
        self.outermost().map(|layer| layer.parameters).sum()
    }

    /// Bytes of the outputs of all layers for one sample.
    pub fn activation_bytes(&self) -> usize {
        self.outermost().fold(0, |sum, layer| sum.saturating_add(layer.activation_bytes))
    }

    /// Multiplications with additions for one sample; `None` if a layer does not give its number.
    pub fn multiply_adds(&self) -> Option<u64> {
        self.outermost().try_fold(0_u64, |sum, layer| Some(sum.saturating_add(layer.multiply_adds?)))
    }

    fn outermost(&self) -> impl Iterator<Item = &LayerSummary> {
        self.layers.iter().filter(|layer| layer.depth == 0)
    }
}

/// Appends the layers of a chain, and returns the bytes of their outputs.
fn list<T: Element>(
    chain: &Chain<T>,
    mut features: Features,
    depth: usize,
    layers: &mut Vec<LayerSummary>,
) -> usize {
    let mut sum = 0_usize;
    for NamedLayer { name, layer, parameters } in chain.layers() {
        let input = features;
        features = layer.output(features);
        let numbers = features.rows().saturating_mul(features.columns());
        let place = layers.len();
        layers.push(LayerSummary {
            name: name.clone(),
            kind: layer.summary(),
            depth,
            output: features,
            parameters: parameters.len(),
            activation_bytes: numbers.saturating_mul(size_of::<T>()),
            multiply_adds: layer.multiply_adds(input),
        });
        if let LayerView::Residual { main, shortcut } = layer.view() {
            for branch in [main, shortcut] {
                let bytes = list(branch, input, depth + 1, layers);
                let block = &mut layers[place].activation_bytes;
                *block = block.saturating_add(bytes);
            }
        }
        sum = sum.saturating_add(layers[place].activation_bytes);
    }
    sum
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), thousands);
        let mut rows = vec![
            ["layer", "kind", "output", "parameters", "activation bytes", "multiply-adds"].map(str::to_owned),
        ];
        rows.extend(self.layers.iter().map(|layer| {
            [
                format!("{:1$}{2}", "", 2 * layer.depth, layer.name),
                layer.kind.clone(),
                layer.output.to_string(),
                thousands(layer.parameters as u64),
                thousands(layer.activation_bytes as u64),
                count(layer.multiply_adds),
            ]
        }));
        rows.push([
            "total".to_owned(),
            String::new(),
            String::new(),
            thousands(self.parameters() as u64),
            thousands(self.activation_bytes() as u64),
            count(self.multiply_adds()),
        ]);
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let [name, kind, numbers @ ..] = [0, 1, 2, 3, 4, 5].map(width);
        for [first, second, others @ ..] in &rows {
            write!(f, "{first:<name$}  {second:<kind$}")?;
            for (text, width) in others.iter().zip(numbers) {
                write!(f, "  {text:>width$}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// `1,234,567`.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
