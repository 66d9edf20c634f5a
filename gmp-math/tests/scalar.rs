//! `Scalar`: functions that have the same bits on every machine, and what they do with NaN.

use gmp_math::Scalar;

/// x, tanh x, eˣ − 1 and erf x, the last three correctly rounded (mpmath, 200 bits).
const VALUES: [[f64; 4]; 8] = [
    [1e-300, 1e-300, 1e-300, 1.1283791670955126e-300],
    [-1e-5, -9.999999999666668e-6, -9.999950000166666e-6, -1.1283791670579e-5],
    [0.2041331980178477, 0.20134424076562676, 0.2264615048183386, 0.22717980539380178],
    [-0.5, -0.46211715726000974, -0.3934693402873666, -0.5204998778130465],
    [0.75, 0.6351489523872873, 1.1170000166126746, 0.7111556336535151],
    [1.5, 0.9051482536448664, 3.481689070338065, 0.9661051464753108],
    [-3.0, -0.9950547536867305, -0.950212931632136, -0.9999779095030014],
    [19.0, 0.9999999999999999, 178482299.96318725, 1.0],
];

fn ulps<T: Scalar>(got: T, expected: f64) -> f64 {
    let rounded = T::from_f64(expected).to_f64().abs();
    (got.to_f64() - expected).abs() / (rounded * T::EPSILON.to_f64() / 2.0).max(T::MIN_POSITIVE.to_f64())
}

fn accurate<T: Scalar>() {
    for [x, ..] in VALUES {
        let x = T::from_f64(x);
        // The functions of the rounded argument, in double precision.
        let [tanh, exp_m1, erf] = if T::NAME == "f64" {
            VALUES.into_iter().find(|v| v[0] == x.to_f64()).map(|[_, t, m, e]| [t, m, e]).unwrap()
        } else {
            let x = x.to_f64();
            [Scalar::tanh(x), Scalar::exp_m1(x), Scalar::erf(x)]
        };
        for (name, got, expected, allowed) in
            [("tanh", x.tanh(), tanh, 5.0), ("exp_m1", x.exp_m1(), exp_m1, 2.0), ("erf", x.erf(), erf, 2.0)]
        {
            // In units of at least half an ulp.
            assert!(ulps(got, expected) <= allowed, "{name}({x}) in {}: {got} for {expected}", T::NAME);
        }
    }
    assert_eq!((T::INFINITY.tanh(), (-T::INFINITY).exp_m1(), T::INFINITY.erf()), (T::ONE, -T::ONE, T::ONE));
    assert!(
        [T::NAN.tanh(), T::NAN.exp_m1(), T::NAN.erf(), (-T::ONE).powf(T::from_f64(0.5))]
            .iter()
            .all(|x| x.is_nan())
    );
    assert_eq!(T::from_f64(2.0).powf(T::from_f64(-3.0)), T::from_f64(0.125));
    assert_eq!((T::from_f64(-1.5).floor(), T::from_f64(1.5).floor()), (T::from_f64(-2.0), T::ONE));
}

#[test]
fn hyperbolic_tangent_exponential_and_error_function() {
    accurate::<f64>();
    accurate::<f32>();
}

/// The same bits on every machine: if this fails, results differ between machines, and networks with these activations with them.
#[test]
fn bits_are_those_of_every_machine() {
    let bits =
        |x: f64| [Scalar::tanh(x), Scalar::exp_m1(x), Scalar::erf(x), Scalar::powf(x, 1.7)].map(f64::to_bits);
    let single =
        |x: f32| [Scalar::tanh(x), Scalar::exp_m1(x), Scalar::erf(x), Scalar::powf(x, 1.7)].map(f32::to_bits);
    assert_eq!(
        bits(0.204_133_198_017_847_7),
        [0x3fc9_c5a5_e8a9_c4c1, 0x3fcc_fcb0_ca7f_b4fc, 0x3fcd_143a_553d_2fdc, 0x3fb1_2ec9_f378_2382]
    );
    assert_eq!(
        bits(1.37),
        [0x3fec_1e3f_1738_9c1c, 0x4007_7b99_253a_b13b, 0x3fee_5062_1715_0408, 0x3ffb_52f4_6d5f_6576]
    );
    assert_eq!(single(0.204_133_2), [0x3e4e_2d2e, 0x3e67_e586, 0x3e68_a1d3, 0x3d89_764f]);
    assert_eq!(single(1.37), [0x3f60_f1f9, 0x403b_dcc9, 0x3f72_8311, 0x3fda_97a4]);
}

/// The second operand wherever one is NaN, for both precisions and both orders.
#[test]
fn max_and_min_give_the_second_operand_beside_a_nan() {
    fn check<T: Scalar>() {
        let two = T::from_f64(2.0);
        assert_eq!(
            (T::ONE.max(two), two.max(T::ONE), T::ONE.min(two), two.min(T::ONE)),
            (two, two, T::ONE, T::ONE)
        );
        assert_eq!((T::NAN.max(T::ONE), T::NAN.min(T::ONE)), (T::ONE, T::ONE));
        assert!(T::ONE.max(T::NAN).is_nan() && T::ONE.min(T::NAN).is_nan());
        // And where they are equal, which shows in the sign of zero.
        for (first, second) in [(T::ZERO, -T::ZERO), (-T::ZERO, T::ZERO)] {
            for chosen in [Scalar::max(first, second), Scalar::min(first, second)] {
                assert_eq!(chosen.to_f64().to_bits(), second.to_f64().to_bits());
            }
        }
    }
    check::<f32>();
    check::<f64>();
}
