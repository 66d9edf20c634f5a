//! From an image to a vector of all of its numbers.

use super::LayerView;
use crate::op;
use crate::{Element, Features, Forward, Layer};
use gmp_autograd::Var;

/// All numbers of an image in the order (row, column, channel).
#[derive(Debug)]
pub(crate) struct Flatten {
    pub(crate) pixels: usize,
    /// Numbers of an image.
    pub(crate) numbers: usize,
}

impl<T: Element> Layer<T> for Flatten {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        op::flatten(pass.tape, x, self.pixels)
    }
    fn output(&self, _input: Features) -> Features {
        Features::Vector(self.numbers)
    }
    fn multiply_adds(&self, _input: Features) -> Option<u64> {
        Some(0)
    }
    fn summary(&self) -> String {
        "flatten".to_owned()
    }
    fn view(&self) -> LayerView<'_, T> {
        LayerView::Flatten { pixels: self.pixels }
    }
}
