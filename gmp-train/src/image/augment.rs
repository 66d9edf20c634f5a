//! Cropping, flipping and normalizing: the random ones depend on the seed, the epoch and the picture alone.

use super::resize::{Rectangle, Resizer, mirror};
use super::{Error, Picture, SIDE, stream};
use gmp_nn::Rng;

/// Which part of a picture is used, at which size.
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
    /// All of it; it has to be `size × size`.
    Whole {
        /// Rows and columns.
        size: usize,
    },
    /// A random part of 8 to 100 % of the area and a ratio of sides from 3/4 to 4/3, resized to `size × size`:
    /// PyTorch's `RandomResizedCrop` (Szegedy et al. 2015).
    Random {
        /// Rows and columns.
        size: usize,
    },
    /// The centre `size × size` of the picture resized to a shorter side of `shorter`: PyTorch's `Resize` and
    /// `CenterCrop`.
    Centre {
        /// Shorter side after resizing, at least `size`.
        shorter: usize,
        /// Rows and columns.
        size: usize,
    },
}

/// What is done to every picture before the network sees it: crop, flip, `(x/255 − mean)/deviation` by channel.
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
    /// Which part.
    pub crop: Crop,
    /// Whether one picture in two is mirrored.
    pub flip: bool,
    /// Subtracted from the channels R, G, B in [0, 1].
    pub mean: [f32; 3],
    /// Divided by.
    pub deviation: [f32; 3],
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
        Self { crop: Crop::Whole { size: SIDE }, flip: training, mean, deviation: [1.0; 3] }
    }

    /// ILSVRC by the recipe of the field: a random crop to 224 and a flip in training, the centre 224 of 256 in
    /// validation, the channel means and deviations of ImageNet.
    ///
    /// ```
    /// # use gmp_train::image::{Crop, Preparation};
    /// assert_eq!(Preparation::ilsvrc(true).crop, Crop::Random { size: 224 });
    /// assert_eq!(Preparation::ilsvrc(false).crop, Crop::Centre { shorter: 256, size: 224 });
    /// ```
    pub fn ilsvrc(training: bool) -> Self {
        let crop =
            if training { Crop::Random { size: 224 } } else { Crop::Centre { shorter: 256, size: 224 } };
        Self { crop, flip: training, mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] }
    }

    /// Rows and columns of what comes out.
    pub fn size(&self) -> usize {
        match self.crop {
            Crop::Whole { size } | Crop::Random { size } | Crop::Centre { size, .. } => size,
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
            Crop::Centre { shorter, .. } => {
                // A thread of pixels would be resized to a picture of any length: only its centre is computed.
                let (to_height, to_width) = if height <= width {
                    (shorter, (shorter as u64 * width as u64 / height as u64) as usize)
                } else {
                    ((shorter as u64 * height as u64 / width as u64) as usize, shorter)
                };
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
mod tests {
    use super::*;

    #[test]
    fn random_parts_have_pytorchs_areas_and_ratios() {
        let mut rng = Rng::new(1, "parts");
        let (mut areas, mut log_ratios, n) = (0.0, 0.0, 20_000);
        for _ in 0..n {
            let part = random_part(1000, 1000, &mut rng);
            assert!(part.top + part.height <= 1000 && part.left + part.width <= 1000);
            let (area, ratio) =
                ((part.height * part.width) as f64 / 1e6, part.width as f64 / part.height as f64);
            assert!((0.079..=1.0).contains(&area) && (0.74..1.35).contains(&ratio), "{area} {ratio}");
            areas += area;
            log_ratios += ratio.ln();
        }
        // By numerical integration over accepted tries: area a and log-ratio ρ are uniform on [0.08, 1]×[−l, l],
        // l = ln 4/3, and accepted where a·e^|ρ| ≤ 1.
        let (l, steps) = ((4.0f64 / 3.0).ln(), 2000);
        let (mut mass, mut mean) = (0.0, 0.0);
        for i in 0..steps {
            let rho = l * (f64::from(i) + 0.5) / f64::from(steps);
            let top = (-rho).exp();
            mass += top - 0.08;
            mean += (top * top - 0.08 * 0.08) / 2.0;
        }
        // Five standard errors: a deviation of at most 0.27 for areas, of 0.17 for log-ratios.
        let error = 5.0 / f64::from(n).sqrt();
        assert!(
            (areas / f64::from(n) - mean / mass).abs() < 0.27 * error,
            "mean area {}",
            areas / f64::from(n)
        );
        assert!((log_ratios / f64::from(n)).abs() < 0.17 * error);
    }

    #[test]
    fn parts_of_extreme_pictures_fall_back_to_the_centre() {
        let mut rng = Rng::new(2, "parts");
        for _ in 0..100 {
            // No part of 8 % of the area is as high as 30 pixels at these ratios.
            let part = random_part(3, 3000, &mut rng);
            assert_eq!(part, Rectangle { top: 0, left: 1498, height: 3, width: 4 });
            let part = random_part(3000, 3, &mut rng);
            assert_eq!(part, Rectangle { top: 1498, left: 0, height: 4, width: 3 });
            assert_eq!(random_part(1, 1, &mut rng), Rectangle { top: 0, left: 0, height: 1, width: 1 });
        }
    }

    #[test]
    fn the_centre_is_pytorchs() {
        // A picture of its own coordinates, large steps: columns in red, rows in green.
        let (height, width) = (512, 1024);
        let pixels =
            (0..height * width).flat_map(|i| [(i % width / 4) as u8, (i / width / 2) as u8, 9]).collect();
        let picture = Picture { height, width, pixels };
        let mut out = vec![0; 224 * 224 * 3];
        let preparation = Preparation::ilsvrc(false);
        preparation.cut(&picture, (0, 0, 0), &mut Resizer::default(), &mut out).unwrap();
        // 512×1024 → 256×512, cut at (16, 144): output (y, x) averages inputs about (2y + 32.5, 2x + 288.5).
        for (y, x) in [(0, 0), (100, 37), (223, 223)] {
            let pixel = &out[(y * 224 + x) * 3..][..3];
            assert!(
                (f64::from(pixel[0]) - (2.0 * x as f64 + 288.5) / 4.0).abs() < 1.0,
                "{pixel:?} at {y} {x}"
            );
            assert!(
                (f64::from(pixel[1]) - (2.0 * y as f64 + 32.5) / 2.0).abs() < 1.0,
                "{pixel:?} at {y} {x}"
            );
            assert_eq!(pixel[2], 9);
        }
        // The shapes that leave nothing to spare, and a thread of pixels.
        for (height, width) in [(1, 1), (1, 5000), (5000, 1), (224, 224), (333, 334)] {
            let picture = Picture { height, width, pixels: vec![77; height * width * 3] };
            preparation.cut(&picture, (0, 0, 0), &mut Resizer::default(), &mut out).unwrap();
            assert!(out.iter().all(|&value| value == 77), "{height}×{width}");
        }
    }

    #[test]
    fn flips_depend_on_seed_epoch_and_picture_alone_and_are_even() {
        let pixels = (0..32 * 32 * 3).map(|i| (i % 251) as u8).collect();
        let picture = Picture { height: 32, width: 32, pixels };
        let preparation = Preparation::small(true);
        let (mut first, mut again) = (vec![0; 3072], vec![0; 3072]);
        let mut flipped = 0;
        for sample in 0..2000 {
            let mut resizer = Resizer::default();
            preparation.cut(&picture, (3, 1, sample), &mut resizer, &mut first).unwrap();
            preparation.cut(&picture, (3, 1, sample), &mut resizer, &mut again).unwrap();
            assert_eq!(first, again);
            if first != picture.pixels {
                flipped += 1;
                first.chunks_exact_mut(96).for_each(mirror);
                assert_eq!(first, picture.pixels);
            }
        }
        assert!(
            (flipped - 1000i32).abs() < 112,
            "{flipped} of 2000, more than five standard errors from half"
        );
        let of = |seed, epoch| {
            (0..64)
                .map(|sample| {
                    let mut out = vec![0; 3072];
                    preparation
                        .cut(&picture, (seed, epoch, sample), &mut Resizer::default(), &mut out)
                        .unwrap();
                    out == picture.pixels
                })
                .collect::<Vec<_>>()
        };
        assert_ne!(of(3, 1), of(3, 2));
        assert_ne!(of(3, 1), of(4, 1));
    }

    #[test]
    fn numbers_are_normalized_by_channel() {
        let table = Preparation::small(true).table();
        assert_eq!(table[0][255], 1.0 - 0.481_098);
        assert_eq!(table[2][0], -0.407_854_83);
        let table = Preparation::ilsvrc(true).table();
        assert!((table[1][128] - (128.0 / 255.0 - 0.456) / 0.224).abs() < 1e-6);
    }
}
