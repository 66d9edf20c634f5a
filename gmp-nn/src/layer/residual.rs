//! A residual block.

use super::chain;
use crate::{Element, Forward, Layer};
use gmp_autograd::{Var, op};

/// `relu(main(x) + shortcut(x))`; an empty shortcut is the identity.
///
/// Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, Eq. 1 and 2.
#[derive(Debug)]
pub(crate) struct Residual<T> {
    pub(crate) main: Vec<Box<dyn Layer<T>>>,
    pub(crate) shortcut: Vec<Box<dyn Layer<T>>>,
}

impl<T: Element> Layer<T> for Residual<T> {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        let (main, shortcut) = (chain(&self.main, pass, x), chain(&self.shortcut, pass, x));
        let sum = op::add(pass.tape, main, shortcut);
        op::relu(pass.tape, sum.last_use())
    }

    fn branches(&self) -> [&[Box<dyn Layer<T>>]; 2] {
        [&self.main, &self.shortcut]
    }
}
