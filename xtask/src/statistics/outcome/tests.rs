use super::*;

const LEAD: [f64; 8] = [0.31, 0.12, 0.45, 0.22, 0.08, 0.37, 0.29, 0.18];
const NONE: [f64; 8] = [0.03, -0.02, 0.01, -0.01, 0.02, 0.0, -0.03, 0.015];

fn judged(effects: &[f64]) -> Judgement {
    judge(effects, 0.05, ALPHA, Population::Initialisations)
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1e-3), "{found} is not {expected}");
}

// scipy: stats.t.interval(.95, 7, mean, stats.sem(x)), .90 likewise; 2*ttest_1samp(x, 0.05, alternative="greater").pvalue
#[test]
fn a_lead_agrees_with_scipy() {
    let lead = judged(&LEAD);
    assert_eq!((lead.outcome, lead.needed, lead.basis), (Outcome::Supported, Needed::Decided, Basis::Mean));
    close(lead.low, 0.147152833394331);
    close(lead.high, 0.357847166605669);
    close(lead.inner_low, 0.16809399434243627);
    close(lead.inner_high, 0.3369060056575637);
    close(lead.p.unwrap(), 0.0026508387210599197);
    assert!(lead.significant && !lead.negligible && !lead.disagree);
    let against = judged(&LEAD.map(|x| -x));
    assert_eq!(against.outcome, Outcome::Contradicted);
    close(against.p.unwrap(), 0.0026508387210599197);
    // numpy: mean(x) / std(x, ddof=1)
    close(lead.standardized.unwrap(), 2.003805982762355);
    close(against.standardized.unwrap(), -lead.standardized.unwrap());
}

// statsmodels: DescrStatsW(y).ttost_mean(-.05, .05)[0]
#[test]
fn equivalence_agrees_with_statsmodels() {
    let none = judged(&NONE);
    assert_eq!((none.outcome, none.negligible, none.significant), (Outcome::Equivalent, false, false));
    assert!(!none.disagree, "neither the interval nor the ranks see an effect");
    close(none.p.unwrap(), 0.00015522123722915942);
    // Shifted by 0.02, it is significant, and negligible all the same.
    let small = judged(&NONE.map(|x| x + 0.02));
    assert_eq!((small.outcome, small.negligible, small.significant), (Outcome::Equivalent, true, true));
}

#[test]
fn a_lead_that_is_not_measured_well_enough_is_inconclusive() {
    // Significant, but it may be as small as 0.017.
    let lead = judged(&LEAD.map(|x| x - 0.13));
    assert_eq!((lead.outcome, lead.significant), (Outcome::Inconclusive, true));
    // s = 0.126, distance 0.0725: (2.16 · 0.126 / 0.0725)² = 14 or so.
    assert!(matches!(lead.needed, Needed::Seeds(13..=15)), "{:?}", lead.needed);
    let Needed::Seeds(n) = lead.needed else { unreachable!() };
    // With that many seeds of the same mean and spread it is decided; with two fewer it is not.
    let (centre, spread) = (lead.estimate, standard_deviation(&LEAD).unwrap());
    let reach = |n: usize| student::quantile(n - 1, 0.975).unwrap() * spread / (n as f64).sqrt();
    assert!(centre - reach(n) > 0.05 && centre - reach(n - 2) < 0.05);
    let near = judged(&LEAD.map(|x| x - 0.2024));
    assert_eq!(near.needed, Needed::TooNear);
    // The most seeds that are named: (1.9602 · √(8/7) / 0.02095599)² = 9999.5.
    let most: Vec<f64> = (0..8).map(|k| 0.07095599 + if k % 2 == 0 { 1.0 } else { -1.0 }).collect();
    assert_eq!(judged(&most).needed, Needed::Seeds(MOST_SEEDS));
}

#[test]
fn few_seeds_decide_nothing() {
    assert_eq!(judged(&[]).outcome, Outcome::NotTested);
    assert!(judged(&[]).estimate.is_nan());
    assert_eq!(judged(&[1.0]).outcome, Outcome::NotTested);
    let four = judged(&[1.0, 1.01, 0.99, 1.0]);
    assert_eq!((four.outcome, four.p, four.needed), (Outcome::Inconclusive, None, Needed::Seeds(5)));
    // The interval excludes 0. No four or five ranks can, which contradicts nothing.
    assert!(four.significant && !four.disagree && !judged(&[1.0, 1.01, 0.99, 1.0, 1.1]).disagree);
    assert_eq!(judged(&[1.0, 2.0]).outcome, Outcome::Inconclusive);
    assert_eq!(judged(&[1.0; 5]).outcome, Outcome::Supported);
    assert_eq!(judged(&[1.0; 5]).standardized, None);
    assert_eq!(judged(&[0.0; 5]).outcome, Outcome::Equivalent);
    assert_eq!(judged(&[0.0; 5]).p_rank, None);
}

#[test]
fn runs_that_diverge_are_losses() {
    let mut effects = LEAD.to_vec();
    effects.extend([f64::INFINITY, f64::NAN]);
    let judgement = judged(&effects);
    assert_eq!((judgement.n, judgement.diverged, judgement.basis), (10, 2, Basis::Median));
    // Of ten, the second and the ninth.
    assert_eq!((judgement.low, judgement.high), (0.08, 0.45));
    assert_eq!(judgement.outcome, Outcome::Supported);
    // A subject that diverges in most runs is worse, whatever the others come to.
    let mut effects = vec![f64::NAN; 14];
    effects.extend(LEAD);
    let judgement = judged(&effects);
    assert_eq!((judgement.estimate, judgement.outcome), (f64::NEG_INFINITY, Outcome::Inconclusive));
    effects.extend([f64::NEG_INFINITY; 6]);
    assert_eq!(judged(&effects).outcome, Outcome::Contradicted);
    let json = serde_json::to_string(&judged(&effects)).unwrap();
    assert!(json.contains(r#""estimate":"-inf""#), "{json}");
    assert_eq!(serde_json::from_str::<Judgement>(&json).unwrap(), judged(&effects));
}

#[test]
fn resplits_say_less_of_other_data() {
    let splits = judge(&LEAD, 0.05, ALPHA, Population::Splits { train: 50, test: 50 });
    assert_eq!(splits.outcome, Outcome::Supported);
    let corrected = splits.corrected.unwrap();
    assert_eq!(corrected.outcome, Outcome::Inconclusive);
    // √(1/8 + 1) / √(1/8) = 3
    close((corrected.high - corrected.low) / (splits.high - splits.low), 3.0);
}

#[test]
fn better_than_each() {
    use Outcome::{Contradicted, Equivalent, Inconclusive, NotTested, Supported};
    for (outcomes, expected) in [
        (vec![Supported, Supported], Supported),
        (vec![Supported, Equivalent], Equivalent),
        (vec![Supported, Inconclusive, Equivalent], Inconclusive),
        (vec![NotTested, Supported, Inconclusive], NotTested),
        (vec![Supported, Contradicted, NotTested], Contradicted),
        (vec![], NotTested),
    ] {
        assert_eq!(all_of_outcomes(outcomes.clone()), expected, "{outcomes:?}");
    }
    assert_eq!(all_of(&[judged(&LEAD), judged(&NONE)]), Equivalent);
}

#[test]
fn a_rank_test_that_disagrees_is_named() {
    // Fourteen small losses and one large win: the mean sees nothing, the ranks do.
    let mut effects: Vec<f64> = (1..=14).map(|k| -0.1 - 0.001 * f64::from(k)).collect();
    effects.push(3.0);
    let judgement = judged(&effects);
    assert!(!judgement.significant && judgement.p_rank.unwrap() < 0.05 && judgement.disagree);
}

/// A wider interval is about the dependence of the effects, which the ranks know nothing of: they are compared with the
/// interval as it was.
#[test]
fn a_wider_interval_does_not_disagree_with_the_ranks() {
    let widened = judge_widened(&LEAD, 3.0, 0.05, ALPHA, Population::Initialisations);
    assert!(!widened.significant && widened.p_rank.unwrap() < 0.05 && !widened.disagree);
}

#[test]
fn an_interval_that_touches_a_limit_decides_nothing() {
    let interval = |low, high| Interval { low, high };
    for (low, high) in [(0.5, 1.0), (-1.0, -0.5), (-0.5, 0.0), (0.0, 0.5)] {
        let touches = interval(low, high);
        assert_eq!(decide(9, touches, touches, 0.5), (Outcome::Inconclusive, false), "{touches:?}");
    }
    for (low, high) in [(0.0, 0.25), (-0.25, 0.0)] {
        let touches = interval(low, high);
        assert_eq!(decide(9, touches, touches, 0.5), (Outcome::Equivalent, false), "{touches:?}");
    }
    assert_eq!(decide(9, interval(0.125, 0.25), interval(0.125, 0.25), 0.5), (Outcome::Equivalent, true));
}

/// `count` effects of 1, of 0 or exactly as large as the smallest that matters, and some of runs that diverged.
fn diverged(count: usize, effect: f64, others: &[f64]) -> Judgement {
    let mut effects = vec![effect; count];
    effects.extend(others);
    let judgement = judged(&effects);
    // Everything is symmetric.
    let mirrored = judged(&effects.iter().map(|x| -x).collect::<Vec<_>>());
    if !others.iter().any(|x| x.is_nan()) {
        assert_eq!((mirrored.p, mirrored.needed), (judgement.p, judgement.needed));
    }
    judgement
}

// Binomial probabilities of ten fair coins: 11/1024 for at least nine heads, 1023/1024 for at least one.
#[test]
fn p_values_of_medians_are_those_of_the_sign_test() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    close(diverged(9, 1.0, &[nan]).p.unwrap(), 22.0 / 1024.0);
    close(diverged(9, 1.0, &[-inf]).p.unwrap(), 22.0 / 1024.0);
    close(diverged(9, 0.0, &[nan]).p.unwrap(), 11.0 / 1024.0);
    close(diverged(9, 0.0, &[inf]).p.unwrap(), 11.0 / 1024.0);
    // An effect that is just as large as the smallest that matters is in no region.
    assert_eq!(diverged(9, 0.05, &[inf]).p, Some(1.0));
    close(diverged(9, 0.05, &[nan]).p.unwrap(), 1023.0 / 1024.0);
}

// scipy: t.ppf(.975, 10000) = 1.960201, t.ppf(.95, 10000) = 1.645006; (0.5 · 1.960201 / 0.25)² = 15.4,
// (0.5 · 1.645006 / 0.25)² = 10.8
#[test]
fn seeds_that_would_decide_a_median() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    assert_eq!(diverged(6, 1.0, &[nan, -1.0]).needed, Needed::Seeds(16));
    assert_eq!(diverged(6, 1.0, &[-inf, -1.0]).needed, Needed::Seeds(16));
    assert_eq!(diverged(6, 0.0, &[nan; 2]).needed, Needed::Seeds(11));
    assert_eq!(diverged(6, 0.0, &[inf; 2]).needed, Needed::Seeds(11));
    // Half of the effects or less are in the region that has most: no number of seeds is enough.
    assert_eq!(diverged(6, 0.05, &[inf; 2]).needed, Needed::TooNear);
    assert_eq!(diverged(6, 0.05, &[nan; 2]).needed, Needed::TooNear);
    assert_eq!(diverged(4, 1.0, &[nan; 4]).needed, Needed::TooNear);
    // (0.9801 / 0.009801252)² = 9999.5: the most that are named.
    assert_eq!(diverged(3745, 1.0, &vec![nan; 3601]).needed, Needed::Seeds(MOST_SEEDS));
    // Only just more than half: (0.98 / 0.00495)² = 39185 seeds.
    assert_eq!(diverged(51, 1.0, &[nan; 50]).needed, Needed::TooNear);
    // Four seeds of one kind would be enough for the normal distribution, but five did not decide.
    assert_eq!(diverged(4, nan, &[nan]).needed, Needed::Seeds(6));
}

#[test]
fn words() {
    let words = Outcome::ALL.map(|outcome| outcome.to_string());
    assert_eq!(words, ["supported", "equivalent", "contradicted", "inconclusive", "not tested"]);
    let json = serde_json::to_string(&Outcome::ALL).unwrap();
    assert_eq!(json, r#"["supported","equivalent","contradicted","inconclusive","not_tested"]"#);
    assert_eq!(Needed::Seeds(120).to_string(), "about 120 seeds would decide");
}
