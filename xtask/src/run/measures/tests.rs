use super::*;

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
}

fn change(mean: f64, median: f64, max: f64) -> Change {
    Change { mean, median, max }
}

/// Four epochs, the last two at a tenth of the rate, by hand.
#[test]
fn windows_of_movement() {
    let changes = [
        change(1.0, 0.5, 4.0),
        change(4.0, 0.0, 16.0),
        change(f64::NAN, f64::NAN, f64::NAN),
        change(0.25, 0.25, 1.0),
    ];
    let windows = Windows::of(&changes, &[0.5, 0.5, 0.25, 0.25]);
    let first = windows.before_reduction;
    close(first.mean.log_of_mean, 2.5_f64.log2());
    close(first.mean.mean_of_log, 1.0); // (0 + 2)/2
    close(first.max.largest, 4.0);
    // Nothing moved in the second epoch: 2⁻²⁰.
    close(first.median.mean_of_log, (-1.0 - 20.0) / 2.0);
    close(first.median.log_of_mean, -2.0);
    // 2, 8 and 1, in log₂ 1, 3 and 0; the epoch without a number is left out.
    let per_rate = windows.per_rate;
    close(per_rate.mean.log_of_mean, (11.0_f64 / 3.0).log2());
    close(per_rate.mean.mean_of_log, 4.0 / 3.0);
    close(per_rate.max.largest, 5.0);
    close(windows.whole.mean.log_of_mean, 1.75_f64.log2());
    close(windows.whole.max.mean_of_log, (2.0 + 4.0 + 0.0) / 3.0);
    let none = Windows::of(&[], &[]);
    assert!(none.whole.mean.log_of_mean.is_nan() && none.whole.max.largest.is_nan());
    let still = Windows::of(&[change(0.0, 0.0, 0.0)], &[0.1]);
    assert_eq!((still.whole.max.largest, still.whole.mean.log_of_mean), (-20.0, -20.0));
}

/// A median of two numbers is not the mean of their logarithms: the measures of a path and of an axis differ.
#[test]
fn a_jump_makes_up_a_path_and_not_an_axis() {
    let mut changes = vec![change(0.001, 0.001, 0.001); 999];
    changes.push(change(1000.0, 1000.0, 1000.0));
    let whole = Windows::of(&changes, &[0.1; 1000]).whole.mean;
    assert!(whole.log_of_mean > 0.0 && whole.mean_of_log < -9.0, "{whole:?}");
}

#[test]
fn spread_on_a_line() {
    // Forty points in the middles of the cells.
    let even: Vec<f64> = (0..40).map(|k| -10.0 + 0.25 + 0.5 * f64::from(k)).collect();
    let spread = Spread::of(&even, 40, &[(-10.0, 10.0)]).unwrap();
    close(spread.cells, 1.0);
    close(spread.discrepancy, 1.0 / 80.0);
    // All at 0: half of the range below has nothing, and the other half all.
    let spread = Spread::of(&[0.0; 5], 5, &[(-10.0, 10.0)]).unwrap();
    close(spread.cells, 1.0 / 40.0);
    close(spread.discrepancy, 0.5);
    // Outside, not finite, and one at the upper end, which belongs to the last cell.
    let spread = Spread::of(&[-11.0, f64::NAN, f64::INFINITY, 10.0], 4, &[(-10.0, 10.0)]).unwrap();
    close(spread.cells, 1.0 / 40.0);
    close(spread.discrepancy, 1.0);
    assert!(Spread::of(&[], 0, &[(0.0, 1.0)]).is_none());
    assert!(Spread::of(&[0.0], 1, &[(1.0, 1.0)]).is_none());
    assert!(Spread::of(&[0.0; 3], 1, &[(0.0, 1.0); 3]).is_none());
}

#[test]
fn spread_in_the_plane() {
    // Two points in one cell, one in another, one outside: rows of coordinates.
    let points = [0.1, 0.15, 0.9, 2.0, 0.1, 0.05, 0.9, 0.5];
    let spread = Spread::of(&points, 4, &[(0.0, 1.0), (0.0, 1.0)]).unwrap();
    close(spread.cells, 2.0 / 25.0);
    // By all boxes of a fine grid, which comes as near as its step.
    let places = [(0.1, 0.1), (0.15, 0.05), (0.9, 0.9), (2.0, 0.5)];
    let mut largest: f64 = 0.0;
    for a in 0..=200 {
        for b in 0..=200 {
            let (x, y) = (f64::from(a) / 200.0, f64::from(b) / 200.0);
            let held = places.iter().filter(|(p, q)| *p < x && *q < y).count() as f64 / 4.0;
            largest = largest.max((held - x * y).abs());
        }
    }
    assert!((spread.discrepancy - largest).abs() < 0.011, "{} and {largest}", spread.discrepancy);
}

#[test]
fn ranges_are_those_of_columns() {
    assert_eq!(ranges(&[1.0, 5.0, -2.0, 7.0, 0.0, 6.0], 2), [(-2.0, 1.0), (5.0, 7.0)]);
}

#[test]
fn epochs_until_a_target() {
    let losses = [1.0, f64::NAN, 0.9, 1.1, 0.5, 0.4];
    let convergence = Convergence::of(&losses);
    assert_eq!(convergence.epochs_to(1.0), Some(1));
    assert_eq!(convergence.epochs_to(8.0), Some(1));
    // 2^(−1/8) = 0.917, 2^(−2/8) = 0.841.
    assert_eq!(convergence.epochs_to((-0.125_f64).exp2()), Some(3));
    assert_eq!(convergence.epochs_to((-0.25_f64).exp2()), Some(5));
    assert_eq!(convergence.epochs_to(0.5), Some(5));
    // The last loss reached 2^(−10/8) = 0.420, and no less.
    assert_eq!(Convergence::target(0.4), (-1.25_f64).exp2());
    assert_eq!(convergence.epochs_to(Convergence::target(0.4)), Some(6));
    assert_eq!(convergence.epochs_to((-1.375_f64).exp2()), None);
    // Every target of the ladder, against the losses themselves.
    for step in -10..=0 {
        let target = target(step);
        let expected = losses.iter().position(|loss| *loss <= target).map(|at| at + 1);
        assert_eq!(convergence.epochs_to(target), expected, "{target}");
    }
    assert_eq!(Convergence::of(&[f64::NAN]).epochs_to(1.0), None);
    assert_eq!(Convergence::of(&[1.0, 0.0]).epochs_to(1e-9), Some(2));
}

#[test]
fn reductions_are_counted_as_keras_prints_them() {
    assert_eq!(reductions(&[0.1, 0.1, 0.01, 0.01, 0.001]), [2, 4]);
    assert!(reductions(&[]).is_empty());
}

#[test]
fn what_is_not_finite_survives_json() {
    let none = OverEpochs::of(std::iter::empty());
    let json = serde_json::to_string(&none).unwrap();
    let read: OverEpochs = serde_json::from_str(&json).unwrap();
    assert!(read.mean_of_log.is_nan(), "{json}");
}
