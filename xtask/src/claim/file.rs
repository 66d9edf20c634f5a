//! `claims.json`.

use super::Claim;
use crate::report::{Error, write_atomically};
use std::path::{Path, PathBuf};

/// Writes all claims of a call to `folder`, as a list of objects, and returns the path of the file.
///
/// # Errors
/// A file that cannot be written.
pub fn write(claims: &[Claim], folder: &Path) -> Result<PathBuf, Error> {
    let path = folder.join("claims.json");
    // One claim a line: two calls can be compared line by line. Plain structures of numbers and names are always JSON.
    let lines: Vec<String> = claims.iter().filter_map(|claim| serde_json::to_string(claim).ok()).collect();
    let text = if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) };
    write_atomically(&path, text.as_bytes())?;
    Ok(path)
}

/// Outcomes as the page has them: `not tested`.
pub(super) mod words {
    use crate::statistics::Outcome;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::claim) fn serialize<S: Serializer>(
        outcome: &Outcome,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(outcome)
    }

    pub(in crate::claim) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Outcome, D::Error> {
        let word = String::deserialize(deserializer)?;
        let found = Outcome::ALL.into_iter().find(|outcome| outcome.to_string() == word);
        found.ok_or_else(|| serde::de::Error::custom(format_args!("unknown outcome {word:?}")))
    }
}
