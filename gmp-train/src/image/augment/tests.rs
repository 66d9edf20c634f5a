//! What random crops and flips are, and that they are PyTorch's.

use super::*;

#[test]
fn random_parts_have_pytorchs_areas_and_ratios() {
    let mut rng = Rng::new(1, "parts");
    let (mut areas, mut log_ratios, n) = (0.0, 0.0, 20_000);
    for _ in 0..n {
        let part = random_part(1000, 1000, &mut rng);
        assert!(part.top + part.height <= 1000 && part.left + part.width <= 1000);
        let (area, ratio) = ((part.height * part.width) as f64 / 1e6, part.width as f64 / part.height as f64);
        assert!((0.079..=1.0).contains(&area) && (0.74..1.35).contains(&ratio), "{area} {ratio}");
        areas += area;
        log_ratios += ratio.ln();
    }
    // By numerical integration over accepted tries: area a and log-ratio ρ are uniform on [0.08, 1]×[−l, l],
    // l = ln 4/3, and accepted where a·e^|ρ| ≤ 1.
    let (l, steps) = ((4.0f64 / 3.0).ln(), 2000);
    let (mut mass, mut mean) = (0.0, 0.0);
    for i in 0..steps {
        let rho = l * (f64::from(i) + 0.5) / f64::from(steps);
        let top = (-rho).exp();
        mass += top - 0.08;
        mean += (top * top - 0.08 * 0.08) / 2.0;
    }
    // Five standard errors: a deviation of at most 0.27 for areas, of 0.17 for log-ratios.
    let error = 5.0 / f64::from(n).sqrt();
    assert!((areas / f64::from(n) - mean / mass).abs() < 0.27 * error, "mean area {}", areas / f64::from(n));
    assert!((log_ratios / f64::from(n)).abs() < 0.17 * error);
}

#[test]
fn parts_of_extreme_pictures_fall_back_to_the_centre() {
    let mut rng = Rng::new(2, "parts");
    for _ in 0..100 {
        // No part of 8 % of the area is as high as 30 pixels at these ratios.
        let part = random_part(3, 3000, &mut rng);
        assert_eq!(part, Rectangle { top: 0, left: 1498, height: 3, width: 4 });
        let part = random_part(3000, 3, &mut rng);
        assert_eq!(part, Rectangle { top: 1498, left: 0, height: 4, width: 3 });
        assert_eq!(random_part(1, 1, &mut rng), Rectangle { top: 0, left: 0, height: 1, width: 1 });
    }
}

#[test]
fn the_centre_is_pytorchs() {
    // A picture of its own coordinates, large steps: columns in red, rows in green.
    let (height, width) = (512, 1024);
    let pixels =
        (0..height * width).flat_map(|i| [(i % width / 4) as u8, (i / width / 2) as u8, 9]).collect();
    let picture = Picture { height, width, pixels };
    let mut out = vec![0; 224 * 224 * 3];
    let preparation = Preparation::ilsvrc(false);
    preparation.cut(&picture, (0, 0, 0), &mut Resizer::default(), &mut out).unwrap();
    // 512×1024 → 256×512, cut at (16, 144): output (y, x) averages inputs about (2y + 32.5, 2x + 288.5).
    for (y, x) in [(0, 0), (100, 37), (223, 223)] {
        let pixel = &out[(y * 224 + x) * 3..][..3];
        assert!((f64::from(pixel[0]) - (2.0 * x as f64 + 288.5) / 4.0).abs() < 1.0, "{pixel:?} at {y} {x}");
        assert!((f64::from(pixel[1]) - (2.0 * y as f64 + 32.5) / 2.0).abs() < 1.0, "{pixel:?} at {y} {x}");
        assert_eq!(pixel[2], 9);
    }
    // The shapes that leave nothing to spare, and a thread of pixels.
    for (height, width) in [(1, 1), (1, 5000), (5000, 1), (224, 224), (333, 334)] {
        let picture = Picture { height, width, pixels: vec![77; height * width * 3] };
        preparation.cut(&picture, (0, 0, 0), &mut Resizer::default(), &mut out).unwrap();
        assert!(out.iter().all(|&value| value == 77), "{height}×{width}");
    }
}

#[test]
fn flips_depend_on_seed_epoch_and_picture_alone_and_are_even() {
    let pixels = (0..32 * 32 * 3).map(|i| (i % 251) as u8).collect();
    let picture = Picture { height: 32, width: 32, pixels };
    let preparation = Preparation::small(true);
    let (mut first, mut again) = (vec![0; 3072], vec![0; 3072]);
    let mut flipped = 0;
    for sample in 0..2000 {
        let mut resizer = Resizer::default();
        preparation.cut(&picture, (3, 1, sample), &mut resizer, &mut first).unwrap();
        preparation.cut(&picture, (3, 1, sample), &mut resizer, &mut again).unwrap();
        assert_eq!(first, again);
        if first != picture.pixels {
            flipped += 1;
            first.chunks_exact_mut(96).for_each(mirror);
            assert_eq!(first, picture.pixels);
        }
    }
    assert!((flipped - 1000i32).abs() < 112, "{flipped} of 2000, more than five standard errors from half");
    let of = |seed, epoch| {
        (0..64)
            .map(|sample| {
                let mut out = vec![0; 3072];
                preparation.cut(&picture, (seed, epoch, sample), &mut Resizer::default(), &mut out).unwrap();
                out == picture.pixels
            })
            .collect::<Vec<_>>()
    };
    assert_ne!(of(3, 1), of(3, 2));
    assert_ne!(of(3, 1), of(4, 1));
}

/// Every shift of a padded picture is a crop of it, and as probable as the others.
#[test]
fn padded_pictures_are_shifted_evenly_and_what_is_beyond_them_is_black() {
    let pixels: Vec<u8> = (0..32 * 32 * 3).map(|i| 1 + (i % 251) as u8).collect();
    let picture = Picture { height: 32, width: 32, pixels };
    let crop = Crop::Padded { size: 32, padding: 4 };
    let preparation = Preparation { crop, flip: false, ..Preparation::small(true) };
    let mut out = vec![0; 3072];
    let mut count = [[0i32; 9]; 9];
    for sample in 0..8100 {
        preparation.cut(&picture, (3, 1, sample), &mut Resizer::default(), &mut out).unwrap();
        let is_black = |y: usize, x: usize| out[(y * 32 + x) * 3] == 0;
        // Of the rows and columns around the middle, which is always there.
        let before = |is_black: &dyn Fn(usize) -> bool| (0..16).take_while(|&k| is_black(k)).count();
        let behind = |is_black: &dyn Fn(usize) -> bool| (0..16).take_while(|&k| is_black(31 - k)).count();
        let [top, below] = [before(&|y| is_black(y, 16)), behind(&|y| is_black(y, 16))];
        let [left, right] = [before(&|x| is_black(16, x)), behind(&|x| is_black(16, x))];
        assert!(top.min(below) == 0 && left.min(right) == 0);
        let (down, across) = (4 + below - top, 4 + right - left);
        count[down][across] += 1;
        // The picture itself, shifted.
        for (y, x) in [(8, 8), (16, 23), (23, 9)] {
            let from = ((y + down - 4) * 32 + x + across - 4) * 3;
            assert_eq!(out[(y * 32 + x) * 3..][..3], picture.pixels[from..][..3]);
        }
    }
    // Five standard deviations of a count of 100.
    assert!(count.iter().flatten().all(|&count| (count - 100).abs() < 50), "{count:?}");
    let small = Picture { height: 31, width: 32, pixels: vec![0; 31 * 32 * 3] };
    let refused = preparation.cut(&small, (0, 0, 0), &mut Resizer::default(), &mut out);
    assert_eq!(refused.unwrap_err(), "31×32 pixels, expected 32×32");
}

/// A crop of a picture of its own coordinates says by how much it was resized, and where it was cut.
#[test]
fn resized_pictures_have_every_shorter_side_and_place() {
    let (height, width) = (200, 100);
    let pixels = (0..height * width).flat_map(|i| [(i % width) as u8, (i / width) as u8, 9]).collect();
    let picture = Picture { height, width, pixels };
    let crop = Crop::Resized { shortest: 40, longest: 60, size: 32 };
    let preparation = Preparation { crop, flip: false, ..Preparation::small(true) };
    let mut out = vec![0; 3072];
    let mut seen = [0i32; 4];
    for sample in 0..2000 {
        preparation.cut(&picture, (3, 1, sample), &mut Resizer::default(), &mut out).unwrap();
        let at = |y: usize, x: usize, channel: usize| f64::from(out[(y * 32 + x) * 3 + channel]);
        // Input pixels to an output pixel: the shorter side is 100 over it.
        let scale = (at(16, 28, 0) - at(16, 3, 0)) / 25.0;
        let shorter = 100.0 / scale;
        assert!((38.0..62.0).contains(&shorter), "{shorter}");
        // Bytes are rounded: sides are told apart by fives.
        seen[((shorter - 39.5) / 5.0).clamp(0.0, 3.0) as usize] += 1;
        assert!((at(28, 16, 1) - at(3, 16, 1) - 25.0 * scale).abs() < 2.0, "both sides alike");
        assert!(at(31, 0, 1) < 200.0 && at(0, 31, 0) < 100.0);
    }
    assert!(seen.iter().all(|&count| (count - 500).abs() < 120), "{seen:?}");
}

#[test]
fn numbers_are_normalized_by_channel() {
    let table = Preparation::small(true).table();
    assert_eq!(table[0][255], 1.0 - 0.481_098);
    assert_eq!(table[2][0], -0.407_854_83);
    let table = Preparation::ilsvrc(true).table();
    assert!((table[1][128] - (128.0 / 255.0 - 0.456) / 0.224).abs() < 1e-6);
}
