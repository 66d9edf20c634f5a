//! The one shape of data: a CSV file of numbers with a header line and the target in the last column.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use gmp_train::checkpoint::{Problem, write_atomic};
use gmp_train::io::read_regular;

use super::error::{CellProblem, DataError, shorten};

/// The largest file that is read: 1 GiB.
pub const FILE_LIMIT: u64 = 1 << 30;
/// The longest line that is read: 1 MiB.
pub const LINE_LIMIT: usize = 1 << 20;

/// A table of finite numbers, the last column being the target.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Where the table came from (a file, or a description).
    pub path: PathBuf,
    /// Column names, the target last; length `cols` ≥ 2.
    pub columns: Vec<String>,
    /// Number of rows, at least 2.
    pub rows: usize,
    /// Number of columns with the target, at least 2.
    pub cols: usize,
    /// The cells, row-major, `rows × cols`.
    pub values: Vec<f64>,
}

impl Table {
    /// Reads a CSV file with a header line: UTF-8, commas, numbers only, at least one input column and the target.
    ///
    /// Blank lines, a byte-order mark, quotes, and white space around cells are accepted.
    ///
    /// # Errors
    ///
    /// Whatever keeps the file from being such a table, with file, line and column.
    pub fn read_csv(path: impl AsRef<Path>) -> Result<Table, DataError> {
        let path = path.as_ref();
        Table::parse_csv(path, &read_file(path, FILE_LIMIT)?)
    }

    /// As [`Table::read_csv`], from bytes in memory; `path` is only named in errors and in [`Table::path`].
    ///
    /// # Errors
    ///
    /// As [`Table::read_csv`].
    ///
    /// # Examples
    ///
    /// ```
    /// use xtask::data::Table;
    /// let table = Table::parse_csv("two.csv", b"x,y\n1,2\n3,4\n")?;
    /// assert_eq!((table.rows, table.cols), (2, 2));
    /// assert_eq!(table.row(1), [3.0, 4.0]);
    ///
    /// let wrong = Table::parse_csv("two.csv", b"x,y\n1,2\n3,?\n").unwrap_err();
    /// assert_eq!(
    ///     wrong.to_string(),
    ///     r#"two.csv, line 3, column "y": "?" is not a number; expected a finite number such as 0.5 or 1e-3"#
    /// );
    /// # Ok::<(), xtask::data::DataError>(())
    /// ```
    pub fn parse_csv(path: impl AsRef<Path>, bytes: &[u8]) -> Result<Table, DataError> {
        let path = path.as_ref();
        let file = path.display().to_string();
        let mut records = Records::new(&file, bytes, b',')?;

        let Some((line, header)) = records.next()? else { return Err(DataError::Empty { file }) };
        let columns: Vec<String> = header.iter().map(|name| name.trim().to_string()).collect();
        if columns.iter().all(|name| name.parse::<f64>().is_ok()) {
            return Err(DataError::NumericHeader { file, line });
        }
        if let [column] = &columns[..] {
            return Err(DataError::NoInput { file, line, column: shorten(column) });
        }
        if let Some(unnamed) = columns.iter().position(String::is_empty) {
            return Err(DataError::UnnamedColumn { file, line, column: unnamed + 1 });
        }

        let (cols, mut rows, mut last_line, mut values) = (columns.len(), 0, line, Vec::new());
        while let Some((line, record)) = records.next()? {
            if record.len() != cols {
                let found = record.len();
                return Err(DataError::Ragged { file, line, found, expected: cols });
            }
            for (cell, column) in record.iter().zip(&columns) {
                values.push(CellProblem::check(cell).map_err(|problem| DataError::Cell {
                    file: file.clone(),
                    line,
                    column: shorten(column),
                    problem,
                })?);
            }
            (rows, last_line) = (rows + 1, line);
        }
        match rows {
            0 => Err(DataError::NoRows { file }),
            1 => Err(DataError::OneRow { file, line: last_line }),
            _ => Ok(Table { path: path.to_path_buf(), columns, rows, cols, values }),
        }
    }

    /// Writes the table as a CSV file that [`Table::read_csv`] reads back bit for bit, whole or not at all: into a
    /// temporary file beside it, synced to disk, then renamed. Missing folders are made.
    ///
    /// # Errors
    ///
    /// [`DataError::Write`] if the operating system refuses; the folder then holds what it held before.
    pub fn write_csv(&self, path: impl AsRef<Path>) -> Result<(), DataError> {
        let path = path.as_ref();
        let io = |action| move |source| Problem::Io { action, source };
        let write = || {
            let text = self.csv().map_err(|error| io("make a text of it")(error.into()))?;
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new("")))
                .map_err(io("create its folder"))?;
            write_atomic(path, &text)
        };
        write().map_err(|cause| DataError::Write { file: path.display().to_string(), cause })
    }

    fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.columns)?;
        for row in self.values.chunks_exact(self.cols) {
            writer.write_record(row.iter().map(|&value| shortest(value)))?;
        }
        writer.into_inner().map_err(|error| error.into_error().into())
    }

    /// The cells of row `index`, inputs first and then the target; length [`Table::cols`].
    ///
    /// # Panics
    ///
    /// If `index` is not below [`Table::rows`].
    #[track_caller]
    pub fn row(&self, index: usize) -> &[f64] {
        assert!(index < self.rows, "row {index} of a table of {} rows", self.rows);
        &self.values[index * self.cols..][..self.cols]
    }

    /// The inputs, row-major, `rows × (cols − 1)`.
    pub fn inputs(&self) -> Vec<f64> {
        self.values.chunks_exact(self.cols).flat_map(|row| &row[..self.cols - 1]).copied().collect()
    }

    /// The last column, `rows` long.
    pub fn target(&self) -> Vec<f64> {
        self.values.chunks_exact(self.cols).map(|row| row[self.cols - 1]).collect()
    }

    /// Indices of the input columns that hold one and the same number in every row: legal, but they carry nothing
    /// and cannot be scaled to unit variance.
    pub fn constant_columns(&self) -> Vec<usize> {
        let first = self.row(0);
        (0..self.cols - 1)
            .filter(|&column| self.values.chunks_exact(self.cols).all(|row| row[column] == first[column]))
            .collect()
    }
}

/// The rows of a delimited text with their line numbers; blank lines are passed over.
///
/// The `csv` crate's own line count is not used: it is that of the end of the record before, which is wrong after a
/// blank line or a CRLF.
pub(crate) struct Records<'a> {
    file: &'a str,
    bytes: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    record: csv::StringRecord,
    counted: usize,
    line: usize,
}

impl<'a> Records<'a> {
    /// Checks that `bytes` are UTF-8 in lines of bearable length.
    pub(crate) fn new(file: &'a str, bytes: &'a [u8], delimiter: u8) -> Result<Records<'a>, DataError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        check_text(file, bytes)?;
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(bytes);
        Ok(Records { file, bytes, reader, record: csv::StringRecord::new(), counted: 0, line: 1 })
    }

    /// The next row that is not blank, with the line it begins on.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, &csv::StringRecord)>, DataError> {
        loop {
            let read = self.reader.read_record(&mut self.record).map_err(|cause| DataError::Read {
                file: self.file.to_string(),
                cause: io::Error::other(cause),
            })?;
            if !read {
                return Ok(None);
            }
            if self.record.len() == 1 && self.record[0].trim().is_empty() {
                continue;
            }
            let begin = self.record.position().map_or(0, |position| position.byte() as usize);
            let blank = self.bytes[begin..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.line += line_breaks(self.bytes, self.counted, begin + blank);
            self.counted = begin + blank;
            return Ok(Some((self.line, &self.record)));
        }
    }
}

/// Checks that `bytes` are UTF-8 with no line longer than [`LINE_LIMIT`].
pub(super) fn check_text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, DataError> {
    let long = bytes.split(|&byte| byte == b'\n').position(|line| line.len() > LINE_LIMIT);
    if let Some(index) = long {
        return Err(DataError::LongLine { file: file.to_string(), line: index + 1, limit: LINE_LIMIT });
    }
    std::str::from_utf8(bytes).map_err(|cause| DataError::NotUtf8 {
        file: file.to_string(),
        line: 1 + line_breaks(bytes, 0, cause.valid_up_to()),
    })
}

/// Line breaks (`\n`, `\r\n`, or `\r` alone) that end within `bytes[from..to]`.
fn line_breaks(bytes: &[u8], from: usize, to: usize) -> usize {
    (from..to)
        .filter(|&at| bytes[at] == b'\n' || bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'))
        .count()
}

/// The whole of a regular file of at most `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let file = path.display().to_string();
    read_regular(path, limit).map_err(|cause| match cause.kind() {
        ErrorKind::NotFound => DataError::Missing { file },
        ErrorKind::IsADirectory => DataError::Directory { file },
        ErrorKind::FileTooLarge => DataError::TooLarge { file, limit },
        _ => DataError::Read { file, cause },
    })
}

/// The shortest text that reads back as exactly `value`.
pub(crate) fn shortest(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-6..1e16).contains(&size) { value.to_string() } else { format!("{value:e}") }
}
