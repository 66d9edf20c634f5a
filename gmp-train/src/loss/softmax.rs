//! The softmax cross-entropy with weights, and in double precision.

use super::elementwise::assert_weights;
use gmp_autograd::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Appends the mean over the rows of `−weight · log softmax(logits)[class]`, of `[logits, classes, weights]`. Without
/// weights it is [`op::softmax_cross_entropy`](gmp_autograd::op::softmax_cross_entropy).
#[track_caller]
pub(super) fn weighted<T: Scalar>(tape: &mut Tape<T>, [logits, classes, weights]: [Var; 3]) -> Var {
    let name = "weighted_softmax_cross_entropy";
    assert!(
        classes.shape() == Shape::new(logits.rows(), 1) && logits.rows() > 0,
        "{name}: logits {} need {}×1 classes, not {}",
        logits.shape(),
        logits.rows(),
        classes.shape()
    );
    assert_weights(name, logits, weights);
    // Kept: the probabilities.
    let kept = logits.shape().len();
    tape.record(&Weighted, [logits, classes, weights], Shape::new(1, 1), kept, |[z, classes, w], mut y, p| {
        let mut sum = T::ZERO;
        for (i, p) in p.chunks_exact_mut(z.cols()).enumerate() {
            let (z, class) = (z.row(i), class_of(classes.data()[i], z.cols()));
            // The largest logit is taken out, so that nothing overflows.
            let largest = z.iter().copied().fold(z[0], |a, b| a.max(b));
            let mut total = T::ZERO;
            for (p, &z) in p.iter_mut().zip(z) {
                *p = (z - largest).exp();
                total += *p;
            }
            sum += w.data()[i] * (total.ln() + largest - z[class]);
            p.iter_mut().for_each(|p| *p /= total);
        }
        y.data_mut()[0] = sum / T::from_usize(z.rows());
    })
}

struct Weighted;
impl<T: Scalar> Rule<T> for Weighted {
    fn name(&self) -> &'static str {
        "weighted_softmax_cross_entropy"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (logits, classes, weights, p) = (pull.value(0), pull.value(1), pull.value(2), pull.saved());
        if let Some((dy, dz)) = pull.wrt(0) {
            let (scale, columns) = (dy.data()[0] / T::from_usize(logits.rows()), logits.cols());
            dz.add_each(p.iter().enumerate().map(|(at, &p)| {
                let (i, j) = (at / columns, at % columns);
                let is_class = class_of(classes.data()[i], columns) == j;
                scale * weights.data()[i] * (p - if is_class { T::ONE } else { T::ZERO })
            }));
        }
    }
}

/// The sum over the samples in double precision, each times its weight.
#[track_caller]
pub(super) fn sum<T: Scalar>((logits, classes, weights): (&[T], &[T], Option<&[T]>)) -> f64 {
    let columns = logits.len().checked_div(classes.len()).unwrap_or(0);
    assert_eq!(logits.len(), classes.len() * columns, "cross-entropy: samples × classes logits");
    let mut sum = 0.0;
    for (i, (logits, &class)) in logits.chunks_exact(columns.max(1)).zip(classes).enumerate() {
        let weight = weights.map_or(1.0, |weights| weights[i].to_f64());
        let z = |j: usize| logits[j].to_f64();
        let largest = (1..columns).fold(z(0), |a, j| if z(j) > a { z(j) } else { a });
        let total = (0..columns).map(|j| (z(j) - largest).exp()).sum::<f64>();
        sum += weight * (total.ln() + largest - z(class_of(class, columns)));
    }
    sum
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
