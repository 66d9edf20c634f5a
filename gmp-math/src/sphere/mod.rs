//! Hyperspherical coordinates of the columns of a matrix.
//!
//! A layer of h units with n inputs is an n × h matrix of weights, row-major: **rows are input coordinates, columns are
//! units**. That is the transpose of PyTorch's `Linear.weight`, which [`Mat::units_by_inputs`](crate::Mat::units_by_inputs)
//! reads in place. One column w = r·u(θ) has a radius r = ‖w‖ and n − 1 angles in radians:
//!
//! ```text
//! u₁ = cos θ₁
//! u_k = (∏_{j<k} sin θ_j) cos θ_k   for 1 < k < n
//! uₙ = ∏_{j≤n−1} sin θ_j
//! ```
//!
//! The angles of a layer are an (n−1) × h matrix, the radii a row of h. A single vector is the case h = 1.
//! For n = 1 there is no angle: the direction is the fixed sign +1 or −1 (see [`signs`]).
//!
//! The functions that take slices and `units` write into memory of the caller and allocate nothing; [`spherical`] and
//! [`geometric`](crate::geometric) take a [`Mat`](crate::Mat) and allocate their results.

mod canonical;
mod convert;
mod directions;
mod jacobian;
mod kernels;
mod large;
mod metric;
mod polar;
mod second_order;

pub use canonical::{canonicalize, is_canonical};
pub use convert::{Spherical, half_sphere_angles, signs, spherical, to_cartesian, to_spherical};
pub use directions::{directions, directions_jvp, directions_saving, directions_vjp, saved_len};
pub use jacobian::{jacobian, polar_jacobian};
pub use metric::{log_volume, metric, metric_determinant, polar_log_volume};
pub use polar::{polar_jvp, polar_vjp};
pub use second_order::{directions_hvp, polar_hvp};

#[cfg(feature = "rayon")]
pub(crate) mod batch {
    pub(crate) use super::directions::{directions_in, directions_saving_in, directions_vjp_in};
    pub(crate) use super::kernels::tangent;
}

/// Number of rows of a matrix with `units` columns.
#[track_caller]
pub(crate) fn rows(what: &str, len: usize, units: usize) -> usize {
    assert!(
        if units == 0 { len == 0 } else { len.is_multiple_of(units) },
        "{what}: {len} values do not fill rows of {units} units"
    );
    len.checked_div(units).unwrap_or(0)
}

/// Panics unless the matrix called `what` is `rows` × `units`.
#[track_caller]
pub(crate) fn expect_shape(what: &str, len: usize, rows: usize, units: usize) {
    assert!(
        rows.checked_mul(units) == Some(len),
        "{what}: {len} values; expected {rows} rows × {units} units = {}",
        rows as u128 * units as u128
    );
}

/// Panics unless the vector called `what` has `expected` elements.
#[track_caller]
pub(crate) fn expect_len(what: &str, len: usize, expected: usize) {
    assert!(len == expected, "{what}: {len} values; expected {expected}");
}
