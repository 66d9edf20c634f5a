//! The first sheet of an `.xls` or `.xlsx` file as rows of optional numbers.

use std::{
    io::{self, Cursor, Read},
    panic::catch_unwind,
};

use calamine::{Data, Reader, Xls, Xlsx};

use super::error::{CellProblem, DataError, shorten};

/// Columns beyond this one are refused: no data set here is that wide, and a stray cell far out must not cost memory.
const COLUMN_LIMIT: usize = 256;
/// Cells held at most, empty ones before a filled one included: 4 Mi, twenty times the largest data set here.
const CELL_LIMIT: usize = 1 << 22;
/// What a zip archive, or the parts of a spreadsheet together, may unpack to: 256 MiB.
pub(super) const UNPACKED_LIMIT: u64 = 256 << 20;

/// One cell: a number, nothing, or something else.
pub(super) type Cell = Result<f64, CellProblem>;

/// One row: its number as a spreadsheet shows it, and its cells up to the last one that is not empty.
pub(super) type Row = (usize, Vec<Cell>);

/// The rows of the first sheet that are not empty, the header row included.
///
/// Trailing rows and columns that are merely formatted are left out, as people see no data there either.
pub(super) fn first_sheet(file: &str, bytes: &[u8]) -> Result<Vec<Row>, DataError> {
    // The reader's promise is an error for a damaged file, but some damage to .xls files makes it panic.
    catch_unwind(|| read_first_sheet(file, bytes)).unwrap_or_else(|_| {
        Err(DataError::Workbook {
            file: file.to_string(),
            cause: "the reader gave up on its contents".to_string(),
        })
    })
}

fn read_first_sheet(file: &str, bytes: &[u8]) -> Result<Vec<Row>, DataError> {
    let damaged = |cause: String| DataError::Workbook { file: file.to_string(), cause };
    let mut sheet = Sheet { file, rows: Vec::new(), held: 0 };
    if bytes.starts_with(b"PK") {
        check_unpacked_size(file, bytes)?;
        let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|cause| damaged(cause.to_string()))?;
        let name = book.sheet_names().first().cloned().ok_or_else(|| damaged("no sheet".to_string()))?;
        // Cell by cell: a whole `Range` is dense, so that one stray cell at XFD1048576 would ask for 17 G cells.
        let mut cells = book.worksheet_cells_reader(&name).map_err(|cause| damaged(cause.to_string()))?;
        while let Some(cell) = cells.next_cell().map_err(|cause| damaged(cause.to_string()))? {
            let (row, column) = cell.get_position();
            sheet.push(row, column, &Data::from(cell.get_value().clone()))?;
        }
    } else {
        let mut book: Xls<_> = Xls::new(Cursor::new(bytes)).map_err(|cause| damaged(cause.to_string()))?;
        let range = book
            .worksheet_range_at(0)
            .ok_or_else(|| damaged("no sheet".to_string()))?
            .map_err(|cause| damaged(cause.to_string()))?;
        let (top, left) = range.start().unwrap_or((0, 0));
        for (row, column, value) in range.used_cells() {
            sheet.push(top + row as u32, left + column as u32, value)?;
        }
    }
    Ok(sheet.rows)
}

struct Sheet<'a> {
    file: &'a str,
    rows: Vec<Row>,
    held: usize,
}

impl Sheet<'_> {
    /// Adds a cell, row by row from the top and from left to right within a row; indices count from 0.
    fn push(&mut self, row: u32, column: u32, value: &Data) -> Result<(), DataError> {
        let cell = match value {
            Data::Empty => return Ok(()),
            Data::Int(number) => Ok(*number as f64),
            Data::Float(number) if number.is_finite() => Ok(*number),
            Data::Float(number) => Err(CellProblem::NotFinite(number.to_string())),
            Data::String(text) if text.trim().is_empty() => return Ok(()),
            Data::String(text) => CellProblem::check(text),
            other => Err(CellProblem::NotANumber(shorten(&other.to_string()))),
        };
        let (line, column) = (row as usize + 1, column as usize);
        if column >= COLUMN_LIMIT {
            let file = self.file.to_string();
            return Err(DataError::Ragged { file, line, found: column + 1, expected: COLUMN_LIMIT });
        }
        if self.rows.last().is_none_or(|&(last, _)| last != line) {
            self.rows.push((line, Vec::new()));
        }
        if let Some((_, cells)) = self.rows.last_mut() {
            self.held += (column + 1).saturating_sub(cells.len());
            if self.held > CELL_LIMIT {
                let cause = format!("more than {CELL_LIMIT} cells");
                return Err(DataError::Workbook { file: self.file.to_string(), cause });
            }
            cells.resize(cells.len().max(column + 1), Err(CellProblem::Empty));
            cells[column] = cell;
        }
        Ok(())
    }
}

/// Unpacks every part into nothing, counting: the sizes an archive claims need not be true, and a spreadsheet reader
/// unpacks into memory.
fn check_unpacked_size(file: &str, bytes: &[u8]) -> Result<(), DataError> {
    let damaged = |cause: String| DataError::Workbook { file: file.to_string(), cause };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|cause| damaged(cause.to_string()))?;
    let mut left = UNPACKED_LIMIT;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|cause| damaged(cause.to_string()))?;
        let size = io::copy(&mut part.take(left + 1), &mut io::sink())
            .map_err(|cause| damaged(cause.to_string()))?;
        left = left
            .checked_sub(size)
            .ok_or_else(|| DataError::TooLarge { file: file.to_string(), limit: UNPACKED_LIMIT })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_empty_cells_and_blanks_are_no_cells() -> Result<(), DataError> {
        let mut sheet = Sheet { file: "a.xls", rows: Vec::new(), held: 0 };
        sheet.push(2, 0, &Data::Float(1.5))?;
        sheet.push(2, 2, &Data::String(" 7 ".to_string()))?;
        sheet.push(2, 3, &Data::String("  ".to_string()))?;
        sheet.push(9, 1, &Data::Bool(true))?;
        assert_eq!(
            sheet.rows,
            [
                (3, vec![Ok(1.5), Err(CellProblem::Empty), Ok(7.0)]),
                (10, vec![Err(CellProblem::Empty), Err(CellProblem::NotANumber("true".to_string()))]),
            ]
        );
        let far = sheet.push(9, 16383, &Data::Int(1)).unwrap_err();
        assert_eq!(far.to_string(), "a.xls, line 10: 16384 cells; expected 256, one for each column");
        Ok(())
    }

    #[test]
    fn no_more_cells_are_held_than_the_limit() {
        let mut sheet = Sheet { file: "a.xls", rows: Vec::new(), held: 0 };
        let far = COLUMN_LIMIT as u32 - 1;
        let refused = (0..).find_map(|row| sheet.push(row, far, &Data::Int(1)).err());
        assert_eq!(
            refused.map(|error| error.to_string()),
            Some(
                "a.xls: not a readable spreadsheet (more than 4194304 cells); expected an .xls or .xlsx file (a \
                 cut-off download?)"
                    .to_string()
            )
        );
    }
}
