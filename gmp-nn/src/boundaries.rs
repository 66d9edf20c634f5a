//! The characteristic activation boundaries of a layer's units.

use gmp_math::{Scalar, boundary};

/// Normals and offsets of the hyperplanes {x : w·x + b = 0} where a layer's units switch: one column a unit.
///
/// This is the single meaning of a boundary for every parameterization; directions and spatial locations
/// derive from it. Boundaries are reused from step to step, so recording a training run allocates nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Boundaries<T> {
    /// Effective weights, n×units; their lengths are whatever the parameterization makes them.
    pub normals: Vec<T>,
    /// Effective biases, one a unit.
    pub offsets: Vec<T>,
}

impl<T: Scalar> Boundaries<T> {
    /// Number of units.
    pub fn units(&self) -> usize {
        self.offsets.len()
    }
    /// Number of input coordinates.
    pub fn inputs(&self) -> usize {
        self.normals.len().checked_div(self.units()).unwrap_or(0)
    }
    /// Spatial locations φ = −b w/‖w‖², n×units; NaN for a unit without a direction.
    ///
    /// # Panics
    /// If `locations` is not n·units long.
    pub fn spatial_locations(&self, locations: &mut [T]) {
        boundary::spatial_locations(&self.normals, &self.offsets, self.units(), locations);
    }
    /// Direction of every normal in the plane, in radians in (−π, π].
    ///
    /// # Panics
    /// If there are not two inputs.
    pub fn plane_angles(&self) -> impl Iterator<Item = T> + '_ {
        assert_eq!(self.inputs(), 2, "a plane angle needs two inputs");
        let (x, y) = self.normals.split_at(self.units());
        x.iter().zip(y).map(|(&x, &y)| y.atan2(x))
    }
    pub(crate) fn assign(&mut self, normals: &[T], offsets: &[T]) {
        self.normals.clear();
        self.normals.extend_from_slice(normals);
        self.offsets.clear();
        self.offsets.extend_from_slice(offsets);
    }
}
