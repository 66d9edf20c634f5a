//! Pools.

use super::LayerView;
use crate::kernel::conv::{Images, Window};
use crate::op;
use crate::{Element, Features, Forward, Layer};
use gmp_autograd::Var;

/// The largest number under every position of a window.
#[derive(Debug)]
pub(crate) struct MaxPool {
    /// One image.
    pub(crate) input: Images,
    pub(crate) window: Window,
    pub(crate) output: Features,
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
    fn output(&self, _input: Features) -> Features {
        self.output
    }
    fn multiply_adds(&self, _input: Features) -> Option<u64> {
        Some(0)
    }
    fn summary(&self) -> String {
        format!("max pool {0}×{0}", self.window.size)
    }
    fn view(&self) -> LayerView<'_, T> {
        LayerView::MaxPool(self.window)
    }
}

/// The mean of every channel over an image's pixels.
#[derive(Debug)]
pub(crate) struct GlobalAveragePool {
    pub(crate) pixels: usize,
    pub(crate) channels: usize,
}

impl<T: Element> Layer<T> for GlobalAveragePool {
    fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
        op::global_average_pool(pass.tape, x, self.pixels)
    }
    fn output(&self, _input: Features) -> Features {
        Features::Vector(self.channels)
    }
    fn multiply_adds(&self, _input: Features) -> Option<u64> {
        Some(0)
    }
    fn summary(&self) -> String {
        "global average pool".to_owned()
    }
    fn view(&self) -> LayerView<'_, T> {
        LayerView::GlobalAveragePool
    }
}
