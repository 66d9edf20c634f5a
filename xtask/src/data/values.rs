//! Whether the values of a table are those that were published.
//!
//! The digest of a column is the first 64 bits, the first one the highest, of the SHA-256 of its numbers from top to
//! bottom, each as the eight bytes of its binary64 bits, the lowest byte first, and −0 as 0. So it depends neither on the
//! file that the numbers came in nor on how they were written down, and is the same on every machine.

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
        let values = table.values.iter().skip(column).step_by(table.cols);
        // Adding 0 makes a 0 of −0.
        let bytes: Vec<u8> = values.flat_map(|value| (value + 0.0).to_bits().to_le_bytes()).collect();
        let hash = sha256(&bytes);
        u64::from(hash[0]) << 32 | u64::from(hash[1])
    };
    (0..table.cols).map(of_column).collect()
}

/// Checks that the values of `table`, which has the rows and columns of `dataset`, are the published ones.
///
/// # Errors
///
/// [`DataError::Values`] with the first column that differs.
pub fn check(dataset: &Dataset, table: &Table) -> Result<(), DataError> {
    let found = digests(table);
    let differ: Vec<usize> = (0..table.cols).filter(|&j| dataset.digests.get(j) != Some(&found[j])).collect();
    let Some(&first) = differ.first() else { return Ok(()) };
    Err(DataError::Values {
        file: table.path.display().to_string(),
        differing: differ.len(),
        of: table.cols,
        column: first + 1,
        name: table.columns[first].clone(),
    })
}
