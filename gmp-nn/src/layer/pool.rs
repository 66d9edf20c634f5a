//! Pools.

use crate::kernel::conv::{Images, Window};
use crate::op;
use crate::{Element, Forward, Layer};
use gmp_autograd::Var;

/// The largest number under every position of a window.
#[derive(Debug)]
pub(crate) struct MaxPool {
    /// One image.
    pub(crate) input: Images,
    pub(crate) window: Window,
}

impl<T: Element> Layer<T> for MaxPool {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        let batch = x.rows() / (self.input.height * self.input.width);
        // That the window fits was checked when the network was built.
        match op::max_pool(pass.tape, x, Images { batch, ..self.input }, self.window) {
            Ok((y, _)) => y,
            Err(error) => panic!("{} as a batch of {:?}: {error}", x.shape(), self.input),
        }
    }
}

/// The mean of every channel over an image's pixels.
#[derive(Debug)]
pub(crate) struct GlobalAveragePool {
    pub(crate) pixels: usize,
}

impl<T: Element> Layer<T> for GlobalAveragePool {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        op::global_average_pool(pass.tape, x, self.pixels)
    }
}
