//! Layer normalization: normalizes every row to mean 0 and variance 1.

use super::{EPSILON, Normalize, Normalizer, gain_and_shift};
use crate::op::{self, Activation};
use crate::{Boundaries, Declare, Element, Error, Forward, Slot};
use gmp_autograd::{Var, op as basic};
use serde::{Deserialize, Serialize};

/// Options of layer normalization. A row is a sample of a dense layer, a pixel of a convolution.
///
/// ```
/// use gmp_autograd::Mat;
/// use gmp_nn::normalization::LayerNorm;
/// use gmp_nn::NetworkSpec;
/// let options = LayerNorm { epsilon: 0.0, ..Default::default() };
/// let network = NetworkSpec::vector(2).normalization("norm", options).build::<f64>(1)?;
/// let y = network.predict(Mat::new(&[3.0, 5.0, 100.0, 200.0], 2, 2));
/// assert_eq!(y, [-1.0, 1.0, -1.0, 1.0]); // every row has the mean 0 and the variance 1
/// # Ok::<(), gmp_nn::Error>(())
/// ```
///
/// # Activation boundaries
/// If the activation switches only at 0, as ReLU does, and there is no shift β, which is the default, a unit switches
/// on a hyperplane: where its w·x + b equals the mean of all units, (w − w̄)·x + (b − b̄) = 0. [`Boundaries`] are
/// then exact.
///
/// With a shift, or a kink other than 0, it switches on a curved surface, because the variance of the row depends on
/// x. There is no hyperplane to report, and `Boundaries` hold the hyperplane above as a *substitute*: it is the same
/// for every shift and every kink, and is not where the unit switches.
///
/// ```
/// # use gmp_nn::{Activation, Boundaries, Mlp, Normalization, Parameterization};
/// let mlp = Mlp::new(2, &[3], 1, Parameterization::Standard).normalization(Normalization::layer());
/// let network = mlp.activation(Activation::HardTanh).build::<f64>(1)?;
/// let mut boundaries = Boundaries::default();
/// network.boundaries("hidden1", &mut boundaries);
/// assert_eq!(boundaries.offsets[..3], boundaries.offsets[3..]); // the kinks −1 and 1 make no difference
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LayerNorm {
    /// ϵ, added to the variance.
    pub epsilon: f64,
    /// Whether there are a gain γ and a shift β per column; by default there are none.
    pub affine: bool,
}

impl Default for LayerNorm {
    fn default() -> Self {
        Self { epsilon: EPSILON, affine: false }
    }
}

impl<T: Element> Normalize<T> for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
    }
    fn declare(&self, columns: usize, declare: &mut Declare<'_, T>) -> Result<Box<dyn Normalizer<T>>, Error> {
        let affine = gain_and_shift(self.affine, columns, declare)?;
        Ok(Box::new(Normalized { epsilon: self.epsilon, affine }))
    }
}

#[derive(Debug)]
struct Normalized {
    epsilon: f64,
    /// Gain and shift.
    affine: Option<(Slot, Slot)>,
}

impl<T: Element> Normalizer<T> for Normalized {
    fn on_tape(&self, pass: &mut Forward<'_, T>, z: Var, activation: Activation) -> Var {
        let mut y = op::layer_norm(pass.tape, z, T::from_f64(self.epsilon));
        if let Some((gain, shift)) = self.affine {
            let (gain, shift) = (pass.parameter(gain), pass.parameter(shift));
            y = basic::mul_row(pass.tape, y, gain);
            y = basic::add_row(pass.tape, y, shift);
        }
        op::activation(pass.tape, y, activation)
    }

    /// A unit's output is the mean of all units' where (w − w̄)·x + (b − b̄) = 0; the variance moves no zero. Where the
    /// activation sees another value, by a kink or a shift, there is no hyperplane; this one then stands for it.
    fn place_boundaries(&self, _parameters: &[T], _buffers: &[T], _value: T, boundaries: &mut Boundaries<T>) {
        let units = boundaries.offsets.len();
        let (normals, offsets) = (&mut boundaries.normals, &mut boundaries.offsets);
        for row in normals.chunks_exact_mut(units).chain([&mut offsets[..]]) {
            let mean = row.iter().copied().sum::<T>() / T::from_usize(units);
            row.iter_mut().for_each(|x| *x -= mean);
        }
    }
}
