//! A residual block.

use super::{Chain, LayerView};
use crate::{Element, Features, Forward, Layer};
use gmp_autograd::{Var, op};

/// `relu(main(x) + shortcut(x))`; an empty shortcut is the identity.
///
/// Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, Eq. 1 and 2.
#[derive(Debug)]
pub(crate) struct Residual<T> {
    pub(crate) main: Chain<T>,
    pub(crate) shortcut: Chain<T>,
}

impl<T: Element> Layer<T> for Residual<T> {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        let (main, shortcut) = (self.main.forward(pass, x), self.shortcut.forward(pass, x));
        let sum = op::add(pass.tape, main, shortcut);
        op::relu(pass.tape, sum.last_use())
    }
    fn output(&self, input: Features) -> Features {
        self.main.output(input)
    }
    fn after_step(&self, parameters: &mut [T]) {
        self.main.after_step(parameters);
        self.shortcut.after_step(parameters);
    }
    fn multiply_adds(&self, input: Features) -> Option<u64> {
        Some(self.main.multiply_adds(input)?.saturating_add(self.shortcut.multiply_adds(input)?))
    }
    fn summary(&self) -> String {
        "residual block".to_owned()
    }
    fn view(&self) -> LayerView<'_, T> {
        LayerView::Residual { main: &self.main, shortcut: &self.shortcut }
    }
}
