//! Cropping, flipping and normalizing. Random choices depend on the seed, the epoch and the picture alone.

use super::resize::{Rectangle, Resizer, mirror};
use super::{Error, Picture, SIDE, stream};
use gmp_nn::Rng;

/// Which part of a picture is used, and at which size.
///
/// ```
/// use gmp_train::image::{Crop, Preparation};
/// // Pictures of 48×48 pixels as they are.
/// let whole = Preparation { crop: Crop::Whole { size: 48 }, ..Preparation::small(false) };
/// assert_eq!(whole.size(), 48);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Crop {
    /// The whole picture, which must be `size × size`.
    Whole {
        /// Rows and columns.
        size: usize,
    },
    /// A random part with 8 to 100 % of the area and an aspect ratio from 3/4 to 4/3, resized to `size × size`:
    /// PyTorch's `RandomResizedCrop` (Szegedy et al. 2015).
    Random {
        /// Rows and columns.
        size: usize,
    },
    /// The centre crop of `size × size` of the picture resized to a shorter side of `shorter`: PyTorch's `Resize` and
    /// `CenterCrop`.
    Centre {
        /// Shorter side after resizing, at least `size`.
        shorter: usize,
        /// Rows and columns.
        size: usize,
    },
    /// A random crop of `size × size` of the picture, which must have that size, after black pixels are added on
    /// every side: PyTorch's `RandomCrop` with padding, as is usual for CIFAR-10.
    Padded {
        /// Rows and columns.
        size: usize,
        /// Pixels added on every side.
        padding: usize,
    },
    /// A random crop of `size × size` of the picture resized to a shorter side drawn from `shortest..longest`
    /// (Simonyan and Zisserman 2015).
    Resized {
        /// The smallest possible shorter side after resizing, at least `size`.
        shortest: usize,
        /// The upper limit of the shorter side (exclusive).
        longest: usize,
        /// Rows and columns.
        size: usize,
    },
}

/// The preprocessing of every picture: crop, flip, a shift of its colours, and `(x/255 − mean)/deviation` per
/// channel.
///
/// Resizing is bilinear with antialiasing and rounds to bytes, as Pillow does under PyTorch.
///
/// ```
/// use gmp_train::image::{Loader, Loading, Order, Preparation, SyntheticShapes};
/// let preparation = Preparation { mean: [1.0; 3], deviation: [0.5; 3], ..Preparation::small(false) };
/// let (training, _) = SyntheticShapes::new(7, 1, 0);
/// let loading = Loading { batch_size: 1, order: Order::AsStored, seed: 1, threads: 1 };
/// let mut loader = Loader::new(std::sync::Arc::new(training), preparation, loading)?;
/// loader.start(0, 0);
/// let batch = loader.next_batch()?.unwrap();
/// assert!(batch.images.iter().all(|x| (-2.0..=0.0).contains(x))); // (0 − 1)/0.5 to (1 − 1)/0.5
/// # Ok::<(), gmp_train::image::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preparation {
    /// The crop.
    pub crop: Crop,
    /// Whether pictures are mirrored at random, one in two.
    pub flip: bool,
    /// Subtracted from the channels R, G, B in [0, 1].
    pub mean: [f32; 3],
    /// Standard deviations by which the channels are divided.
    pub deviation: [f32; 3],
    /// Standard deviation of a random shift of the colours along their principal components (Krizhevsky et al. 2012), one
    /// for each batch; 0.1 is usual, and 0 shifts nothing.
    pub colour: f32,
}

impl Preparation {
    /// 32×32 pictures as in the paper: the channel means of ImageNet32 subtracted, flipped at random in training.
    ///
    /// ```
    /// # use gmp_train::image::{Crop, Preparation};
    /// let (training, validation) = (Preparation::small(true), Preparation::small(false));
    /// assert_eq!((training.crop, training.flip), (Crop::Whole { size: 32 }, true));
    /// assert_eq!(validation, Preparation { flip: false, ..training });
    /// ```
    pub fn small(training: bool) -> Self {
        let mean = [0.481_098, 0.457_471_34, 0.407_854_83];
        Self { crop: Crop::Whole { size: SIDE }, flip: training, mean, deviation: [1.0; 3], colour: 0.0 }
    }

    /// The standard preprocessing of ILSVRC: a random crop to 224 and a flip in training, the centre crop of 224 from
    /// 256 in validation, and the channel means and standard deviations of ImageNet.
    ///
    /// ```
    /// # use gmp_train::image::{Crop, Preparation};
    /// assert_eq!(Preparation::ilsvrc(true).crop, Crop::Random { size: 224 });
    /// assert_eq!(Preparation::ilsvrc(false).crop, Crop::Centre { shorter: 256, size: 224 });
    /// ```
    pub fn ilsvrc(training: bool) -> Self {
        let crop =
            if training { Crop::Random { size: 224 } } else { Crop::Centre { shorter: 256, size: 224 } };
        let (mean, deviation) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
        Self { crop, flip: training, mean, deviation, colour: 0.0 }
    }

    /// Rows and columns of the result.
    pub fn size(&self) -> usize {
        match self.crop {
            Crop::Whole { size }
            | Crop::Random { size }
            | Crop::Centre { size, .. }
            | Crop::Padded { size, .. }
            | Crop::Resized { size, .. } => size,
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if self.size() == 0 {
            return Err(Error::Setting { setting: "picture size", value: 0, expected: "at least 1" });
        }
        if let Crop::Centre { shorter, size } = self.crop
            && shorter < size
        {
            let expected = "at least the size of the centre crop";
            return Err(Error::Setting { setting: "shorter side", value: shorter, expected });
        }
        if let Crop::Resized { shortest, longest, size } = self.crop {
            if shortest < size {
                let expected = "at least the size of the crop";
                return Err(Error::Setting { setting: "shorter side", value: shortest, expected });
            }
            if longest <= shortest {
                let expected = "more than the least shorter side";
                return Err(Error::Setting { setting: "end of the shorter sides", value: longest, expected });
            }
        }
        Ok(())
    }

    /// Crops and flips a picture into `size × size × 3` bytes.
    ///
    /// # Errors
    /// Why a picture of that size cannot be used.
    pub(super) fn cut(
        &self,
        picture: &Picture,
        (seed, epoch, sample): (u64, usize, usize),
        resizer: &mut Resizer,
        out: &mut [u8],
    ) -> Result<(), String> {
        let (height, width, size) = (picture.height, picture.width, self.size());
        // One stream for every picture and epoch: no thread, batch or earlier picture can shift its draws.
        let mut rng = stream(seed, format_args!("augment/epoch {epoch}/sample {sample}"));
        let whole = Rectangle { top: 0, left: 0, height, width };
        let all = Rectangle { top: 0, left: 0, height: size, width: size };
        match self.crop {
            Crop::Whole { .. } => {
                if (height, width) != (size, size) {
                    return Err(format!("{height}×{width} pixels, expected {size}×{size}"));
                }
                out.copy_from_slice(&picture.pixels);
                if self.flip_one(&mut rng) {
                    out.chunks_exact_mut(size * 3).for_each(mirror);
                }
            }
            Crop::Random { .. } => {
                let part = random_part(height, width, &mut rng);
                resizer.resize(picture, part, (size, size), all, self.flip_one(&mut rng), out);
            }
            Crop::Padded { padding, .. } => {
                if (height, width) != (size, size) {
                    return Err(format!("{height}×{width} pixels, expected {size}×{size}"));
                }
                let [down, right] = [(); 2].map(|()| rng.below(2 * padding + 1));
                let is_flipped = self.flip_one(&mut rng);
                for (y, row) in out.chunks_exact_mut(size * 3).enumerate() {
                    for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                        // In the coordinates of the padded picture, less its padding.
                        let place = |at: usize, shift: usize| {
                            (at + shift).checked_sub(padding).filter(|&at| at < size)
                        };
                        match place(y, down).zip(place(x, right)) {
                            Some((y, x)) => {
                                pixel.copy_from_slice(&picture.pixels[(y * size + x) * 3..][..3]);
                            }
                            None => pixel.fill(0),
                        }
                    }
                    if is_flipped {
                        mirror(row);
                    }
                }
            }
            Crop::Resized { shortest, longest, .. } => {
                let shorter = shortest + rng.below(longest - shortest);
                let (to_height, to_width) = resized(height, width, shorter);
                let (top, left) = (rng.below(to_height - size + 1), rng.below(to_width - size + 1));
                let window = Rectangle { top, left, ..all };
                let flip = self.flip_one(&mut rng);
                resizer.resize(picture, whole, (to_height, to_width), window, flip, out);
            }
            Crop::Centre { shorter, .. } => {
                // A thread of pixels would be resized to a picture of any length: only its centre is computed.
                let (to_height, to_width) = resized(height, width, shorter);
                let margin = |length: usize| ((length - size) as f64 / 2.0).round_ties_even() as usize;
                let window = Rectangle { top: margin(to_height), left: margin(to_width), ..all };
                let flip = self.flip_one(&mut rng);
                resizer.resize(picture, whole, (to_height, to_width), window, flip, out);
            }
        }
        Ok(())
    }

    fn flip_one(&self, rng: &mut Rng) -> bool {
        self.flip && rng.uniform() < 0.5
    }

    /// What each byte of each channel becomes.
    pub(super) fn table(&self) -> [[f32; 256]; 3] {
        std::array::from_fn(|channel| {
            std::array::from_fn(|byte| (byte as f32 / 255.0 - self.mean[channel]) / self.deviation[channel])
        })
    }
}

/// Rows and columns of a picture resized to a shorter side.
fn resized(height: usize, width: usize, shorter: usize) -> (usize, usize) {
    if height <= width {
        (shorter, (shorter as u64 * width as u64 / height as u64) as usize)
    } else {
        ((shorter as u64 * height as u64 / width as u64) as usize, shorter)
    }
}

/// The part that PyTorch's `RandomResizedCrop.get_params` would choose from its own random numbers: ten tries, then
/// the largest centred part within the ratios.
fn random_part(height: usize, width: usize, rng: &mut Rng) -> Rectangle {
    const SCALE: (f64, f64) = (0.08, 1.0);
    const RATIO: (f64, f64) = (3.0 / 4.0, 4.0 / 3.0);
    let between = |(low, high): (f64, f64), rng: &mut Rng| low + (high - low) * rng.uniform();
    for _ in 0..10 {
        let area = (height * width) as f64 * between(SCALE, rng);
        let ratio = libm::exp(between((libm::log(RATIO.0), libm::log(RATIO.1)), rng));
        let w = (area * ratio).sqrt().round_ties_even() as usize;
        let h = (area / ratio).sqrt().round_ties_even() as usize;
        if (1..=width).contains(&w) && (1..=height).contains(&h) {
            let (top, left) = (rng.below(height - h + 1), rng.below(width - w + 1));
            return Rectangle { top, left, height: h, width: w };
        }
    }
    let ratio = width as f64 / height as f64;
    let (h, w) = if ratio < RATIO.0 {
        ((width as f64 / RATIO.0).round_ties_even() as usize, width)
    } else if ratio > RATIO.1 {
        (height, (height as f64 * RATIO.1).round_ties_even() as usize)
    } else {
        (height, width)
    };
    let (h, w) = (h.min(height), w.min(width));
    Rectangle { top: (height - h) / 2, left: (width - w) / 2, height: h, width: w }
}

#[cfg(test)]
mod tests;
