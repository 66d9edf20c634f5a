//! Shifting the colours of all pictures of a batch: Krizhevsky et al., "ImageNet Classification with Deep Convolutional
//! Neural Networks", NeurIPS 2012, who shift those of each picture.

use super::{Preparation, stream};

/// The principal components of ImageNet's colours in [0, 255] as everyone uses them: their sizes, and their directions, one
/// per column.
const COLOURS: ([f32; 3], [[f32; 3]; 3]) = (
    [55.46, 4.794, 1.148],
    [[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]],
);

impl Preparation {
    /// What each byte of each channel becomes in one batch, whose colours are shifted; `None` where nothing is shifted.
    pub(super) fn shifted_table(&self, seed: u64, epoch: usize, batch: usize) -> Option<[[f32; 256]; 3]> {
        if self.colour == 0.0 {
            return None;
        }
        let mut rng = stream(seed, format_args!("colour/epoch {epoch}/batch {batch}"));
        let (sizes, directions) = COLOURS;
        let along: [f32; 3] = sizes.map(|size| self.colour * rng.normal() as f32 * size);
        Some(std::array::from_fn(|channel| {
            let shift: f32 = directions[channel].iter().zip(along).map(|(x, along)| x * along).sum();
            std::array::from_fn(|byte| {
                let shifted = (byte as f32 + shift).clamp(0.0, 255.0);
                (shifted / 255.0 - self.mean[channel]) / self.deviation[channel]
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_a_batch_are_shifted_together_and_stay_colours() {
        let plain = Preparation::ilsvrc(true);
        assert_eq!(plain.shifted_table(1, 2, 3), None);
        let shifting = Preparation { colour: 0.1, deviation: [1.0; 3], ..plain };
        let table = |epoch, batch| shifting.shifted_table(1, epoch, batch).unwrap();
        assert_eq!(table(2, 3), table(2, 3));
        assert_ne!(table(2, 3), table(2, 4));
        assert_ne!(table(2, 3), table(3, 3));
        // The shift of the middle grey, in the colours of 0 to 255: components of these standard deviations.
        let (sizes, directions) = COLOURS;
        let mut squares = [0.0f64; 3];
        for batch in 0..4000 {
            let table = table(0, batch);
            let shift: [f32; 3] = std::array::from_fn(|c| 255.0 * (table[c][128] + shifting.mean[c]) - 128.0);
            for (k, square) in squares.iter_mut().enumerate() {
                *square += f64::from((0..3).map(|c| directions[c][k] * shift[c]).sum::<f32>()).powi(2);
            }
            // What is below black is black, and above white white.
            for (c, of_channel) in table.iter().enumerate() {
                assert!(of_channel[0] >= -shifting.mean[c] && of_channel[255] <= 1.0 - shifting.mean[c]);
            }
        }
        for (square, size) in squares.into_iter().zip(sizes) {
            let found = (square / 4000.0).sqrt() / (0.1 * f64::from(size));
            // Five standard errors, and the eigenvectors are rounded.
            assert!((found - 1.0).abs() < 0.07, "{found}");
        }
    }
}
