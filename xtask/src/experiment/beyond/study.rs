//! An inquiry with its data and what the user asked for: what is run, and what the reader is shown.

use super::data::{Kind, Loaded};
use super::{Arm, Inquiry, ask, chapter, show};
use crate::experiment::training::{Problem, Watching, carry_out, carry_out_stepping};
use crate::experiment::{Context, Experiment, Profile, Study};
use crate::method::MethodId;
use crate::report::html::{Block, Section};
use crate::report::number::rate;
use crate::run::execute::{Finished, say};
use crate::run::results::Results;
use crate::run::stop::Stop;
use crate::run::{Protocol, Run};
use crate::setting::Setting;
use crate::setting::intervention::{Levels, changed};
use crate::statistics::SmallestEffects;
use crate::statistics::outcome::FEWEST_SEEDS;
use anyhow::{Context as _, Result};
use std::ops::Range;

/// What is asked in one call.
pub struct Asked {
    /// The question.
    pub inquiry: Inquiry,
    /// How much is run.
    pub profile: Profile,
    /// The problems whose data are there.
    pub problems: Vec<Loaded>,
    /// Those whose data are not.
    pub missing: Vec<Kind>,
    /// What is varied.
    pub arms: Vec<Arm>,
    /// Which methods are run.
    pub methods: Vec<MethodId>,
    /// At which learning rates.
    pub rates: Vec<f64>,
    /// Which seeds.
    pub seeds: Range<u64>,
    /// How many of them are run on the larger sets of Table 1.
    few: u64,
    /// The smallest effects that matter.
    pub smallest: SmallestEffects,
}

impl Asked {
    /// Reads the data.
    ///
    /// # Errors
    /// Data that cannot be read.
    pub fn new(inquiry: Inquiry, context: &Context) -> Result<Self> {
        let mut asked = Self::absent(inquiry, context);
        for kind in std::mem::take(&mut asked.missing) {
            match kind.load(&context.data_dir)? {
                Some(loaded) => asked.problems.push(loaded),
                None => asked.missing.push(kind),
            }
        }
        let id = asked.inquiry.id;
        for kind in &asked.missing {
            say(&format!("{id}: without {}: there is no CSV file of it in the data folder", kind.name()));
        }
        Ok(asked)
    }

    /// Without any data.
    #[must_use]
    pub fn absent(inquiry: Inquiry, context: &Context) -> Self {
        let methods = inquiry.methods();
        let [quick, full] = inquiry.seeds;
        let profile = context.profile;
        let seeds = context.seeds(quick, full);
        let all = seeds.end - seeds.start;
        let few = match (context.seeds, profile) {
            (None, Profile::Quick) => all.min(FEWEST_SEEDS as u64),
            _ => all,
        };
        Self {
            profile,
            problems: Vec::new(),
            missing: (inquiry.problems)(profile),
            arms: (inquiry.arms)(profile),
            methods: context.methods(&methods, &methods),
            rates: context.rates.clone().unwrap_or_else(|| (inquiry.rates)(profile)),
            seeds,
            few,
            smallest: context.smallest,
            inquiry,
        }
    }

    /// The maximum number of epochs on a problem.
    #[must_use]
    pub fn epochs(&self, problem: &Loaded) -> usize {
        let epochs = problem.epochs(self.profile);
        match self.profile {
            Profile::Quick => (epochs as f64 * self.inquiry.budget).ceil() as usize,
            Profile::Full => epochs,
        }
    }

    /// The seeds that are run on a problem: of the larger sets of Table 1 as few in the quick profile as can decide.
    #[must_use]
    pub fn seeds_on(&self, kind: Kind) -> Range<u64> {
        let end = if kind.is_larger() { self.seeds.start + self.few } else { self.seeds.end };
        self.seeds.start..end
    }

    /// On which of the problems there are fewer seeds, in words; nothing where there are none.
    #[must_use]
    pub fn fewer(&self) -> String {
        let is_fewer = |problem: &&Loaded| self.seeds_on(problem.kind()) != self.seeds;
        let names: Vec<&str> =
            self.problems.iter().filter(is_fewer).map(|problem| problem.id().name).collect();
        match names.is_empty() {
            true => String::new(),
            false => format!(" ({} on {})", self.few, names.join(", ")),
        }
    }

    fn problem(&self, run: &Run) -> Option<&Loaded> {
        self.problems
            .iter()
            .find(|problem| problem.id().name == run.dataset && problem.id().fingerprint == run.data)
    }

    fn setup(&self) -> String {
        let epochs: Vec<String> = self
            .problems
            .iter()
            .map(|problem| format!("{} {}", problem.id().name, self.epochs(problem)))
            .collect();
        let rates: Vec<String> = self.rates.iter().map(|lr| rate(*lr)).collect();
        let seeds = self.seeds.end - self.seeds.start;
        format!(
            "Every combination is run under {seeds} seeds{} at the learning rates {}, held out: a fifth of the training samples \
             decides when the rate falls and when training stops, and chooses each method's own rate; the test set is read \
             once. Most epochs: {}. Otherwise the set-ups are those of Figures 2 and 3 and of Table 1.",
            self.fewer(),
            rates.join(", "),
            epochs.join(", ")
        )
    }
}

impl Study for Asked {
    fn runs(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for problem in &self.problems {
            let id = problem.id();
            for seed in self.seeds_on(problem.kind()) {
                for arm in &self.arms {
                    for &method in self.methods.iter().filter(|method| (arm.on)(problem.kind(), **method)) {
                        runs.extend(self.rates.iter().map(|&lr| Run {
                            experiment: self.inquiry.id.to_owned(),
                            dataset: id.name.to_owned(),
                            method,
                            lr,
                            protocol: Protocol::HeldOut,
                            seed,
                            epoch_limit: self.epochs(problem),
                            data: id.fingerprint.to_owned(),
                            setting: arm.setting,
                        }));
                    }
                }
            }
        }
        runs
    }

    /// Products of an epoch, and a constant for each step.
    fn cost(&self, run: &Run) -> f64 {
        let Some(problem) = self.problem(run) else { return 1.0 };
        let setup = run.setting.setup(problem.setup());
        let samples = problem.samples()[0] as f64;
        let steps = (samples / setup.batch_size as f64).ceil();
        let units = setup.units as f64;
        // The reference of an intervention is trained too.
        let networks = 1.0 + f64::from(u8::from(run.setting.intervention.is_some()));
        let hidden = (run.setting.depth.unwrap_or(1) - 1) as f64 * units * units;
        let products = samples * (units * (problem.inputs(run) + 1) as f64 + hidden);
        networks * run.epoch_limit as f64 * (products + 5000.0 * steps)
    }

    fn carry_out(&self, run: &Run, stop: &Stop) -> Finished {
        let problem = self.problem(run).context("a run of a problem that was read")?;
        let (setup, data) = (problem.setup(), || problem.problem(run));
        let Some(intervention) = run.setting.intervention else {
            return carry_out(setup, data()?, run, stop);
        };
        let levels = Levels::default();
        let setting = Setting { intervention: None, ..run.setting };
        let reference = Run { method: intervention.reference(), setting, ..run.clone() };
        let unwatched = Problem { watch: Watching::Nothing, ..data()? };
        let written = |network: &mut _, optimizer| levels.written(network, optimizer);
        if carry_out_stepping(written, setup, unwatched, &reference, stop, |_| ())?.is_none() {
            return Ok(None);
        }
        let changed =
            |network: &mut _, optimizer| changed(intervention, &levels, run.seed, network, optimizer);
        carry_out_stepping(changed, setup, data()?, run, stop, |_| ())
    }

    fn report(&self, context: &Context, results: &Results<'_>) -> Section {
        let inquiry = &self.inquiry;
        let why = "Its CSV file is not in the data folder: cargo xtask data fetch uci.";
        let claims = ask::all(self, context, Some(results), why);
        let mut blocks = vec![Block::Paragraph(inquiry.question.to_owned())];
        blocks.push(Block::List(chapter::found(&claims)));
        blocks.extend((inquiry.show)(self, results, &claims));
        blocks.push(Block::Paragraph(self.setup()));
        if self.profile == Profile::Quick {
            blocks.push(Block::Note(
                "Quick profile: few seeds and few epochs. What is found here is about so short a training."
                    .to_owned(),
            ));
        }
        if self.problems.iter().any(|problem| problem.data().generated) {
            blocks.push(Block::Note(
                "banana.csv is not in the data folder: what is said of banana-generated is said of a GENERATED set.".to_owned(),
            ));
        }
        blocks.push(Block::List(inquiry.notes.iter().map(|&note| note.to_owned()).collect()));
        blocks.extend(self.problems.iter().map(|problem| Block::Table(show::table(self, results, problem))));
        Section {
            id: inquiry.id.to_owned(),
            title: inquiry.title.to_owned(),
            claims,
            blocks,
            ..Section::default()
        }
    }
}
