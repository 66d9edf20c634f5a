//! Checks gradients against central differences, for your own operations and for the built-in ones.

use crate::{Pullback, Rule, Shape, Tape, Var};

/// Where and by how much an analytic gradient differs from central differences.
///
/// ```
/// use gmp_autograd::check;
/// // At a ReLU's kink the backward pass takes the slope 0, and central differences see half of the other side's.
/// let error = check::gradients(&[(1, 1, &[0.0])], |tape, v| v[0].relu(tape)).unwrap_err();
/// assert_eq!((error.input, error.row, error.col), (0, 0, 0));
/// assert!(error.to_string().starts_with("input 0, row 0, column 0: backward gives 0e0"));
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "input {input}, row {row}, column {col}: backward gives {analytic:e}, central differences give {numeric:e} \
     (allowed difference {allowed:e})"
)]
pub struct GradientMismatch {
    /// Which input.
    pub input: usize,
    /// Row of the element.
    pub row: usize,
    /// Column of the element.
    pub col: usize,
    /// What the backward pass computed.
    pub analytic: f64,
    /// What central differences computed.
    pub numeric: f64,
    /// The difference that would have been accepted.
    pub allowed: f64,
}

/// Half the step of the central differences. With an error of order STEP² + ε/STEP it is near the optimum for f64.
const STEP: f64 = 1e-6;
const ABSOLUTE: f64 = 1e-5;
const RELATIVE: f64 = 1e-3;

/// Compares the backward pass of `program` with central differences in every element of every input.
///
/// `inputs` are `(rows, cols, numbers)`; `program` builds any matrix from the variables. A fixed
/// weighted sum, whose weights differ for every element, reduces it to a number, so that the whole
/// Jacobian is exercised. Step 1e-6, tolerance `1e-5 + 1e-3·|numeric|`, as PyTorch's `gradcheck`.
/// Keep inputs away from kinks (a ReLU's 0) by more than the step.
///
/// ```
/// use gmp_autograd::check;
/// // tanh(a·b), two inputs.
/// let (a, b) = ((2, 2, &[0.1, 0.2, 0.3, 0.4][..]), (2, 1, &[0.5, -0.6][..]));
/// check::gradients(&[a, b], |tape, v| v[0].matmul(tape, v[1]).tanh(tape))?;
/// # Ok::<(), check::GradientMismatch>(())
/// ```
///
/// # Errors
/// The first element whose gradient disagrees, NaN included.
///
/// # Panics
/// If an input's numbers do not fit its shape.
pub fn gradients(
    inputs: &[(usize, usize, &[f64])],
    program: impl Fn(&mut Tape<f64>, &[Var]) -> Var,
) -> Result<(), GradientMismatch> {
    let mut tape = Tape::new();
    let mut evaluate = |numbers: &[Vec<f64>], want_gradients: bool| {
        tape.begin(&[]);
        let shapes = inputs.iter().map(|&(rows, cols, _)| (rows, cols));
        let vars: Vec<Var> = shapes.zip(numbers).map(|((r, c), x)| tape.variable(x, r, c)).collect();
        let out = program(&mut tape, &vars);
        let loss = weighted_sum(&mut tape, out);
        let mut gradients = Vec::new();
        if want_gradients {
            tape.backward(loss);
            for var in &vars {
                let zero = || vec![0.0; var.shape().len()];
                gradients.push(tape.gradient(*var).map_or_else(zero, |g| g.data().to_vec()));
            }
        }
        (tape.value(loss).data()[0], gradients)
    };
    let mut numbers: Vec<Vec<f64>> = inputs.iter().map(|(_, _, x)| x.to_vec()).collect();
    let (_, analytic) = evaluate(&numbers, true);
    for (input, &(_, cols, original)) in inputs.iter().enumerate() {
        for (i, &x) in original.iter().enumerate() {
            let step = STEP * x.abs().max(1.0);
            let mut at = |x: f64| {
                numbers[input][i] = x;
                evaluate(&numbers, false).0
            };
            let numeric = (at(x + step) - at(x - step)) / (2.0 * step);
            at(x);
            let analytic = analytic[input][i];
            let allowed = ABSOLUTE + RELATIVE * numeric.abs();
            // Written so that a NaN on either side is a mismatch.
            let agrees = (analytic - numeric).abs() <= allowed;
            if !agrees {
                let (row, col) = (i / cols, i % cols);
                return Err(GradientMismatch { input, row, col, analytic, numeric, allowed });
            }
        }
    }
    Ok(())
}

/// `Σ weight_i · x_i` with fixed weights between 0.5 and 1.5, no two neighbours equal.
fn weighted_sum(tape: &mut Tape<f64>, x: Var) -> Var {
    tape.record(&WeightedSum, [x], Shape::new(1, 1), 0, |[x], mut y, _| {
        y.data_mut()[0] = x.data().iter().enumerate().map(|(i, x)| weight(i) * x).sum();
    })
}

fn weight(i: usize) -> f64 {
    0.5 + ((i + 1) as f64 * 0.618_033_988_749_895).fract()
}

struct WeightedSum;
impl Rule<f64> for WeightedSum {
    fn name(&self) -> &'static str {
        "weighted_sum"
    }
    fn backward(&self, pull: &mut Pullback<'_, f64>) {
        if let Some((dy, dx)) = pull.wrt(0) {
            let dy = dy.data()[0];
            dx.add_each((0..).map(|i| weight(i) * dy));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Wrong;
    impl Rule<f64> for Wrong {
        fn name(&self) -> &'static str {
            "wrong"
        }
        fn backward(&self, pull: &mut Pullback<'_, f64>) {
            if let Some((dy, dx)) = pull.wrt(0) {
                let last = dy.data().len() - 1;
                dx.add_each(dy.data().iter().enumerate().map(|(i, &d)| if i == last { d * 1.01 } else { d }));
            }
        }
    }

    #[test]
    fn a_wrong_gradient_is_found_and_located() {
        let identity = |tape: &mut Tape<f64>, v: &[Var]| {
            tape.record(&Wrong, [v[0]], v[0].shape(), 0, |[x], mut y, _| {
                y.data_mut().copy_from_slice(x.data())
            })
        };
        let error = gradients(&[(2, 3, &[1.0; 6])], identity).expect_err("one element is 1% off");
        assert_eq!((error.input, error.row, error.col), (0, 1, 2));
        assert!(error.to_string().starts_with("input 0, row 1, column 2: backward gives"), "{error}");
    }

    /// Equal weights would not notice gradients that were exchanged, and small ones hardly that there are any.
    #[test]
    fn weights_are_neither_small_nor_like_their_neighbours() {
        for i in 0..1000 {
            assert!(weight(i) > 0.5 && weight(i) < 1.5, "{i}: {}", weight(i));
            assert!((weight(i) - weight(i + 1)).abs() > 0.3, "{i}: {} and {}", weight(i), weight(i + 1));
        }
    }

    #[test]
    fn the_step_is_in_proportion_to_large_numbers() {
        gradients(&[(1, 3, &[1e7, -3e5, 2e9])], |tape, v| v[0].mul(tape, v[0])).unwrap();
    }

    #[test]
    #[should_panic(expected = "weighted_sum: a variable of another tape")]
    fn a_program_with_another_tape_is_refused() {
        let mut other = Tape::new();
        other.begin(&[]);
        let stranger = other.input(&[1.0], 1, 1);
        let _ = gradients(&[(1, 1, &[1.0])], |_, _| stranger);
    }

    #[test]
    fn nan_is_a_mismatch() {
        let log = |tape: &mut Tape<f64>, v: &[Var]| {
            tape.record(&Wrong, [v[0]], v[0].shape(), 0, |[x], mut y, _| y.data_mut()[0] = x.data()[0].ln())
        };
        assert!(gradients(&[(1, 1, &[-1.0])], log).is_err());
    }
}
