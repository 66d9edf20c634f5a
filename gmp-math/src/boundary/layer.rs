//! The boundaries of all units of a layer at once.

use super::{Boundary, angle, location_change, normalizer};
use crate::norm::is_safe;
use crate::simd::{Kernel, dispatch};
use crate::sphere::{directions, expect_shape, rows};
use crate::{Mat, Scalar};

/// The boundary of every unit, in order, for n × h weights and h biases.
///
/// ```
/// use gmp_math::{Mat, boundary};
/// // Two units with two inputs, one unit per row as PyTorch stores them.
/// let weight = [3.0, 4.0, 0.0, 2.0];
/// let mut units = boundary::boundaries(Mat::units_by_inputs(&weight, 2, 2), &[-10.0, 1.0]);
/// assert_eq!(units.next().unwrap().spatial_location(), Some(vec![1.2, 1.6]));
/// assert_eq!(units.next().unwrap().spatial_location(), Some(vec![0.0, -0.5]));
/// ```
///
/// # Panics
/// Unless there is one bias per column of the weights.
#[track_caller]
pub fn boundaries<'a, T: Scalar>(
    weights: Mat<'a, T>,
    bias: &'a [T],
) -> impl ExactSizeIterator<Item = Boundary<T>> + use<'a, T> {
    expect_row("bias", bias.len(), weights);
    bias.iter().enumerate().map(move |(unit, b)| Boundary::new(weights.col(unit).collect(), *b))
}

/// Writes the spatial locations φ = −b w/‖w‖² of all units.
///
/// `weights` and `locations` are n × h, `offsets` is a row of h. A column without a direction (zero or not finite)
/// gets NaN, which plots omit. **Columns are units**: PyTorch's `Linear.weight` is the transpose.
///
/// ```
/// let mut locations = [0.0; 4];
/// gmp_math::boundary::spatial_locations(&[3.0, 0.0, 4.0, 2.0], &[-10.0, 1.0], 2, &mut locations);
/// assert_eq!(locations, [1.2, 0.0, 1.6, -0.5]);
/// ```
///
/// # Panics
/// If the lengths do not fit together.
#[track_caller]
pub fn spatial_locations<T: Scalar>(weights: &[T], offsets: &[T], units: usize, locations: &mut [T]) {
    let inputs = rows("weights", weights.len(), units);
    expect_shape("offsets", offsets.len(), 1, units);
    expect_shape("locations", locations.len(), inputs, units);
    dispatch(Locations { weights: Mat::new(weights, inputs, units), offsets, locations });
}

/// Units that are computed side by side, by the operations for a single one in their order.
const BLOCK: usize = 16;

struct Locations<'a, T> {
    weights: Mat<'a, T>,
    offsets: &'a [T],
    locations: &'a mut [T],
}

impl<T: Scalar> Kernel for Locations<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { weights, offsets, locations } = self;
        let units = weights.cols();
        for first in (0..units).step_by(BLOCK) {
            let block = first..units.min(first + BLOCK);
            let squares = sums_of_squares(weights, first);
            let mut distances = [0.0; BLOCK];
            let norms = squares.map(f64::sqrt);
            for ((distance, &offset), norm) in distances.iter_mut().zip(&offsets[block.clone()]).zip(norms) {
                *distance = -(offset.to_f64() / norm);
            }
            for input in 0..weights.rows() {
                let (from, to) = (&weights.row(input)[block.clone()], input * units + first);
                let columns =
                    locations[to..][..from.len()].iter_mut().zip(from).zip(norms.iter().zip(&distances));
                for ((location, &weight), (&norm, &distance)) in columns {
                    // Two divisions, since the square of the norm may leave the range.
                    *location = T::from_f64(distance * (weight.to_f64() / norm) + 0.0);
                }
            }
            for unit in block.filter(|unit| !is_safe(squares[unit - first])) {
                location_of(weights, offsets[unit], unit, locations);
            }
        }
    }
}

/// The spatial location of a unit whose norm takes care.
#[cold]
#[inline(never)]
fn location_of<T: Scalar>(weights: Mat<'_, T>, offset: T, unit: usize, locations: &mut [T]) {
    let normalized = normalizer(weights.col(unit));
    for (input, weight) in weights.col(unit).enumerate() {
        locations[input * weights.cols() + unit] =
            T::from_f64(-normalized(offset) * normalized(weight) + 0.0);
    }
}

/// ‖w‖² of the units from `first` on, as many as a block has.
#[inline(always)]
fn sums_of_squares<T: Scalar>(weights: Mat<'_, T>, first: usize) -> [f64; BLOCK] {
    let mut squares = [0.0; BLOCK];
    for input in 0..weights.rows() {
        for (sum, weight) in squares.iter_mut().zip(&weights.row(input)[first..]) {
            *sum += weight.to_f64() * weight.to_f64();
        }
    }
    squares
}

/// The angle in radians by which the boundary of every unit turned between two matrices of weights, n × h each: one
/// [`angle_between`](super::angle_between) per column.
///
/// NaN where a column is zero or not finite. [`turns_into`] writes into memory of the caller.
///
/// ```
/// use gmp_math::{Mat, boundary::turns};
/// use std::f64::consts::{FRAC_PI_2, PI};
/// let before = [1.0, 0.0, 0.0, 2.0]; // columns (1, 0) and (0, 2)
/// let after = [0.0, 0.0, 5.0, -1.0]; // columns (0, 5) and (0, −1)
/// assert_eq!(turns(Mat::new(&before, 2, 2), Mat::new(&after, 2, 2)), [FRAC_PI_2, PI]);
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn turns<T: Scalar>(before: Mat<'_, T>, after: Mat<'_, T>) -> Vec<T> {
    let mut turns = vec![T::ZERO; before.cols()];
    turns_into(before, after, &mut turns);
    turns
}

/// [`turns`], written into a row of h, in either precision: the angles are computed in double precision.
///
/// ```
/// use gmp_math::{Mat, boundary::turns_into};
/// let mut turn = [0.0];
/// turns_into(Mat::new(&[1.0, 1.0], 2, 1), Mat::new(&[-3.0, -3.0], 2, 1), &mut turn);
/// assert_eq!(turn, [std::f64::consts::PI]);
/// ```
///
/// # Panics
/// If the shapes differ or `turns` does not have one number per column.
#[track_caller]
pub fn turns_into<T: Scalar, U: Scalar>(before: Mat<'_, T>, after: Mat<'_, T>, turns: &mut [U]) {
    expect_same("after", after, before);
    expect_row("turns", turns.len(), before);
    if [before, after].iter().all(|weights| weights.col_stride() == 1) {
        dispatch(Turns { before, after, turns });
    } else {
        turns
            .iter_mut()
            .enumerate()
            .for_each(|(unit, turn)| *turn = U::from_f64(turn_of(before, after, unit)));
    }
}

struct Turns<'a, T, U> {
    before: Mat<'a, T>,
    after: Mat<'a, T>,
    turns: &'a mut [U],
}

impl<T: Scalar, U: Scalar> Kernel for Turns<'_, T, U> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { before, after, turns } = self;
        for first in (0..turns.len()).step_by(BLOCK) {
            let block = first..turns.len().min(first + BLOCK);
            let squares = [before, after].map(|weights| sums_of_squares(weights, first));
            let [norms_before, norms_after] = squares.map(|squares| squares.map(f64::sqrt));
            let (mut differences, mut sums) = ([0.0; BLOCK], [0.0; BLOCK]);
            for input in 0..before.rows() {
                let pairs = before.row(input)[block.clone()].iter().zip(&after.row(input)[block.clone()]);
                let norms = norms_before.iter().zip(&norms_after);
                for (((&a, &b), (norm_a, norm_b)), (difference, sum)) in
                    pairs.zip(norms).zip(differences.iter_mut().zip(&mut sums))
                {
                    let (a, b) = (a.to_f64() / norm_a, b.to_f64() / norm_b);
                    *difference += (a - b) * (a - b);
                    *sum += (a + b) * (a + b);
                }
            }
            for unit in block {
                let i = unit - first;
                let all_safe =
                    [squares[0][i], squares[1][i], differences[i], sums[i]].into_iter().all(is_safe);
                turns[unit] = U::from_f64(match all_safe {
                    true => 2.0 * differences[i].sqrt().atan2(sums[i].sqrt()),
                    false => turn_of(before, after, unit),
                });
            }
        }
    }
}

/// The turn of a unit by itself, whatever its norms and the order of the matrices in memory.
#[cold]
#[inline(never)]
fn turn_of<T: Scalar>(before: Mat<'_, T>, after: Mat<'_, T>, unit: usize) -> f64 {
    let [before, after] = [before, after].map(|weights| weights.col(unit).map(Scalar::to_f64));
    angle(before, after)
}

/// [`turns`] between two matrices of angles, (n−1) × h each: the angle between u(θ) before and after, per unit.
///
/// With one input there is no angle and nothing turns.
///
/// ```
/// use gmp_math::{Mat, boundary::turns_of_angles};
/// // θ₁ moves by 0.25, and the direction with it.
/// let turns = turns_of_angles(Mat::new(&[0.5_f64, 1.0], 2, 1), Mat::new(&[0.75, 1.0], 2, 1));
/// assert!((turns[0] - 0.25).abs() < 1e-15);
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn turns_of_angles<T: Scalar>(before: Mat<'_, T>, after: Mat<'_, T>) -> Vec<T> {
    expect_same("after", after, before);
    let (inputs, units) = (before.rows() + 1, before.cols());
    let [before, after] = [before, after].map(|angles| {
        let mut u = vec![T::ZERO; inputs * units];
        directions(&angles.to_vec(), units, &mut u);
        u
    });
    turns(Mat::new(&before, inputs, units), Mat::new(&after, inputs, units))
}

/// How far the spatial location φ = −b w/‖w‖² of every unit moved between two pairs of weights, n × h, and biases, h:
/// the distance that [`Boundary::change_to`] gives, in units of the inputs.
///
/// NaN where either boundary has no spatial location. [`location_changes_into`] writes into memory of the caller.
///
/// ```
/// use gmp_math::{Mat, boundary::location_changes};
/// let (before, after) = ([1.0, 0.0], [0.0, 2.0]);
/// let before = (Mat::new(&before, 2, 1), &[-3.0][..]); // φ = (3, 0)
/// let after = (Mat::new(&after, 2, 1), &[-8.0][..]); // φ = (0, 4)
/// assert_eq!(location_changes(before, after), [5.0]);
/// ```
///
/// # Panics
/// If the shapes differ or there is not one bias per column of the weights.
#[track_caller]
pub fn location_changes<T: Scalar>(before: (Mat<'_, T>, &[T]), after: (Mat<'_, T>, &[T])) -> Vec<T> {
    let mut changes = vec![T::ZERO; before.0.cols()];
    location_changes_into(before, after, &mut changes);
    changes
}

/// [`location_changes`], written into a row of h.
///
/// ```
/// use gmp_math::{Mat, boundary::location_changes_into};
/// // One input: φ = −b/w moves from 1 to 3.
/// let (w, mut change) = ([2.0], [0.0]);
/// let w = Mat::new(&w, 1, 1);
/// location_changes_into((w, &[-2.0]), (w, &[-6.0]), &mut change);
/// assert_eq!(change, [2.0]);
/// ```
///
/// # Panics
/// As [`location_changes`], or if `changes` does not have one number per column.
#[track_caller]
pub fn location_changes_into<T: Scalar>(
    before: (Mat<'_, T>, &[T]),
    after: (Mat<'_, T>, &[T]),
    changes: &mut [T],
) {
    expect_same("weights after", after.0, before.0);
    expect_row("bias before", before.1.len(), before.0);
    expect_row("bias after", after.1.len(), after.0);
    expect_row("changes", changes.len(), before.0);
    for (unit, change) in changes.iter_mut().enumerate() {
        let before = (before.0.col(unit), before.1[unit]);
        let after = (after.0.col(unit), after.1[unit]);
        *change = location_change(before, after).unwrap_or(T::NAN);
    }
}

#[track_caller]
fn expect_same<T>(what: &str, found: Mat<'_, T>, like: Mat<'_, T>) {
    assert!(
        (found.rows(), found.cols()) == (like.rows(), like.cols()),
        "{what}: a {}×{} matrix; expected {}×{} as before",
        found.rows(),
        found.cols(),
        like.rows(),
        like.cols()
    );
}

/// Panics unless a row has one number per unit.
#[track_caller]
fn expect_row<T>(what: &str, len: usize, weights: Mat<'_, T>) {
    let units = weights.cols();
    assert!(
        len == units,
        "{what}: {len} values for a {}×{units} matrix; expected one per column",
        weights.rows()
    );
}
