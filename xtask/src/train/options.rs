//! The options of `cargo xtask train` and `cargo xtask predict`.

use super::fit::Settings;
use super::table::{Format, Header};
use super::task::Task;
use crate::method::{self, Architecture, MethodId};
use clap::{Args, ValueEnum};
use gmp_nn::Activation;
use gmp_train::Loss;
use std::path::PathBuf;

/// Train a network on your own CSV file, and write a page with the results and the network
#[derive(Debug, Clone, Args)]
#[command(allow_negative_numbers = true, after_help = after_help())]
pub struct TrainCommand {
    /// CSV file: one row per sample, one column per input and one for the target
    pub(super) file: PathBuf,
    /// Set the target column, by name or by number from 1 [default: the last one]
    #[arg(long, value_name = "COLUMN")]
    pub(super) target: Option<String>,
    /// Leave out this column, by name or by number from 1; may be repeated
    #[arg(long, value_name = "COLUMN")]
    pub(super) drop: Vec<String>,
    /// Set the task [default: inferred from the target]
    #[arg(long, value_enum)]
    pub(super) task: Option<Task>,
    #[command(flatten)]
    reading: Reading,
    /// Choose the parameterization and normalization of the hidden units; several, separated by commas, with --compare (see below) [default: GmP; with --compare SP,WN,BN,GmP]
    #[arg(long = "method", value_name = "METHOD", value_delimiter = ',')]
    pub(super) methods: Vec<MethodId>,
    /// Choose the activation of the hidden units, such as relu, gelu, tanh or leaky_relu(0.1)
    #[arg(long, value_name = "NAME", default_value = "relu")]
    activation: Activation,
    /// Set the number of units of every hidden layer
    #[arg(long, value_name = "N,N,…", default_value = "64,64", value_delimiter = ',', value_parser = at_least_1)]
    hidden: Vec<usize>,
    /// Set the learning rate; several, separated by commas, with --compare [default: 0.01; with --compare 0.003,0.01,0.03,0.1]
    #[arg(long = "lr", value_name = "X", value_parser = positive, value_delimiter = ',')]
    pub(super) rates: Vec<f64>,
    /// Choose the loss for a numeric target
    #[arg(long, value_enum, default_value = "mse")]
    loss: RegressionLoss,
    /// Set the maximum number of epochs
    #[arg(long, value_name = "N", default_value = "1000", value_parser = at_least_1)]
    epochs: usize,
    /// Set the batch size
    #[arg(long, value_name = "N", default_value = "64", value_parser = at_least_1)]
    batch: usize,
    /// Stop after this many epochs without a lower validation loss; the learning rate falls tenfold after half as many
    #[arg(long, value_name = "N", default_value = "50", value_parser = at_least_1)]
    patience: usize,
    /// Set the fraction of the samples for the test
    #[arg(long, value_name = "SHARE", default_value = "0.2", value_parser = share)]
    test: f64,
    /// Set the fraction of the other samples for validation
    #[arg(long, value_name = "SHARE", default_value = "0.2", value_parser = share)]
    validation: f64,
    /// Set the seed of the split, the initial weights and the order of the samples
    #[arg(long, value_name = "N", default_value = "0", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(super) seed: u32,
    /// Train with this many seeds, each with its own split [default: 1; with --compare 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) seeds: Option<u32>,
    /// Compare GmP with the other methods over seeds and learning rates, with intervals and outcomes
    #[arg(long)]
    pub(super) compare: bool,
    /// Write the page and the network to this folder [default: out/train/NAME of the file]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Set the number of threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Predict the target of every row of a CSV file with a network that `train` wrote
#[derive(Debug, Clone, Args)]
pub struct PredictCommand {
    /// Network: model.safetensors in the folder of `train`
    pub(super) model: PathBuf,
    /// CSV file with the columns that the network was trained on, in any order
    pub(super) file: PathBuf,
    /// Write the predictions to this CSV file [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

/// How a CSV file is read.
#[derive(Debug, Clone, Args)]
struct Reading {
    /// Set whether the first line is a header with the names of the columns
    #[arg(long, value_enum, default_value = "auto")]
    header: Header,
    /// Set the character between two cells, or "tab" [default: that of , ; and tab which the first line has]
    #[arg(long, value_name = "CHAR", value_parser = delimiter, allow_hyphen_values = true)]
    delimiter: Option<u8>,
}

/// What is minimized where the target is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RegressionLoss {
    /// Mean squared error
    Mse,
    /// Mean absolute error
    Mae,
    /// Squared for errors up to one standard deviation of the target, absolute beyond
    Huber,
}

fn after_help() -> String {
    format!(
        "Methods: {}\n\nA fifth of the samples is the test set, which is used once; a fifth of the others is the validation set, which decides when \
         the learning rate falls and when training stops. Inputs, and targets that are numbers, are standardized by the training samples. The same \
         command gives the same results to the last bit, at any number of threads.\n\nThe command writes report.html, one page with curves and \
         results, and model.safetensors, which holds the network, its standardizers and the names of columns and classes: cargo xtask predict \
         DIR/model.safetensors NEW.csv",
        method::names(&method::of(Architecture::Dense))
    )
}

fn at_least_1(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 && number <= 1 << 20 => Ok(number),
        _ => Err("expected a whole number from 1 to 1048576".to_owned()),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a positive number, such as 0.01".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("expected a number between 0 and 1, such as 0.2".to_owned()),
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" => Ok(b'\t'),
        [character] if character.is_ascii() && !b"\"\r\n".contains(character) => Ok(*character),
        _ => Err("expected one ASCII character other than a quote, or \"tab\"".to_owned()),
    }
}

impl Reading {
    fn format(&self) -> Format {
        Format { header: self.header, delimiter: self.delimiter }
    }
}

impl PredictCommand {
    pub(super) fn format(&self) -> Format {
        self.reading.format()
    }
}

impl TrainCommand {
    pub(super) fn format(&self) -> Format {
        self.reading.format()
    }

    pub(super) fn settings(&self) -> Settings {
        Settings {
            hidden: self.hidden.clone(),
            activation: self.activation,
            loss: match self.loss {
                RegressionLoss::Mse => Loss::MeanSquaredError,
                RegressionLoss::Mae => Loss::MeanAbsoluteError,
                RegressionLoss::Huber => Loss::Huber { delta: 1.0 },
            },
            batch_size: self.batch,
            epochs: self.epochs,
            patience: self.patience,
            test: self.test,
            validation: self.validation,
        }
    }

    /// What the data are called: the file's name without its ending.
    pub(super) fn name(&self) -> String {
        self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(super) fn out(&self) -> PathBuf {
        self.out
            .clone()
            .unwrap_or_else(|| PathBuf::from("out/train").join(self.file.file_stem().unwrap_or_default()))
    }

    pub(super) fn threads(&self) -> usize {
        self.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
    }
}
