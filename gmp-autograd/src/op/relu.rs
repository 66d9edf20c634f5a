use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Rectifier: `y = max(x, 0)`, with derivative 0 at `x = 0` as everywhere in the field.
///
/// A NaN stays a NaN: a broken number must not be mistaken for an inactive unit.
pub fn relu<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    tape.record(&Relu, [x], x.shape(), 0, |[x], mut y, _| {
        for (y, &x) in y.data_mut().iter_mut().zip(x.data()) {
            *y = if x < T::ZERO { T::ZERO } else { x };
        }
    })
}

struct Relu;
impl<T: Scalar> Rule<T> for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let y = pull.output();
        if let Some((dy, dx)) = pull.wrt(0) {
            let pairs = dy.data().iter().zip(y.data());
            dx.add_each(pairs.map(|(&dy, &y)| if y > T::ZERO { dy } else { T::ZERO }));
        }
    }
}
