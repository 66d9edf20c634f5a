//! The batch kernels, run on the threads of the current rayon pool.
//!
//! Threads split the units, never a sum, so the results have the same bits as those of [`sphere`](crate::sphere) for any
//! number of threads. Layers too small to be worth a second thread run on one, and so does every layer if the system
//! refuses the threads of rayon's global pool.
//!
//! **Available with the feature `rayon` only.**
//!
//! ```
//! let angles = vec![0.5; 63 * 256];
//! let (mut u, mut v) = (vec![0.0; 64 * 256], vec![0.0; 64 * 256]);
//! gmp_math::parallel::directions(&angles, 256, &mut u);
//! gmp_math::sphere::directions(&angles, 256, &mut v);
//! assert_eq!(u, v);
//! ```

use crate::Scalar;
use crate::sphere::batch::{directions_in, directions_saving_in, directions_vjp_in, tangent};
use std::error::Error;
use std::ops::Range;
use std::sync::OnceLock;

/// Numbers in a matrix below which handing work to another thread costs more than it saves.
const WORTH_A_THREAD: usize = 8192;

/// Number of threads of the current rayon pool, which is the global pool outside of all others.
///
/// It is 1 if the system refuses the threads of the global pool: rayon's own functions panic then, so they must not
/// be called.
pub fn threads() -> usize {
    static GLOBAL_POOL: OnceLock<bool> = OnceLock::new();
    // The only error without a source is that the pool is there already.
    let has_pool = || match rayon::ThreadPoolBuilder::new().build_global() {
        Ok(()) => true,
        Err(error) => error.source().is_none(),
    };
    if rayon::current_thread_index().is_some() || *GLOBAL_POOL.get_or_init(has_pool) {
        rayon::current_num_threads()
    } else {
        1
    }
}

/// Runs `work` on `parts` contiguous ranges of `units`, each with its part of every output and its own work area.
///
/// `offset(u)` is where unit u's numbers begin in the outputs; outputs that are empty stay empty. What is computed
/// for a unit must not depend on the range that it is in, so that results do not depend on `parts`.
///
/// ```
/// use gmp_math::parallel::share_out;
/// let mut squares = [0; 10];
/// share_out(0..10, 3, [&mut squares], &mut [], &|unit| unit, &|units, [squares], _| {
///     units.zip(squares).for_each(|(unit, square)| *square = unit * unit);
/// });
/// assert_eq!(squares[9], 81);
/// ```
///
/// # Panics
/// If `offset` decreases, or leads beyond an output.
pub fn share_out<T: Send, const K: usize>(
    units: Range<usize>,
    parts: usize,
    outputs: [&mut [T]; K],
    area: &mut [T],
    offset: &(impl Fn(usize) -> usize + Sync),
    work: &(impl Fn(Range<usize>, [&mut [T]; K], &mut [T]) + Sync),
) {
    let parts = parts.min(units.len());
    if parts <= 1 {
        return work(units, outputs, area);
    }
    let left = parts / 2;
    let middle = units.start + units.len() * left / parts;
    let cut = offset(middle) - offset(units.start);
    let (area_left, area_right) = area.split_at_mut(area.len() / parts * left);
    let mut halves = outputs.map(|out| {
        let cut = cut.min(out.len());
        let (below, above) = out.split_at_mut(cut);
        (Some(below), Some(above))
    });
    let mut take = |side: usize| {
        std::array::from_fn(|k| {
            let half = if side == 0 { halves[k].0.take() } else { halves[k].1.take() };
            half.expect("each half is taken once")
        })
    };
    let (below, above) = (take(0), take(1));
    rayon::join(
        || share_out(units.start..middle, left, below, area_left, offset, work),
        || share_out(middle..units.end, parts - left, above, area_right, offset, work),
    );
}

/// [`sphere::directions`](crate::sphere::directions()) in parallel, with the feature `rayon`: u(θ), n × h, of `angles`, (n−1) × h.
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn directions<T: Scalar>(angles: &[T], units: usize, directions: &mut [T]) {
    directions_in(angles, units, directions, pieces(angles.len()));
}

/// [`sphere::directions_saving`](crate::sphere::directions_saving) in parallel, with the feature `rayon`: u(θ), n × h, of `angles`,
/// (n−1) × h, and [`saved_len`](crate::sphere::saved_len) numbers for [`directions_vjp`].
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn directions_saving<T: Scalar>(angles: &[T], units: usize, directions: &mut [T], saved: &mut [T]) {
    directions_saving_in(angles, units, directions, saved, pieces(angles.len()));
}

/// [`sphere::directions_vjp`](crate::sphere::directions_vjp) in parallel, with the feature `rayon`: writes Jᵀg, for `direction_gradients`
/// g, n × h, to `angle_gradients`, (n−1) × h; adds it where `accumulate`.
///
/// ```
/// use gmp_math::{parallel, sphere::saved_len};
/// let (mut u, mut saved, mut gradient) = ([0.0; 2], [0.0; saved_len(2, 1)], [0.0]);
/// parallel::directions_saving(&[0.0], 1, &mut u, &mut saved);
/// parallel::directions_vjp(&[0.0], &saved, 1, &[5.0, 7.0], &mut gradient, false);
/// assert_eq!(gradient, [7.0]);
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn directions_vjp<T: Scalar>(
    angles: &[T],
    saved: &[T],
    units: usize,
    direction_gradients: &[T],
    angle_gradients: &mut [T],
    accumulate: bool,
) {
    let pieces = pieces(angles.len());
    directions_vjp_in(angles, saved, units, direction_gradients, angle_gradients, accumulate, pieces);
}

/// [`sphere::directions_jvp`](crate::sphere::directions_jvp) in parallel, with the feature `rayon`: J θ̇, n × h, for `angles` and
/// `angle_tangents`, (n−1) × h.
///
/// ```
/// let mut tangent = [0.0; 2];
/// gmp_math::parallel::directions_jvp(&[0.0], 1, &[3.0], &mut tangent);
/// assert_eq!(tangent, [0.0, 3.0]);
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn directions_jvp<T: Scalar>(
    angles: &[T],
    units: usize,
    angle_tangents: &[T],
    direction_tangents: &mut [T],
) {
    tangent(angles, units, angle_tangents, direction_tangents).run_in(pieces(angles.len()));
}

/// How many threads a matrix of so many numbers is worth.
fn pieces(size: usize) -> usize {
    threads().min(size / WORTH_A_THREAD)
}
