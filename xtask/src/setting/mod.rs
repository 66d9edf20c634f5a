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
use gmp_nn::zoo::{InputMeanPlacement, Variant, vgg6};
use gmp_nn::{Activation, FanOut, GeometricOptions, Mlp, NetworkSpec, Normalization};
use normalizing::behind_activations;
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
    /// Whether the normalization follows the activations, as layers of their own, in place of its usual place.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub after_activation: bool,
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
    /// The fan-out by which geometric convolutions draw their first weights, in place of the authors'.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fan_out: Option<FanOut>,
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
    pub fn network(&self, method: MethodId, inputs: usize, units: usize) -> NetworkSpec {
        let mlp = method.mlp(inputs, &vec![units; self.depth.unwrap_or(1)], 1);
        let mlp = Mlp { activation: self.activation.unwrap_or(mlp.activation), ..mlp };
        let normalization = self.normalization(method);
        if self.after_activation {
            behind_activations(mlp.normalization(Normalization::None).spec(), normalization)
        } else {
            mlp.normalization(normalization).spec()
        }
    }

    /// VGG-6 of a method with these changes, with `filters` filters in its first layers. Unless the setting has a normalization, it has
    /// input mean normalization after every activation, as under GmP+IMN in the paper, whatever the method's own normalization.
    #[must_use]
    pub fn vgg6(&self, method: MethodId, filters: usize, classes: usize) -> NetworkSpec {
        let variant = method.variant();
        let geometric = GeometricOptions {
            fan_out: self.fan_out.unwrap_or(variant.geometric.fan_out),
            ..variant.geometric
        };
        let variant = Variant { geometric, ..variant };
        let of = |placement, normalization| {
            vgg6(&Variant { placement, ..variant.normalization(normalization) }, filters, classes)
        };
        match self.normalization.map(Normalizing::normalization) {
            None => of(InputMeanPlacement::AfterActivation, Normalization::input_mean()),
            Some(normalization) if self.after_activation => {
                behind_activations(of(InputMeanPlacement::default(), Normalization::None), normalization)
            }
            Some(normalization) => of(InputMeanPlacement::InsideUnits, normalization),
        }
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
            after_activation,
            optimizer,
            batch_size,
            depth,
            width,
            start,
            fan_out,
            inputs,
            intervention,
        } = self;
        let parts = [
            activation.map(|activation| activation.to_string()),
            normalization.map(|normalization| normalization.name().to_owned()),
            after_activation.then(|| "after the activation".to_owned()),
            optimizer.map(|optimizer| optimizer.name().to_owned()),
            batch_size.map(|size| format!("batch {size}")),
            depth.map(|depth| format!("depth {depth}")),
            width.map(|width| format!("width {width}")),
            start.map(|start| start.name().to_owned()),
            fan_out.map(|fan_out| match fan_out {
                FanOut::Filters => "fan-out of the filters".to_owned(),
                FanOut::Window => "fan-out of the window".to_owned(),
            }),
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
    use gmp_math::Mat;
    use gmp_nn::{Dense, LayerSpec, Parameterization};

    /// Records of earlier versions have no setting, and those of the paper's experiments have none now.
    #[test]
    fn a_setting_is_written_and_read_and_nothing_is_written_of_none() {
        let all = Setting {
            activation: Some(Activation::LeakyRelu { slope: 0.1 }),
            normalization: Some(Normalizing::Layer),
            after_activation: true,
            optimizer: Some(Optimizing::AdamW),
            batch_size: Some(4),
            depth: Some(3),
            width: Some(7),
            start: Some(Start::He),
            fan_out: Some(FanOut::Window),
            inputs: Some(5),
            intervention: Some(Intervention::Jittered),
        };
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Setting>(&text).unwrap(), all);
        assert_eq!(
            all.to_string(),
            "leaky_relu(0.1), LN, after the activation, AdamW, batch 4, depth 3, width 7, He, fan-out of the window, 5 inputs, jittered"
        );
        assert_eq!(serde_json::to_string(&Setting::default()).unwrap(), "{}");
        assert!(serde_json::from_str::<Setting>("{\"colour\":1}").is_err());
    }

    #[test]
    fn what_is_not_changed_stays_as_the_method_and_the_problem_have_it() {
        let none = Setting::default();
        assert_eq!(none.setup(&SETUP).units, SETUP.units);
        assert_eq!(none.network(method::BN, 3, 5), method::BN.mlp(3, &[5], 1).spec());
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
        let hidden = Dense::new(6, Parameterization::Standard).activation(Activation::Tanh);
        let expected =
            NetworkSpec::vector(3).layer("hidden1", hidden.clone()).layer("hidden2", hidden).output(1);
        assert_eq!(setting.network(method::BN, 3, setup.units), expected);
    }

    #[test]
    fn a_normalization_has_one_of_two_places() {
        let of = |after_activation| Setting {
            normalization: Some(Normalizing::Batch),
            after_activation,
            ..Setting::default()
        };
        let names =
            |spec: NetworkSpec| -> Vec<String> { spec.layers.into_iter().map(|(name, _)| name).collect() };
        assert_eq!(
            of(false).network(method::GMP, 3, 5),
            method::GMP.mlp(3, &[5], 1).normalization(Normalization::batch()).spec()
        );
        let after = of(true).network(method::GMP, 3, 5);
        assert_eq!(after.layers[1].1, LayerSpec::normalization(Normalization::batch()));
        assert_eq!(names(after), ["hidden1", "hidden1.norm", "output"]);
        // The usual place of input mean normalization on images is behind the activation, as in the paper.
        let input_mean = |after_activation| Setting {
            normalization: Some(Normalizing::InputMean),
            ..of(after_activation)
        };
        let outputs = |setting: Setting| {
            let pixels: Vec<f64> = (0..32 * 32 * 3).map(|k| f64::from(k % 17) - 8.0).collect();
            let network = setting.vgg6(method::GMP, 2, 3).build::<f64>(1).unwrap();
            network.predict(Mat::new(&pixels, 32 * 32, 3))
        };
        assert_eq!(outputs(Setting::default()), outputs(input_mean(true)));
        let count = |setting: Setting| setting.vgg6(method::GMP, 2, 3).layers.len();
        assert_eq!((count(input_mean(false)), count(input_mean(true)), count(of(true))), (11, 17, 17));
        let wider = Setting { fan_out: Some(FanOut::Window), ..Setting::default() };
        assert_ne!(outputs(wider), outputs(Setting::default()));
    }
}
