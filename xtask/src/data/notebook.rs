//! The two small samples kept in this repository: the training points of the paper's first figures and the rows of
//! the banana set used in its third, as the authors' published notebooks draw them (NumPy's legacy generator, seed 0).

use std::sync::LazyLock;

use super::Table;

const LEVY: &str = include_str!("../../data/levy_notebook_draw.csv");
const SPLIT: &str = include_str!("../../data/banana_notebook_split.csv");

static LEVY_TABLE: LazyLock<Table> =
    LazyLock::new(|| match Table::parse_csv("levy_notebook_draw.csv", LEVY.as_bytes()) {
        Ok(table) => table,
        Err(error) => unreachable!("a file of this repository: {error}"),
    });

/// The 50 inputs and noisy targets of the one-dimensional Levy regression.
///
/// # Examples
///
/// ```
/// let (x, y) = xtask::data::notebook::levy_draw();
/// assert_eq!((x.len(), y.len()), (50, 50));
/// assert_eq!((x[0], y[0]), (0.9762700785464951, -0.170244462030977));
/// ```
pub fn levy_draw() -> (Vec<f64>, Vec<f64>) {
    (LEVY_TABLE.inputs(), LEVY_TABLE.target())
}

/// Row numbers (from 0, the header line not counted) of `banana.csv` to train on, 800, and to test on, 200.
///
/// # Examples
///
/// ```
/// let (train, test) = xtask::data::notebook::banana_split();
/// assert_eq!((train.len(), test.len()), (800, 200));
/// assert_eq!(train[0], 4801);
/// ```
pub fn banana_split() -> (Vec<usize>, Vec<usize>) {
    let rows = |part: &str| {
        let lines = SPLIT.lines().filter_map(|line| line.split_once(','));
        lines.filter(|&(_, of)| of == part).filter_map(|(row, _)| row.parse().ok()).collect()
    };
    (rows("train"), rows("test"))
}
