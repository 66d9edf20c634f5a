//! The functions without branches against the `libm` crate's, bit for bit.

use gmp_math::Scalar;
use gmp_math::elementary::{erfc, ln_1p};
use gmp_math::simd::{Arm, Kernel, dispatch, force};

/// f(x) of every x, in a loop that is compiled for every arm.
struct Each<'a, T, F>(F, &'a [T], &'a mut [T]);

impl<T: Scalar, F: Fn(T) -> T> Kernel for Each<'_, T, F> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (y, x) in self.2.iter_mut().zip(self.1) {
            *y = (self.0)(*x);
        }
    }
}

/// Every arm against the reference. NaN is equal to NaN, whatever its sign and payload.
fn compare<T: Scalar>(name: &str, x: &[T], ours: impl Fn(T) -> T + Copy, reference: impl Fn(T) -> T) {
    let expected: Vec<T> = x.iter().map(|&x| reference(x)).collect();
    let is_same =
        |a: T, b: T| (a == b && a.to_f64().to_bits() == b.to_f64().to_bits()) || (a.is_nan() && b.is_nan());
    for arm in Arm::available() {
        let _forced = force(arm);
        let mut y = vec![T::ZERO; x.len()];
        dispatch(Each(ours, x, &mut y));
        for (i, (&y, &expected)) in y.iter().zip(&expected).enumerate() {
            assert!(is_same(y, expected), "{name}({:e}) with {arm}: {y:e}, expected {expected:e}", x[i]);
        }
    }
}

/// Every n-th pattern of bits, so that all exponents, infinities and NaN are among them.
fn all_f32(step: u32) -> Vec<f32> {
    (0..u32::MAX / step).map(|i| f32::from_bits(i * step)).collect()
}

/// Random patterns of bits, random numbers of the sizes that activations see, and the neighbours of every limit in the code.
fn many_f64() -> Vec<f64> {
    let mut state = 7_u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        // The lowest bits of such a generator repeat after a few.
        state ^ (state >> 32)
    };
    let mut all: Vec<f64> = (0..400_000).map(|_| f64::from_bits(random())).collect();
    for size in [1.0, 5.0, 40.0, 800.0] {
        all.extend((0..200_000).map(|_| size * (random() as f64 / 2.0_f64.powi(63) - 1.0)));
    }
    let upper = [
        0x3c900000, 0x3c700000, 0x3ca00000, 0x3e300000, 0x3fd058ae, 0x3fd2bec4, 0x3fd62e42, 0x3fda827a,
        0x3fe193ea, 0x3feb0000, 0x3ff00000, 0x3ff0a2b2, 0x3ff40000, 0x4006db6d, 0x403c0000, 0x40340000,
        0x4043687a, 0x40862e42, 0x7ff00000, 0x00100000, 0,
    ];
    for limit in upper {
        for near in -2..3 {
            for lower in [0, 1, u64::from(u32::MAX)] {
                let bits = (limit + near) as u64 & 0xffff_ffff;
                all.extend([1.0, -1.0].map(|sign| sign * f64::from_bits(bits << 32 | lower)));
            }
        }
    }
    all.extend([
        709.782712893384,
        709.7827128933839,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        0.0,
        -0.0,
        -1.0,
    ]);
    all
}

fn compare_singles(x: &[f32]) {
    compare(
        "exp_m1",
        x,
        #[inline(always)]
        |x: f32| Scalar::exp_m1(x),
        libm::expm1f,
    );
    compare(
        "tanh",
        x,
        #[inline(always)]
        |x: f32| Scalar::tanh(x),
        libm::tanhf,
    );
}

#[test]
fn single_precision_is_libm_s() {
    // A prime, so that the last bits vary.
    compare_singles(&all_f32(1009));
}

/// Takes minutes: `cargo test --release -p gmp-math --test elementary -- --ignored`.
#[test]
#[ignore = "all 2³² numbers take minutes"]
fn every_single_precision_number_is_libm_s() {
    for upper in 0..=u16::MAX {
        let x: Vec<f32> =
            (0..=u16::MAX).map(|lower| f32::from_bits(u32::from(upper) << 16 | u32::from(lower))).collect();
        compare_singles(&x);
    }
}

#[test]
fn double_precision_is_libm_s() {
    let x = many_f64();
    compare(
        "exp_m1",
        &x,
        #[inline(always)]
        |x: f64| Scalar::exp_m1(x),
        libm::expm1,
    );
    compare(
        "tanh",
        &x,
        #[inline(always)]
        |x: f64| Scalar::tanh(x),
        libm::tanh,
    );
    compare(
        "ln_1p",
        &x,
        #[inline(always)]
        |x: f64| ln_1p(x),
        libm::log1p,
    );
    compare(
        "erfc",
        &x,
        #[inline(always)]
        |x: f64| erfc(x),
        libm::erfc,
    );
}

/// The platform's is of unknown making: they may differ in the last bit.
#[test]
fn hypotenuses_are_the_platform_s_to_1_ulp() {
    let x = many_f64();
    let y: Vec<f64> =
        x.iter().rev().zip(&x).map(|(&y, &x)| if y.to_bits() % 2 == 0 { y } else { x * (y % 4.0) }).collect();
    let mut differ = 0;
    for (&x, &y) in x.iter().zip(&y) {
        let (ours, expected) = (Scalar::hypot(x, y), x.hypot(y));
        let is_near =
            |a: f64, b: f64| a == b || a == b.next_up() || a == b.next_down() || (a.is_nan() && b.is_nan());
        assert!(is_near(ours, expected), "hypot({x:e}, {y:e}): {ours:e}, expected {expected:e}");
        differ += u32::from(ours.to_bits() != expected.to_bits() && !ours.is_nan());
        let (x, y) = (x as f32, y as f32);
        let (ours, expected) = (Scalar::hypot(x, y), x.hypot(y));
        let is_near = ours == expected || ours == expected.next_up() || ours == expected.next_down();
        assert!(
            is_near || (ours.is_nan() && expected.is_nan()),
            "hypot({x:e}, {y:e}): {ours:e}, expected {expected:e}"
        );
        differ += u32::from(ours.to_bits() != expected.to_bits() && !ours.is_nan());
    }
    println!("{differ} of {} differ from the platform's in the last bit", 2 * x.len());
}
