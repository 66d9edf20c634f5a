use crate::kernel::chunks::Chunks;
use crate::kernel::conv::work_area;
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
        let (v, length, units) = (v.data(), length.data(), length.cols());
        dispatch(InverseNorms { v, inverse });
        let (chunks, inverse) = (Chunks::new(v.len(), units), &*inverse);
        chunks.write(w.data_mut(), &|i, w| dispatch(Scale { v: chunks.of(i, v), length, inverse, w }));
    })
}

/// 1/‖v‖ of every column, 0 of a column of zeros. The rows are added up in their order, whatever the number of threads.
struct InverseNorms<'a, T> {
    v: &'a [T],
    inverse: &'a mut [T],
}
impl<T: Scalar> Kernel for InverseNorms<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.inverse.fill(T::ZERO);
        for v in self.v.chunks_exact(self.inverse.len()) {
            for (square, &v) in self.inverse.iter_mut().zip(v) {
                *square = v.mul_add(v, *square);
            }
        }
        for inverse in self.inverse.iter_mut() {
            *inverse = if *inverse > T::ZERO { T::ONE / inverse.sqrt() } else { T::ZERO };
        }
    }
}

/// w = length · v/‖v‖.
struct Scale<'a, T> {
    v: &'a [T],
    length: &'a [T],
    inverse: &'a [T],
    w: &'a mut [T],
}
impl<T: Scalar> Kernel for Scale<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let units = self.length.len();
        for (w, v) in self.w.chunks_exact_mut(units).zip(self.v.chunks_exact(units)) {
            for (((w, &v), &length), &inverse) in w.iter_mut().zip(v).zip(self.length).zip(self.inverse) {
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
        let (v, length, inverse) = (pull.value(0).data(), pull.value(1).data(), pull.saved());
        let mut scratch = std::mem::take(pull.scratch());
        let along = work_area(&mut scratch, length.len());
        let (dw, [dv, dlength]) = pull.wrt_each([0, 1]);
        let dw = &*dw.into_data();
        dispatch(Along { dw, v, inverse, along });
        let along = &*along;
        if let Some(dlength) = dlength {
            dlength.add_each(along.iter().copied());
        }
        if let Some(dv) = dv {
            let chunks = Chunks::new(v.len(), length.len());
            chunks.add(dv, &|i, dv| {
                let (dw, v, (dv, is_fresh)) = (chunks.of(i, dw), chunks.of(i, v), dv.into_parts());
                let dv = dv.into_data();
                if is_fresh {
                    dispatch(Across::<T, true> { dw, v, length, inverse, along, dv });
                } else {
                    dispatch(Across::<T, false> { dw, v, length, inverse, along, dv });
                }
            });
        }
        *pull.scratch() = scratch;
    }
}

/// dw·v/‖v‖, the component of dw along the direction: the gradient of the length.
struct Along<'a, T> {
    dw: &'a [T],
    v: &'a [T],
    inverse: &'a [T],
    along: &'a mut [T],
}
impl<T: Scalar> Kernel for Along<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let units = self.along.len();
        self.along.fill(T::ZERO);
        for (dw, v) in self.dw.chunks_exact(units).zip(self.v.chunks_exact(units)) {
            for ((along, &dw), &v) in self.along.iter_mut().zip(dw).zip(v) {
                *along = dw.mul_add(v, *along);
            }
        }
        for (along, &inverse) in self.along.iter_mut().zip(self.inverse) {
            *along *= inverse;
        }
    }
}

/// dv = length/‖v‖ · (dw − along · v/‖v‖), written where nothing arrived yet, else added.
struct Across<'a, T, const FRESH: bool> {
    dw: &'a [T],
    v: &'a [T],
    length: &'a [T],
    inverse: &'a [T],
    along: &'a [T],
    dv: &'a mut [T],
}
impl<T: Scalar, const FRESH: bool> Kernel for Across<'_, T, FRESH> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let units = self.length.len();
        let (length, inverse, along) = (self.length, &self.inverse[..units], &self.along[..units]);
        let rows = self.dw.chunks_exact(units).zip(self.v.chunks_exact(units));
        for (dv, (dw, v)) in self.dv.chunks_exact_mut(units).zip(rows) {
            for (j, dv) in dv.iter_mut().enumerate() {
                let before = if FRESH { T::ZERO } else { *dv };
                *dv = before + length[j] * inverse[j] * (dw[j] - along[j] * inverse[j] * v[j]);
            }
        }
    }
}
