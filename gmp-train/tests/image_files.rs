//! Image files that are sound, damaged, and made to harm.
#![cfg(feature = "image")]

use gmp_nn::Rng;
use gmp_train::image::{Cifar10, Error, Ilsvrc, ImageNet32, ImageSource, Picture, SyntheticShapes};
use jpeg_encoder::{ColorType, Encoder};
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use tempfile::{TempDir, tempdir};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

// ── What is written ─────────────────────────────────────────────────────────────────────────────────────────

fn cifar_records(count: usize) -> Vec<u8> {
    (0..count * 3073).map(|i| if i % 3073 == 0 { (i / 3073 % 10) as u8 } else { (i % 253) as u8 }).collect()
}

fn cifar(training: &[u8], test: &[u8]) -> TempDir {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("data_batch_1.bin"), training).unwrap();
    fs::write(folder.path().join("test_batch.bin"), test).unwrap();
    folder
}

/// A `.npy` file of version 1 as NumPy writes it.
fn npy(dtype: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend(bytes);
    file
}

fn npz(method: CompressionMethod, members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        archive.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn pixels(count: usize) -> Vec<u8> {
    (0..count * 3072).map(|i| (i * 7 % 255) as u8).collect()
}

fn labels(labels: &[i64]) -> Vec<u8> {
    labels.iter().flat_map(|label| label.to_le_bytes()).collect()
}

/// An archive of three pictures with the labels 1, 1000 and 500.
fn good_npz(method: CompressionMethod) -> Vec<u8> {
    let members = [
        ("data.npy", npy("|u1", "(3, 3072)", &pixels(3))),
        ("labels.npy", npy("<i8", "(3,)", &labels(&[1, 1000, 500]))),
        ("mean.npy", npy("<f8", "(3072,)", &[0; 3072 * 8])),
    ];
    npz(method, &members)
}

fn read_npz(bytes: &[u8]) -> Result<ImageNet32, Error> {
    let folder = tempdir().unwrap();
    let path = folder.path().join("train_data_batch_1.npz");
    fs::write(&path, bytes).unwrap();
    ImageNet32::read(&[path])
}

fn jpeg(width: u16, height: u16, colour: ColorType, pixel: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let pixels = pixel.repeat(usize::from(width) * usize::from(height));
    Encoder::new(&mut file, 95).encode(&pixels, width, height, colour).unwrap();
    file
}

fn png(width: u32, height: u32, pixel: [u8; 3]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixel.repeat((width * height) as usize)).unwrap();
    writer.finish().unwrap();
    file
}

/// A folder with the given files, and one good picture of each class in both halves.
fn ilsvrc(files: &[(&str, Vec<u8>)]) -> TempDir {
    let folder = tempdir().unwrap();
    for half in ["train", "val"] {
        for class in ["n01", "n02"] {
            write(
                folder.path(),
                &format!("{half}/{class}/a.JPEG"),
                &jpeg(40, 30, ColorType::Rgb, &[200, 100, 50]),
            );
        }
    }
    for (name, bytes) in files {
        write(folder.path(), name, bytes);
    }
    folder
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn decode_one(bytes: Vec<u8>) -> Result<Picture, Error> {
    let folder = ilsvrc(&[("train/n01/0.JPEG", bytes)]);
    let (training, _) = Ilsvrc::open(folder.path()).unwrap();
    let mut picture = Picture::default();
    training.decode(0, &mut picture).map(|()| picture)
}

// ── Good files ──────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn cifar_records_are_read_from_all_batches_in_order() {
    let folder = cifar(&cifar_records(12), &cifar_records(3));
    fs::write(folder.path().join("data_batch_2.bin"), &cifar_records(5)[3073..]).unwrap();
    fs::write(folder.path().join("readme.html"), "not a batch").unwrap();
    let (training, test) = Cifar10::open(folder.path()).unwrap();
    assert_eq!((training.len(), test.len(), training.classes()), (16, 3, 10));
    let labels: Vec<u32> = (0..16).map(|i| training.label(i)).collect();
    assert_eq!(labels, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 1, 2, 3, 4]);
    let mut picture = Picture::default();
    training.decode(13, &mut picture).unwrap(); // the third record of the uncut file
    let at = 2 * 3073 + 1;
    assert_eq!((picture.height, picture.width), (32, 32));
    for (pixel, channel) in [(0, 0), (500, 1), (1023, 2)] {
        assert_eq!(picture.pixels[pixel * 3 + channel], ((at + channel * 1024 + pixel) % 253) as u8);
    }
    assert!(training.name(13).ends_with("data_batch_2.bin, picture 1"), "{}", training.name(13));
}

#[test]
fn npz_batches_are_read_stored_or_compressed() {
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let folder = tempdir().unwrap();
        for name in
            ["train_data_batch_1.npz", "train_data_batch_2.npz", "train_data_batch_10.npz", "val_data.npz"]
        {
            fs::write(folder.path().join(name), good_npz(method)).unwrap();
        }
        let (training, validation) = ImageNet32::open(folder.path()).unwrap();
        assert_eq!((training.len(), validation.len(), training.classes()), (9, 3, 1000));
        assert_eq!((0..4).map(|i| training.label(i)).collect::<Vec<_>>(), [0, 999, 499, 0]);
        assert!(training.name(8).ends_with("train_data_batch_10.npz, picture 2"), "{}", training.name(8));
        let mut picture = Picture::default();
        training.decode(4, &mut picture).unwrap();
        let planes = &pixels(3)[3072..6144];
        for (pixel, channel) in [(0, 0), (77, 1), (1023, 2)] {
            assert_eq!(picture.pixels[pixel * 3 + channel], planes[channel * 1024 + pixel]);
        }
    }
}

#[test]
fn pictures_of_every_kind_become_rgb() {
    let near = |bytes: Vec<u8>, expected: [u8; 3], size: (usize, usize)| {
        let picture = decode_one(bytes).unwrap();
        assert_eq!((picture.width, picture.height), size);
        for pixel in picture.pixels.chunks_exact(3) {
            assert!(
                pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 4),
                "{pixel:?} for {expected:?}"
            );
        }
    };
    near(jpeg(17, 9, ColorType::Rgb, &[200, 100, 50]), [200, 100, 50], (17, 9));
    near(jpeg(33, 20, ColorType::Luma, &[90]), [90; 3], (33, 20));
    // Inks: cyan 40 %, no magenta, yellow 80 %, black 20 %. On paper: (1 − ink)(1 − black).
    let inks = [102, 0, 204, 51];
    let paper = [255 * 6 / 10 * 8 / 10, 255 * 8 / 10, 255 * 2 / 10 * 8 / 10].map(|value| value as u8);
    near(jpeg(24, 24, ColorType::Cmyk, &inks), paper, (24, 24));
    near(jpeg(24, 24, ColorType::CmykAsYcck, &inks), paper, (24, 24));
    // A PNG that is called JPEG.
    near(png(21, 13, [10, 20, 30]), [10, 20, 30], (21, 13));
}

#[test]
fn classes_are_numbered_by_name_and_other_files_ignored() {
    let folder = ilsvrc(&[
        ("train/n02/B.JPG", jpeg(8, 8, ColorType::Luma, &[1])),
        ("train/n02/notes.txt", b"no picture".into()),
        ("train/.cache/x.JPEG", b"hidden".into()),
        ("train/list.csv", b"no class".into()),
    ]);
    let (training, validation) = Ilsvrc::open(folder.path()).unwrap();
    assert_eq!(training.class_names(), ["n01", "n02"]);
    assert_eq!((training.len(), validation.len(), training.classes()), (3, 2, 2));
    assert_eq!((0..3).map(|i| training.label(i)).collect::<Vec<_>>(), [0, 1, 1]);
    assert!(training.name(1).ends_with("train/n02/B.JPG"), "{}", training.name(1));
}

/// Every byte that training reads is in the digest of its picture, and in that of no other.
#[test]
fn digests_tell_every_byte_of_every_picture() {
    let digests = |source: &dyn ImageSource| {
        (0..source.len()).map(|sample| source.digest(sample).unwrap()).collect::<Vec<_>>()
    };
    let differ = |a: &dyn ImageSource, b: &dyn ImageSource| {
        let pairs = digests(a).into_iter().zip(digests(b)).enumerate();
        pairs.filter(|(_, (a, b))| a != b).map(|(sample, _)| sample).collect::<Vec<_>>()
    };
    let records = cifar_records(3);
    let whole = Cifar10::from_bytes(Path::new("a"), records.clone()).unwrap();
    for byte in [3073, 3074, 2 * 3073 - 1] {
        let mut changed = records.clone();
        changed[byte] ^= 1;
        assert_eq!(
            differ(&whole, &Cifar10::from_bytes(Path::new("b"), changed).unwrap()),
            [1],
            "byte {byte}"
        );
    }

    let archive = |pixels: Vec<u8>| {
        let labels = npy("<i8", "(3,)", &labels(&[1, 2, 3]));
        let members = [("data.npy", npy("|u1", "(3, 3072)", &pixels)), ("labels.npy", labels)];
        ImageNet32::from_bytes(Path::new("a"), &npz(CompressionMethod::Stored, &members)).unwrap()
    };
    let mut changed = pixels(3);
    changed[3 * 3072 - 1] ^= 1;
    assert_eq!(differ(&archive(pixels(3)), &archive(changed)), [2]);

    let folder = ilsvrc(&[("train/n02/b.JPEG", png(4, 4, [1, 2, 3]))]);
    let (training, _) = Ilsvrc::open(folder.path()).unwrap();
    let (before, stamps) = (digests(&training), |sample| training.stamp(sample).unwrap().unwrap());
    let (first, last) = (stamps(0), stamps(2));
    write(folder.path(), "train/n02/b.JPEG", &png(40, 40, [1, 2, 4]));
    assert_eq!((before[..2] == digests(&training)[..2], before[2] == digests(&training)[2]), (true, false));
    assert_eq!((stamps(0), stamps(2) == last), (first, false));
    fs::remove_file(folder.path().join("train/n02/b.JPEG")).unwrap();
    assert!(training.stamp(2).is_err() && training.digest(2).is_err());

    let (generated, other) = (SyntheticShapes::new(1, 3, 3), SyntheticShapes::new(2, 3, 3));
    assert!(digests(&generated.0) == digests(&generated.0) && generated.0.stamp(0).unwrap().is_none());
    for another in [&generated.1, &other.0] {
        assert_eq!(differ(&generated.0, another), [0, 1, 2]);
    }
}

// ── Bad files ───────────────────────────────────────────────────────────────────────────────────────────────

/// The message, without the folder that changes from run to run.
fn message<V>(result: Result<V, Error>, folder: &Path) -> String {
    let Err(error) = result else { panic!("no error") };
    error
        .to_string()
        .replace(&format!("{}/", folder.display()), "")
        .replace(&folder.display().to_string(), "…")
}

#[test]
fn cifar_files_that_are_not() {
    let open = |training: &[u8], test: &[u8]| {
        let folder = cifar(training, test);
        message(Cifar10::open(folder.path()), folder.path())
    };
    let good = cifar_records(2);
    assert_eq!(
        open(&good[..6000], &good),
        "data_batch_1.bin: 6000 bytes, expected a positive multiple of 3073"
    );
    assert_eq!(open(&good, &[]), "test_batch.bin: 0 bytes, expected a positive multiple of 3073");
    let mut label = good.clone();
    label[3073] = 10;
    assert_eq!(open(&good, &label), "test_batch.bin: label 10 of picture 1 (from 0), expected 0 to 9");
    let folder = tempdir().unwrap();
    assert_eq!(message(Cifar10::open(folder.path()), folder.path()), "…: no data_batch_*.bin");
    fs::write(folder.path().join("data_batch_1.bin"), &good).unwrap();
    assert_eq!(message(Cifar10::open(folder.path()), folder.path()), "…: no test_batch.bin");
    assert!(matches!(Cifar10::open(&folder.path().join("nowhere")), Err(Error::Io { .. })));
}

#[test]
fn npz_files_that_are_not() {
    let read = |members: &[(&str, Vec<u8>)]| {
        let Err(error) = read_npz(&npz(CompressionMethod::Stored, members)) else { panic!("no error") };
        let text = error.to_string();
        assert!(text.contains("train_data_batch_1.npz: "), "{text}");
        text.split_once("batch_1.npz: ").unwrap().1.to_string()
    };
    let data = || ("data.npy", npy("|u1", "(3, 3072)", &pixels(3)));
    let good_labels = || ("labels.npy", npy("<i8", "(3,)", &labels(&[1, 2, 3])));
    assert_eq!(read(&[data()]), "no array `labels` in it");
    assert_eq!(read(&[good_labels()]), "no array `data` in it");
    let wrong = |dtype, shape, bytes: &[u8]| read(&[("data.npy", npy(dtype, shape, bytes)), good_labels()]);
    assert_eq!(wrong("<f4", "(3, 3072)", &[0; 3072 * 12]), "`data` is of type <f4, expected uint8 (|u1)");
    assert_eq!(
        wrong("|u1", "(3, 32, 32, 3)", &pixels(3)),
        "`data` has the shape [3, 32, 32, 3], expected (pictures, 3072) with at least one picture"
    );
    assert!(wrong("|u1", "(0, 3072)", &[]).starts_with("`data` has the shape [0, 3072]"));
    assert_eq!(
        wrong("|u1", "(4, 3072)", &pixels(3)),
        "`data`: 9216 bytes of numbers, expected 12288 for its type and shape"
    );
    assert_eq!(
        wrong("|u1", "(18446744073709551615, 3072)", &pixels(3)),
        "18446744073709551615 pictures with the files before it, expected at most 2097152"
    );
    let wrong = |dtype, shape, bytes: &[u8]| read(&[data(), ("labels.npy", npy(dtype, shape, bytes))]);
    assert_eq!(wrong("<f8", "(3,)", &[0; 24]), "`labels` is of type <f8, expected an integer type");
    assert_eq!(wrong("<i8", "(2,)", &[0; 16]), "`labels` has the shape [2], expected (3,) as `data`");
    assert_eq!(
        wrong("<i8", "(3,)", &labels(&[1, 0, 3])),
        "label 0 of picture 1 (from 0), expected 1 to 1000"
    );
    assert_eq!(wrong("|i1", "(3,)", &[1, 2, 255]), "label -1 of picture 2 (from 0), expected 1 to 1000");
    assert!(wrong("<i8", "(3,)", &labels(&[1, 2, 1001])).starts_with("label 1001"));
    let fortran = String::from_utf8_lossy(&data().1[..128]).contains("False");
    assert!(fortran, "the header is in the first 128 bytes");
    let mut order = data();
    let at = order.1.windows(6).position(|bytes| bytes == b"False,").unwrap();
    order.1[at..at + 6].copy_from_slice(b"True ,");
    assert_eq!(read(&[order, good_labels()]), "`data`: in Fortran order, expected C order");
    assert_eq!(read(&[("data.npy", b"PK not numpy".into()), good_labels()]), "`data`: no .npy array");

    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let good = good_npz(method);
        for cut in [0, 1, 100, good.len() / 2, good.len() - 1] {
            let error = read_npz(&good[..cut]).unwrap_err().to_string();
            assert!(error.contains("not a whole .npz archive"), "cut to {cut}: {error}");
        }
    }
    // One flipped bit among the pixels: only the checksum can tell.
    let mut flipped = good_npz(CompressionMethod::Stored);
    flipped[1000] ^= 4;
    let error = read_npz(&flipped).unwrap_err().to_string();
    assert!(error.contains("`data`: damaged") || error.contains("`data`: cut short or damaged"), "{error}");
    let folder = tempdir().unwrap();
    assert_eq!(message(ImageNet32::open(folder.path()), folder.path()), "…: no train_data_batch_*.npz");
}

/// A claim of six gigabytes in a file of a kilobyte is refused before memory is asked for.
#[test]
fn claimed_sizes_are_not_believed() {
    let mut bytes = npy("|u1", "(2000000, 3072)", &pixels(1));
    let member = npz(CompressionMethod::Deflated, &[("data.npy", bytes.clone())]);
    assert!(read_npz(&member).unwrap_err().to_string().contains("bytes of numbers, expected 6144000000"));
    let more = npy("|u1", "(2097153, 3072)", &pixels(1));
    let error = read_npz(&npz(CompressionMethod::Deflated, &[("data.npy", more)])).unwrap_err().to_string();
    assert!(
        error.ends_with(": 2097153 pictures with the files before it, expected at most 2097152"),
        "{error}"
    );
    // The archive's own sizes, in its directory: 0xfffffff0 bytes.
    let mut member = npz(CompressionMethod::Stored, &[("data.npy", std::mem::take(&mut bytes))]);
    let directory = member.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    member[directory + 24..directory + 28].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
    assert!(read_npz(&member).unwrap_err().to_string().contains("claims 4294967280 bytes"));
    // 65000×65000 pixels in a small JPEG.
    let mut huge = jpeg(16, 16, ColorType::Luma, &[9]);
    let frame = huge.windows(2).position(|bytes| bytes == [0xff, 0xc0]).unwrap();
    huge[frame + 5..frame + 9].copy_from_slice(&[0xfd, 0xe8, 0xfd, 0xe8]);
    let error = decode_one(huge).unwrap_err().to_string();
    assert!(error.contains("claims 65000×65000 pixels"), "{error}");
}

#[test]
fn folders_that_are_not() {
    let good = || jpeg(8, 8, ColorType::Luma, &[1]);
    let open = |folder: &TempDir| message(Ilsvrc::open(folder.path()), folder.path());
    let folder = ilsvrc(&[("train/n03/a.JPEG", good())]);
    assert_eq!(open(&folder), "class n03 is in train but not in val");
    let folder = ilsvrc(&[("val/n00/a.JPEG", good())]);
    assert_eq!(open(&folder), "class n00 is in val but not in train");
    let folder = ilsvrc(&[("train/n03/notes.txt", good()), ("val/n03/a.JPEG", good())]);
    assert_eq!(
        open(&folder),
        "train/n03: a class folder without pictures (expected files named .JPEG, .jpg or .png)"
    );
    let folder = tempdir().unwrap();
    assert!(open(&folder).starts_with("train: "), "{}", open(&folder));
    write(folder.path(), "train/n01/a.JPEG", &good());
    write(folder.path(), "val/ILSVRC2012_val_00000001.JPEG", &good());
    assert_eq!(open(&folder), "val: no class folders (one for every class, as n01440764)");
}

#[test]
fn pictures_that_are_not() {
    let fail = |bytes: Vec<u8>| {
        let error = decode_one(bytes).unwrap_err().to_string();
        assert!(error.contains("train/n01/0.JPEG: "), "{error}");
        error.split_once("0.JPEG: ").unwrap().1.to_string()
    };
    assert_eq!(fail(Vec::new()), "an empty file");
    assert_eq!(fail(b"GIF89a".into()), "neither a JPEG nor a PNG");
    // Cut anywhere: among the tables, in the middle of the pixels, before the end marker.
    let mut rng = Rng::new(1, "noise");
    let noise: Vec<u8> = (0..64 * 64 * 3).map(|_| rng.below(256) as u8).collect();
    for progressive in [false, true] {
        let mut whole = Vec::new();
        let mut encoder = Encoder::new(&mut whole, 90);
        encoder.set_progressive(progressive);
        encoder.encode(&noise, 64, 64, ColorType::Rgb).unwrap();
        decode_one(whole.clone()).unwrap();
        for cut in [3, 100, whole.len() / 3, whole.len() / 2, whole.len() * 9 / 10] {
            let error = fail(whole[..cut].into());
            assert!(error.starts_with("a JPEG cut short"), "progressive {progressive}, at {cut}: {error}");
        }
    }
    let whole = png(40, 40, [1, 2, 3]);
    fail(whole[..whole.len() / 2].into());
}

/// Files that take no room on the disk and claim more than there is memory.
#[test]
fn sparse_files_are_refused_by_their_size() {
    let sparse = |path: &Path, size| fs::File::create(path).unwrap().set_len(size).unwrap();
    let folder = cifar(&cifar_records(2), &cifar_records(1));
    let batch = |number| folder.path().join(format!("data_batch_{number}.bin"));
    let open = || message(Cifar10::open(folder.path()), folder.path());
    sparse(&batch(2), 3073 * 13_000_000);
    assert_eq!(
        open(),
        "data_batch_2.bin: 39949006146 bytes with the files before it, expected at most 1073741824"
    );
    // Many that would do each, but not together.
    (2..7).for_each(|number| sparse(&batch(number), 3073 * 100_000));
    assert!(open().starts_with("data_batch_5.bin: 1229206146 bytes with"), "{}", open());

    let folder = ilsvrc(&[("train/n01/0.JPEG", Vec::new())]);
    sparse(&folder.path().join("train/n01/0.JPEG"), (256 << 20) + 1);
    let (training, _) = Ilsvrc::open(folder.path()).unwrap();
    let result = training.decode(0, &mut Picture::default());
    assert_eq!(
        message(result, folder.path()),
        "train/n01/0.JPEG: 268435457 bytes, expected at most 268435456"
    );
}

/// Opening one of these would wait for a writer for ever.
#[cfg(unix)]
#[test]
fn named_pipes_are_refused_at_once() {
    let pipe = |path: &Path| {
        let _ = fs::remove_file(path);
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    let expected = |name: &str| format!("{name}: a named pipe, expected a regular file");
    for name in ["data_batch_1.bin", "test_batch.bin"] {
        let folder = cifar(&cifar_records(2), &cifar_records(1));
        pipe(&folder.path().join(name));
        assert_eq!(message(Cifar10::open(folder.path()), folder.path()), expected(name));
    }
    let folder = tempdir().unwrap();
    pipe(&folder.path().join("train_data_batch_1.npz"));
    let error = message(ImageNet32::open(folder.path()), folder.path());
    assert_eq!(error, expected("train_data_batch_1.npz"));
    let folder = ilsvrc(&[]);
    pipe(&folder.path().join("train/n01/a.JPEG"));
    let (training, _) = Ilsvrc::open(folder.path()).unwrap();
    let result = training.decode(0, &mut Picture::default());
    assert_eq!(message(result, folder.path()), expected("train/n01/a.JPEG"));
}
