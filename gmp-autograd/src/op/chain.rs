//! Every operation as a method of its first operand.

use crate::{Tape, Var, op};
use gmp_math::Scalar;
use std::ops::Range;

macro_rules! methods {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        /// The operations of [`op`] as methods, so that they chain: `x.matmul(&mut tape, w).tanh(&mut tape)`.
        impl Var {
            $(
                #[doc = concat!("[`op::", stringify!($name), "`](crate::op::", stringify!($name), "()) of this variable.")]
                #[track_caller]
                pub fn $name<T: Scalar>(self, tape: &mut Tape<T>, $($argument: $type),*) -> Var {
                    op::$name(tape, self, $($argument),*)
                }
            )*
        }
    };
}

methods! {
    abs();
    add(other: Var);
    add_row(row: Var);
    binary_cross_entropy_with_logits(target: Var);
    clamp(low: T, high: T);
    div(other: Var);
    exp();
    ln();
    matmul(other: Var);
    max(other: Var);
    mean();
    mean_absolute_error(target: Var);
    mean_cols();
    mean_rows();
    mean_squared_error(target: Var);
    min(other: Var);
    mul(other: Var);
    mul_row(row: Var);
    relu();
    scale(factor: T);
    sigmoid();
    slice_cols(range: Range<usize>);
    slice_rows(range: Range<usize>);
    softmax_cross_entropy(classes: Var);
    sqrt();
    sub(other: Var);
    sum();
    sum_cols();
    sum_rows();
    tanh();
    transpose();
}

impl Var {
    /// [`op::concat_rows`] of this variable and another below it.
    ///
    /// ```
    /// # let mut tape = gmp_autograd::Tape::<f64>::new();
    /// # let t = &mut tape;
    /// # t.begin(&[]);
    /// let (a, b) = (t.input(&[1.0, 2.0], 1, 2), t.input(&[3.0, 4.0], 1, 2));
    /// let y = a.concat_rows(t, b);
    /// assert_eq!((y.rows(), t.value(y).row(1)), (2, &[3.0, 4.0][..]));
    /// ```
    #[track_caller]
    pub fn concat_rows<T: Scalar>(self, tape: &mut Tape<T>, below: Var) -> Var {
        op::concat_rows(tape, [self, below])
    }
    /// [`op::concat_cols`] of this variable and another to its right.
    ///
    /// ```
    /// # let mut tape = gmp_autograd::Tape::<f64>::new();
    /// # let t = &mut tape;
    /// # t.begin(&[]);
    /// let (a, b) = (t.input(&[1.0, 2.0], 2, 1), t.input(&[3.0, 4.0], 2, 1));
    /// let y = a.concat_cols(t, b);
    /// assert_eq!(t.value(y).row(0), [1.0, 3.0]);
    /// ```
    #[track_caller]
    pub fn concat_cols<T: Scalar>(self, tape: &mut Tape<T>, right: Var) -> Var {
        op::concat_cols(tape, [self, right])
    }
}
