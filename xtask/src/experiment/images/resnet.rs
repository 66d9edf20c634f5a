//! The two recipes by which a ResNet-18 is trained, for images of 224×224 and of 32×32 pixels.

use super::options::Width;
use super::training::Recipe;
use crate::problem::images::Set;
use crate::ranks::Ranks;
use clap::ValueEnum;
use gmp_nn::zoo::{ResNet18, Stem, Variant};
use gmp_nn::{GeometricOptions, RadiusPlacement};
use gmp_train::image::{Crop, Preparation};
use gmp_train::{Restore, StepDecay};
use serde::Serialize;
use std::fmt;

/// A recipe of ResNet-18.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecipeName {
    /// The usual one: weight decay, and a learning rate that falls after a third and two thirds of the epochs
    Field,
    /// That of an older script of the authors: no weight decay, a learning rate that falls on a plateau
    Authors,
}

impl fmt::Display for RecipeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Field => "field",
            Self::Authors => "authors",
        })
    }
}

/// Epochs in full: the field's, and the cap of the authors' script.
const EPOCHS: [usize; 2] = [90, 10_000];
/// The rate falls tenfold after these shares of the epochs.
const FALLS: [f64; 2] = [1.0 / 3.0, 2.0 / 3.0];
const WEIGHT_DECAY: f64 = 1e-4;
/// Epochs without a better validation top-5 until the rate falls, and until training stops.
const PATIENCE: (usize, usize) = (5, 10);
/// Padding on every side of a small image before its random crop, as is usual.
const PADDING: usize = 4;
/// The sides that the authors resize to, of images of [`LARGE`] pixels: in training from the first to before the second, and
/// in validation.
const SHORTER: [usize; 3] = [256, 480, 368];
/// Rows and columns of the images of the paper.
const LARGE: usize = 224;
/// The standard deviation of the authors' shift of colours.
const COLOUR: f32 = 0.1;

/// Rows and columns of what a network sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// 224, cut out of photographs.
    Large,
    /// 32, the size of the images.
    Small,
}

impl Side {
    fn pixels(self) -> usize {
        match self {
            Self::Large => LARGE,
            Self::Small => 32,
        }
    }
}

impl RecipeName {
    /// The maximum number of epochs in full.
    #[must_use]
    pub fn epochs(self) -> usize {
        EPOCHS[self as usize]
    }

    /// What is done to training pictures, and to validation pictures.
    #[must_use]
    pub fn preparations(self, side: Side) -> [Preparation; 2] {
        let [training, validation] = [true, false].map(Preparation::ilsvrc);
        let size = side.pixels();
        match (self, side) {
            (Self::Field, Side::Large) => [training, validation],
            (Self::Field, Side::Small) => [
                Preparation { crop: Crop::Padded { size, padding: PADDING }, ..training },
                Preparation { crop: Crop::Whole { size }, ..validation },
            ],
            (Self::Authors, _) => {
                // In proportion, rounded up: the least is more than the size.
                let [shortest, longest, shorter] = SHORTER.map(|length| (length * size).div_ceil(LARGE));
                let deviation = [1.0; 3];
                let crop = Crop::Resized { shortest, longest, size };
                [
                    Preparation { crop, deviation, colour: COLOUR, ..training },
                    Preparation { crop: Crop::Centre { shorter, size }, deviation, ..validation },
                ]
            }
        }
    }

    /// The network.
    #[must_use]
    fn network(self, side: Side, width: Width) -> ResNet18 {
        let stem = if side == Side::Small { Stem::Small } else { Stem::Large };
        let keras_padding = self == Self::Authors;
        ResNet18 { side: side.pixels(), width: width.of(ResNet18::default().width), stem, keras_padding }
    }

    /// How a network of these units is trained on a set.
    #[must_use]
    pub fn recipe<'a>(
        self,
        variant: Variant,
        (set, side): (&'a Set, Side),
        width: Width,
        [batch_size, epochs]: [usize; 2],
        micro_batch: Option<usize>,
        ranks: &'a Ranks,
    ) -> Recipe<'a> {
        let variant = match self {
            Self::Field => variant,
            Self::Authors => {
                let geometric = GeometricOptions { radius: RadiusPlacement::Inside, ..variant.geometric };
                Variant { geometric, ..variant }
            }
        };
        let falls = FALLS.map(|share| ((epochs as f64 * share).round() as usize).max(1));
        let [augmented, plain] = self.preparations(side);
        let is_field = self == Self::Field;
        Recipe {
            network: self.network(side, width).spec(&variant, set.training.classes()),
            set,
            augmented,
            plain,
            batch_size,
            micro_batch,
            step_decay: is_field.then(|| StepDecay { factor: 0.1, epochs: falls.to_vec() }),
            patience: (!is_field).then_some(PATIENCE),
            restore: Restore::Never,
            weight_decay: if is_field { WEIGHT_DECAY } else { 0.0 },
            watches: false,
            ranks,
        }
    }

    /// What it is, in words.
    #[must_use]
    pub fn in_words(self, side: Side) -> String {
        let size = side.pixels();
        match self {
            Self::Field => {
                let pictures = match side {
                    Side::Large => {
                        "random crops and flips in training, the centre crop in validation".to_owned()
                    }
                    Side::Small => format!(
                        "random crops of the images padded by {PADDING} pixels on every side, and flips, in training, the whole image in validation"
                    ),
                };
                format!(
                    "Recipe field, the usual one: SGD with momentum 0.9, weight decay {WEIGHT_DECAY} on all parameters but angles, the learning rate \
                     falls tenfold after a third and two thirds of the epochs ({} in full), {pictures}.",
                    self.epochs()
                )
            }
            Self::Authors => {
                let [Preparation { crop: trained, .. }, Preparation { crop: judged, .. }] =
                    self.preparations(side);
                let (Crop::Resized { shortest, longest, .. }, Crop::Centre { shorter, .. }) =
                    (trained, judged)
                else {
                    return String::new();
                };
                format!(
                    "Recipe authors, of an older script of theirs for a ResNet-34: SGD with momentum 0.9, no weight decay, the learning rate falls \
                     tenfold after {} epochs without a better validation top-5, training stops after {} and keeps its last weights; in training, \
                     images are resized to a random shorter side of {shortest} to {} pixels, cropped at random to {size}×{size} and flipped, with \
                     one random colour shift for each batch; in validation, the centre crop at a shorter side of {shorter}. Channels are not divided \
                     by their standard deviations, convolutions are padded as in Keras, and geometric units have their radius inside the ReLU.",
                    PATIENCE.0,
                    PATIENCE.1,
                    longest - 1
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method;
    use gmp_nn::zoo::resnet18;

    #[test]
    fn the_default_is_what_it_always_was() {
        let set = Set::generated(8, 2);
        let ranks = Ranks::alone();
        let variant = method::GMP_IMN.variant();
        let recipe =
            RecipeName::Field.recipe(variant, (&set, Side::Large), Width::PAPER, [256, 90], None, &ranks);
        assert_eq!(recipe.network, resnet18(&variant, set.training.classes()));
        assert_eq!((recipe.augmented, recipe.plain), (Preparation::ilsvrc(true), Preparation::ilsvrc(false)));
        assert_eq!(recipe.step_decay, Some(StepDecay { factor: 0.1, epochs: vec![30, 60] }));
        assert_eq!((recipe.patience, recipe.weight_decay), (None, 1e-4));
    }

    #[test]
    fn the_authors_recipe_is_their_script() {
        let set = Set::generated(8, 2);
        let ranks = Ranks::alone();
        let of = |side, width| {
            let variant = method::GMP_IMN.variant();
            RecipeName::Authors.recipe(variant, (&set, side), width, [256, 90], None, &ranks)
        };
        let large = of(Side::Large, Width::PAPER);
        assert_eq!(large.augmented.crop, Crop::Resized { shortest: 256, longest: 480, size: 224 });
        assert_eq!(large.plain.crop, Crop::Centre { shorter: 368, size: 224 });
        assert_eq!((large.augmented.colour, large.plain.colour), (0.1, 0.0));
        assert_eq!((large.step_decay, large.patience, large.weight_decay), (None, Some((5, 10)), 0.0));
        assert_eq!(large.restore, Restore::Never);
        // Radii are inside the ReLU, and nothing else of the units is changed.
        let written = serde_json::to_string(&large.network).unwrap();
        assert!(written.contains("\"radius\":\"inside\""), "{written}");
        // Of 32×32 pictures in proportion, and four stages of 32, 16, 8 and 4 rows.
        let small = of(Side::Small, Width::over(8));
        assert_eq!(small.augmented.crop, Crop::Resized { shortest: 37, longest: 69, size: 32 });
        assert_eq!(small.plain.crop, Crop::Centre { shorter: 53, size: 32 });
        let summary = small.network.build::<f32>(1).unwrap().summary().to_string();
        assert!(summary.contains("32×32×8") && summary.contains("4×4×64"), "{summary}");
    }
}
