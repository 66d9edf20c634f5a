//! Whether the values of a table are those that were published.
//!
//! The digest of a column is the first 64 bits, the first one the highest, of the SHA-256 of its numbers from top to
//! bottom, each as the eight bytes of its binary64 bits, the lowest byte first, and −0 as 0. So it depends neither on the
//! file that the numbers came in nor on how they were written down, and is the same on every machine.
//!
//! The digest of a row is the first 16 bits, the higher ones first, of the SHA-256 of its numbers from left to right. The
//! columns decide whether the values are the published ones; the rows say where the first other one is. A row that
//! differs has the published digest by chance once in 65,536: then a later row is named, or none.

use super::{Table, catalog::Dataset, error::DataError, sha256::sha256};

/// The digest of every column.
///
/// # Examples
///
/// ```
/// use xtask::data::{Table, values::digests};
/// let table = |text: &str| Table::parse_csv("a.csv", text.as_bytes());
/// let (one, other) = (table("x,y\n1,0\n2.5,3\n")?, table("a,b\n1e0,-0\n25e-1,4\n")?);
/// assert_eq!(digests(&one)[0], digests(&other)[0]);
/// assert_ne!(digests(&one)[1], digests(&other)[1]);
/// # Ok::<(), xtask::data::DataError>(())
/// ```
pub fn digests(table: &Table) -> Vec<u64> {
    let of_column = |column: usize| {
        let hash = hash(table.values.iter().skip(column).step_by(table.cols));
        u64::from(hash[0]) << 32 | u64::from(hash[1])
    };
    (0..table.cols).map(of_column).collect()
}

/// The digest of every row, two bytes each.
pub fn row_digests(table: &Table) -> Vec<u8> {
    let of_row = |row: &[f64]| ((hash(row)[0] >> 16) as u16).to_be_bytes();
    table.values.chunks(table.cols.max(1)).flat_map(of_row).collect()
}

fn hash<'a>(values: impl IntoIterator<Item = &'a f64>) -> [u32; 8] {
    // Adding 0 makes a 0 of −0.
    let bytes: Vec<u8> = values.into_iter().flat_map(|value| (value + 0.0).to_bits().to_le_bytes()).collect();
    sha256(&bytes)
}

/// Checks that the values of `table`, which has the rows and columns of `dataset`, are the published ones.
///
/// # Errors
///
/// [`DataError::Values`] with the columns that differ and the first row that does: where one column differs, that is the
/// first cell.
pub fn check(dataset: &Dataset, table: &Table) -> Result<(), DataError> {
    let found = digests(table);
    let differing: Vec<usize> =
        (0..table.cols).filter(|&j| dataset.digests.get(j) != Some(&found[j])).collect();
    if differing.is_empty() {
        return Ok(());
    }
    let rows = row_digests(table);
    let mut rows = rows.chunks(2).zip(dataset.row_digests.chunks(2));
    Err(DataError::Values {
        file: table.path.display().to_string(),
        of: table.cols,
        columns: differing.iter().map(|&j| (j + 1, table.columns[j].clone())).collect(),
        row: rows.position(|(found, published)| found != published).map(|row| row + 1),
    })
}
