//! One network trained on a table: split, standardize, train, with the validation part to decide.

use super::error::TableError;
use super::model::TableModel;
use super::samples::Samples;
use super::score::Score;
use super::task::Task;
use crate::method::MethodId;
use crate::run::measures::BATCH_ROWS;
use gmp_nn::{Activation, Network, Rng};
use gmp_train::{
    Adam, Dataset, EarlyStopping, End, Error, Fit, Loss, Observer, ReduceOnPlateau, Standardizer, Trainer,
    split,
};
use serde::Serialize;

/// How networks are trained: all but the method, the learning rate and the seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settings {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// The activation of the hidden layers.
    pub activation: Activation,
    /// What is minimized where the target is a number.
    pub loss: Loss,
    /// Samples per step.
    pub batch_size: usize,
    /// Most epochs.
    pub epochs: usize,
    /// Epochs without a lower validation loss until training stops; after half as many the learning rate falls tenfold.
    pub patience: usize,
    /// The share of the samples that tests.
    pub test: f64,
    /// The share of the others that validates.
    pub validation: f64,
}

/// What is trained.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The samples.
    pub samples: &'a Samples,
    /// How.
    pub settings: &'a Settings,
    /// What the hidden units are made of.
    pub method: MethodId,
    /// The learning rate at the start.
    pub lr: f64,
    /// Names the streams of the split, the initial weights and the shuffles.
    pub seed: u64,
}

/// The numbers of the samples of each part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// Those that are learned from.
    pub train: Vec<usize>,
    /// Those that decide when the learning rate falls and training stops.
    pub validation: Vec<usize>,
    /// Those that are looked at once, at the end.
    pub test: Vec<usize>,
}

/// A trained network and what became of it.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The network, as it was after the epoch with the lowest validation loss.
    pub model: TableModel,
    /// How the run went.
    pub fit: Fit,
    /// Which samples were used for what.
    pub parts: Parts,
    /// The outputs for the test samples, in the units of the data.
    pub outputs: Vec<f64>,
    /// The score of the test samples.
    pub test: Score,
    /// That of the validation samples.
    pub validation: Score,
}

impl Settings {
    /// Which samples of so many train, validate and test under a seed: the same for every method.
    ///
    /// # Errors
    /// A part that would be empty.
    pub fn split(&self, samples: usize, seed: u64) -> Result<Parts, Error> {
        let (rest, test) = split(samples, self.test, &mut Rng::new(seed, "test split"))?;
        let (train, validation) =
            split(rest.len(), self.validation, &mut Rng::new(seed, "validation split"))?;
        let of = |places: Vec<usize>| places.into_iter().map(|place| rest[place]).collect();
        Ok(Parts { train: of(train), validation: of(validation), test })
    }
}

impl Job<'_> {
    /// Trains the network. `observe` makes the observer of the run from the network as it is initialized, the training
    /// samples as it sees them, and the unit of its targets: 1, or what standardized numbers are multiplied by.
    ///
    /// The result is `None` where the observer ended the run; the observer comes back in any case.
    ///
    /// # Errors
    /// Samples that cannot be split or standardized, a network that cannot be built, and training that diverged.
    pub fn train<O: Observer<f64>>(
        &self,
        observe: impl FnOnce(&Network<f64>, &Dataset<f64>, f64) -> O,
    ) -> Result<(Option<Trained>, O), TableError> {
        let Self { samples, settings, method, lr, seed } = *self;
        let (columns, data) = (&samples.columns, &samples.data);
        let parts = settings.split(data.samples(), seed)?;
        let (mut train, mut validation) = (data.subset(&parts.train)?, data.subset(&parts.validation)?);
        // Of the training samples alone.
        let inputs = Standardizer::fit(&train);
        check_range(&inputs, &columns.inputs)?;
        let targets = (columns.task == Task::Regression).then(|| Standardizer::fit_targets(&train));
        if let Some(targets) = &targets {
            check_range(targets, std::slice::from_ref(&columns.target))?;
        }
        for part in [&mut train, &mut validation] {
            inputs.apply(part);
            if let Some(targets) = &targets {
                targets.apply_to_targets(part);
            }
        }
        let mlp = method.mlp(columns.inputs.len(), &settings.hidden, columns.outputs());
        let mut network: Network<f64> =
            mlp.activation(settings.activation).build(seed).map_err(Error::from)?;
        let trainer = Trainer {
            metrics: vec![columns.task.metric()],
            plateau: Some(ReduceOnPlateau {
                min_delta: 0.0,
                ..ReduceOnPlateau::new(settings.patience.div_ceil(2))
            }),
            early_stopping: Some(EarlyStopping::new(settings.patience)),
            seed,
            ..Trainer::new(columns.task.loss(settings.loss), settings.batch_size, settings.epochs, lr)
        };
        let unit = targets.as_ref().map_or(1.0, |targets| targets.deviation()[0]);
        let mut observer = observe(&network, &train, unit);
        let fit =
            trainer.fit(&mut network, &mut Adam::default(), &train, Some(&validation), &mut observer)?;
        if fit.end == End::Observer {
            return Ok((None, observer));
        }
        let model = TableModel { columns: columns.clone(), network, inputs, targets };
        let score = |rows: &[usize]| -> Result<(Score, Vec<f64>), Error> {
            let part = data.subset(rows)?;
            let outputs = model.outputs(part.inputs());
            Ok((Score::of(columns, &outputs, part.targets()), outputs))
        };
        let ((test, outputs), (validation, _)) = (score(&parts.test)?, score(&parts.validation)?);
        Ok((Some(Trained { model, fit, parts, outputs, test, validation }), observer))
    }

    /// The batch whose statistics stand for those of training, of a method that normalizes.
    #[must_use]
    pub fn batch(&self, train: &Dataset<f64>) -> Option<(Vec<f64>, usize)> {
        let (inputs, columns) = (train.inputs(), train.input_cols());
        let rows = inputs.len().min(BATCH_ROWS * columns);
        (!(self.method.normalization)().is_none()).then(|| (inputs[..rows].to_vec(), columns))
    }
}

/// Refuses columns whose mean or deviation is past the range of numbers.
fn check_range(standardizer: &Standardizer<f64>, names: &[String]) -> Result<(), TableError> {
    let is_finite = |column: &usize| {
        standardizer.mean()[*column].is_finite() && standardizer.deviation()[*column].is_finite()
    };
    match (0..names.len()).find(|column| !is_finite(column)) {
        None => Ok(()),
        Some(column) => Err(TableError::Range { column: crate::data::shorten(&names[column]) }),
    }
}
