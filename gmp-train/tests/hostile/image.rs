//! Pictures and archives of them.

use super::mutation::{Allowed, replay, with_peak};
use gmp_nn::Rng;
use gmp_train::image::{Cifar10, ImageNet32, ImageSource, Picture};
use jpeg_encoder::{ColorType, Encoder};
use std::io::{Cursor, Write};
use std::path::Path;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

fn noise(bytes: usize) -> Vec<u8> {
    let mut rng = Rng::new(2, "noise");
    (0..bytes).map(|_| rng.below(256) as u8).collect()
}

pub(crate) fn cifar10() -> Vec<Vec<u8>> {
    let mut bytes = noise(2 * 3073);
    (bytes[0], bytes[3073]) = (3, 9);
    vec![bytes]
}

#[test]
fn hostile_cifar10_files_are_errors() {
    let read = |bytes: &[u8]| Cifar10::from_bytes(Path::new("batch.bin"), bytes.to_vec()).ok();
    let look = |read: Cifar10| {
        let mut picture = Picture::default();
        for sample in 0..read.len() {
            assert!(read.label(sample) < 10);
            read.decode(sample, &mut picture).unwrap();
        }
    };
    // Sizes that fit, so that more than the size is looked at.
    let repair = |bytes: &mut Vec<u8>, rng: &mut Rng| {
        if rng.below(2) == 0 {
            bytes.resize(3073 * (1 + rng.below(2)), 0);
        }
    };
    replay("cifar10", &cifar10(), Allowed { per_byte: 2, at_any_rate: 4096 }, repair, read, look);
}

/// All structure and few pixels: one picture of one value.
pub(crate) fn npz() -> Vec<Vec<u8>> {
    let npy = |dtype: &str, shape: &str, bytes: &[u8]| {
        let header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}");
        let header = format!("{header:117}\n");
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header.bytes());
        file.extend(bytes);
        file
    };
    let members =
        [("data.npy", npy("|u1", "(1, 3072)", &[5; 3072])), ("labels.npy", npy("<u2", "(1,)", &[7, 0]))];
    let archive = |method| {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in &members {
            archive.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    };
    vec![archive(CompressionMethod::Deflated), archive(CompressionMethod::Stored)]
}

#[test]
fn hostile_npz_files_are_errors() {
    let read = |bytes: &[u8]| ImageNet32::from_bytes(Path::new("batch.npz"), bytes).ok();
    let look = |read: ImageNet32| {
        let mut picture = Picture::default();
        for sample in 0..read.len() {
            assert!(read.label(sample) < 1000);
            read.decode(sample, &mut picture).unwrap();
        }
    };
    // What deflate can make of a byte, and the decompressor's own window.
    let allowed = Allowed { per_byte: 1032, at_any_rate: 1 << 18 };
    replay("npz", &npz(), allowed, |_, _| {}, read, look);
}

const SIDE: usize = 16;

pub(crate) fn jpegs() -> Vec<Vec<u8>> {
    let noise = noise(SIDE * SIDE * 4);
    let jpeg = |colour, progressive, channels: usize| {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 30);
        encoder.set_progressive(progressive);
        encoder.encode(&noise[..SIDE * SIDE * channels], SIDE as u16, SIDE as u16, colour).unwrap();
        file
    };
    vec![
        jpeg(ColorType::Rgb, false, 3),
        jpeg(ColorType::Rgb, true, 3),
        jpeg(ColorType::Luma, false, 1),
        jpeg(ColorType::CmykAsYcck, false, 4),
    ]
}

pub(crate) fn pngs() -> Vec<Vec<u8>> {
    let noise = noise(SIDE * SIDE * 3);
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, SIDE as u32, SIDE as u32);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&noise).unwrap();
    writer.finish().unwrap();
    vec![png]
}

fn hostile(what: &str, good: &[Vec<u8>]) {
    let read = |bytes: &[u8]| {
        let mut picture = Picture::default();
        picture.decode("a.jpg", bytes).is_ok().then_some((picture, bytes.len()))
    };
    let look = |(picture, bytes): (Picture, usize)| {
        assert_eq!(picture.pixels.len(), picture.height * picture.width * 3);
        assert!(picture.height * picture.width <= 1024 * bytes);
    };
    // 1024 pixels a byte is what the formats can hold; each is three bytes, and its coefficients and planes.
    let allowed = Allowed { per_byte: 1024 * 24, at_any_rate: 1 << 20 };
    replay(what, good, allowed, |_, _| {}, read, look);
}

#[test]
fn hostile_jpegs_are_errors() {
    hostile("jpeg", &jpegs());
}

#[test]
fn hostile_pngs_are_errors() {
    hostile("png", &pngs());
}

/// A colour profile and a text of 64 MB each, packed to less than a hundredth.
#[test]
fn what_a_png_packs_besides_its_pixels_is_not_unpacked() {
    let mut bomb = Vec::new();
    let mut info = png::Info::with_size(SIDE as u32, SIDE as u32);
    info.color_type = png::ColorType::Rgb;
    info.bit_depth = png::BitDepth::Eight;
    info.icc_profile = Some(vec![0; 64_000_000].into());
    let text = "0".repeat(64_000_000);
    info.compressed_latin1_text.push(png::text_metadata::ZTXtChunk::new("Comment", text));
    let mut writer = png::Encoder::with_info(&mut bomb, info).unwrap().write_header().unwrap();
    writer.write_image_data(&noise(SIDE * SIDE * 3)).unwrap();
    writer.finish().unwrap();
    assert!(bomb.len() < 1_000_000, "{} bytes are no bomb", bomb.len());
    let mut picture = Picture::default();
    let (result, peak) = with_peak(|| picture.decode("bomb.png", &bomb));
    result.unwrap();
    assert!(peak < 1 << 20, "{peak} bytes of memory for {} bytes", bomb.len());
}
