//! The two floating-point types that everything is generic over.

use std::fmt::{Debug, Display, LowerExp};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::elementary;
use crate::trig::SinCosWithinLimit;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`; sealed, so that kernels may rely on IEEE 754 semantics.
///
/// The trait has only what the workspace needs: it is not a general numeric tower. If an activation or a loss of your
/// own needs another function, it can compute it in double precision: `T::from_f64(x.to_f64().cbrt())`.
///
/// # NaN in `max` and `min`
///
/// [`max`](Scalar::max) and [`min`](Scalar::min) are one machine instruction each, not IEEE's `maximum`: **where either
/// operand is NaN the result is the second one.** `x.max(T::ZERO)` turns a NaN into 0 and so hides it;
/// `T::ZERO.max(x)` keeps it.
///
/// # Which functions have the same bits everywhere
///
/// Arithmetic, `mul_add`, `sqrt`, `abs`, `floor`, `round_ties_even`, `copysign`, `max` and `min` are exact or rounded once.
/// `tanh`, `exp_m1`, `erf` and `powf` are those of the `libm` crate, and `hypot` that of glibc 2.35, the same on every machine.
/// `exp`, `ln`, `ln_1p`, `sin`, `cos`, `atan2` and `powi` are the platform's and may differ in the last bit between operating systems.
/// ([`trig`](crate::trig) has a sine and a cosine with the same bits everywhere, [`elementary`] the logarithm of 1 + x.)
///
/// ```
/// use gmp_math::Scalar;
/// fn hypotenuse<T: Scalar>(a: T, b: T) -> T {
///     a.mul_add(a, b * b).sqrt()
/// }
/// assert_eq!(hypotenuse(3.0_f32, 4.0), 5.0);
/// assert_eq!(hypotenuse(3.0_f64, 4.0), 5.0);
/// ```
pub trait Scalar:
    sealed::Sealed
    + SinCosWithinLimit
    + Copy
    + Default
    + Debug
    + Display
    + LowerExp
    + PartialEq
    + PartialOrd
    + Send
    + Sync
    + 'static
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Sum
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// π rounded to this type.
    const PI: Self;
    /// Distance from 1 to the next larger number.
    const EPSILON: Self;
    /// Smallest positive normal number.
    const MIN_POSITIVE: Self;
    /// +∞.
    const INFINITY: Self;
    /// A NaN.
    const NAN: Self;
    /// The name of the type: `"f32"` or `"f64"`.
    const NAME: &'static str;

    /// Rounds a double to this type.
    fn from_f64(x: f64) -> Self;
    /// Widens to a double, exactly.
    fn to_f64(self) -> f64;
    /// Rounds a count to this type.
    fn from_usize(n: usize) -> Self {
        Self::from_f64(n as f64)
    }
    /// `self · a + b` with one rounding.
    fn mul_add(self, a: Self, b: Self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// e to the power of `self`.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// ln(1 + `self`), accurate near 0.
    fn ln_1p(self) -> Self;
    /// Sine of an angle in radians, from the platform's library.
    fn sin(self) -> Self;
    /// Cosine of an angle in radians, from the platform's library.
    fn cos(self) -> Self;
    /// Angle of the point (x = `other`, y = `self`), in (−π, π].
    fn atan2(self, other: Self) -> Self;
    /// √(`self`² + `other`²) without overflow or underflow on the way, to 1 ulp. Loops over it are vectorised.
    fn hypot(self, other: Self) -> Self;
    /// e to the power of `self`, minus 1, accurate near 0: to 1 ulp, the bits of the `libm` crate. Loops over it are vectorised.
    fn exp_m1(self) -> Self;
    /// Hyperbolic tangent, to 2.5 ulp, the bits of the `libm` crate. Loops over it are vectorised.
    fn tanh(self) -> Self;
    /// Error function 2/√π ∫₀ˣ e^(−t²) dt, to 1 ulp, from the `libm` crate.
    fn erf(self) -> Self;
    /// `self` raised to a power, to 1 ulp, from the `libm` crate; NaN for a negative number and a power that is not whole.
    fn powf(self, power: Self) -> Self;
    /// `self` raised to an integer power.
    fn powi(self, n: i32) -> Self;
    /// Rounds to the nearest integer, halves to even.
    fn round_ties_even(self) -> Self;
    /// The largest integer that is not above `self`.
    fn floor(self) -> Self;
    /// The larger of the two, as one machine instruction: **`other` where either is NaN**, and where they are equal.
    ///
    /// ```
    /// use gmp_math::Scalar;
    /// let (x, zero) = (f64::NAN, 0.0);
    /// assert_eq!(Scalar::max(x, zero), 0.0); // hides the NaN
    /// assert!(Scalar::max(zero, x).is_nan()); // keeps it
    /// ```
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self > other { self } else { other }
    }
    /// The smaller of the two, as one machine instruction: **`other` where either is NaN**, and where they are equal.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if self < other { self } else { other }
    }
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// Whether this is NaN.
    fn is_nan(self) -> bool;
    /// Magnitude of `self` with the sign of `sign`.
    fn copysign(self, sign: Self) -> Self;
}

macro_rules! scalar {
    ($t:ident, $name:literal, $exp_m1:ident, $tanh:ident, $erf:ident, $powf:ident, $hypot:ident) => {
        impl Scalar for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const PI: Self = std::$t::consts::PI;
            const EPSILON: Self = $t::EPSILON;
            const MIN_POSITIVE: Self = $t::MIN_POSITIVE;
            const INFINITY: Self = $t::INFINITY;
            const NAN: Self = $t::NAN;
            const NAME: &'static str = $name;
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                $t::mul_add(self, a, b)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $t::abs(self)
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $t::exp(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                $t::ln(self)
            }
            #[inline(always)]
            fn ln_1p(self) -> Self {
                $t::ln_1p(self)
            }
            #[inline(always)]
            fn sin(self) -> Self {
                $t::sin(self)
            }
            #[inline(always)]
            fn cos(self) -> Self {
                $t::cos(self)
            }
            #[inline(always)]
            fn atan2(self, other: Self) -> Self {
                $t::atan2(self, other)
            }
            #[inline(always)]
            fn hypot(self, other: Self) -> Self {
                elementary::$hypot(self, other)
            }
            #[inline(always)]
            fn exp_m1(self) -> Self {
                elementary::$exp_m1(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                elementary::$tanh(self)
            }
            #[inline]
            fn erf(self) -> Self {
                libm::$erf(self)
            }
            #[inline]
            fn powf(self, power: Self) -> Self {
                libm::$powf(self, power)
            }
            #[inline(always)]
            fn floor(self) -> Self {
                $t::floor(self)
            }
            #[inline(always)]
            fn round_ties_even(self) -> Self {
                $t::round_ties_even(self)
            }
            #[inline(always)]
            fn powi(self, n: i32) -> Self {
                $t::powi(self, n)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $t::is_finite(self)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                $t::is_nan(self)
            }
            #[inline(always)]
            fn copysign(self, sign: Self) -> Self {
                $t::copysign(self, sign)
            }
        }
    };
}
scalar!(f32, "f32", exp_m1_f32, tanh_f32, erff, powf, hypot_f32);
scalar!(f64, "f64", exp_m1_f64, tanh_f64, erf, pow, hypot_f64);
