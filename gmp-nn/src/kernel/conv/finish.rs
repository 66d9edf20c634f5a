//! What happens to a convolution's sums on their way to memory.

use super::kernel::{load, store};
use gmp_math::Scalar;

/// Bias, rectifier and scale, while a line of the output is in registers.
#[derive(Clone, Copy)]
pub(crate) struct Finish<'a, T> {
    /// Add to what is there.
    pub(crate) accumulate: bool,
    /// One number a filter, added; or empty.
    pub(crate) bias: &'a [T],
    /// Whether negative results become zero.
    pub(crate) relu: bool,
    /// One number a filter, by which the result is multiplied after a copy of it went to the second output; or empty.
    pub(crate) scale: &'a [T],
}

impl<T: Scalar> Finish<'_, T> {
    /// Nothing but storing, or adding.
    pub(crate) fn plain(accumulate: bool) -> Self {
        Self { accumulate, bias: &[], relu: false, scale: &[] }
    }

    /// Stores the first `lanes` of a line of sums, whose first is that of `filter`, at `at`.
    #[inline(always)]
    pub(super) fn line<const L: usize>(
        &self,
        sums: &[T; L],
        filter: usize,
        lanes: usize,
        at: usize,
        [y, unscaled]: &mut [&mut [T]; 2],
    ) {
        let mut sums = *sums;
        if self.accumulate {
            let before = load::<T, L>(&y[at..][..lanes]);
            for l in 0..L {
                sums[l] += before[l];
            }
        }
        if !self.bias.is_empty() {
            let bias = load::<T, L>(&self.bias[filter..][..lanes]);
            for l in 0..L {
                sums[l] += bias[l];
            }
        }
        if self.relu {
            // A NaN stays a NaN: it must not pass for an inactive unit.
            for l in 0..L {
                sums[l] = if sums[l] < T::ZERO { T::ZERO } else { sums[l] };
            }
        }
        if !self.scale.is_empty() {
            store(&sums, &mut unscaled[at..][..lanes]);
            let scale = load::<T, L>(&self.scale[filter..][..lanes]);
            for l in 0..L {
                sums[l] *= scale[l];
            }
        }
        store(&sums, &mut y[at..][..lanes]);
    }
}
