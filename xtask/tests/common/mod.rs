//! What several tests need.

use std::fs;
use std::path::Path;

/// Writes pictures of two classes in the layout of ILSVRC: `training` per class to train on, and one to validate.
pub(crate) fn write_ilsvrc(folder: &Path, training: u8) {
    for (half, count) in [("train", training), ("val", 1)] {
        for (class, red) in [("a", 250), ("b", 5)] {
            let pictures = folder.join(half).join(class);
            fs::create_dir_all(&pictures).unwrap();
            for picture in 0..count {
                // A PNG under the wrong name, as there is one in the real set.
                let file = fs::File::create(pictures.join(format!("{picture}.JPEG"))).unwrap();
                let mut encoder = png::Encoder::new(file, 40, 30);
                encoder.set_color(png::ColorType::Rgb);
                let pixels: Vec<u8> = (0..40 * 30).flat_map(|i| [red, (i % 256) as u8, picture]).collect();
                encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
            }
        }
    }
}
