//! Converts networks to other networks that compute the same function: any network to standard weights, and those to
//! geometric units.
//!
//! Outputs agree up to rounding, in evaluation mode, with running statistics. Any parameterization becomes its
//! [effective weights](crate::parameterization::EffectiveWeights). Batch normalization becomes w γ/√(σ²+ϵ) and (b−μ)
//! γ/√(σ²+ϵ) + β; mean-only normalization before an activation becomes a bias. The scale r of units r g(w·x + b),
//! outside the activation, moves through it if g(c z) = c g(z) for c > 0: as |r| into w and b, while its sign goes to
//! the weights of the next layer. It cannot move through any other activation, and is absorbed by the next layer as
//! it is. The mean that is subtracted from the inputs of a dense layer or of a convolution without padding, also
//! after a pool, is absorbed by that layer too.
//!
//! Two things cannot be absorbed by the existing layers. A convolution pads with zeros after the mean was subtracted,
//! so the mean cannot become its bias: pixels at the edge would need another one. And the maximum of numbers −|r|
//! g(…) is not the negative of the maximum. In these cases, and before a residual block, which passes its input on,
//! the scale and the shift of every channel become a separate layer: a 1×1 convolution whose weights are a diagonal.
//! It is exact, every tool supports it, and next to a 3×3 convolution it is one multiplication in ten. (A channel of
//! ones could carry the mean too, but would make every layer wider by one.) It has the name of the normalization that
//! it replaces, or of the layer before it followed by `.sign`, `.scale` or `.constants`.

mod chain;
mod plain;

use crate::RadiusPlacement;
use crate::parameterization::Parameterization;
use crate::{Activation, Element, Error, Features, GeometricOptions, Linear, Network, NetworkSpec};
use chain::Chain;
use plain::{Plain, Target};

/// Converts a network to standard weights and biases that compute the same function (that of evaluation mode).
///
/// ```
/// use gmp_nn::zoo::{Variant, vgg6};
/// use gmp_nn::{Normalization, Parameterization, fold};
/// let standard = Variant::new(Parameterization::Standard);
/// let network = vgg6(&standard.normalization(Normalization::batch()), 8, 10).build::<f32>(7)?;
/// let plain = fold::to_standard(&network)?;
/// assert_eq!(plain.spec(), Some(&vgg6(&standard, 8, 10)));
/// # Ok::<(), gmp_nn::Error>(())
/// ```
///
/// # Errors
/// If there is a normalization without running statistics, such as layer normalization, or a user-defined layer. The
/// error names it.
pub fn to_standard<T: Element>(network: &Network<T>) -> Result<Network<T>, Error> {
    build(network.input(), Chain::of(network)?, |_| Target::STANDARD)
}

/// Converts a network to layers in geometric parameterization that compute the same function, except for dense layers
/// without an activation, which stay standard. Directions and radii are those of the effective weights w, with r =
/// ‖w‖ and λ = b/r. The radius is outside the activation if it can move through it, and otherwise inside.
///
/// A unit whose weights are all zero is the constant g(b): this is added to the biases of the next layer, and the
/// unit gets the radius 0.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization, fold};
/// let mut network = Mlp::new(2, &[1], 1, Parameterization::Standard).build::<f64>(1)?;
/// network.parameters.set("hidden1.weights", &[3.0, 4.0])?;
/// network.parameters.set("hidden1.bias", &[10.0])?;
///
/// let geometric = fold::to_geometric(&network)?;
/// assert_eq!(geometric.parameters.get("hidden1.radius"), Some(&[5.0][..])); // ‖(3, 4)‖
/// assert_eq!(geometric.parameters.get("hidden1.offset"), Some(&[2.0][..])); // 10/5
/// # Ok::<(), gmp_nn::Error>(())
/// ```
///
/// # Errors
/// As [`to_standard`], and if weights are not finite, naming them.
pub fn to_geometric<T: Element>(network: &Network<T>) -> Result<Network<T>, Error> {
    let chain = Chain::of(network)?.without_constants(&|plain| target(plain).is_geometric());
    build(network.input(), chain, target)
}

fn target<T: Element>(plain: &Plain<T>) -> Target {
    let radius = match plain.activation.is_homogeneous() {
        true => RadiusPlacement::Outside,
        false => RadiusPlacement::Inside,
    };
    match (plain.linear, plain.activation) {
        (Linear::Dense, Activation::Identity) => Target::STANDARD,
        _ => Target {
            parameterization: Parameterization::Geometric,
            geometric: GeometricOptions { radius, ..Default::default() },
        },
    }
}

fn build<T: Element>(
    input: Features,
    chain: Chain<T>,
    target: impl Fn(&Plain<T>) -> Target,
) -> Result<Network<T>, Error> {
    let mut units = Vec::new();
    let mut is_image = matches!(input, Features::Image { .. });
    let layers = chain.describe(&mut is_image, &target, &mut units);
    let spec = NetworkSpec { input, layers };

    let mut names = Vec::with_capacity(units.len());
    let mut network = spec.build_with(0, |name, _, weights: &mut [T]| {
        let plain = &units[names.len()];
        weights.copy_from_slice(&plain.weights);
        if target(plain).is_geometric() {
            // Any direction does where the radius will be 0.
            (0..plain.bias.len())
                .filter(|&unit| plain.is_nothing(unit))
                .for_each(|unit| weights[unit] = T::ONE);
        }
        names.push(name.to_owned());
    })?;
    for (name, plain) in names.iter().zip(&units) {
        if !target(plain).is_geometric() {
            network.parameters.set(&format!("{name}.bias"), &plain.bias)?;
            continue;
        }
        for (unit, &bias) in plain.bias.iter().enumerate() {
            let (row, value) = match plain.is_nothing(unit) {
                true => ("radius", T::ZERO),
                false => ("offset", bias / plain.norm(unit)),
            };
            let row = network.parameters.get_mut(&format!("{name}.{row}"));
            row.expect("the layer was built with it")[unit] = value;
        }
    }
    Ok(network)
}
