//! The statistics of claims, shown by simulation: effects are drawn whose truth is known, and each rule must be wrong no more
//! often than it says. For each rule there is a wrong one (a mutant) that the same check must reject.

mod choice;
mod intervals;
mod outcomes;
mod several;

use gmp_nn::Rng;

/// `n` normal numbers.
pub fn normals(rng: &mut Rng, n: usize, centre: f64, spread: f64) -> Vec<f64> {
    (0..n).map(|_| centre + spread * rng.normal()).collect()
}

/// The share of `repetitions` in which something happens.
pub fn share(repetitions: usize, mut happens: impl FnMut() -> bool) -> f64 {
    (0..repetitions).filter(|_| happens()).count() as f64 / repetitions as f64
}

/// Four standard errors of a share of 5% (or 95%): what chance may add to it.
pub fn chance(repetitions: usize) -> f64 {
    4.0 * (0.05 * 0.95 / repetitions as f64).sqrt()
}
