//! `cargo xtask predict`: a trained network applied to the rows of another file.

use super::error::TableError;
use super::model::TableModel;
use super::options::PredictCommand;
use super::samples::Columns;
use super::score::{Score, class};
use super::table::{Format, Header, TextTable, list};
use super::task::Task;
use crate::data::CellProblem;
use crate::data::table::{FILE_LIMIT, read_file, shortest};
use crate::report::write_atomically;
use crate::run::execute::say;
use crate::terminal::{print, written};
use anyhow::Result;
use gmp_train::Activation;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// Runs the command.
///
/// # Errors
/// A network or a table that cannot be read or do not fit each other, and predictions that cannot be written.
pub fn run(command: &PredictCommand) -> Result<ExitCode> {
    let model = TableModel::read(&command.model)?;
    let bytes = read_file(&command.file, FILE_LIMIT).map_err(TableError::from)?;
    let predictions = Predictions::of(&model, &command.file.display().to_string(), bytes, command.format())?;
    if let Some(score) = &predictions.score {
        let target = &model.columns.target;
        let said: Vec<String> =
            score.rows(target).into_iter().map(|[name, value]| format!("{name} {value}")).collect();
        say(&format!("the file also has the target {target:?}: {}", said.join(", ")));
    }
    let text = predictions.csv()?;
    match &command.out {
        Some(file) => {
            write_atomically(file, &text)?;
            say(&format!("{}: {} predictions written", file.display(), predictions.rows()));
        }
        None => {
            if is_broken_off(&text)? {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output; whether nobody reads any more. On a terminal what would be an order to it is escaped.
fn is_broken_off(text: &[u8]) -> Result<bool> {
    let mut out = io::stdout().lock();
    if out.is_terminal() {
        drop(out);
        for line in String::from_utf8_lossy(text).lines() {
            if print(line)?.is_break() {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    Ok(written(out.write_all(text).and_then(|()| out.flush()))?.is_break())
}

/// What a network says of the rows of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    columns: Columns,
    /// A prediction in the unit of the target for each row, or the logits of its classes.
    pub outputs: Vec<f64>,
    /// Of the target, where the table has it in every row.
    pub score: Option<Score>,
}

impl Predictions {
    /// Applies a network to the rows of a CSV file: columns go by name and may stand in any order, with others among them; a
    /// file without a header has the network's inputs in their order.
    ///
    /// # Errors
    /// A table that cannot be read, lacks a column, or has a cell in one of them that is no number; and predictions that are
    /// not finite.
    pub fn of(model: &TableModel, file: &str, bytes: Vec<u8>, format: Format) -> Result<Self, TableError> {
        let columns = &model.columns;
        let table = TextTable::parse(file, bytes, with_header(columns, format))?;
        let inputs = places(columns, &table)?;
        let mut rows = Vec::new();
        table.numbers(&inputs, |number| rows.push(number))?;
        let outputs = model.outputs(&rows);
        if let Some(place) = outputs.iter().position(|output| !output.is_finite()) {
            return Err(TableError::Prediction { file: file.to_owned(), row: place / columns.outputs() + 1 });
        }
        let score = truth(columns, &table)?.map(|targets| Score::of(columns, &outputs, &targets));
        Ok(Self { columns: columns.clone(), outputs, score })
    }

    /// [`Predictions::of`] a file.
    ///
    /// # Errors
    /// Those of [`Predictions::of`], and a file that cannot be read.
    pub fn of_file(model: &TableModel, file: &Path) -> Result<Self, TableError> {
        Self::of(model, &file.display().to_string(), read_file(file, FILE_LIMIT)?, Format::default())
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.outputs.len() / self.columns.outputs()
    }

    /// The probabilities of the classes for each row; nothing for numbers.
    #[must_use]
    pub fn probabilities(&self) -> Vec<Vec<f64>> {
        let logits = self.outputs.chunks_exact(self.columns.outputs());
        match self.columns.task {
            Task::Regression => Vec::new(),
            Task::Binary => {
                let second = logits.map(|logit| [-logit[0], logit[0]].map(|z| Activation::Sigmoid.value(z)));
                second.map(Vec::from).collect()
            }
            Task::MultiClass => logits.map(softmax).collect(),
        }
    }

    /// The predictions as a CSV file: the number; or the class, and behind it the probability of each.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn csv(&self) -> Result<Vec<u8>> {
        let Columns { target, task, classes, .. } = &self.columns;
        let mut writer = csv::Writer::from_writer(Vec::new());
        let probabilities = classes.iter().map(|class| format!("probability of {class}"));
        writer.write_record(std::iter::once(target.clone()).chain(probabilities))?;
        if *task == Task::Regression {
            for &prediction in &self.outputs {
                writer.write_record([shortest(prediction)])?;
            }
        } else {
            let logits = self.outputs.chunks_exact(self.columns.outputs());
            for (logits, probabilities) in logits.zip(self.probabilities()) {
                let class = classes[class(*task, logits)].clone();
                let shares = probabilities.iter().map(|&share| shortest(share));
                writer.write_record(std::iter::once(class).chain(shares))?;
            }
        }
        Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
    }
}

/// eᶻ over the sum of all, with the largest z taken away first.
fn softmax(logits: &[f64]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|z| gmp_train::Scalar::exp(z - most)).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// A first line that has the name of an input is a header, whatever it looks like; so `auto` is decided where the network's
/// names are no numbers.
fn with_header(columns: &Columns, format: Format) -> Format {
    let are_numbers = || columns.inputs.iter().all(|name| CellProblem::check(name).is_ok());
    match format.header {
        Header::Auto if are_numbers() => Format { header: Header::Yes, ..format },
        _ => format,
    }
}

/// Where the network's inputs are in a table.
fn places(columns: &Columns, table: &TextTable) -> Result<Vec<usize>, TableError> {
    let file = || table.file.clone();
    let (found, expected) = (table.columns.len(), columns.inputs.len());
    let mut missing = Vec::new();
    let mut places = Vec::with_capacity(expected);
    for name in &columns.inputs {
        match table.named(name)? {
            Some(place) => places.push(place),
            None => missing.push(name.clone()),
        }
    }
    match missing.is_empty() {
        true => Ok(places),
        // Nobody named them: they stand in the order of training.
        false if !table.has_header && found == expected => Ok((0..expected).collect()),
        false if !table.has_header => Err(TableError::ColumnCount { file: file(), found, expected }),
        false => {
            Err(TableError::LackingColumns { file: file(), missing: list(&missing), known: table.known() })
        }
    }
}

/// The targets, where the table has the column and every cell of it can be compared.
fn truth(columns: &Columns, table: &TextTable) -> Result<Option<Vec<f64>>, TableError> {
    let Some(place) = table.named(&columns.target)? else { return Ok(None) };
    let mut targets = Vec::with_capacity(table.rows);
    let mut is_whole = true;
    let class = |cell: &str| {
        let named = columns.classes.iter().position(|class| class == cell);
        // 1.0 is the class 1.
        let number = || CellProblem::check(cell).ok().map(|number| shortest(number + 0.0));
        named
            .or_else(|| number().and_then(|number| columns.classes.iter().position(|class| *class == number)))
    };
    table.each_row(|_, record| {
        let cell = record[place].trim();
        let target = match columns.task {
            Task::Regression => CellProblem::check(cell).ok(),
            _ => class(cell).map(|place| place as f64),
        };
        is_whole &= target.is_some();
        targets.extend(target);
        Ok(())
    })?;
    Ok(is_whole.then_some(targets))
}
