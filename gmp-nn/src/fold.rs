//! Networks as other networks of the same function: everything as plain weights, plain weights as geometric units.

use crate::parameterization::{Directions, Initial, Parameterization};
use crate::{Activation, Boundaries, Element, Error, Linear, Named, Network};
use gmp_math::Scalar;

/// A dense layer in plain terms: unit j gives ±g(w_j·x + b_j).
#[derive(Debug, Clone, PartialEq)]
pub struct Plain<T> {
    /// w, inputs×units.
    pub weights: Vec<T>,
    /// b, one a unit.
    pub bias: Vec<T>,
    /// Whose activation is subtracted by the layer behind instead of added.
    pub negative: Vec<bool>,
    /// g.
    pub activation: Activation,
}

impl<T: Scalar> Plain<T> {
    pub(crate) fn new(boundaries: Boundaries<T>, activation: Activation) -> Self {
        let Boundaries { normals: weights, offsets: bias } = boundaries;
        let negative = vec![false; bias.len()];
        Self { weights, bias, negative, activation }
    }
    /// Multiplies what unit `unit` takes the activation of.
    pub(crate) fn scale(&mut self, unit: usize, factor: T) {
        let units = self.bias.len();
        self.weights.iter_mut().skip(unit).step_by(units).for_each(|w| *w *= factor);
        self.bias[unit] *= factor;
    }
    /// What the layer receives of unit `unit` of the layer before, one weight a unit of its own.
    fn weights_from(&mut self, unit: usize) -> &mut [T] {
        let units = self.bias.len();
        &mut self.weights[unit * units..][..units]
    }
}

/// The same function (batch normalization: the one of evaluation) as plain weights and biases.
///
/// Outputs agree to rounding. Weight normalization becomes w = ℓ v/‖v‖; batch normalization w γ/√(σ²+ϵ) and
/// (b−μ) γ/√(σ²+ϵ) + β; a geometric unit r g(u·x + λ) becomes |r| u and |r| λ, and the sign of r, which stands
/// outside the activation, goes to the weights of the layer behind.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization, fold};
/// let network = Mlp::new(13, &[100], 1, Parameterization::Geometric).build::<f64>(7)?;
/// let plain = fold::to_standard(&network)?;
/// let names: Vec<_> = plain.parameters.entries().iter().map(|e| e.name.as_str()).collect();
/// assert_eq!(names, ["hidden1.weights", "hidden1.bias", "output.weights", "output.bias"]);
/// # Ok::<(), gmp_nn::Error>(())
/// ```
///
/// # Errors
/// A layer that is not dense, or a last layer of rectified units with a negative radius.
pub fn to_standard<T: Element>(network: &Network<T>) -> Result<Network<T>, Error> {
    rebuild(network, |_| Parameterization::Standard)
}

/// The same function with its rectified layers in geometric parameterization: directions and radii of the plain
/// weights w, r = ‖w‖ and λ = b/r.
///
/// Outputs agree to rounding. A unit without weights is the constant g(b): that goes to the biases of the layer
/// behind, and the unit gets the radius 0.
///
/// # Errors
/// As [`to_standard`]; weights that are not finite; a last layer with a rectified unit without weights.
pub fn to_geometric<T: Element>(network: &Network<T>) -> Result<Network<T>, Error> {
    rebuild(network, |activation| match activation {
        Activation::Relu => Parameterization::Geometric,
        Activation::Identity => Parameterization::Standard,
    })
}

fn rebuild<T: Element>(
    network: &Network<T>,
    form: impl Fn(Activation) -> Parameterization,
) -> Result<Network<T>, Error> {
    let mut layers = plain_layers(network)?;
    let mut rebuilt = Network::default();
    for i in 0..layers.len() {
        let [(name, layer), behind @ ..] = &mut layers[i..] else { unreachable!("i is below the length") };
        let mut behind = behind.first_mut().map(|(_, layer)| layer);
        for unit in (0..layer.bias.len()).filter(|&unit| layer.negative[unit]) {
            let Some(behind) = &mut behind else { return Err(Error::NotPlain { layer: name.clone() }) };
            behind.weights_from(unit).iter_mut().for_each(|w| *w = -*w);
        }
        match form(layer.activation) {
            Parameterization::Geometric => push_geometric(&mut rebuilt, name, layer, behind)?,
            form => push(&mut rebuilt, name, layer, form, "bias")?,
        }
    }
    Ok(rebuilt)
}

/// Every layer with its name.
fn plain_layers<T: Element>(network: &Network<T>) -> Result<Vec<(String, Plain<T>)>, Error> {
    let mut names: Vec<&str> = Vec::new();
    for entry in network.parameters.entries() {
        let name = entry.name.rsplit_once('.').map_or(&entry.name[..], |(layer, _)| layer);
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    // A layer without parameters is not dense, and leaves no name: the others are then known by number alone.
    let all_named = names.len() == network.depth();
    let mut layers = Vec::with_capacity(network.depth());
    for (i, layer) in network.layers.iter().enumerate() {
        let name = if all_named { names[i].to_owned() } else { format!("layer {}", i + 1) };
        match layer.plain(network.parameters.values(), network.buffers.values()) {
            Some(plain) => layers.push((name, plain)),
            None => return Err(Error::NotPlain { layer: name }),
        }
    }
    Ok(layers)
}

/// Appends a layer of the plain one's weights, and writes its biases to the row called `bias`.
fn push<T: Element>(
    network: &mut Network<T>,
    name: &str,
    layer: &Plain<T>,
    form: Parameterization,
    bias: &str,
) -> Result<(), Error> {
    let units = layer.bias.len();
    network.layers.push(form.build(Initial {
        name,
        weights: &layer.weights,
        weight_rows: layer.weights.len() / units,
        units,
        linear: Linear::Dense,
        activation: layer.activation,
        directions: Directions::Exact,
        parameters: &mut network.parameters,
        buffers: &mut network.buffers,
    })?);
    row(&mut network.parameters, name, bias).copy_from_slice(&layer.bias);
    Ok(())
}

fn push_geometric<T: Element>(
    network: &mut Network<T>,
    name: &str,
    layer: &mut Plain<T>,
    mut behind: Option<&mut Plain<T>>,
) -> Result<(), Error> {
    let units = layer.bias.len();
    let mut constant = Vec::new();
    for unit in 0..units {
        let column = layer.weights.iter().skip(unit).step_by(units);
        let norm = column.fold(T::ZERO, |norm, &w| norm.hypot(w));
        let (bias, offset) = (layer.bias[unit], layer.bias[unit] / norm);
        if norm > T::ZERO && offset.is_finite() || !bias.is_finite() {
            layer.bias[unit] = offset;
            continue;
        }
        let Some(behind) = &mut behind else { return Err(Error::NotPlain { layer: name.to_owned() }) };
        let value = bias.larger(T::ZERO);
        let weights = behind.weights_from(unit).to_vec();
        behind.bias.iter_mut().zip(weights).for_each(|(bias, weight)| *bias += value * weight);
        // Any direction does: the radius will be 0.
        layer.weights[unit] = T::ONE;
        layer.bias[unit] = T::ZERO;
        constant.push(unit);
    }
    push(network, name, layer, Parameterization::Geometric, "offset")?;
    let radius = row(&mut network.parameters, name, "radius");
    constant.into_iter().for_each(|unit| radius[unit] = T::ZERO);
    Ok(())
}

fn row<'a, T: Scalar>(parameters: &'a mut Named<T>, layer: &str, name: &str) -> &'a mut [T] {
    let name = format!("{layer}.{name}");
    let slot = parameters.entries().iter().find(|e| e.name == name).map(|e| e.slot);
    &mut parameters.values_mut()[slot.expect("the layer was built with it").range()]
}
