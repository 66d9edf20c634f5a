//! The runs that Figure 4 and Table 2 show: VGG-6 under every method.

use super::options::Width;
use super::pace;
use super::report::{self, Caption, Row};
use super::size::{Size, Trained, held};
use super::stability;
use super::training::{self, Recipe, carry_out};
use crate::experiment::tables::Rate;
use crate::experiment::{Context, Grid, Prepared, Profile, Rates, Study, images};
use crate::method::{self, Architecture, MethodId};
use crate::problem::images::Set;
use crate::problem::names::Names;
use crate::ranks::Ranks;
use crate::report::html::{Block, Section};
use crate::run::execute::{Finished, say};
use crate::run::results::{Results, SetId};
use crate::run::stop::Stop;
use crate::run::{Protocol, Record, Run};
use anyhow::{Context as _, Result};
use gmp_nn::NetworkSpec;
use gmp_nn::zoo::vgg6;
use gmp_train::Restore;
use gmp_train::image::Preparation;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// The options that Figure 4 and Table 2 use.
pub const OPTIONS: &[&str] = &[
    "--seeds",
    "--first-seed",
    "--protocol",
    "--dataset",
    "--method",
    "--lr",
    "--width",
    "--batch",
    "--epochs",
    "--pictures",
    "--micro-batch",
];

/// The folder of the runs.
pub const STORE: &str = "vgg6";
/// What Figure 4 and Table 2 are about.
pub const CAPTIONS: [Caption; 2] = [
    Caption {
        id: "fig4",
        figure: "Figure 4",
        text: "Convergence speed for VGG-6 trained on the ImageNet32 dataset with batch size 1024.",
        network: Architecture::Vgg,
        at_authors_rates: true,
    },
    Caption {
        id: "table2",
        figure: "Table 2",
        text: "Top-1 and top-5 validation accuracy (%) for VGG-6 trained on ImageNet32.",
        network: Architecture::Vgg,
        at_authors_rates: true,
    },
];

/// What is shown of the runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Curves of the largest batch: Figure 4.
    Curves,
    /// Final accuracies at every batch size: Table 2.
    Table,
}

/// VGG-6 on sets of 32×32 pictures.
pub struct Vgg {
    section: Section,
    shown: Shown,
    rows: Vec<Planned>,
    runs: Vec<Run>,
    is_quick: bool,
    width: Width,
    micro_batch: Option<usize>,
    threads: usize,
    folder: PathBuf,
    ranks: Arc<Ranks>,
}

struct Planned {
    /// What records and tables call it.
    name: String,
    set: Set,
    fingerprint: String,
    batch_size: usize,
}

impl Planned {
    fn row(&self) -> Row<'_> {
        Row { id: SetId { name: &self.name, fingerprint: &self.fingerprint }, set: &self.set }
    }
}

/// The quick profile, minutes on two cores: width, batch, epochs, pictures.
pub(crate) const QUICK: (Width, usize, usize, usize) = (Width::over(8), 64, 4, 4_000);
/// Batch sizes of the full profile.
pub const BATCHES: [usize; 3] = [256, 512, 1024];
/// Most epochs of the full profile.
pub const EPOCHS: usize = 500;
/// Seeds of the quick and of the full profile.
pub const SEEDS: [u64; 2] = [1, 5];
/// Epochs without a better validation top-5 until the rate falls, and until training stops.
const PATIENCE: (usize, usize) = (5, 10);

impl Vgg {
    /// Plans the runs.
    ///
    /// # Errors
    /// Pictures that are not there.
    pub fn prepare(context: &Context, shown: Shown, mut section: Section) -> Result<Prepared> {
        if !context.protocols.contains(&Protocol::Paper) {
            section.blocks.push(Block::Note(images::ONE_PROTOCOL.to_owned()));
            return Ok(Prepared::Skipped(section));
        }
        let quick = context.profile == Profile::Quick;
        let options = &context.pictures;
        let (width, batches, epochs) = match context.profile {
            Profile::Quick => (QUICK.0, vec![QUICK.1], QUICK.2),
            Profile::Full => (Width::PAPER, BATCHES.to_vec(), EPOCHS),
        };
        let width = options.width.unwrap_or(width);
        let mut batches = if options.batches.is_empty() { batches } else { options.batches.clone() };
        batches.sort_unstable();
        batches.dedup();
        if shown == Shown::Curves {
            batches.drain(..batches.len() - 1);
        }
        let methods = context.methods(&method::of(Architecture::Vgg), &method::in_paper(Architecture::Vgg));
        let (mut rows, mut runs, mut seen) = (Vec::new(), Vec::new(), Names::default());
        for set in context.small_sets()? {
            if set.is_generated() {
                say(&format!("{}: trained on generated images", section.id));
            }
            // Quick runs use a subset unless --epochs is given.
            let few = (quick && options.epochs.is_none()).then_some(QUICK.3);
            let set = match options.pictures.or(few) {
                Some(pictures) => set.some(pictures),
                None => set,
            };
            let fingerprint = set.fingerprint(&context.out, context.threads)?;
            if !seen.is_new(&set.name, &fingerprint, &set.place())? {
                continue;
            }
            for &batch_size in &batches {
                let name = format!("{}, width {width}, {}", set.name, options.batch_name(batch_size));
                runs.extend(context.plan(Grid {
                    experiment: STORE,
                    dataset: &name,
                    data: &fingerprint,
                    methods: &methods,
                    seeds: context.seeds(SEEDS[0], SEEDS[1]),
                    epoch_limit: options.epochs.unwrap_or(epochs),
                    protocols: &[Protocol::Paper],
                    rates: Rates::Authors,
                }));
                rows.push(Planned { name, set: set.clone(), fingerprint: fingerprint.clone(), batch_size });
            }
        }
        Ok(Prepared::Ready(Box::new(Self {
            section,
            shown,
            rows,
            runs,
            is_quick: quick && options.epochs.is_none(),
            width,
            micro_batch: options.micro_batch,
            threads: context.threads,
            folder: context.out.join(STORE),
            ranks: Arc::clone(&context.ranks),
        })))
    }

    fn network(&self, run: &Run, row: &Planned) -> NetworkSpec {
        vgg6(&run.method.variant(), self.width.filters(), row.set.training.classes())
    }

    fn row(&self, run: &Run) -> Option<&Planned> {
        self.rows.iter().find(|row| row.name == run.dataset && row.fingerprint == run.data)
    }

    fn recipe(&self, run: &Run) -> Option<Recipe<'_>> {
        let row = self.row(run)?;
        Some(Recipe {
            network: self.network(run, row),
            set: &row.set,
            augmented: Preparation::small(true),
            plain: Preparation::small(false),
            batch_size: row.batch_size,
            micro_batch: self.micro_batch,
            step_decay: None,
            patience: Some(PATIENCE),
            restore: Restore::WhenStoppedEarly,
            weight_decay: 0.0,
            watches: true,
            ranks: &self.ranks,
        })
    }

    fn threads_of_a_run(&self) -> usize {
        (self.threads / self.at_a_time(self.threads)).max(1)
    }
}

impl Study for Vgg {
    fn runs(&self) -> Vec<Run> {
        self.runs.clone()
    }

    fn cost(&self, run: &Run) -> f64 {
        let pictures = self.row(run).map_or(0, |row| row.set.training.len());
        pictures as f64 * run.epoch_limit as f64
    }

    fn size(&self, run: &Run) -> Option<Size> {
        let row = self.row(run)?;
        let network = Trained::of(&self.network(run, row))?;
        let pictures = row.set.training.len();
        Some(Size::of(network, pictures, run.epoch_limit, row.batch_size, self.micro_batch, held(&row.set)))
    }

    /// Narrow networks leave threads idle, wide ones fill them and the memory. Several ranks carry out a run together.
    fn at_a_time(&self, threads: usize) -> usize {
        if self.ranks.count() > 1 {
            return 1;
        }
        if self.width.filters() <= 32 { threads.min(self.runs.len()).max(1) } else { 1 }
    }

    fn carry_out(&self, run: &Run, stop: &Stop) -> Finished {
        let recipe = self.recipe(run).context("a run of a set that was read")?;
        carry_out(&recipe, run, &self.folder, self.threads_of_a_run(), stop)
    }

    fn seconds(&self, run: &Run, end: Instant, stop: &Stop) -> Option<f64> {
        pace::seconds(&self.recipe(run)?, run, self.threads_of_a_run(), end, stop)
    }

    fn kept(&self, record: &Record) {
        training::remove_checkpoints(&self.folder, record);
    }

    fn report(&self, context: &Context, results: &Results<'_>) -> Section {
        let filters = self.width.filters();
        let mut blocks = vec![Block::Paragraph(format!(
            "VGG-6 with pairs of {filters}, {} and {} filters (the paper's has 128, 256 and 512), 3×3 convolutions, global average pooling, dense \
             output; SGD with momentum 0.9, learning rate 0.1 for GmP and GmP+IMN and 0.01 for the others unless stated otherwise, random horizontal \
             flips; the learning rate falls tenfold after {} epochs without a better validation top-5, and training stops after {}. As in the paper, \
             the validation images that decide this are also the ones reported.",
            2 * filters,
            4 * filters,
            PATIENCE.0,
            PATIENCE.1
        ))];
        if self.is_quick {
            blocks.push(Block::Note(
                "Quick profile: a narrow network, few images, few epochs, one seed: it shows that everything runs, not which method is best. For ten \
                 epochs on all images, with enough seeds for outcomes: --epochs 10 --seeds 5; for the paper's set-up: --profile full."
                    .to_owned(),
            ));
        }
        for row in self.rows.iter().filter(|row| row.set.is_generated()) {
            blocks.push(Block::Note(format!(
                "{}: generated images (ten kinds of figure, 32×32), since no others were named or found.",
                row.name
            )));
        }
        blocks.extend(images::micro_batch_note(self.micro_batch));
        let methods: Vec<MethodId> = method::of(Architecture::Vgg)
            .into_iter()
            .filter(|m| self.runs.iter().any(|run| run.method == *m))
            .collect();
        let rows: Vec<Row<'_>> = self.rows.iter().map(Planned::row).collect();
        let [fig4, table2] = &CAPTIONS;
        let (caption, questions) = match self.shown {
            Shown::Curves => {
                blocks.extend(report::curves("fig4", results, &rows, &methods, Rate::Paper));
                (fig4, fig4.speed())
            }
            Shown::Table => {
                blocks.extend(report::table("table2", results, &rows, &methods, Rate::Paper));
                let questions = table2.accuracy().into_iter().chain(stability::questions());
                (table2, questions.collect())
            }
        };
        let mut claims = caption.claims(context, &questions, results, &rows, &methods, Rate::Paper);
        if rows.iter().all(|row| !row.set.name.contains("imagenet32")) {
            claims.extend(self.section.claims.iter().cloned());
        }
        Section { blocks, claims, differs: self.differences(), ..self.section.clone() }
    }
}

impl Vgg {
    /// In what this call's runs differ from those of the paper.
    fn differences(&self) -> Vec<String> {
        let mut differs = Vec::new();
        if self.width.filters() != Width::PAPER.filters() {
            differs.push(format!("The networks have {} of the paper's filters in every layer.", self.width));
        }
        let others: Vec<String> = self
            .rows
            .iter()
            .filter(|row| !row.set.name.contains("imagenet32"))
            .map(|row| format!("{} ({} to train on)", row.set.name, row.set.training.len()))
            .collect();
        if !others.is_empty() {
            differs.push(format!(
                "The images are not those of ImageNet32 (1,281,167 to train on) but: {}.",
                others.join(", ")
            ));
        }
        let most = self.runs.iter().map(|run| run.epoch_limit).max().unwrap_or(0);
        if most != EPOCHS {
            differs.push(format!("A run has at most {most} epochs; the released code allows {EPOCHS}."));
        }
        let usual = if self.shown == Shown::Curves { &BATCHES[2..] } else { &BATCHES[..] };
        let batches: Vec<usize> = self.rows.iter().map(|row| row.batch_size).collect();
        let listed = |sizes: &[usize]| {
            let mut sizes = sizes.to_vec();
            sizes.dedup();
            sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
        };
        if listed(&batches) != listed(usual) {
            differs.push(format!("Batches of {}; the paper has {}.", listed(&batches), listed(usual)));
        }
        differs.push(
            "Initial directions of geometric units cover the whole sphere: the released conversion from weights to angles loses the sign of the last \
             weight, so its units start in half of the sphere. Its input mean normalization also divides by √(1 + 1e-6); this one does not. Numbers \
             are means over seeds, with the 95% interval where there are several seeds."
                .to_owned(),
        );
        differs
    }
}
