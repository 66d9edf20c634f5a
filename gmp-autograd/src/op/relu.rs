use crate::{Pullback, Rule, Tape, Var};
use gmp_math::Scalar;

/// Rectifier: `y = max(x, 0)`, with derivative 0 at `x = 0` as everywhere in the field.
///
/// At x's [last use](Var::last_use) the result takes its memory, where the operation before allows.
/// A NaN stays a NaN: a broken number must not be mistaken for an inactive unit.
pub fn relu<T: Scalar>(tape: &mut Tape<T>, x: Var) -> Var {
    let rectify = |x| if x < T::ZERO { T::ZERO } else { x };
    tape.record_in_place(&Relu, x, |x, mut y, _| match x {
        Some(x) => y.data_mut().iter_mut().zip(x.data()).for_each(|(y, &x)| *y = rectify(x)),
        None => y.data_mut().iter_mut().for_each(|y| *y = rectify(*y)),
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
