//! Command-line options of the experiments on images.

use super::resnet::RecipeName;
use clap::Args;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Options of the experiments on images: fig4, table2 and table3, and of VGG-6 in why.
#[derive(Debug, Clone, Default, Args, Serialize)]
pub struct Options {
    /// Set the width of VGG-6 or ResNet-18 as a share of the paper's: 1, 1/2, 1/4, … 1/64 (fig4, table2, table3, why)
    #[arg(long, value_name = "W", allow_hyphen_values = true)]
    pub width: Option<Width>,
    /// Set the batch size; several, separated by commas, are rows of table2 (fig4, table2, table3)
    #[arg(long = "batch", value_name = "N", value_parser = at_least_1, value_delimiter = ',')]
    pub batches: Vec<usize>,
    /// Set the maximum number of epochs (fig4, table2, table3; why: for VGG-6)
    #[arg(long, value_name = "N", value_parser = at_least_1)]
    pub epochs: Option<usize>,
    /// Train on a fixed random subset of N images and validate on a quarter as many (fig4, table2, table3; why: a subset for each seed)
    #[arg(long, value_name = "N", value_parser = at_least_1)]
    pub pictures: Option<usize>,
    /// Split batches into micro-batches of N images to save memory; BN, MBN and IMN then use the statistics of one micro-batch
    #[arg(long, value_name = "N", value_parser = at_least_1)]
    pub micro_batch: Option<usize>,
    /// Train ResNet-18 by this recipe; both, separated by commas, are rows of table3 [default: field] (table3)
    #[arg(long = "recipe", value_name = "RECIPE", value_enum, value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recipes: Vec<RecipeName>,
}

impl Options {
    /// The options that the user gave a value for, as they are written on the command line.
    #[must_use]
    pub fn given(&self) -> Vec<&'static str> {
        let Self { width, batches, epochs, pictures, micro_batch, recipes } = self;
        let given = [
            ("--width", width.is_some()),
            ("--batch", !batches.is_empty()),
            ("--epochs", epochs.is_some()),
            ("--pictures", pictures.is_some()),
            ("--micro-batch", micro_batch.is_some()),
            ("--recipe", !recipes.is_empty()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect()
    }

    /// The name of a batch size in records, tables and titles. It includes the size of the parts of a split batch, since
    /// batch statistics depend on it.
    #[must_use]
    pub fn batch_name(&self, batch_size: usize) -> String {
        match self.micro_batch {
            Some(pictures) if pictures < batch_size => format!("batch {batch_size} by {pictures}"),
            _ => format!("batch {batch_size}"),
        }
    }
}

fn at_least_1(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number > 0 && number <= 1 << 20 => Ok(number),
        _ => Err("expected a whole number from 1 to 1048576".to_owned()),
    }
}

/// The width of a network as a share of the paper's: one over a power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width(usize);

impl Width {
    /// The paper's.
    pub const PAPER: Self = Self(1);
    /// One over `divisor`.
    pub const fn over(divisor: usize) -> Self {
        Self(divisor)
    }
    /// Filters of the first pair of layers of VGG-6.
    #[must_use]
    pub fn filters(self) -> usize {
        self.of(128)
    }
    /// This share of a number of filters, and at least one.
    #[must_use]
    pub const fn of(self, filters: usize) -> usize {
        let share = filters / self.0;
        if share == 0 { 1 } else { share }
    }
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1"),
            divisor => write!(f, "1/{divisor}"),
        }
    }
}

impl Serialize for Width {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Width {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = (0..=6).map(|power| Self(1 << power)).find(|width| width.to_string() == text);
        known.ok_or_else(|| "expected 1, 1/2, 1/4, 1/8, 1/16, 1/32 or 1/64".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_read_as_they_are_written() {
        for text in ["1", "1/2", "1/64"] {
            assert_eq!(text.parse::<Width>().unwrap().to_string(), text);
        }
        assert_eq!("1/8".parse::<Width>().unwrap().filters(), 16);
        for text in ["", "2", "1/3", "1/128", "0", "1/0", "-1"] {
            assert!(text.parse::<Width>().is_err(), "{text}");
        }
    }
}
