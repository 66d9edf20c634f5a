//! The built-in operations: one file each, forward and backward side by side.
//!
//! A row vector is a 1×cols matrix that applies to every row (bias, gain).

mod add;
mod add_row;
mod loss;
mod mean;
mod mul;
mod mul_row;
mod relu;
mod scale;
mod softmax_cross_entropy;
mod sub;
mod sum;

pub use add::add;
pub use add_row::add_row;
pub use loss::{binary_cross_entropy_with_logits, mean_absolute_error, mean_squared_error};
pub use mean::mean;
pub use mul::mul;
pub use mul_row::mul_row;
pub use relu::relu;
pub use scale::scale;
pub use softmax_cross_entropy::softmax_cross_entropy;
pub use sub::sub;
pub use sum::sum;

use crate::Var;

#[track_caller]
fn assert_same_shape(name: &str, a: Var, b: Var) {
    assert_eq!(a.shape(), b.shape(), "{name}: shapes {} and {} differ", a.shape(), b.shape());
}

#[track_caller]
fn assert_row_of(name: &str, row: Var, x: Var) {
    assert!(
        row.rows() == 1 && row.cols() == x.cols(),
        "{name}: a {} matrix needs a 1×{} row, not {}",
        x.shape(),
        x.cols(),
        row.shape()
    );
}
