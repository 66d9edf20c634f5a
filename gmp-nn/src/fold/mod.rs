//! Networks as other networks of the same function: everything as plain weights, plain weights as geometric units.
//!
//! Outputs agree to rounding, in evaluation, with running statistics. Weight normalization becomes w = ℓ v/‖v‖; batch
//! normalization w γ/√(σ²+ϵ) and (b−μ) γ/√(σ²+ϵ) + β; mean-only normalization before a rectifier a bias. A geometric
//! unit r g(u·x + λ) becomes |r| u and |r| λ, and the sign of r, which stands outside the activation, goes to the
//! weights of the layer behind. So does the mean that is taken from the inputs of a dense layer or of a convolution
//! without padding, behind a pool too.
//!
//! Two things have no place in the layers that were there. A convolution pads with zeros after the mean was taken
//! away, so that the mean is no bias of it: pixels at the edge want another one. And the largest of numbers −|r| g(…)
//! is not the negative of the largest. There, and before a residual block, which hands its input on, the sign and the
//! shift of every channel become a layer of their own: a 1×1 convolution whose weights are a diagonal of ±1. It is
//! exact, every tool has it, and beside a 3×3 convolution it is one multiplication in ten. (A channel of ones would
//! carry the mean too, but makes every layer one wider.) It has the name of the normalization that it replaces, or of
//! the layer before it with `.sign` or `.constants` behind.

mod chain;
mod plain;

use crate::parameterization::{DirectionInit, Parameterization};
use crate::{Activation, Element, Error, Features, Linear, Network, NetworkSpec};
use chain::Chain;
pub use plain::EffectiveWeights;

/// The same function (the one of evaluation) as plain weights and biases.
///
/// ```
/// use gmp_nn::models::{Form, vgg6};
/// use gmp_nn::fold;
/// let network = vgg6(Form::BatchNorm, 8, 10).build::<f32>(7)?;
/// let plain = fold::to_standard(&network)?;
/// assert_eq!(plain.spec(), &vgg6(Form::Standard, 8, 10));
/// # Ok::<(), gmp_nn::Error>(())
/// ```
///
/// # Errors
/// A layer normalization, named.
pub fn to_standard<T: Element>(network: &Network<T>) -> Result<Network<T>, Error> {
    build(network.spec().input, Chain::of(network)?, |_| Parameterization::Standard)
}

/// The same function with its rectified layers and its convolutions in geometric parameterization: directions and
/// radii of the plain weights w, r = ‖w‖ and λ = b/r.
///
/// A unit without weights is the constant g(b): that goes to the biases of the layer behind, and the unit gets the
/// radius 0.
///
/// # Errors
/// A layer normalization, or weights that are not finite, named.
pub fn to_geometric<T: Element>(network: &Network<T>) -> Result<Network<T>, Error> {
    let chain = Chain::of(network)?.without_constants(&|plain| form(plain) == Parameterization::Geometric);
    build(network.spec().input, chain, form)
}

fn form<T>(plain: &EffectiveWeights<T>) -> Parameterization {
    match (plain.linear, plain.activation) {
        (Linear::Dense, Activation::Identity) => Parameterization::Standard,
        // Only what is homogeneous lets a radius through.
        (_, activation) if !activation.is_homogeneous() => Parameterization::Standard,
        _ => Parameterization::Geometric,
    }
}

fn build<T: Element>(
    input: Features,
    chain: Chain<T>,
    form: impl Fn(&EffectiveWeights<T>) -> Parameterization,
) -> Result<Network<T>, Error> {
    let mut units = Vec::new();
    let mut is_image = matches!(input, Features::Image { .. });
    let layers = chain.describe(&mut is_image, &form, &mut units);
    let spec = NetworkSpec { input, layers, directions: DirectionInit::Exact };

    let mut names = Vec::with_capacity(units.len());
    let mut network = spec.build_from(&mut |name, _, weights: &mut [T]| {
        let plain = &units[names.len()];
        weights.copy_from_slice(&plain.weights);
        if form(plain) == Parameterization::Geometric {
            // Any direction does where the radius will be 0.
            (0..plain.bias.len())
                .filter(|&unit| plain.is_nothing(unit))
                .for_each(|unit| weights[unit] = T::ONE);
        }
        names.push(name.to_owned());
    })?;
    for (name, plain) in names.iter().zip(&units) {
        if form(plain) == Parameterization::Standard {
            row(&mut network, name, "bias").copy_from_slice(&plain.bias);
            continue;
        }
        for (unit, &bias) in plain.bias.iter().enumerate() {
            if plain.is_nothing(unit) {
                row(&mut network, name, "radius")[unit] = T::ZERO;
            } else {
                row(&mut network, name, "offset")[unit] = bias / plain.norm(unit);
            }
        }
    }
    Ok(network)
}

fn row<'a, T: Element>(network: &'a mut Network<T>, layer: &str, name: &str) -> &'a mut [T] {
    let name = format!("{layer}.{name}");
    let slot = network.parameters.entries().iter().find(|e| e.name == name).map(|e| e.slot);
    &mut network.parameters.values_mut()[slot.expect("the layer was built with it").range()]
}
