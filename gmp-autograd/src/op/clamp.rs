use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Clamps every element to a range: `y = min(max(x, low), high)`, with derivative 1 from `low` to `high` and 0 outside.
/// NaN stays NaN.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let x = t.input(&[-3.0, 0.5, 3.0], 1, 3);
/// let y = x.clamp(t, -1.0, 1.0);
/// assert_eq!(t.value(y).data(), [-1.0, 0.5, 1.0]);
/// ```
///
/// # Panics
/// Unless `low` ≤ `high`.
#[track_caller]
pub fn clamp<T: Scalar>(tape: &mut Tape<T>, x: Var, low: T, high: T) -> Var {
    assert!(low <= high, "clamp: from {low} to {high}; expected a range");
    tape.record(&Clamp, [x], x.shape(), 2, |[x], mut y, range| {
        range.copy_from_slice(&[low, high]);
        for (y, &x) in y.data_mut().iter_mut().zip(x.data()) {
            *y = if x < low {
                low
            } else if x > high {
                high
            } else {
                x
            };
        }
    })
}

struct Clamp;
impl<T: Scalar> Rule<T> for Clamp {
    fn name(&self) -> &'static str {
        "clamp"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (x, range) = (pull.value(0), pull.saved());
        if let Some((dy, dx)) = pull.wrt(0) {
            let is_outside = |x| x < range[0] || x > range[1];
            let pairs = dy.data().iter().zip(x.data());
            dx.add_each(pairs.map(|(&dy, &x)| if is_outside(x) { T::ZERO } else { dy }));
        }
    }
}
