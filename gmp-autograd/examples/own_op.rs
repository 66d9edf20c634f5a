//! An operation of your own: the Huber loss, with its threshold as a constant. The example checks its gradient and
//! trains with it.
//!
//! An operation is a function that records its forward pass, and a rule that differentiates it. Nothing in the crate
//! has to be changed.

use gmp_autograd::{Pullback, Rule, Shape, Tape, Var, check};
use gmp_math::Scalar;

/// Mean Huber loss, 1×1: e²/2 for errors |e| ≤ δ, δ (|e| − δ/2) beyond.
#[track_caller]
fn huber<T: Scalar>(tape: &mut Tape<T>, prediction: Var, target: Var, delta: T) -> Var {
    let (p, t) = (prediction.shape(), target.shape());
    assert!(p == t && !p.is_empty(), "huber: the prediction is {p} and the target {t}; expected one shape");
    // One number is saved for the backward pass: the constant δ.
    tape.record(&Huber, [prediction, target], Shape::new(1, 1), 1, |[prediction, target], mut y, saved| {
        saved[0] = delta;
        let half = T::from_f64(0.5);
        let loss = |(&p, &t): (&T, &T)| {
            let size = (p - t).abs();
            if size <= delta { half * size * size } else { delta * (size - half * delta) }
        };
        let sum: T = prediction.data().iter().zip(target.data()).map(loss).sum();
        y.data_mut()[0] = sum / T::from_usize(target.data().len());
    })
}

struct Huber;
impl<T: Scalar> Rule<T> for Huber {
    fn name(&self) -> &'static str {
        "huber"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (p, t, delta) = (pull.value(0).data(), pull.value(1).data(), pull.saved()[0]);
        assert!(
            !pull.needs(1),
            "huber: no gradient is computed for a target; put it on the tape as an input"
        );
        // `None` where the gradient of the prediction is not needed.
        if let Some((dy, dp)) = pull.wrt(0) {
            let scale = dy.data()[0] / T::from_usize(p.len());
            // The derivative is the error, clipped to [−δ, δ].
            dp.add_with(|i| scale * (-delta).max((p[i] - t[i]).min(delta)));
        }
    }
}

pub(crate) fn main() -> Result<(), check::GradientMismatch> {
    // The backward pass against central differences, on both sides of δ = 1.
    check::gradients(&[(2, 2, &[0.5, -0.3, 2.0, -4.0])], |tape, vars| {
        let target = tape.input(&[0.0; 4], 2, 2);
        huber(tape, vars[0], target, 1.0)
    })?;

    // A line through four points on y = 2x − 1 and an outlier, by gradient descent.
    let (x, y) = ([0.0, 1.0, 2.0, 3.0, 4.0], [-1.0, 1.0, 3.0, 5.0, 70.0]);
    let mut parameters = [0.0, 0.0]; // slope and intercept
    let mut tape = Tape::new();
    for _ in 0..10_000 {
        tape.begin(&parameters);
        let (slope, intercept) = (tape.parameter(0, 1, 1), tape.parameter(1, 1, 1));
        let (inputs, target) = (tape.input(&x, 5, 1), tape.input(&y, 5, 1));
        let prediction = inputs.matmul(&mut tape, slope).add_row(&mut tape, intercept);
        let loss = huber(&mut tape, prediction, target, 0.1);
        tape.backward(loss);
        for (parameter, gradient) in parameters.iter_mut().zip(tape.parameter_gradients()) {
            *parameter -= 0.1 * gradient;
        }
    }
    println!("slope {:.2}, intercept {:.2}", parameters[0], parameters[1]);
    // Least squares would give a slope of 14.6.
    assert!((parameters[0] - 2.0).abs() < 0.2 && (parameters[1] + 1.0).abs() < 0.2);
    Ok(())
}
