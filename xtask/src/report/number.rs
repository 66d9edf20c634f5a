//! Numbers as a reader can take them in: at most six significant digits.

/// Most significant digits of a number.
const DIGITS: usize = 6;

/// `value` with `decimals` digits after the point, with fewer where that were more than six significant digits in all,
/// and with an exponent from a million on.
///
/// ```
/// use xtask::report::number::number;
/// assert_eq!(number(0.12345, 3), "0.123");
/// assert_eq!(number(-12345.678, 3), "-12345.7");
/// assert_eq!(number(1.178e29, 3), "1.178e29");
/// assert_eq!(number(f64::INFINITY, 3), "∞");
/// ```
#[must_use]
pub fn number(value: f64, decimals: usize) -> String {
    shown(value, decimals.min(most_decimals(value)))
}

/// The same with a sign in front of numbers that are not negative.
#[must_use]
pub fn signed(value: f64, decimals: usize) -> String {
    let sign = if value.is_sign_negative() { "" } else { "+" };
    format!("{sign}{}", number(value, decimals))
}

/// `value ± reach`, both with the same digits after the point.
#[must_use]
pub fn with_reach(value: f64, reach: f64, decimals: usize) -> String {
    let decimals = decimals.min(most_decimals(value)).min(most_decimals(reach));
    format!("{} ± {}", shown(value, decimals), shown(reach, decimals))
}

/// A number with four significant digits.
///
/// ```
/// use xtask::report::number::significant;
/// assert_eq!([3.217_456, 0.012_345_6, 12_345.678].map(significant), ["3.217", "0.01235", "12346"]);
/// assert_eq!([0.000_012_345, 0.0].map(significant), ["1.234e-5", "0"]);
/// ```
#[must_use]
pub fn significant(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if (1e-3..1e6).contains(&size) => {
            number(value, (3 - size.log10().floor() as i32).max(0) as usize)
        }
        size if size < 1.0 => format!("{value:.3e}"),
        _ => number(value, 0),
    }
}

/// A learning rate in as many digits as it has, since it is a name too; very large and small ones with an exponent.
///
/// ```
/// use xtask::report::number::rate;
/// assert_eq!([rate(0.003), rate(10.0), rate(1e-9), rate(1e100)], ["0.003", "10", "1e-9", "1e100"]);
/// ```
#[must_use]
pub fn rate(lr: f64) -> String {
    if (1e-4..1e6).contains(&lr) { lr.to_string() } else { format!("{lr:e}") }
}

fn most_decimals(value: f64) -> usize {
    if value == 0.0 || !value.is_finite() {
        return usize::MAX;
    }
    // The place of the first digit once it is rounded to six.
    let rounded = format!("{value:.*e}", DIGITS - 1);
    let exponent =
        rounded.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok()).unwrap_or(0);
    usize::try_from(DIGITS as i32 - 1 - exponent).unwrap_or(0)
}

fn shown(value: f64, decimals: usize) -> String {
    match value {
        f64::INFINITY => "∞".to_owned(),
        f64::NEG_INFINITY => "−∞".to_owned(),
        _ if value.abs() < 999_999.5 => format!("{value:.decimals$}"),
        _ if value.is_nan() => "NaN".to_owned(),
        _ => format!("{value:.3e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digits from the first that is not 0 on.
    fn significant(text: &str) -> usize {
        let mantissa = text.split('e').next().unwrap_or_default();
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        digits.trim_start_matches('0').len()
    }

    #[test]
    fn no_number_has_more_than_six_digits() {
        for exponent in -12..=308 {
            for factor in [1.0, -1.0, 9.999_999_99, 1.234_567_89] {
                let value = factor * 10f64.powi(exponent);
                for decimals in 0..=8 {
                    let text = number(value, decimals);
                    assert!(significant(&text) <= DIGITS && text.len() < 16, "{value:e}: {text}");
                }
            }
        }
    }

    #[test]
    fn ordinary_numbers_are_shown_as_asked_for() {
        for (value, decimals, expected) in [
            (0.0, 3, "0.000"),
            (-0.0, 2, "-0.00"),
            (12.3456, 2, "12.35"),
            (999_999.4, 2, "999999"),
            (999_999.6, 2, "1.000e6"),
            (0.000_123_456_789, 8, "0.00012346"),
        ] {
            assert_eq!(number(value, decimals), expected);
        }
        assert_eq!([signed(0.5, 1), signed(-0.5, 1)], ["+0.5", "-0.5"]);
        assert_eq!(with_reach(12_345.678, 0.123_4, 3), "12345.7 ± 0.1");
        assert_eq!(with_reach(1.178e29, 2e28, 5), "1.178e29 ± 2.000e28");
    }
}
