//! The parameters of a network, or its buffers: one flat vector with an index by name.

use crate::Error;
use gmp_autograd::Mat;
use gmp_math::Scalar;
use serde::{Deserialize, Serialize};

/// The role of a named matrix in its layer. Optimizers distinguish parameters by it: weight decay excludes angles.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization, Role};
/// let network = Mlp::new(2, &[8], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let roles: Vec<_> = network.parameters.entries().iter().map(|entry| entry.role).collect();
/// assert_eq!(roles, [Role::Angle, Role::Offset, Role::Radius, Role::Weight, Role::Bias]);
/// # Ok::<(), gmp_nn::Error>(())
/// ```
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
    /// A parameter that is none of these, for user-defined layers.
    Other,
    /// A buffer: a fixed sign or a running statistic, which optimizers do not change.
    Buffer,
}

/// Name, role, shape and position of one matrix.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization, Role};
/// let network = Mlp::new(2, &[8], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let entry = &network.parameters.entries()[0];
/// assert_eq!((entry.name.as_str(), entry.role), ("hidden1.angles", Role::Angle));
/// assert_eq!((entry.slot.rows, entry.slot.cols), (1, 8)); // one angle less than inputs; one column per unit
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `"<layer>.<matrix>"`, unique within a network: `"hidden1.angles"`.
    pub name: String,
    /// Its role in its layer.
    pub role: Role,
    /// Its position and shape.
    pub slot: Slot,
}

/// Position and shape of a matrix in the flat vector, which a layer stores instead of the numbers themselves.
///
/// ```
/// use gmp_nn::Slot;
/// let slot = Slot { offset: 4, rows: 2, cols: 3 };
/// assert_eq!(slot.range(), 4..10);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Index of its first number.
    pub offset: usize,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
}

impl Slot {
    /// The indices of its numbers.
    pub fn range(self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.rows * self.cols
    }
    /// Its numbers, row-major, as a slice of `values`.
    ///
    /// ```
    /// # use gmp_nn::Slot;
    /// let all = [0.0, 1.0, 2.0, 3.0, 4.0];
    /// assert_eq!(Slot { offset: 1, rows: 1, cols: 2 }.of(&all), [1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If `values` is shorter than the vector that the slot belongs to.
    #[track_caller]
    pub fn of<T>(self, values: &[T]) -> &[T] {
        &values[self.range()]
    }
    /// Its numbers for writing.
    ///
    /// # Panics
    /// As [`Slot::of`].
    #[track_caller]
    pub fn of_mut<T>(self, values: &mut [T]) -> &mut [T] {
        &mut values[self.range()]
    }
}

/// All parameters (or all buffers) of a network: one flat vector, and a list of the matrices in it.
///
/// Optimizers and checkpoints loop over the vector; a single matrix is read and written by its name.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization};
///
/// let mut network = Mlp::new(2, &[3], 1, Parameterization::Standard).build::<f64>(7)?;
/// let weights = network.parameters.matrix("hidden1.weights").unwrap();
/// assert_eq!((weights.rows(), weights.cols()), (2, 3)); // inputs × units
///
/// network.parameters.set("hidden1.bias", &[0.1, 0.2, 0.3])?;
/// assert_eq!(network.parameters.get("hidden1.bias").unwrap(), [0.1, 0.2, 0.3]);
///
/// let names: Vec<_> = network.parameters.iter().map(|(entry, _)| entry.name.as_str()).collect();
/// assert_eq!(names, ["hidden1.weights", "hidden1.bias", "output.weights", "output.bias"]);
/// # Ok::<(), gmp_nn::Error>(())
/// ```
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
    /// ```
    /// use gmp_nn::{ParamStore, Role};
    /// let mut store = ParamStore::default();
    /// store.push("line.slope".to_owned(), Role::Weight, &[2.0], 1, 1);
    /// let slot = store.push("line.offset".to_owned(), Role::Bias, &[0.5], 1, 1);
    /// assert_eq!((slot.offset, store.values()), (1, &[2.0, 0.5][..]));
    /// ```
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
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// let mut network = Mlp::new(2, &[8], 1, Parameterization::Standard).build::<f64>(1)?;
    /// network.parameters.values_mut().fill(0.0); // every weight and bias
    /// assert_eq!(network.parameters.get("hidden1.weights"), Some(&[0.0; 16][..]));
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }
    /// Names, roles and positions, in the order of the numbers.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// let network = Mlp::new(2, &[8], 1, Parameterization::WeightNorm).build::<f64>(1)?;
    /// let names: Vec<_> = network.parameters.entries().iter().map(|entry| entry.name.as_str()).collect();
    /// assert_eq!(names[..3], ["hidden1.v", "hidden1.length", "hidden1.bias"]);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
    /// Every matrix with its numbers, row-major, in order.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// let network = Mlp::new(2, &[8], 1, Parameterization::Standard).build::<f64>(1)?;
    /// for (entry, numbers) in network.parameters.iter() {
    ///     println!("{:20} {}×{}, first {:.3}", entry.name, entry.slot.rows, entry.slot.cols, numbers[0]);
    /// }
    /// assert_eq!(network.parameters.iter().map(|(_, numbers)| numbers.len()).sum::<usize>(), 33);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Entry, &[T])> {
        self.entries.iter().map(|entry| (entry, entry.slot.of(&self.values)))
    }
    /// The entry of the matrix called `name`.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.name == name)
    }
    /// The numbers of the matrix called `name`, row-major.
    pub fn get(&self, name: &str) -> Option<&[T]> {
        Some(self.entry(name)?.slot.of(&self.values))
    }
    /// The numbers of the matrix called `name`, row-major, for writing.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// let mut network = Mlp::new(2, &[3], 1, Parameterization::Geometric).build::<f64>(1)?;
    /// network.parameters.get_mut("hidden1.radius").unwrap()[2] = 0.0; // switches the third unit off
    /// assert_eq!(network.parameters.get("hidden1.radius").unwrap()[2], 0.0);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn get_mut(&mut self, name: &str) -> Option<&mut [T]> {
        let slot = self.entry(name)?.slot;
        Some(slot.of_mut(&mut self.values))
    }
    /// The matrix called `name`: weights and angles are inputs × units, and parameters with one number per unit are 1
    /// × units.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// let network = Mlp::new(2, &[8], 1, Parameterization::Standard).build::<f64>(1)?;
    /// let weights = network.parameters.matrix("hidden1.weights").unwrap();
    /// assert_eq!((weights.rows(), weights.cols()), (2, 8)); // inputs × units
    /// let of_third_unit = [weights.at(0, 2), weights.at(1, 2)];
    /// assert!(of_third_unit.iter().all(|w| w.is_finite()));
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn matrix(&self, name: &str) -> Option<Mat<'_, T>> {
        let slot = self.entry(name)?.slot;
        Some(Mat::new(slot.of(&self.values), slot.rows, slot.cols))
    }
    /// Replaces the numbers of the matrix called `name`, row-major.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// let mut network = Mlp::new(2, &[3], 1, Parameterization::Standard).build::<f64>(1)?;
    /// network.parameters.set("hidden1.bias", &[0.1, 0.2, 0.3])?;
    /// let error = network.parameters.set("hidden1.bias", &[0.1]).unwrap_err();
    /// assert_eq!(error.to_string(), "hidden1.bias: got 1 numbers, expected 1×3");
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such matrix, or it has another number of elements. Nothing is changed then.
    pub fn set(&mut self, name: &str, numbers: &[T]) -> Result<(), Error> {
        let slot = self.known(name)?;
        if numbers.len() != slot.rows * slot.cols {
            let found = format!("{} numbers", numbers.len());
            return Err(Error::Shape { name: name.to_owned(), found, rows: slot.rows, cols: slot.cols });
        }
        slot.of_mut(&mut self.values).copy_from_slice(numbers);
        Ok(())
    }
    /// Replaces the matrix called `name` by one with any strides: weights in PyTorch's layout, units × inputs, are
    /// `Mat::units_by_inputs(&numbers, units, inputs)`.
    ///
    /// ```
    /// use gmp_autograd::Mat;
    /// use gmp_nn::{Mlp, Parameterization};
    /// let mut network = Mlp::new(2, &[3], 1, Parameterization::Standard).build::<f64>(1)?;
    /// let of_pytorch = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; // the weights (1, 2) of the first unit, then those of the next
    /// network.parameters.set_matrix("hidden1.weights", Mat::units_by_inputs(&of_pytorch, 3, 2))?;
    /// assert_eq!(network.parameters.get("hidden1.weights").unwrap(), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such matrix, or it has another shape. Nothing is changed then.
    pub fn set_matrix(&mut self, name: &str, matrix: Mat<'_, T>) -> Result<(), Error> {
        let slot = self.known(name)?;
        if (matrix.rows(), matrix.cols()) != (slot.rows, slot.cols) {
            let found = format!("a {}×{} matrix", matrix.rows(), matrix.cols());
            return Err(Error::Shape { name: name.to_owned(), found, rows: slot.rows, cols: slot.cols });
        }
        let numbers = slot.of_mut(&mut self.values).iter_mut();
        let elements = (0..slot.rows).flat_map(|i| (0..slot.cols).map(move |j| matrix.at(i, j)));
        numbers.zip(elements).for_each(|(number, element)| *number = element);
        Ok(())
    }
    fn known(&self, name: &str) -> Result<Slot, Error> {
        let names = || self.entries.iter().map(|e| e.name.clone()).collect();
        let entry = self.entry(name);
        entry.map(|e| e.slot).ok_or_else(|| Error::UnknownMatrix { name: name.to_owned(), known: names() })
    }
    /// The entry that number `index` belongs to.
    ///
    /// ```
    /// use gmp_nn::{Mlp, Parameterization};
    /// let network = Mlp::new(2, &[8], 1, Parameterization::Standard).build::<f64>(1)?;
    /// assert_eq!(network.parameters.entry_of(20).unwrap().name, "hidden1.bias"); // behind the 16 weights
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn entry_of(&self, index: usize) -> Option<&Entry> {
        self.entries.iter().find(|e| e.slot.range().contains(&index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_are_written_by_name_and_their_shape_is_checked() {
        let mut store = ParamStore::default();
        store.push("a.weights".to_owned(), Role::Weight, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3);
        store.push("a.bias".to_owned(), Role::Bias, &[0.0; 3], 1, 3);
        store.set("a.bias", &[7.0, 8.0, 9.0]).unwrap();
        assert_eq!(store.get("a.bias").unwrap(), [7.0, 8.0, 9.0]);
        store.get_mut("a.bias").unwrap()[0] = -1.0;
        assert_eq!(store.matrix("a.bias").unwrap().row(0), [-1.0, 8.0, 9.0]);
        let transposed = Mat::new(&[0.0; 6], 3, 2);
        let error = store.set_matrix("a.weights", transposed).unwrap_err();
        assert_eq!(error.to_string(), "a.weights: got a 3×2 matrix, expected 2×3");
        let error = store.set("a.weights", &[0.0; 5]).unwrap_err();
        assert_eq!(error.to_string(), "a.weights: got 5 numbers, expected 2×3");
        let error = store.set("a.weight", &[0.0; 6]).unwrap_err();
        assert_eq!(error.to_string(), "there is no matrix \"a.weight\"; expected one of a.weights, a.bias");
        assert_eq!(store.values()[..6], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "unchanged");
        store.set_matrix("a.weights", Mat::new(&[0.5; 6], 2, 3)).unwrap();
        assert_eq!(
            store.iter().map(|(e, n)| (&e.name[..], n[0])).collect::<Vec<_>>(),
            [("a.weights", 0.5), ("a.bias", -1.0)]
        );
    }
}
