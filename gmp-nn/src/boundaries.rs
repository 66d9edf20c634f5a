//! The characteristic activation boundaries of a layer's units.

use crate::parameterization::EffectiveWeights;
use gmp_math::{Scalar, boundary};

/// Normals and offsets of the hyperplanes {x : w·x + b = 0} where a layer's units switch between linear pieces, one
/// per column.
///
/// This is the definition of a boundary for every parameterization; directions and spatial locations are derived from
/// it. A piecewise linear activation switches at each of its [kinks](crate::Activation::kinks): where there are
/// several, the hyperplanes of all units at the first kink come first, then those at the next. A smooth activation
/// does not switch; its boundary is where its input is 0. The memory is reused from step to step, so that recording a
/// training run allocates nothing.
///
/// Under layer normalization with a shift, or with an activation that switches elsewhere than at 0, units do not switch on
/// hyperplanes. The hyperplanes given here are then a substitute and not where the units switch:
/// [`LayerNorm`](crate::normalization::LayerNorm#activation-boundaries) says which hyperplanes are used.
///
/// ```
/// use gmp_nn::{Boundaries, Mlp, Parameterization};
///
/// let mut network = Mlp::new(2, &[1], 1, Parameterization::Standard).build::<f64>(1)?;
/// network.parameters.set("hidden1.weights", &[3.0, 4.0])?;
/// network.parameters.set("hidden1.bias", &[-5.0])?;
///
/// let mut boundaries = Boundaries::default();
/// network.boundaries("hidden1", &mut boundaries);
/// assert_eq!((&boundaries.normals[..], &boundaries.offsets[..]), (&[3.0, 4.0][..], &[-5.0][..]));
///
/// let mut location = [0.0; 2];
/// boundaries.spatial_locations(&mut location); // the point of the line 3x + 4y = 5 that is nearest to the origin
/// assert!((location[0] - 0.6).abs() < 1e-15 && (location[1] - 0.8).abs() < 1e-15);
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Boundaries<T> {
    /// Effective weights, n×units; their norms depend on the parameterization.
    pub normals: Vec<T>,
    /// Effective biases, one per column.
    pub offsets: Vec<T>,
    /// Memory that is used again from call to call.
    pub(crate) scratch: EffectiveWeights<T>,
}

impl<T: PartialEq> PartialEq for Boundaries<T> {
    fn eq(&self, other: &Self) -> bool {
        (&self.normals, &self.offsets) == (&other.normals, &other.offsets)
    }
}

impl<T: Scalar> Boundaries<T> {
    /// Number of hyperplanes: the number of units, times the number of kinks if their activation has several.
    ///
    /// ```
    /// use gmp_nn::{Activation, Boundaries, Mlp, Parameterization};
    /// // A hard tanh switches twice: each of the three units has two parallel hyperplanes.
    /// let mlp = Mlp::new(2, &[3], 1, Parameterization::Standard).activation(Activation::HardTanh);
    /// let mut boundaries = Boundaries::default();
    /// mlp.build::<f64>(1)?.boundaries("hidden1", &mut boundaries);
    /// assert_eq!((boundaries.inputs(), boundaries.units()), (2, 6));
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn units(&self) -> usize {
        self.offsets.len()
    }
    /// Number of input coordinates.
    pub fn inputs(&self) -> usize {
        self.normals.len().checked_div(self.units()).unwrap_or(0)
    }
    /// Spatial locations φ = −b w/‖w‖², n×units; NaN for a unit without a direction.
    ///
    /// ```
    /// # use gmp_nn::Boundaries;
    /// let mut boundaries = Boundaries::default();
    /// (boundaries.normals, boundaries.offsets) = (vec![2.0, 0.0], vec![-6.0]); // the line 2x = 6
    /// let mut location = [0.0; 2];
    /// boundaries.spatial_locations(&mut location);
    /// assert_eq!(location, [3.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// If `locations` is not n·units long.
    pub fn spatial_locations(&self, locations: &mut [T]) {
        boundary::spatial_locations(&self.normals, &self.offsets, self.units(), locations);
    }
    /// Direction of every normal in the plane, in radians in (−π, π].
    ///
    /// ```
    /// # use gmp_nn::Boundaries;
    /// use std::f64::consts::FRAC_PI_2;
    /// let mut boundaries = Boundaries::default();
    /// // One column per unit: the normals (1, 0) and (0, 2).
    /// (boundaries.normals, boundaries.offsets) = (vec![1.0, 0.0, 0.0, 2.0], vec![0.5, 0.5]);
    /// assert_eq!(boundaries.plane_angles().collect::<Vec<_>>(), [0.0, FRAC_PI_2]);
    /// ```
    ///
    /// # Panics
    /// If there are not two inputs.
    pub fn plane_angles(&self) -> impl Iterator<Item = T> + '_ {
        assert_eq!(self.inputs(), 2, "a plane angle needs two inputs");
        let (x, y) = self.normals.split_at(self.units());
        x.iter().zip(y).map(|(&x, &y)| y.atan2(x))
    }

    /// Puts the columns of others, which have as many inputs, side by side.
    pub(crate) fn join(&mut self, others: impl Iterator<Item = Self>) {
        let others: Vec<Self> = others.collect();
        self.normals.clear();
        for row in 0..others.first().map_or(0, Self::inputs) {
            for other in &others {
                self.normals.extend_from_slice(&other.normals[row * other.units()..][..other.units()]);
            }
        }
        self.offsets.clear();
        others.iter().for_each(|other| self.offsets.extend_from_slice(&other.offsets));
    }
}
