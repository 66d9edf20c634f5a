//! What a run changes of its problem's set-up: another activation, normalization, optimizer, batch size, depth or width.
//!
//! The figures and tables of the paper change nothing ([`Setting::default`]); their records say nothing of settings. The
//! experiments beyond the paper vary one thing at a time.

pub mod intervention;
pub mod kernel;
pub mod layers;
pub mod normalizing;
pub mod optimizing;
pub mod start;

pub use intervention::Intervention;
pub use normalizing::Normalizing;
pub use optimizing::Optimizing;
pub use start::Start;

use crate::method::MethodId;
use crate::problem::Setup;
use gmp_nn::{Activation, Mlp, Normalization};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};

/// What is changed. `None` leaves a thing as the method and the problem have it.
///
/// ```
/// use xtask::setting::{Optimizing, Setting};
/// let setting = Setting { optimizer: Some(Optimizing::Sgd), depth: Some(2), ..Setting::default() };
/// assert_eq!(setting.to_string(), "SGD, depth 2");
/// assert_eq!(serde_json::to_string(&setting)?, r#"{"optimizer":"SGD","depth":2}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setting {
    /// The activation of the hidden units, in place of the ReLU.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// The normalization of the hidden layers, in place of the method's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalization: Option<Normalizing>,
    /// The optimizer, in place of Adam.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<Optimizing>,
    /// The batch size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<usize>,
    /// The number of hidden layers, in place of one. Such runs measure every layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<usize>,
    /// The units of each hidden layer. Runs that change no depth besides measure the neural tangent kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// How the hidden layer starts, in place of Glorot's weights without bias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// The number of inputs, of a problem that is drawn in any dimension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<usize>,
    /// What is done to the steps of the optimizer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervention: Option<Intervention>,
}

/// Its numbers are never NaN, in JSON either.
impl Eq for Setting {}

/// By its text, which tells any two settings apart.
impl Hash for Setting {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_string().hash(state);
    }
}

impl Setting {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The problem's set-up with these changes.
    #[must_use]
    pub fn setup(&self, setup: &Setup) -> Setup {
        Setup {
            units: self.width.unwrap_or(setup.units),
            batch_size: self.batch_size.unwrap_or(setup.batch_size),
            ..*setup
        }
    }

    /// The network of a method with these changes, with hidden layers of `units` units and one output.
    #[must_use]
    pub fn network(&self, method: MethodId, inputs: usize, units: usize) -> Mlp {
        let mlp = method.mlp(inputs, &vec![units; self.depth.unwrap_or(1)], 1);
        let normalization = self.normalization(method);
        Mlp { activation: self.activation.unwrap_or(mlp.activation), normalization, ..mlp }
    }

    /// Whether runs measure how far training moves the neural tangent kernel: those that vary the width alone. A normalization over the
    /// batch makes the outputs of a batch depend on one another, so that there is no kernel of two inputs.
    #[must_use]
    pub fn measures_kernel(&self, method: MethodId) -> bool {
        self.width.is_some() && self.depth.is_none() && self.normalization(method).is_none()
    }

    /// What is normalized.
    #[must_use]
    pub fn normalization(&self, method: MethodId) -> Normalization {
        self.normalization.map_or_else(|| (method.normalization)(), Normalizing::normalization)
    }
}

/// What is changed, in a few words; nothing where nothing is.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            activation,
            normalization,
            optimizer,
            batch_size,
            depth,
            width,
            start,
            inputs,
            intervention,
        } = self;
        let parts = [
            activation.map(|activation| activation.to_string()),
            normalization.map(|normalization| normalization.name().to_owned()),
            optimizer.map(|optimizer| optimizer.name().to_owned()),
            batch_size.map(|size| format!("batch {size}")),
            depth.map(|depth| format!("depth {depth}")),
            width.map(|width| format!("width {width}")),
            start.map(|start| start.name().to_owned()),
            inputs.map(|inputs| format!("{inputs} inputs")),
            intervention.map(|intervention| intervention.name().to_owned()),
        ];
        f.pad(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::method;
    use crate::problem::levy::SETUP;

    /// Records of earlier versions have no setting, and those of the paper's experiments have none now.
    #[test]
    fn a_setting_is_written_and_read_and_nothing_is_written_of_none() {
        let all = Setting {
            activation: Some(Activation::LeakyRelu { slope: 0.1 }),
            normalization: Some(Normalizing::Layer),
            optimizer: Some(Optimizing::AdamW),
            batch_size: Some(4),
            depth: Some(3),
            width: Some(7),
            start: Some(Start::He),
            inputs: Some(5),
            intervention: Some(Intervention::Jittered),
        };
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Setting>(&text).unwrap(), all);
        assert_eq!(
            all.to_string(),
            "leaky_relu(0.1), LN, AdamW, batch 4, depth 3, width 7, He, 5 inputs, jittered"
        );
        assert_eq!(serde_json::to_string(&Setting::default()).unwrap(), "{}");
        assert!(serde_json::from_str::<Setting>("{\"colour\":1}").is_err());
    }

    #[test]
    fn what_is_not_changed_stays_as_the_method_and_the_problem_have_it() {
        let none = Setting::default();
        assert_eq!(none.setup(&SETUP).units, SETUP.units);
        assert_eq!(none.network(method::BN, 3, 5), method::BN.mlp(3, &[5], 1));
        let setting = Setting {
            activation: Some(Activation::Tanh),
            normalization: Some(Normalizing::None),
            batch_size: Some(4),
            depth: Some(2),
            width: Some(6),
            ..none
        };
        let setup = setting.setup(&SETUP);
        assert_eq!((setup.units, setup.batch_size, setup.patience), (6, 4, SETUP.patience));
        let mlp = setting.network(method::BN, 3, setup.units);
        assert_eq!((&mlp.hidden[..], mlp.activation), (&[6, 6][..], Activation::Tanh));
        assert!(mlp.normalization.is_none());
    }
}
