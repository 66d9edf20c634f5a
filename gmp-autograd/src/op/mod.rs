//! The built-in operations: one file each, with the forward and the backward pass.
//!
//! Each is a function of the tape and a method of [`Var`]: `op::add(&mut tape, a, b)` is `a.add(&mut tape, b)`.
//!
//! | | |
//! |---|---|
//! | products | [`matmul`]; the crate `gmp-nn` has fast ones, fused with bias and activation |
//! | two matrices of the same shape | [`add`], [`sub`], [`mul`](mul()), [`div`], [`max`], [`min`] |
//! | a matrix and a row, which applies to every row (bias, gain) | [`add_row`], [`mul_row`] |
//! | element by element | [`scale`], [`abs`], [`clamp`], [`exp`], [`ln`], [`sqrt`], [`relu`], [`sigmoid`], [`tanh`] |
//! | reductions | [`sum`], [`mean`], [`sum_rows`], [`sum_cols`], [`mean_rows`], [`mean_cols`] |
//! | layout | [`transpose`], [`concat_rows`], [`concat_cols`], [`slice_rows`], [`slice_cols`] |
//! | losses, 1×1 | [`mean_absolute_error`], [`mean_squared_error`], [`binary_cross_entropy_with_logits`], [`softmax_cross_entropy`] |

mod abs;
mod add;
mod add_row;
mod chain;
mod clamp;
mod concat_cols;
mod concat_rows;
mod div;
mod exp;
mod ln;
mod loss;
mod matmul;
mod max;
mod mean;
mod mean_cols;
mod mean_rows;
mod min;
mod mul;
mod mul_row;
mod pointwise;
mod relu;
mod scale;
mod sigmoid;
mod slice_cols;
mod slice_rows;
mod softmax_cross_entropy;
mod sqrt;
mod sub;
mod sum;
mod sum_cols;
mod sum_rows;
mod tanh;
mod transpose;

pub use abs::abs;
pub use add::add;
pub use add_row::add_row;
pub use clamp::clamp;
pub use concat_cols::concat_cols;
pub use concat_rows::concat_rows;
pub use div::div;
pub use exp::exp;
pub use ln::ln;
pub use loss::{binary_cross_entropy_with_logits, mean_absolute_error, mean_squared_error};
pub use matmul::matmul;
pub use max::max;
pub use mean::mean;
pub use mean_cols::mean_cols;
pub use mean_rows::mean_rows;
pub use min::min;
pub use mul::mul;
pub use mul_row::mul_row;
pub use relu::relu;
pub use scale::scale;
pub use sigmoid::sigmoid;
pub use slice_cols::slice_cols;
pub use slice_rows::slice_rows;
pub use softmax_cross_entropy::softmax_cross_entropy;
pub use sqrt::sqrt;
pub use sub::sub;
pub use sum::sum;
pub use sum_cols::sum_cols;
pub use sum_rows::sum_rows;
pub use tanh::tanh;
pub use transpose::transpose;

use crate::Var;

#[track_caller]
fn assert_same_shape(name: &str, a: Var, b: Var) {
    assert!(a.shape() == b.shape(), "{name}: shapes {} and {} differ", a.shape(), b.shape());
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
