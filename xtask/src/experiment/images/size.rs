//! What a run on images takes, for a plan: images, steps, memory.

use crate::problem::images::Set;
use gmp_nn::NetworkSpec;

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

/// What of a network decides how much memory its training takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trained {
    /// Parameters.
    pub parameters: usize,
    /// Numbers of an image.
    image: usize,
    /// Bytes of the results of all layers for an image.
    activations: usize,
}

/// Copies of the parameters: themselves, the best ones so far, the optimizer's velocity, the tape's, their gradient, and the
/// sum of the gradients of the parts.
const COPIES: usize = 6;
/// What a training step holds of every image: gradients and what operations save come on top of the results of layers. Measured
/// of VGG-6: 2.2 times the results without a normalization, 3.1 times under BN.
const HELD: f64 = 2.5;
/// Batches in memory: one is trained on while the next is read.
const BATCHES: usize = 2;
/// The program itself.
const PROGRAM: u64 = 16 << 20;
const NUMBER: u64 = size_of::<f32>() as u64;

/// Bytes of a set of 32×32 images in memory; generated ones are made as they are needed.
#[must_use]
pub fn held(set: &Set) -> u64 {
    let pictures = if set.is_generated() { 0 } else { set.training.len() + set.validation.len() };
    pictures as u64 * 32 * 32 * 3
}

impl Trained {
    /// That of a network; none of one that cannot be built.
    pub fn of(network: &NetworkSpec) -> Option<Self> {
        let network = network.build::<f32>(0).ok()?;
        let (input, summary) = (network.input(), network.summary());
        Some(Self {
            parameters: summary.parameters(),
            image: input.rows() * input.columns(),
            activations: summary.activation_bytes(),
        })
    }
}

impl Size {
    /// Of a run of this many epochs over `images` images, of which all are in memory where they are `held`.
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

    /// About how many bytes of memory each of the ranks takes that carry out the run together.
    #[must_use]
    pub fn memory(&self, ranks: usize) -> u64 {
        let Trained { parameters, image, activations } = self.network;
        let [batch, part] = self.batch;
        let own_parts = self.parts.div_ceil(ranks);
        // Several ranks keep the gradient of each of their parts until all are added up.
        let kept = if ranks > 1 { own_parts } else { 0 };
        let own_images = batch.min(own_parts * part);
        let numbers = (COPIES + kept) * parameters + BATCHES * own_images * image;
        let of_step = HELD * (part * activations) as f64;
        self.held + PROGRAM + NUMBER * numbers as u64 + of_step as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method;
    use gmp_nn::zoo::vgg6;

    /// Figures of the README: peak memory of VGG-6 on ten classes at batch 32, where no best parameters and no sums are kept.
    #[test]
    fn memory_is_about_what_was_measured() {
        for (method, measured) in [(method::SP, 231.0), (method::BN, 287.0), (method::GMP_IMN, 338.0)] {
            let network = Trained::of(&vgg6(&method.variant(), 128, 10)).unwrap();
            let size = Size::of(network, 1000, 3, 32, None, 0);
            let found = size.memory(1) as f64 / f64::from(1 << 20);
            assert!((0.8..1.4).contains(&(found / measured)), "{method}: {found} MiB, measured {measured}");
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
