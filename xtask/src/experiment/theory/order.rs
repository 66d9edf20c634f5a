//! Networks trained with their inputs in two orders: how far apart their results are.

use super::networks::{METHODS, RATE};
use crate::method::{self, MethodId};
use crate::report::figure::{Axis, Layer, Legend, Marker, Panel};
use crate::report::html::Table;
use crate::report::number::number;
use crate::statistics::{ALPHA, PairedTest, holm, paired_t_test};
use serde::{Deserialize, Serialize};

/// The test results of networks with their inputs in the given and in the opposite order, by seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Which data.
    pub dataset: String,
    /// Dimension n.
    pub inputs: usize,
    /// GmP or SP.
    pub method: MethodId,
    /// Learning rate.
    pub lr: f64,
    /// `rmse` or `accuracy`.
    pub metric: String,
    /// In the given order.
    pub given: Vec<f64>,
    /// In the opposite order, with the same initial function, split and shuffles.
    pub reversed: Vec<f64>,
}

impl Order {
    /// reversed − given, over the mean of the given order.
    #[must_use]
    pub fn changes(&self) -> Vec<f64> {
        let mean = self.given.iter().sum::<f64>() / self.given.len() as f64;
        self.given.iter().zip(&self.reversed).map(|(a, b)| (b - a) / mean).collect()
    }

    /// Median of |change|.
    #[must_use]
    pub fn typical(&self) -> f64 {
        let mut sizes: Vec<f64> = self.changes().into_iter().map(f64::abs).collect();
        sizes.sort_by(f64::total_cmp);
        sizes[sizes.len() / 2]
    }

    /// Whether the mean of reversed − given is other than 0.
    #[must_use]
    pub fn test(&self) -> Option<PairedTest> {
        let pairs: Vec<_> = self.reversed.iter().copied().zip(self.given.iter().copied()).collect();
        paired_t_test(&pairs)
    }
}

/// How the result of each seed changes with the order of the inputs.
#[must_use]
pub fn panel(orders: &[Order]) -> Panel {
    let mut sets: Vec<&str> = orders.iter().map(|o| o.dataset.as_str()).collect();
    sets.dedup();
    let ticks = sets.iter().enumerate().map(|(k, name)| (k as f64, (*name).to_owned())).collect();
    let x = Axis { ticks: Some(ticks), ..Axis::linear("").between(-0.5, sets.len() as f64 - 0.5) };
    let y = Axis::log10("|change| of the test metric (relative)").between(1e-17, 3.0);
    let mut panel = Panel::new("(c) Trained, inputs reversed, one dot per seed", x, y);
    for (method, shift) in METHODS.into_iter().zip([-0.13, 0.13]) {
        let of = orders.iter().filter(|o| o.method == method);
        let points = of.flat_map(|o| {
            let at = sets.iter().position(|s| *s == o.dataset).unwrap_or(0) as f64 + shift;
            // Zero change is drawn on the frame.
            o.changes().into_iter().map(move |c| (at, c.abs().max(1e-17)))
        });
        let points = Layer::points(points, method.color, Marker::Dot).sized(6.0).faded(0.7);
        panel = panel.with(points.labelled(method.name));
    }
    panel.legend(Legend::Above)
}

/// A share as a percentage, tiny ones in powers of ten.
#[must_use]
pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent == 0.0 || percent >= 0.01 { format!("{percent:.2}%") } else { format!("{percent:.0e}%") }
}

/// p-values of [`Order::test`], corrected (Holm) over the geometric ones; SP, which shows rounding, is not tested.
#[must_use]
pub fn adjusted(orders: &[Order]) -> Vec<Option<f64>> {
    let p = |o: &Order| o.test().and_then(|t| t.p).filter(|_| o.method == method::GMP);
    holm(&orders.iter().map(p).collect::<Vec<_>>())
}

/// The data sets on which the order of the inputs changes the mean result of GmP, at level [`ALPHA`].
#[must_use]
pub fn decided(orders: &[Order]) -> Vec<&str> {
    let decided = adjusted(orders).into_iter().zip(orders).filter(|(p, _)| p.is_some_and(|p| p < ALPHA));
    decided.map(|(_, order)| order.dataset.as_str()).collect()
}

/// The same in numbers.
#[must_use]
pub fn table(orders: &[Order]) -> Table {
    let tests: Vec<Option<PairedTest>> = orders.iter().map(Order::test).collect();
    let adjusted = adjusted(orders);
    let row = |((order, test), p): ((&Order, &Option<PairedTest>), Option<f64>)| {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let difference = test.map_or("–".to_owned(), |t| {
            format!("{:.2e} ± {:.1e}", t.mean_difference, t.interval.half_width())
        });
        let decided = p.map_or("–".to_owned(), |p| format!("{p:.3}{}", if p < ALPHA { " *" } else { "" }));
        let (name, n) = (format!("{} ({})", order.dataset, order.metric), order.inputs.to_string());
        let (given, reversed) = (mean(&order.given), mean(&order.reversed));
        let means = [number(given, 4), number(reversed, 4)];
        let tail = [percent(order.typical()), difference, decided];
        [name, n, order.method.to_string()].into_iter().chain(means).chain(tail).collect()
    };
    let header =
        ["data", "n", "method", "given order", "reversed", "median |change|", "reversed − given", "p (Holm)"];
    let caption = format!(
        "Test results with the inputs, and the rows of the initial weights, in the given and the opposite order: the same initial function, split \
         and shuffles; Adam, learning rate {RATE} for both, the authors' protocol. In exact arithmetic SP does not depend on the order: its changes \
         are rounding. A star marks a change of the mean that is significant at level {ALPHA}."
    );
    let rows = orders.iter().zip(&tests).zip(adjusted).map(row).collect();
    Table { caption, header: header.map(str::to_owned).to_vec(), rows, highlight: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_relative_and_tested_by_seed() {
        let order = Order {
            dataset: "x".to_owned(),
            inputs: 4,
            method: method::GMP,
            lr: RATE,
            metric: "rmse".to_owned(),
            given: vec![1.0, 2.0, 3.0],
            reversed: vec![1.1, 2.3, 3.2],
        };
        assert!((order.typical() - 0.1).abs() < 1e-12);
        assert!((order.test().unwrap().mean_difference - 0.2).abs() < 1e-12);
        // 0.1, 0.3, 0.2 of three seeds are no proof; 0.2 of each of ten, give or take a little, is.
        assert!(decided(std::slice::from_ref(&order)).is_empty());
        let given: Vec<f64> = (0..10).map(f64::from).collect();
        let reversed = given.iter().map(|x| x + 0.2 + 0.01 * (x % 2.0)).collect();
        let shifted = Order { given, reversed, ..order.clone() };
        assert_eq!(decided(std::slice::from_ref(&shifted)), ["x"]);
        let standard = Order { method: method::SP, ..shifted };
        assert!(decided(&[standard]).is_empty(), "SP is not tested");
        assert!(panel(std::slice::from_ref(&order)).layers.len() == 2 && table(&[order]).rows.len() == 1);
    }
}
