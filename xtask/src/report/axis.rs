//! From values to positions, and where the ticks go.

use super::figure::{Axis, Scale};
use super::svg::text_width;

/// No figure needs more, and spans of it cannot overflow.
const LARGEST: f64 = 1e300;

/// Share of the data's range left free at either end of an automatic range.
const MARGIN: f64 = 0.04;

/// An axis with its range settled, in the coordinate of its scale: the value or its logarithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub(super) scale: Scale,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Scale {
    /// Maps a value to its coordinate on the axis, the value or its logarithm; `None` outside the domain of the scale.
    pub(super) fn to_axis(self, value: f64) -> Option<f64> {
        let coordinate = match self {
            Self::Linear => value.clamp(-LARGEST, LARGEST),
            Self::Log10 => value.log10(),
            Self::Log2 => value.log2(),
        };
        (value.is_finite() && coordinate.is_finite()).then_some(coordinate)
    }

    fn value(self, coordinate: f64) -> f64 {
        match self {
            Self::Linear => coordinate,
            Self::Log10 => 10f64.powf(coordinate),
            Self::Log2 => coordinate.exp2(),
        }
    }
}

impl Span {
    /// The range that `axis` asks for, or that of `values` with a margin (`tight` for none).
    pub(super) fn new(axis: &Axis, values: impl Iterator<Item = f64>, tight: bool) -> Self {
        let scale = axis.scale;
        if let Some((first, last)) = Self::given(axis) {
            return Self { scale, low: first, high: last };
        }
        let (low, high) = values
            .filter_map(|v| scale.to_axis(v))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
        let margin = match high - low {
            span if span <= 1e-12 * low.abs().max(high.abs()) || span == 0.0 => match scale {
                Scale::Linear if low != 0.0 => 0.1 * low.abs(),
                Scale::Linear => 0.5,
                Scale::Log10 | Scale::Log2 => 1.0,
            },
            _ if tight => 0.0,
            span => MARGIN * span,
        };
        Self { scale, low: low - margin, high: high + margin }
    }

    /// The coordinates of the range that `axis` asks for, where it is a range.
    pub(super) fn given(axis: &Axis) -> Option<(f64, f64)> {
        let (first, last) = axis.range?;
        let (first, last) = (axis.scale.to_axis(first)?, axis.scale.to_axis(last)?);
        (first < last).then_some((first, last))
    }

    /// Where `value` lies: 0 at the first end, 1 at the last.
    pub(super) fn fraction(&self, value: f64) -> Option<f64> {
        // Halves, so that the span of the largest range is finite.
        let coordinate = self.scale.to_axis(value)?;
        Some((0.5 * coordinate - 0.5 * self.low) / (0.5 * self.high - 0.5 * self.low))
    }

    /// Widens the range about its middle by `factor` ≥ 1.
    pub(super) fn widened(self, factor: f64) -> Self {
        let (middle, half) = (0.5 * self.low + 0.5 * self.high, 0.5 * self.high - 0.5 * self.low);
        Self { low: middle - factor * half, high: middle + factor * half, ..self }
    }

    /// At most about `count` round values in the range, with their labels.
    pub(super) fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        let base = match self.scale {
            Scale::Linear => return linear_ticks(self.low, self.high, count),
            Scale::Log10 => 10,
            Scale::Log2 => 2,
        };
        let (first, last) = (self.low.ceil() as i64, self.high.floor() as i64);
        if last - first < 1 {
            // Fewer than two powers: round values between them, at their own places.
            let (low, high) = (self.scale.value(self.low), self.scale.value(self.high));
            return linear_ticks(low, high, count);
        }
        let step = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000]
            .into_iter()
            .find(|step| (last - first) / step < count.max(2) as i64)
            .unwrap_or(2000);
        (first.div_euclid(step)..=last.div_euclid(step))
            .map(|k| k * step)
            .filter(|k| (first..=last).contains(k))
            .map(|k| (self.scale.value(k as f64), format!("{base}^{{{}}}", minus(&k.to_string()))))
            .collect()
    }
}

fn linear_ticks(low: f64, high: f64, count: usize) -> Vec<(f64, String)> {
    let rough = (high / count.max(1) as f64) - (low / count.max(1) as f64);
    if !(rough.is_finite() && rough > 0.0) {
        return Vec::new();
    }
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= 0.999_999 * rough);
    let Some(step) = step.filter(|s| s.is_finite() && *s > 0.0) else { return Vec::new() };
    let first = (low / step - 1e-9).ceil();
    let positions =
        (0..=count + 2).map(|k| (first + k as f64) * step).take_while(|v| *v <= high + 1e-9 * step);
    // One label says nothing of the scale.
    if count < 16 && positions.clone().nth(1).is_none() {
        return linear_ticks(low, high, count + 1);
    }
    let largest = low.abs().max(high.abs());
    let fine = (step.log10() + 1e-9).floor() as i32;
    if largest >= 1e5 || step < 5e-4 {
        // One exponent for the whole axis keeps the labels comparable at a glance.
        let exponent = (largest.log10() + 1e-9).floor() as i32;
        let decimals = (exponent - fine).clamp(0, 6) as usize;
        let label = |v: f64| match v / 10f64.powi(exponent) {
            m if m.abs() < 1e-9 => "0".to_owned(),
            m => format!("{}·10^{{{}}}", minus(&format!("{m:.decimals$}")), minus(&exponent.to_string())),
        };
        return positions.map(|v| (v, label(v))).collect();
    }
    let decimals = (-fine).clamp(0, 6) as usize;
    let label = |v: f64| if v.abs() < 1e-9 * step { 0.0 } else { v };
    positions.map(|v| (v, minus(&format!("{:.decimals$}", label(v))))).collect()
}

/// The same number with a minus sign instead of a hyphen.
fn minus(number: &str) -> String {
    number.replace('-', "−")
}

/// Every `k`-th tick, with the least `k` for which labels of `size` keep apart along `length` pixels.
pub(super) fn thinned(ticks: Vec<(f64, String)>, span: &Span, length: f64, size: f64) -> Vec<(f64, String)> {
    let places: Vec<f64> = ticks.iter().map(|(v, _)| span.fraction(*v).unwrap_or(0.0) * length).collect();
    let clear = |step: usize| {
        let kept: Vec<usize> = (0..ticks.len()).step_by(step).collect();
        kept.windows(2).all(|pair| {
            let widths = pair.iter().map(|k| text_width(&ticks[*k].1, size)).sum::<f64>();
            places[pair[1]] - places[pair[0]] >= 0.5 * widths + 7.0
        })
    };
    let step = (1..=ticks.len().max(1)).find(|step| clear(*step)).unwrap_or(1);
    ticks.into_iter().step_by(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: Axis, count: usize) -> Vec<String> {
        Span::new(&axis, std::iter::empty(), false).ticks(count).into_iter().map(|t| t.1).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        assert_eq!(labels(Axis::linear("").between(-1.0, 1.0), 5), ["−1.0", "−0.5", "0.0", "0.5", "1.0"]);
        assert_eq!(
            labels(Axis::linear("").between(0.0, 10_000.0), 5),
            ["0", "2000", "4000", "6000", "8000", "10000"]
        );
        assert_eq!(
            labels(Axis::linear("").between(0.0, 3e-4), 3),
            ["0", "1·10^{−4}", "2·10^{−4}", "3·10^{−4}"]
        );
    }

    #[test]
    fn an_axis_has_at_least_two_labels() {
        assert_eq!(labels(Axis::linear("").between(-6.4, -3.2), 1), ["−6", "−4"]);
        assert_eq!(labels(Axis::linear("").between(0.6, 1.4), 1), ["0.6", "0.8", "1.0", "1.2", "1.4"]);
    }

    #[test]
    fn log_ticks_are_powers_of_the_base() {
        assert_eq!(
            labels(Axis::log2("").between(0.2, 9.0), 8),
            ["2^{−2}", "2^{−1}", "2^{0}", "2^{1}", "2^{2}", "2^{3}"]
        );
        assert_eq!(labels(Axis::log10("").between(1e-8, 1e4), 4), ["10^{−5}", "10^{0}"]);
        let powers = Span::new(&Axis::log2("").between(0.25, 8.0), std::iter::empty(), false).ticks(9);
        assert_eq!(powers.iter().map(|t| t.0).collect::<Vec<_>>(), [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]);
        assert_eq!(labels(Axis::log10("").between(2.0, 6.0), 5), ["2", "3", "4", "5", "6"]);
    }

    #[test]
    fn ranges_survive_what_data_can_be() {
        for scale in [Scale::Linear, Scale::Log10, Scale::Log2] {
            for values in [
                vec![],
                vec![0.0],
                vec![f64::NAN, f64::INFINITY],
                vec![3.0, 3.0],
                vec![-1.0, -2.0],
                vec![f64::MIN, f64::MAX],
                vec![5e-324, 1e308],
                vec![1e16, 1e16 + 2.0],
            ] {
                let axis = Axis { scale, ..Axis::linear("") };
                let span = Span::new(&axis, values.iter().copied(), false);
                assert!(span.low.is_finite() && span.high.is_finite() && span.low < span.high, "{span:?}");
                assert!(span.ticks(6).len() <= 12);
                for v in &values {
                    assert!(
                        span.fraction(*v).is_none_or(|f| (-1e-9..=1.0 + 1e-9).contains(&f)),
                        "{v} in {span:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_range_that_is_none_counts_as_none() {
        for range in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            let span = Span::new(&Axis::linear("").between(range.0, range.1), [4.0, 6.0].into_iter(), true);
            assert_eq!((span.low, span.high), (4.0, 6.0));
        }
        let span = Span::new(&Axis::log10("").between(0.0, 10.0), [1.0, 100.0].into_iter(), true);
        assert_eq!((span.low, span.high), (0.0, 2.0));
    }

    #[test]
    fn crowded_labels_are_thinned() {
        let span = Span { scale: Scale::Linear, low: 0.0, high: 10.0 };
        let ticks: Vec<_> = (0..=10).map(|k| (k as f64, format!("{}", k * 1000))).collect();
        assert_eq!(thinned(ticks.clone(), &span, 2000.0, 11.0).len(), 11);
        assert!(thinned(ticks, &span, 150.0, 11.0).len() < 5);
    }
}
