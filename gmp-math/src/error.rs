//! Errors about the numbers that a caller passes in.

/// A weight column that has no direction, or whose norm or offset cannot be represented in its type.
///
/// ```
/// use gmp_math::{Mat, sphere::spherical};
/// let error = spherical(Mat::new(&[1.0, 0.0, 2.0, 0.0], 2, 2)).unwrap_err();
/// assert_eq!(error.to_string(), "unit 1: all 2 weights are zero; a direction needs at least one that is not");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Every weight of the unit is zero, so it has no direction.
    #[error("unit {unit}: all {inputs} weights are zero; a direction needs at least one that is not")]
    ZeroVector {
        /// Column of the unit, from 0.
        unit: usize,
        /// Number of weights in the column.
        inputs: usize,
    },
    /// A weight is infinite or NaN.
    #[error("unit {unit}: weight {input} is infinite or NaN; expected finite weights")]
    NonFinite {
        /// Column of the unit, from 0.
        unit: usize,
        /// Row of the weight, from 0.
        input: usize,
    },
    /// The weights are finite but their norm is larger than the largest number of the type.
    #[error("unit {unit}: the norm of its weights overflows {scalar}; scale the weights down")]
    NormOverflow {
        /// Column of the unit, from 0.
        unit: usize,
        /// Name of the type.
        scalar: &'static str,
    },
    /// The bias divided by the norm of the weights is not finite.
    #[error(
        "unit {unit}: its bias divided by the norm of its weights is infinite or NaN in {scalar}; expected a finite bias and weights that are not so small"
    )]
    OffsetNotFinite {
        /// Column of the unit, from 0.
        unit: usize,
        /// Name of the type.
        scalar: &'static str,
    },
}
