use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Mean over the rows of `−log softmax(logits)[class]`, as a 1×1 matrix.
///
/// `logits` is samples×classes; `classes` is a samples×1 constant of class numbers 0, 1, … The largest logit of each
/// row is subtracted first, so that nothing overflows.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let (logits, classes) = (t.input(&[0.0, 0.0, 0.0, 0.0], 2, 2), t.input(&[1.0, 0.0], 2, 1));
/// let loss = logits.softmax_cross_entropy(t, classes);
/// assert_eq!(t.value(loss).data(), [2.0_f64.ln()]);
/// ```
///
/// # Panics
/// If the shapes do not fit, there are no samples, or a class is not a whole number below the number of columns.
#[track_caller]
pub fn softmax_cross_entropy<T: Scalar>(tape: &mut Tape<T>, logits: Var, classes: Var) -> Var {
    assert!(
        classes.shape() == Shape::new(logits.rows(), 1) && !logits.shape().is_empty(),
        "softmax_cross_entropy: the logits are {} and the classes {}; expected one class number per row of at least one row",
        logits.shape(),
        classes.shape()
    );
    // Kept: the probabilities.
    tape.record(
        &SoftmaxCrossEntropy,
        [logits, classes],
        Shape::new(1, 1),
        logits.shape().len(),
        |[z, classes], mut y, p| {
            let mut sum = T::ZERO;
            for (i, p) in p.chunks_exact_mut(z.cols()).enumerate() {
                let (z, class) = (z.row(i), class_of(classes.data()[i], i, z.cols()));
                let largest = z.iter().copied().fold(z[0], |a, b| a.max(b));
                let mut total = T::ZERO;
                for (p, &z) in p.iter_mut().zip(z) {
                    *p = (z - largest).exp();
                    total += *p;
                }
                sum += total.ln() + largest - z[class];
                p.iter_mut().for_each(|p| *p /= total);
            }
            y.data_mut()[0] = sum / T::from_usize(z.rows());
        },
    )
}

#[track_caller]
fn class_of<T: Scalar>(number: T, row: usize, classes: usize) -> usize {
    let class = number.to_f64();
    assert!(
        class >= 0.0 && class < classes as f64 && class.fract() == 0.0,
        "softmax_cross_entropy: row {row} has class {class}; expected a whole number from 0 to {}",
        classes - 1
    );
    class as usize
}

struct SoftmaxCrossEntropy;
impl<T: Scalar> Rule<T> for SoftmaxCrossEntropy {
    fn name(&self) -> &'static str {
        "softmax_cross_entropy"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (logits, classes, p) = (pull.value(0), pull.value(1), pull.saved());
        if let Some((dy, dz)) = pull.wrt(0) {
            let scale = dy.data()[0] / T::from_usize(logits.rows());
            let columns = logits.cols();
            for ((dz, p), class) in dz.rows().zip(p.chunks_exact(columns)).zip(classes.data()) {
                let class = class.to_f64() as usize; // checked in the forward pass
                dz.add_with(|j| scale * (p[j] - if j == class { T::ONE } else { T::ZERO }));
            }
        }
    }
}
