use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Mean over the rows of `−log softmax(logits)[class]`, as a 1×1 matrix.
///
/// `logits` is samples×classes; `classes` is a samples×1 constant of class numbers 0, 1, … The largest logit of
/// each row is taken out first, so that nothing overflows.
///
/// # Panics
/// If the shapes do not fit, there are no samples, or a class is not a whole number below the number of columns.
#[track_caller]
pub fn softmax_cross_entropy<T: Scalar>(tape: &mut Tape<T>, logits: Var, classes: Var) -> Var {
    assert!(
        classes.shape() == Shape::new(logits.rows(), 1) && logits.rows() > 0,
        "softmax_cross_entropy: logits {} need {}×1 classes, not {}",
        logits.shape(),
        logits.rows(),
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
                let (z, class) = (z.row(i), class_of(classes.data()[i], z.cols()));
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
fn class_of<T: Scalar>(number: T, classes: usize) -> usize {
    let class = number.to_f64();
    assert!(
        class >= 0.0 && class < classes as f64 && class.fract() == 0.0,
        "class {class} is not one of {classes}"
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
            dz.add_each(p.iter().enumerate().map(|(i, &p)| {
                let is_class = class_of(classes.data()[i / columns], columns) == i % columns;
                scale * (p - if is_class { T::ONE } else { T::ZERO })
            }));
        }
    }
}
