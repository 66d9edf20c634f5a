//! Figure 3: classification of the banana set in the plane with 10 ReLU units.

mod figure;

use super::ask::Asker;
use super::design::{Design, Planned};
use super::question::{Data, Quantity, Question};
use super::tables::{Rate, methods_table, movement_table};
use super::training::{Problem, Watching, carry_out};
use super::{Context, Experiment, Prepared, Rates, Study, measured, notebooks, picture};
use crate::claim::{Claim, Origin};
use crate::data::notebook;
use crate::method::{self, Architecture, MethodId};
use crate::problem::banana::{self, Banana, EPOCHS, GENERATED, NOTEBOOK, SEEDED, SETUP, TEST, TRAIN};
use crate::report::html::{Block, Section};
use crate::run::execute::{Finished, say};
use crate::run::results::{Results, SetId};
use crate::run::stop::Stop;
use crate::run::{Protocol, Run};
use crate::statistics::Population;
use anyhow::{Result, bail};

/// Figure 3.
pub struct Fig3;

const CAPTION_A: &str = "Smoother evolution means higher training stability. The evolution under GmP is stable, so we can use a 10× \
                         larger learning rate.";
const CAPTION_I: &str = "(i): Evolution dynamics of the angular direction θ of CABs. Smaller values are better as they indicate higher \
                         robustness against stochastic gradient noise.";
const CAPTION_J: &str = "(j)-(m): Network predictions after training. Black bold lines depict the classification boundary between two \
                         classes. Classification accuracy is measured on a separate test set. \
                         Higher accuracy values are better.";

const CAPTION_STARS: &str = "Intuitively speaking, more evenly spread out red stars are better for classification accuracy, as they \
                             provide more useful non-linearity.";

const DIFFERS: [&str; 4] = [
    "(a)–(h) The caption does not say how the two rows differ. Here the first row has the released learning rates (0.1 for GmP, 0.01 for the \
     others), the second 0.1 for the others and 0.01 for GmP.",
    "(i) No version of the released code computes this panel. It is our interpretation of the caption: the change of a normal's direction from epoch \
     to epoch, its maximum and its mean over units, one line per seed, for up to nine seeds.",
    "(j)–(m) For each method the seed with the median test accuracy of up to nine; the paper shows the run of one seed.",
    "In the released code the test set decides when the learning rate falls, when training stops and which weights are kept. Here there are both \
     that protocol and one in which a fifth of the training points decides.",
];

fn questions() -> Vec<Question> {
    let movement = |id, tested, quantity| Question {
        id,
        origin: Origin::Paper,
        figure: "Figure 3(i)",
        statement: CAPTION_I,
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
    let paths = |question| Question { figure: "Figure 3(a)–(h)", statement: CAPTION_A, ..question };
    let accuracy = || Question {
        id: "fig3.accuracy",
        origin: Origin::Paper,
        figure: "Figure 3(j)–(m)",
        statement: CAPTION_J,
        tested: "GmP has the highest test accuracy",
        quantity: Quantity::ACCURACY,
        subject: method::GMP,
        baselines: method::baselines(),
        protocols: &[Protocol::Paper, Protocol::HeldOut],
        at_authors_rates: true,
        at_equal_rates: true,
        at_best_rate: true,
        headline: true,
        asks_for_seeds: true,
    };
    let sphere = Question {
        id: "fig3.half-sphere",
        origin: Origin::Ours,
        figure: "Figure 3(j)–(m)",
        statement: "Initial directions on the whole sphere make GmP more accurate than the authors' half sphere.",
        tested: "GmP has a higher test accuracy than with the authors' initial directions",
        baselines: vec![method::GMP_HALF_SPHERE],
        at_equal_rates: false,
        at_best_rate: false,
        headline: false,
        ..accuracy()
    };
    let coverage = movement(
        "fig3.coverage",
        "Under GmP the red stars are spread most evenly",
        Quantity::coverage(
            "share of 25 equal squares of the inputs' range that contain a φ at the end of training",
            measured::covered,
        ),
    );
    let epochs = movement(
        "fig3.epochs",
        "GmP needs the fewest epochs until the training loss is half of the first epoch's",
        Quantity::epochs("epochs until the training loss is half of the first epoch's", |r| {
            measured::epochs_of_halvings(r, 1)
        }),
    );
    vec![
        paths(movement(
            "fig3.path.smooth",
            "Paths of spatial locations are straightest under GmP",
            Quantity::bits(
                "log₂ of the length of a path divided by the distance between its ends, median over units; BN by its batch",
                |r| measured::in_training(r, |s| s.tortuosity),
            ),
        )),
        paths(movement(
            "fig3.path.largest",
            "The largest jump of any spatial location is smallest under GmP",
            Quantity::bits(
                "log₂ of the largest ‖Δφ‖ of all units and epochs; BN by its batch",
                |r| measured::in_training(r, |s| s.location.whole.max.largest),
            ),
        )),
        headline(movement(
            "fig3.turn.max",
            "The largest turn of a boundary in an epoch is smallest under GmP",
            Quantity::bits(
                "log₂ of the largest turn of the units, mean over the epochs before the learning rate first falls; BN by its batch",
                |r| measured::in_training(r, |s| s.direction.before_reduction.max.mean_of_log),
            ),
        )),
        headline(movement(
            "fig3.turn.mean",
            "Boundaries turn least under GmP on average over units",
            Quantity::bits(
                "log₂ of the mean turn of the units, mean over the epochs before the learning rate first falls; BN by its batch",
                |r| measured::in_training(r, |s| s.direction.before_reduction.mean.mean_of_log),
            ),
        )),
        movement(
            "fig3.turn.median",
            "The median boundary turns least under GmP",
            Quantity::bits(
                "log₂ of the median turn of the units, mean over the epochs before the learning rate first falls; BN by its batch",
                |r| measured::in_training(r, |s| s.direction.before_reduction.median.mean_of_log),
            ),
        ),
        movement(
            "fig3.turn.per-rate",
            "Relative to the current learning rate, boundaries turn least under GmP",
            Quantity::bits(
                "log₂ of the mean turn of the units divided by the learning rate, mean over all epochs; BN by its batch",
                |r| measured::in_training(r, |s| s.direction.per_rate.mean.mean_of_log),
            ),
        ),
        movement(
            "fig3.turn.largest",
            "The largest turn of a boundary in the whole run is smallest under GmP",
            Quantity::bits("log₂ of the largest turn of all units and epochs; BN by its batch", |r| {
                measured::in_training(r, |s| s.direction.whole.max.largest)
            }),
        ),
        movement(
            "fig3.turn.running",
            "Boundaries turn least under GmP on average, BN by its running statistics",
            Quantity::bits(
                "log₂ of the mean turn of the units, mean over all epochs; BN by its running statistics",
                |r| measured::in_evaluation(r, |s| s.direction.whole.mean.mean_of_log),
            ),
        ),
        Question { figure: "Figure 3(j)–(m)", statement: CAPTION_STARS, ..coverage },
        Question { origin: Origin::Ours, figure: "Figure 3", statement: "GmP learns faster.", ..epochs },
        accuracy(),
        sphere,
    ]
}

/// The data of a question, and why there are no runs of them.
fn data<'a>(sets: &[SetId<'a>], limits: Option<&str>) -> Vec<Data<'a>> {
    let of = |&id: &SetId<'a>| Data {
        id,
        population: match id.name {
            NOTEBOOK => Population::Initialisations,
            _ => Population::Splits { train: TRAIN, test: TEST },
        },
        generated: id.name == GENERATED,
        headline: id.name != NOTEBOOK,
        limits: limits.map(str::to_owned),
    };
    sets.iter().map(of).collect()
}

impl Experiment for Fig3 {
    fn id(&self) -> &'static str {
        "fig3"
    }
    fn title(&self) -> &'static str {
        "Figure 3: classification of the banana set"
    }
    fn methods(&self) -> Vec<MethodId> {
        method::of(Architecture::Dense)
    }
    fn options(&self) -> &'static [&'static str] {
        &["--seeds", "--first-seed", "--protocol", "--method", "--lr"]
    }
    fn needs(&self) -> &'static str {
        "DATA-DIR/banana.csv (cargo xtask data fetch banana); without it a set of the same shape is generated"
    }
    fn duration(&self) -> [&'static str; 2] {
        ["1 min", "10 min"]
    }

    fn prepare(&self, context: &Context) -> Result<Prepared> {
        let (data, is_real) = Banana::load(&context.data_dir)?;
        let (train, test) = notebook::banana_split();
        let needed = train.into_iter().chain(test).max().map_or(0, |last| last + 1);
        if !is_real {
            say(&format!(
                "fig3 uses generated data: there is no {}",
                banana::path(&context.data_dir).display()
            ));
        } else if data.table.rows < needed {
            let (path, rows) = (data.table.path.display(), data.table.rows);
            bail!(
                "{path}: {rows} rows; expected KEEL's set, of which the authors' split uses the first {needed} rows and more"
            );
        }
        let datasets = if is_real { vec![NOTEBOOK, SEEDED] } else { vec![GENERATED] };
        let methods = context.methods(&self.methods(), &self.methods());
        let planned = |name: &&str| Planned {
            name: (*name).to_owned(),
            fingerprint: data.fingerprint.clone(),
            seeds: context.pilot_and_most([20, 120], [20, 400]),
            epoch_limit: EPOCHS,
            rates: Rates::Grid,
        };
        let sets = datasets.iter().map(planned).collect();
        let design = Design::new(context, self.id(), questions(), sets, methods, true);
        Ok(Prepared::Ready(Box::new(Classification { data, datasets, design })))
    }

    fn untested(&self, context: &Context, why: &str) -> Vec<Claim> {
        let (methods, equal) = (self.methods(), context.default_rates());
        let asker = Asker { context, methods: &methods, equal: &equal, store: self.id(), pools: false };
        let sets = [SEEDED, NOTEBOOK].map(|name| SetId { name, fingerprint: "" });
        asker.ask(&questions(), &data(&sets, Some(why)), None)
    }
}

struct Classification {
    data: Banana,
    datasets: Vec<&'static str>,
    design: Design,
}

impl Classification {
    fn sets(&self) -> Vec<SetId<'_>> {
        self.datasets.iter().map(|name| SetId { name, fingerprint: &self.data.fingerprint }).collect()
    }
}

impl Study for Classification {
    fn runs(&self) -> Vec<Run> {
        self.design.pilot()
    }

    fn more(&self, results: &Results<'_>) -> Vec<Run> {
        self.design.more(results)
    }

    fn carry_out(&self, run: &Run, stop: &Stop) -> Finished {
        let (train, test) = self.data.samples(run)?;
        let is_shown = run.dataset == self.datasets[0] || run.seed == self.design.first_seed;
        let picture = is_shown && picture::is_kept(run, self.design.first_seed);
        let problem = Problem { train, test, grid: figure::plane(), watch: Watching::Curves, picture };
        carry_out(&SETUP, problem, run, stop)
    }

    fn report(&self, context: &Context, results: &Results<'_>) -> Section {
        let methods = &self.design.methods;
        let mut blocks = vec![Block::Paragraph(format!(
            "10 units and a logistic output on 1000 points of the set, 800 to train and 200 to test, standardized; cross-entropy, Adam, batches of \
             128, at most 5000 epochs; the learning rate falls tenfold after 50 epochs without improvement, and training stops after 100. Under the \
             authors' protocol the accuracy on the test set decides; under the held-out protocol, that on a fifth of the training points. On banana \
             every seed draws and splits other points; on banana-notebook the split is the authors' and a seed draws only the initial weights and \
             the order of the points. Seeds: {}.",
            self.design.seeds_in_words(results)
        ))];
        if self.datasets.contains(&GENERATED) {
            blocks.push(Block::Note(
                "banana.csv is not in the data folder. These results are for a GENERATED set of the same shape, not for the paper's: fetch the real \
                 one with `cargo xtask data fetch banana`."
                    .to_owned(),
            ));
        }
        blocks.extend(self.figure(results).map(Block::of_figure));
        let sets = self.sets();
        let shown: Vec<(SetId<'_>, usize)> = sets.iter().map(|set| (*set, 3)).collect();
        for &protocol in &self.design.protocols {
            for rate in [Rate::Paper, Rate::Chosen] {
                let caption = format!(
                    "Test accuracy, {protocol} protocol, {}: mean ± half of the 95% interval.",
                    rate.words()
                );
                blocks.push(Block::Table(methods_table(
                    results, &shown, methods, protocol, rate, true, caption,
                )));
            }
        }
        if self.datasets.contains(&NOTEBOOK) {
            blocks.extend(notebooks::table(Fig3.id(), results, sets[0]));
        }
        if self.design.protocols.contains(&Protocol::Paper) {
            blocks.push(Block::Table(movement_table(
                results,
                sets[sets.len() - 1],
                methods,
                Protocol::Paper,
                "direction (radians)",
                |m| [m.direction_mean, m.direction_median, m.direction_max],
            )));
        }
        let mut claims = self.design.claims(context, &data(&sets, None), results, false);
        if self.datasets.contains(&GENERATED) {
            claims.extend(self.untested_notebook(context));
        }
        Section {
            id: Fig3.id().to_owned(),
            title: Fig3.title().to_owned(),
            caption: format!(
                "Figure 3: Performance of a single-hidden-layer neural network with 10 ReLU units on the 2D Banana classification dataset under SP, \
                 WN, BN and GmP trained using Adam. […] (a)-(h): Trajectories of the spatial locations of the 10 ReLU units during training. Each color depicts one ReLU unit. \
                 {CAPTION_A} {CAPTION_I} {CAPTION_J} The red stars show the spatial locations of 10 ReLU units. {CAPTION_STARS}"
            ),
            differs: DIFFERS.map(str::to_owned).to_vec(),
            claims,
            blocks,
            ..Section::default()
        }
    }
}

impl Classification {
    /// Claims on the paper's data, where they are generated ones here.
    fn untested_notebook(&self, context: &Context) -> Vec<Claim> {
        Fig3.untested(context, "banana.csv is not in the data folder: cargo xtask data fetch banana.")
    }
}
