//! From an original as its publisher offers it to a [`Table`].

use std::{
    io::{Cursor, Read},
    path::PathBuf,
};

use super::{
    Table,
    catalog::{Dataset, Format},
    error::{CellProblem, DataError, shorten},
    table::{Records, check_text},
    workbook::{self, Cell, UNPACKED_LIMIT},
};

/// Converts the original of `dataset`, either the file itself or a zip archive that holds it.
///
/// `origin` is where `bytes` came from (a path or a URL), for errors.
///
/// # Errors
///
/// An unreadable file, a cell that is no number, or not exactly the rows and columns of the data set.
pub fn convert(dataset: &Dataset, origin: &str, bytes: &[u8]) -> Result<Table, DataError> {
    let begin = bytes[..bytes.len().min(512)].trim_ascii_start().to_ascii_lowercase();
    if begin.starts_with(b"<!doctype html") || begin.starts_with(b"<html") {
        return Err(DataError::WebPage { file: origin.to_string() });
    }
    // An .xlsx file is a zip archive too, so the name has to tell.
    if origin.to_ascii_lowercase().ends_with(".zip") {
        let inner = unzip(origin, bytes, dataset.file)?;
        return convert_file(dataset, &format!("{} in {origin}", dataset.file), &inner);
    }
    convert_file(dataset, origin, bytes)
}

/// Checks that `table` is the converted `dataset`: its columns, its rows, and for the banana set classes −1 and 1.
///
/// # Errors
///
/// The first difference found.
pub fn check(dataset: &Dataset, table: &Table) -> Result<(), DataError> {
    let file = table.path.display().to_string();
    for index in 0..dataset.columns.len().max(table.cols) {
        let name = |column: Option<&str>| {
            column.map_or(format!("no column {}", index + 1), |name| {
                format!("column {} {:?}", index + 1, shorten(name))
            })
        };
        let found = name(table.columns.get(index).map(String::as_str));
        let expected = name(dataset.columns.get(index).copied());
        if found != expected {
            return Err(DataError::Columns { file, found, expected });
        }
    }
    if table.rows != dataset.rows {
        return Err(DataError::Rows { file, found: table.rows, expected: dataset.rows });
    }
    if dataset.format == Format::Keel { super::banana::check_classes(table) } else { Ok(()) }
}

fn convert_file(dataset: &Dataset, origin: &str, bytes: &[u8]) -> Result<Table, DataError> {
    let mut rows = Rows { dataset, origin, rows: 0, values: Vec::new() };
    match dataset.format {
        Format::Whitespace => {
            for (line, text) in lines(origin, bytes)? {
                rows.push(line, text.split_whitespace().map(CellProblem::check))?;
            }
        }
        Format::Keel => {
            for (line, text) in lines(origin, bytes)? {
                if !text.trim_start().starts_with('@') {
                    rows.push(line, text.split(',').map(CellProblem::check))?;
                }
            }
        }
        Format::Delimited(delimiter) => {
            let mut records = Records::new(origin, bytes, delimiter)?;
            records.next()?; // The header.
            while let Some((line, record)) = records.next()? {
                rows.push(line, record.iter().map(CellProblem::check))?;
            }
        }
        Format::Workbook => {
            let mut is_header = true;
            workbook::first_sheet(origin, bytes, &mut |line, cells| {
                if std::mem::take(&mut is_header) {
                    return Ok(());
                }
                rows.push(line, cells.iter().cloned())
            })?;
        }
    }
    rows.finish()
}

/// The rows of a data set as they come; no more of them are kept than it has.
struct Rows<'a> {
    dataset: &'a Dataset,
    origin: &'a str,
    rows: usize,
    values: Vec<f64>,
}

impl Rows<'_> {
    fn push(&mut self, line: usize, cells: impl Iterator<Item = Cell>) -> Result<(), DataError> {
        let Dataset { source_columns, columns, rows, .. } = *self.dataset;
        let file = || self.origin.to_string();
        let (mut found, mut problem) = (0, Ok(()));
        for cell in cells {
            if let Some(column) = columns.get(found)
                && problem.is_ok()
            {
                match cell {
                    Ok(value) if self.rows < rows => self.values.push(value),
                    Ok(_) => {}
                    Err(cause) => {
                        let (file, column) = (file(), column.to_string());
                        problem = Err(DataError::Cell { file, line, column, problem: cause });
                    }
                }
            }
            found += 1;
        }
        if found != source_columns {
            return Err(DataError::Ragged { file: file(), line, found, expected: source_columns });
        }
        self.rows += 1;
        problem
    }

    fn finish(self) -> Result<Table, DataError> {
        let Self { dataset, origin, rows, values } = self;
        if rows != dataset.rows {
            let (file, found, expected) = (origin.to_string(), rows, dataset.rows);
            return Err(DataError::Rows { file, found, expected });
        }
        let columns: Vec<String> = dataset.columns.iter().map(|name| name.to_string()).collect();
        let table = Table { path: PathBuf::from(origin), rows, cols: columns.len(), columns, values };
        check(dataset, &table)?;
        Ok(table)
    }
}

/// Lines of a text that are not blank, numbered from 1.
fn lines<'a>(
    origin: &str,
    bytes: &'a [u8],
) -> Result<impl Iterator<Item = (usize, &'a str)> + use<'a>, DataError> {
    let text = check_text(origin, bytes)?;
    Ok((1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()))
}

/// The file called `member` in any folder of a zip archive, the least deep one if there are several.
fn unzip(origin: &str, bytes: &[u8], member: &str) -> Result<Vec<u8>, DataError> {
    let damaged = |cause: zip::result::ZipError| DataError::Archive {
        file: origin.to_string(),
        cause: cause.to_string(),
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let names: Vec<String> =
        archive.file_names().map(|name| Ok(name?.into_owned())).collect::<Result<_, _>>().map_err(damaged)?;
    let base = |name: &str| name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let wanted = names
        .iter()
        .filter(|name| !name.starts_with("__MACOSX/") && base(name) == member.to_ascii_lowercase())
        .min_by_key(|name| name.matches(['/', '\\']).count());
    let Some(name) = wanted else {
        let found = if names.is_empty() { "nothing".to_string() } else { shorten(&names.join(", ")) };
        return Err(DataError::NotInArchive { file: origin.to_string(), member: member.to_string(), found });
    };
    let mut inner = Vec::new();
    // The size an archive claims need not be true: what counts is what comes out.
    let mut part = archive.by_name(name).map_err(damaged)?.take(UNPACKED_LIMIT + 1);
    part.read_to_end(&mut inner).map_err(|cause| damaged(cause.into()))?;
    if inner.len() as u64 > UNPACKED_LIMIT {
        return Err(DataError::TooLarge { file: format!("{member} in {origin}"), limit: UNPACKED_LIMIT });
    }
    Ok(inner)
}
