//! What a run on images takes, for a plan: images, steps, memory.

use gmp_autograd::Tape;
use gmp_nn::NetworkSpec;
use gmp_train::Loss;

/// What a run takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Images that it trains on, at most: those of all epochs.
    pub images: u64,
    /// Steps, at most.
    pub steps: u64,
    /// The parts that ranks share out of a batch.
    pub parts: usize,
    /// What it trains.
    pub network: Trained,
    /// Images of a batch, and of one of its parts.
    pub batch: [usize; 2],
    /// Bytes of the images where they are held in memory.
    pub held: u64,
}

/// The memory of a network in training, in numbers of single precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trained {
    /// Parameters.
    pub parameters: usize,
    /// An image.
    image: usize,
    /// What the tape holds of the network, and of every image besides.
    tape: [usize; 2],
}

/// Copies of the parameters besides the tape's: themselves, the optimizer's velocity, the best ones so far, and the sum of
/// the gradients of the parts.
const COPIES: usize = 4;
/// Batches in memory: one is trained on while the next is read.
const BATCHES: usize = 2;
const NUMBER: u64 = size_of::<f32>() as u64;

impl Trained {
    /// Measures the tape of one and of two images.
    pub fn of(network: &NetworkSpec) -> Option<Self> {
        let mut network = network.build::<f32>(0).ok()?;
        let input = network.input();
        let image = input.rows() * input.columns();
        let mut numbers = |images: usize| {
            let mut tape = Tape::new();
            tape.begin(network.parameters.values());
            let x = tape.input(&vec![0.5; images * image], images * input.rows(), input.columns());
            let prediction = network.forward_training(&mut tape, x);
            let classes = tape.input(&vec![0.0; images], images, 1);
            let loss = Loss::SoftmaxCrossEntropy.apply(&mut tape, prediction, classes);
            tape.backward(loss);
            tape.capacity()
        };
        let [one, two] = [1, 2].map(&mut numbers);
        let each = two.saturating_sub(one);
        Some(Self {
            parameters: network.parameters.values().len(),
            image,
            tape: [one.saturating_sub(each), each],
        })
    }
}

impl Size {
    /// Of a run of so many epochs over `images` images, of which all are in memory where they are `held`.
    pub fn of(
        network: Trained,
        images: usize,
        epochs: usize,
        batch: usize,
        part: Option<usize>,
        held: u64,
    ) -> Self {
        let part = part.unwrap_or(batch).min(batch);
        Self {
            images: images as u64 * epochs as u64,
            steps: images.div_ceil(batch) as u64 * epochs as u64,
            parts: batch.div_ceil(part),
            network,
            batch: [batch, part],
            held,
        }
    }

    /// About how many bytes of memory each of the ranks takes that carry out the run together, without the program itself.
    #[must_use]
    pub fn memory(&self, ranks: usize) -> u64 {
        let Trained { parameters, image, tape: [of_network, of_image] } = self.network;
        let own_parts = self.parts.div_ceil(ranks);
        let [batch, part] = self.batch;
        // Several ranks keep the gradient of each of their parts until all are added up.
        let kept = if ranks > 1 { own_parts } else { 0 };
        let own_images = batch.min(own_parts * part);
        let numbers =
            (COPIES + kept) * parameters + of_network + part * of_image + BATCHES * own_images * image;
        self.held + NUMBER * numbers as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method;
    use gmp_nn::zoo::vgg6;

    /// Figures of the README: peak memory of VGG-6 on ten classes at batch 32, with the program, without the images.
    #[test]
    fn memory_is_about_what_was_measured() {
        for (method, measured) in [(method::SP, 231.0), (method::BN, 287.0), (method::GMP_IMN, 338.0)] {
            let network = Trained::of(&vgg6(&method.variant(), 128, 10)).unwrap();
            let size = Size::of(network, 1000, 3, 32, None, 0);
            let found = size.memory(1) as f64 / f64::from(1 << 20);
            assert!((0.75..1.25).contains(&(found / measured)), "{method}: {found} MiB, measured {measured}");
            assert_eq!((size.images, size.steps, size.parts), (3000, 96, 1));
        }
    }

    #[test]
    fn ranks_hold_their_own_parts() {
        let network = Trained::of(&vgg6(&method::SP.variant(), 8, 10)).unwrap();
        let size = |part| Size::of(network, 1000, 1, 64, part, 0);
        assert!(size(Some(8)).memory(1) < size(None).memory(1));
        assert!(size(Some(8)).memory(8) < size(Some(8)).memory(2));
        let held = Size { held: 1 << 30, ..size(None) };
        assert_eq!(held.memory(1) - size(None).memory(1), 1 << 30);
    }
}
