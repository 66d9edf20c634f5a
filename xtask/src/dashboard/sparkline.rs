//! A curve in one line of text.

/// Eight heights, the lowest first.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// At most `width` characters whose heights follow `values`: the mean of a stretch of them each where there are more. Positive
/// values that span a power of ten are shown by their logarithms. What is not finite leaves a blank.
///
/// ```
/// use xtask::dashboard::sparkline;
/// assert_eq!(sparkline(&[0.0, 1.0, 2.0, 3.5, f64::NAN, 7.0], 6), "▁▂▃▅ █");
/// assert_eq!(sparkline(&[1.0, 10.0, 100.0], 10), "▁▅█"); // logarithms
/// ```
#[must_use]
pub fn sparkline(values: &[f64], width: usize) -> String {
    let (least, most) = range(values);
    let is_log = least > 0.0 && most >= 10.0 * least;
    let heights = stretches(values, width).map(|stretch| {
        let scaled = stretch.iter().filter(|x| x.is_finite()).map(|x| if is_log { x.ln() } else { *x });
        let (sum, count) = scaled.fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
        sum / count
    });
    let heights: Vec<f64> = heights.collect();
    let (least, most) = range(&heights);
    let symbol = |height: f64| match (height - least) / (most - least) {
        _ if !height.is_finite() => ' ',
        share if share.is_finite() => HEIGHTS[(share * 7.0).round() as usize],
        // All are equal.
        _ => HEIGHTS[0],
    };
    heights.into_iter().map(symbol).collect()
}

/// The least and the largest finite number.
fn range(values: &[f64]) -> (f64, f64) {
    let finite = values.iter().copied().filter(|x| x.is_finite());
    finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), x| (least.min(x), most.max(x)))
}

/// As many stretches as `width`, or of one value each.
fn stretches(values: &[f64], width: usize) -> impl Iterator<Item = &[f64]> {
    let count = values.len().min(width);
    let edge = move |k: usize| k * values.len() / count.max(1);
    (0..count).map(move |k| &values[edge(k)..edge(k + 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_values_are_averaged_and_the_ends_are_kept() {
        let falling: Vec<f64> = (0..1000).map(|k| 1000.0 - f64::from(k)).collect();
        let line = sparkline(&falling, 20);
        assert_eq!(line.chars().count(), 20);
        assert!(line.starts_with('█') && line.ends_with('▁'), "{line}");
        let ordered: Vec<char> = line.chars().collect();
        assert!(ordered.windows(2).all(|pair| pair[0] >= pair[1]), "{line}");
    }

    #[test]
    fn odd_values_do_no_harm() {
        assert_eq!(sparkline(&[], 5), "");
        assert_eq!(sparkline(&[1.0, 2.0], 0), "");
        assert_eq!(sparkline(&[3.0, 3.0], 5), "▁▁");
        assert_eq!(sparkline(&[f64::NAN, f64::INFINITY], 5), "  ");
        assert_eq!(sparkline(&[-1e308, 1e308], 5).chars().count(), 2);
        assert_eq!(sparkline(&[0.0, 1e-300], 5), "▁█");
    }
}
