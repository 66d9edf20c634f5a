//! Table 3: validation accuracy of ResNet-18.

use super::images::report::{self, Caption, Row};
use super::images::size::{Size, Trained};
use super::images::training::{self, Recipe, carry_out};
use super::question::Question;
use super::tables::Rate;
use super::{Context, Experiment, Grid, Prepared, Profile, Rates, Study, images};
use crate::claim::Claim;
use crate::method::{self, Architecture, MethodId};
use crate::problem;
use crate::ranks::Ranks;
use crate::report::html::{Block, Section};
use crate::run::execute::Finished;
use crate::run::results::{Results, SetId};
use crate::run::stop::Stop;
use crate::run::{Protocol, Record, Run};
use anyhow::{Result, bail};
use gmp_nn::NetworkSpec;
use gmp_nn::zoo::resnet18;
use gmp_train::StepDecay;
use gmp_train::image::{Ilsvrc, Preparation};
use std::path::PathBuf;
use std::sync::Arc;

/// Table 3.
pub struct Table3;

/// Epochs of the full profile.
pub const EPOCHS: usize = 90;
/// Seeds of the quick and of the full profile.
pub const SEEDS: [u64; 2] = [1, 1];
/// The field's for batches of 256, for every method: the authors' tenfold rate for GmP is of VGG-6, and would be a
/// handicap of the others here.
const RATE: f64 = 0.1;
/// Pictures a step.
const BATCH: usize = 256;
/// The rate falls tenfold after these shares of the epochs.
const FALLS: [f64; 2] = [1.0 / 3.0, 2.0 / 3.0];
const WEIGHT_DECAY: f64 = 1e-4;
/// A sample of ILSVRC with so few pictures is trained on for a few epochs in small batches.
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
        images::OPTIONS
    }
    fn needs(&self) -> &'static str {
        "DATA-DIR/ilsvrc with train/<class>/ and val/<class>/, or --dataset FOLDER; without it, it is skipped"
    }
    fn duration(&self) -> [&'static str; 2] {
        [
            "1 min on a sample of 44 pictures",
            "5 months: 14 h for an epoch of ImageNet, of which 3 methods have 90 each",
        ]
    }

    fn prepare(&self, context: &Context) -> Result<Prepared> {
        let folder = match &context.datasets[..] {
            [folder] => PathBuf::from(folder),
            [] => context.data_dir.join("ilsvrc"),
            several => {
                bail!("table3 takes one --dataset, the folder of ILSVRC; {} were named", several.len())
            }
        };
        if !context.protocols.contains(&Protocol::Paper) {
            let claims = self.untested(context, images::ONE_PROTOCOL);
            return Ok(Prepared::Skipped(
                self.section(claims, vec![Block::Note(images::ONE_PROTOCOL.to_owned())]),
            ));
        }
        if !folder.join("train").is_dir() {
            let how = format!(
                "Skipped: there is no {}. ILSVRC cannot be fetched without an account: put its classes into train/ and val/ \
                 there, or name a folder with --dataset.",
                folder.join("train").display()
            );
            let claims = self.untested(context, &how);
            return Ok(Prepared::Skipped(self.section(claims, vec![Block::Note(how)])));
        }
        let set = problem::images::of(&folder, Ilsvrc::open(&folder)?)?;
        let set = match context.pictures.pictures {
            Some(pictures) => set.some(pictures),
            None => set,
        };
        set.check_readable()?;
        let is_sample = set.training.len() < SAMPLE;
        let options = &context.pictures;
        let quick = context.profile == Profile::Quick;
        let epochs = options.epochs.unwrap_or(if quick { 2 } else { EPOCHS });
        let batch_size = match options.batches[..] {
            [] if is_sample => 8,
            [] => BATCH,
            [batch_size] => batch_size,
            _ => bail!("table3 takes one --batch; {} were named", options.batches.len()),
        };
        let name = format!("{}, {}", set.name, options.batch_name(batch_size));
        let fingerprint = set.fingerprint(&context.out, context.threads)?;
        let runs = context.plan(Grid {
            experiment: self.id(),
            dataset: &name,
            data: &fingerprint,
            methods: &context
                .methods(&method::of(Architecture::ResNet), &method::in_paper(Architecture::ResNet)),
            seeds: context.seeds(SEEDS[0], SEEDS[1]),
            epoch_limit: epochs,
            protocols: &[Protocol::Paper],
            rates: Rates::Equal(RATE),
        });
        Ok(Prepared::Ready(Box::new(ResNet {
            name,
            set,
            fingerprint,
            batch_size,
            runs,
            micro_batch: options.micro_batch,
            threads: context.threads,
            folder: context.out.join(self.id()),
            ranks: Arc::clone(&context.ranks),
        })))
    }

    fn untested(&self, context: &Context, why: &str) -> Vec<Claim> {
        CAPTION.untested(context, &questions(), &[WHOLE], &[RATE], why)
    }
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
    "No released code trains a ResNet-18. The recipe here is the usual one of the field. An older version of the released code trains a ResNet-34 \
     in another way (no weight decay, other crops, a colour offset, the radius inside the ReLU); that one is not run.",
    "Every method has the same learning rate.",
    "WN+MBN has no effective bias, here as in the released code: the mean that is subtracted takes it away.",
];

const USUAL: Rate = Rate::Equal(RATE);

struct ResNet {
    name: String,
    set: problem::images::Set,
    fingerprint: String,
    batch_size: usize,
    runs: Vec<Run>,
    micro_batch: Option<usize>,
    threads: usize,
    folder: PathBuf,
    ranks: Arc<Ranks>,
}

impl ResNet {
    fn network(&self, run: &Run) -> NetworkSpec {
        resnet18(&run.method.variant(), self.set.training.classes())
    }
}

impl Study for ResNet {
    fn runs(&self) -> Vec<Run> {
        self.runs.clone()
    }

    /// The pictures stay on the disk.
    fn size(&self, run: &Run) -> Option<Size> {
        let network = Trained::of(&self.network(run))?;
        Some(Size::of(
            network,
            self.set.training.len(),
            run.epoch_limit,
            self.batch_size,
            self.micro_batch,
            0,
        ))
    }

    /// One: it fills the threads and the memory.
    fn at_a_time(&self, _: usize) -> usize {
        1
    }

    fn carry_out(&self, run: &Run, stop: &Stop) -> Finished {
        let epochs = FALLS.map(|share| ((run.epoch_limit as f64 * share).round() as usize).max(1));
        let recipe = Recipe {
            network: self.network(run),
            set: &self.set,
            augmented: Preparation::ilsvrc(true),
            plain: Preparation::ilsvrc(false),
            batch_size: self.batch_size,
            micro_batch: self.micro_batch,
            step_decay: Some(StepDecay { factor: 0.1, epochs: epochs.to_vec() }),
            patience: None,
            weight_decay: WEIGHT_DECAY,
            ranks: &self.ranks,
        };
        carry_out(&recipe, run, &self.folder, self.threads, stop)
    }

    fn kept(&self, record: &Record) {
        training::remove_checkpoints(&self.folder, record);
    }

    fn report(&self, context: &Context, results: &Results<'_>) -> Section {
        let mut blocks = vec![Block::Paragraph(format!(
            "ResNet-18, 224×224. The authors released neither code nor recipe for it: this is the field's, and ours: SGD with \
             momentum 0.9, learning rate {RATE} for every method where nothing else is said, weight decay {WEIGHT_DECAY} on all parameters but angles, the rate falls tenfold after a third and \
             two thirds of the epochs ({EPOCHS} in full), random crops and flips in training, the centre crop in validation."
        ))];
        if self.set.training.len() < SAMPLE {
            blocks.push(Block::Note(format!(
                "A sample of {} training pictures of {} classes: this shows that everything runs and measures nothing.",
                self.set.training.len(),
                self.set.training.classes()
            )));
        }
        let methods: Vec<MethodId> = method::of(Architecture::ResNet)
            .into_iter()
            .filter(|m| self.runs.iter().any(|run| run.method == *m))
            .collect();
        let id = SetId { name: &self.name, fingerprint: &self.fingerprint };
        let rows = [Row { id, set: &self.set }];
        blocks.extend(images::micro_batch_note(self.micro_batch));
        blocks.extend(report::curves("table3-curves", results, &rows, &methods, USUAL));
        blocks.extend(report::table("table3", results, &rows, &methods, USUAL));
        let questions = questions();
        let mut claims = CAPTION.claims(context, &questions, results, &rows, &methods, USUAL);
        if self.set.training.len() < SAMPLE {
            let why = "This is a sample of the pictures.";
            claims.extend(CAPTION.untested(context, &questions, &[WHOLE], &[RATE], why));
        }
        Table3.section(claims, blocks)
    }
}
