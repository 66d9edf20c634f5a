//! Errors in the description of a network.

/// A description that no network can be built from.
///
/// ```
/// use gmp_nn::{Error, NetworkSpec, Parameterization::Geometric};
/// let error = NetworkSpec::vector(3).dense("hidden1", 0, Geometric).build::<f64>(1).unwrap_err();
/// assert_eq!(error, Error::EmptyLayer { layer: "hidden1".to_owned(), inputs: 3, units: 0 });
/// assert_eq!(error.to_string(), "hidden1: needs at least one input and one unit, got 3 inputs and 0 units");
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layer without inputs or units.
    #[error("{layer}: needs at least one input and one unit, got {inputs} inputs and {units} units")]
    EmptyLayer {
        /// The layer.
        layer: String,
        /// Its inputs.
        inputs: usize,
        /// Its units.
        units: usize,
    },
    /// Two layers with the same name, although numbers are found by the name of their layer.
    #[error("{layer}: there are two layers of that name, expected every name once")]
    DuplicateName {
        /// The layer.
        layer: String,
    },
    /// A layer whose numbers do not fit into memory.
    #[error("{layer}: {rows} × {columns} numbers do not fit into memory")]
    TooLarge {
        /// The layer.
        layer: String,
        /// Rows of its matrix.
        rows: usize,
        /// Columns of its matrix.
        columns: usize,
    },
    /// A layer whose input does not have the form that it needs.
    #[error("{layer}: {} flows in, expected {expected}", words(*found))]
    Misfit {
        /// The layer.
        layer: String,
        /// The features that it would receive.
        found: crate::Features,
        /// What it expects.
        expected: String,
    },
    /// A window that does not fit the images that flow in.
    #[error("{layer}: {source}")]
    Window {
        /// The layer.
        layer: String,
        /// Why.
        source: crate::kernel::conv::GeometryError,
    },
    /// Sampled weights that have no direction (a column of zeros).
    #[error("{layer}: {source}")]
    Direction {
        /// The layer.
        layer: String,
        /// Which unit, and why.
        source: gmp_math::Error,
    },
    /// A layer that cannot be expressed in fixed weights and biases.
    #[error("{layer}: has no equal of fixed weights and biases: {reason}")]
    NotPlain {
        /// The layer.
        layer: String,
        /// Why.
        reason: String,
    },
    /// A normalization layer without a normalization.
    #[error("{layer}: a normalization layer needs a normalization, got none")]
    NoNormalization {
        /// The layer.
        layer: String,
    },
    /// An error reported by a user-defined layer, parameterization or normalization.
    #[error("{layer}: {message}")]
    Invalid {
        /// The layer.
        layer: String,
        /// What is wrong, and what was expected.
        message: String,
    },
    /// No matrix of the network has this name.
    #[error("there is no matrix \"{name}\"; expected one of {}", known.join(", "))]
    UnknownMatrix {
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// Numbers that do not have the shape of the matrix that they are for.
    #[error("{name}: got {found}, expected {rows}×{cols}")]
    Shape {
        /// The matrix.
        name: String,
        /// What was given.
        found: String,
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        cols: usize,
    },
    /// Not the name of an activation.
    #[error("unknown activation \"{name}\"; expected {}", crate::activation::names())]
    UnknownActivation {
        /// What was given.
        name: String,
    },
    /// Not the name of a parameterization.
    #[error(
        "unknown parameterization \"{name}\"; expected {} (one from outside gmp-nn cannot be read by its name)",
        crate::Parameterization::names()
    )]
    UnknownParameterization {
        /// What was given.
        name: String,
    },
}

/// `a vector of 3`, `an image of 32×32×3`.
fn words(features: crate::Features) -> String {
    match features {
        crate::Features::Vector(_) => format!("a vector of {features}"),
        crate::Features::Image { .. } => format!("an image of {features}"),
    }
}
