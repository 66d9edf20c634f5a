//! Every experiment, as small as it can be asked for: the same bits at 1, 2, 3 and 4 threads, and on two runs.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use xtask::experiment::{Chapter, REGISTRY};

/// What a call leaves, by file: records, measurements, curves and figures, and not when and where it was.
fn files(folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // Logs say when things happened.
            if !path.ends_with("logs") {
                files(&path, into);
            }
            continue;
        }
        let bytes = match path.file_name().unwrap().to_str().unwrap() {
            "report.html" | "manifest.json" | "fingerprints.json" => continue,
            // The time that a run took is the one thing that differs.
            "runs.jsonl" => without_seconds(&fs::read_to_string(&path).unwrap()),
            _ => fs::read(&path).unwrap(),
        };
        into.insert(path.display().to_string(), bytes);
    }
}

fn without_seconds(text: &str) -> Vec<u8> {
    let strip = |line| {
        let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(record.as_object_mut().unwrap().remove("seconds").is_some(), "{line}");
        format!("{record}\n")
    };
    text.lines().map(strip).collect::<String>().into_bytes()
}

#[test]
fn every_experiment_gives_the_same_bits_at_any_number_of_threads_and_on_every_run() {
    let folder = tempfile::tempdir().unwrap();
    let uci = folder.path().join("data/uci");
    fs::create_dir_all(&uci).unwrap();
    let mut csv = "a,b,c,y\n".to_owned();
    (0..30).for_each(|i| csv += &format!("{},{},{},{}\n", i, i * i % 7, i % 4, i % 5));
    fs::write(uci.join("tiny.csv"), csv).unwrap();
    common::write_ilsvrc(&folder.path().join("data/ilsvrc"), 1);
    let run = |experiment: &str, threads: &str| {
        let heeded = REGISTRY.iter().find(|known| known.id() == experiment).unwrap().options();
        // The same place every time: where things are is not part of what they are.
        let out = folder.path().join("out");
        let _ = fs::remove_dir_all(&out);
        let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["repro", experiment, "--threads", threads, "--data-dir"])
            .arg(folder.path().join("data"))
            .arg("--out")
            .arg(&out)
            .args(SMALL.iter().filter(|[option, _]| heeded.contains(option)).flatten())
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert!(output.status.success(), "{experiment}: {}", String::from_utf8_lossy(&output.stderr));
        let mut left = BTreeMap::new();
        files(&out, &mut left);
        left
    };
    // The theory has as many cases whatever is asked for: `xtask/src/experiment/theory/mod.rs` tests it with fewer.
    // Of those beyond the paper, one that varies the network stands for all: they share what carries their runs out.
    let of_paper = REGISTRY.iter().filter(|experiment| experiment.chapter() == Chapter::Paper);
    for id in of_paper.map(|experiment| experiment.id()).filter(|id| *id != "theory").chain(["depth"]) {
        let start = std::time::Instant::now();
        let once = run(id, "1");
        assert!(!once.is_empty(), "{id} leaves nothing");
        for threads in ["1", "2", "3", "4"] {
            let left = run(id, threads);
            assert_eq!(left.keys().collect::<Vec<_>>(), once.keys().collect::<Vec<_>>(), "{id}");
            for (file, bytes) in &once {
                assert!(left[file] == *bytes, "{file} differs at {threads} threads");
            }
        }
        println!("{id}: {} files, five runs in {:.1?}", once.len(), start.elapsed());
    }
}

/// As little as can be asked for, of one method of each kind of experiment.
const SMALL: [[&str; 2]; 9] = [
    ["--seeds", "1"],
    ["--lr", "0.1"],
    ["--protocol", "paper"],
    ["--method", "GmP"],
    ["--method", "GmP+IMN"],
    ["--pictures", "8"],
    ["--width", "1/64"],
    ["--epochs", "1"],
    ["--batch", "4"],
];
