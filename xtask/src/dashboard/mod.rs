//! How training goes, while it goes: curves on a terminal, a line every few seconds elsewhere.
//!
//! [`Curves`] is an observer that keeps the record of every epoch and how far the boundaries of a layer move. A [`Dashboard`]
//! shows these as they grow; what it shows is made by [`View`] of the records alone, as plain text.
//!
//! ```
//! use gmp_train::{Adam, Dataset, Loss, Metric, Mlp, Parameterization, Trainer};
//! use xtask::dashboard::{Curves, Dashboard};
//! let data = Dataset::new(vec![0.0, 1.0, 2.0], 1, vec![0.0, 1.0, 4.0], 1)?;
//! let mut network = Mlp::new(1, &[8], 1, Parameterization::Geometric).build::<f64>(1)?;
//! let trainer = Trainer {
//!     metrics: vec![Metric::RootMeanSquaredError],
//!     ..Trainer::new(Loss::MeanSquaredError, 3, 50, 0.01)
//! };
//! let curves = Curves::of(&network, "hidden1", None);
//! let mut dashboard = Dashboard::new("squares".to_owned(), curves).metric("RMSE", 1.0);
//! trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut dashboard)?;
//! assert_eq!(dashboard.curves.records.len(), 50);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod sparkline;
mod view;

pub use sparkline::sparkline;
pub use view::View;

use crate::run::execute::{say, show};
use crate::terminal::escaped;
use gmp_nn::Element;
use gmp_train::{BoundaryChanges, Change, Epoch, EpochRecord, Model, Observer, State};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// The record of every epoch, and what the boundaries of one layer did in it.
#[derive(Debug)]
pub struct Curves<T: Element> {
    /// One for each epoch.
    pub records: Vec<EpochRecord>,
    /// Movements of the layer's boundaries.
    pub changes: Option<BoundaryChanges<T>>,
}

impl<T: Element> Curves<T> {
    /// Watches a layer of a network that has not been trained yet: with its running statistics, or with those of a `batch` of
    /// inputs of so many columns.
    ///
    /// # Panics
    /// If there is no such layer, or the batch is no whole rows.
    pub fn of(model: &dyn Model<T>, layer: &str, batch: Option<(Vec<T>, usize)>) -> Self {
        let changes = match batch {
            None => BoundaryChanges::new(model, layer),
            Some((inputs, columns)) => BoundaryChanges::in_batch(model, layer, inputs, columns),
        };
        Self { records: Vec::new(), changes: Some(changes) }
    }

    /// How far the boundaries turned in every epoch.
    #[must_use]
    pub fn turns(&self) -> &[Change] {
        self.changes.as_ref().map_or(&[], |changes| &changes.direction[..])
    }
}

impl<T: Element> Observer<T> for Curves<T> {
    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        self.records.push(epoch.record.clone());
        self.changes.on_epoch(epoch)
    }
}

/// Between two pictures, and between two lines.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// Columns of a picture: those of an ordinary terminal, but the last one.
const WIDTH: usize = 79;

/// Shows the curves of a run on standard error.
#[derive(Debug)]
pub struct Dashboard<T: Element> {
    /// What there is to show.
    pub curves: Curves<T>,
    title: String,
    metric: Option<(&'static str, f64)>,
    epochs: usize,
    screen: Screen,
    start: Instant,
    shown: Option<Instant>,
    is_over: bool,
}

impl<T: Element> Dashboard<T> {
    /// Where standard error is a terminal, the curves are drawn there and drawn again as they grow; elsewhere a line is
    /// written every two seconds, and one at the end.
    #[must_use]
    pub fn new(title: String, curves: Curves<T>) -> Self {
        let (screen, start) = (Screen::new(), Instant::now());
        Self { curves, title, metric: None, epochs: 0, screen, start, shown: None, is_over: false }
    }

    /// Names the first metric of the trainer; its values are multiplied by `unit` to be in the reader's.
    #[must_use]
    pub fn metric(self, name: &'static str, unit: f64) -> Self {
        Self { metric: Some((name, unit)), ..self }
    }

    /// What is shown now.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View {
            title: &self.title,
            records: &self.curves.records,
            epochs: self.epochs,
            turns: self.curves.turns(),
            metric: self.metric,
            elapsed: self.start.elapsed(),
            is_over: self.is_over,
        }
    }

    fn draw(&mut self) {
        let pause = PAUSES[usize::from(self.screen.0.is_none())];
        let since = self.shown.unwrap_or(self.start).elapsed();
        if !self.is_over && since < pause {
            return;
        }
        match &self.screen.0 {
            Some(bar) => {
                let lines = self.view().lines(WIDTH);
                let lines: Vec<_> = lines.iter().map(|line| escaped(line)).collect();
                bar.set_message(lines.join("\n"));
            }
            None => say(&self.view().line()),
        }
        self.shown = Some(Instant::now());
    }
}

impl<T: Element> Observer<T> for Dashboard<T> {
    fn on_epoch(&mut self, epoch: &Epoch<'_, T>) -> ControlFlow<()> {
        self.epochs = epoch.epochs();
        self.curves.on_epoch(epoch)?;
        self.draw();
        ControlFlow::Continue(())
    }

    fn on_end(&mut self, _: &State<'_, T>) {
        self.is_over = true;
        self.draw();
    }
}

/// What is drawn on, where standard error is a terminal.
#[derive(Debug)]
struct Screen(Option<ProgressBar>);

impl Screen {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg}");
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        show(bar.clone());
        Self(bar)
    }
}

/// The last picture stays where it is.
impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.abandon();
        }
        show(None);
    }
}
