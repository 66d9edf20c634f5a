//! The problems of the experiments beyond the paper: those of its small figures and tables, cut short in the quick profile, and VGG-6 on
//! pictures.

use super::pictures::{self, Pictures};
use crate::experiment::question::{Data, Quantity};
use crate::experiment::training::{Problem, Watching, carry_out_stepping};
use crate::experiment::{Context, Profile, measured};
use crate::method::MethodId;
use crate::problem::banana::{self, Banana};
use crate::problem::uci::{self, Set};
use crate::problem::{Setup, levy, ridge};
use crate::run::execute::Finished;
use crate::run::results::SetId;
use crate::run::stop::Stop;
use crate::run::{Record, Run};
use crate::setting::intervention::Around;
use crate::statistics::Population;
use anyhow::Result;
use gmp_train::Dataset;

/// A problem before its data are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Regression in one dimension, full batch.
    Levy,
    /// Classification in the plane; a set of its shape is generated where it is not in the data folder.
    Banana,
    /// A regression set of Table 1, by name.
    Uci(&'static str),
    /// A ridge in any number of dimensions, drawn for every seed.
    Ridge,
    /// VGG-6 of small width on CIFAR-10; pictures are generated where it is not in the data folder.
    Pictures,
}

impl Kind {
    /// The problems of a profile: the smallest set of Table 1 in the quick one, four of them in the full one.
    #[must_use]
    pub fn of(profile: Profile) -> Vec<Self> {
        let mut kinds = vec![Self::Levy, Self::Banana, Self::Uci("yacht")];
        if profile == Profile::Full {
            kinds.extend(["boston", "energy", "concrete"].map(Self::Uci));
        }
        kinds
    }

    /// Those and the other small sets of Table 1, in both profiles.
    #[must_use]
    pub fn small() -> Vec<Self> {
        let sets = ["yacht", "boston", "energy", "concrete", "wine"].map(Self::Uci);
        [Self::Levy, Self::Banana].into_iter().chain(sets).collect()
    }

    /// Whether a method is compared on it: on pictures those without a normalization of their own, since all have input mean
    /// normalization there.
    #[must_use]
    pub fn is_for(self, method: MethodId) -> bool {
        self != Self::Pictures || (method.normalization)().is_none()
    }

    /// Whether it is pictures, or a set of Table 1 that is larger than the smallest, which the quick profile gives fewer runs.
    #[must_use]
    pub fn is_larger(self) -> bool {
        self == Self::Pictures || matches!(self, Self::Uci(name) if name != "yacht")
    }

    /// All problems.
    #[must_use]
    pub fn all() -> Vec<Self> {
        Self::small().into_iter().chain([Self::Ridge, Self::Pictures]).collect()
    }

    /// The names by which a user chooses it.
    #[must_use]
    pub fn names(&self) -> &[&'static str] {
        match self {
            Self::Levy => &[levy::SEEDED.name],
            Self::Banana => &[banana::SEEDED],
            Self::Uci(name) => std::slice::from_ref(name),
            Self::Ridge => &[ridge::SEEDED.name],
            Self::Pictures => &pictures::NAMES,
        }
    }

    /// It as claims are made of it where its data are not there, and why.
    #[must_use]
    pub fn absent(self, why: &str) -> Data<'static> {
        Data {
            id: SetId { name: self.name(), fingerprint: "" },
            population: Population::Draws,
            generated: false,
            headline: false,
            limits: Some(why.to_owned()),
        }
    }

    /// What claims call it where its data are not there.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Levy => levy::SEEDED.name,
            Self::Banana => banana::SEEDED,
            Self::Uci(name) => name,
            Self::Ridge => ridge::SEEDED.name,
            Self::Pictures => "VGG-6",
        }
    }

    /// Whether the larger one of two results is the better one.
    #[must_use]
    pub fn larger_is_better(self) -> bool {
        [Self::Banana, Self::Pictures].contains(&self)
    }

    /// What is reported of the test set.
    #[must_use]
    pub fn result(self) -> Quantity {
        if self.larger_is_better() { Quantity::ACCURACY } else { Quantity::RMSE }
    }

    /// How far boundaries move per epoch before the learning rate first falls, the mean over units, as a log₂; BN by its batch.
    /// With one input their locations move; with more their normals turn.
    #[must_use]
    pub fn movement(self) -> Quantity {
        fn location(record: &Record) -> Option<f64> {
            measured::in_training(record, |s| s.location.before_reduction.mean.mean_of_log)
        }
        fn direction(record: &Record) -> Option<f64> {
            measured::in_training(record, |s| s.direction.before_reduction.mean.mean_of_log)
        }
        match self {
            Self::Levy => Quantity::bits("log₂ of the mean |Δφ| of the units per epoch", location),
            Self::Pictures => Quantity::bits("log₂ of the mean turn of the filters per epoch", direction),
            _ => Quantity::bits("log₂ of the mean turn of the units per epoch", direction),
        }
    }

    /// Epochs until the training loss has fallen by a factor that is reached on it: the cross-entropy of banana, which no network
    /// brings to a quarter, to a half of the first epoch's, and all others to a quarter. Of pictures, until it is below that of guessing.
    #[must_use]
    pub fn learned(self) -> Quantity {
        match self {
            Self::Pictures => Quantity::epochs(
                "epochs until the training loss is 2.18, 5% below that of random guessing",
                |record| {
                    let convergence = &record.measures.as_ref()?.convergence;
                    convergence.epochs_to(pictures::learned()).map(|epochs| epochs as f64)
                },
            ),
            Self::Banana => {
                Quantity::epochs("epochs until the training loss is half of the first epoch's", |record| {
                    measured::epochs_of_halvings(record, 1)
                })
            }
            _ => Quantity::epochs(
                "epochs until the training loss is a quarter of the first epoch's",
                |record| measured::epochs_of_halvings(record, 2),
            ),
        }
    }

    /// Whether its runs have so many epochs that the speed of learning can be told in epochs. On pictures most of the fall of the loss
    /// is in the first few.
    #[must_use]
    pub fn has_speed(self) -> bool {
        self != Self::Pictures
    }

    /// What figures and tables call [`Kind::learned`].
    #[must_use]
    pub fn learned_in_short(self) -> &'static str {
        match self {
            Self::Banana => "epochs to half the loss",
            Self::Pictures => "epochs to a loss of 2.18",
            _ => "epochs to a quarter of the loss",
        }
    }

    /// Reads its data: nothing where they are not in the data folder, and of pictures each set that the user named.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn load(self, context: &Context) -> Result<Vec<Loaded>> {
        let data_dir = &context.data_dir;
        Ok(match self {
            Self::Levy => vec![Loaded::Levy],
            Self::Ridge => vec![Loaded::Ridge],
            Self::Banana => {
                let (banana, is_real) = Banana::load(data_dir)?;
                vec![Loaded::Banana(banana, is_real)]
            }
            Self::Uci(name) => {
                let path = data_dir.join("uci").join(format!("{name}.csv"));
                let set = path.is_file().then(|| Set::read(name.to_owned(), &path)).transpose()?;
                set.map(|set| Loaded::Uci(self, set)).into_iter().collect()
            }
            Self::Pictures => Pictures::load(context)?.into_iter().map(Loaded::Pictures).collect(),
        })
    }
}

/// A problem with its data.
pub enum Loaded {
    /// Every seed draws its points.
    Levy,
    /// All points, and whether they are the real ones.
    Banana(Banana, bool),
    /// All samples.
    Uci(Kind, Set),
    /// Every seed draws its direction and its points.
    Ridge,
    /// Every seed draws some of the pictures.
    Pictures(Pictures),
}

impl Loaded {
    /// Which problem it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Levy => Kind::Levy,
            Self::Banana(..) => Kind::Banana,
            Self::Uci(kind, _) => *kind,
            Self::Ridge => Kind::Ridge,
            Self::Pictures(_) => Kind::Pictures,
        }
    }

    /// The set in records.
    #[must_use]
    pub fn id(&self) -> SetId<'_> {
        match self {
            Self::Levy => levy::SEEDED,
            Self::Banana(data, is_real) => SetId {
                name: if *is_real { banana::SEEDED } else { banana::GENERATED },
                fingerprint: &data.fingerprint,
            },
            Self::Uci(_, set) => set.id(),
            Self::Ridge => ridge::SEEDED,
            Self::Pictures(pictures) => pictures.id(),
        }
    }

    /// How a network is trained on it.
    #[must_use]
    pub fn setup(&self) -> &'static Setup {
        match self {
            Self::Levy => &levy::SETUP,
            Self::Banana(..) => &banana::SETUP,
            Self::Uci(..) => &uci::SETUP,
            Self::Ridge => &ridge::SETUP,
            Self::Pictures(_) => &pictures::SETUP,
        }
    }

    /// The maximum number of epochs: the paper's in the full profile, a tenth of them or so in the quick one, times this share.
    /// Those of pictures are their own.
    #[must_use]
    pub fn epochs(&self, profile: Profile, budget: f64) -> usize {
        let epochs = match (self, profile) {
            (Self::Pictures(pictures), _) => return pictures.epochs(),
            (Self::Levy, Profile::Quick) => 1000,
            (Self::Levy, Profile::Full) => levy::EPOCHS,
            (Self::Banana(..), Profile::Quick) => 200,
            (Self::Banana(..), Profile::Full) => banana::EPOCHS,
            // A larger set takes as much longer.
            (Self::Uci(kind, _), Profile::Quick) if kind.is_larger() => 200,
            (Self::Uci(..), Profile::Quick) => 400,
            (Self::Uci(..), Profile::Full) => uci::EPOCHS,
            (Self::Ridge, Profile::Quick) => 60,
            (Self::Ridge, Profile::Full) => ridge::EPOCHS,
        };
        match profile {
            Profile::Quick => (epochs as f64 * budget).ceil() as usize,
            Profile::Full => epochs,
        }
    }

    /// Training samples, and those of the test.
    #[must_use]
    pub fn samples(&self) -> [usize; 2] {
        match self {
            Self::Levy => [50, levy::grid().0.len()],
            Self::Ridge => [ridge::TRAIN, ridge::TEST],
            Self::Banana(..) => [banana::TRAIN, banana::TEST],
            Self::Uci(_, set) => {
                let test = set.data.samples().div_ceil(5);
                [set.data.samples() - test, test]
            }
            Self::Pictures(pictures) => pictures.samples(),
        }
    }

    /// Products of an epoch of a run.
    #[must_use]
    pub fn products(&self, run: &Run) -> f64 {
        let inputs = match self {
            Self::Ridge => ridge::inputs(run),
            Self::Levy => 1,
            Self::Banana(..) => 2,
            Self::Uci(_, set) => set.data.input_cols(),
            Self::Pictures(pictures) => return pictures.products(),
        };
        let units = run.setting.setup(self.setup()).units as f64;
        let hidden = (run.setting.depth.unwrap_or(1) - 1) as f64 * units * units;
        self.samples()[0] as f64 * (units * (inputs + 1) as f64 + hidden)
    }

    /// Trains the network of a run with its optimizer in what is put around it. One whose steps are only written down is
    /// not measured.
    ///
    /// # Errors
    /// Too few samples.
    pub fn carry_out(&self, run: &Run, around: Around<'_>, stop: &Stop) -> Finished {
        let (train, test) = match self {
            Self::Pictures(pictures) => return pictures.train(run, around, stop),
            Self::Levy => {
                let (x, y) = levy::points(run);
                let (grid, truth) = levy::grid();
                (Dataset::new(x, 1, y, 1)?, Dataset::new(grid, 1, truth, 1)?)
            }
            Self::Banana(data, _) => data.samples(run)?,
            Self::Uci(_, set) => set.split(run.seed)?,
            Self::Ridge => ridge::samples(run)?,
        };
        let watch = if matches!(around, Around::Written(_)) { Watching::Nothing } else { Watching::Measures };
        let problem = Problem { train, test, grid: Vec::new(), watch, picture: false };
        let before = |network: &mut _, optimizer| around.optimizer(network, optimizer);
        carry_out_stepping(before, self.setup(), problem, run, stop, |_| ())
    }

    /// It as claims are asked of it.
    #[must_use]
    pub fn data(&self) -> Data<'_> {
        let [train, test] = self.samples();
        Data {
            id: self.id(),
            population: match self {
                Self::Levy | Self::Ridge => Population::Draws,
                _ => Population::Splits { train, test },
            },
            generated: match self {
                Self::Banana(_, is_real) => !is_real,
                Self::Pictures(pictures) => pictures.is_generated(),
                _ => false,
            },
            headline: false,
            limits: None,
        }
    }
}
