//! Coverage of every interval, and the number of seeds of the two-stage design.

use super::{chance, normals, share};
use gmp_nn::Rng;
use xtask::statistics::median::median_interval;
use xtask::statistics::resplit::corrected_interval;
use xtask::statistics::two_stage::stein_interval;
use xtask::statistics::{Interval, interval_of_mean, plan, standard_deviation};

const REPETITIONS: usize = 4000;

/// Whether intervals contain `truth` in 95% of the draws, no less and not much more.
fn covers(
    name: &str,
    mut draw: impl FnMut(&mut Rng) -> Vec<f64>,
    truth: f64,
    interval: impl Fn(&[f64]) -> Interval,
) -> f64 {
    let mut rng = Rng::new(1, name);
    share(REPETITIONS, || interval(&draw(&mut rng)).contains(truth))
}

fn is_nominal(coverage: f64) -> bool {
    (coverage - 0.95).abs() <= chance(REPETITIONS)
}

/// A mutant: the normal distribution's quantile.
fn with_normal_quantile(values: &[f64]) -> Interval {
    let centre = values.iter().sum::<f64>() / values.len() as f64;
    let reach = 1.96 * standard_deviation(values).unwrap() / (values.len() as f64).sqrt();
    Interval { low: centre - reach, high: centre + reach }
}

#[test]
fn students_interval_covers_the_mean() {
    for n in [5, 10, 50] {
        let coverage =
            covers("mean", |rng| normals(rng, n, 0.3, 1.0), 0.3, |x| interval_of_mean(x, 0.05).unwrap());
        assert!(is_nominal(coverage), "{coverage} with {n}");
    }
    let mutant = covers("mean", |rng| normals(rng, 5, 0.3, 1.0), 0.3, with_normal_quantile);
    assert!(!is_nominal(mutant), "{mutant}");
}

/// Cauchy effects have no mean, a tenth of the runs diverges to either side, and the median is 0.3 all the same.
#[test]
fn the_sign_tests_interval_covers_the_median_whatever_the_tails() {
    let draw = |n: usize| {
        move |rng: &mut Rng| -> Vec<f64> {
            let one = |rng: &mut Rng| match rng.uniform() {
                u if u < 0.05 => f64::NEG_INFINITY,
                u if u < 0.10 => f64::INFINITY,
                _ => 0.3 + (std::f64::consts::PI * (rng.uniform() - 0.5)).tan(),
            };
            (0..n).map(|_| one(rng)).collect()
        }
    };
    for n in [6, 15, 50] {
        let coverage = covers("median", draw(n), 0.3, |x| median_interval(x, 0.05));
        // The order statistics come in steps: the coverage is at least nominal.
        assert!((0.95 - chance(REPETITIONS)..0.985).contains(&coverage), "{coverage} with {n}");
    }
    // The mutant leaves out the runs that diverged; where they all diverge on the subject's side, it misses.
    let losing = |rng: &mut Rng| -> Vec<f64> {
        let one = |rng: &mut Rng| if rng.uniform() < 0.4 { f64::NEG_INFINITY } else { rng.normal() };
        (0..50).map(|_| one(rng)).collect()
    };
    // The median of all: the sixth part of the finite ones from below, Φ⁻¹(1/6).
    let truth = -0.967_421_566_101_701;
    let kept = covers("losing", losing, truth, |x| median_interval(x, 0.05));
    assert!(kept >= 0.95 - chance(REPETITIONS), "{kept}");
    let dropped = covers("losing", losing, truth, |x| {
        let finite: Vec<f64> = x.iter().copied().filter(|x| x.is_finite()).collect();
        median_interval(&finite, 0.05)
    });
    assert!(dropped < 0.5, "{dropped}");
}

/// 100 samples whose differences have mean 0.3; every seed draws 20 of them to test.
fn resplits(rng: &mut Rng, seeds: usize) -> (Vec<f64>, f64) {
    let samples = normals(rng, 100, 0.3, 1.0);
    let mut order: Vec<usize> = (0..100).collect();
    let mut effect = || {
        rng.shuffle(&mut order);
        order[..20].iter().map(|&i| samples[i]).sum::<f64>() / 20.0
    };
    let effects = (0..seeds).map(|_| effect()).collect();
    (effects, samples.iter().sum::<f64>() / 100.0)
}

/// Pairs of resplits are correlated by test/(train + test) over draws of the data, as the correction has it.
#[test]
fn resplits_have_the_correlation_of_the_correction() {
    let mut rng = Rng::new(1, "correlation");
    let pairs: Vec<(f64, f64)> = (0..4000)
        .map(|_| {
            let (effects, _) = resplits(&mut rng, 2);
            (effects[0] - 0.3, effects[1] - 0.3)
        })
        .collect();
    let sum = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>();
    let correlation = sum(|(a, b)| a * b) / (sum(|(a, _)| a * a) * sum(|(_, b)| b * b)).sqrt();
    // Four standard errors: 4·0.96/√4000.
    assert!((correlation - 0.2).abs() < 0.061, "{correlation}");
}

#[test]
fn resplits_cover_what_their_population_says() {
    let mut rng = Rng::new(1, "resplits");
    let (mut this_set, mut other_data, mut mutant) = (0, 0, 0);
    let repetitions = 2000;
    for _ in 0..repetitions {
        let (effects, of_this_set) = resplits(&mut rng, 30);
        let plain = interval_of_mean(&effects, 0.05).unwrap();
        this_set += usize::from(plain.contains(of_this_set));
        // The mutant takes the plain interval for one of other data.
        mutant += usize::from(plain.contains(0.3));
        other_data += usize::from(corrected_interval(&effects, 0.05, 80, 20).unwrap().contains(0.3));
    }
    let [this_set, other_data, mutant] =
        [this_set, other_data, mutant].map(|k| k as f64 / repetitions as f64);
    assert!((this_set - 0.95).abs() <= chance(repetitions), "{this_set}");
    assert!((other_data - 0.95).abs() <= chance(repetitions), "{other_data}");
    assert!(mutant < 0.7, "{mutant}");
}

/// The half-width asked for is never exceeded, the coverage is kept, and the number of seeds is what the formula says.
#[test]
fn two_stages_reach_the_half_width() {
    let (mut rng, pilot, half_width) = (Rng::new(1, "two stages"), 10, 0.4);
    let (mut covered, mut judged, mut seeds) = (0, 0, 0.0);
    let repetitions = 2000;
    for _ in 0..repetitions {
        let mut effects = normals(&mut rng, pilot, 0.3, 1.0);
        let planned = plan(&effects, half_width, 0.05, 100_000);
        assert!(!planned.is_capped);
        effects.extend(normals(&mut rng, planned.seeds - pilot, 0.3, 1.0));
        let stein = stein_interval(&effects, pilot, 0.05).unwrap();
        assert!(stein.half_width() <= half_width * (1.0 + 1e-12), "{stein:?}");
        covered += usize::from(stein.contains(0.3));
        // What a judgement makes of the same seeds: the spread of all of them.
        judged += usize::from(interval_of_mean(&effects, 0.05).unwrap().contains(0.3));
        seeds += planned.seeds as f64 / repetitions as f64;
    }
    let [covered, judged] = [covered, judged].map(|k| k as f64 / repetitions as f64);
    assert!((covered - 0.95).abs() <= chance(repetitions), "{covered}");
    assert!((judged - 0.95).abs() <= chance(repetitions) + 0.01, "{judged}");
    // t₀.₉₇₅ with 9 degrees of freedom is 2.262: (2.262/0.4)² = 32, and on the average half a seed for rounding up, and a
    // little for plans that would be smaller than the pilot.
    assert!((seeds - 32.5).abs() < 1.5, "{seeds}");

    // The mutant takes the normal distribution's quantile: its intervals are too wide.
    let too_wide = share(200, || {
        let pilot = normals(&mut rng, 10, 0.3, 1.0);
        let seeds = (1.96 * standard_deviation(&pilot).unwrap() / half_width).powi(2).ceil() as usize;
        let mut effects = pilot.clone();
        effects.extend(normals(&mut rng, seeds.saturating_sub(10), 0.3, 1.0));
        stein_interval(&effects, 10, 0.05).unwrap().half_width() > half_width
    });
    assert!(too_wide > 0.5, "{too_wide}");
}
