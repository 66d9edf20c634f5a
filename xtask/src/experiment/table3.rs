//! Table 3: validation accuracy of ResNet-18.

use super::images::pace;
use super::images::report::{self, Caption, Row};
use super::images::resnet::{RecipeName, Side};
use super::images::size::{Size, Trained, held};
use super::images::training::{self, Recipe, carry_out};
use super::images::vgg::QUICK;
use super::images::{Width, options};
use super::question::Question;
use super::tables::Rate;
use super::{Context, Experiment, Grid, Prepared, Profile, Rates, Study, images};
use crate::claim::Claim;
use crate::method::{self, Architecture, MethodId};
use crate::problem;
use crate::problem::images::Set;
use crate::ranks::Ranks;
use crate::report::html::{Block, Section};
use crate::run::execute::{Finished, say};
use crate::run::results::{Results, SetId};
use crate::run::stop::Stop;
use crate::run::{Protocol, Record, Run};
use anyhow::{Context as _, Result, bail};
use gmp_train::image::Ilsvrc;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Table 3.
pub struct Table3;

const OPTIONS: &[&str] = &[
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
    "--recipe",
];
/// Seeds of the quick and of the full profile.
pub const SEEDS: [u64; 2] = [1, 1];
/// The field's for batches of 256, for every method: the authors' tenfold rate for GmP is of VGG-6, and would be a
/// handicap of the others here.
const RATE: f64 = 0.1;
/// Pictures a step.
const BATCH: usize = 256;
/// A sample of ILSVRC with so few images is trained on for a few epochs in small batches.
const SAMPLE: usize = 10_000;

impl Experiment for Table3 {
    fn id(&self) -> &'static str {
        "table3"
    }
    fn title(&self) -> &'static str {
        "Table 3: validation accuracy of ResNet-18"
    }
    fn methods(&self) -> Vec<MethodId> {
        method::of(Architecture::ResNet)
    }
    fn options(&self) -> &'static [&'static str] {
        OPTIONS
    }
    fn needs(&self) -> &'static str {
        "DATA-DIR/ilsvrc with train/<class>/ and val/<class>/, or --dataset with a folder, cifar10 or imagenet32; without \
         them, it is skipped"
    }
    fn duration(&self) -> [&'static str; 2] {
        [
            "1 min on a sample of 44 images, 2 min with --dataset cifar10",
            "5 months: 14 h for an epoch of ImageNet, of which 3 methods have 90 each",
        ]
    }

    fn prepare(&self, context: &Context) -> Result<Prepared> {
        if let [_, _, ..] = context.datasets[..] {
            bail!(
                "table3 takes one --dataset, the folder of ILSVRC or a set of 32×32 images; {} were named",
                context.datasets.len()
            );
        }
        if let [_, _, ..] = context.pictures.batches[..] {
            bail!("table3 takes one --batch; {} were named", context.pictures.batches.len());
        }
        if !context.protocols.contains(&Protocol::Paper) {
            let claims = self.untested(context, images::ONE_PROTOCOL);
            return Ok(Prepared::Skipped(
                self.section(claims, vec![Block::Note(images::ONE_PROTOCOL.to_owned())]),
            ));
        }
        let (set, side) = if context.datasets.iter().any(|named| is_small(named)) {
            let set = context.small_sets()?.into_iter().next().context("the set that was named")?;
            (set, Side::Small)
        } else {
            let named = context.datasets.first().map(PathBuf::from);
            let folder = named.unwrap_or_else(|| context.data_dir.join("ilsvrc"));
            if !folder.join("train").is_dir() {
                let how = format!(
                    "Skipped: there is no {}. ILSVRC cannot be fetched without an account: put its classes into train/ and val/ there, or name a \
                     folder with --dataset. With --dataset cifar10 a ResNet-18 for small images is trained.",
                    folder.join("train").display()
                );
                let claims = self.untested(context, &how);
                return Ok(Prepared::Skipped(self.section(claims, vec![Block::Note(how)])));
            }
            (problem::images::of(&folder, Ilsvrc::open(&folder)?)?, Side::Large)
        };
        Ok(Prepared::Ready(Box::new(ResNet::plan(context, set, side)?)))
    }

    fn untested(&self, context: &Context, why: &str) -> Vec<Claim> {
        CAPTION.untested(context, &questions(), &[WHOLE], &[RATE], why)
    }
}

/// Whether what the user named is a set of 32×32 pictures: a name of one, or a folder with the files of one.
fn is_small(named: &str) -> bool {
    let holds = |file: &str| Path::new(named).join(file).is_file();
    problem::images::NAMES.contains(&named) || holds("test_batch.bin") || holds("val_data.npz")
}

const CAPTION: Caption = Caption {
    id: "table3",
    figure: "Table 3",
    text: "Single-center-crop validation accuracy (%) for ResNet-18 trained on ImageNet (ILSVRC 2012).",
    network: Architecture::ResNet,
    at_authors_rates: false,
};

impl Table3 {
    fn section(&self, claims: Vec<Claim>, blocks: Vec<Block>) -> Section {
        let (id, title) = (self.id().to_owned(), self.title().to_owned());
        let differs = DIFFERS.map(str::to_owned).to_vec();
        let caption = format!("Table 3: {}", CAPTION.text);
        Section { id, title, caption, differs, claims, blocks, ..Section::default() }
    }
}

/// The data of the paper, as records would call them.
const WHOLE: &str = "ilsvrc, batch 256";

fn questions() -> Vec<Question> {
    let mut questions = CAPTION.accuracy();
    questions.extend(CAPTION.speed());
    questions
}

const DIFFERS: [&str; 3] = [
    "No released code trains a ResNet-18. The recipe field is the usual one; the recipe authors is that of an older version of the released code, \
     which trains a ResNet-34 (see --recipe).",
    "Every method has the same learning rate.",
    "WN+MBN has no effective bias, here as in the released code: subtracting the mean cancels it.",
];

const USUAL: Rate = Rate::Equal(RATE);

/// The runs of one set of pictures, by one recipe or both.
struct ResNet {
    set: Set,
    side: Side,
    fingerprint: String,
    /// What records and tables call the set under each recipe.
    rows: Vec<(String, RecipeName)>,
    width: Width,
    batch_size: usize,
    is_quick: bool,
    runs: Vec<Run>,
    micro_batch: Option<usize>,
    threads: usize,
    folder: PathBuf,
    ranks: Arc<Ranks>,
}

impl ResNet {
    fn plan(context: &Context, set: Set, side: Side) -> Result<Self> {
        let options = &context.pictures;
        let is_quick = context.profile == Profile::Quick;
        let quick_small = is_quick && side == Side::Small;
        // Quick runs on small images use a subset unless --epochs is given.
        let few = (quick_small && options.epochs.is_none()).then_some(QUICK.3);
        let set = match options.pictures.or(few) {
            Some(pictures) => set.some(pictures),
            None => set,
        };
        set.check_readable()?;
        if set.is_generated() {
            say("table3: trained on generated images");
        }
        let is_sample = side == Side::Large && set.training.len() < SAMPLE;
        let batch_size = match options.batches[..] {
            [batch_size, ..] => batch_size,
            [] if is_sample => 8,
            [] if quick_small => QUICK.1,
            [] => BATCH,
        };
        let width = options.width.unwrap_or(if quick_small { QUICK.0 } else { Width::PAPER });
        let mut recipes = options.recipes.clone();
        recipes.sort_unstable();
        recipes.dedup();
        if recipes.is_empty() {
            recipes.push(RecipeName::Field);
        }
        let fingerprint = set.fingerprint(&context.out, context.threads)?;
        let (mut rows, mut runs) = (Vec::new(), Vec::new());
        for recipe in recipes {
            let name = name(&set.name, width, recipe, options, batch_size);
            let epochs = match (is_quick, side) {
                (false, _) => recipe.epochs(),
                (true, Side::Large) => 2,
                (true, Side::Small) => QUICK.2,
            };
            runs.extend(context.plan(
                Grid {
                    experiment: Table3.id(),
                    dataset: &name,
                    data: &fingerprint,
                    methods:
                        &context.methods(
                            &method::of(Architecture::ResNet),
                            &method::in_paper(Architecture::ResNet),
                        ),
                    seeds: context.seeds(SEEDS[0], SEEDS[1]),
                    epoch_limit: options.epochs.unwrap_or(epochs),
                    protocols: &[Protocol::Paper],
                    rates: Rates::Equal(RATE),
                },
            ));
            rows.push((name, recipe));
        }
        // A few seeds of all rows first: what is cut short is of use.
        runs.sort_by_key(|run| run.seed);
        Ok(Self {
            set,
            side,
            fingerprint,
            rows,
            width,
            batch_size,
            is_quick: quick_small && options.epochs.is_none(),
            runs,
            micro_batch: options.micro_batch,
            threads: context.threads,
            folder: context.out.join(Table3.id()),
            ranks: Arc::clone(&context.ranks),
        })
    }

    /// How a run is trained, where it is one of a row that was planned.
    fn recipe(&self, run: &Run) -> Option<Recipe<'_>> {
        let (_, recipe) = self.rows.iter().find(|(name, _)| *name == run.dataset)?;
        let batch_and_epochs = [self.batch_size, run.epoch_limit];
        let variant = run.method.variant();
        let set = (&self.set, self.side);
        Some(recipe.recipe(variant, set, self.width, batch_and_epochs, self.micro_batch, &self.ranks))
    }

    fn threads_of_a_run(&self) -> usize {
        (self.threads / self.at_a_time(self.threads)).max(1)
    }

    fn is_sample(&self) -> bool {
        self.side == Side::Large && self.set.training.len() < SAMPLE
    }

    /// In what this call's runs differ from those of the paper.
    fn differences(&self) -> Vec<String> {
        let mut differs = DIFFERS.map(str::to_owned).to_vec();
        if self.width != Width::PAPER {
            differs.push(format!("The networks have {} of the paper's filters in every layer.", self.width));
        }
        if self.side == Side::Small {
            differs.push(format!(
                "The images are not those of ILSVRC (1,281,167 of about 500×375 pixels to train on, cut to 224×224, of 1000 classes) but: {} ({} of \
                 32×32 to train on, of {} classes).",
                self.set.name,
                self.set.training.len(),
                self.set.training.classes()
            ));
            differs.push(
                "The stem has 3×3 convolutions, stride 1 and no pooling, as is usual for 32×32 images: that of ImageNet (7×7, stride 2, pooling of \
                 stride 2) leaves 8×8 pixels to the first stage and one to the last. Here the four stages have 32, 16, 8 and 4 rows. Random crops \
                 are adapted to images of this size (see the recipes)."
                    .to_owned(),
            );
        }
        differs
    }
}

/// What records call a set: with all that a result depends on, except what it always was.
fn name(
    set: &str,
    width: Width,
    recipe: RecipeName,
    options: &options::Options,
    batch_size: usize,
) -> String {
    let mut name = set.to_owned();
    if width != Width::PAPER {
        name += &format!(", width {width}");
    }
    if recipe != RecipeName::Field {
        name += &format!(", recipe {recipe}");
    }
    format!("{name}, {}", options.batch_name(batch_size))
}

impl Study for ResNet {
    fn runs(&self) -> Vec<Run> {
        self.runs.clone()
    }

    fn cost(&self, run: &Run) -> f64 {
        run.epoch_limit as f64
    }

    /// Large images stay on the disk.
    fn size(&self, run: &Run) -> Option<Size> {
        let network = Trained::of(&self.recipe(run)?.network)?;
        let held = if self.side == Side::Small { held(&self.set) } else { 0 };
        let pictures = self.set.training.len();
        Some(Size::of(network, pictures, run.epoch_limit, self.batch_size, self.micro_batch, held))
    }

    /// One of large pictures, which fills the threads and the memory; narrow networks of small ones leave threads idle.
    /// Several ranks carry out a run together.
    fn at_a_time(&self, threads: usize) -> usize {
        let is_narrow = self.side == Side::Small && self.width.of(64) <= 16;
        if is_narrow && self.ranks.count() == 1 { threads.min(self.runs.len()).max(1) } else { 1 }
    }

    fn carry_out(&self, run: &Run, stop: &Stop) -> Finished {
        let recipe = self.recipe(run).context("a run of a row that was planned")?;
        carry_out(&recipe, run, &self.folder, self.threads_of_a_run(), stop)
    }

    fn seconds(&self, run: &Run, end: Instant, stop: &Stop) -> Option<f64> {
        pace::seconds(&self.recipe(run)?, run, self.threads_of_a_run(), end, stop)
    }

    fn kept(&self, record: &Record) {
        training::remove_checkpoints(&self.folder, record);
    }

    fn report(&self, context: &Context, results: &Results<'_>) -> Section {
        let pixels = if self.side == Side::Small { "32×32" } else { "224×224" };
        let filters = self.width.of(64);
        let mut blocks = vec![Block::Paragraph(format!(
            "ResNet-18 with stages of {filters}, {}, {} and {} filters, {pixels}, learning rate {RATE} for every method unless stated otherwise. The \
             authors released neither code nor recipe for it.",
            2 * filters,
            4 * filters,
            8 * filters
        ))];
        blocks.extend(self.rows.iter().map(|(_, recipe)| Block::Paragraph(recipe.in_words(self.side))));
        if self.is_sample() {
            blocks.push(Block::Note(format!(
                "A sample of {} training images of {} classes: this shows that everything runs; it is not a measurement.",
                self.set.training.len(),
                self.set.training.classes()
            )));
        }
        if self.is_quick {
            blocks.push(Block::Note(
                "Quick profile: a narrow network, few images, few epochs, one seed: it shows that everything runs, not which method is best."
                    .to_owned(),
            ));
        }
        let methods: Vec<MethodId> = method::of(Architecture::ResNet)
            .into_iter()
            .filter(|m| self.runs.iter().any(|run| run.method == *m))
            .collect();
        let id = |name| SetId { name, fingerprint: &self.fingerprint };
        let rows: Vec<Row<'_>> =
            self.rows.iter().map(|(name, _)| Row { id: id(name), set: &self.set }).collect();
        blocks.extend(images::micro_batch_note(self.micro_batch));
        blocks.extend(report::curves("table3-curves", results, &rows, &methods, USUAL));
        blocks.extend(report::table("table3", results, &rows, &methods, USUAL));
        let questions = questions();
        let mut claims = CAPTION.claims(context, &questions, results, &rows, &methods, USUAL);
        let why = match self.side {
            Side::Large if self.is_sample() => Some("This is a sample of the images."),
            Side::Large => None,
            Side::Small => Some("Other images were named with --dataset."),
        };
        claims.extend(why.into_iter().flat_map(|why| Table3.untested(context, why)));
        Section { differs: self.differences(), ..Table3.section(claims, blocks) }
    }
}
