//! Numbers with names: the parameters of a network, and its buffers.

use gmp_math::Scalar;
use serde::{Deserialize, Serialize};

/// What a named matrix is to its layer. Weight decay, learning rates by group and reports select by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Role {
    /// Cartesian weights w (or the unnormalized v of weight normalization).
    Weight,
    /// Bias b.
    Bias,
    /// Hyperspherical angles θ.
    Angle,
    /// Geometric offset λ.
    Offset,
    /// Radius r of a geometric unit, or length ℓ of a weight-normalized one.
    Radius,
    /// Gain γ of a normalization.
    Gain,
    /// Shift β of a normalization.
    Shift,
    /// A buffer: a fixed sign or a running statistic. No optimizer sees it.
    Buffer,
}

/// Name, shape and place of one matrix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `"<layer>.<matrix>"`, unique within a network: `"hidden1.angles"`.
    pub name: String,
    /// What it is to its layer.
    pub role: Role,
    /// Where it lies.
    pub slot: Slot,
}

/// Where a matrix lies among the numbers: what a layer holds instead of the numbers themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// First number.
    pub offset: usize,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
}

impl Slot {
    /// The numbers' places.
    pub fn range(self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.rows * self.cols
    }
}

/// All parameters (or all buffers) of a network: one flat vector and a list that says what lies where.
///
/// Optimizers and checkpoints loop over the vector; whoever wants one matrix looks it up by name.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamStore<T> {
    values: Vec<T>,
    entries: Vec<Entry>,
}

impl<T: Scalar> Default for ParamStore<T> {
    fn default() -> Self {
        Self { values: Vec::new(), entries: Vec::new() }
    }
}

impl<T: Scalar> ParamStore<T> {
    /// Appends a `rows × cols` matrix.
    ///
    /// # Panics
    /// If the name is taken or the numbers do not fit the shape.
    #[track_caller]
    pub fn push(&mut self, name: String, role: Role, numbers: &[T], rows: usize, cols: usize) -> Slot {
        assert_eq!(
            numbers.len(),
            rows * cols,
            "{name}: {} numbers for a {rows}×{cols} matrix",
            numbers.len()
        );
        assert!(self.entries.iter().all(|e| e.name != name), "{name}: there are two matrices of that name");
        let slot = Slot { offset: self.values.len(), rows, cols };
        self.values.extend_from_slice(numbers);
        self.entries.push(Entry { name, role, slot });
        slot
    }
    /// All numbers.
    pub fn values(&self) -> &[T] {
        &self.values
    }
    /// All numbers, for writing.
    pub fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }
    /// Names, roles and places, in the order of the numbers.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
    /// The matrix called `name`, row-major.
    pub fn get(&self, name: &str) -> Option<&[T]> {
        let entry = self.entries.iter().find(|e| e.name == name)?;
        Some(&self.values[entry.slot.range()])
    }
    /// The entry that number `index` belongs to.
    pub fn entry_of(&self, index: usize) -> Option<&Entry> {
        self.entries.iter().find(|e| e.slot.range().contains(&index))
    }
}
