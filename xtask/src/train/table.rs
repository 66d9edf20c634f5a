//! A CSV file as it is: names and texts, before anybody knows what they mean.

use super::error::TableError;
use crate::data::table::{FILE_LIMIT, Records, read_file};
use crate::data::{CellProblem, DataError, shorten};
use clap::ValueEnum;
use csv::StringRecord;
use std::path::Path;

/// Whether the first line names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Header {
    /// As the first two lines look
    #[default]
    Auto,
    /// It does
    Yes,
    /// It is a row like the others
    No,
}

/// What is known of a file before it is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Format {
    /// Whether the first line names the columns.
    pub header: Header,
    /// What is between two cells; `None` for that of `,`, `;` and a tab which makes the most of the first line.
    pub delimiter: Option<u8>,
}

/// A table of texts: every row has a cell for every column.
#[derive(Debug)]
pub struct TextTable {
    /// The file as the user wrote it.
    pub file: String,
    /// The names of the columns, empty where one has none; `column1`, `column2`, … where there is no header.
    pub columns: Vec<String>,
    /// Whether the names are those of a header.
    pub has_header: bool,
    /// Number of rows.
    pub rows: usize,
    bytes: Vec<u8>,
    delimiter: u8,
}

impl TextTable {
    /// Reads a CSV file: UTF-8, with a header or without.
    ///
    /// Blank lines, a byte-order mark, quotes, and white space around cells are accepted.
    ///
    /// # Errors
    /// A file that cannot be read, is no text, has no rows, or a row of another length.
    pub fn read(path: &Path, format: Format) -> Result<Self, TableError> {
        Self::parse(&path.display().to_string(), read_file(path, FILE_LIMIT)?, format)
    }

    /// The same from bytes in memory; `file` is what errors call them.
    ///
    /// ```
    /// use xtask::train::table::{Format, TextTable};
    /// let table = TextTable::parse("a.csv", b"x;kind\n1.5;red\n2;green\n".to_vec(), Format::default())?;
    /// assert_eq!((table.columns.join(" "), table.rows), ("x kind".to_owned(), 2));
    /// # Ok::<(), xtask::train::TableError>(())
    /// ```
    ///
    /// # Errors
    /// As [`TextTable::read`].
    pub fn parse(file: &str, bytes: Vec<u8>, format: Format) -> Result<Self, TableError> {
        let delimiter = format.delimiter.unwrap_or_else(|| delimiter_of(&bytes));
        let mut records = Records::new(file, &bytes, delimiter)?;
        let Some((_, first)) = records.next()? else {
            return Err(DataError::Empty { file: file.to_owned() }.into());
        };
        let first = first.clone();
        let has_header = match format.header {
            Header::Yes => true,
            Header::No => false,
            Header::Auto => is_header(&first, records.next()?.map(|(_, record)| record)),
        };
        let columns = match has_header {
            true => first.iter().map(|name| name.trim().to_owned()).collect(),
            false => (1..=first.len()).map(|number| format!("column{number}")).collect(),
        };
        let mut table = Self { file: file.to_owned(), columns, has_header, rows: 0, bytes, delimiter };
        let mut rows = 0;
        table.each_row(|_, _| {
            rows += 1;
            Ok(())
        })?;
        table.rows = rows;
        match rows {
            0 => Err(DataError::NoRows { file: table.file }.into()),
            _ => Ok(table),
        }
    }

    /// Calls `visit` with the line and the cells of every row, from the first to the last.
    ///
    /// # Errors
    /// A row of another length than the first line's, and those of `visit`.
    pub fn each_row(
        &self,
        mut visit: impl FnMut(usize, &StringRecord) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        let mut records = Records::new(&self.file, &self.bytes, self.delimiter)?;
        if self.has_header {
            records.next()?;
        }
        while let Some((line, record)) = records.next()? {
            let (found, expected) = (record.len(), self.columns.len());
            if found != expected {
                return Err(DataError::Ragged { file: self.file.clone(), line, found, expected }.into());
            }
            visit(line, record)?;
        }
        Ok(())
    }

    /// The place of a column, from 0, by its name or by its number from 1. A name goes before a number.
    ///
    /// # Errors
    /// A column that is not there, or a name that two have.
    pub fn find(&self, name: &str) -> Result<usize, TableError> {
        let name = name.trim();
        if let Some(place) = self.named(name)? {
            return Ok(place);
        }
        match name.parse::<usize>() {
            Ok(number) if (1..=self.columns.len()).contains(&number) => Ok(number - 1),
            _ => Err(TableError::UnknownColumn {
                file: self.file.clone(),
                name: shorten(name),
                known: self.known(),
                columns: self.columns.len(),
            }),
        }
    }

    /// The place of the column of that name, from 0, if there is one.
    ///
    /// # Errors
    /// Two columns of that name.
    pub fn named(&self, name: &str) -> Result<Option<usize>, TableError> {
        let mut places = (0..self.columns.len()).filter(|&place| self.columns[place] == name);
        let (first, second) = (places.next().filter(|_| !name.is_empty()), places.next());
        match (first, second) {
            (Some(first), Some(second)) => Err(TableError::SameName {
                file: self.file.clone(),
                name: shorten(name),
                first: first + 1,
                second: second + 1,
            }),
            (first, _) => Ok(first),
        }
    }

    /// The names of the columns for a message.
    #[must_use]
    pub fn known(&self) -> String {
        list(&self.columns)
    }

    /// The numbers of some columns, row after row, to be handed to `push`.
    ///
    /// # Errors
    /// A missing value, a text, or a number that is not finite, with its line and its column.
    pub fn numbers(&self, columns: &[usize], mut push: impl FnMut(f64)) -> Result<(), TableError> {
        self.each_row(|line, record| {
            for &column in columns {
                push(self.number(line, column, &record[column])?);
            }
            Ok(())
        })
    }

    fn number(&self, line: usize, column: usize, cell: &str) -> Result<f64, TableError> {
        let (file, name) = (self.file.clone(), shorten(&self.columns[column]));
        if is_missing(cell) {
            return Err(TableError::MissingValue { file, line, column: name, cell: shorten(cell.trim()) });
        }
        CellProblem::check(cell).map_err(|problem| match problem {
            CellProblem::NotANumber(cell) => TableError::Text { file, line, column: name, cell },
            problem => DataError::Cell { file, line, column: name, problem }.into(),
        })
    }
}

/// Some names for a message, no more than a reader takes in.
pub(super) fn list(names: &[String]) -> String {
    const NAMED: usize = 12;
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("{:?}", shorten(name))).collect();
    let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
    shown.join(", ") + &more
}

/// Whether a cell says that there is no value, as people and programs write it.
pub(super) fn is_missing(cell: &str) -> bool {
    const MISSING: [&str; 9] = ["", "?", "-", "na", "n/a", "nan", "null", "none", "#n/a"];
    let cell = cell.trim();
    MISSING.iter().any(|text| cell.eq_ignore_ascii_case(text))
}

fn is_number(cell: &str) -> bool {
    CellProblem::check(cell).is_ok()
}

/// Whether the first record names the columns: one of its cells is a text where the next row has a number; or, where no
/// column tells, none of them is a number.
fn is_header(first: &StringRecord, second: Option<&StringRecord>) -> bool {
    let is_text = |cell: &str| !is_number(cell) && !is_missing(cell);
    let names_numbers = second
        .is_some_and(|second| first.iter().zip(second).any(|(name, cell)| is_text(name) && is_number(cell)));
    names_numbers || !first.iter().any(is_number)
}

/// The delimiter that makes the most cells of the first line; a comma where none does.
fn delimiter_of(bytes: &[u8]) -> u8 {
    let cells = |delimiter: u8| {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(bytes);
        let mut first = csv::ByteRecord::new();
        let is_read = reader.read_byte_record(&mut first).unwrap_or(false);
        if is_read { first.len() } else { 0 }
    };
    let counts = [b',', b';', b'\t'].map(|delimiter| (delimiter, cells(delimiter)));
    counts.into_iter().rev().max_by_key(|(_, cells)| *cells).map_or(b',', |(delimiter, _)| delimiter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TextTable, TableError> {
        TextTable::parse("a.csv", text.as_bytes().to_vec(), Format::default())
    }

    #[test]
    fn headers_are_told_from_rows() {
        for (text, header) in [
            ("x,y\n1,2\n", true),
            ("1,2\n3,4\n", false),
            // A text target in both lines, and in the second alone.
            ("5.1,3.5,setosa\n4.9,3.0,setosa\n", false),
            ("length,width,kind\n4.9,3.0,setosa\n", true),
            // Years are names where the others are.
            ("country,1990,1991\nNorway,1,2\n", false),
            ("country,1990,size\nNorway,1,2\n", true),
            // What is missing in the first row is no name.
            ("1,,3\n4,5,6\n", false),
            ("kind,colour\na,b\n", true),
            ("x\n1\n", true),
        ] {
            assert_eq!(parse(text).unwrap().has_header, header, "{text:?}");
        }
        let format = Format { header: Header::Yes, ..Format::default() };
        let years = TextTable::parse("a.csv", b"1990,1991\n1,2\n".to_vec(), format).unwrap();
        assert_eq!((years.columns, years.rows), (vec!["1990".to_owned(), "1991".to_owned()], 1));
    }

    #[test]
    fn delimiters_are_found() {
        for text in ["a,b;c,d\n1,2,3\n", "a;b;c,d\n1;2;3\n", "a\tb\tc\n1\t2\t3\n", "\"a,b\";c;d\n1;2;3\n"] {
            let columns = parse(text).unwrap().columns;
            assert_eq!(columns.len(), 3, "{text:?}: {columns:?}");
        }
        assert_eq!(parse("x\n1\n").unwrap().columns, ["x"]);
    }

    #[test]
    fn columns_are_found_by_name_and_then_by_number() {
        let table = parse("b,1,,b\n1,2,3,4\n").unwrap();
        assert_eq!([table.find("1").unwrap(), table.find(" 3 ").unwrap()], [1, 2]);
        for (name, message) in [
            ("b", "a.csv: columns 1 and 4 are both called \"b\"; expected different names"),
            (
                "5",
                "a.csv: there is no column \"5\"; expected one of \"b\", \"1\", \"\", \"b\", or a number from 1 to 4",
            ),
            (
                "",
                "a.csv: there is no column \"\"; expected one of \"b\", \"1\", \"\", \"b\", or a number from 1 to 4",
            ),
        ] {
            assert_eq!(table.find(name).unwrap_err().to_string(), message);
        }
    }
}
