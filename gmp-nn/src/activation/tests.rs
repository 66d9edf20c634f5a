//! Every activation, in files, as text and as a function.

use super::{Activation, Pointwise, Reads};
use crate::Error;
use gmp_math::Scalar;
use proptest::prelude::*;

/// α(eᶻ − 1) below 0.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Elu {
    alpha: f64,
}

impl Pointwise for Elu {
    const NAME: &'static str = "elu";
    const READS: Reads = Reads::Output;
    const HOMOGENEOUS: bool = false;
    const KINKS: &'static [f64] = &[];
    fn value<T: Scalar>(self, z: T) -> T {
        if z > T::ZERO { z } else { T::from_f64(self.alpha) * z.exp_m1() }
    }
    fn slope<T: Scalar>(self, y: T) -> T {
        if y > T::ZERO { T::ONE } else { y + T::from_f64(self.alpha) }
    }
}

const CUSTOM: Activation = Activation::Custom(&Elu { alpha: 1.0 });

fn all() -> impl Iterator<Item = Activation> {
    let others = [Activation::LeakyRelu { slope: -0.5 }, CUSTOM];
    Activation::ALL.into_iter().chain(others)
}

#[test]
fn files_hold_names() {
    for activation in Activation::ALL {
        let json = serde_json::to_string(&activation).unwrap();
        let expected = match activation {
            Activation::LeakyRelu { slope } => format!("{{\"leaky_relu\":{{\"slope\":{slope}}}}}"),
            other => format!("\"{}\"", other.name()),
        };
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Activation>(&json).unwrap(), activation);
    }
    assert_eq!(serde_json::to_string(&Activation::Identity).unwrap(), "\"identity\"");
    assert_eq!(serde_json::to_string(&Activation::Relu).unwrap(), "\"relu\"");
    let json = serde_json::to_string(&CUSTOM).unwrap();
    assert_eq!(json, r#"{"custom":"elu"}"#);
    let error = serde_json::from_str::<Activation>(&json).unwrap_err().to_string();
    assert!(
        error.starts_with("the custom activation \"elu\" is code, which a file does not hold"),
        "{error}"
    );
    for wrong in
        ["\"elu\"", "{\"leaky_relu\":{}}", "{\"leaky_relu\":{\"slope\":1,\"x\":2}}", "\"leaky_relu\""]
    {
        assert!(serde_json::from_str::<Activation>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn text_is_read_back() {
    for activation in Activation::ALL {
        assert_eq!(activation.to_string().parse(), Ok(activation));
        assert_eq!(activation.name().parse(), Ok(activation));
    }
    assert_eq!("leaky_relu(-2)".parse(), Ok(Activation::LeakyRelu { slope: -2.0 }));
    assert_eq!(Activation::LeakyRelu { slope: 0.25 }.to_string(), "leaky_relu(0.25)");
    assert_eq!(format!("{:>6}|{:<9}|", Activation::Relu, CUSTOM), "  relu|elu      |");
    for unknown in ["elu", "ReLU", "", "leaky_relu(x)", "leaky_relu(nan)", "relu(1)"] {
        let error = unknown.parse::<Activation>().unwrap_err();
        assert_eq!(error, Error::UnknownActivation { name: unknown.to_owned() });
        let text = error.to_string();
        assert!(text.ends_with("expected identity, relu, leaky_relu, absolute_value, hard_tanh, tanh, sigmoid, softplus, gelu or silu"), "{text}");
    }
}

#[test]
fn equal_are_those_of_one_type_and_value() {
    static SAME: Elu = Elu { alpha: 1.0 };
    assert_eq!(Activation::Custom(&SAME), CUSTOM);
    assert_ne!(Activation::Custom(&Elu { alpha: 2.0 }), CUSTOM);
    assert_eq!(Activation::Custom(&super::Tanh), Activation::Tanh);
    let all: Vec<_> = all().collect();
    for (i, a) in all.iter().enumerate() {
        for (j, b) in all.iter().enumerate() {
            assert_eq!(a == b, i == j, "{a} and {b}");
        }
    }
}

#[test]
fn a_homogeneous_function_is_piecewise_linear_with_no_kink_but_0() {
    for activation in all() {
        let kinks = activation.kinks();
        assert!(kinks.is_sorted(), "{activation}");
        if activation.is_homogeneous() {
            assert!(
                activation.is_piecewise_linear() && kinks.iter().all(|&kink| kink == 0.0),
                "{activation}"
            );
        }
    }
    assert_eq!(Activation::HardTanh.kinks(), [-1.0, 1.0]);
    assert!(Activation::HardTanh.is_piecewise_linear() && !Activation::HardTanh.is_homogeneous());
    assert!(!Activation::Tanh.is_piecewise_linear() && Activation::Tanh.kinks().is_empty());
}

fn limits<T: Scalar>() {
    let inf = T::from_f64(f64::INFINITY);
    let (zero, one, minus) = (T::ZERO, T::ONE, -T::ONE);
    let leaky = Activation::LeakyRelu { slope: 0.25 };
    let quarter = T::from_f64(0.25);
    // g(−∞), g(∞), and the slopes there.
    for (activation, values, slopes) in [
        (Activation::Identity, [-inf, inf], [one, one]),
        (Activation::Relu, [zero, inf], [zero, one]),
        (leaky, [-inf, inf], [quarter, one]),
        (Activation::AbsoluteValue, [inf, inf], [minus, one]),
        (Activation::HardTanh, [minus, one], [zero, zero]),
        (Activation::Tanh, [minus, one], [zero, zero]),
        (Activation::Sigmoid, [zero, one], [zero, zero]),
        (Activation::Softplus, [zero, inf], [zero, one]),
        (Activation::Gelu, [zero, inf], [zero, one]),
        (Activation::Silu, [zero, inf], [zero, one]),
    ] {
        let largest = T::ONE / T::MIN_POSITIVE;
        assert_eq!([-inf, inf].map(|z| activation.value(z)), values, "{activation} in {}", T::NAME);
        assert_eq!([-inf, inf].map(|z| activation.slope(z)), slopes, "{activation} in {}", T::NAME);
        assert_eq!([-largest, largest].map(|z| activation.slope(z)), slopes, "{activation} in {}", T::NAME);
        assert!(
            [-largest, largest].map(|z| activation.value(z)).iter().all(|y| y.is_finite()),
            "{activation}"
        );
    }
    for activation in all() {
        assert!(activation.value(T::from_f64(f64::NAN)).to_f64().is_nan(), "{activation} in {}", T::NAME);
        let is_smooth = activation.kinks().is_empty() && !activation.is_piecewise_linear();
        if is_smooth && activation != CUSTOM {
            assert!(activation.slope(T::from_f64(f64::NAN)).to_f64().is_nan(), "{activation} in {}", T::NAME);
        }
    }
}

#[test]
fn infinities_have_their_limits_and_nan_stays() {
    limits::<f32>();
    limits::<f64>();
}

/// Whether no kink is within `distance` of z.
fn is_smooth_around(activation: Activation, z: f64, distance: f64) -> bool {
    activation.kinks().iter().all(|kink| (z - kink).abs() > distance)
}

proptest! {
    #[test]
    fn the_slope_is_that_of_central_differences(z in -40.0..40.0) {
        const STEP: f64 = 1e-5;
        for activation in all().filter(|&activation| is_smooth_around(activation, z, 2.0 * STEP)) {
            let numeric = (activation.value(z + STEP) - activation.value(z - STEP)) / (2.0 * STEP);
            let slope = activation.slope(z);
            // The third derivatives are below 1, and rounding is |z| ulps over a step.
            prop_assert!((slope - numeric).abs() < 1e-9, "{activation} at {z}: {slope} for {numeric}");
        }
    }

    #[test]
    fn homogeneous_functions_scale(z in -100.0..100.0, c in 1e-3..1e3) {
        for activation in all() {
            let (scaled, expected): (f64, f64) = (activation.value(c * z), c * activation.value(z));
            let is_scaled = (scaled - expected).abs() <= 4.0 * f64::EPSILON * expected.abs();
            prop_assert!(!activation.is_homogeneous() || is_scaled, "{activation}({c}·{z}): {scaled} for {expected}");
        }
    }

    #[test]
    fn piecewise_linear_functions_are_linear_between_kinks(a in -4.0..4.0, b in -4.0..4.0, t in 0.0..1.0) {
        for activation in all().filter(|activation| activation.is_piecewise_linear()) {
            let kinks = activation.kinks();
            let piece = |z: f64| kinks.iter().filter(|&&kink| z > kink).count();
            if piece(a) == piece(b) {
                let (z, expected): (f64, f64) =
                    (a + t * (b - a), activation.value(a) + t * (activation.value(b) - activation.value(a)));
                prop_assert!((activation.value(z) - expected).abs() < 1e-14, "{activation} at {z}");
                prop_assert_eq!(activation.slope(a), activation.slope(b), "{} at {} and {}", activation, a, b);
            }
        }
    }

    /// The same in both precisions, to rounding: no formula cancels where the other has digits to spare.
    #[test]
    fn single_precision_is_double_precision_rounded(z in -80.0..80.0_f32) {
        for activation in all() {
            let (single, double) = (f64::from(activation.value(z)), activation.value(f64::from(z)));
            let allowed = 4.0 * f64::from(f32::EPSILON) * double.abs() + f64::from(f32::MIN_POSITIVE);
            prop_assert!((single - double).abs() <= allowed, "{activation} at {z}: {single} for {double}");
        }
    }
}

#[test]
fn only_what_says_so_is_homogeneous_or_piecewise_linear() {
    for activation in all() {
        let g = |z: f64| activation.value(z);
        let is_homogeneous = [-0.7, 0.3].iter().all(|&z| (g(4.0 * z) - 4.0 * g(z)).abs() < 1e-12);
        assert_eq!(activation.is_homogeneous(), is_homogeneous, "{activation}");
        // Second differences vanish on pieces away from −1, 0 and 1, where the built-in functions have their kinks.
        let second = |z: f64| g(z - 0.25) - 2.0 * g(z) + g(z + 0.25);
        let is_linear = [-1.5, -0.5, 0.5, 1.5].iter().all(|&z| second(z).abs() < 1e-12);
        assert_eq!(activation.is_piecewise_linear(), is_linear, "{activation}");
    }
}
