//! Elementwise work on matrices, a few columns at a time down all rows.
//!
//! The numbers that belong to a column (its bias, its scale, its sum over the rows) then stay in registers, and the
//! width is known to the compiler, so no row needs code for remainders or checks for overlap.

use gmp_math::Scalar;

/// Work that is the same for every column.
pub(crate) trait Columns {
    /// Does all rows of the columns `from .. from + W`. Mark it `#[inline(always)]`, as every vector kernel.
    fn columns<const W: usize>(&mut self, from: usize);
}

/// Does all `n` columns.
#[inline(always)]
pub(crate) fn sweep(n: usize, work: &mut impl Columns) {
    let mut from = 0;
    while from + 16 <= n {
        work.columns::<16>(from);
        from += 16;
    }
    while from + 4 <= n {
        work.columns::<4>(from);
        from += 4;
    }
    while from < n {
        work.columns::<1>(from);
        from += 1;
    }
}

/// `W` numbers of a row.
#[inline(always)]
pub(crate) fn part<T, const W: usize>(row: &[T], from: usize) -> &[T; W] {
    let Some(part) = row[from..].first_chunk() else { unreachable!("the row ends before {from} + {W}") };
    part
}

/// `W` numbers of a row, for writing.
#[inline(always)]
pub(crate) fn part_mut<T, const W: usize>(row: &mut [T], from: usize) -> &mut [T; W] {
    let Some(part) = row[from..].first_chunk_mut() else { unreachable!("the row ends before {from} + {W}") };
    part
}

/// The gradient before a rectifier: `gradient` where the unit is active, else 0.
///
/// The sum with 0 is for the compiler, which would otherwise write only the inactive ones back to where they came
/// from: masked stores, ten times slower than whole ones on some processors.
#[inline(always)]
pub(crate) fn rectified<T: Scalar>(active: bool, gradient: T) -> T {
    if active { gradient + T::ZERO } else { T::ZERO }
}
