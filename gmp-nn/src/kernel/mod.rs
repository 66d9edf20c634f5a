//! Kernels: loops over numbers that depend neither on layers nor on the tape, and the division of their work over
//! threads.
//!
//! | module | what is in it |
//! |---|---|
//! | `gemm` | matrix products |
//! | `conv` | convolutions and pools |
//! | `parallel` | how much work is worth a thread, and contiguous shares of an output for each |
//! | `chunks` | passes over the rows of a batch in chunks, whose sums are combined in one order |
//! | `columns` | passes over blocks of columns, in registers |

pub(crate) mod chunks;
pub(crate) mod columns;
pub mod conv;
pub mod gemm;
pub(crate) mod parallel;
