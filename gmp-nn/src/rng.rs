//! The only source of randomness: ChaCha8, with one independent stream for every seed and purpose.
//!
//! The generator's integers follow a published standard. The distributions on top of them are our own, and the golden
//! values in this file's tests fix them: the samplers of `rand` may change between its releases, which would change
//! every figure silently.

use rand::rngs::ChaCha8Rng;
use rand::{Rng as _, SeedableRng};

/// A stream of random numbers, the same on every machine, in every release.
///
/// ```
/// use gmp_nn::Rng;
/// let mut split = Rng::new(7, "split");
/// assert_eq!(Rng::new(7, "split").uniform(), split.uniform()); // same seed and purpose
/// assert_ne!(Rng::new(7, "noise").uniform(), Rng::new(7, "split").uniform()); // an independent stream
/// ```
#[derive(Debug)]
pub struct Rng {
    integers: ChaCha8Rng,
    /// The polar method makes normals in pairs.
    spare_normal: Option<f64>,
}

impl Rng {
    /// The stream of `seed` for `purpose`. Streams of different purposes are independent: drawing more
    /// from one never shifts another.
    ///
    /// ```
    /// # use gmp_nn::Rng;
    /// let (mut noise, mut split) = (Rng::new(7, "noise"), Rng::new(7, "split"));
    /// let first = split.uniform();
    /// noise.uniform(); // shifts nothing in the other stream
    /// assert_eq!(Rng::new(7, "split").uniform(), first);
    /// ```
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&fnv1a(purpose).to_le_bytes());
        Self { integers: ChaCha8Rng::from_seed(key), spare_normal: None }
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.integers.next_u64()
    }

    /// Uniform on [0, 1), a multiple of 2⁻⁵³.
    ///
    /// ```
    /// # use gmp_nn::Rng;
    /// let mut rng = Rng::new(1, "dice");
    /// let mean = (0..1000).map(|_| rng.uniform()).sum::<f64>() / 1000.0;
    /// assert!((mean - 0.5).abs() < 0.05);
    /// ```
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Standard normal, by Marsaglia's polar method.
    ///
    /// ```
    /// # use gmp_nn::Rng;
    /// let mut rng = Rng::new(1, "noise");
    /// let square = (0..1000).map(|_| rng.normal().powi(2)).sum::<f64>() / 1000.0;
    /// assert!((square - 1.0).abs() < 0.2); // the variance is 1
    /// ```
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = x * x + y * y;
            if s < 1.0 && s > 0.0 {
                // libm::log and not f64::ln: the platform's logarithm may differ in the last bit.
                let scale = (-2.0 * libm::log(s) / s).sqrt();
                self.spare_normal = Some(y * scale);
                return x * scale;
            }
        }
    }

    /// Uniform on `0 .. bound`, without bias (Lemire's method).
    ///
    /// ```
    /// # use gmp_nn::Rng;
    /// let mut rng = Rng::new(1, "dice");
    /// let throws: Vec<usize> = (0..60).map(|_| 1 + rng.below(6)).collect();
    /// assert!((1..=6).all(|number| throws.contains(&number)));
    /// ```
    ///
    /// # Panics
    /// If `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "no integer is below 0");
        let bound = bound as u64;
        loop {
            let product = u128::from(self.bits()) * u128::from(bound);
            if product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as usize;
            }
        }
    }

    /// Shuffles a slice (Fisher–Yates).
    ///
    /// ```
    /// # use gmp_nn::Rng;
    /// let mut samples: Vec<usize> = (0..100).collect();
    /// Rng::new(1, "shuffle").shuffle(&mut samples);
    /// assert_ne!(samples[..5], [0, 1, 2, 3, 4]);
    /// samples.sort_unstable();
    /// assert_eq!(samples, (0..100).collect::<Vec<_>>()); // every number once
    /// ```
    pub fn shuffle<X>(&mut self, items: &mut [X]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this fails, every published result changes: the fix is never to edit the numbers.
    #[test]
    fn golden_values() {
        let mut rng = Rng::new(1, "golden");
        assert_eq!([rng.bits(), rng.bits(), rng.bits()], GOLDEN_BITS);
        assert_eq!([rng.uniform(), rng.uniform()].map(f64::to_bits), GOLDEN_UNIFORM);
        assert_eq!([rng.normal(), rng.normal(), rng.normal()].map(f64::to_bits), GOLDEN_NORMAL);
        let mut items = [0, 1, 2, 3, 4, 5, 6, 7];
        rng.shuffle(&mut items);
        assert_eq!(items, GOLDEN_ORDER);
    }
    const GOLDEN_BITS: [u64; 3] = [15382348721276730008, 1017457822497400767, 12366247774649059463];
    const GOLDEN_UNIFORM: [u64; 2] = [4603807892172127744, 4600276394801918048];
    const GOLDEN_NORMAL: [u64; 3] = [13817197427712041633, 4612143867281100103, 13805891948960411085];
    const GOLDEN_ORDER: [usize; 8] = [0, 4, 7, 2, 6, 1, 3, 5];

    /// The key layout above over the ChaCha8 block function, written out from the standard (RFC 8439 with 8
    /// rounds, a 64-bit counter and stream 0).
    #[test]
    fn the_integers_are_chacha8() {
        let mut state = [0u32; 16];
        state[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
        let (seed, hash) = (5u64, fnv1a("standard"));
        state[4..8].copy_from_slice(&[seed as u32, (seed >> 32) as u32, hash as u32, (hash >> 32) as u32]);
        let mut x = state;
        for _ in 0..4 {
            for [a, b, c, d] in [
                [0, 4, 8, 12],
                [1, 5, 9, 13],
                [2, 6, 10, 14],
                [3, 7, 11, 15],
                [0, 5, 10, 15],
                [1, 6, 11, 12],
                [2, 7, 8, 13],
                [3, 4, 9, 14],
            ] {
                for (a, b, d, turn) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
                    x[a] = x[a].wrapping_add(x[b]);
                    x[d] = (x[d] ^ x[a]).rotate_left(turn);
                }
            }
        }
        let word = |i: usize| x[i].wrapping_add(state[i]);
        let mut rng = Rng::new(seed, "standard");
        for i in 0..8 {
            assert_eq!(rng.bits(), u64::from(word(2 * i)) | u64::from(word(2 * i + 1)) << 32);
        }
    }

    #[test]
    fn moments_of_the_draws() {
        let mut rng = Rng::new(3, "moments");
        let n = 200_000;
        let (mut mean, mut square, mut fourth, mut uniform) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..n {
            let x = rng.normal();
            (mean, square, fourth, uniform) =
                (mean + x, square + x * x, fourth + x.powi(4), uniform + rng.uniform());
        }
        let n = f64::from(n);
        // Five standard errors of each moment.
        assert!((mean / n).abs() < 5.0 / n.sqrt());
        assert!((square / n - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
        assert!((fourth / n - 3.0).abs() < 5.0 * (96.0 / n).sqrt());
        assert!((uniform / n - 0.5).abs() < 5.0 * (1.0 / 12.0 / n).sqrt());
    }

    /// Every integer belongs to one result, except 2⁶⁴ mod bound of them, which would make some more likely.
    #[test]
    fn integers_below_a_bound_are_not_biased() {
        for bound in [1, 6, 100, 3 << 61, 5 << 60] {
            let (mut rng, mut bits) = (Rng::new(1, "below"), Rng::new(1, "below"));
            let rejected = ((1_u128 << 64) % bound as u128) as u64;
            for _ in 0..100 {
                let product = std::iter::repeat_with(|| u128::from(bits.bits()) * bound as u128);
                let product = { product }.find(|product| *product as u64 >= rejected).unwrap();
                assert_eq!(rng.below(bound), (product >> 64) as usize, "below {bound}");
            }
        }
    }

    #[test]
    fn shuffles_are_uniform() {
        let mut counts = [0; 24];
        for seed in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            Rng::new(seed, "shuffle").shuffle(&mut items);
            let rank = items.iter().enumerate().fold(0, |rank, (i, &x)| {
                rank * (4 - i) + items[i + 1..].iter().filter(|&&later| later < x).count()
            });
            counts[rank] += 1;
        }
        // χ² with 23 degrees of freedom: 64 is its 1 − 1e−5 quantile.
        let chi: f64 = counts.iter().map(|&c| (f64::from(c) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi < 64.0, "χ² = {chi}, counts {counts:?}");
    }
}
