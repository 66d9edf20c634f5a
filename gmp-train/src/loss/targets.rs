//! Which targets a loss or a metric accepts, checked before a run.

use crate::Error;
use gmp_autograd::Mat;
use gmp_math::Scalar;

/// The targets that a loss or a metric compares predictions with.
///
/// ```
/// use gmp_train::{Adam, Dataset, Loss, Mlp, Parameterization, Targets, Trainer};
/// assert_eq!(Loss::BinaryCrossEntropy.targets(), Targets::Probabilities);
/// let data = Dataset::new(vec![0.1, 0.2], 1, vec![0.0, 2.0], 1)?;
/// let mut network = Mlp::new(1, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let trainer = Trainer::of(Loss::BinaryCrossEntropy);
/// let error = trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut ()).unwrap_err();
/// assert!(error.to_string().starts_with("training data: target 2 at sample 1, column 0; "), "{error}");
/// # Ok::<(), gmp_train::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Targets {
    /// One number per output.
    Values,
    /// One number from 0 to 1 per output.
    Probabilities,
    /// One column: the number of the sample's class, 0, 1, … up to the number of outputs minus 1.
    Classes,
    /// Any targets; nothing is checked.
    Any,
}

/// Who compares which data, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// `"training data"`.
    pub(crate) set: &'static str,
    /// The loss or metric.
    pub(crate) user: &'a dyn std::fmt::Display,
    /// Number of the first sample.
    pub(crate) first: usize,
}

impl Targets {
    /// Compares the shapes of predictions and targets, (rows, columns).
    pub(crate) fn check_shape(
        self,
        place: Place<'_>,
        prediction: (usize, usize),
        targets: (usize, usize),
    ) -> Result<(), Error> {
        let Place { set, user, .. } = place;
        let columns = |n: usize| format!("{n} column{}", if n == 1 { "" } else { "s" });
        let expected = match self {
            Self::Any => return Ok(()),
            Self::Classes if targets.1 != 1 => format!(
                "1 column with the class of every sample, a whole number from 0 to {}, for {user}; one-hot targets are not taken",
                prediction.1.saturating_sub(1)
            ),
            Self::Values | Self::Probabilities if targets.1 != prediction.1 => {
                format!("{}, one per output of the model, for {user}", columns(prediction.1))
            }
            _ if targets.0 != prediction.0 => {
                let found = format!("{} rows of targets", targets.0);
                let expected = format!("{}, as the model's predictions have, for {user}", prediction.0);
                return Err(Error::Misfit { what: set.to_owned(), found, expected });
            }
            _ => return Ok(()),
        };
        Err(Error::Misfit { what: format!("targets of the {set}"), found: columns(targets.1), expected })
    }

    /// Looks at every target of a model with `outputs` outputs.
    pub(crate) fn check_values<T: Scalar>(
        self,
        place: Place<'_>,
        outputs: usize,
        targets: Mat<'_, T>,
    ) -> Result<(), Error> {
        let is_legal = |t: f64| match self {
            Self::Values | Self::Any => true,
            Self::Probabilities => (0.0..=1.0).contains(&t),
            Self::Classes => t >= 0.0 && t < outputs as f64 && t.fract() == 0.0,
        };
        let Some(at) = targets.data().iter().position(|t| !is_legal(t.to_f64())) else { return Ok(()) };
        let (row, column) = (at / targets.cols(), at % targets.cols());
        Err(Error::Target {
            set: place.set,
            value: targets.data()[at].to_f64(),
            sample: place.first.saturating_add(row),
            column,
            expected: match self {
                Self::Classes => format!(
                    "{} takes the class of a sample, a whole number from 0 to {} for a model with {outputs} output{}",
                    place.user,
                    outputs.saturating_sub(1),
                    if outputs == 1 { "" } else { "s" }
                ),
                _ => format!("{} takes numbers from 0 to 1", place.user),
            },
        })
    }
}
