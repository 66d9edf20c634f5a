//! GmP against the other methods on one's own data: the questions, and what the seeds decide of them.

use super::seeds::{STORE, Seeds};
use super::task::Task;
use crate::claim::{Claim, Origin};
use crate::experiment::ask::{Asker, correct_for_all};
use crate::experiment::question::{Data, Quantity, Question};
use crate::experiment::tables::{Rate, methods_table, rates_panel};
use crate::experiment::{Context, Profile, measured};
use crate::method::{self, MethodId};
use crate::report::figure::Figure;
use crate::report::html::{Block, Section};
use crate::report::number::rate;
use crate::run::Protocol;
use crate::run::results::{Cell, Results};
use crate::statistics::Population;

/// What the claims are in favour of.
pub const SUBJECT: MethodId = method::GMP;
/// The learning rates of a comparison for which the user named none.
pub const RATES: [f64; 4] = [0.003, 0.01, 0.03, 0.1];
/// The seeds of one.
pub const SEEDS: u32 = 10;

fn questions(task: Task, baselines: &[MethodId]) -> [Question; 2] {
    let is_regression = task == Task::Regression;
    let result = || Question {
        id: if is_regression { "train.rmse" } else { "train.accuracy" },
        origin: Origin::Ours,
        figure: "Your data",
        statement: if is_regression {
            "GmP has a lower test RMSE than each of the other methods."
        } else {
            "GmP has a higher test accuracy than each of the other methods."
        },
        tested: if is_regression {
            "GmP has the lowest test RMSE"
        } else {
            "GmP has the highest test accuracy"
        },
        quantity: if is_regression { Quantity::RMSE } else { Quantity::ACCURACY },
        subject: SUBJECT,
        baselines: baselines.to_vec(),
        protocols: &[Protocol::HeldOut],
        at_authors_rates: false,
        at_equal_rates: true,
        at_best_rate: true,
        headline: true,
        asks_for_seeds: false,
    };
    let turn = Question {
        id: "train.turn",
        statement: "The activation boundaries of the first hidden layer turn least under GmP.",
        tested: "The largest turn of a boundary in an epoch is smallest under GmP",
        quantity: Quantity::bits(
            "largest turn per epoch before the learning rate first falls, BN by its batch",
            |record| {
                measured::in_training(record, |stability| {
                    stability.direction.before_reduction.max.mean_of_log
                })
            },
        ),
        at_best_rate: false,
        headline: false,
        ..result()
    };
    [result(), turn]
}

/// What a reader is shown of a comparison, with all of its claims.
#[must_use]
pub fn section(plan: &Seeds<'_>, results: &Results<'_>, threads: usize) -> Section {
    let task = plan.samples.columns.task;
    let larger_is_better = task != Task::Regression;
    let baselines: Vec<MethodId> = plan.methods.iter().copied().filter(|method| *method != SUBJECT).collect();
    let context = context(plan, threads);
    let asker =
        Asker { context: &context, methods: &plan.methods, equal: &plan.rates, store: STORE, pools: false };
    let samples = plan.samples.data.samples();
    let test = (samples as f64 * plan.settings.test).ceil() as usize;
    let data = Data {
        id: plan.id(),
        population: Population::Splits { train: samples - test, test },
        generated: false,
        headline: true,
        limits: None,
    };
    let mut claims = asker.ask(&questions(task, &baselines), &[data], Some(results));
    correct_for_all(&mut claims);
    let metric = if larger_is_better { "test accuracy" } else { "test RMSE" };
    let table = |rate: Rate| {
        let caption = format!("{metric}, {}: mean ± half of the 95% interval over seeds.", rate.words());
        let decimals = decimals(plan, results);
        let sets = [(plan.id(), decimals)];
        Block::Table(methods_table(
            results,
            &sets,
            &plan.methods,
            Protocol::HeldOut,
            rate,
            larger_is_better,
            caption,
        ))
    };
    let mut blocks = vec![Block::Paragraph(format!(
        "Every method is trained with the same {} seeds at the same learning rates ({}). A seed draws the split, the initial weights and the order \
         of the samples, the same for every method. A method's own best learning rate is chosen on the validation samples of other seeds than those \
         on which it is judged; test samples affect nothing but the result.",
        plan.seeds.clone().count(),
        plan.rates.iter().map(|lr| rate(*lr)).collect::<Vec<_>>().join(", ")
    ))];
    let equal = plan.rates.iter().map(|lr| Rate::Equal(*lr));
    blocks.extend([Rate::Chosen].into_iter().filter(|_| plan.rates.len() > 1).chain(equal).map(table));
    if plan.rates.len() > 1 {
        let panel = rates_panel(results, plan.id(), &plan.methods, Protocol::HeldOut, metric);
        let caption = format!("{metric} at each learning rate, mean and 95% interval over seeds.");
        let figure = Figure::new("train-rates", "The result at each learning rate").caption(caption);
        blocks.push(Block::Figure(figure.row(240.0, vec![panel])));
    }
    Section {
        id: "comparison".to_owned(),
        title: "Comparison of the methods".to_owned(),
        claims,
        blocks,
        ..Section::default()
    }
}

/// The learning rate at which the mean of a method's validation results is best.
#[must_use]
pub fn best_rate(plan: &Seeds<'_>, results: &Results<'_>, method: MethodId) -> Option<f64> {
    results.chosen_rate(plan.id(), method, plan.samples.columns.task != Task::Regression)
}

/// Digits after the point that show the results to three digits.
pub(super) fn decimals(plan: &Seeds<'_>, results: &Results<'_>) -> usize {
    let means = plan.methods.iter().flat_map(|&method| {
        let cells = plan.rates.iter().map(move |&lr| (method, lr));
        cells.filter_map(|(method, lr)| {
            results.summary(Cell { set: plan.id(), method, lr, protocol: Protocol::HeldOut }).mean
        })
    });
    let least = means.map(f64::abs).filter(|mean| *mean > 0.0).fold(f64::INFINITY, f64::min);
    if least.is_finite() { (2 - least.log10().floor() as i32).clamp(0, 12) as usize } else { 3 }
}

/// What the machinery of the experiments is told of a comparison.
fn context(plan: &Seeds<'_>, threads: usize) -> Context {
    Context {
        profile: Profile::Full,
        seeds: Some(plan.seeds.clone().count() as u64),
        first_seed: plan.seeds.start,
        protocols: vec![Protocol::HeldOut],
        methods: Some(plan.methods.clone()),
        rates: Some(plan.rates.clone()),
        threads,
        ..Context::default()
    }
}

/// The claims as lines for a terminal: those on the result, against all baselines together where there are several.
pub(super) fn lines(claims: &[Claim]) -> Vec<String> {
    let several = claims.iter().any(|claim| claim.each);
    let shown = claims.iter().filter(|claim| claim.headline && claim.each == several);
    shown
        .map(|claim| {
            let against = claim.baseline.trim_start_matches("each of ");
            format!(
                "{:13} {} · {} · against {against} · {}",
                claim.outcome.to_string(),
                claim.tested,
                claim.rates,
                claim.effect()
            )
        })
        .collect()
}
