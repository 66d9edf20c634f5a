//! Checkpoints: the complete state of a run in one file, from which it continues with bit-for-bit the same result.
//!
//! ```
//! use gmp_nn::{Mlp, Parameterization};
//! use gmp_train::checkpoint::{Checkpoints, Every, Newest};
//! use gmp_train::{Adam, Dataset, Loss, Trainer};
//!
//! let data = Dataset::new((0..20).map(f64::from).collect(), 1, vec![1.0; 20], 1)?;
//! let build = || Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1);
//! let trainer = |epochs| Trainer {
//!     seed: 1,
//!     ..Trainer::new(Loss::MeanSquaredError, 8, epochs, 0.01)
//! };
//! let mut whole = build()?;
//! trainer(7).fit(&mut whole, &mut Adam::default(), &data, None, &mut ())?;
//!
//! let folder = std::env::temp_dir().join(format!("checkpoints of {}", std::process::id()));
//! let mut checkpoints = Checkpoints::new(&folder, 2, Every::Epochs(1), |error| eprintln!("WARNING: {error}"));
//! trainer(3).fit(&mut build()?, &mut Adam::default(), &data, None, &mut checkpoints)?;
//!
//! // Another day, another process.
//! let newest = Newest::in_folder(&folder)?.expect("there are two");
//! let (mut network, mut optimizer) = (build()?, Adam::default());
//! let progress = newest.checkpoint.restore(&mut network, &mut optimizer)?;
//! trainer(7).fit_from(progress, &mut network, &mut optimizer, &data, None, &mut ())?;
//! assert_eq!(network.parameters, whole.parameters);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A file has a checksum over its whole content: a changed byte or a file that was cut off is an error and never
//! leads to a wrong number. Files are written atomically. Every released version of the format stays readable; a
//! version that is newer than the known ones is an error that says so.

mod codec;
mod error;
mod file;
mod format;
mod wire;

pub(crate) use codec::{decode, encode};
pub use error::{CheckpointError, Problem};
pub(crate) use file::write_content;
pub use file::{Checkpoints, Every, Newest, remove_unfinished, write_atomic};

pub(crate) use format::{read_numbers, write_numbers};

use crate::model::buffer_values_mut;
use crate::{Model, Optimizer, OptimizerState, State, TrainState, Trainer};
use gmp_math::Scalar;
use gmp_nn::{Element, Network, NetworkSpec, ParamStore};
use std::path::{Path, PathBuf};

/// One matrix with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor<T> {
    /// Its name in the network: `"hidden1.angles"`.
    pub name: String,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Row-major.
    pub numbers: Vec<T>,
}

/// Stands for the file of a checkpoint that was not read from one.
const IN_MEMORY: &str = "checkpoint in memory";

/// The state of a run at one moment.
///
/// ```
/// use gmp_train::{Adam, Checkpoint, Loss, Mlp, Parameterization, State, TrainState, Trainer};
/// let network = Mlp::new(2, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let (trainer, adam) = (Trainer::of(Loss::MeanSquaredError), Adam::default());
/// let progress = TrainState::start(&trainer);
/// let state = State { trainer: &trainer, model: &network, optimizer: &adam, progress: &progress };
///
/// let checkpoint = Checkpoint::<f64>::from_bytes(&Checkpoint::new(&state, "two inputs").to_bytes()?)?;
/// assert_eq!((checkpoint.description.as_str(), checkpoint.optimizer.kind.as_str()), ("two inputs", "adam"));
/// let angles = &checkpoint.parameters[0];
/// assert_eq!((angles.name.as_str(), angles.rows, angles.cols), ("hidden1.angles", 1, 5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<T> {
    /// The caller's description of the run and the data.
    pub description: String,
    /// The description from which the model can be rebuilt ([`Model::description`]), if it has one. A checkpoint of
    /// version 1 or 2 has none.
    pub model: Option<String>,
    /// The settings of the run.
    pub trainer: Trainer,
    /// The progress of the run.
    pub progress: TrainState<T>,
    /// The state of the optimizer.
    pub optimizer: OptimizerState<T>,
    /// The parameters of the model.
    pub parameters: Vec<Tensor<T>>,
    /// Running statistics and fixed signs.
    pub buffers: Vec<Tensor<T>>,
    /// Where it was read.
    file: PathBuf,
}

impl<T: Element> Checkpoint<T> {
    /// Copies a run's state.
    pub fn new(state: &State<'_, T>, description: &str) -> Self {
        Self {
            description: description.to_owned(),
            model: state.model.description(),
            trainer: state.trainer.clone(),
            progress: state.progress.clone(),
            optimizer: state.optimizer.state(),
            parameters: tensors(state.model.parameters()),
            buffers: state.model.buffers().map_or_else(Vec::new, tensors),
            file: IN_MEMORY.into(),
        }
    }

    /// Writes the file atomically.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn write(&self, file: &Path) -> Result<(), CheckpointError> {
        write_content(file, self.to_bytes())
    }

    /// Reads a file.
    ///
    /// ```
    /// use gmp_train::Checkpoint;
    /// let error = Checkpoint::<f64>::read("runs/7/step-000000000100.checkpoint".as_ref()).unwrap_err();
    /// assert!(error.to_string().starts_with("runs/7/step-000000000100.checkpoint: cannot "), "{error}");
    /// ```
    ///
    /// # Errors
    /// If it cannot be read, is not a regular file, is damaged or cut off, is not a checkpoint, has a newer version
    /// of the format, or contains numbers of a type other than `T`.
    pub fn read(file: &Path) -> Result<Self, CheckpointError> {
        match format::read(file).and_then(|bytes| Self::from_bytes(&bytes)) {
            Ok(checkpoint) => Ok(Self { file: file.to_owned(), ..checkpoint }),
            Err(problem) => Err(CheckpointError { file: file.to_owned(), problem }),
        }
    }

    /// The content of the file.
    ///
    /// # Errors
    /// None are known: everything in a checkpoint can be written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Problem> {
        format::encode(self)
    }

    /// Reads the content of a file. Memory is allocated in proportion to `bytes`, whatever lengths they state.
    ///
    /// # Errors
    /// As [`Checkpoint::read`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Problem> {
        format::decode(bytes)
    }

    /// Restores the state of the model and the optimizer; [`Trainer::fit_from`] continues from the returned value.
    ///
    /// ```
    /// use gmp_train::{Adam, Checkpoint, Loss, Mlp, Parameterization, State, TrainState, Trainer};
    /// let build = |units| Mlp::new(2, &[units], 1, Parameterization::Geometric).build::<f64>(1);
    /// let (network, trainer) = (build(5)?, Trainer::of(Loss::MeanSquaredError));
    /// let progress = TrainState::start(&trainer);
    /// let state = State { trainer: &trainer, model: &network, optimizer: &Adam::default(), progress: &progress };
    /// let error = Checkpoint::new(&state, "").restore(&mut build(8)?, &mut Adam::default()).unwrap_err();
    /// assert_eq!(
    ///     error.problem.to_string(),
    ///     "matrix 1: the file has hidden1.angles (1×5), expected hidden1.angles (1×8)"
    /// );
    /// # Ok::<(), gmp_train::gmp_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the model's matrices are not those of the checkpoint, by name, shape and order, or the optimizer is
    /// of another kind. Both are then unchanged.
    pub fn restore(
        self,
        model: &mut dyn Model<T>,
        optimizer: &mut dyn Optimizer<T>,
    ) -> Result<TrainState<T>, CheckpointError> {
        let file = self.file.clone();
        self.restore_into(model, optimizer).map_err(|problem| CheckpointError { file, problem })
    }

    /// The network at the time of the checkpoint, built from the description in the file: use it to predict without
    /// knowing its layers.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// use gmp_train::{Adam, Checkpoint, Dataset, Loss, Observer, State, Trainer};
    ///
    /// struct Keep(Option<Checkpoint<f64>>);
    /// impl Observer<f64> for Keep {
    ///     fn on_end(&mut self, state: &State<'_, f64>) {
    ///         self.0 = Some(Checkpoint::new(state, "three points"));
    ///     }
    /// }
    /// let data = Dataset::new(vec![0.0, 1.0, 2.0], 1, vec![0.0, 1.0, 4.0], 1)?;
    /// let (mut network, mut keep) = (Mlp::new(1, &[5], 1, Parameterization::Geometric).build(1)?, Keep(None));
    /// let trainer = Trainer::new(Loss::MeanSquaredError, 3, 5, 0.01);
    /// trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut keep)?;
    ///
    /// let bytes = keep.0.unwrap().to_bytes()?; // what a file holds
    /// let again = Checkpoint::<f64>::from_bytes(&bytes)?.network()?;
    /// assert_eq!(again.parameters, network.parameters);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the model was not a [`Network`], or the file is of version 1 or 2, which do not describe the network.
    pub fn network(&self) -> Result<Network<T>, CheckpointError> {
        self.build().map_err(|problem| CheckpointError { file: self.file.clone(), problem })
    }

    fn build(&self) -> Result<Network<T>, Problem> {
        let text = self.model.as_deref().ok_or(Problem::NoNetwork)?;
        let spec: NetworkSpec =
            serde_json::from_str(text).map_err(|error| Problem::Metadata(format!("network: {error}")))?;
        let mut network = spec.build(0).map_err(|error| Problem::Metadata(format!("network: {error}")))?;
        let parameters = flatten(&self.parameters, Some(&network.parameters))?;
        let buffers = flatten(&self.buffers, Some(&network.buffers))?;
        network.parameters.values_mut().copy_from_slice(&parameters);
        network.buffers.values_mut().copy_from_slice(&buffers);
        Ok(network)
    }

    fn restore_into(
        self,
        model: &mut dyn Model<T>,
        optimizer: &mut dyn Optimizer<T>,
    ) -> Result<TrainState<T>, Problem> {
        let parameters = flatten(&self.parameters, Some(model.parameters()))?;
        let buffers = flatten(&self.buffers, model.buffers())?;
        let best = &self.progress.best;
        let has_best = !best.parameters.is_empty();
        let vectors =
            self.optimizer.vectors.iter().map(|(name, vector)| (&name[..], vector, parameters.len()));
        let vectors = vectors.filter(|(_, vector, _)| !vector.is_empty()).chain([
            ("best parameters", &best.parameters, if has_best { parameters.len() } else { 0 }),
            ("best buffers", &best.buffers, if has_best { buffers.len() } else { 0 }),
        ]);
        for (name, vector, expected) in vectors {
            if vector.len() != expected {
                return mismatch(name, format!("{} numbers", vector.len()), format!("{expected}"));
            }
        }
        optimizer.restore(self.optimizer)?;
        model.parameters_mut().values_mut().copy_from_slice(&parameters);
        buffer_values_mut(model).copy_from_slice(&buffers);
        Ok(self.progress)
    }
}

fn mismatch<R>(what: &str, found: String, expected: String) -> Result<R, Problem> {
    Err(Problem::Mismatch { what: what.to_owned(), found, expected })
}

fn tensors<T: Scalar>(named: &ParamStore<T>) -> Vec<Tensor<T>> {
    let tensor = |entry: &gmp_nn::Entry| Tensor {
        name: entry.name.clone(),
        rows: entry.slot.rows,
        cols: entry.slot.cols,
        numbers: named.values()[entry.slot.range()].to_vec(),
    };
    named.entries().iter().map(tensor).collect()
}

/// The tensors' numbers in a row, if they are the matrices of `store`.
fn flatten<T: Scalar>(tensors: &[Tensor<T>], store: Option<&ParamStore<T>>) -> Result<Vec<T>, Problem> {
    let shape = |name: &str, rows, cols| format!("{name} ({rows}×{cols})");
    let entries = store.map_or(&[][..], ParamStore::entries);
    let mut numbers = Vec::with_capacity(store.map_or(0, |store| store.values().len()));
    for i in 0..tensors.len().max(entries.len()) {
        let found = tensors.get(i).map(|t| shape(&t.name, t.rows, t.cols));
        let expected = entries.get(i).map(|e| shape(&e.name, e.slot.rows, e.slot.cols));
        if found != expected {
            let text = |shape: Option<String>| shape.unwrap_or_else(|| "none".to_owned());
            return mismatch(&format!("matrix {}", i + 1), text(found), text(expected));
        }
        numbers.extend_from_slice(&tensors[i].numbers);
    }
    Ok(numbers)
}
