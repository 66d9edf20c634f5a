//! The affine map of a dense layer, fused with bias, ReLU and output scale.
//!
//! Separate operations would carry every activation through memory three more times in each direction.
//! Here a few rows at a time are multiplied, shifted, rectified and scaled while they are in the first-level
//! cache; the backward pass overwrites the output's gradient with that of the pre-activation, in the same way.
//! With a single input there is no real matrix product: one pass does everything.

use super::{Activation, activation as activate};
use crate::kernel::columns::{Columns, part, part_mut, rectified, sweep};
use crate::kernel::gemm::{Element, gemm, rows_at_a_time, wants_transposed_copy};
use gmp_autograd::op::mul_row;
use gmp_autograd::{Mat, MatMut, Pullback, Rule, Shape, Tape, Var};
use gmp_math::simd::{Kernel, dispatch};
use std::array;

/// `g(x·w + b)`: x is samples×n, w is n×units, b is 1×units, the result samples×units.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::{Activation, op};
///
/// let mut tape = Tape::<f64>::new();
/// tape.begin(&[]);
/// let x = tape.input(&[1.0, 2.0], 1, 2); // one sample of two inputs
/// let w = tape.input(&[1.0, -1.0, 1.0, -1.0], 2, 2); // one column per unit
/// let b = tape.input(&[0.5, 0.5], 1, 2);
/// let y = op::affine(&mut tape, x, w, b, Activation::Relu);
/// assert_eq!(tape.value(y).data(), [3.5, 0.0]);
/// ```
///
/// # Panics
/// If the shapes do not fit, or two of the operands are the same variable and need gradients.
#[track_caller]
pub fn affine<T: Element>(tape: &mut Tape<T>, x: Var, w: Var, b: Var, activation: Activation) -> Var {
    match activation {
        Activation::Identity => record(tape, &Affine::<false, false>, [x, w, b]),
        Activation::Relu => record(tape, &Affine::<true, false>, [x, w, b]),
        _ => {
            let z = affine(tape, x, w, b, Activation::Identity);
            activate(tape, z.last_use(), activation)
        }
    }
}

/// `r ∘ g(x·w + b)`: like [`affine`], with each unit then scaled by its entry in the 1×units row r.
///
/// The scale is outside the activation, as in the paper's geometric units, and may be negative.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::{Activation, op};
///
/// let mut tape = Tape::<f64>::new();
/// tape.begin(&[]);
/// let (x, w, b) = (tape.input(&[1.0, 2.0], 2, 1), tape.input(&[3.0], 1, 1), tape.input(&[-4.0], 1, 1));
/// let r = tape.input(&[-10.0], 1, 1);
/// let y = op::scaled_affine(&mut tape, x, w, b, r, Activation::Relu);
/// assert_eq!(tape.value(y).data(), [0.0, -20.0]);
/// ```
///
/// # Panics
/// If the shapes do not fit, or two of the operands are the same variable and need gradients.
#[track_caller]
pub fn scaled_affine<T: Element>(
    tape: &mut Tape<T>,
    x: Var,
    w: Var,
    b: Var,
    r: Var,
    activation: Activation,
) -> Var {
    match activation {
        Activation::Identity => record(tape, &Affine::<false, true>, [x, w, b, r]),
        Activation::Relu => record(tape, &Affine::<true, true>, [x, w, b, r]),
        _ => {
            let y = affine(tape, x, w, b, activation);
            mul_row(tape, y, r)
        }
    }
}

#[track_caller]
fn record<T: Element, const RELU: bool, const SCALED: bool, const K: usize>(
    tape: &mut Tape<T>,
    rule: &'static Affine<RELU, SCALED>,
    operands: [Var; K],
) -> Var {
    let [x, w, rows @ ..] = operands.as_slice() else { unreachable!("affine has at least three operands") };
    let (m, k, n) = (x.rows(), w.rows(), w.cols());
    assert!(
        x.cols() == k && rows.iter().all(|row| row.shape() == Shape::new(1, n)),
        "{}: x {}, weights {}, rows {:?}",
        Rule::<T>::name(rule),
        x.shape(),
        w.shape(),
        rows.iter().map(|row| row.shape().to_string()).collect::<Vec<_>>()
    );
    // Kept for the backward pass: the activations before scaling, and the transpose of small weights.
    let unscaled = if SCALED { m * n } else { 0 };
    let transposed = if x.needs_gradient() && wants_transposed_copy(n, k) { k * n } else { 0 };
    tape.record(rule, operands, Shape::new(m, n), unscaled + transposed, |operands, mut y, saved| {
        let (x, w, b) = (operands[0], operands[1], operands[2]);
        let (saved, transpose) = saved.split_at_mut(unscaled);
        if !transpose.is_empty() {
            for i in 0..k {
                for (j, &w) in w.row(i).iter().enumerate() {
                    transpose[j * k + i] = w;
                }
            }
        }
        let step = rows_at_a_time::<T>(m, k, n);
        for start in (0..m).step_by(step) {
            let rows = step.min(m - start);
            let y = &mut y.data_mut()[start * n..][..rows * n];
            let x = slice(x, start, rows);
            let (kept, r) = if SCALED {
                (&mut saved[start * n..][..rows * n], operands[K - 1].data())
            } else {
                (&mut [][..], &[][..])
            };
            let b = b.data();
            if k == 1 {
                dispatch(Finish::<T, RELU, SCALED, true> { x: x.data(), w: w.data(), y, b, r, kept });
            } else {
                gemm(x, w, MatMut::new(y, rows, n), false);
                dispatch(Finish::<T, RELU, SCALED, false> { x: &[], w: &[], y, b, r, kept });
            }
        }
    })
}

fn slice<T: Element>(m: Mat<'_, T>, start: usize, rows: usize) -> Mat<'_, T> {
    Mat::new(&m.data()[start * m.cols()..][..rows * m.cols()], rows, m.cols())
}

/// y ← r·g(y + b), keeping g(y + b) where it is scaled; where there is one input, y ← r·g(xw + b).
struct Finish<'a, T, const RELU: bool, const SCALED: bool, const ONE_INPUT: bool> {
    /// The input of each sample and the weight of each unit; empty where the product is in `y`.
    x: &'a [T],
    w: &'a [T],
    y: &'a mut [T],
    b: &'a [T],
    r: &'a [T],
    kept: &'a mut [T],
}

impl<T: Element, const RELU: bool, const SCALED: bool, const ONE_INPUT: bool> Kernel
    for Finish<'_, T, RELU, SCALED, ONE_INPUT>
{
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        sweep(self.b.len(), &mut self);
    }
}

impl<T: Element, const RELU: bool, const SCALED: bool, const ONE_INPUT: bool> Columns
    for Finish<'_, T, RELU, SCALED, ONE_INPUT>
{
    #[inline(always)]
    fn columns<const W: usize>(&mut self, from: usize) {
        let n = self.b.len();
        // A NaN stays a NaN: it must not pass for an inactive unit.
        let activate = |z: T| if RELU && z < T::ZERO { T::ZERO } else { z };
        let b = *part::<T, W>(self.b, from);
        let w = if ONE_INPUT { *part::<T, W>(self.w, from) } else { [T::ZERO; W] };
        let activated = |sample: usize, y: &[T; W]| -> [T; W] {
            if ONE_INPUT {
                let x = self.x[sample];
                array::from_fn(|l| activate(x * w[l] + b[l]))
            } else {
                array::from_fn(|l| activate(y[l] + b[l]))
            }
        };
        let rows = self.y.chunks_exact_mut(n).enumerate();
        if SCALED {
            let r = *part::<T, W>(self.r, from);
            for ((sample, y), kept) in rows.zip(self.kept.chunks_exact_mut(n)) {
                let y = part_mut::<T, W>(y, from);
                let activated = activated(sample, y);
                *part_mut(kept, from) = activated;
                *y = array::from_fn(|l| r[l] * activated[l]);
            }
        } else {
            for (sample, y) in rows {
                let y = part_mut::<T, W>(y, from);
                *y = activated(sample, y);
            }
        }
    }
}

struct Affine<const RELU: bool, const SCALED: bool>;

impl<T: Element, const RELU: bool, const SCALED: bool> Rule<T> for Affine<RELU, SCALED> {
    fn name(&self) -> &'static str {
        match (RELU, SCALED) {
            (false, false) => "affine",
            (true, false) => "affine_relu",
            (false, true) => "scaled_affine",
            (true, true) => "scaled_affine_relu",
        }
    }

    fn reads_output(&self) -> bool {
        RELU && !SCALED
    }

    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (x, w) = (pull.value(0), pull.value(1));
        let (m, k, n) = (x.rows(), w.rows(), w.cols());
        let (activated, transpose) = pull.saved().split_at(if SCALED { m * n } else { 0 });
        let activated = if SCALED { activated } else { pull.output().data() };
        let r = if SCALED { pull.value(3).data() } else { &[] };
        // Without a scale there is no fourth input.
        let (mut dy, [dx, dw, db, dr]) = if SCALED {
            pull.wrt_each([0, 1, 2, 3])
        } else {
            let (dy, [dx, dw, db]) = pull.wrt_each([0, 1, 2]);
            (dy, [dx, dw, db, None])
        };
        let mut db = db.map(|db| db.into_zeroed());
        let mut dr = dr.map(|dr| dr.into_zeroed());
        let (dw, dw_of_one) = if k == 1 { (None, dw) } else { (dw, None) };
        let mut dw_of_one = dw_of_one.map(|dw| dw.into_zeroed());
        let mut dw = dw.map(|dw| dw.into_parts());
        let mut dx = dx.map(|dx| dx.into_parts());
        let step = rows_at_a_time::<T>(m, k, n);
        for start in (0..m).step_by(step) {
            let rows = step.min(m - start);
            let range = start * n..(start + rows) * n;
            let dz = &mut dy.data_mut()[range.clone()];
            let (activated, x) = (&activated[range], slice(x, start, rows));
            let db = db.as_mut().map_or(&mut [][..], |db| db.data_mut());
            let dr = dr.as_mut().map_or(&mut [][..], |dr| dr.data_mut());
            if let Some(dw) = &mut dw_of_one {
                let (x, dw) = (x.data(), dw.data_mut());
                dispatch(PreActivation::<T, RELU, SCALED, true> { dz, activated, x, r, dw, db, dr, n });
            } else {
                let dw = &mut [];
                dispatch(PreActivation::<T, RELU, SCALED, false> { dz, activated, x: &[], r, dw, db, dr, n });
            }
            let dz = Mat::new(dz, rows, n);
            if let Some((dw, fresh)) = &mut dw {
                let dw = MatMut::new(dw.data_mut(), k, n);
                gemm(x.t(), dz, dw, !(*fresh && start == 0));
            }
            if let Some((dx, fresh)) = &mut dx {
                let dx = MatMut::new(&mut dx.data_mut()[start * k..][..rows * k], rows, k);
                let wt = if transpose.is_empty() { w.t() } else { Mat::new(transpose, n, k) };
                gemm(dz, wt, dx, !*fresh);
            }
        }
        // No samples: nothing was assigned above.
        if let Some((dw, true)) = &mut dw
            && m == 0
        {
            dw.data_mut().fill(T::ZERO);
        }
    }
}

/// dy → dz in place, with the gradients of the bias and of the scale on the way, and of the weights of a single input.
struct PreActivation<'a, T, const RELU: bool, const SCALED: bool, const ONE_INPUT: bool> {
    dz: &'a mut [T],
    activated: &'a [T],
    /// The input of each sample.
    x: &'a [T],
    r: &'a [T],
    /// Gradients are empty where they are not needed.
    dw: &'a mut [T],
    db: &'a mut [T],
    dr: &'a mut [T],
    n: usize,
}

impl<T: Element, const RELU: bool, const SCALED: bool, const ONE_INPUT: bool> Kernel
    for PreActivation<'_, T, RELU, SCALED, ONE_INPUT>
{
    type Output = ();
    #[inline(always)]
    fn run(mut self) {
        sweep(self.n, &mut self);
    }
}

impl<T: Element, const RELU: bool, const SCALED: bool, const ONE_INPUT: bool> Columns
    for PreActivation<'_, T, RELU, SCALED, ONE_INPUT>
{
    #[inline(always)]
    fn columns<const W: usize>(&mut self, from: usize) {
        let (mut dw, mut db, mut dr) = ([T::ZERO; W], [T::ZERO; W], [T::ZERO; W]);
        let r = if SCALED { *part::<T, W>(self.r, from) } else { [T::ONE; W] };
        let rows = self.dz.chunks_exact_mut(self.n).zip(self.activated.chunks_exact(self.n));
        for (sample, (dz, a)) in rows.enumerate() {
            let (dz, a) = (part_mut::<T, W>(dz, from), part::<T, W>(a, from));
            let mut d = *dz;
            if SCALED {
                dr = array::from_fn(|l| d[l].mul_add(a[l], dr[l]));
                d = array::from_fn(|l| d[l] * r[l]);
            }
            if RELU {
                d = array::from_fn(|l| rectified(a[l] > T::ZERO, d[l]));
            }
            if RELU || SCALED {
                *dz = d;
            }
            db = array::from_fn(|l| db[l] + d[l]);
            if ONE_INPUT {
                let x = self.x[sample];
                dw = array::from_fn(|l| x.mul_add(d[l], dw[l]));
            }
        }
        for (total, sums) in [(&mut self.dw, dw), (&mut self.db, db), (&mut self.dr, dr)] {
            if !total.is_empty() {
                let total = part_mut::<T, W>(total, from);
                *total = array::from_fn(|l| total[l] + sums[l]);
            }
        }
    }
}
