use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Mean of all elements, as a 1×1 matrix.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[1.0, 2.0], 1, 2);
/// let y = x.mean(t);
/// assert_eq!(t.value(y).data(), [1.5]);
/// ```
///
/// # Panics
/// If there are no elements.
#[track_caller]
pub fn mean<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    assert!(!x.shape().is_empty(), "mean of a {} matrix, which has no elements", x.shape());
    tape.record(&Mean, [x], Shape::new(1, 1), 0, |[x], mut y, _| {
        y.data_mut()[0] = x.data().iter().copied().sum::<T>() / T::from_usize(x.data().len());
    })
}

struct Mean;
impl<T: Scalar> Rule<T> for Mean {
    fn name(&self) -> &'static str {
        "mean"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let count = T::from_usize(pull.value(0).data().len());
        if let Some((dy, dx)) = pull.wrt(0) {
            dx.add_each(std::iter::repeat(dy.data()[0] / count));
        }
    }
}
