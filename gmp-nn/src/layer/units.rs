//! Layers of units, dense and convolutional: a linear map under some parameterization, a normalization, an activation.

use super::{Layer, LayerView, NormalizationLayer};
use crate::normalization::{self, Normalizer, Placement};
use crate::op::Activation;
use crate::parameterization::{EffectiveWeights, Unit, Weights};
use crate::{Boundaries, Element, Features, Forward, Linear};
use gmp_autograd::{Var, op as basic};

/// `scale · g(N(x·w + b))`: any parameterization of (w, b, scale), any normalization N, any activation g, dense or
/// convolutional.
#[derive(Debug)]
pub struct UnitLayer<T> {
    pub(crate) linear: Linear,
    pub(crate) weights: Box<dyn Weights<T>>,
    pub(crate) normalization: Option<(Placement, Box<dyn Normalizer<T>>)>,
    pub(crate) activation: Activation,
    pub(crate) output: Features,
    pub(crate) summary: String,
}

impl<T: Element> Layer<T> for UnitLayer<T> {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        let (linear, activation) = (self.linear, self.activation);
        let x = match self.normalizer(Placement::Input) {
            Some(normalizer) => normalization::apply(normalizer, pass, x, Activation::Identity),
            None => x,
        };
        let Unit { weight: w, bias: b, scale } = self.weights.on_tape(pass);
        match (self.normalizer(Placement::PreActivation), scale) {
            (None, None) => linear.affine(pass.tape, x, w, b, activation),
            (None, Some(r)) => linear.scaled_affine(pass.tape, [x, w, b, r], activation),
            (Some(normalizer), scale) => {
                let z = linear.affine(pass.tape, x, w, b, Activation::Identity);
                let y = normalization::apply(normalizer, pass, z.last_use(), activation);
                scale.map_or(y, |r| basic::mul_row(pass.tape, y, r))
            }
        }
    }
    fn output(&self, _input: Features) -> Features {
        self.output
    }
    fn after_step(&self, parameters: &mut [T]) {
        self.weights.after_step(parameters);
    }
    fn multiply_adds(&self, input: Features) -> Option<u64> {
        let sizes = [self.output.rows(), self.linear.fan(input.columns()), self.output.columns()];
        Some(sizes.into_iter().fold(1, |product, size| product.saturating_mul(size as u64)))
    }
    fn summary(&self) -> String {
        self.summary.clone()
    }
    fn view(&self) -> LayerView<'_, T> {
        LayerView::Units(self)
    }
}

impl<T: Element> UnitLayer<T> {
    /// How the weights are applied to the input: to a whole vector, or to windows of an image.
    ///
    /// ```
    /// use gmp_nn::{LayerView, Linear, Mlp, Parameterization};
    /// let network = Mlp::new(2, &[8], 1, Parameterization::Standard).build::<f64>(1)?;
    /// let LayerView::Units(units) = network.layers()[0].layer.view() else { panic!("hidden1 has units") };
    /// assert_eq!(units.linear(), Linear::Dense);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn linear(&self) -> Linear {
        self.linear
    }

    /// Whether there is a normalization, of the inputs or before the activation.
    pub fn is_normalized(&self) -> bool {
        self.normalization.is_some()
    }

    /// Whether there is a normalization before the activation that subtracts a mean and divides by a standard
    /// deviation, both over the batch, so that a bias has no effect.
    pub fn is_batch_normalized(&self) -> bool {
        let running = self.normalizer(Placement::PreActivation).and_then(|normalizer| normalizer.running());
        running.is_some_and(|running| running.mean.is_some() && running.variance.is_some())
    }

    /// The activation after the linear map.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Weights, biases and scales of the units, before any normalization.
    ///
    /// ```
    /// use gmp_nn::{LayerView, Mlp, Parameterization};
    /// let mut network = Mlp::new(2, &[1], 1, Parameterization::WeightNorm).build::<f64>(1)?;
    /// network.parameters.set("hidden1.v", &[3.0, 4.0])?; // any length: the direction counts
    /// network.parameters.set("hidden1.length", &[10.0])?;
    ///
    /// let LayerView::Units(units) = network.layers()[0].layer.view() else { panic!("hidden1 has units") };
    /// let effective = units.effective(network.parameters.values(), network.buffers.values());
    /// assert_eq!(effective.weights, [6.0, 8.0]);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn effective(&self, parameters: &[T], buffers: &[T]) -> EffectiveWeights<T> {
        let mut effective = EffectiveWeights::default();
        effective.read(&*self.weights, parameters, buffers);
        effective
    }

    pub(crate) fn normalizer(&self, at: Placement) -> Option<&dyn Normalizer<T>> {
        let found = self.normalization.as_ref().filter(|(placement, _)| *placement == at);
        found.map(|(_, normalizer)| &**normalizer)
    }

    /// The activation boundaries of the units: those of a normalization layer behind them where they have no
    /// activation of their own.
    pub(crate) fn boundaries(
        &self,
        behind: Option<&NormalizationLayer<T>>,
        parameters: &[T],
        buffers: &[T],
        boundaries: &mut Boundaries<T>,
    ) {
        let behind = behind.filter(|_| self.activation == Activation::Identity);
        let place = |kink: f64, boundaries: &mut Boundaries<T>| {
            self.place_boundaries(behind, T::from_f64(kink), parameters, buffers, boundaries);
        };
        match behind.map_or(self.activation, |behind| behind.activation).kinks() {
            [] => place(0.0, boundaries),
            [kink] => place(*kink, boundaries),
            kinks => boundaries.join(kinks.iter().map(|&kink| {
                let mut of_kink = Boundaries::default();
                place(kink, &mut of_kink);
                of_kink
            })),
        }
    }

    /// Where the activation, of the units or of the normalization behind them, sees the number `kink`.
    fn place_boundaries(
        &self,
        behind: Option<&NormalizationLayer<T>>,
        kink: T,
        parameters: &[T],
        buffers: &[T],
        boundaries: &mut Boundaries<T>,
    ) {
        let effective = &mut boundaries.scratch;
        effective.read(&*self.weights, parameters, buffers);
        let mut placed_by = self.normalizer(Placement::PreActivation);
        if let Some(behind) = behind {
            // What a normalization sees is the units' output, which has their scale; a boundary need not.
            if let Some(running) = placed_by.and_then(|own| own.running()) {
                running.fold(parameters, buffers, effective);
            }
            for unit in 0..effective.scale.len() {
                effective.scale_unit(unit, effective.scale[unit]);
            }
            placed_by = Some(&*behind.normalizer);
        }
        std::mem::swap(&mut boundaries.normals, &mut boundaries.scratch.weights);
        std::mem::swap(&mut boundaries.offsets, &mut boundaries.scratch.bias);
        match placed_by {
            Some(normalizer) => normalizer.place_boundaries(parameters, buffers, kink, boundaries),
            None => boundaries.offsets.iter_mut().for_each(|offset| *offset -= kink),
        }
    }
}
