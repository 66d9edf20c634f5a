//! A normalization as a separate layer, followed by an activation.

use super::{Layer, LayerView};
use crate::normalization::{self, Normalizer};
use crate::op::Activation;
use crate::{Element, Features, Forward};
use gmp_autograd::Var;

/// `g(N(x))`.
#[derive(Debug)]
pub struct NormalizationLayer<T> {
    pub(crate) normalizer: Box<dyn Normalizer<T>>,
    pub(crate) name: &'static str,
    pub(crate) activation: Activation,
}

impl<T> NormalizationLayer<T> {
    /// The activation that follows.
    pub fn activation(&self) -> Activation {
        self.activation
    }
}

impl<T: Element> Layer<T> for NormalizationLayer<T> {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        normalization::apply(&*self.normalizer, pass, x, self.activation)
    }
    fn multiply_adds(&self, _input: Features) -> Option<u64> {
        Some(0)
    }
    fn summary(&self) -> String {
        match self.activation {
            Activation::Identity => self.name.to_owned(),
            activation => format!("{}, {activation}", self.name),
        }
    }
    fn view(&self) -> LayerView<'_, T> {
        LayerView::Normalization(self)
    }
}
