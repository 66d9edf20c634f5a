//! The page of a trained network: results, curves, errors, boundaries, and the comparison where there is one.

use super::fit::{Job, Parts, Trained};
use super::samples::Columns;
use super::score::{Score, class};
use super::task::Task;
use crate::claim::forest;
use crate::dashboard::Curves;
use crate::method::MethodId;
use crate::report::color::Color;
use crate::report::figure::{Axis, Figure, Layer, Legend, Marker, Panel, Stroke};
use crate::report::html::{Block, Report, Section, Table};
use crate::report::number::{number, rate, significant};
use gmp_train::{Change, EpochRecord};

/// Everything that the page is made of.
pub(super) struct Page<'a> {
    /// What the data are called.
    pub(super) name: &'a str,
    /// What was trained.
    pub(super) job: Job<'a>,
    /// What became of it.
    pub(super) trained: &'a Trained,
    /// Its epochs, and the boundaries of its first hidden layer.
    pub(super) curves: &'a Curves<f64>,
    /// The methods that are compared, if any.
    pub(super) compared: &'a [MethodId],
    /// Results over seeds, and a comparison.
    pub(super) seeds: Vec<Section>,
    /// How it was made, as names and values.
    pub(super) manifest: Vec<(String, String)>,
}

impl Page<'_> {
    /// The whole page.
    pub(super) fn report(self) -> Report {
        let mut sections = vec![self.results(), self.training(), self.errors()];
        sections.extend(self.boundaries());
        let claims: Vec<_> = self.seeds.iter().flat_map(|section| section.claims.clone()).collect();
        let picture = forest::figure(&claims)
            .map(|figure| Figure { title: "Results of the comparison over seeds".to_owned(), ..figure });
        let methods = match claims.is_empty() {
            true => Vec::new(),
            false => self.compared.iter().map(|method| (method.name.to_owned(), method.color)).collect(),
        };
        let summary = self.summary();
        let title = format!("{}: {} by a network", self.name, self.job.samples.columns.target);
        sections.extend(self.seeds);
        Report {
            title,
            summary,
            claims,
            picture,
            methods,
            sections,
            manifest: self.manifest,
            ..Report::default()
        }
    }

    fn summary(&self) -> Vec<String> {
        let Self { job, trained, .. } = self;
        let (columns, settings) = (&job.samples.columns, job.settings);
        let hidden: Vec<String> = settings.hidden.iter().map(ToString::to_string).collect();
        let Parts { train, validation, test } = &trained.parts;
        let result = match &trained.test {
            Score::Regression { rmse, mae, r2 } => format!(
                "On the {} test samples the root mean squared error is {} and the mean absolute error {}, in units of {}; R² is {}.",
                test.len(),
                significant(*rmse),
                significant(*mae),
                columns.target,
                if r2.is_nan() {
                    "not defined, since all of their targets are equal".to_owned()
                } else {
                    number(*r2, 3)
                }
            ),
            Score::Classes { accuracy, cross_entropy, most_frequent, .. } => format!(
                "On the {} test samples the accuracy is {}%, where always predicting their most frequent class has {}%; the cross-entropy is {}.",
                test.len(),
                number(100.0 * accuracy, 1),
                number(100.0 * most_frequent, 1),
                number(*cross_entropy, 3)
            ),
        };
        let kind = match columns.task {
            Task::Regression => String::new(),
            _ => format!(" among {} classes", columns.classes.len()),
        };
        vec![
            result,
            format!(
                "A network of {} inputs and hidden layers of {} {} units ({}) learned {}{kind} from {} samples; {} validation samples decided when \
                 the learning rate fell and when training stopped. The test samples were used once.",
                columns.inputs.len(),
                hidden.join(" and "),
                job.method,
                settings.activation,
                columns.target,
                train.len(),
                validation.len()
            ),
        ]
    }

    fn results(&self) -> Section {
        let Self { job, trained, .. } = self;
        let columns = &job.samples.columns;
        let (test, validation) =
            (trained.test.rows(&columns.target), trained.validation.rows(&columns.target));
        let rows = test.into_iter().zip(validation).map(|([name, test], [_, value])| vec![name, test, value]);
        let table = Table {
            caption: format!("Results for {}.", columns.target),
            header: ["", "test", "validation"].map(str::to_owned).to_vec(),
            rows: rows.collect(),
            highlight: Vec::new(),
        };
        let constant: Vec<&str> =
            trained.model.inputs.constant_columns().map(|column| &columns.inputs[column][..]).collect();
        let mut blocks = vec![Block::Table(table)];
        if !constant.is_empty() {
            blocks.push(Block::Note(format!(
                "Constant in the training samples, so that the network cannot use them: {}.",
                constant.join(", ")
            )));
        }
        blocks.push(Block::Paragraph(format!(
            "Task: {}, since {}. Inputs: {}.",
            columns.task,
            job.samples.reason,
            some(&columns.inputs)
        )));
        section("results", "Results", blocks)
    }

    fn training(&self) -> Section {
        let Self { job, trained, curves, .. } = self;
        let task = job.samples.columns.task;
        let records = &curves.records;
        let unit = trained.model.targets.as_ref().map_or(1.0, |targets| targets.deviation()[0]);
        let line = |of: &dyn Fn(&EpochRecord) -> Option<f64>, color: Color, label: &str| {
            let points = records.iter().filter_map(|r| Some((r.epoch as f64 + 1.0, of(r)?)));
            Layer::line(points, color).labelled(label)
        };
        let epoch = || Axis::linear("epoch");
        let metric = |values: &[f64]| values.first().map(|value| value * unit);
        let mut losses = Panel::new("(a) Loss", epoch(), Axis::log10("loss"))
            .legend(Legend::Above)
            .with(line(&|r| Some(r.training_loss), Color::BLUE, "training"))
            .with(line(&|r| r.validation, Color::ORANGE, "validation"));
        if let Some(best) = trained.fit.best_epoch.and_then(|best| records.get(best)) {
            let point = (best.epoch as f64 + 1.0, best.validation.unwrap_or(f64::NAN));
            losses = losses.with(Layer::points([point], Color::VERMILION, Marker::Star).labelled("kept"));
        }
        let name = task.metric_name();
        let axis = match task {
            Task::Regression => Axis::log10(format!("{name}, in units of {}", job.samples.columns.target)),
            _ => Axis::linear(name),
        };
        let title =
            format!("(b) {}", if task == Task::Regression { name.to_owned() } else { "Accuracy".to_owned() });
        let metrics = Panel::new(title, epoch(), axis)
            .legend(Legend::Above)
            .with(line(&|r| metric(&r.training_metrics), Color::BLUE, "training"))
            .with(line(&|r| metric(&r.validation_metrics), Color::ORANGE, "validation"));
        let rates = Panel::new("(c) Learning rate", epoch(), Axis::log10("learning rate")).with(line(
            &|r| Some(r.learning_rate),
            Color::INK,
            "",
        ));
        let figure = Figure::new("training", "Training")
            .caption(
                "Training curves are means over the batches of an epoch, while the network changed; validation curves are those of the network after \
                 it. The star marks the epoch whose network was kept.",
            )
            .row(220.0, vec![losses, metrics, rates]);
        let fit = &trained.fit;
        let end = match fit.best_epoch {
            Some(best) => {
                format!("the lowest validation loss was after epoch {}, whose network was kept", best + 1)
            }
            None => "no validation loss was finite".to_owned(),
        };
        let text = format!(
            "{} epochs, {} steps of Adam at learning rate {} at the start and {} at the end; {end}.",
            fit.epochs,
            fit.steps,
            rate(job.lr),
            rate(fit.learning_rate)
        );
        section("training", "Training", vec![Block::Paragraph(text), Block::Figure(figure)])
    }

    fn errors(&self) -> Section {
        let Self { job, trained, .. } = self;
        let columns = &job.samples.columns;
        let data = &job.samples.data;
        let targets: Vec<f64> = trained.parts.test.iter().map(|&row| data.targets()[row]).collect();
        match &trained.test {
            Score::Regression { .. } => residuals(columns, &trained.outputs, &targets),
            Score::Classes { confusion, .. } => confusions(columns, confusion, &trained.outputs, &targets),
        }
    }

    fn boundaries(&self) -> Option<Section> {
        let changes = self.curves.changes.as_ref()?;
        let panel = |title: &str, axis: &str, changes: &[Change]| {
            let line = |of: fn(&Change) -> f64, color, label: &str| {
                let points = changes.iter().enumerate().map(|(k, change)| (k as f64 + 1.0, of(change)));
                Layer::line(points, color).labelled(label)
            };
            Panel::new(title, Axis::linear("epoch"), Axis::log10(axis))
                .legend(Legend::Above)
                .with(line(|c| c.max, Color::VERMILION, "largest"))
                .with(line(|c| c.mean, Color::GREEN, "mean over units"))
        };
        let figure = Figure::new("boundaries", "Movement of the activation boundaries")
            .caption(
                "Of the first hidden layer, in the space of the standardized inputs, from epoch to epoch: how far the normals turn, and \
                 how far the spatial locations move, which are the points of the boundaries nearest to the origin.",
            )
            .row(
                220.0,
                vec![
                    panel("(a) Turn", "radians per epoch", &changes.direction),
                    panel("(b) Spatial location", "distance per epoch", &changes.location),
                ],
            );
        Some(section("boundaries", "Activation boundaries", vec![Block::Figure(figure)]))
    }
}

/// Predictions beside the targets, and the residuals over the predictions.
fn residuals(columns: &Columns, outputs: &[f64], targets: &[f64]) -> Section {
    const MOST_POINTS: usize = 2000;
    let pairs: Vec<(f64, f64)> =
        outputs.iter().zip(targets).map(|(output, target)| (*output, *target)).take(MOST_POINTS).collect();
    let all = pairs.iter().flat_map(|pair| [pair.0, pair.1]);
    let (least, most) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), x| (l.min(x), m.max(x)));
    let dots =
        |points: Vec<(f64, f64)>| Layer::points(points, Color::BLUE, Marker::Dot).sized(4.0).faded(0.5);
    let diagonal = Layer::line([(least, least), (most, most)], Color::GREY).stroked(Stroke::Dashed);
    let predicted = Panel::new(
        "(a) Predicted and true",
        Axis::linear(format!("predicted {}", columns.target)),
        Axis::linear(format!("true {}", columns.target)),
    )
    .with(diagonal)
    .with(dots(pairs.clone()));
    let zero = Layer::line([(least, 0.0), (most, 0.0)], Color::GREY).stroked(Stroke::Dashed);
    let residual = Panel::new(
        "(b) Residuals",
        Axis::linear(format!("predicted {}", columns.target)),
        Axis::linear("true − predicted"),
    )
    .with(zero)
    .with(dots(pairs.iter().map(|(output, target)| (*output, target - output)).collect()));
    let shown = if targets.len() > MOST_POINTS {
        format!(" The first {MOST_POINTS} are drawn.")
    } else {
        String::new()
    };
    let figure = Figure::new("residuals", "Test samples")
        .caption(format!("One point per test sample, in the units of the data.{shown}"))
        .row(280.0, vec![predicted, residual]);
    section("errors", "Errors of the test samples", vec![Block::Figure(figure)])
}

/// How often each class was taken for which, and how far the probabilities can be trusted.
fn confusions(columns: &Columns, confusion: &[Vec<usize>], outputs: &[f64], targets: &[f64]) -> Section {
    /// A wider table says nothing to a reader.
    const MOST_SHOWN: usize = 30;
    let classes = &columns.classes;
    let mut blocks = Vec::new();
    if classes.len() <= MOST_SHOWN {
        let rows = confusion.iter().enumerate().map(|(k, row)| {
            std::iter::once(classes[k].clone()).chain(row.iter().map(ToString::to_string)).collect()
        });
        blocks.push(Block::Table(Table {
            caption: "Test samples by their true class (rows) and their predicted one (columns).".to_owned(),
            header: std::iter::once(format!("true {}", columns.target))
                .chain(classes.iter().cloned())
                .collect(),
            rows: rows.collect(),
            highlight: (0..classes.len()).map(|k| (k, k + 1)).collect(),
        }));
    }
    let total = |k: usize| confusion[k].iter().sum::<usize>();
    let predicted = |k: usize| confusion.iter().map(|row| row[k]).sum::<usize>();
    let share = |part: usize, of: usize| match of {
        0 => "–".to_owned(),
        _ => format!("{}%", number(100.0 * part as f64 / of as f64, 1)),
    };
    let rows = (0..classes.len()).filter(|&k| total(k) + predicted(k) > 0).take(MOST_SHOWN).map(|k| {
        let right = confusion[k][k];
        vec![classes[k].clone(), total(k).to_string(), share(right, total(k)), share(right, predicted(k))]
    });
    blocks.push(Block::Table(Table {
        caption: "Each class: test samples, recall (share of them that was found) and precision (share of those found that are correct)."
            .to_owned(),
        header: ["class", "samples", "recall", "precision"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        highlight: Vec::new(),
    }));
    let wrong = outputs.chunks_exact(columns.outputs()).zip(targets);
    let wrong = wrong.filter(|(logits, target)| class(columns.task, logits) != **target as usize).count();
    blocks.push(Block::Paragraph(format!("{wrong} of {} test samples were misclassified.", targets.len())));
    section("errors", "Errors of the test samples", blocks)
}

fn section(id: &str, title: &str, blocks: Vec<Block>) -> Section {
    Section { id: id.to_owned(), title: title.to_owned(), blocks, ..Section::default() }
}

/// Some names for a sentence.
fn some(names: &[String]) -> String {
    const NAMED: usize = 20;
    let more = if names.len() > NAMED { format!(" and {} more", names.len() - NAMED) } else { String::new() };
    names.iter().take(NAMED).map(|name| &name[..]).collect::<Vec<_>>().join(", ") + &more
}
