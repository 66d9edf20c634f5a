//! Bilinear resizing with antialiasing, as Pillow's `resize(…, BILINEAR)`: a triangle as wide as the scale, first
//! along the rows, then along the columns, in 8-bit steps with 22-bit weights. Integers, so the same everywhere.

use super::Picture;

/// Fractional bits of a weight (Pillow's `PRECISION_BITS`): 255 · 2²² and a half fit in 31 bits.
const BITS: u32 = 22;

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rectangle {
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

/// For each output coordinate, the input coordinates it is a weighted mean of.
#[derive(Debug, Default)]
struct Taps {
    /// First input coordinate and number of weights.
    spans: Vec<(usize, usize)>,
    /// `stride` for each output coordinate.
    weights: Vec<i32>,
    stride: usize,
    unrounded: Vec<f64>,
}

impl Taps {
    /// Outputs `first .. first + count` of resizing `input` coordinates to `output` ones.
    fn compute(&mut self, input: usize, output: usize, first: usize, count: usize) {
        let scale = input as f64 / output as f64;
        // Growing interpolates between neighbours; shrinking averages over all that fall into a pixel.
        let support = scale.max(1.0);
        self.stride = support.ceil() as usize * 2 + 1;
        self.spans.clear();
        self.weights.clear();
        self.weights.resize(count * self.stride, 0);
        for (i, weights) in self.weights.chunks_exact_mut(self.stride).enumerate() {
            let centre = ((first + i) as f64 + 0.5) * scale;
            let start = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(input);
            self.unrounded.clear();
            self.unrounded
                .extend((start..end).map(|x| (1.0 - ((x as f64 - centre + 0.5) / support).abs()).max(0.0)));
            let sum: f64 = self.unrounded.iter().sum();
            for (weight, &unrounded) in weights.iter_mut().zip(&self.unrounded) {
                *weight = (0.5 + unrounded / sum * f64::from(1 << BITS)) as i32;
            }
            self.spans.push((start, end - start));
        }
    }

    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.spans
            .iter()
            .zip(self.weights.chunks_exact(self.stride))
            .map(|(&(start, count), weights)| (start, &weights[..count]))
    }
}

/// Memory that one resize leaves to the next.
#[derive(Debug, Default)]
pub(super) struct Resizer {
    horizontal: Taps,
    vertical: Taps,
    /// Input rows at output width.
    rows: Vec<u8>,
    sums: Vec<i32>,
}

impl Resizer {
    /// Cuts `part` out of the picture, resizes it to `height × width`, and writes the pixels of `window` of that to
    /// `out`, mirrored if `flip`.
    pub(super) fn resize(
        &mut self,
        picture: &Picture,
        part: Rectangle,
        (height, width): (usize, usize),
        window: Rectangle,
        flip: bool,
        out: &mut [u8],
    ) {
        self.horizontal.compute(part.width, width, window.left, window.width);
        self.vertical.compute(part.height, height, window.top, window.height);
        let first_row = self.vertical.spans.iter().map(|&(start, _)| start).min().unwrap_or(0);
        let end_row = self.vertical.spans.iter().map(|&(start, count)| start + count).max().unwrap_or(0);

        let row_bytes = window.width * 3;
        self.rows.resize((end_row - first_row) * row_bytes, 0);
        for (row, to) in (first_row..end_row).zip(self.rows.chunks_exact_mut(row_bytes)) {
            let from =
                &picture.pixels[((part.top + row) * picture.width + part.left) * 3..][..part.width * 3];
            for ((start, weights), to) in self.horizontal.iter().zip(to.chunks_exact_mut(3)) {
                let mut sums = [1 << (BITS - 1); 3];
                for (&weight, pixel) in weights.iter().zip(from[start * 3..].chunks_exact(3)) {
                    for (sum, &value) in sums.iter_mut().zip(pixel) {
                        *sum += weight * i32::from(value);
                    }
                }
                to.copy_from_slice(&sums.map(to_byte));
            }
        }
        for ((start, weights), to) in self.vertical.iter().zip(out.chunks_exact_mut(row_bytes)) {
            self.sums.clear();
            self.sums.resize(row_bytes, 1 << (BITS - 1));
            let rows = self.rows[(start - first_row) * row_bytes..].chunks_exact(row_bytes);
            for (&weight, row) in weights.iter().zip(rows) {
                self.sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += weight * i32::from(value));
            }
            to.iter_mut().zip(&self.sums).for_each(|(to, &sum)| *to = to_byte(sum));
            if flip {
                mirror(to);
            }
        }
    }
}

fn to_byte(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// Reverses the pixels of one row.
pub(super) fn mirror(row: &mut [u8]) {
    let pixels = row.len() / 3;
    for i in 0..pixels / 2 {
        let (left, right) = row.split_at_mut((pixels - 1 - i) * 3);
        left[i * 3..][..3].swap_with_slice(&mut right[..3]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmp_nn::Rng;

    fn noise(height: usize, width: usize) -> Picture {
        let mut rng = Rng::new(1, "noise");
        let pixels = (0..height * width * 3).map(|_| rng.below(256) as u8).collect();
        Picture { height, width, pixels }
    }

    fn whole(height: usize, width: usize) -> Rectangle {
        Rectangle { top: 0, left: 0, height, width }
    }

    /// The definition in two dimensions at once and in f64: Σ t(y)t(x) p(y, x) / Σ t(y)t(x), with the triangle t.
    fn exact(picture: &Picture, part: Rectangle, height: usize, width: usize) -> Vec<f64> {
        let triangle = |input: usize, output: usize, to: usize, from: usize| {
            let scale = input as f64 / output as f64;
            let distance = (from as f64 + 0.5) - (to as f64 + 0.5) * scale;
            (1.0 - distance.abs() / scale.max(1.0)).max(0.0)
        };
        let mut out = Vec::new();
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let (mut sums, mut total) = ([0.0; 3], 0.0);
            for (row, col) in (0..part.height).flat_map(|row| (0..part.width).map(move |col| (row, col))) {
                let weight = triangle(part.height, height, y, row) * triangle(part.width, width, x, col);
                total += weight;
                for (channel, sum) in sums.iter_mut().enumerate() {
                    let at = ((part.top + row) * picture.width + part.left + col) * 3 + channel;
                    *sum += weight * f64::from(picture.pixels[at]);
                }
            }
            out.extend(sums.map(|sum| sum / total));
        }
        out
    }

    #[test]
    fn resizing_is_the_definition_to_the_rounding_of_two_passes() {
        let picture = noise(23, 31);
        let part = Rectangle { top: 2, left: 5, height: 19, width: 25 };
        for (height, width) in [(7, 9), (19, 25), (40, 12), (1, 1), (50, 61)] {
            let mut out = vec![0; height * width * 3];
            Resizer::default().resize(&picture, part, (height, width), whole(height, width), false, &mut out);
            for (i, (&got, exact)) in out.iter().zip(exact(&picture, part, height, width)).enumerate() {
                assert!(
                    (f64::from(got) - exact).abs() <= 1.001,
                    "{height}×{width} at {i}: {got} for {exact}"
                );
            }
        }
    }

    #[test]
    fn the_same_size_is_a_copy_and_constants_stay() {
        let picture = noise(9, 14);
        let mut out = vec![0; 9 * 14 * 3];
        Resizer::default().resize(&picture, whole(9, 14), (9, 14), whole(9, 14), false, &mut out);
        assert_eq!(out, picture.pixels);
        for value in [0, 1, 254, 255] {
            let flat = Picture { height: 50, width: 61, pixels: vec![value; 50 * 61 * 3] };
            let mut out = vec![7; 13 * 17 * 3];
            Resizer::default().resize(&flat, whole(50, 61), (13, 17), whole(13, 17), false, &mut out);
            assert!(out.iter().all(|&got| got == value), "{value}");
        }
    }

    #[test]
    fn a_window_is_cut_from_the_whole_and_a_flip_mirrors_it() {
        let picture = noise(40, 30);
        let mut resizer = Resizer::default();
        let mut all = vec![0; 20 * 16 * 3];
        resizer.resize(&picture, whole(40, 30), (20, 16), whole(20, 16), false, &mut all);
        let window = Rectangle { top: 3, left: 4, height: 11, width: 7 };
        let (mut cut, mut flipped) = (vec![0; 11 * 7 * 3], vec![0; 11 * 7 * 3]);
        resizer.resize(&picture, whole(40, 30), (20, 16), window, false, &mut cut);
        resizer.resize(&picture, whole(40, 30), (20, 16), window, true, &mut flipped);
        for (y, x) in (0..11).flat_map(|y| (0..7).map(move |x| (y, x))) {
            let pixel = &all[((y + 3) * 16 + x + 4) * 3..][..3];
            assert_eq!(&cut[(y * 7 + x) * 3..][..3], pixel);
            assert_eq!(&flipped[(y * 7 + 6 - x) * 3..][..3], pixel);
        }
    }

    /// Computed by hand from Pillow's algorithm: 4 → 2 has weights 1/8, 3/8, 3/8, 1/8 cut at the borders to
    /// 3/7, 3/7, 1/7.
    #[test]
    fn halving_four_pixels() {
        let row = [0u8, 100, 200, 50];
        let picture =
            Picture { height: 1, width: 4, pixels: row.iter().flat_map(|&value| [value; 3]).collect() };
        let mut out = [0; 6];
        Resizer::default().resize(&picture, whole(1, 4), (1, 2), whole(1, 2), false, &mut out);
        let left: f64 = (3.0 * 100.0 + 200.0) / 7.0;
        let right: f64 = (100.0 + 3.0 * 200.0 + 3.0 * 50.0) / 7.0;
        assert_eq!(out, [left, left, left, right, right, right].map(|value| value.round() as u8));
    }
}
