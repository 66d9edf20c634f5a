//! Geometric parameterization: r g(u(θ)·x + λ), started from weights w as θ = angles of w, r = ‖w‖, λ = 0.
//!
//! The radius stands outside the activation and may become negative, as in the authors' code. With one input
//! there are no angles; the direction is the sign of the weight, stored in a buffer and never trained.

use super::{DirectionInit, Initial};
use crate::fold::EffectiveWeights;
use crate::op::{self, Activation};
use crate::{Boundaries, Element, Error, Forward, Layer, Linear, Role, Slot};
use gmp_autograd::Var;
use gmp_math::sphere;

#[derive(Debug)]
struct Geometric {
    /// Angles (a parameter), or signs (a buffer) where there is one input.
    direction: Direction,
    offset: Slot,
    radius: Slot,
    linear: Linear,
    activation: Activation,
}

#[derive(Debug)]
enum Direction {
    Angles(Slot),
    Signs(Slot),
}

pub(super) fn build<T: Element>(mut init: Initial<'_, T>) -> Result<Box<dyn Layer<T>>, Error> {
    let (inputs, units) = (init.weight_rows, init.units);
    let mut angles = vec![T::ZERO; (inputs - 1) * units];
    let mut radius = vec![T::ZERO; units];
    let convert = match init.directions {
        DirectionInit::Exact => sphere::to_spherical,
        DirectionInit::HalfSphere => sphere::half_sphere_angles,
    };
    convert(init.weights, units, &mut angles, &mut radius)
        .map_err(|source| Error::Direction { layer: init.name.to_owned(), source })?;
    let direction = if inputs == 1 {
        let mut signs = vec![T::ZERO; units];
        sphere::signs(init.weights, &mut signs);
        Direction::Signs(init.buffer("sign", &signs))
    } else {
        Direction::Angles(init.parameter("angles", Role::Angle, &angles, inputs - 1))
    };
    let offset = init.row("offset", Role::Offset, T::ZERO);
    let radius = init.parameter("radius", Role::Radius, &radius, 1);
    Ok(Box::new(Geometric { direction, offset, radius, linear: init.linear, activation: init.activation }))
}

impl<T: Element> Layer<T> for Geometric {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        let u = match self.direction {
            Direction::Angles(slot) => {
                let angles = pass.parameter(slot);
                op::direction(pass.tape, angles)
            }
            Direction::Signs(slot) => pass.buffer(slot),
        };
        let (offset, radius) = (pass.parameter(self.offset), pass.parameter(self.radius));
        self.linear.scaled_affine(pass.tape, [x, u, offset, radius], self.activation)
    }

    fn boundaries(&self, parameters: &[T], buffers: &[T], boundaries: &mut Boundaries<T>) -> bool {
        let offsets = &parameters[self.offset.range()];
        match self.direction {
            Direction::Angles(slot) => {
                boundaries.offsets.clear();
                boundaries.offsets.extend_from_slice(offsets);
                boundaries.normals.resize((slot.rows + 1) * slot.cols, T::ZERO);
                sphere::directions(&parameters[slot.range()], slot.cols, &mut boundaries.normals);
            }
            Direction::Signs(slot) => boundaries.assign(&buffers[slot.range()], offsets),
        }
        true
    }

    fn plain(&self, parameters: &[T], buffers: &[T]) -> Option<EffectiveWeights<T>> {
        let mut boundaries = Boundaries::default();
        self.boundaries(parameters, buffers, &mut boundaries);
        let mut plain = EffectiveWeights::new(self.linear, boundaries, self.activation);
        for (unit, &radius) in parameters[self.radius.range()].iter().enumerate() {
            match self.activation {
                Activation::Identity => plain.scale(unit, radius),
                // Only what is homogeneous lets a radius through.
                activation if !activation.is_homogeneous() => return None,
                _ => plain.scale(unit, radius.abs()),
            }
            plain.negative[unit] = self.activation != Activation::Identity && radius < T::ZERO;
        }
        Some(plain)
    }
}
