use gmp_autograd::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;
use gmp_math::simd::{Kernel, dispatch};

/// Weight normalization: column j of the result is `length_j · v_j / ‖v_j‖`; v is n×units, length 1×units.
///
/// A column of zeros has no direction: its weights are 0 and so is its gradient, where other
/// implementations return NaN.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::op;
///
/// let mut tape = Tape::<f64>::new();
/// tape.begin(&[]);
/// let (v, length) = (tape.input(&[3.0, 4.0], 2, 1), tape.input(&[10.0], 1, 1));
/// let w = op::weight_norm(&mut tape, v, length);
/// assert_eq!(tape.value(w).data(), [6.0, 8.0]);
/// ```
///
/// Source: Salimans & Kingma, "Weight Normalization", NeurIPS 2016, Eq. 2 and 3.
///
/// # Panics
/// If `length` is not 1×units.
#[track_caller]
pub fn weight_norm<T: Scalar>(tape: &mut Tape<T>, v: Var, length: Var) -> Var {
    assert!(
        length.rows() == 1 && length.cols() == v.cols(),
        "weight_norm: v {} needs 1×{} lengths, not {}",
        v.shape(),
        v.cols(),
        length.shape()
    );
    // Kept: 1/‖v‖ of every column.
    tape.record(&WeightNorm, [v, length], v.shape(), v.cols(), |[v, length], mut w, inverse| {
        dispatch(Forward { v: v.data(), length: length.data(), w: w.data_mut(), inverse });
    })
}

struct Forward<'a, T> {
    v: &'a [T],
    length: &'a [T],
    w: &'a mut [T],
    inverse: &'a mut [T],
}
impl<T: Scalar> Kernel for Forward<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let units = self.length.len();
        self.inverse.fill(T::ZERO);
        for v in self.v.chunks_exact(units) {
            for (square, &v) in self.inverse.iter_mut().zip(v) {
                *square = v.mul_add(v, *square);
            }
        }
        for inverse in self.inverse.iter_mut() {
            *inverse = if *inverse > T::ZERO { T::ONE / inverse.sqrt() } else { T::ZERO };
        }
        for (w, v) in self.w.chunks_exact_mut(units).zip(self.v.chunks_exact(units)) {
            for (((w, &v), &length), &inverse) in
                w.iter_mut().zip(v).zip(self.length).zip(self.inverse.iter())
            {
                *w = length * inverse * v;
            }
        }
    }
}

struct WeightNorm;
impl<T: Scalar> Rule<T> for WeightNorm {
    fn name(&self) -> &'static str {
        "weight_norm"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (v, length, inverse) = (pull.value(0), pull.value(1), pull.saved());
        let units = v.cols();
        let (dw, [dv, dlength]) = pull.wrt_each([0, 1]);
        let dw = dw.as_mat();
        let (mut dv, mut dlength) = (dv.map(|dv| dv.into_zeroed()), dlength.map(|d| d.into_zeroed()));
        for start in (0..units).step_by(BLOCK) {
            let columns = start..units.min(start + BLOCK);
            let inverse = &inverse[columns.clone()];
            // dw·v/‖v‖, the component along the direction: the gradient of the length.
            let mut along = [T::ZERO; BLOCK];
            let along = &mut along[..columns.len()];
            for i in 0..v.rows() {
                for ((along, &dw), &v) in
                    along.iter_mut().zip(&dw.row(i)[columns.clone()]).zip(&v.row(i)[columns.clone()])
                {
                    *along = dw.mul_add(v, *along);
                }
            }
            for (along, &inverse) in along.iter_mut().zip(inverse) {
                *along *= inverse;
            }
            if let Some(dlength) = &mut dlength {
                for (d, &along) in dlength.data_mut()[columns.clone()].iter_mut().zip(along.iter()) {
                    *d += along;
                }
            }
            if let Some(dv) = &mut dv {
                let length = &length.data()[columns.clone()];
                for i in 0..v.rows() {
                    let (dw, v) = (&dw.row(i)[columns.clone()], &v.row(i)[columns.clone()]);
                    for (j, dv) in dv.row_mut(i)[columns.clone()].iter_mut().enumerate() {
                        *dv += length[j] * inverse[j] * (dw[j] - along[j] * inverse[j] * v[j]);
                    }
                }
            }
        }
    }
}

/// Columns handled together, their sums on the stack.
const BLOCK: usize = 64;
