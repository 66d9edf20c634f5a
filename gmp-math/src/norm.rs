//! Euclidean norms that neither overflow nor underflow on the way.

/// √Σx²: a plain sum of squares where that is safe, else one hypotenuse after another.
pub(crate) fn norm(numbers: impl Iterator<Item = f64> + Clone) -> f64 {
    let squares: f64 = numbers.clone().map(|x| x * x).sum();
    // Squares that underflow are lost only beside ones 10^26 larger.
    if is_safe(squares) { squares.sqrt() } else { numbers.fold(0.0, f64::hypot) }
}

/// Whether the root of a sum of squares is the norm, and a norm that numbers can be divided by.
#[inline(always)]
pub(crate) fn is_safe(squares: f64) -> bool {
    squares > 1e-280 && squares < 1e300
}

/// A power of two s and ‖s·x‖, for x/‖x‖ = s·x/‖s·x‖ to the last digits: s is 1 unless ‖x‖ is past the range or too near its
/// lower end to have all digits.
pub(crate) fn scaled_norm(numbers: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let plain = norm(numbers.clone());
    let scale = if plain == f64::INFINITY {
        (-64.0_f64).exp2()
    } else if plain < 1e-290 {
        64.0_f64.exp2()
    } else {
        return (1.0, plain);
    };
    (scale, norm(numbers.map(|x| scale * x)))
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// A chain of hypotenuses would round at every number.
    #[test]
    fn ordinary_norms_are_roots_of_plain_sums() {
        let numbers: Vec<f64> = (1..50).map(|i| f64::from(i).sin()).collect();
        let squares: f64 = numbers.iter().map(|x| x * x).sum();
        assert_ne!(squares.sqrt(), numbers.iter().copied().fold(0.0, f64::hypot));
        assert_eq!(norm(numbers.into_iter()), squares.sqrt());
    }

    /// Norms that a double cannot hold, or not with all digits.
    #[test]
    fn scaled_norms_at_the_ends_of_the_range() {
        for x in [5e-324, 1e-300, 1.0, 1e300, f64::MAX] {
            let (scale, norm) = scaled_norm([x, x].into_iter());
            assert!((scale * x / norm - 0.5_f64.sqrt()).abs() < 1e-15, "{x:e}");
        }
        assert_eq!(scaled_norm([0.0].into_iter()).1, 0.0);
        assert_eq!(scaled_norm([f64::INFINITY].into_iter()).1, f64::INFINITY);
    }
}
