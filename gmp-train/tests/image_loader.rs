//! Batches: their order, their bytes, where they begin again, and what is left out of them.
#![cfg(feature = "image")]

use gmp_train::image::{
    Cifar10, Crop, Error, Ilsvrc, ImageNet32, ImageSource, Loader, Loading, Order, Picture, Preparation,
    Skipped, SyntheticShapes,
};
use jpeg_encoder::{ColorType, Encoder};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::{TempDir, tempdir};

fn loading(batch_size: usize, threads: usize) -> Loading {
    Loading { batch_size, order: Order::Shuffled, seed: 5, threads }
}

type Owned = (usize, Vec<f32>, Vec<u32>, Vec<u32>);

/// What is left of the epoch.
fn rest(loader: &mut Loader) -> Vec<Owned> {
    let mut batches = Vec::new();
    while let Some(batch) = loader.next_batch().unwrap() {
        batches.push((batch.index, batch.images.to_vec(), batch.labels.to_vec(), batch.samples.to_vec()));
    }
    batches
}

fn epoch(loader: &mut Loader, epoch: usize, batch: usize) -> Vec<Owned> {
    loader.start(epoch, batch);
    rest(loader)
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let batches = |threads| {
        let (source, _) = SyntheticShapes::new(3, 173, 0);
        let mut loader =
            Loader::new(Arc::new(source), Preparation::small(true), loading(50, threads)).unwrap();
        [epoch(&mut loader, 0, 0), epoch(&mut loader, 1, 0)]
    };
    let one = batches(1);
    assert_eq!(one[0].iter().map(|batch| batch.2.len()).collect::<Vec<_>>(), [50, 50, 50, 23]);
    assert_ne!(one[0], one[1]);
    // More than any system starts: no more than there is work for are.
    for threads in [2, 4, 7, 10_000_000] {
        assert!(batches(threads) == one, "{threads} threads");
    }
}

/// Set for the process that has no memory for a thread.
const REFUSED: &str = "GMP_THREADS_REFUSED";

/// A stack of 64 TiB is refused by the system, as threads are where a limit is reached.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_system_that_starts_no_thread_is_an_error() {
    let name = "image_loader::a_system_that_starts_no_thread_is_an_error";
    if std::env::var_os(REFUSED).is_none() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child
            .args([name, "--exact", "--test-threads=1"])
            .env(REFUSED, "")
            .env("RUST_MIN_STACK", "70368744177664");
        let output = child.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let (source, _) = SyntheticShapes::new(3, 20, 0);
    match Loader::new(Arc::new(source), Preparation::small(true), loading(5, 2)) {
        Err(error @ Error::Thread(_)) => {
            assert!(error.to_string().starts_with("cannot start a thread that reads pictures: "), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

/// Every picture once an epoch, in another order every epoch, and each as decoding it by hand gives it.
#[test]
fn batches_hold_what_the_source_holds() {
    let (source, _) = SyntheticShapes::new(4, 117, 0);
    let source = Arc::new(source);
    let preparation = Preparation::small(true);
    let mut loader = Loader::new(source.clone(), preparation, loading(20, 2)).unwrap();
    assert_eq!((loader.len(), loader.batches()), (117, 6));
    assert!(loader.next_batch().unwrap().is_none(), "nothing before the start");
    let mut orders = Vec::new();
    let (mut picture, mut flipped) = (Picture::default(), 0);
    for number in 0..3 {
        let batches = epoch(&mut loader, number, 0);
        assert_eq!(batches.iter().map(|batch| batch.0).collect::<Vec<_>>(), (0..6).collect::<Vec<_>>());
        for (_, images, labels, samples) in &batches {
            assert_eq!(images.len(), samples.len() * 3072);
            for ((image, &label), &sample) in images.chunks_exact(3072).zip(labels).zip(samples) {
                assert_eq!(label, sample % 10);
                source.decode(sample as usize, &mut picture).unwrap();
                let at = |row: usize, col: usize, channel: usize| {
                    let byte = picture.pixels[(row * 32 + col) * 3 + channel];
                    (f32::from(byte) / 255.0 - preparation.mean[channel]) / preparation.deviation[channel]
                };
                let same = |col: &dyn Fn(usize) -> usize| {
                    image.iter().enumerate().all(|(i, &x)| x == at(i / 96, col(i / 3 % 32), i % 3))
                };
                let mirrored = same(&|col| 31 - col);
                assert!(mirrored || same(&|col| col), "picture {sample} of epoch {number}");
                flipped += usize::from(mirrored);
            }
        }
        orders.push(batches.into_iter().flat_map(|batch| batch.3).collect::<Vec<_>>());
        assert!(loader.next_batch().unwrap().is_none(), "the end stays the end");
    }
    assert!((120..230).contains(&flipped), "{flipped} of 351 flipped");
    assert_ne!(orders[0], orders[1]);
    for order in &mut orders {
        order.sort_unstable();
        assert_eq!(*order, (0..117).collect::<Vec<_>>());
    }
    let stored = Loading { order: Order::AsStored, ..loading(64, 2) };
    let mut loader = Loader::new(source, Preparation::small(false), stored).unwrap();
    let order: Vec<u32> = epoch(&mut loader, 9, 0).into_iter().flat_map(|batch| batch.3).collect();
    assert_eq!(order, (0..117).collect::<Vec<_>>());
}

#[test]
fn an_epoch_goes_on_from_any_batch() {
    let (source, _) = SyntheticShapes::new(3, 203, 0);
    let source = Arc::new(source);
    let whole =
        epoch(&mut Loader::new(source.clone(), Preparation::small(true), loading(33, 2)).unwrap(), 4, 0);
    let mut loader = Loader::new(source, Preparation::small(true), loading(33, 3)).unwrap();
    for batch in [3, 0, 6, 7, 1, 5] {
        assert!(epoch(&mut loader, 4, batch) == whole[batch..], "from batch {batch}");
        // Left in the middle of another epoch, whose pieces are still on their way.
        loader.start(8, 0);
        loader.next_batch().unwrap();
        loader.start(2, 2);
    }
}

/// Decodes nothing, and counts how far ahead of the batches in use it is asked.
struct Counting {
    decoded: AtomicUsize,
    delivered: AtomicUsize,
    ahead: AtomicUsize,
}
impl ImageSource for Counting {
    fn len(&self) -> usize {
        10_000
    }
    fn classes(&self) -> usize {
        1
    }
    fn label(&self, _: usize) -> u32 {
        0
    }
    fn name(&self, sample: usize) -> String {
        sample.to_string()
    }
    fn decode(&self, sample: usize, picture: &mut Picture) -> Result<(), Error> {
        assert_ne!(sample, 9_999, "the last picture");
        let decoded = self.decoded.fetch_add(1, Ordering::SeqCst) + 1;
        let ahead = decoded - self.delivered.load(Ordering::SeqCst).min(decoded);
        self.ahead.fetch_max(ahead, Ordering::SeqCst);
        (picture.height, picture.width) = (1, 1);
        picture.pixels.resize(3, 0);
        Ok(())
    }
}

fn counting() -> (Arc<Counting>, Loader) {
    let zero = || AtomicUsize::new(0);
    let source = Arc::new(Counting { decoded: zero(), delivered: zero(), ahead: zero() });
    let preparation = Preparation { crop: Crop::Whole { size: 1 }, ..Preparation::small(false) };
    let stored = Loading { order: Order::AsStored, ..loading(100, 3) };
    (source.clone(), Loader::new(source, preparation, stored).unwrap())
}

#[test]
fn what_is_decoded_ahead_is_bounded() {
    let (source, mut loader) = counting();
    loader.start(0, 0);
    for batch in 1..90 {
        loader.next_batch().unwrap().unwrap();
        // The next batch is being used up from here on, so it counts as delivered.
        source.delivered.store((batch + 1) * 100, Ordering::SeqCst);
    }
    // Two batches of seven pieces, and one piece for each thread.
    let ahead = source.ahead.load(Ordering::SeqCst);
    assert!((1..=(2 * 7 + 3) * 16 + 100).contains(&ahead), "{ahead} pictures ahead");
}

#[test]
#[should_panic(expected = "a thread that reads pictures panicked")]
fn a_panic_of_the_source_reaches_the_caller() {
    let (_, mut loader) = counting();
    loader.start(0, 98);
    while loader.next_batch().unwrap().is_some() {}
}

#[test]
fn settings_out_of_range_are_errors() {
    let fail = |pictures, preparation, loading| {
        let (source, _) = SyntheticShapes::new(1, pictures, 0);
        Loader::new(Arc::new(source), preparation, loading).unwrap_err().to_string()
    };
    let small = Preparation::small(true);
    assert_eq!(fail(0, small, loading(1, 1)), "number of pictures is 0, expected from 1 to 2^32 - 1");
    assert_eq!(fail(1, small, loading(0, 1)), "batch size is 0, expected at least 1");
    assert_eq!(fail(1, small, loading(1, 0)), "number of threads is 0, expected at least 1");
    let no_size = Preparation { crop: Crop::Random { size: 0 }, ..small };
    assert_eq!(fail(1, no_size, loading(1, 1)), "picture size is 0, expected at least 1");
    let centre = Preparation { crop: Crop::Centre { shorter: 31, size: 32 }, ..small };
    assert!(fail(1, centre, loading(1, 1)).starts_with("shorter side is 31"));
    // A batch larger than the set is the set, and allocates no more.
    let (source, _) = SyntheticShapes::new(1, 7, 0);
    let mut loader = Loader::new(Arc::new(source), small, loading(usize::MAX, 2)).unwrap();
    assert_eq!((loader.batches(), epoch(&mut loader, 0, 0)[0].2.len()), (1, 7));
}

// ── Pictures that cannot be read ────────────────────────────────────────────────────────────────────────────

fn jpeg(seed: usize) -> Vec<u8> {
    let (width, height) = (60 + seed % 7, 50 + seed % 11);
    let pixels: Vec<u8> = (0..width * height * 3).map(|i| (i * seed % 200 + i / 90) as u8).collect();
    let mut file = Vec::new();
    Encoder::new(&mut file, 80).encode(&pixels, width as u16, height as u16, ColorType::Rgb).unwrap();
    file
}

/// Two classes of ten pictures; those for which `bad` holds are cut in half.
fn ilsvrc(bad: impl Fn(usize) -> bool) -> (TempDir, Ilsvrc) {
    let folder = tempdir().unwrap();
    for (class, name) in ["n01", "n02"].iter().enumerate() {
        for half in ["train", "val"] {
            fs::create_dir_all(folder.path().join(half).join(name)).unwrap();
            for picture in 0..10 {
                let mut bytes = jpeg(class * 10 + picture + 1);
                if bad(class * 10 + picture) {
                    bytes.truncate(bytes.len() / 2);
                }
                fs::write(folder.path().join(half).join(name).join(format!("{picture}.JPEG")), bytes)
                    .unwrap();
            }
        }
    }
    let (training, _) = Ilsvrc::open(folder.path()).unwrap();
    (folder, training)
}

#[test]
fn a_bad_picture_is_left_out_counted_and_named() {
    let (folder, source) = ilsvrc(|picture| picture == 3 || picture == 17);
    let source = Arc::new(source);
    let small = Preparation { crop: Crop::Random { size: 40 }, ..Preparation::ilsvrc(true) };
    let mut first = None;
    for threads in [1, 2, 4] {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = Arc::clone(&told);
        let loader = Loader::new(source.clone(), small, loading(6, threads)).unwrap();
        let mut loader = loader.on_skipped(move |skipped| tell.lock().unwrap().push(skipped.clone()));
        let batches = [epoch(&mut loader, 0, 0), epoch(&mut loader, 1, 0)];
        for batches in &batches {
            let mut samples: Vec<u32> = batches.iter().flat_map(|batch| batch.3.clone()).collect();
            samples.sort_unstable();
            assert_eq!(samples, (0..20).filter(|&i| i != 3 && i != 17).collect::<Vec<_>>());
            assert!(batches.iter().all(|batch| batch.1.len() == batch.2.len() * 40 * 40 * 3));
        }
        let skipped: Vec<Skipped> = loader.skipped().cloned().collect();
        assert_eq!(skipped.iter().map(|skipped| skipped.sample).collect::<Vec<_>>(), [3, 17]);
        let mut told = told.lock().unwrap().clone();
        told.sort_unstable_by_key(|skipped| skipped.sample);
        assert_eq!(told, skipped, "each is told of once, though two epochs met it");
        let name = folder.path().join("train/n02/7.JPEG").display().to_string();
        assert!(
            skipped[1].problem.starts_with(&format!("{name}: a JPEG cut short")),
            "{}",
            skipped[1].problem
        );
        assert!(first.get_or_insert(batches.clone()) == &batches, "{threads} threads");
    }
}

#[test]
fn a_picture_that_vanishes_is_left_out_and_no_picture_at_all_is_an_error() {
    let (folder, source) = ilsvrc(|_| true);
    fs::remove_file(folder.path().join("train/n01/0.JPEG")).unwrap();
    let mut loader = Loader::new(Arc::new(source), Preparation::ilsvrc(true), loading(6, 2)).unwrap();
    loader.start(0, 0);
    let error = loader.next_batch().map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("none of 20 pictures could be read; the first: "), "{error}");
    assert!(error.contains("train/n01/0.JPEG"), "{error}");
    assert_eq!(loader.skipped().len(), 20);
}

/// As a run that is resumed begins it: the pictures before were read.
#[test]
fn an_epoch_that_goes_on_where_no_picture_can_be_read_ends_as_the_whole_one() {
    let (_folder, source) = ilsvrc(|picture| picture >= 12);
    let small = Preparation { crop: Crop::Random { size: 40 }, ..Preparation::ilsvrc(true) };
    let stored = Loading { order: Order::AsStored, ..loading(6, 2) };
    let mut loader = Loader::new(Arc::new(source), small, stored).unwrap();
    let whole = epoch(&mut loader, 0, 0);
    assert_eq!(whole.iter().map(|batch| batch.0).collect::<Vec<_>>(), [0, 1]);
    for batch in 1..=4 {
        assert_eq!(epoch(&mut loader, 0, batch), whole[batch.min(2)..], "from batch {batch}");
    }
}

#[test]
fn pictures_of_another_size_are_named() {
    let (_folder, source) = ilsvrc(|_| false);
    let mut loader = Loader::new(Arc::new(source), Preparation::small(true), loading(6, 2)).unwrap();
    loader.start(0, 0);
    let error = loader.next_batch().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("0.JPEG: 51×61 pixels, expected 32×32"), "{error}");
}

// ── Real pictures ───────────────────────────────────────────────────────────────────────────────────────────

fn shared(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(name);
    if !folder.is_dir() {
        println!("skipped: no {}", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn real_cifar10() {
    let Some(folder) = shared("cifar10") else { return };
    let (training, test) = Cifar10::open(&folder).unwrap();
    assert_eq!((training.len(), test.len()), (20_000, 4_000));
    let mut loader = Loader::new(Arc::new(training), Preparation::small(true), loading(256, 2)).unwrap();
    loader.start(0, 0);
    let (mut counts, mut sum, mut pictures) = ([0; 10], 0.0, 0);
    while let Some(batch) = loader.next_batch().unwrap() {
        batch.labels.iter().for_each(|&label| counts[label as usize] += 1);
        sum += batch.images.iter().map(|&x| f64::from(x)).sum::<f64>();
        pictures += batch.labels.len();
    }
    assert_eq!((pictures, loader.skipped().len()), (20_000, 0));
    assert!(counts.iter().all(|&count| (1800..2200).contains(&count)), "{counts:?}");
    // CIFAR's own channel means are 0.491, 0.482, 0.447; the paper's, of ImageNet32, are subtracted.
    let mean = sum / (pictures * 3072) as f64;
    assert!((mean - (0.4914 + 0.4822 + 0.4465 - 0.4811 - 0.4575 - 0.4079) / 3.0).abs() < 0.01, "{mean}");
}

#[test]
fn real_imagenet32() {
    let Some(folder) = shared("imagenet32-sample") else { return };
    let (training, validation) = ImageNet32::open(&folder).unwrap();
    assert_eq!((training.len(), validation.len()), (800, 200));
    // One picture of every class.
    let mut labels: Vec<u32> = (0..800).map(|i| training.label(i)).collect();
    labels.extend((0..200).map(|i| validation.label(i)));
    labels.sort_unstable();
    assert_eq!(labels, (0..1000).collect::<Vec<_>>());
}

/// The sample's ImageNet32 pictures were made from the same files by other software (a JPEG decoder in C and a box
/// filter), so each of ours, averaged over boxes, must be among them.
#[test]
fn real_ilsvrc_pictures_are_those_that_other_software_reads() {
    let (Some(folder), Some(small)) = (shared("ilsvrc-sample"), shared("imagenet32-sample")) else { return };
    let (training, validation) = Ilsvrc::open(&folder).unwrap();
    assert_eq!((training.len(), validation.len(), training.classes()), (44, 44, 44));
    let (known, more) = ImageNet32::open(&small).unwrap();
    let mut references = Vec::new();
    let mut picture = Picture::default();
    for source in [&known, &more] {
        for sample in 0..source.len() {
            source.decode(sample, &mut picture).unwrap();
            references.push(picture.pixels.clone());
        }
    }
    let mut grey = 0;
    for sample in 0..44 {
        training.decode(sample, &mut picture).unwrap();
        grey += usize::from(
            picture.pixels.chunks_exact(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]),
        );
        let boxes = boxes(&picture);
        let nearest = references
            .iter()
            .map(|reference| {
                let difference = |(&a, b): (&u8, &f64)| (f64::from(a) - b).abs();
                reference.iter().zip(&boxes).map(difference).sum::<f64>() / 3072.0
            })
            .fold(f64::INFINITY, f64::min);
        assert!(nearest < 0.5, "{}: {nearest} levels from the nearest", training.name(sample));
    }
    assert_eq!(grey, 6);
}

/// Means over the pixels whose centres lie in each of 32×32 boxes.
fn boxes(picture: &Picture) -> Vec<f64> {
    let (mut sums, mut counts) = (vec![0.0; 3072], vec![0.0; 3072]);
    for (i, pixel) in picture.pixels.chunks_exact(3).enumerate() {
        let (row, col) = (i / picture.width, i % picture.width);
        let cell = |at: usize, length: usize| ((2 * at + 1) * 32 - 1) / (2 * length);
        let cell = cell(row, picture.height) * 32 + cell(col, picture.width);
        for channel in 0..3 {
            sums[cell * 3 + channel] += f64::from(pixel[channel]);
            counts[cell * 3 + channel] += 1.0;
        }
    }
    sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect()
}

#[test]
fn real_ilsvrc_is_loaded_alike_by_any_number_of_threads() {
    let Some(folder) = shared("ilsvrc-sample") else { return };
    let (training, validation) = Ilsvrc::open(&folder).unwrap();
    for (source, preparation) in
        [(training, Preparation::ilsvrc(true)), (validation, Preparation::ilsvrc(false))]
    {
        let source = Arc::new(source);
        let batches = |threads| {
            let mut loader = Loader::new(source.clone(), preparation, loading(16, threads)).unwrap();
            let batches = epoch(&mut loader, 3, 0);
            assert_eq!(loader.skipped().len(), 0);
            batches
        };
        let one = batches(1);
        assert_eq!(one.iter().map(|batch| batch.1.len() / (224 * 224 * 3)).collect::<Vec<_>>(), [16, 16, 12]);
        let numbers = one.iter().flat_map(|batch| &batch.1);
        let square = numbers.map(|&x| f64::from(x).powi(2)).sum::<f64>() / (44 * 224 * 224 * 3) as f64;
        assert!((0.7..2.0).contains(&square), "mean square {square} of normalized pictures");
        for threads in [2, 4] {
            assert!(batches(threads) == one, "{threads} threads");
        }
    }
}
