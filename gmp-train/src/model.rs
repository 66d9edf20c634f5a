//! Models: what a [`Trainer`](crate::Trainer) trains.

use gmp_autograd::{Mat, Tape, Var};
use gmp_nn::{Boundaries, Element, Features, Network, ParamStore, RecordedStatistics};

/// Anything with parameters that maps a batch of inputs to predictions on a [`Tape`].
///
/// [`Network`] is a model. Your own model needs only two methods in addition to [`forward`](Model::forward): those
/// that return its parameters. The trainer, checkpoints, observers and metrics then work with it as they do with a
/// network.
///
/// ```
/// use gmp_autograd::{Tape, Var, op};
/// use gmp_nn::{ParamStore, Role};
/// use gmp_train::{Adam, Dataset, Loss, Model, Trainer};
///
/// /// y = a·x
/// struct Line(ParamStore<f64>);
/// impl Model<f64> for Line {
///     fn forward(&self, tape: &mut Tape<f64>, x: Var) -> Var {
///         let slope = tape.parameter(0, 1, 1);
///         op::mul_row(tape, x, slope)
///     }
///     fn parameters(&self) -> &ParamStore<f64> {
///         &self.0
///     }
///     fn parameters_mut(&mut self) -> &mut ParamStore<f64> {
///         &mut self.0
///     }
/// }
///
/// let mut line = Line(ParamStore::default());
/// line.0.push("slope".to_owned(), Role::Weight, &[0.0], 1, 1);
/// let data = Dataset::new(vec![1.0, 2.0, 3.0], 1, vec![2.0, 4.0, 6.0], 1)?;
/// let trainer = Trainer::new(Loss::MeanSquaredError, 3, 200, 0.1);
/// trainer.fit(&mut line, &mut Adam::default(), &data, None, &mut ())?;
/// assert!((line.0.values()[0] - 2.0).abs() < 1e-3);
/// # Ok::<(), gmp_train::Error>(())
/// ```
pub trait Model<T: Element> {
    /// Appends the predictions for the batch `x` to a tape that was begun with [`Model::parameters`]: in evaluation
    /// mode, with running statistics if the model has any.
    ///
    /// `x` has one row per sample, or, for images, one row per pixel.
    fn forward(&self, tape: &mut Tape<T>, x: Var) -> Var;

    /// The same in training mode, in which a model may use the batch's own statistics and update its
    /// [`Model::buffers`].
    fn forward_training(&mut self, tape: &mut Tape<T>, x: Var) -> Var {
        self.forward(tape, x)
    }

    /// The same as [`Model::forward_training`], but the buffers are not changed: their updates are added to `record`
    /// instead. So ranks can compute the parts of a batch independently of each other
    /// ([`Trainer::across`](crate::Trainer::across)). `None` for a model that has buffers and does not support this,
    /// which can then be trained in one process only.
    fn forward_recorded(
        &mut self,
        tape: &mut Tape<T>,
        x: Var,
        _record: &mut RecordedStatistics<T>,
    ) -> Option<Var> {
        self.buffers().is_none().then(|| self.forward_training(tape, x))
    }

    /// The parameters, which the optimizer changes. Names, shapes and order must stay the same.
    fn parameters(&self) -> &ParamStore<T>;

    /// The same for writing.
    fn parameters_mut(&mut self) -> &mut ParamStore<T>;

    /// Numbers that belong to the model and are not trained, such as running statistics; `None` if there are none.
    fn buffers(&self) -> Option<&ParamStore<T>> {
        None
    }

    /// The same for writing; `None` if and only if [`Model::buffers`] is.
    fn buffers_mut(&mut self) -> Option<&mut ParamStore<T>> {
        None
    }

    /// Called after every step of the optimizer, for retractions such as normalizing a direction.
    fn after_step(&mut self) {}

    /// The features of one sample, if the model knows them: [`Trainer::fit`](crate::Trainer::fit) then refuses other
    /// data with an error before it calls [`Model::forward`].
    fn input(&self) -> Option<Features> {
        None
    }

    /// A description from which the model can be rebuilt, as JSON: for a [`Network`] its
    /// [`NetworkSpec`](gmp_nn::NetworkSpec). Checkpoints store it.
    fn description(&self) -> Option<String> {
        None
    }

    /// Writes the activation boundaries of the units of `layer`; `false` for a model that has none.
    ///
    /// # Panics
    /// A [`Network`] panics if no layer of units has that name.
    fn boundaries(&self, _layer: &str, _boundaries: &mut Boundaries<T>) -> bool {
        false
    }

    /// The same with the statistics of the batch `x` in place of the running ones, for a model that normalizes over
    /// the batch: these are the boundaries of the model in training mode. `scratch` is memory that is reused from
    /// call to call.
    ///
    /// # Panics
    /// As [`Model::boundaries`].
    fn batch_boundaries(
        &self,
        layer: &str,
        _x: Mat<'_, T>,
        _scratch: (&mut Tape<T>, &mut Vec<T>),
        boundaries: &mut Boundaries<T>,
    ) -> bool {
        self.boundaries(layer, boundaries)
    }
}

impl<T: Element> Model<T> for Network<T> {
    fn forward(&self, tape: &mut Tape<T>, x: Var) -> Var {
        Self::forward(self, tape, x)
    }
    fn forward_training(&mut self, tape: &mut Tape<T>, x: Var) -> Var {
        Self::forward_training(self, tape, x)
    }
    fn forward_recorded(
        &mut self,
        tape: &mut Tape<T>,
        x: Var,
        record: &mut RecordedStatistics<T>,
    ) -> Option<Var> {
        Some(Self::forward_recorded(self, tape, x, record))
    }
    fn parameters(&self) -> &ParamStore<T> {
        &self.parameters
    }
    fn parameters_mut(&mut self) -> &mut ParamStore<T> {
        &mut self.parameters
    }
    fn buffers(&self) -> Option<&ParamStore<T>> {
        Some(&self.buffers)
    }
    fn buffers_mut(&mut self) -> Option<&mut ParamStore<T>> {
        Some(&mut self.buffers)
    }
    fn after_step(&mut self) {
        Self::after_step(self);
    }
    fn input(&self) -> Option<Features> {
        Some(Self::input(self))
    }
    fn description(&self) -> Option<String> {
        serde_json::to_string(self.spec()?).ok()
    }
    fn boundaries(&self, layer: &str, boundaries: &mut Boundaries<T>) -> bool {
        Self::boundaries(self, layer, boundaries);
        true
    }
    fn batch_boundaries(
        &self,
        layer: &str,
        x: Mat<'_, T>,
        (tape, statistics): (&mut Tape<T>, &mut Vec<T>),
        boundaries: &mut Boundaries<T>,
    ) -> bool {
        Self::batch_boundaries(self, layer, x, tape, statistics, boundaries);
        true
    }
}

/// The parameters and, where there are any, the buffers.
pub(crate) fn stores<T: Element>(model: &dyn Model<T>) -> impl Iterator<Item = &ParamStore<T>> {
    [Some(model.parameters()), model.buffers()].into_iter().flatten()
}

/// The numbers of the buffers, none where there are no buffers.
pub(crate) fn buffer_values<T: Element>(model: &dyn Model<T>) -> &[T] {
    model.buffers().map_or(&[], |buffers| buffers.values())
}

/// The same for writing.
pub(crate) fn buffer_values_mut<T: Element>(model: &mut dyn Model<T>) -> &mut [T] {
    model.buffers_mut().map_or(&mut [], |buffers| buffers.values_mut())
}
