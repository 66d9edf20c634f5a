//! Euclidean norms that neither overflow nor underflow on the way.

/// √Σx²: a plain sum of squares where that is safe, else one hypotenuse after another.
pub(crate) fn norm(numbers: impl Iterator<Item = f64> + Clone) -> f64 {
    let squares: f64 = numbers.clone().map(|x| x * x).sum();
    // Squares that underflow are lost only beside ones 10^26 larger.
    if squares > 1e-280 && squares < 1e300 { squares.sqrt() } else { numbers.fold(0.0, f64::hypot) }
}

#[cfg(test)]
mod tests {
    use super::norm;

    #[test]
    fn norms_over_the_whole_range() {
        for scale in [5e-324, 1e-310, 1e-200, 1e-140, 1.0, 1e150, 1e200, 1e307] {
            let found = norm([3.0 * scale, 4.0 * scale].into_iter());
            assert!((found / (5.0 * scale) - 1.0).abs() < 1e-15, "{scale:e}");
        }
        assert_eq!(norm([0.0, 0.0].into_iter()), 0.0);
        assert!(norm([f64::NAN, 1.0].into_iter()).is_nan());
        assert_eq!(norm([f64::INFINITY, 1.0].into_iter()), f64::INFINITY);
    }
}
