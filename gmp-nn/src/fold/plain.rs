//! Layers in plain weights.

use crate::kernel::conv::{Images, Padding, Window};
use crate::layer::UnitLayer;
use crate::normalization::Placement;
use crate::{Activation, Convolution, Dense, Element, GeometricOptions, LayerSpec, Linear, Parameterization};
use gmp_math::Scalar;

/// A layer of units in plain weights: g(w·x + b).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plain<T> {
    /// What w·x is: of a vector, or at every position of a window.
    pub(super) linear: Linear,
    /// w, inputs of a unit × units.
    pub(super) weights: Vec<T>,
    /// b, one per unit.
    pub(super) bias: Vec<T>,
    /// g.
    pub(super) activation: Activation,
}

/// How a plain layer is expressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) parameterization: Parameterization,
    pub(super) geometric: GeometricOptions,
}

impl Target {
    pub(super) const STANDARD: Self =
        Self { parameterization: Parameterization::Standard, geometric: GeometricOptions::DEFAULT };

    pub(super) fn is_geometric(self) -> bool {
        self.parameterization == Parameterization::Geometric
    }
}

impl<T: Element> Plain<T> {
    /// A layer, and the factor per unit that is left outside its activation; `None` where its normalization is not the
    /// same map of every sample.
    pub(super) fn of(
        units: &UnitLayer<T>,
        parameters: &[T],
        buffers: &[T],
    ) -> Option<(Self, Option<PerChannel<T>>)> {
        let mut effective = units.effective(parameters, buffers);
        if let Some(normalizer) = units.normalizer(Placement::PreActivation) {
            normalizer.running()?.fold(parameters, buffers, &mut effective);
        }
        let mut left = std::mem::take(&mut effective.scale);
        for (unit, r) in left.iter_mut().enumerate() {
            let (inside, outside) = match units.activation {
                Activation::Identity => (*r, T::ONE),
                activation if activation.is_homogeneous() => {
                    (r.abs(), if *r < T::ZERO { -T::ONE } else { T::ONE })
                }
                _ => continue,
            };
            effective.scale_unit(unit, inside);
            *r = outside;
        }
        let left = left.iter().any(|&r| r != T::ONE).then(|| PerChannel::scale(left));
        let (linear, activation) = (units.linear, units.activation);
        Some((Self { linear, weights: effective.weights, bias: effective.bias, activation }, left))
    }
}

impl<T: Scalar> Plain<T> {
    /// As a layer to be built.
    pub(super) fn spec(&self, Target { parameterization, geometric }: Target) -> LayerSpec {
        let (units, activation) = (self.bias.len(), self.activation);
        match self.linear {
            Linear::Dense => {
                Dense::new(units, parameterization).activation(activation).geometric(geometric).into()
            }
            Linear::Convolution { window, .. } => Convolution::new(units, window, parameterization)
                .activation(activation)
                .geometric(geometric)
                .into(),
        }
    }

    /// The weights of one unit.
    fn column(&mut self, unit: usize) -> impl Iterator<Item = &mut T> {
        let units = self.bias.len();
        self.weights.iter_mut().skip(unit).step_by(units)
    }

    /// ‖w‖ of one unit.
    pub(super) fn norm(&self, unit: usize) -> T {
        let column = self.weights.iter().skip(unit).step_by(self.bias.len());
        column.fold(T::ZERO, |norm, &w| norm.hypot(w))
    }

    /// Whether one unit is always g(0).
    pub(super) fn is_nothing(&self, unit: usize) -> bool {
        self.bias[unit] == T::ZERO && self.norm(unit) == T::ZERO
    }

    /// Multiplies the pre-activation of unit `unit`.
    pub(super) fn scale(&mut self, unit: usize, factor: T) {
        self.column(unit).for_each(|w| *w *= factor);
        self.bias[unit] *= factor;
    }

    /// Sets units without a boundary, such as those without weights, to zero; returns the constants that they
    /// computed.
    pub(super) fn take_constants(&mut self) -> Option<PerChannel<T>> {
        let mut constants = PerChannel::shift(vec![T::ZERO; self.bias.len()]);
        let mut any = false;
        for unit in 0..self.bias.len() {
            let (norm, bias) = (self.norm(unit), self.bias[unit]);
            // What is not finite stays, to be refused by name.
            if norm > T::ZERO && (bias / norm).is_finite() || !norm.is_finite() || !bias.is_finite() {
                continue;
            }
            // Without weights it will be g(0) inside, nothing outside.
            let zero =
                if self.activation.is_homogeneous() { T::ZERO } else { self.activation.value(T::ZERO) };
            constants.shift[unit] = self.activation.value(bias) - zero;
            any |= constants.shift[unit] != T::ZERO;
            self.column(unit).for_each(|w| *w = T::ZERO);
            self.bias[unit] = T::ZERO;
        }
        any.then_some(constants)
    }

    /// Absorbs the map `before` of the inputs; `false` if that is impossible: zeros that pad an image are not
    /// shifted, so a shift before a padded window is not the same bias everywhere.
    pub(super) fn absorb_before(&mut self, before: &PerChannel<T>) -> bool {
        let shifts = before.shift.iter().any(|&shift| shift != T::ZERO);
        if before.activation != Activation::Identity || shifts && self.sees_padding() {
            return false;
        }
        // A row of weights is an input: of a window, its channels follow one another pixel by pixel.
        let channels = before.scale.iter().zip(&before.shift).cycle();
        for (weights, (&scale, &shift)) in self.weights.chunks_exact_mut(self.bias.len()).zip(channels) {
            for (w, bias) in weights.iter_mut().zip(&mut self.bias) {
                *bias += *w * shift;
                *w *= scale;
            }
        }
        true
    }

    /// Absorbs the map `behind` of the outputs; `false` if there is an activation between.
    pub(super) fn absorb_behind(&mut self, behind: &PerChannel<T>) -> bool {
        if self.activation != Activation::Identity {
            return false;
        }
        for unit in 0..self.bias.len() {
            self.scale(unit, behind.scale[unit]);
            self.bias[unit] += behind.shift[unit];
        }
        self.activation = behind.activation;
        true
    }

    fn sees_padding(&self) -> bool {
        match self.linear {
            Linear::Dense => false,
            Linear::Convolution { input, window } => [input.height, input.width].into_iter().any(|extent| {
                let (positions, before) =
                    window.positions(extent).expect("checked when the network was built");
                before > 0 || (positions - 1) * window.stride + window.size > extent
            }),
        }
    }
}

/// `g(s·x + t)`, with a factor s and a shift t per channel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PerChannel<T> {
    /// s.
    pub(super) scale: Vec<T>,
    /// t.
    pub(super) shift: Vec<T>,
    /// g.
    pub(super) activation: Activation,
}

impl<T: Scalar> PerChannel<T> {
    pub(super) fn shift(shift: Vec<T>) -> Self {
        Self { scale: vec![T::ONE; shift.len()], shift, activation: Activation::Identity }
    }

    pub(super) fn scale(scale: Vec<T>) -> Self {
        Self { shift: vec![T::ZERO; scale.len()], scale, activation: Activation::Identity }
    }

    /// The same of an image's numbers in a row, pixel after pixel.
    pub(super) fn of_every_pixel(self, pixels: usize) -> Self {
        Self { scale: self.scale.repeat(pixels), shift: self.shift.repeat(pixels), ..self }
    }

    /// Whether the largest of some numbers stays the largest.
    pub(super) fn keeps_order(&self) -> bool {
        let is_monotone = matches!(self.activation, Activation::Identity | Activation::Relu);
        is_monotone && self.scale.iter().all(|&scale| scale > T::ZERO)
    }

    /// Absorbs the map `before`; `false` if there is an activation between.
    pub(super) fn absorb_before(&mut self, before: &Self) -> bool {
        if before.activation != Activation::Identity {
            return false;
        }
        for channel in 0..self.scale.len() {
            self.shift[channel] += self.scale[channel] * before.shift[channel];
            self.scale[channel] *= before.scale[channel];
        }
        true
    }

    /// As separate units, one per channel: dense ones, or with a window of a single pixel.
    pub(super) fn into_plain(self, is_image: bool) -> Plain<T> {
        let channels = self.scale.len();
        let mut weights = vec![T::ZERO; channels * channels];
        weights.iter_mut().step_by(channels + 1).zip(&self.scale).for_each(|(w, &scale)| *w = scale);
        let linear = if is_image {
            // Such a window does the same on images of any size.
            let input = Images { batch: 1, height: 1, width: 1, channels };
            Linear::Convolution { input, window: Window::new(1, 1, Padding::Valid) }
        } else {
            Linear::Dense
        };
        Plain { linear, weights, bias: self.shift, activation: self.activation }
    }
}
