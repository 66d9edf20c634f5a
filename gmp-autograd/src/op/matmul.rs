use crate::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::Scalar;

/// Matrix product of an m×k and a k×n matrix, an m×n matrix.
///
/// It uses three plain loops that allocate nothing and add in the same order on every machine. The crate `gmp-nn` has
/// fast products, fused with bias and activation, for training networks.
///
/// ```
/// # let mut tape = gmp_autograd::Tape::<f64>::new();
/// # let t = &mut tape;
/// # t.begin(&[]);
/// let a = t.input(&[1.0, 2.0, 3.0, 4.0], 2, 2);
/// let b = t.input(&[5.0, 6.0], 2, 1);
/// let y = a.matmul(t, b);
/// assert_eq!(t.value(y).data(), [17.0, 39.0]);
/// ```
///
/// # Panics
/// If `a` does not have as many columns as `b` has rows.
#[track_caller]
pub fn matmul<T: Scalar>(tape: &mut Tape<T>, a: Var, b: Var) -> Var {
    assert!(a.cols() == b.rows(), "matmul: {} times {}; expected {} rows", a.shape(), b.shape(), a.cols());
    tape.record(&MatMul, [a, b], Shape::new(a.rows(), b.cols()), 0, |[a, b], mut y, _| {
        for i in 0..a.rows() {
            let y = y.row_mut(i);
            y.fill(T::ZERO);
            for (p, &a) in a.row(i).iter().enumerate() {
                add_scaled(y, a, b.row(p));
            }
        }
    })
}

struct MatMul;
impl<T: Scalar> Rule<T> for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }
    fn reads_output(&self) -> bool {
        false
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (a, b) = (pull.value(0), pull.value(1));
        if let Some((dy, da)) = pull.wrt(0) {
            for (i, da) in da.rows().enumerate() {
                let dy = dy.row(i);
                da.add_with(|p| dy.iter().zip(b.row(p)).fold(T::ZERO, |sum, (&dy, &b)| sum + dy * b));
            }
        }
        if let Some((dy, db)) = pull.wrt(1) {
            let mut db = db.into_zeroed();
            for i in 0..a.rows() {
                for (p, &a) in a.row(i).iter().enumerate() {
                    add_scaled(db.row_mut(p), a, dy.row(i));
                }
            }
        }
    }
}

fn add_scaled<T: Scalar>(y: &mut [T], factor: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += factor * x;
    }
}
