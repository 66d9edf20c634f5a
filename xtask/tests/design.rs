//! The plan in stages, on records that are made up: how many seeds the spread of a pilot asks for, and how the grid of learning
//! rates grows.

use std::collections::{BTreeSet, HashMap};
use xtask::claim::Origin;
use xtask::experiment::design::{Design, Planned};
use xtask::experiment::question::{Quantity, Question};
use xtask::experiment::{Context, Profile, Rates};
use xtask::method::{self, MethodId};
use xtask::run::results::Results;
use xtask::run::store::Store;
use xtask::run::{Origin as Program, Protocol, Record, Run};

fn context(profile: Profile, seeds: Option<u64>, rates: Option<Vec<f64>>) -> Context {
    Context { profile, seeds, first_seed: 100, rates, ..Context::default() }
}

const METHODS: [MethodId; 3] = [method::SP, method::WN, method::GMP];
const PILOT: u64 = 20;
const CAP: u64 = 300;

fn design(context: &Context, at_best_rate: bool) -> Design {
    let question = Question {
        id: "test.rmse",
        origin: Origin::Ours,
        figure: "",
        statement: "",
        tested: "",
        quantity: Quantity::RMSE,
        subject: method::GMP,
        baselines: vec![method::SP, method::WN],
        protocols: &[Protocol::Paper],
        at_authors_rates: false,
        at_equal_rates: !at_best_rate,
        at_best_rate,
        headline: false,
        asks_for_seeds: true,
    };
    let set = Planned {
        name: "set".to_owned(),
        fingerprint: "0".to_owned(),
        seeds: context.pilot_and_most([PILOT, CAP], [PILOT, CAP]),
        epoch_limit: 1,
        rates: Rates::Grid,
    };
    Design::new(context, "test", vec![question], vec![set], METHODS.to_vec(), false)
}

/// A number between −1 and 1 that is another for every seed and method, with mean 0 over a pilot and deviation about 0.58.
fn noise(run: &Run) -> f64 {
    let place = (run.seed - 100 + if run.method == method::SP { 7 } else { 0 }) % PILOT;
    2.0 * (place as f64 + 0.5) / PILOT as f64 - 1.0
}

fn record(run: &Run, value: f64, validation: f64) -> Record {
    Record {
        run: run.clone(),
        metric: "rmse".to_owned(),
        value: Some(value),
        validation: Some(validation),
        epochs: 1,
        end: "epochs".to_owned(),
        seconds: 0.0,
        movement: None,
        measures: None,
        accuracy: None,
        origin: Program::here(),
        curves: None,
    }
}

/// Carries the plan out on made-up results; the runs of every stage.
fn stages(design: &Design, result: impl Fn(&Run) -> (f64, f64)) -> Vec<Vec<Run>> {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path(), "test").unwrap();
    let (mut stages, mut runs) = (Vec::new(), Vec::new());
    let mut stage = design.pilot();
    while !stage.is_empty() {
        assert!(stages.len() < 20, "it does not end");
        for run in &stage {
            let (value, validation) = result(run);
            store.push(record(run, value, validation)).unwrap();
        }
        runs.extend(stage.iter().cloned());
        stages.push(stage);
        let results = Results::new(runs.iter().filter_map(|run| store.find(run)).collect(), &store);
        stage = design.more(&results);
    }
    stages
}

fn counts(stages: &[Vec<Run>]) -> HashMap<(MethodId, u64, Protocol), u64> {
    let mut counts = HashMap::new();
    for run in stages.iter().flatten() {
        *counts.entry((run.method, run.lr.to_bits(), run.protocol)).or_default() += 1;
    }
    counts
}

/// SP is close to GmP and noisy, WN is far from it: the seeds are for SP, and as many as Stein's formula says.
#[test]
fn the_spread_of_the_pilot_says_how_many_seeds() {
    let design = design(&context(Profile::Quick, None, Some(vec![0.1])), false);
    let result = |run: &Run| {
        let value = match run.method {
            m if m == method::SP => (0.15 * noise(run)).exp(),
            m if m == method::WN => 5.0 * (0.15 * noise(run)).exp(),
            _ => 1.0,
        };
        (value, value)
    };
    let stages = stages(&design, result);
    assert_eq!(stages.len(), 2);
    assert_eq!(stages[0].len() as u64, 3 * 2 * PILOT);
    assert!(stages.iter().flatten().all(|run| (100..100 + CAP).contains(&run.seed)));
    let counts = counts(&stages);
    let at = |method, protocol| counts[&(method, 0.1f64.to_bits(), protocol)];
    // s = 0.15·√(6.65/19) = 0.088741; t₀.₉₇₅ with 19 degrees of freedom = 2.0930; half of ln 1.05 is 0.024395:
    // (2.0930·0.088741/0.024395)² = 57.97
    assert_eq!(at(method::SP, Protocol::Paper), 58);
    assert_eq!(at(method::GMP, Protocol::Paper), 58);
    // The pilot has decided it.
    assert_eq!(at(method::WN, Protocol::Paper), PILOT);
    // No question is asked of held-out runs.
    assert!(METHODS.iter().all(|m| at(*m, Protocol::HeldOut) == PILOT));
}

#[test]
fn more_seeds_than_the_cap_are_never_run_and_a_fixed_number_is_kept() {
    let noisy = |run: &Run| {
        let value = if run.method == method::SP { (2.0 * noise(run)).exp() } else { 1.0 };
        (value, value)
    };
    let rates = Some(vec![0.1]);
    let capped = stages(&design(&context(Profile::Quick, None, rates.clone()), false), noisy);
    assert_eq!(counts(&capped)[&(method::SP, 0.1f64.to_bits(), Protocol::Paper)], CAP);
    let fixed = stages(&design(&context(Profile::Quick, Some(9), rates), false), noisy);
    assert_eq!(fixed.len(), 1);
    assert!(counts(&fixed).values().all(|count| *count == 9));
}

/// A choice of the rate needs every rate under both protocols.
#[test]
fn a_choice_of_the_rate_needs_its_seeds_at_every_rate() {
    let design = design(&context(Profile::Quick, None, Some(vec![0.01, 0.1])), true);
    let result = |run: &Run| {
        let value = if run.method == method::SP { (0.15 * noise(run)).exp() } else { 1.0 };
        (value, value + run.lr)
    };
    let counts = counts(&stages(&design, result));
    for method in [method::SP, method::GMP] {
        let of: BTreeSet<u64> =
            counts.iter().filter(|(key, _)| key.0 == method).map(|(_, count)| *count).collect();
        assert_eq!(of.len(), 1, "{of:?}");
        assert!(of.first().is_some_and(|count| (58..150).contains(count)), "{of:?}");
    }
}

/// The best rate of GmP is 1, beyond the grid; SP's is 0.03, within it. All methods are run at the rates that are added, and
/// the grid ends when no best rate is at an end of it.
#[test]
fn the_grid_grows_until_no_best_rate_is_at_its_edge() {
    let context = context(Profile::Full, None, None);
    let design = design(&context, false);
    let result = |run: &Run| {
        let best: f64 = if run.method == method::GMP { 1.0 } else { 0.03 };
        (1.0, (run.lr.ln() - best.ln()).abs())
    };
    let stages = stages(&design, result);
    let rates = |stage: &[Run]| -> Vec<String> {
        let rates: BTreeSet<u64> = stage.iter().map(|run| run.lr.to_bits()).collect();
        rates.into_iter().map(|bits| f64::from_bits(bits).to_string()).collect()
    };
    assert_eq!(rates(&stages[0]), ["0.003", "0.01", "0.03", "0.1", "0.3"]);
    assert_eq!((rates(&stages[1]), rates(&stages[2])), (vec!["1".to_owned()], vec!["3".to_owned()]));
    assert_eq!(stages.len(), 3);
    for stage in &stages[1..] {
        assert!(METHODS.iter().all(|method| stage.iter().any(|run| run.method == *method)));
    }
    // The quick profile's grid stays as it is.
    let quick = Context { profile: Profile::Quick, ..context };
    assert_eq!(self::stages(&self::design(&quick, false), result).len(), 1);
}

/// Every seed chooses its learning rate by all five folds of its samples: the fifth that is held out alone would choose
/// another one.
#[test]
fn a_seed_chooses_by_cross_validation_where_folds_are_run() {
    use xtask::experiment::tables::Rate;
    use xtask::run::results::SetId;
    let mut design = design(&context(Profile::Quick, None, Some(vec![0.01, 0.1])), true);
    design.cross_validates = true;
    design.questions[0].origin = Origin::Paper;
    design.questions[0].asks_for_seeds = false;
    let result = |run: &Run| {
        let is_small = run.lr < 0.05;
        let validation = match (run.protocol, is_small) {
            (Protocol::HeldOut, true) | (Protocol::Fold(_), false) => 1.0,
            _ => 2.0,
        };
        (if is_small { 5.0 } else { 4.0 } + 0.01 * noise(run), validation)
    };
    let stages = stages(&design, result);
    // Three methods at two rates under two protocols, and then four folds.
    assert_eq!([stages[0].len() as u64, stages[1].len() as u64], [3 * 2 * 2 * PILOT, 3 * 2 * 4 * PILOT]);
    assert_eq!(stages.len(), 2);
    let rates = |runs: &[Run]| {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path(), "test").unwrap();
        for run in runs {
            let (value, validation) = result(run);
            store.push(record(run, value, validation)).unwrap();
        }
        let found = runs.iter().filter_map(|run| store.find(run)).collect();
        let results = Results::new(found, &store);
        let id = SetId { name: "set", fingerprint: "0" };
        let question = &design.questions[0];
        let sides =
            question.sides(&results, id, method::SP, Protocol::Paper, Rate::ChosenBySeed, u64::MAX).unwrap();
        (sides.rates(question.quantity.scale), sides.effects(question.quantity.scale).len() as u64)
    };
    assert_eq!(rates(&stages[0]), ([vec![0.01], vec![0.01]], PILOT));
    let all = stages.concat();
    assert_eq!(rates(&all), ([vec![0.1], vec![0.1]], PILOT));
    // A seed that lacks a fold does not count: it would be another procedure.
    let is_lost = |run: &&Run| run.seed == 105 && run.protocol == Protocol::Fold(3);
    let most: Vec<Run> = all.iter().filter(|run| !is_lost(run)).cloned().collect();
    assert_eq!(rates(&most).1, PILOT - 1);
}
