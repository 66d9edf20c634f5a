//! The global bounds, looked for violations of: random and nasty angles, random and nasty steps of any size.

use super::unit::{ROUNDING, angles_of, direction_of, norm, normals, scaled, sum};
use super::{Job, Measurement};
use gmp_math::boundary::angle_between;
use gmp_math::sphere::metric;
use gmp_math::stability::{geometric_location_bound, geometric_worst_case};
use gmp_nn::Rng;
use serde::{Deserialize, Serialize};
use std::f64::consts::{PI, TAU};

/// Which bound is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// ∠(u(θ), u(θ+ε)) ≤ ‖ε‖₂.
    Direction,
    /// ‖φ(θ+ε, λ+δ) − φ(θ, λ)‖ ≤ |δ| + |λ| ‖ε‖₂.
    Location,
}

/// A geometric unit and a finite step in its angles and its offset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// θ, not always in its canonical range.
    pub angles: Vec<f64>,
    /// ε.
    pub step: Vec<f64>,
    /// λ.
    pub offset: f64,
    /// δ.
    pub offset_step: f64,
}

/// What a share of the search found for one bound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// Which bound.
    pub bound: Bound,
    /// Cases tried.
    pub cases: usize,
    /// Cases beyond the bound by more than [`ROUNDING`], for locations times 1 + |λ|.
    pub violations: usize,
    /// The largest value/bound among cases with ‖ε‖ ≥ 10⁻³ and, for directions, ‖ε‖ ≤ π: below, rounding would show.
    pub largest_ratio: f64,
    /// The first violation.
    pub counterexample: Option<Case>,
}

/// The bounds of a case: of the direction, and of the location.
pub type Bounds = fn(&Case) -> [f64; 2];

/// Those of the theory.
#[must_use]
pub fn bounds(case: &Case) -> [f64; 2] {
    let step = norm(&case.step);
    [geometric_worst_case(step), geometric_location_bound(case.offset, step, case.offset_step)]
}

/// Cases that a job tries.
const SHARE: usize = 5000;

/// The search, in jobs of a few thousand cases.
#[must_use]
pub fn jobs(cases: usize) -> Vec<Job> {
    let share =
        |k| -> Job { Box::new(move || search(k as u64, SHARE, bounds).map(Measurement::Search).into()) };
    (0..cases.div_ceil(SHARE)).map(share).collect()
}

/// Tries `cases` cases of a seed against bounds.
#[must_use]
pub fn search(seed: u64, cases: usize, bounds: Bounds) -> [Search; 2] {
    let mut rng = Rng::new(seed, "theory: search for violations");
    let mut found = [Bound::Direction, Bound::Location].map(|bound| Search {
        bound,
        cases,
        violations: 0,
        largest_ratio: 0.0,
        counterexample: None,
    });
    for _ in 0..cases {
        let case = draw(&mut rng);
        let values = values(&case);
        let limits = bounds(&case);
        let step = norm(&case.step);
        let tolerances = [ROUNDING, ROUNDING * (1.0 + case.offset.abs())];
        for (k, found) in found.iter_mut().enumerate() {
            let shows = step >= 1e-3 && (k == 1 || step <= PI);
            found.largest_ratio = found.largest_ratio.max(if shows { values[k] / limits[k] } else { 0.0 });
            // A value that is not a number is no proof of anything.
            if values[k].is_nan() || values[k] > limits[k] + tolerances[k] {
                found.violations += 1;
                found.counterexample.get_or_insert_with(|| case.clone());
            }
        }
    }
    found
}

/// The turn of the direction, and the movement of the location.
fn values(case: &Case) -> [f64; 2] {
    let before = direction_of(&case.angles);
    let after = direction_of(&sum(&case.angles, &case.step));
    let to = case.offset + case.offset_step;
    let moved: Vec<f64> = before.iter().zip(&after).map(|(u, v)| case.offset * u - to * v).collect();
    [angle_between(&before, &after), norm(&moved)]
}

/// 10 to a power that is uniform between two.
fn log_uniform(rng: &mut Rng, low: f64, high: f64) -> f64 {
    10_f64.powf(low + (high - low) * rng.uniform())
}

/// A random case. A fifth each of the angles are those of a uniform direction, uniform on the canonical range, near a
/// pole, far out of range, and all π/2 (where every g_i is 1); a fifth each of the steps are isotropic, along θ₁, along one
/// angle, along √g with random signs, and in every third angle.
fn draw(rng: &mut Rng) -> Case {
    let inputs = (log_uniform(rng, 0.0, 256_f64.log10()) * 2.0) as usize;
    let count = inputs.max(2) - 1;
    let angles = match rng.below(5) {
        0 => angles_of(&normals(count + 1, rng)).unwrap_or_else(|| vec![0.0; count]),
        1 => (0..count).map(|i| rng.uniform() * if i + 1 == count { TAU } else { PI }).collect(),
        2 => {
            let mut angles: Vec<f64> = (0..count).map(|_| PI * rng.uniform()).collect();
            let pole = rng.below(count);
            angles[pole] = PI * rng.below(2) as f64 + log_uniform(rng, -9.0, -1.0);
            angles
        }
        3 => (0..count).map(|_| 100.0 * (2.0 * rng.uniform() - 1.0)).collect(),
        _ => vec![PI / 2.0; count],
    };
    let one = |at: usize| {
        let mut step = vec![0.0; count];
        step[at] = 1.0;
        step
    };
    let direction = match rng.below(5) {
        0 => normals(count, rng),
        1 => one(0),
        2 => one(rng.below(count)),
        3 => {
            let mut roots = vec![0.0; count];
            metric(&angles, 1, &mut roots);
            roots.iter().map(|g| g.sqrt() * if rng.below(2) == 0 { 1.0 } else { -1.0 }).collect()
        }
        _ => (0..count).map(|i| if i % 3 == 0 { rng.normal() } else { 0.0 }).collect(),
    };
    let length = log_uniform(rng, -6.0, 1.0);
    let offset = rng.normal() * log_uniform(rng, -3.0, 1.0);
    // Half of the steps leave λ alone.
    let offset_step = if rng.below(2) == 0 { 0.0 } else { rng.normal() * log_uniform(rng, -6.0, 1.0) };
    Case { angles, step: scaled(&direction, length), offset, offset_step }
}

/// All shares of the search of one bound as one.
#[must_use]
pub fn total(shares: &[Search], bound: Bound) -> Option<Search> {
    let mut shares = shares.iter().filter(|s| s.bound == bound).cloned();
    let first = shares.next()?;
    Some(shares.fold(first, |sum, share| Search {
        bound,
        cases: sum.cases + share.cases,
        violations: sum.violations + share.violations,
        largest_ratio: sum.largest_ratio.max(share.largest_ratio),
        counterexample: sum.counterexample.or(share.counterexample),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_case_is_beyond_the_bounds_and_some_reach_them() {
        for found in search(1, 4000, bounds) {
            assert_eq!(found.violations, 0, "{found:?}");
            assert!((0.999_999..1.000_001).contains(&found.largest_ratio), "{found:?}");
        }
    }

    /// Bounds that are one part in a thousand too small, or forget a term, are found out.
    #[test]
    fn wrong_bounds_are_caught() {
        let wrong: [(Bounds, [bool; 2]); 4] = [
            (|c| bounds(c).map(|b| 0.999 * b), [true, true]),
            (|c| [bounds(c)[0], c.offset_step.abs()], [false, true]),
            (|c| [bounds(c)[0], c.offset.abs() * norm(&c.step)], [false, true]),
            // The largest step of one angle: right for one angle, wrong for several.
            (|c| [c.step.iter().fold(0.0, |m, e| e.abs().max(m)), bounds(c)[1]], [true, false]),
        ];
        for (k, (wrong, caught)) in wrong.into_iter().enumerate() {
            let found = search(2, 4000, wrong);
            assert_eq!(found.each_ref().map(|f| f.violations > 0), caught, "mutant {k}");
            assert_eq!(found.each_ref().map(|f| f.counterexample.is_some()), caught, "mutant {k}");
        }
    }

    /// A counterexample as printed is one when it is read again.
    #[test]
    fn counterexamples_can_be_replayed() {
        let found = search(3, 500, |c| bounds(c).map(|b| 0.9 * b));
        for (k, found) in found.into_iter().enumerate() {
            let line = serde_json::to_string(&found.counterexample).unwrap();
            let case: Case = serde_json::from_str::<Option<Case>>(&line).unwrap().unwrap();
            assert!(values(&case)[k] > 0.9 * bounds(&case)[k]);
        }
    }
}
