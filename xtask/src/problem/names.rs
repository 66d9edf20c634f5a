//! Names of data sets: no two in one command that a reader could not tell apart, and none that is ours.
//!
//! Records tell sets apart by their fingerprint as well, so a name decides nothing. It is what tables, figures and file
//! names show.

use super::{banana, images};
use crate::data::{DataError, uci};
use anyhow::{Result, bail, ensure};
use std::path::{Path, PathBuf};

/// What a data set is called whose inputs, and the rows of whose initial weights, are in the opposite order.
pub const REVERSED: &str = "-reversed";

/// The CSV files that the user named, or those of the data folder; none if there are none.
///
/// # Errors
/// A file that is not there, two of one name, and a name that is reserved.
pub fn csv_files(data_dir: &Path, datasets: &[String]) -> Result<Vec<(String, PathBuf)>> {
    let files = match uci::resolve(data_dir, datasets) {
        Err(DataError::NoneFound { .. }) => return Ok(Vec::new()),
        files => files?,
    };
    let mut seen = Names::default();
    for (name, path) in &files {
        refuse_reserved(name, path)?;
        ensure!(seen.is_new(name, &path.display().to_string(), &path.display().to_string())?, "{name} twice");
    }
    Ok(files)
}

/// Refuses the name of the user's data `path` where it is one of ours.
///
/// # Errors
/// Such a name.
pub fn refuse_reserved(name: &str, path: &Path) -> Result<()> {
    let read = as_read(name);
    let is_ours = [banana::SEEDED, banana::GENERATED, banana::NOTEBOOK].contains(&read.as_str())
        || read.ends_with(REVERSED)
        || read.starts_with(images::GENERATED_NAME);
    if is_ours {
        bail!(
            "{}: \"{name}\" is a name that this program gives to its own data sets (banana, banana-generated, \
             banana-notebook, …{}, {} …); rename it",
            path.display(),
            REVERSED,
            images::GENERATED_NAME
        );
    }
    Ok(())
}

/// The names of the sets of one experiment so far.
#[derive(Debug, Default)]
pub struct Names(Vec<Known>);

#[derive(Debug)]
struct Known {
    read: String,
    content: String,
    place: String,
}

impl Names {
    /// Whether a set is not there yet; `content` identifies its data, `place` is where they are, for the message.
    ///
    /// # Errors
    /// Other data of the same name.
    pub fn is_new(&mut self, name: &str, content: &str, place: &str) -> Result<bool> {
        let read = as_read(name);
        match self.0.iter().find(|known| known.read == read) {
            None => {
                let (content, place) = (content.to_owned(), place.to_owned());
                self.0.push(Known { read, content, place });
                Ok(true)
            }
            Some(known) if known.content == content => Ok(false),
            Some(known) => bail!(
                "two data sets are named \"{name}\": {} and {place}; tables could not tell them apart: rename one, or name \
                 one with --dataset",
                known.place
            ),
        }
    }
}

/// A name as a reader sees it: white space of any kind and length looks the same, other control characters look like
/// nothing.
fn as_read(name: &str) -> String {
    let visible: String = name.chars().filter(|c| c.is_whitespace() || !c.is_control()).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_read_alike_are_one_name() {
        let mut names = Names::default();
        assert!(names.is_new("a b", "1", "x/a b").unwrap());
        assert!(!names.is_new(" a\u{a0} b\u{7}", "1", "y/a b").unwrap(), "the same data again");
        let error = names.is_new("a\tb", "2", "z/a b").unwrap_err().to_string();
        assert!(error.contains("x/a b and z/a b"), "{error}");
        assert!(names.is_new("A b", "2", "z/A b").unwrap());
    }

    #[test]
    fn our_own_names_are_ours() {
        for name in ["banana", "banana-generated", "foo-reversed", "GENERATED pictures (3 of 9)", " banana "]
        {
            let error = refuse_reserved(name, Path::new("data/uci/x.csv")).unwrap_err().to_string();
            assert!(error.starts_with("data/uci/x.csv: ") && error.contains("rename it"), "{error}");
        }
        for name in ["boston", "bananas", "reversed", "generated pictures"] {
            refuse_reserved(name, Path::new("x.csv")).unwrap();
        }
    }
}
