//! Regression sets on disk: `DIR/uci/*.csv`, fetched or one's own.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::error::DataError;

/// The CSV files in `dir/uci` with their names (file name less `.csv`), sorted by name; none if there is no such folder.
///
/// # Errors
///
/// A folder that cannot be read.
pub fn find(dir: impl AsRef<Path>) -> Result<Vec<(String, PathBuf)>, DataError> {
    let dir = dir.as_ref().join("uci");
    let folder = |cause| DataError::Folder { dir: dir.clone(), cause };
    let entries = match std::fs::read_dir(&dir) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(folder)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(folder)?.path();
        let name = name_of(&path);
        // What is no regular file either is met where it is read, and refused there.
        if is_csv(&path) && !path.is_dir() && !name.starts_with('.') {
            found.push((name, path));
        }
    }
    found.sort();
    Ok(found)
}

/// What the user asked for: names of files in `dir/uci` or paths of CSV files anywhere; all of `dir/uci` if nothing
/// was asked for. The order is the user's, and a file named twice comes once.
///
/// # Errors
///
/// Nothing there, an unknown name (the error lists those found), a path to no file, or two files of one name.
pub fn resolve(
    dir: impl AsRef<Path>,
    names_or_paths: &[String],
) -> Result<Vec<(String, PathBuf)>, DataError> {
    let dir = dir.as_ref();
    let found = find(dir)?;
    if names_or_paths.is_empty() {
        return if found.is_empty() { Err(DataError::NoneFound { dir: dir.join("uci") }) } else { Ok(found) };
    }
    let mut chosen: Vec<(String, PathBuf)> = Vec::new();
    for asked in names_or_paths {
        let path = Path::new(asked);
        let mut named = found.iter().filter(|(name, _)| name == asked);
        let (name, path) = if let Some((name, path)) = named.next() {
            if let Some((_, second)) = named.next() {
                let (name, first, second) = (name.clone(), path.clone(), second.clone());
                return Err(DataError::SameName { name, first, second });
            }
            (name.clone(), path.clone())
        } else if path.exists() && !path.is_dir() {
            (name_of(path), path.to_path_buf())
        } else if is_csv(path) || path.components().count() > 1 {
            let file = asked.clone();
            return Err(if path.is_dir() {
                DataError::Directory { file }
            } else {
                DataError::Missing { file }
            });
        } else {
            let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
            let found = if names.is_empty() {
                "none; fetch them with `cargo xtask data fetch uci`".to_string()
            } else {
                names.join(", ")
            };
            return Err(DataError::NotFound { name: asked.clone(), dir: dir.join("uci"), found });
        };
        match chosen.iter().find(|(other, _)| *other == name) {
            None => chosen.push((name, path)),
            Some((_, first)) if *first == path => {}
            Some((_, first)) => return Err(DataError::SameName { name, first: first.clone(), second: path }),
        }
    }
    Ok(chosen)
}

fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

fn name_of(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
