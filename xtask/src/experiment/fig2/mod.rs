//! Figure 2: one-dimensional regression of the Levy function with 100 ReLU units.

mod figure;

use super::ask::{Asker, combined, judged};
use super::design::{Design, Planned};
use super::question::{Data, Quantity, Question};
use super::tables::{Rate, methods_table, movement_table};
use super::training::{Problem, Watching, carry_out};
use super::{Context, Experiment, Prepared, Profile, Rates, Study, measured, notebooks, picture};
use crate::claim::{Claim, Origin, Runs, Unit};
use crate::data::notebook;
use crate::method::{self, Architecture, MethodId};
use crate::problem::levy::{self, EPOCHS, NOTEBOOK, SEEDED, SETUP, points};
use crate::report::html::{Block, Section};
use crate::report::number::rate;
use crate::run::execute::Finished;
use crate::run::results::{Cell, Results, SetId};
use crate::run::stop::Stop;
use crate::run::{Protocol, Run, fingerprint};
use crate::statistics::{Population, Scale, paired_effects};
use anyhow::Result;
use gmp_train::Dataset;
use std::collections::BTreeMap;

/// Figure 2.
pub struct Fig2;

const CAPTION_A: &str = "Figure 2: (a)-(b) Characteristic activation point B (intersection of brown solid lines and the x-axis) and spatial \
                         location φ = −λα(θ) of a ReLU unit z = ReLU(u(θ)x + λ) (blue solid lines) for inputs x ∈ R. Green arrows denote \
                         active regions, and red arrows denote inactive regions.";
const CAPTION_STRIPS: &str = "The y-axis is in log2 scale. (d)-(g): The top row illustrates the experimental setup, including the network’s predictions \
                              at initialization and after training, and the training data and the ground-truth function (Levy). Bottom row: \
                              the evolution of the characteristic activation point for the 100 ReLU units during training. Each horizontal bar \
                              shows the spatial location spectrum for a chosen optimization step, moving from the bottom (at initialization) to \
                              the top (after training with Adam).";
const DIFFERS: [&str; 5] = [
    "(c) One line per seed, for up to nine seeds; the paper shows one run. All methods at learning rate 0.1, as an older version of the authors' \
     notebook computes it; (c2), at the rates of the other panels, and (c3), the mean over the units, are additions.",
    "The caption mentions cross-validation. The released code has none: it fixes the learning rates at 0.1 for GmP and 0.01 for the others. Here the \
     methods are compared at those rates, at equal ones, and at each method's own best rate of a grid by ten held-out points.",
    "(d)–(g) For each method the seed with the median test RMSE of up to nine; the paper shows the run of one seed.",
    "BN's boundary depends on a batch. The authors use its running statistics, which lag behind; (c) does so, too, while the other panels use batch \
     statistics.",
    "Training uses our own code in double precision with the semantics of Keras: the same formulas, but another random number generator.",
];
const CAPTION_C: &str = "(c) Evolution dynamics of the characteristic points B in a one-hidden-layer network with 100 ReLU units for \
                         a 1D Levy regression problem under SP, WN, BN and GmP during training. […] Smaller values are better as \
                         they indicate higher stability of the evolution of the characteristic points during training.";
const CAPTION_D: &str = "Regression accuracy is measured by root mean squared error (RMSE) on a separate test set. Smaller RMSE values \
                         are better. We use cross-validation to select the learning rate for each method.";
const CAPTION_SPREAD: &str = "More spread of the spatial locations covers the data better and adds more useful non-linearities to the model, \
                              making prediction more accurate.";
const CAPTION_RATES: &str = "The optimal learning rate for SP, WN, and BN is lower than that for GmP, since their training becomes \
                             unstable with higher learning rates, as shown in (c).";

fn questions() -> Vec<Question> {
    let movement = |id, tested, quantity| Question {
        id,
        origin: Origin::Paper,
        figure: "Figure 2(c)",
        statement: CAPTION_C,
        tested,
        quantity,
        subject: method::GMP,
        baselines: method::baselines(),
        protocols: &[Protocol::Paper],
        at_authors_rates: true,
        at_equal_rates: true,
        at_best_rate: false,
        headline: false,
        asks_for_seeds: false,
    };
    let headline = |question| Question { headline: true, asks_for_seeds: true, ..question };
    let coverage = movement(
        "fig2.coverage",
        "Under GmP the spatial locations cover most of the data's range",
        Quantity::coverage(
            "share of 40 equal cells of the inputs' range that contain a φ at the end of training",
            measured::covered,
        ),
    );
    let epochs = movement(
        "fig2.epochs",
        "GmP needs the fewest epochs until the training loss is a quarter of the first epoch's",
        Quantity::epochs("epochs until the training loss is a quarter of the first epoch's", |r| {
            measured::epochs_of_halvings(r, 2)
        }),
    );
    vec![
        headline(movement(
            "fig2.movement.authors",
            "Boundaries move least under GmP, as the authors draw it",
            Quantity::bits(
                "log₂ of the largest |Δφ| of the units, mean over all epochs; BN by its running statistics",
                |r| measured::in_evaluation(r, |s| s.location.whole.max.mean_of_log),
            ),
        )),
        headline(movement(
            "fig2.movement.max",
            "Boundaries move least under GmP at one learning rate and by the statistics of the batch",
            Quantity::bits(
                "log₂ of the largest |Δφ| of the units, mean over the epochs before the learning rate first falls; BN by its batch",
                |r| measured::in_training(r, |s| s.location.before_reduction.max.mean_of_log),
            ),
        )),
        movement(
            "fig2.movement.mean",
            "Boundaries move least under GmP on average over units",
            Quantity::bits(
                "log₂ of the mean |Δφ| of the units, mean over the epochs before the learning rate first falls; BN by its batch",
                |r| measured::in_training(r, |s| s.location.before_reduction.mean.mean_of_log),
            ),
        ),
        movement(
            "fig2.movement.median",
            "The median boundary moves least under GmP",
            Quantity::bits(
                "log₂ of the median |Δφ| of the units, mean over the epochs before the learning rate first falls; BN by its batch",
                |r| measured::in_training(r, |s| s.location.before_reduction.median.mean_of_log),
            ),
        ),
        movement(
            "fig2.movement.per-rate",
            "Relative to the current learning rate, boundaries move least under GmP",
            Quantity::bits(
                "log₂ of the largest |Δφ| of the units divided by the learning rate, mean over all epochs; BN by its batch",
                |r| measured::in_training(r, |s| s.location.per_rate.max.mean_of_log),
            ),
        ),
        movement(
            "fig2.movement.largest",
            "The largest jump of any boundary is smallest under GmP",
            Quantity::bits("log₂ of the largest |Δφ| of all units and epochs; BN by its batch", |r| {
                measured::in_training(r, |s| s.location.whole.max.largest)
            }),
        ),
        Question { figure: "Figure 2(d)–(g)", statement: CAPTION_SPREAD, ..coverage },
        Question { origin: Origin::Ours, figure: "Figure 2", statement: "GmP learns faster.", ..epochs },
        Question {
            id: "fig2.rmse",
            origin: Origin::Paper,
            figure: "Figure 2(d)–(g)",
            statement: CAPTION_D,
            tested: "GmP has the lowest test RMSE",
            quantity: Quantity::RMSE,
            subject: method::GMP,
            baselines: method::baselines(),
            protocols: &[Protocol::Paper, Protocol::HeldOut],
            at_authors_rates: true,
            at_equal_rates: true,
            at_best_rate: true,
            headline: true,
            asks_for_seeds: true,
        },
    ]
}

/// The data of a question, and why there are no runs of them.
fn data<'a>(notebook: SetId<'a>, limits: Option<&str>) -> Vec<Data<'a>> {
    let of = |id, population, headline| Data {
        id,
        population,
        generated: false,
        headline,
        limits: limits.map(str::to_owned),
    };
    vec![of(SEEDED, Population::Draws, true), of(notebook, Population::Initialisations, false)]
}

impl Experiment for Fig2 {
    fn id(&self) -> &'static str {
        "fig2"
    }
    fn title(&self) -> &'static str {
        "Figure 2: regression of the Levy function"
    }
    /// One input has no angles: the two initializations of GmP are one.
    fn methods(&self) -> Vec<MethodId> {
        method::in_paper(Architecture::Dense)
    }
    fn options(&self) -> &'static [&'static str] {
        &["--seeds", "--first-seed", "--protocol", "--method", "--lr"]
    }
    fn needs(&self) -> &'static str {
        "nothing"
    }
    fn duration(&self) -> [&'static str; 2] {
        ["2 min", "30 min"]
    }

    fn prepare(&self, context: &Context) -> Result<Prepared> {
        let (x, y) = notebook::levy_draw();
        let notebook = fingerprint(x.iter().chain(&y));
        let methods = context.methods(&self.methods(), &self.methods());
        let planned = |set: SetId<'_>| Planned {
            name: set.name.to_owned(),
            fingerprint: set.fingerprint.to_owned(),
            seeds: context.pilot_and_most([20, 50], [20, 200]),
            epoch_limit: EPOCHS,
            rates: Rates::Grid,
        };
        let sets = vec![planned(SetId { name: NOTEBOOK, fingerprint: &notebook }), planned(SEEDED)];
        let mut design = Design::new(context, self.id(), questions(), sets, methods, false);
        // The caption speaks of cross-validation; it takes four more runs for each held-out one.
        design.cross_validates = context.profile == Profile::Full;
        Ok(Prepared::Ready(Box::new(Levy { design, notebook })))
    }

    fn untested(&self, context: &Context, why: &str) -> Vec<Claim> {
        let notebook = SetId { name: NOTEBOOK, fingerprint: "" };
        let methods = self.methods();
        let equal = context.default_rates();
        let asker = Asker { context, methods: &methods, equal: &equal, store: self.id(), pools: false };
        let data = data(notebook, Some(why));
        let mut claims = asker.ask(&questions(), &data, None);
        claims.extend(data.iter().flat_map(|data| best_rates(data, None)));
        claims
    }
}

/// "The optimal learning rate for SP, WN, and BN is lower than that for GmP": every seed has its own best rate of the grid,
/// by its held-out points.
fn best_rates(data: &Data<'_>, results: Option<&Results<'_>>) -> Vec<Claim> {
    let best = |method: MethodId| -> BTreeMap<u64, f64> {
        let mut of_seed: BTreeMap<u64, (f64, f64, usize)> = BTreeMap::new();
        let Some(results) = results else { return BTreeMap::new() };
        let rates = results.rates(data.id, method);
        for &lr in rates.iter().filter(|_| rates.len() > 1) {
            let cell = Cell { set: data.id, method, lr, protocol: Protocol::HeldOut };
            for (seed, score) in results.by_seed(cell, |record| record.validation) {
                let score = if score.is_finite() { score } else { f64::INFINITY };
                let known = of_seed.entry(seed).or_insert((f64::INFINITY, lr, 0));
                known.2 += 1;
                if score < known.0 {
                    (known.0, known.1) = (score, lr);
                }
            }
        }
        // A seed that was not run at every rate has not chosen.
        of_seed.retain(|_, (.., tried)| *tried == rates.len());
        of_seed.into_iter().map(|(seed, (_, lr, _))| (seed, lr)).collect()
    };
    let ours = best(method::GMP);
    let claim = |baseline: MethodId| {
        let theirs = best(baseline);
        // The larger the better: a ratio the other way round.
        let effects = paired_effects(Scale::Log2Ratio, &inverse(&ours), &inverse(&theirs));
        let base = Claim {
            id: format!("fig2.rates/{}/held-out/per-seed/{baseline}", data.id.name),
            tested: "The best learning rate of GmP is higher".to_owned(),
            quantity: "best learning rate of the grid for a seed".to_owned(),
            unit: Unit::Bits,
            dataset: data.id.name.to_owned(),
            subject: method::GMP.to_string(),
            baseline: baseline.to_string(),
            rates: "per seed".to_owned(),
            protocol: Protocol::HeldOut.to_string(),
            smallest: Some(1.0),
            ..Claim::untested("fig2.rates", Origin::Paper, "Figure 2", CAPTION_RATES, "")
        };
        let mut claim = judged(base, &effects, data.population);
        if claim.n == 0 {
            let why = "It needs held-out runs of both methods at several learning rates.".to_owned();
            claim.reason = data.limits.clone().unwrap_or(why);
        } else {
            let grid: Vec<String> = results
                .map(|results| results.rates(data.id, method::GMP).into_iter().map(rate).collect())
                .unwrap_or_default();
            claim.reason += &format!(" The grid of learning rates: {}.", grid.join(", "));
        }
        let rates = |method| results.map_or_else(Vec::new, |results| results.rates(data.id, method));
        let (first, last) = (ours.keys().next(), ours.keys().last());
        if let (Some(first), Some(last), true) = (first, last, claim.n > 0) {
            claim.runs = [method::GMP, baseline]
                .map(|method| Runs {
                    file: "fig2/runs.jsonl".to_owned(),
                    method: method.to_string(),
                    rates: rates(method),
                    seeds: [*first, *last],
                    setting: Default::default(),
                })
                .to_vec();
        }
        claim
    };
    combined(method::baselines().into_iter().map(claim).collect())
}

fn inverse(rates: &BTreeMap<u64, f64>) -> BTreeMap<u64, f64> {
    rates.iter().map(|(seed, rate)| (*seed, rate.recip())).collect()
}

struct Levy {
    design: Design,
    /// Fingerprint of the authors' points.
    notebook: String,
}

impl Study for Levy {
    fn runs(&self) -> Vec<Run> {
        self.design.pilot()
    }

    fn more(&self, results: &Results<'_>) -> Vec<Run> {
        self.design.more(results)
    }

    fn carry_out(&self, run: &Run, stop: &Stop) -> Finished {
        let (x, y) = points(run);
        let (grid, truth) = levy::grid();
        let problem = Problem {
            train: Dataset::new(x, 1, y, 1)?,
            test: Dataset::new(grid.clone(), 1, truth, 1)?,
            grid,
            // Of the other folds nothing counts but what they choose.
            watch: if matches!(run.protocol, Protocol::Fold(_)) {
                Watching::Nothing
            } else {
                Watching::Curves
            },
            // The figure shows runs on the authors' points.
            picture: picture::is_kept(run, self.design.first_seed)
                && (run.dataset == NOTEBOOK || run.seed == self.design.first_seed),
        };
        carry_out(&SETUP, problem, run, stop)
    }

    fn report(&self, context: &Context, results: &Results<'_>) -> Section {
        let methods = &self.design.methods;
        let mut blocks = vec![Block::Paragraph(format!(
            "100 units on 50 points with noise of standard deviation 0.1, MAE loss, full batch, Adam, at most 10,000 epochs; the learning rate falls \
             tenfold after 500 epochs without improvement, and training stops after 1000. RMSE is against the noise-free function on the grid −10, \
             −9.9, …, 10. Under the authors' protocol the training loss decides; under the held-out protocol, ten of the fifty points do. On levy \
             every seed draws new points; on levy-notebook the points are the authors' and a seed draws only the initial weights. Seeds: {}.",
            self.design.seeds_in_words(results)
        ))];
        blocks.extend(figure::figure(&self.design, self.notebook(), results).map(Block::of_figure));
        for &protocol in &self.design.protocols {
            for rate in [Rate::Paper, Rate::Chosen] {
                let caption = format!(
                    "Test RMSE, {protocol} protocol, {}: mean ± half of the 95% interval.",
                    rate.words()
                );
                let sets = [(self.notebook(), 3), (SEEDED, 3)];
                let table = methods_table(results, &sets, methods, protocol, rate, false, caption);
                blocks.push(Block::Table(table));
            }
        }
        blocks.extend(notebooks::table(Fig2.id(), results, self.notebook()));
        if self.design.protocols.contains(&Protocol::Paper) {
            blocks.push(Block::Table(movement_table(results, SEEDED, methods, Protocol::Paper, "φ", |m| {
                [m.location_mean, m.location_median, m.location_max]
            })));
        }
        let data = data(self.notebook(), None);
        let mut claims = self.design.claims(context, &data, results, false);
        claims.extend(data.iter().flat_map(|data| best_rates(data, Some(results))));
        Section {
            id: Fig2.id().to_owned(),
            title: Fig2.title().to_owned(),
            caption: format!(
                "{CAPTION_A} {CAPTION_C} {CAPTION_STRIPS} {CAPTION_SPREAD} {CAPTION_D} {CAPTION_RATES}"
            ),
            differs: DIFFERS.map(str::to_owned).to_vec(),
            claims,
            blocks,
            ..Section::default()
        }
    }
}

impl Levy {
    fn notebook(&self) -> SetId<'_> {
        SetId { name: NOTEBOOK, fingerprint: &self.notebook }
    }
}
