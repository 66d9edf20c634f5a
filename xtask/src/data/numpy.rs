//! The splits that the authors' code drew: scikit-learn's `train_test_split(random_state=seed)`, number for number.
//!
//! The paper's regression results are over these splits, and how hard a split's test samples are moves the error more than
//! most of what is compared. With the authors' own, a seed here has the samples that it has there.

use anyhow::{Context as _, Result, bail};

/// NumPy's legacy generator (`numpy.random.RandomState`), as far as a permutation needs it: MT19937.
///
/// Source: Matsumoto & Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998).
struct RandomState {
    key: [u32; 624],
    at: usize,
}

impl RandomState {
    fn new(seed: u32) -> Self {
        let mut key = [seed; 624];
        for i in 1..key.len() {
            key[i] = 1_812_433_253_u32.wrapping_mul(key[i - 1] ^ (key[i - 1] >> 30)).wrapping_add(i as u32);
        }
        Self { key, at: 624 }
    }

    fn next(&mut self) -> u32 {
        if self.at == self.key.len() {
            for i in 0..self.key.len() {
                let y = (self.key[i] & 0x8000_0000) | (self.key[(i + 1) % 624] & 0x7fff_ffff);
                let twist = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.key[i] = self.key[(i + 397) % 624] ^ (y >> 1) ^ twist;
            }
            self.at = 0;
        }
        let mut y = self.key[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// Uniform on `0..=max`, by rejection under the smallest mask.
    fn up_to(&mut self, max: u32) -> u32 {
        let mask = u32::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        loop {
            let value = self.next() & mask;
            if value <= max {
                return value;
            }
        }
    }
}

/// Rows of the training and of the test samples: `train_test_split(range(samples), test_size=fraction,
/// random_state=seed)`.
///
/// # Errors
/// If a part would be empty, or there are more samples or larger seeds than 32 bits hold.
pub fn train_test_split(samples: usize, fraction: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    let mut state = RandomState::new(u32::try_from(seed).context("a seed of more than 32 bits")?);
    u32::try_from(samples).context("more samples than 32 bits hold")?;
    let mut rows: Vec<usize> = (0..samples).collect();
    for i in (1..samples).rev() {
        rows.swap(i, state.up_to(i as u32) as usize);
    }
    let test = (samples as f64 * fraction).ceil() as usize;
    if test == 0 || test >= samples {
        bail!("{samples} samples cannot be split: both parts must have some");
    }
    let train = rows.split_off(test);
    Ok((train, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation's first outputs for its default seed, and the one that the C++ standard requires.
    #[test]
    fn the_generator_is_mt19937() {
        let mut state = RandomState::new(5489);
        assert_eq!([state.next(), state.next(), state.next()], [3_499_211_612, 581_869_302, 3_890_346_734]);
        let mut state = RandomState::new(5489);
        assert_eq!((0..10_000).map(|_| state.next()).last(), Some(4_123_659_995));
    }

    /// Python: `train_test_split(range(n), test_size=0.2, random_state=seed)` of scikit-learn.
    #[test]
    fn splits_are_scikit_learns() {
        let split = |samples, seed| train_test_split(samples, 0.2, seed).unwrap();
        assert_eq!(split(11, 0), (vec![10, 6, 1, 7, 8, 3, 0, 5], vec![4, 9, 2]));
        let (train, test) = split(308, 7);
        assert_eq!((train.len(), &train[..6], train[245]), (246, &[177, 222, 147, 234, 193, 22][..], 175));
        assert_eq!((test.len(), &test[..6], test[61]), (62, &[37, 170, 256, 60, 153, 181][..], 164));
        let (train, test) = split(9568, 2);
        assert_eq!(
            (train.len(), &train[..6], train[7653]),
            (7654, &[377, 9167, 7462, 5413, 4072, 7614][..], 7336)
        );
        assert_eq!(
            (test.len(), &test[..6], test[1913]),
            (1914, &[2843, 9115, 4618, 4205, 9181, 6433][..], 48)
        );
    }

    #[test]
    fn parts_that_would_be_empty_are_refused() {
        assert!(train_test_split(1, 0.2, 0).is_err());
        assert!(train_test_split(0, 0.2, 0).is_err());
        assert!(train_test_split(2, 0.2, 0).is_ok());
        assert!(train_test_split(9, 0.2, u64::MAX).is_err());
    }
}
