//! The first sheet of an `.xls` or `.xlsx` file, row by row.

use std::{
    io::{Cursor, Read},
    panic::{AssertUnwindSafe, catch_unwind},
};

use calamine::{Data, Reader, Xlsx};

use super::error::{CellProblem, DataError, shorten};
use super::{archive, xls};

/// Columns beyond this one are refused: no data set here is that wide, and a stray cell far out must not cost memory.
const COLUMN_LIMIT: usize = 256;
/// One cell: a number, nothing, or something else.
pub(super) type Cell = Result<f64, CellProblem>;

/// What is done with a row: its number as a spreadsheet shows it, and its cells up to the last one that is not empty.
type EachRow<'a> = dyn FnMut(usize, &[Cell]) -> Result<(), DataError> + 'a;

/// Calls `each` with the rows of the first sheet that are not empty, the header row included.
///
/// Trailing rows and columns that are merely formatted are left out, as people see no data there either.
pub(super) fn first_sheet(file: &str, bytes: &[u8], each: &mut EachRow<'_>) -> Result<(), DataError> {
    let damaged = |cause: &str| DataError::Workbook { file: file.to_string(), cause: cause.to_string() };
    let mut sheet = Sheet { file, line: 0, cells: Vec::new(), each };
    if bytes.starts_with(b"PK") {
        check_parts(file, bytes)?;
        // The library's promise is an error for a damaged file; should it panic, that costs one file, not the run.
        catch_unwind(AssertUnwindSafe(|| read_xlsx(bytes, &damaged, &mut sheet)))
            .unwrap_or_else(|_| Err(damaged("its contents cannot be read")))?;
    } else {
        xls::read(bytes, &damaged, &mut |row, column, cell| sheet.push(row, column, cell))?;
    }
    sheet.end_row()
}

fn read_xlsx(
    bytes: &[u8],
    damaged: &dyn Fn(&str) -> DataError,
    sheet: &mut Sheet<'_>,
) -> Result<(), DataError> {
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|cause| damaged(&cause.to_string()))?;
    let name = book.sheet_names().first().cloned().ok_or_else(|| damaged("no sheet"))?;
    // Cell by cell: a whole `Range` is dense, so that one stray cell at XFD1048576 would ask for 17 G cells.
    let mut cells = book.worksheet_cells_reader(&name).map_err(|cause| damaged(&cause.to_string()))?;
    while let Some(cell) = cells.next_cell().map_err(|cause| damaged(&cause.to_string()))? {
        let (row, column) = cell.get_position();
        let cell = match Data::from(cell.get_value().clone()) {
            Data::Empty => continue,
            Data::Int(number) => Ok(number as f64),
            Data::Float(number) if number.is_finite() => Ok(number),
            Data::Float(number) => Err(CellProblem::NotFinite(number.to_string())),
            Data::String(text) if text.trim().is_empty() => continue,
            Data::String(text) => CellProblem::check(&text),
            other => Err(CellProblem::NotANumber(shorten(&other.to_string()))),
        };
        sheet.push(row, column, cell)?;
    }
    Ok(())
}

/// Makes rows of cells; holds one at a time.
struct Sheet<'a> {
    file: &'a str,
    /// From 1; 0 before the first.
    line: usize,
    cells: Vec<Cell>,
    each: &'a mut EachRow<'a>,
}

impl Sheet<'_> {
    /// Adds a cell, row by row from the top and from left to right within a row; indices count from 0.
    fn push(&mut self, row: u32, column: u32, cell: Cell) -> Result<(), DataError> {
        let (line, column) = (row as usize + 1, column as usize);
        if column >= COLUMN_LIMIT {
            let file = self.file.to_string();
            return Err(DataError::Ragged { file, line, found: column + 1, expected: COLUMN_LIMIT });
        }
        if self.line != line {
            self.end_row()?;
            self.line = line;
        }
        self.cells.resize(self.cells.len().max(column + 1), Err(CellProblem::Empty));
        self.cells[column] = cell;
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), DataError> {
        if !self.cells.is_empty() {
            (self.each)(self.line, &self.cells)?;
        }
        self.cells.clear();
        Ok(())
    }
}

/// Unpacks every part, counting: the sizes an archive claims need not be true, and the library unpacks into memory.
fn check_parts(file: &str, bytes: &[u8]) -> Result<(), DataError> {
    let damaged = |cause: String| DataError::Workbook { file: file.to_string(), cause };
    let mut archive = archive::open(bytes).map_err(damaged)?;
    let limit = archive::unpacked_limit(bytes.len());
    let (mut left, mut content) = (limit, Vec::new());
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|cause| damaged(cause.to_string()))?;
        content.clear();
        part.take(left + 1).read_to_end(&mut content).map_err(|cause| damaged(cause.to_string()))?;
        left = left
            .checked_sub(content.len() as u64)
            .ok_or_else(|| DataError::TooLarge { file: file.to_string(), limit })?;
        if claims_too_many_texts(&content) {
            return Err(damaged("more texts than it has bytes".to_string()));
        }
    }
    Ok(())
}

/// Whether a part says of itself that it holds more texts than bytes: the library asks for memory for as many as it
/// says, and where there is not that much the process ends.
fn claims_too_many_texts(part: &[u8]) -> bool {
    const KEY: &[u8] = b"uniqueCount";
    // Without the zeros of UTF-16.
    let text: Vec<u8> = part.iter().copied().filter(|&byte| byte != 0).collect();
    let claims = |at: usize| {
        let between = |byte: &&u8| byte.is_ascii_whitespace() || b"=+\"'".contains(byte);
        let digits = text[at + KEY.len()..].iter().skip_while(between);
        let count = digits
            .take_while(|byte| byte.is_ascii_digit())
            .fold(0_usize, |count, digit| count.saturating_mul(10).saturating_add(usize::from(digit - b'0')));
        count > part.len()
    };
    text.windows(KEY.len()).enumerate().any(|(at, window)| window == KEY && claims(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_empty_cells() -> Result<(), DataError> {
        let mut rows = Vec::new();
        let mut each = |line, cells: &[Cell]| {
            rows.push((line, cells.to_vec()));
            Ok(())
        };
        let mut sheet = Sheet { file: "a.xls", line: 0, cells: Vec::new(), each: &mut each };
        sheet.push(2, 0, Ok(1.5))?;
        sheet.push(2, 2, Ok(7.0))?;
        sheet.push(9, 1, Ok(2.0))?;
        sheet.end_row()?;
        let far = sheet.push(9, 16383, Ok(1.0)).unwrap_err();
        assert_eq!(far.to_string(), "a.xls, line 10: 16384 cells; expected 256, one for each column");
        let gap = || Err(CellProblem::Empty);
        assert_eq!(rows, [(3, vec![Ok(1.5), gap(), Ok(7.0)]), (10, vec![gap(), Ok(2.0)])]);
        Ok(())
    }
}
