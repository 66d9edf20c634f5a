//! An inquiry with its data and what the user asked for: what is run, and what the reader is shown.

use super::data::{Kind, Loaded};
use super::pictures::Pictures;
use super::{Arm, Inquiry, ask, chapter, show};
use crate::experiment::images::size::Size;
use crate::experiment::{Context, Experiment, Profile, Study, by_carrying_out};
use crate::method::{self, MethodId};
use crate::report::html::{Block, Section};
use crate::report::number::rate;
use crate::run::execute::{Finished, say};
use crate::run::results::Results;
use crate::run::stop::Stop;
use crate::run::{Protocol, Run};
use crate::setting::Setting;
use crate::setting::intervention::{Around, Levels};
use crate::statistics::SmallestEffects;
use crate::statistics::outcome::FEWEST_SEEDS;
use anyhow::{Context as _, Result, bail};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Seeds of VGG-6 in the full profile, where each takes as long as many of a small network.
const SEEDS_ON_PICTURES: u64 = 10;

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
    /// Whether the user named them: they are those of pictures, too.
    are_rates_named: bool,
    /// Which seeds.
    pub seeds: Range<u64>,
    /// How many of them are run on images and on the larger sets of Table 1, where the profile has fewer of them.
    few: [u64; 2],
    /// The smallest effects that matter.
    pub smallest: SmallestEffects,
    /// How far boundaries moved in the last reference runs.
    references: Mutex<VecDeque<(Run, Levels)>>,
}

impl Asked {
    /// Reads the data.
    ///
    /// # Errors
    /// Data that cannot be read, and names of data sets that there are not or of which it has none.
    pub fn new(inquiry: Inquiry, context: &Context) -> Result<Self> {
        let mut asked = Self::absent(inquiry, context);
        let id = asked.inquiry.id;
        let names = |kinds: &[Kind]| kinds.iter().flat_map(Kind::names).copied().collect::<Vec<&str>>();
        let (all, own) = (names(&Kind::all()), names(&(asked.inquiry.problems)(asked.profile)).join(", "));
        // Other questions may have some that this one has not.
        if let Some(unknown) = context.datasets.iter().find(|named| !all.contains(&named.as_str())) {
            bail!("{id}: there is no data set \"{unknown}\"; its data sets are {own}");
        }
        if asked.missing.is_empty() {
            let named = context.datasets.join(", ");
            bail!("{id}: --dataset {named}: it has none of them; its data sets are {own}");
        }
        for kind in std::mem::take(&mut asked.missing) {
            let loaded = kind.load(context)?;
            if loaded.is_empty() {
                asked.missing.push(kind);
            }
            asked.problems.extend(loaded);
        }
        for kind in &asked.missing {
            say(&format!("{id}: {} is left out: its CSV file is not in the data folder", kind.name()));
        }
        let is_generated = |problem: &&Loaded| matches!(problem, Loaded::Pictures(of) if of.is_generated());
        if asked.problems.iter().any(|problem| is_generated(&problem)) {
            say(&format!("{id}: VGG-6 is trained on generated images"));
        }
        Ok(asked)
    }

    /// Without any data: of all problems, or of those that the user named.
    #[must_use]
    pub fn absent(inquiry: Inquiry, context: &Context) -> Self {
        let methods = inquiry.methods();
        let added = method::rivals().into_iter().filter(|rival| !methods.contains(rival));
        let known: Vec<MethodId> = methods.iter().copied().chain(added).collect();
        let [quick, full] = inquiry.seeds;
        let profile = context.profile;
        let seeds = context.seeds(quick, full);
        let all = seeds.end - seeds.start;
        let fewest = all.min(FEWEST_SEEDS as u64);
        let few = match (context.seeds, profile) {
            (None, Profile::Quick) => [fewest, fewest],
            (None, Profile::Full) => [all.min(SEEDS_ON_PICTURES), all],
            _ => [all, all],
        };
        let rates = context.rates.clone().unwrap_or_else(|| (inquiry.rates)(profile));
        let is_named = |name: &&str| context.datasets.iter().any(|named| named == name);
        let mut missing = (inquiry.problems)(profile);
        missing.retain(|kind| context.datasets.is_empty() || kind.names().iter().any(is_named));
        Self {
            profile,
            problems: Vec::new(),
            missing,
            arms: (inquiry.arms)(profile),
            methods: context.methods(&known, &methods),
            are_rates_named: context.rates.is_some(),
            rates,
            seeds,
            few,
            smallest: context.smallest,
            references: Mutex::default(),
            inquiry,
        }
    }

    /// The maximum number of epochs on a problem.
    #[must_use]
    pub fn epochs(&self, problem: &Loaded) -> usize {
        problem.epochs(self.profile, self.inquiry.budget)
    }

    /// The seeds that are run on a problem: on images and on the larger sets of Table 1 as few in the quick profile as can decide.
    #[must_use]
    pub fn seeds_on(&self, kind: Kind) -> Range<u64> {
        let [on_pictures, on_larger] = self.few;
        let end = match kind {
            Kind::Pictures => self.seeds.start + on_pictures,
            _ if kind.is_larger() => self.seeds.start + on_larger,
            _ => self.seeds.end,
        };
        self.seeds.start..end
    }

    /// The learning rates of a problem.
    #[must_use]
    pub fn rates_on(&self, kind: Kind) -> &[f64] {
        self.rates_in(&Setting::default(), kind)
    }

    /// The learning rates of a problem with a setting.
    #[must_use]
    pub fn rates_in(&self, setting: &Setting, kind: Kind) -> &[f64] {
        match kind {
            Kind::Pictures if !self.are_rates_named => {
                (self.inquiry.rates_on_pictures)(self.profile, setting)
            }
            _ => &self.rates,
        }
    }

    /// The methods that are run on a problem.
    #[must_use]
    pub fn methods_on(&self, kind: Kind) -> Vec<MethodId> {
        let is_run = |method: &MethodId| self.arms.iter().any(|arm| (arm.on)(kind, *method));
        self.methods.iter().copied().filter(is_run).collect()
    }

    /// On which of the problems there are fewer seeds, in words; nothing where there are none.
    #[must_use]
    pub fn fewer(&self) -> String {
        let fewer = self.problems.iter().filter(|problem| self.seeds_on(problem.kind()) != self.seeds);
        let (kinds, names): (Vec<Kind>, Vec<&str>) =
            fewer.map(|problem| (problem.kind(), problem.id().name)).unzip();
        // The same number of all of them: there are two numbers in the full profile alone, where one of them is that of all seeds.
        let Some(kind) = kinds.first() else { return String::new() };
        let seeds = self.seeds_on(*kind);
        format!(" ({} on {})", seeds.end - seeds.start, names.join(", "))
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
            .map(|problem| format!("{} on {}", self.epochs(problem), problem.id().name))
            .collect();
        let rates = |rates: &[f64]| rates.iter().map(|lr| rate(*lr)).collect::<Vec<_>>().join(", ");
        let on_pictures = match self.pictures().next() {
            Some(_) if self.rates_on(Kind::Pictures) != self.rates => {
                format!(" ({} on images)", rates(self.rates_on(Kind::Pictures)))
            }
            _ => String::new(),
        };
        let seeds = self.seeds.end - self.seeds.start;
        format!(
            "Every combination is run with {seeds} seeds{} at the learning rates {}{on_pictures}, under the held-out protocol: a fifth of the \
             training samples decides when the learning rate falls and when training stops, and chooses each method's own learning rate; the test \
             set is read once. Maximum number of epochs: {}. Otherwise the set-ups are those of Figures 2 and 3 and of Table 1.{}",
            self.fewer(),
            rates(&self.rates),
            epochs.join(", "),
            self.pictures().map(|pictures| format!(" {}", pictures.described())).collect::<String>()
        )
    }

    fn pictures(&self) -> impl Iterator<Item = &Pictures> {
        self.problems.iter().filter_map(|problem| match problem {
            Loaded::Pictures(pictures) => Some(pictures),
            _ => None,
        })
    }
}

/// References that are kept: those of a seed are asked for by several runs that are carried out one after the other.
const REFERENCES: usize = 64;

impl Asked {
    /// How far boundaries move in a reference run, which is carried out unless it was a short while ago; `None` where it was
    /// stopped.
    fn levels(&self, problem: &Loaded, reference: Run, stop: &Stop) -> Result<Option<Levels>> {
        let all = || self.references.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all().iter().find(|(run, _)| *run == reference).map(|(_, levels)| levels.clone());
        if known.is_some() {
            return Ok(known);
        }
        let levels = Levels::default();
        if problem.carry_out(&reference, Around::Written(&levels), stop)?.is_none() {
            return Ok(None);
        }
        let mut all = all();
        all.push_back((reference, levels.clone()));
        if all.len() > REFERENCES {
            all.pop_front();
        }
        Ok(Some(levels))
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
                        runs.extend(self.rates_in(&arm.setting, problem.kind()).iter().map(|&lr| Run {
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
        let batch_size = run.setting.setup(problem.setup()).batch_size;
        let steps = (problem.samples()[0] as f64 / batch_size as f64).ceil();
        // The reference of an intervention is trained too.
        let networks = 1.0 + f64::from(u8::from(run.setting.intervention.is_some()));
        networks * run.epoch_limit as f64 * (problem.products(run) + 5000.0 * steps)
    }

    fn size(&self, run: &Run) -> Option<Size> {
        match self.problem(run)? {
            Loaded::Pictures(pictures) => pictures.size(run),
            _ => None,
        }
    }

    /// On images by one epoch, which all others resemble.
    fn seconds(&self, run: &Run, end: Instant, stop: &Stop) -> Option<f64> {
        if !matches!(self.problem(run)?, Loaded::Pictures(_)) {
            return by_carrying_out(self, run, end, stop);
        }
        let one_epoch = Run { epoch_limit: 1, ..run.clone() };
        Some(by_carrying_out(self, &one_epoch, end, stop)? * run.epoch_limit as f64)
    }

    fn carry_out(&self, run: &Run, stop: &Stop) -> Finished {
        let problem = self.problem(run).context("a run of a problem that was read")?;
        let Some(intervention) = run.setting.intervention else {
            return problem.carry_out(run, Around::Nothing, stop);
        };
        let setting = Setting { intervention: None, ..run.setting };
        let reference = Run { method: intervention.reference(), setting, ..run.clone() };
        let Some(levels) = self.levels(problem, reference, stop)? else { return Ok(None) };
        problem.carry_out(run, Around::Changed(intervention, &levels, run.seed), stop)
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
                "Quick profile: few seeds and few epochs. The results hold for such short training only."
                    .to_owned(),
            ));
        }
        for problem in self.problems.iter().filter(|problem| problem.data().generated) {
            let name = problem.id().name;
            blocks.push(Block::Note(match problem.kind() {
                Kind::Pictures => format!(
                    "{name}: generated images (ten kinds of figure, 32×32), since no others were named or found: results on them are about a GENERATED set."
                ),
                _ => format!("banana.csv is not in the data folder: results on {name} are about a GENERATED set."),
            }));
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
