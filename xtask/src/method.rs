//! The methods that experiments compare: one table with one row per method.
//!
//! A new combination of parameterization, normalization and initialization is one more row of [`METHODS`]. The command
//! line, the plans of the experiments, the tables and the figures follow from it.

use crate::report::color::Color;
use crate::report::figure::Stroke;
use crate::rival::Stepping;
use crate::rival::projected::UnitVectors;
use crate::rival::recentred::Charts;
use gmp_nn::zoo::Variant;
use gmp_nn::{DirectionInit, Element, GeometricOptions, Mlp, Network, Normalization, Parameterization};
use gmp_train::Optimizer;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

/// One method: what the units of a network are made of, and how it is run and drawn.
#[derive(Debug)]
pub struct Method {
    /// The name in records, file names, tables and options.
    pub name: &'static str,
    /// How the weights are made of what is trained.
    pub parameterization: Parameterization,
    /// What is normalized.
    pub normalization: fn() -> Normalization,
    /// The initial directions of geometric units.
    pub directions: DirectionInit,
    /// The learning rate that the authors fixed; of a method that is not in the paper, that of its closest relative.
    pub paper_rate: f64,
    /// The colour in every figure.
    pub color: Color,
    /// How its line is broken in figures that compare methods.
    pub dash: Stroke,
    /// Whether it is in the paper. The others are what the paper's reviewers asked for, and the authors' initialization.
    pub in_paper: bool,
    /// The networks of the paper that it is run on; none for rivals, which the experiments beyond the paper run.
    pub networks: &'static [Architecture],
    /// What it puts around the optimizer.
    pub stepping: Option<Stepping>,
}

/// A kind of network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// One hidden layer: Figures 2 and 3, Table 1.
    Dense,
    /// VGG-6: Figure 4, Table 2.
    Vgg,
    /// ResNet-18: Table 3.
    ResNet,
}

use Architecture::{Dense, ResNet, Vgg};

/// Every method, in the order of tables and legends.
pub static METHODS: [Method; 15] = [
    Method {
        name: "SP",
        parameterization: Parameterization::Standard,
        normalization: none,
        directions: DirectionInit::Exact,
        paper_rate: 0.01,
        color: Color::BLUE,
        dash: Stroke::Dashes(&[5, 2]),
        in_paper: true,
        networks: &[Dense, Vgg],
        stepping: None,
    },
    Method {
        name: "WN",
        parameterization: Parameterization::WeightNorm,
        normalization: none,
        directions: DirectionInit::Exact,
        paper_rate: 0.01,
        color: Color::ORANGE,
        dash: Stroke::Dashes(&[2, 2]),
        in_paper: true,
        networks: &[Dense, Vgg],
        stepping: None,
    },
    Method {
        name: "WN+MBN",
        parameterization: Parameterization::WeightNorm,
        normalization: Normalization::batch_mean,
        directions: DirectionInit::Exact,
        paper_rate: 0.01,
        color: Color::SKY,
        dash: Stroke::Dashes(&[2, 2, 6, 2]),
        in_paper: true,
        networks: &[Vgg, ResNet],
        stepping: None,
    },
    Method {
        name: "BN",
        parameterization: Parameterization::Standard,
        normalization: Normalization::batch,
        directions: DirectionInit::Exact,
        paper_rate: 0.01,
        color: Color::PURPLE,
        dash: Stroke::Dashes(&[6, 2, 1, 2]),
        in_paper: true,
        networks: &[Dense, Vgg, ResNet],
        stepping: None,
    },
    Method {
        name: "GmP",
        parameterization: Parameterization::Geometric,
        normalization: none,
        directions: DirectionInit::Exact,
        paper_rate: 0.1,
        color: Color::GREEN,
        dash: Stroke::Solid,
        in_paper: true,
        networks: &[Dense, Vgg],
        stepping: None,
    },
    Method {
        name: "GmP+IMN",
        parameterization: Parameterization::Geometric,
        normalization: Normalization::input_mean,
        directions: DirectionInit::Exact,
        paper_rate: 0.1,
        color: Color::VERMILION,
        dash: Stroke::Dashes(&[9, 1]),
        in_paper: true,
        networks: &[Vgg, ResNet],
        stepping: None,
    },
    // The authors' code starts with directions in half of the sphere.
    Method {
        name: "GmP-half-sphere",
        parameterization: Parameterization::Geometric,
        normalization: none,
        directions: DirectionInit::HalfSphere,
        paper_rate: 0.1,
        color: Color::VERMILION,
        dash: Stroke::Dashes(&[9, 2, 2, 2]),
        in_paper: false,
        networks: &[Dense],
        stepping: None,
    },
    Method {
        name: "WN+IMN",
        parameterization: Parameterization::WeightNorm,
        normalization: Normalization::input_mean,
        directions: DirectionInit::Exact,
        paper_rate: 0.01,
        color: Color::INK,
        dash: Stroke::Dashes(&[1, 1]),
        in_paper: false,
        networks: &[Vgg, ResNet],
        stepping: None,
    },
    Method {
        name: "LN",
        parameterization: Parameterization::Standard,
        normalization: Normalization::layer,
        directions: DirectionInit::Exact,
        paper_rate: 0.01,
        color: Color::GREY,
        dash: Stroke::Dashes(&[6, 2, 1, 1, 1, 2]),
        in_paper: false,
        networks: &[Vgg, ResNet],
        stepping: None,
    },
    // Rivals: the same promise without angles.
    Method {
        name: "geodesic",
        parameterization: Parameterization::Custom(&UnitVectors("geodesic")),
        normalization: none,
        directions: DirectionInit::Exact,
        paper_rate: 0.1,
        color: Color::VERMILION,
        dash: Stroke::Dashes(&[12, 3]),
        in_paper: false,
        networks: &[],
        stepping: Some(Stepping::Geodesic),
    },
    Method {
        name: "projected",
        parameterization: Parameterization::Custom(&UnitVectors("projected")),
        normalization: none,
        directions: DirectionInit::Exact,
        paper_rate: 0.1,
        color: Color::SKY,
        dash: Stroke::Dashes(&[3, 3]),
        in_paper: false,
        networks: &[],
        stepping: None,
    },
    Method {
        name: "fixed norm",
        parameterization: Parameterization::Standard,
        normalization: none,
        directions: DirectionInit::Exact,
        paper_rate: 0.1,
        color: Color::INK,
        dash: Stroke::Dashes(&[8, 2, 2, 2]),
        in_paper: false,
        networks: &[],
        stepping: Some(Stepping::FixedNorm),
    },
    Method {
        name: "natural",
        parameterization: Parameterization::Geometric,
        normalization: none,
        directions: DirectionInit::Exact,
        paper_rate: 0.1,
        color: Color::GREY,
        dash: Stroke::Dashes(&[4, 1]),
        in_paper: false,
        networks: &[],
        stepping: Some(Stepping::Natural),
    },
    Method {
        name: "GmP/√n",
        parameterization: Parameterization::Geometric,
        normalization: none,
        directions: DirectionInit::Exact,
        paper_rate: 0.1,
        color: Color::BOUNDARY,
        dash: Stroke::Dashes(&[10, 2, 1, 2]),
        in_paper: false,
        networks: &[],
        stepping: Some(Stepping::Scaled),
    },
    Method {
        name: "recentred",
        parameterization: Parameterization::Custom(&Charts),
        normalization: none,
        directions: DirectionInit::Exact,
        paper_rate: 0.1,
        color: Color::PURPLE,
        dash: Stroke::Dashes(&[7, 2, 3, 2]),
        in_paper: false,
        networks: &[],
        stepping: Some(Stepping::Recentred),
    },
];

/// Standard parameterization.
pub const SP: MethodId = MethodId::named("SP");
/// Weight normalization.
pub const WN: MethodId = MethodId::named("WN");
/// Batch normalization.
pub const BN: MethodId = MethodId::named("BN");
/// Geometric parameterization.
pub const GMP: MethodId = MethodId::named("GmP");
/// Geometric parameterization with input mean normalization.
pub const GMP_IMN: MethodId = MethodId::named("GmP+IMN");
/// Geometric parameterization, initialized as in the authors' code.
pub const GMP_HALF_SPHERE: MethodId = MethodId::named("GmP-half-sphere");

/// Directions that move along great circles.
pub const GEODESIC: MethodId = MethodId::named("geodesic");
/// Weight normalization with directions of length 1.
pub const PROJECTED: MethodId = MethodId::named("projected");
/// Weights of fixed length with steps of fixed angle.
pub const FIXED_NORM: MethodId = MethodId::named("fixed norm");
/// Geometric parameterization with steps divided by the root of the metric.
pub const NATURAL: MethodId = MethodId::named("natural");
/// Geometric parameterization with steps divided by the root of the number of angles.
pub const SCALED: MethodId = MethodId::named("GmP/√n");
/// Geometric parameterization in coordinates that are reflected anew when a unit nears a pole.
pub const RECENTRED: MethodId = MethodId::named("recentred");

fn none() -> Normalization {
    Normalization::None
}

/// All methods, in the order of the table.
pub fn all() -> Vec<MethodId> {
    (0..METHODS.len()).map(|row| MethodId(row as u8)).collect()
}

/// The methods that are run on a kind of network.
pub fn of(architecture: Architecture) -> Vec<MethodId> {
    all().into_iter().filter(|method| method.networks.contains(&architecture)).collect()
}

/// The methods that the paper has of a kind of network.
pub fn in_paper(architecture: Architecture) -> Vec<MethodId> {
    of(architecture).into_iter().filter(|method| method.in_paper).collect()
}

/// The other ways to a bounded turn, and other steps of angles, in no network of the paper.
pub fn rivals() -> Vec<MethodId> {
    all().into_iter().filter(|method| method.networks.is_empty()).collect()
}

/// The methods with which the paper compares GmP in dense networks.
pub fn baselines() -> Vec<MethodId> {
    in_paper(Dense).into_iter().filter(|method| *method != GMP).collect()
}

/// The names of methods, separated by commas.
#[must_use]
pub fn names(methods: &[MethodId]) -> String {
    methods.iter().map(|method| method.name).collect::<Vec<_>>().join(", ")
}

/// The layer of every network here whose units have no activation.
pub const OUTPUT_LAYER: &str = "output";

impl Method {
    /// An optimizer for `network` that takes the steps of `optimizer` in the way of the method.
    #[must_use]
    pub fn optimizer<T: Element>(
        &self,
        network: &Network<T>,
        optimizer: Box<dyn Optimizer<T>>,
    ) -> Box<dyn Optimizer<T>> {
        match self.stepping {
            Some(stepping) => stepping.around(network, optimizer),
            None => optimizer,
        }
    }

    /// What the units of a convolutional network are made of.
    #[must_use]
    pub fn variant(&self) -> Variant {
        let geometric = GeometricOptions { directions: self.directions, ..Default::default() };
        Variant { geometric, ..Variant::new(self.parameterization).normalization((self.normalization)()) }
    }

    /// The dense network with hidden layers of these sizes.
    #[must_use]
    pub fn mlp(&self, inputs: usize, hidden: &[usize], outputs: usize) -> Mlp {
        let mlp = Mlp::new(inputs, hidden, outputs, self.parameterization);
        Mlp { directions: self.directions, ..mlp.normalization((self.normalization)()) }
    }
}

/// A row of [`METHODS`]: what runs and records hold. It reads as its [`Method`] and is ordered as the table is; it is
/// written and read by its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MethodId(u8);

impl MethodId {
    /// The row of that name; a compile error where a constant names none.
    const fn named(name: &str) -> Self {
        let mut row = 0;
        while row < METHODS.len() {
            if is_equal(METHODS[row].name.as_bytes(), name.as_bytes()) {
                return Self(row as u8);
            }
            row += 1;
        }
        panic!("no method of that name")
    }
}

/// `==` of slices is no `const fn`.
const fn is_equal(a: &[u8], b: &[u8]) -> bool {
    let mut k = 0;
    while k < a.len() && k < b.len() && a[k] == b[k] {
        k += 1;
    }
    k == a.len() && k == b.len()
}

impl Deref for MethodId {
    type Target = Method;
    fn deref(&self) -> &Method {
        &METHODS[usize::from(self.0)]
    }
}

impl fmt::Display for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl fmt::Debug for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl FromStr for MethodId {
    type Err = String;
    fn from_str(name: &str) -> Result<Self, String> {
        all()
            .into_iter()
            .find(|method| method.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| format!("unknown method; expected one of {}", names(&all())))
    }
}

impl Serialize for MethodId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for MethodId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = all().into_iter().find(|method| method.name == name);
        found.ok_or_else(|| {
            let known = names(&all());
            serde::de::Error::custom(format_args!("unknown method {name:?}; expected one of {known}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_s_methods_are_in_its_order() {
        assert_eq!(names(&in_paper(Dense)), "SP, WN, BN, GmP");
        assert_eq!(names(&of(Dense)), "SP, WN, BN, GmP, GmP-half-sphere");
        assert_eq!(names(&in_paper(Vgg)), "SP, WN, WN+MBN, BN, GmP, GmP+IMN");
        assert_eq!(names(&of(Vgg)), "SP, WN, WN+MBN, BN, GmP, GmP+IMN, WN+IMN, LN");
        assert_eq!(names(&in_paper(ResNet)), "WN+MBN, BN, GmP+IMN");
        assert_eq!(names(&of(ResNet)), "WN+MBN, BN, GmP+IMN, WN+IMN, LN");
        assert_eq!(baselines(), [SP, WN, BN]);
    }

    #[test]
    fn a_method_is_written_and_read_by_its_name() {
        for method in all() {
            let json = serde_json::to_string(&method).unwrap();
            assert_eq!(json, format!("\"{}\"", method.name));
            assert_eq!(serde_json::from_str::<MethodId>(&json).unwrap(), method);
            assert_eq!(method.name.to_lowercase().parse(), Ok(method));
            assert_eq!(format!("{method:>16}").trim_start(), method.name);
        }
        let error = "GMPP".parse::<MethodId>().unwrap_err();
        assert!(error.ends_with(
            "expected one of SP, WN, WN+MBN, BN, GmP, GmP+IMN, GmP-half-sphere, WN+IMN, LN, \
                 geodesic, projected, fixed norm, natural, GmP/√n, recentred"
        ));
        assert!(serde_json::from_str::<MethodId>("\"gmp\"").is_err(), "records have the exact name");
    }

    /// Also in print, and for readers who see no colours.
    #[test]
    fn methods_can_be_told_apart() {
        for (k, method) in METHODS.iter().enumerate() {
            for other in &METHODS[..k] {
                assert_ne!(method.name.to_lowercase(), other.name.to_lowercase());
                assert_ne!(method.dash, other.dash, "{} and {}", method.name, other.name);
                let shares = method.networks.iter().any(|network| other.networks.contains(network));
                assert!(!shares || method.color != other.color, "{} and {}", method.name, other.name);
            }
        }
    }
}
