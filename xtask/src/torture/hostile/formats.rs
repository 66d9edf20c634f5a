//! The formats, with good files and the readers of the program. A reader that returns has done what it should; one that
//! gives a value that cannot be, panics, and that is a failure.

use super::anatomy::{self, repair_checkpoint, repair_png, repair_zip};
use super::change::Anatomy;
use crate::data::catalog::{self, Dataset, Format as Original};
use crate::data::{Table, original};
use crate::run::{line, store, trace::Trace};
use gmp_nn::{Mlp, Normalization, Parameterization};
use gmp_train::image::{Cifar10, ImageNet32, ImageSource, Picture};
use gmp_train::{Checkpoint, Dataset as Samples, Log, Loss, Sgd, Trainer, safetensors};
use std::fs;
use std::path::Path;

/// A format.
pub(super) struct Format {
    pub(super) name: &'static str,
    pub(super) good: fn() -> Vec<Vec<u8>>,
    pub(super) anatomy: fn(&[u8]) -> Anatomy,
    /// Puts checksums right, as somebody who means harm would.
    pub(super) repair: Option<fn(&mut [u8])>,
    /// The second argument is a folder for files.
    pub(super) read: fn(&[u8], &Path) -> bool,
}

macro_rules! seeds {
    ($($file:literal),*) => {
        || vec![$(include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $file)).to_vec()),*]
    };
}

pub(super) const FORMATS: [Format; 16] = [
    Format {
        name: "checkpoint",
        good: seeds!(
            "../gmp-train/tests/golden/version-1.checkpoint",
            "../gmp-train/tests/golden/version-2.checkpoint",
            "../gmp-train/tests/golden/version-3.checkpoint"
        ),
        anatomy: anatomy::checkpoint,
        repair: Some(repair_checkpoint),
        read: checkpoint,
    },
    Format {
        name: "safetensors",
        good: seeds!("../gmp-train/fuzz/seeds/safetensors/good-0"),
        anatomy: anatomy::safetensors,
        repair: None,
        read: |bytes, _| {
            let mlp =
                Mlp::new(3, &[7, 5], 2, Parameterization::Standard).normalization(Normalization::batch());
            mlp.build::<f32>(1).is_ok_and(|mut network| {
                let is_read = safetensors::from_bytes(&mut network, bytes).is_ok();
                assert!(network.parameters.values().iter().all(|value| value.is_finite()));
                is_read
            })
        },
    },
    Format {
        name: "npz",
        good: seeds!("../gmp-train/fuzz/seeds/npz/good-0", "../gmp-train/fuzz/seeds/npz/good-1"),
        anatomy: anatomy::zip,
        repair: Some(repair_zip),
        read: |bytes, _| {
            let read = ImageNet32::from_bytes(Path::new("batch.npz"), bytes);
            read.is_ok_and(|read| is_good(&read, 1000))
        },
    },
    Format {
        name: "cifar10",
        good: seeds!("../gmp-train/fuzz/seeds/cifar10/good-0"),
        anatomy: anatomy::cifar10,
        repair: None,
        read: |bytes, _| {
            let read = Cifar10::from_bytes(Path::new("batch.bin"), bytes.to_vec());
            read.is_ok_and(|read| is_good(&read, 10))
        },
    },
    Format {
        name: "jpeg",
        good: seeds!(
            "../gmp-train/fuzz/seeds/picture/good-0",
            "../gmp-train/fuzz/seeds/picture/good-1",
            "../gmp-train/fuzz/seeds/picture/good-2",
            "../gmp-train/fuzz/seeds/picture/good-3"
        ),
        anatomy: anatomy::jpeg,
        repair: None,
        read: picture,
    },
    Format {
        name: "png",
        good: seeds!("../gmp-train/fuzz/seeds/picture/good-4"),
        anatomy: anatomy::png,
        repair: Some(repair_png),
        read: picture,
    },
    Format {
        name: "csv",
        good: seeds!("fuzz/seeds/csv/good-0", "fuzz/seeds/csv/good-1"),
        anatomy: anatomy::text,
        repair: None,
        read: |bytes, _| {
            Table::parse_csv("a.csv", bytes).is_ok_and(|table| {
                assert_eq!(table.values.len(), table.rows * table.cols);
                assert!(table.values.iter().all(|value| value.is_finite()));
                true
            })
        },
    },
    Format {
        name: "whitespace",
        good: seeds!("fuzz/seeds/whitespace/good-0"),
        anatomy: anatomy::text,
        repair: None,
        read: |bytes, _| convert(Original::Whitespace, "a.data", bytes),
    },
    Format {
        name: "delimited",
        good: seeds!("fuzz/seeds/delimited/good-0"),
        anatomy: anatomy::text,
        repair: None,
        read: |bytes, _| convert(Original::Delimited(b';'), "a.csv", bytes),
    },
    Format {
        name: "keel",
        good: seeds!("fuzz/seeds/keel/good-0"),
        anatomy: anatomy::text,
        repair: None,
        read: |bytes, _| convert(Original::Keel, "a.dat", bytes),
    },
    Format {
        name: "zip",
        good: seeds!("fuzz/seeds/zip/good-0"),
        anatomy: anatomy::zip,
        repair: Some(repair_zip),
        read: |bytes, _| convert(Original::Whitespace, "a.zip", bytes),
    },
    Format {
        name: "xls",
        good: seeds!("fuzz/seeds/xls/good-0"),
        anatomy: anatomy::xls,
        repair: None,
        read: |bytes, _| convert(Original::Workbook, "a.xls", bytes),
    },
    Format {
        name: "xlsx",
        good: seeds!("fuzz/seeds/xlsx/good-0", "fuzz/seeds/xlsx/good-1"),
        anatomy: anatomy::zip,
        repair: Some(repair_zip),
        read: |bytes, _| convert(Original::Workbook, "a.xlsx", bytes),
    },
    Format {
        name: "runs.jsonl",
        good: || {
            let old = include_bytes!("../../../fuzz/seeds/records/good-0").to_vec();
            let new =
                store::parse(&old).0.iter().filter_map(|record| line::write(record).ok()).collect::<String>();
            vec![old, new.into_bytes()]
        },
        anatomy: anatomy::text,
        repair: None,
        read: |bytes, _| {
            let (records, damaged) = store::parse(bytes);
            records.iter().for_each(|record| drop(record.run.slug()));
            damaged.iter().for_each(|line| drop(line.problem()));
            damaged.is_empty()
        },
    },
    Format {
        name: "curves",
        good: seeds!("fuzz/seeds/trace/good-0"),
        anatomy: anatomy::text,
        repair: None,
        read: |bytes, _| Trace::parse(bytes).is_some(),
    },
    Format { name: "log", good: log_lines, anatomy: anatomy::text, repair: None, read: log },
];

/// Reads, restores to a network and trains on.
fn checkpoint(bytes: &[u8], _: &Path) -> bool {
    let Ok(checkpoint) = Checkpoint::<f64>::from_bytes(bytes) else { return false };
    let Ok(mut network) = Mlp::new(1, &[2], 1, Parameterization::Geometric).build(1) else { return false };
    let mut sgd = Sgd::new(0.0);
    let epochs = checkpoint.progress.fit().epochs.saturating_add(2);
    let trainer = Trainer { epochs, ..checkpoint.trainer.clone() };
    let samples = Samples::new(vec![-1.0, 1.0, 3.0, 5.0], 1, vec![1.0, 0.5, 0.75, 0.25], 1);
    let (Ok(progress), Ok(samples)) = (checkpoint.restore(&mut network, &mut sgd), samples) else {
        return false;
    };
    trainer.fit_from(progress, &mut network, &mut sgd, &samples, Some(&samples), &mut ()).is_ok()
}

fn is_good(source: &dyn ImageSource, classes: u32) -> bool {
    let mut picture = Picture::default();
    (0..source.len()).for_each(|sample| {
        assert!(source.label(sample) < classes, "picture {sample} has class {}", source.label(sample));
    });
    (0..source.len().min(20)).all(|sample| source.decode(sample, &mut picture).is_ok())
}

fn picture(bytes: &[u8], _: &Path) -> bool {
    let mut picture = Picture::default();
    let is_read = picture.decode("a.jpg", bytes).is_ok();
    assert!(!is_read || picture.pixels.len() == picture.height * picture.width * 3);
    is_read
}

/// A set of three rows in one of the formats of the real ones.
fn convert(format: Original, origin: &str, bytes: &[u8]) -> bool {
    let columns = match format {
        Original::Keel => &["At1", "At2", "Class"][..],
        _ => &["AT", "V", "AP", "RH", "PE"],
    };
    let Some(power) = catalog::find("power") else { return false };
    let dataset = Dataset { rows: 3, source_columns: columns.len(), columns, format, ..*power };
    original::convert(&dataset, origin, bytes).is_ok_and(|table| {
        assert_eq!((table.rows, table.values.len()), (3, 3 * table.cols));
        assert!(table.values.iter().all(|value| value.is_finite()));
        true
    })
}

/// As a run of three epochs wrote them.
fn log_lines() -> Vec<Vec<u8>> {
    let line = |epoch: usize| {
        format!(
            "{{\"epoch\":{epoch},\"learning_rate\":0.01,\"seconds\":0.5,\"step\":{},\"training/loss\":0.25}}\n",
            2 * epoch + 2
        )
    };
    vec![(0..3).map(line).collect::<String>().into_bytes()]
}

/// A run goes on with a log: afterwards it is complete and in order, or as it was.
fn log(bytes: &[u8], folder: &Path) -> bool {
    let path = folder.join("epochs.jsonl");
    fs::write(&path, bytes).expect("a folder that can be written to");
    let network = Mlp::new(1, &[2], 1, Parameterization::Standard).build::<f64>(1);
    let samples = Samples::new(vec![-1.0, 1.0, 3.0, 5.0], 1, vec![1.0, 0.5, 0.75, 0.25], 1);
    let (Ok(mut network), Ok(samples)) = (network, samples) else { return false };
    let mut warned = false;
    let mut log = Log::json_lines(&path, |_| warned = true);
    let trainer = Trainer::new(Loss::MeanSquaredError, 2, 2, 0.01);
    let fit = trainer.fit(&mut network, &mut Sgd::new(0.0), &samples, None, &mut log);
    drop(log);
    assert!(fit.is_ok());
    let text = fs::read(&path).unwrap_or_default();
    match warned {
        true => assert!(text == bytes, "a log that is none of ours was changed"),
        false => {
            let begins =
                |(epoch, line): (usize, &[u8])| line.starts_with(format!("{{\"epoch\":{epoch},").as_bytes());
            let lines = text.split_inclusive(|&byte| byte == b'\n');
            assert!(lines.clone().count() == 2 && lines.enumerate().all(begins), "the log is not the run's");
        }
    }
    !warned
}
