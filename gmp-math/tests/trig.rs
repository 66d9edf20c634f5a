//! Sine and cosine against references of higher precision.

use gmp_math::Scalar;
use gmp_math::trig::{LIMIT, sin_cos};

/// A double as an unevaluated sum of two, good for some 100 bits: just enough arithmetic for a reference sine.
#[derive(Clone, Copy)]
struct Double(f64, f64);

impl Double {
    fn add(self, other: Self) -> Self {
        let sum = self.0 + other.0;
        let part = sum - self.0;
        let error = (self.0 - (sum - part)) + (other.0 - part) + self.1 + other.1;
        Self(sum + error, error - ((sum + error) - sum))
    }
    fn times(self, other: Self) -> Self {
        let product = self.0 * other.0;
        let error = self.0.mul_add(other.0, -product) + self.0 * other.1 + self.1 * other.0;
        Self(product + error, error - ((product + error) - product))
    }
    fn over(self, divisor: f64) -> Self {
        let quotient = self.0 / divisor;
        let remainder = (-quotient).mul_add(divisor, self.0) + self.1;
        Self(quotient, 0.0).add(Self(remainder / divisor, 0.0))
    }
}

/// (sin x, cos x) of a double to about 100 bits: π/2 in four pieces, then the Taylor series.
fn reference(x: f64) -> (Double, Double) {
    const HALF_PI: [f64; 4] =
        [std::f64::consts::FRAC_PI_2, 6.123233995736766e-17, -1.4973849048591698e-33, 4.320574262296449e-50];
    let turns = (x / HALF_PI[0]).round();
    let mut rest = Double(x, 0.0);
    for piece in HALF_PI {
        let product = turns * piece;
        rest = rest.add(Double(-product, -turns.mul_add(piece, -product)));
    }
    let square = rest.times(rest);
    let series = |first: Double, mut k: f64| {
        let (mut term, mut sum) = (first, first);
        while k < 32.0 {
            term = term.times(square).over(-k * (k + 1.0));
            sum = sum.add(term);
            k += 2.0;
        }
        sum
    };
    let (sine, cosine) = (series(rest, 2.0), series(Double(1.0, 0.0), 1.0));
    let negative = |x: Double| Double(-x.0, -x.1);
    match turns.rem_euclid(4.0) as u8 {
        0 => (sine, cosine),
        1 => (cosine, negative(sine)),
        2 => (negative(sine), negative(cosine)),
        _ => (negative(cosine), sine),
    }
}

/// Error in units of the last place of the exact value.
fn ulps64(computed: f64, exact: Double) -> f64 {
    let magnitude = exact.0.abs();
    (((computed - exact.0) - exact.1) / (magnitude.next_up() - magnitude)).abs()
}

fn ulps32(computed: f32, exact: f64) -> f64 {
    let magnitude = (exact as f32).abs();
    ((f64::from(computed) - exact) / f64::from(magnitude.next_up() - magnitude)).abs()
}

/// Angles spread over binades and over the range, the ends of every quadrant and their neighbours.
fn angles() -> Vec<f64> {
    let mut angles = vec![0.0, -0.0, LIMIT, -LIMIT];
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    for _ in 0..300_000 {
        angles.push((2.0 * uniform() - 1.0) * LIMIT);
        angles.push((2.0 * uniform() - 1.0) * 10.0);
        angles.push((uniform() * 60.0 - 45.0).exp2());
    }
    // π/4 goes 41 721 times into the range.
    for quarter in 0..=41_721 {
        let nearest = f64::from(quarter) * std::f64::consts::FRAC_PI_2 / 2.0;
        angles.extend([nearest, nearest.next_up(), nearest.next_down(), f64::from(nearest as f32)]);
        let single = nearest as f32;
        angles.extend([f64::from(single.next_up()), f64::from(single.next_down())]);
    }
    angles
}

/// The module's stated accuracy in double precision, over the whole range of the vector code.
#[test]
fn f64_is_within_its_stated_error() {
    let angles = angles();
    let (mut sines, mut cosines) = (vec![0.0; angles.len()], vec![0.0; angles.len()]);
    sin_cos(&angles, &mut sines, &mut cosines);
    let (mut worst_sine, mut worst_cosine) = (0.0_f64, 0.0_f64);
    for i in 0..angles.len() {
        let (sine, cosine) = reference(angles[i]);
        worst_sine = worst_sine.max(if angles[i] == 0.0 { sines[i].abs() } else { ulps64(sines[i], sine) });
        worst_cosine = worst_cosine.max(ulps64(cosines[i], cosine));
    }
    println!("f64: sine {worst_sine:.4} ulp, cosine {worst_cosine:.4} ulp");
    assert!(worst_sine <= 0.93 && worst_cosine <= 0.93, "{worst_sine} {worst_cosine}");
}

/// The module's stated accuracy in single precision, over the whole range of the vector code.
#[test]
fn f32_is_within_its_stated_error() {
    let angles: Vec<f32> = angles().into_iter().map(|x| x as f32).collect();
    let (mut sines, mut cosines) = (vec![0.0; angles.len()], vec![0.0; angles.len()]);
    sin_cos(&angles, &mut sines, &mut cosines);
    let (mut worst_sine, mut worst_cosine) = (0.0_f64, 0.0_f64);
    for i in 0..angles.len() {
        let angle = f64::from(angles[i]);
        worst_sine = worst_sine.max(ulps32(sines[i], angle.sin()));
        worst_cosine = worst_cosine.max(ulps32(cosines[i], angle.cos()));
    }
    println!("f32: sine {worst_sine:.4} ulp, cosine {worst_cosine:.4} ulp");
    assert!(worst_sine <= 0.93 && worst_cosine <= 0.93, "{worst_sine} {worst_cosine}");
}

/// Every single-precision angle in range, some 2.4 thousand million with the negative ones, whose results are the same but for a
/// sign: run by name in a release build.
#[test]
#[ignore = "exhaustive: 20 s in a release build"]
fn f32_exhaustively() {
    let (mut worst_sine, mut worst_cosine) = (0.0_f64, 0.0_f64);
    let last = (LIMIT as f32).to_bits();
    let mut from = 0;
    while from <= last {
        let angles: Vec<f32> = (from..=last.min(from + 65_535)).map(f32::from_bits).collect();
        let (mut sines, mut cosines) = (vec![0.0; angles.len()], vec![0.0; angles.len()]);
        sin_cos(&angles, &mut sines, &mut cosines);
        for i in 0..angles.len() {
            let angle = f64::from(angles[i]);
            worst_sine = worst_sine.max(ulps32(sines[i], angle.sin()));
            worst_cosine = worst_cosine.max(ulps32(cosines[i], angle.cos()));
        }
        from += 65_536;
    }
    println!("f32, all angles: sine {worst_sine:.4} ulp, cosine {worst_cosine:.4} ulp");
    assert!(worst_sine <= 0.93 && worst_cosine <= 0.93, "{worst_sine} {worst_cosine}");
}

/// To the last bit sine is odd and cosine even, so that one sign of angles stands for both.
#[test]
fn sine_is_odd_and_cosine_even() {
    fn check<T: Scalar>() {
        let angles: Vec<T> = angles().into_iter().map(T::from_f64).collect();
        let mirrored: Vec<T> = angles.iter().map(|angle| -*angle).collect();
        let [mut sines, mut cosines, mut odd, mut even] = [(); 4].map(|()| vec![T::ZERO; angles.len()]);
        sin_cos(&angles, &mut sines, &mut cosines);
        sin_cos(&mirrored, &mut odd, &mut even);
        assert!(cosines == even && sines.iter().zip(&odd).all(|(sine, odd)| *sine == -*odd));
    }
    check::<f32>();
    check::<f64>();
}

/// The reference itself: sin² + cos² = 1 and sin 2x = 2 sin x cos x far below double precision.
#[test]
fn the_reference_satisfies_identities() {
    for x in [1e-9, 0.3, 1.0, -2.5, 100.25, 31_234.567] {
        let ((sine, cosine), (double, _)) = (reference(x), reference(2.0 * x));
        let one = sine.times(sine).add(cosine.times(cosine)).add(Double(-1.0, 0.0));
        let product = sine.times(cosine);
        let zero = product.add(product).add(Double(-double.0, -double.1));
        assert!(
            one.0.abs() < 1e-30 && zero.0.abs() < 1e-30 * double.0.abs().max(1e-9),
            "{x}: {} {}",
            one.0,
            zero.0
        );
    }
}

/// Past the limit, at infinities and NaN the platform's library answers, beside angles that are in range.
#[test]
fn beyond_the_limit_the_library_answers() {
    let angles = [1.0_f64, 1e10, f64::INFINITY, f64::NAN, -1e300, 32768.5];
    let (mut sines, mut cosines) = ([0.0; 6], [0.0; 6]);
    sin_cos(&angles, &mut sines, &mut cosines);
    for i in [1, 4, 5] {
        assert_eq!((sines[i], cosines[i]), (angles[i].sin(), angles[i].cos()));
    }
    // What is in range is what it would be alone: results do not depend on how columns are shared among threads.
    let (mut sine, mut cosine) = ([0.0], [0.0]);
    sin_cos(&angles[..1], &mut sine, &mut cosine);
    assert_eq!((sines[0], cosines[0]), (sine[0], cosine[0]));
    assert!(sines[2].is_nan() && sines[3].is_nan() && cosines[2].is_nan() && cosines[3].is_nan());
}
