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
    workbook::{self, Cell, Row, UNPACKED_LIMIT},
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
    let rows = match dataset.format {
        Format::Whitespace => whitespace(origin, bytes)?,
        Format::Keel => keel(origin, bytes)?,
        Format::Delimited(delimiter) => delimited(origin, bytes, delimiter)?,
        Format::Workbook => below_header(workbook::first_sheet(origin, bytes)?),
    };
    let file = || origin.to_string();
    let mut values = Vec::with_capacity(rows.len() * dataset.columns.len());
    for (line, cells) in &rows {
        if cells.len() != dataset.source_columns {
            let (found, expected) = (cells.len(), dataset.source_columns);
            return Err(DataError::Ragged { file: file(), line: *line, found, expected });
        }
        for (cell, column) in cells.iter().zip(dataset.columns) {
            values.push(cell.clone().map_err(|problem| DataError::Cell {
                file: file(),
                line: *line,
                column: column.to_string(),
                problem,
            })?);
        }
    }
    if rows.len() != dataset.rows {
        return Err(DataError::Rows { file: file(), found: rows.len(), expected: dataset.rows });
    }
    let columns: Vec<String> = dataset.columns.iter().map(|name| name.to_string()).collect();
    let table = Table { path: PathBuf::from(origin), rows: rows.len(), cols: columns.len(), columns, values };
    check(dataset, &table)?;
    Ok(table)
}

/// Rows of a text whose lines `cells` cuts into cells; blank lines are passed over.
fn lines(
    origin: &str,
    bytes: &[u8],
    cells: impl Fn(&str) -> Option<Vec<Cell>>,
) -> Result<Vec<Row>, DataError> {
    let text = check_text(origin, bytes)?;
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    Ok(numbered.filter_map(|(index, line)| Some((index + 1, cells(line)?))).collect())
}

fn whitespace(origin: &str, bytes: &[u8]) -> Result<Vec<Row>, DataError> {
    lines(origin, bytes, |line| Some(line.split_whitespace().map(CellProblem::check).collect()))
}

fn keel(origin: &str, bytes: &[u8]) -> Result<Vec<Row>, DataError> {
    lines(origin, bytes, |line| {
        let header = line.trim_start().starts_with('@');
        (!header).then(|| line.split(',').map(CellProblem::check).collect())
    })
}

fn delimited(origin: &str, bytes: &[u8], delimiter: u8) -> Result<Vec<Row>, DataError> {
    let mut records = Records::new(origin, bytes, delimiter)?;
    let mut rows = Vec::new();
    while let Some((line, record)) = records.next()? {
        rows.push((line, record.iter().map(CellProblem::check).collect()));
    }
    Ok(below_header(rows))
}

fn below_header(mut rows: Vec<Row>) -> Vec<Row> {
    rows.drain(..rows.len().min(1));
    rows
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
