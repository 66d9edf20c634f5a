//! Declaration of a layer's parameters and buffers while a network is built.

use crate::{Error, Features, ParamStore, Rng, Role, Slot};
use gmp_autograd::Mat;
use gmp_math::Scalar;

/// The parameters and buffers of a network that is being built, from the point of view of one layer.
///
/// Names are those within the layer: `"weights"` of the layer `hidden1` is `hidden1.weights` in the network.
///
/// ```
/// use gmp_autograd::{Var, op};
/// use gmp_nn::{Element, Features, Forward, Layer, Network, Role, Slot};
///
/// /// Adds a trained number to every feature.
/// #[derive(Debug)]
/// struct Shift(Slot);
/// impl<T: Element> Layer<T> for Shift {
///     fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
///         let shift = pass.parameter(self.0);
///         op::add_row(pass.tape, x, shift)
///     }
/// }
/// let network = Network::<f64>::builder(Features::Vector(3))
///     .own("first", |declare| Ok(Shift(declare.row("shift", Role::Bias, declare.input().columns(), 0.5)?)))?
///     .build();
/// assert_eq!(network.parameters.get("first.shift"), Some(&[0.5; 3][..]));
/// # Ok::<(), gmp_nn::Error>(())
/// ```
#[derive(Debug)]
pub struct Declare<'a, T> {
    pub(crate) layer: &'a str,
    pub(crate) input: Features,
    pub(crate) seed: u64,
    pub(crate) parameters: &'a mut ParamStore<T>,
    pub(crate) buffers: &'a mut ParamStore<T>,
}

impl<T: Scalar> Declare<'_, T> {
    /// The layer's name.
    pub fn layer(&self) -> &str {
        self.layer
    }
    /// The features that flow into the layer.
    pub fn input(&self) -> Features {
        self.input
    }
    /// A stream of random numbers for initial values, determined by the network's seed, the purpose and the layer's
    /// name.
    ///
    /// ```
    /// use gmp_autograd::Mat;
    /// use gmp_nn::{Declare, Role, Slot};
    /// /// A 1×3 row of small normal numbers, others for every layer and every seed of the network.
    /// fn noise(declare: &mut Declare<'_, f64>) -> Slot {
    ///     let mut rng = declare.rng("noise");
    ///     declare.parameter("noise", Role::Other, Mat::new(&[(); 3].map(|()| 0.01 * rng.normal()), 1, 3))
    /// }
    /// ```
    pub fn rng(&self, purpose: &str) -> Rng {
        Rng::new(self.seed, &format!("{purpose} of {}", self.layer))
    }
    /// Adds a trained matrix with its initial numbers.
    ///
    /// # Panics
    /// If the layer already has one with that name.
    #[track_caller]
    pub fn parameter(&mut self, name: &str, role: Role, initial: Mat<'_, T>) -> Slot {
        let name = format!("{}.{name}", self.layer);
        self.parameters.push(name, role, &initial.to_vec(), initial.rows(), initial.cols())
    }
    /// Adds a trained 1×`cols` row, all of whose numbers start as `initial`.
    ///
    /// # Errors
    /// If it does not fit into memory.
    ///
    /// # Panics
    /// As [`Declare::parameter`].
    #[track_caller]
    pub fn row(&mut self, name: &str, role: Role, cols: usize, initial: T) -> Result<Slot, Error> {
        let numbers = filled(self.layer, 1, cols, initial)?;
        Ok(self.parameter(name, role, Mat::new(&numbers, 1, cols)))
    }
    /// Adds a matrix that is stored but not trained, such as a running statistic.
    ///
    /// # Panics
    /// If the layer already has one with that name.
    #[track_caller]
    pub fn buffer(&mut self, name: &str, initial: Mat<'_, T>) -> Slot {
        let name = format!("{}.{name}", self.layer);
        self.buffers.push(name, Role::Buffer, &initial.to_vec(), initial.rows(), initial.cols())
    }
    /// Adds a 1×`cols` row that is stored but not trained, all of whose numbers start as `initial`.
    ///
    /// # Errors
    /// If it does not fit into memory.
    ///
    /// # Panics
    /// As [`Declare::buffer`].
    #[track_caller]
    pub fn buffer_row(&mut self, name: &str, cols: usize, initial: T) -> Result<Slot, Error> {
        let numbers = filled(self.layer, 1, cols, initial)?;
        Ok(self.buffer(name, Mat::new(&numbers, 1, cols)))
    }
}

/// A matrix of one number for the layer `layer`. Sizes may come from a file: too large ones are an error, not an abort.
pub(crate) fn filled<T: Scalar>(layer: &str, rows: usize, columns: usize, value: T) -> Result<Vec<T>, Error> {
    let mut numbers = Vec::new();
    let fits = rows.checked_mul(columns).is_some_and(|n| numbers.try_reserve_exact(n).is_ok());
    if !fits {
        return Err(Error::TooLarge { layer: layer.to_owned(), rows, columns });
    }
    numbers.resize(rows * columns, value);
    Ok(numbers)
}
