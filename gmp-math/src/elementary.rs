//! The elementary functions of smooth activations, without branches, so that loops over them are vectorised.
//!
//! e^x − 1, tanh x, ln(1 + x) and erfc x are those of the `libm` crate to the last bit: the same constants and the same
//! operations in the same order, without fused multiply-adds. Where `libm` branches on the argument, all cases are computed here
//! and one is selected. e^x − 1 and tanh x are [`Scalar::exp_m1`](crate::Scalar::exp_m1) and [`Scalar::tanh`](crate::Scalar::tanh).
//!
//! Source: FreeBSD's msun (s_expm1.c, s_tanh.c, s_log1p.c, s_erf.c, e_exp.c), which the `libm` crate translates.
//! `tests/elementary.rs` compares the two.

// ====================================================
// Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved.
//
// Developed at SunPro, a Sun Microsystems, Inc. business. Permission to use, copy, modify, and distribute this software is
// freely granted, provided that this notice is preserved.
// ====================================================

/// c₀ + x (c₁ + x (c₂ + …)), every product and every sum rounded.
macro_rules! polynomial {
    ($x:expr, [$last:expr]) => { $last };
    ($x:expr, [$first:expr, $($rest:expr),+]) => { $first + $x * polynomial!($x, [$($rest),+]) };
}

/// The functions that differ by precision in constants only.
///
/// A limit of libm that is a pattern of bits is given as that; those of f64 are patterns of the upper 32 bits.
macro_rules! exponential {
    (
        $t:ident, $bits:ident, mantissa $mantissa:literal, largest_exponent $largest:literal,
        ln_2 [$high:literal, $low:literal],
        half_ln_2 $half:expr, three_halves_ln_2 $three_halves:expr,
        polynomial [$($q:literal),+], tiny $tiny:expr, minus_one_from $minus_one:expr, overflow_from $overflow:expr, few_bits $few:literal,
        tanh_limits [$quarter_log:expr, $half_log:expr],
        $select:ident, $multiple:ident, $power:ident, $exp_m1:ident, $tanh:ident
    ) => {
        /// Either of two numbers that have been computed. Several branches on one condition would be merged to two ways through
        /// the code, and the loop not be vectorised.
        #[inline(always)]
        fn $select(condition: bool, one: $t, other: $t) -> $t {
            let mask = (0 as $bits).wrapping_sub(condition as $bits);
            $t::from_bits((one.to_bits() & mask) | (other.to_bits() & !mask))
        }

        /// The multiple of ln 2 that is nearest to x, up to rounding, as a whole number.
        #[inline(always)]
        fn $multiple(x: $t) -> $t {
            // Adding 1.5·2^mantissa and subtracting it again rounds to the nearest whole number, from which truncation follows.
            const MAGIC: $t = 1.5 * (1_u64 << $mantissa) as $t;
            let (size, sign) = (x.abs(), (1.0 as $t).copysign(x));
            let quotient = std::$t::consts::LOG2_E * x + (0.5 as $t).copysign(x);
            let nearest = (quotient + MAGIC) - MAGIC;
            let truncated = if nearest.abs() > quotient.abs() { nearest - sign } else { nearest };
            let multiple = if size < $three_halves { sign } else { truncated };
            if size < $half { 0.0 } else { multiple }
        }

        /// 2^k for a whole number k whose power is a normal number, and ∞ for the k above those.
        #[inline(always)]
        fn $power(k: $t) -> $t {
            const MAGIC: $t = 1.5 * (1_u64 << $mantissa) as $t;
            let exponent = (k + MAGIC).to_bits() << $mantissa;
            $t::from_bits(exponent.wrapping_add((1.0 as $t).to_bits()))
        }

        /// e^x − 1.
        #[inline(always)]
        pub(crate) fn $exp_m1(argument: $t) -> $t {
            let k = $multiple(argument);
            let (high, low) = (argument - k * $high, k * $low);
            let x = high - low;
            let lost = (high - x) - low;

            let half = 0.5 * x;
            let square = x * half;
            let r = polynomial!(square, [1.0, $($q),+]);
            let t = 3.0 - r * half;
            let quotient = square * ((r - t) / (6.0 - x * t));
            let unscaled = x - (x * quotient - square);
            let e = (x * (quotient - lost) - lost) - square;

            let scale = $power(k);
            let beyond = x - e + 1.0;
            let beyond = if k == $largest { beyond * 2.0 * $power($largest - 1.0) } else { beyond * scale };
            let few = (x - e + (1.0 - $power(-k))) * scale;
            let many = (x - (e + $power(-k)) + 1.0) * scale;
            let scaled = if k < $few { few } else { many };
            let scaled = if (0.0..=56.0).contains(&k) { scaled } else { beyond - 1.0 };
            let scaled = if k == 1.0 && x < -0.25 { -2.0 * (e - (x + 0.5)) } else { scaled };
            let scaled = if k == -1.0 { 0.5 * (x - e) - 0.5 } else { scaled };

            let result = if k == 0.0 { unscaled } else { scaled };
            let result = if argument.abs() < $tiny { argument } else { result };
            let result = if argument <= -$minus_one { -1.0 } else { result };
            let result = if argument > $overflow { $t::INFINITY } else { result };
            if argument.is_nan() { argument } else { result }
        }

        /// tanh x.
        #[inline(always)]
        pub(crate) fn $tanh(argument: $t) -> $t {
            let x = argument.abs();
            let (is_middle, is_large) = (x >= $quarter_log, x >= $half_log);
            let side = $select(is_middle, 1.0, -1.0);
            let t = $exp_m1(2.0 * x * side);
            let quotient = $select(is_large, 2.0, t * side) / (t + 2.0);
            let result = $select(is_large, 1.0 - quotient, quotient);
            // In libm, the sign is changed rather than copied: the same for every number, and for NaN of no meaning.
            if argument.is_sign_negative() { -result } else { result }
        }
    };
}

exponential!(
    f32, u32, mantissa 23, largest_exponent 128.0,
    ln_2 [6.931_381e-1, 9.058_001e-6],
    half_ln_2 f32::from_bits(0x3eb1_7219), three_halves_ln_2 f32::from_bits(0x3f85_1592),
    polynomial [-3.333_321_2e-2, 1.580_717e-3],
    tiny f32::from_bits(0x3300_0000), minus_one_from f32::from_bits(0x4195_b844), overflow_from f32::from_bits(0x42b1_7217), few_bits 23.0,
    tanh_limits [f32::from_bits(0x3e82_c579), f32::from_bits(0x3f0c_9f55)],
    select_f32, multiple_f32, power_f32, exp_m1_f32, tanh_f32
);
exponential!(
    f64, u64, mantissa 52, largest_exponent 1024.0,
    ln_2 [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10],
    half_ln_2 upper(0x3fd6_2e43), three_halves_ln_2 upper(0x3ff0_a2b2),
    polynomial [
        -3.333_333_333_333_313e-2, 1.587_301_587_254_814_6e-3, -7.936_507_578_674_88e-5,
        4.008_217_827_329_362e-6, -2.010_992_181_836_243_7e-7
    ],
    tiny upper(0x3c90_0000), minus_one_from upper(0x4043_687a), overflow_from 7.097_827_128_933_84e2, few_bits 20.0,
    tanh_limits [upper(0x3fd0_58af), upper(0x3fe1_93eb)],
    select_f64, multiple_f64, power_f64, exp_m1_f64, tanh_f64
);

/// The smallest double with these upper 32 bits.
const fn upper(bits: u64) -> f64 {
    f64::from_bits(bits << 32)
}

/// ln(1 + x), accurate near 0: to 1 ulp, and with the same bits on every machine, unlike
/// [`Scalar::ln_1p`](crate::Scalar::ln_1p). NaN below −1.
///
/// ```
/// use gmp_math::elementary::ln_1p;
/// assert_eq!(ln_1p(1e-20), 1e-20);
/// assert!((ln_1p(1.0) - 2.0_f64.ln()).abs() < 1e-16);
/// ```
#[inline(always)]
#[must_use]
pub fn ln_1p(x: f64) -> f64 {
    const ODD: u64 = 0x3fe6_a09e; // √2/2, its upper bits
    // 1 + x = 2^k (1 + f), with 1 + f between √2/2 and √2.
    let sum = 1.0 + x;
    let bits = sum.to_bits();
    let raised = (bits >> 32).wrapping_add(0x3ff0_0000 - ODD);
    let is_near = x > upper(0xbfd2_bec5) && x < upper(0x3fda_827a);
    let exponent = raised as u32 >> 20;
    let k = if is_near { 0.0 } else { f64::from(exponent as i32 - 0x3ff) };
    let lost = if k >= 2.0 { 1.0 - (sum - x) } else { x - (sum - 1.0) };
    let lost = if is_near || k >= 54.0 { 0.0 } else { lost / sum };
    let reduced = f64::from_bits((((raised & 0x000f_ffff) + ODD) << 32) | (bits & 0xffff_ffff));
    let f = if is_near { x } else { reduced - 1.0 };

    let half_square = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * polynomial!(
        w,
        [3.999_999_999_940_942e-1, 2.222_219_843_214_978_4e-1, 1.531_383_769_920_937_3e-1]
    );
    let odd = z * polynomial!(
        w,
        [
            6.666_666_666_666_735e-1,
            2.857_142_874_366_239e-1,
            1.818_357_216_161_805e-1,
            1.479_819_860_511_658_6e-1
        ]
    );
    let rest = odd + even;
    let [high, low] = [6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10];
    let result = s * (half_square + rest) + (k * low + lost) - half_square + f + k * high;

    let result = if x.abs() < upper(0x3ca0_0000) { x } else { result };
    let result = if x == f64::INFINITY { x } else { result };
    let result = if x == -1.0 { f64::NEG_INFINITY } else { result };
    if x < -1.0 || x.is_nan() { f64::NAN } else { result }
}

/// The complementary error function 2/√π ∫ₓ^∞ e^(−t²) dt, without cancellation where it is small: to 1 ulp, and with the same
/// bits on every machine.
///
/// ```
/// use gmp_math::elementary::erfc;
/// assert_eq!((erfc(0.0), erfc(f64::NEG_INFINITY)), (1.0, 2.0));
/// assert!((erfc(5.0) / 1.537_459_794_428_035e-12 - 1.0).abs() < 1e-15);
/// ```
#[inline(always)]
#[must_use]
pub fn erfc(argument: f64) -> f64 {
    let x = argument.abs();
    let (is_first, is_second, is_third) = (x < 0.843_75, x < 1.25, x < upper(0x4006_db6d));
    // A rational function for each of four ranges. All are computed, and the two values are selected before they are divided.
    let (square, past_1, inverse_square) = (x * x, x - 1.0, 1.0 / (x * x));
    let chosen = |first, second, third, fourth| {
        let far = select_f64(is_third, third, fourth);
        select_f64(is_first, first, select_f64(is_second, second, far))
    };
    let numerator = chosen(
        polynomial!(
            square,
            [
                1.283_791_670_955_125_6e-1,
                -3.250_421_072_470_015e-1,
                -2.848_174_957_559_851e-2,
                -5.770_270_296_489_442e-3,
                -2.376_301_665_665_016_3e-5
            ]
        ),
        polynomial!(
            past_1,
            [
                -2.362_118_560_752_659_4e-3,
                4.148_561_186_837_483_3e-1,
                -3.722_078_760_357_013e-1,
                3.183_466_199_011_617_5e-1,
                -1.108_946_942_823_966_8e-1,
                3.547_830_432_561_823_6e-2,
                -2.166_375_594_868_791e-3
            ]
        ),
        polynomial!(
            inverse_square,
            [
                -9.864_944_034_847_148e-3,
                -6.938_585_727_071_818e-1,
                -1.055_862_622_532_329_1e1,
                -6.237_533_245_032_600_6e1,
                -1.623_966_694_625_734_7e2,
                -1.846_050_929_067_110_4e2,
                -8.128_743_550_630_66e1,
                -9.814_329_344_169_145
            ]
        ),
        polynomial!(
            inverse_square,
            [
                -9.864_942_924_700_1e-3,
                -7.992_832_376_805_23e-1,
                -1.775_795_491_775_475_2e1,
                -1.606_363_848_558_219_2e2,
                -6.375_664_433_683_896e2,
                -1.025_095_131_611_077_2e3,
                -4.835_191_916_086_514e2
            ]
        ),
    );
    let denominator = chosen(
        polynomial!(
            square,
            [
                1.0,
                3.979_172_239_591_553_5e-1,
                6.502_224_998_876_73e-2,
                5.081_306_281_875_766e-3,
                1.324_947_380_043_216_4e-4,
                -3.960_228_278_775_368e-6
            ]
        ),
        polynomial!(
            past_1,
            [
                1.0,
                1.064_208_804_008_442_3e-1,
                5.403_979_177_021_71e-1,
                7.182_865_441_419_627e-2,
                1.261_712_198_087_616_4e-1,
                1.363_708_391_202_905e-2,
                1.198_449_984_679_910_7e-2
            ]
        ),
        polynomial!(
            inverse_square,
            [
                1.0,
                1.965_127_166_743_925_7e1,
                1.376_577_541_435_190_4e2,
                4.345_658_774_752_292_3e2,
                6.453_872_717_332_679e2,
                4.290_081_400_275_678_3e2,
                1.086_350_055_417_794_4e2,
                6.570_249_770_319_282,
                -6.042_441_521_485_81e-2
            ]
        ),
        polynomial!(
            inverse_square,
            [
                1.0,
                3.033_806_074_348_246e1,
                3.257_925_129_965_739e2,
                1.536_729_586_084_437e3,
                3.199_858_219_508_595_5e3,
                2.553_050_406_433_164_4e3,
                4.745_285_412_069_553_7e2,
                -2.244_095_244_658_582e1
            ]
        ),
    );
    let quotient = numerator / denominator;

    let below = 1.0 - (argument + argument * quotient);
    let above = 0.5 - (argument - 0.5 + argument * quotient);
    let first = if argument < 0.25 { below } else { above };

    let second = 1.0 - 8.450_629_115_104_675e-1 - quotient;
    let coarse = f64::from_bits(x.to_bits() & 0xffff_ffff_0000_0000);
    let product = exp(-coarse * coarse - 0.5625) * exp((coarse - x) * (coarse + x) + quotient);
    let far = if x >= 28.0 { 0.0 } else { product / x };
    let size = if is_second { second } else { far };
    let signed = if argument < 0.0 { 2.0 - size } else { size };

    let result = if is_first { first } else { signed };
    if argument.is_nan() { argument } else { result }
}

/// √(x² + y²) to 1 ulp, without overflow or underflow on the way.
///
/// Source: Borges, "An Improved Algorithm for hypot(a,b)", arXiv 1904.09481, in the form of glibc 2.35.
#[inline(always)]
pub(crate) fn hypot_f64(x: f64, y: f64) -> f64 {
    let (x, y) = (x.abs(), y.abs());
    let (large, small) = if x < y { (y, x) } else { (x, y) };
    let scale = select_f64(small < power_f64(-459.0), power_f64(600.0), 1.0);
    let scale = select_f64(large > power_f64(511.0), power_f64(-600.0), scale);
    let (a, b) = (large * scale, small * scale);
    let root = (a * a + b * b).sqrt();
    // What the rounded root is too large by, from the differences to the nearer of its bounds.
    let (above_b, above_a) = (root - b, root - a);
    let near_b = [a * (2.0 * above_b - a), (above_b - 2.0 * (a - b)) * above_b];
    let near_a = [2.0 * above_a * (a - 2.0 * b), (4.0 * above_a - b) * b + above_a * above_a];
    let is_near_b = root <= 2.0 * b;
    let error = select_f64(is_near_b, near_b[0], near_a[0]) + select_f64(is_near_b, near_b[1], near_a[1]);
    let result = (root - error / (2.0 * root)) / scale;
    let result = if small * power_f64(54.0) <= large { large + small } else { result };
    let is_infinite = large == f64::INFINITY || small == f64::INFINITY;
    if is_infinite { f64::INFINITY } else { result }
}

/// √(x² + y²), by way of double precision, where the squares are exact.
#[inline(always)]
pub(crate) fn hypot_f32(x: f32, y: f32) -> f32 {
    let (wide_x, wide_y) = (f64::from(x), f64::from(y));
    let result = (wide_x * wide_x + wide_y * wide_y).sqrt() as f32;
    if x.abs() == f32::INFINITY || y.abs() == f32::INFINITY { f32::INFINITY } else { result }
}

/// e^x for x below 709.
#[inline(always)]
fn exp(argument: f64) -> f64 {
    let k = multiple_f64(argument);
    let (high, low) = (argument - k * 6.931_471_803_691_238e-1, k * 1.908_214_929_270_587_7e-10);
    let x = high - low;
    let square = x * x;
    let p = polynomial!(
        square,
        [
            1.666_666_666_666_660_2e-1,
            -2.777_777_777_701_559_3e-3,
            6.613_756_321_437_934e-5,
            -1.653_390_220_546_525_2e-6,
            4.138_136_797_057_238_5e-8
        ]
    );
    let c = x - square * p;
    let y = 1.0 + (x * c / (2.0 - c) - low + high);
    // Where the result is subnormal, only the second product rounds.
    let is_small = k < -1022.0;
    let first = if is_small { power_f64(-969.0) } else { 1.0 };
    let scaled = y * first * power_f64(if is_small { k + 969.0 } else { k });
    let result = if argument.abs() < upper(0x3e30_0001) { 1.0 + argument } else { scaled };
    if argument < -7.451_332_191_019_411e2 { 0.0 } else { result }
}
