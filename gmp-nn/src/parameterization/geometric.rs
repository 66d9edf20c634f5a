//! Geometric parameterization: r g(u(θ)·x + λ), initialized from weights w as θ = angles of w, r = ‖w‖, λ = 0.
//!
//! The radius may become negative, as in the authors' code. With one input there are no angles; the direction is the
//! sign of the weight, stored in a buffer and never trained.

use super::{EffectiveWeights, Parameterize, Unit, Weights};
use crate::{Declare, Element, Error, Forward, Linear, Role, Slot, op};
use gmp_autograd::{Mat, op as basic};
use gmp_math::sphere;
use serde::{Deserialize, Serialize};

/// Options of the geometric parameterization. The defaults are those of the authors' released code.
///
/// ```
/// use gmp_nn::{Dense, GeometricOptions, NetworkSpec, Parameterization, RadiusPlacement};
/// let options = GeometricOptions { radius: RadiusPlacement::Inside, ..Default::default() };
/// let spec = NetworkSpec::vector(3)
///     .layer("hidden1", Dense::new(8, Parameterization::Geometric).geometric(options))
///     .output(1);
/// assert!(spec.build::<f64>(1).is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeometricOptions {
    /// How directions are initialized.
    pub directions: DirectionInit,
    /// On which side of the activation the radius is.
    pub radius: RadiusPlacement,
    /// The fan-out used for the initial weights of a convolution.
    pub fan_out: FanOut,
}

impl GeometricOptions {
    pub(crate) const DEFAULT: Self =
        Self { directions: DirectionInit::Exact, radius: RadiusPlacement::Outside, fan_out: FanOut::Filters };
}

/// How the initial directions of geometric units follow from the sampled weights.
///
/// ```
/// use gmp_nn::{DirectionInit, Error, Mlp, Parameterization};
/// // How many of a hundred units in the plane point downwards at the start.
/// let downwards = |directions| -> Result<usize, Error> {
///     let mlp = Mlp { directions, ..Mlp::new(2, &[100], 1, Parameterization::Geometric) };
///     let network = mlp.build::<f64>(1)?;
///     Ok(network.parameters.get("hidden1.angles").unwrap().iter().filter(|angle| angle.sin() < 0.0).count())
/// };
/// assert_eq!(downwards(DirectionInit::HalfSphere)?, 0);
/// assert!((30..70).contains(&downwards(DirectionInit::Exact)?));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectionInit {
    /// The direction of the weights.
    #[default]
    Exact,
    /// As in the authors' code: the last coordinate loses its sign, so that directions cover half a sphere.
    HalfSphere,
}

/// On which side of the activation the radius is.
///
/// ```
/// use gmp_autograd::Mat;
/// use gmp_nn::{Activation, Dense, GeometricOptions, NetworkSpec, Parameterization, RadiusPlacement};
/// let inside = GeometricOptions { radius: RadiusPlacement::Inside, ..Default::default() };
/// let start = |parameterization| {
///     let hidden = Dense::new(8, parameterization).activation(Activation::Tanh).geometric(inside);
///     let network = NetworkSpec::vector(2).layer("hidden1", hidden).output(1).build::<f64>(1)?;
///     Ok::<_, gmp_nn::Error>(network.predict(Mat::new(&[0.5, -1.0], 1, 2))[0])
/// };
/// let difference = start(Parameterization::Geometric)? - start(Parameterization::Standard)?;
/// assert!(difference.abs() < 1e-12);
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RadiusPlacement {
    /// r g(u·x + λ). With sampled weights w = r u, the initial function is the same as in other parameterizations
    /// only if g(r z) = r g(z), as for ReLU.
    #[default]
    Outside,
    /// g(r (u·x + λ)), the same function as g(w·x + b) whatever the activation.
    Inside,
}

/// The fan-out that is used to draw the initial weights of a geometric convolution.
///
/// ```
/// use gmp_nn::conv::{Padding, Window};
/// use gmp_nn::{Convolution, FanOut, GeometricOptions, NetworkSpec, Parameterization::Geometric};
/// // One filter of 3×3 pixels on one channel: how long its weights are at the start.
/// let radius = |fan_out| {
///     let options = GeometricOptions { fan_out, ..Default::default() };
///     let convolution = Convolution::new(1, Window::new(3, 1, Padding::Same), Geometric).geometric(options);
///     let network = NetworkSpec::image(8, 8, 1).layer("conv1", convolution).build::<f64>(1)?;
///     Ok::<_, gmp_nn::Error>(network.parameters.get("conv1.radius").unwrap()[0])
/// };
/// let ratio = radius(FanOut::Filters)? / radius(FanOut::Window)?;
/// assert!((ratio.powi(2) - 1.8).abs() < 1e-12); // (1 + 1)·9/(1·9 + 1)
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FanOut {
    /// The number of filters, as in the authors' code: the weights are √((C_in + C_out) k²/(C_in k² + C_out)) times
    /// larger than those of the other parameterizations.
    #[default]
    Filters,
    /// k·k·filters, as for the other parameterizations and in Keras.
    Window,
}

impl<T: Element> Parameterize<T> for GeometricOptions {
    fn name(&self) -> &'static str {
        "GmP"
    }
    fn fan_out(&self, linear: Linear, units: usize) -> usize {
        match self.fan_out {
            FanOut::Filters => units,
            FanOut::Window => linear.fan(units),
        }
    }
    fn declare(
        &self,
        initial: Mat<'_, T>,
        declare: &mut Declare<'_, T>,
    ) -> Result<Box<dyn Weights<T>>, Error> {
        let (inputs, units) = (initial.rows(), initial.cols());
        let mut angles = vec![T::ZERO; (inputs - 1) * units];
        let mut radius = vec![T::ZERO; units];
        let convert = match self.directions {
            DirectionInit::Exact => sphere::to_spherical,
            DirectionInit::HalfSphere => sphere::half_sphere_angles,
        };
        convert(initial.data(), units, &mut angles, &mut radius)
            .map_err(|source| Error::Direction { layer: declare.layer().to_owned(), source })?;
        let direction = if inputs == 1 {
            let mut signs = vec![T::ZERO; units];
            sphere::signs(initial.data(), &mut signs);
            Direction::Signs(declare.buffer("sign", Mat::new(&signs, 1, units)))
        } else {
            Direction::Angles(declare.parameter("angles", Role::Angle, Mat::new(&angles, inputs - 1, units)))
        };
        let offset = declare.row("offset", Role::Offset, units, T::ZERO)?;
        let radius = declare.parameter("radius", Role::Radius, Mat::new(&radius, 1, units));
        Ok(Box::new(Spherical { direction, offset, radius, placement: self.radius }))
    }
}

#[derive(Debug)]
struct Spherical {
    direction: Direction,
    offset: Slot,
    radius: Slot,
    placement: RadiusPlacement,
}

#[derive(Debug)]
enum Direction {
    /// A parameter.
    Angles(Slot),
    /// A buffer, where there is one input.
    Signs(Slot),
}

impl<T: Element> Weights<T> for Spherical {
    fn on_tape(&self, pass: &mut Forward<'_, T>) -> Unit {
        let u = match self.direction {
            Direction::Angles(slot) => {
                let angles = pass.parameter(slot);
                op::direction(pass.tape, angles)
            }
            Direction::Signs(slot) => pass.buffer(slot),
        };
        let (offset, radius) = (pass.parameter(self.offset), pass.parameter(self.radius));
        match self.placement {
            RadiusPlacement::Outside => Unit { weight: u, bias: offset, scale: Some(radius) },
            RadiusPlacement::Inside => Unit {
                weight: basic::mul_row(pass.tape, u, radius),
                bias: basic::mul(pass.tape, offset, radius),
                scale: None,
            },
        }
    }

    fn effective(&self, parameters: &[T], buffers: &[T], into: &mut EffectiveWeights<T>) {
        match self.direction {
            Direction::Angles(slot) => {
                into.weights.resize((slot.rows + 1) * slot.cols, T::ZERO);
                sphere::directions(slot.of(parameters), slot.cols, &mut into.weights);
            }
            Direction::Signs(slot) => into.weights.extend_from_slice(slot.of(buffers)),
        }
        into.bias.extend_from_slice(self.offset.of(parameters));
        let radius = self.radius.of(parameters);
        match self.placement {
            RadiusPlacement::Outside => into.scale.extend_from_slice(radius),
            RadiusPlacement::Inside => {
                radius.iter().enumerate().for_each(|(unit, &r)| into.scale_unit(unit, r));
            }
        }
    }
}
