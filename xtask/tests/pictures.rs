//! The experiments with pictures as a user meets them: the real program, in folders of its own.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

fn xtask(out: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("repro").args(arguments).arg("--out").arg(out);
    command
}

/// Exit code and what was said.
fn run(out: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = xtask(out, arguments).output().expect("the program starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The records without what differs from call to call.
fn records(out: &Path, store: &str) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(out.join(store).join("runs.jsonl")).expect("runs.jsonl");
    let record = |line: &str| {
        let mut record: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        record.as_object_mut().unwrap().remove("seconds");
        record
    };
    text.lines().map(record).collect()
}

fn traces(out: &Path, store: &str) -> Vec<(std::ffi::OsString, String)> {
    let files = fs::read_dir(out.join(store).join("traces")).unwrap().map(|file| file.unwrap().path());
    let mut traces: Vec<_> =
        files.map(|path| (path.file_name().unwrap().to_owned(), fs::read_to_string(path).unwrap())).collect();
    traces.sort();
    traces
}

const TINY: [&str; 10] =
    ["--dataset", "pictures", "--pictures", "48", "--width", "1/64", "--batch", "16", "--epochs", "2"];

#[test]
fn figure_4_and_table_2_share_their_runs_under_every_method() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let (code, said) = run(out, &[&["fig4", "table2"][..], &TINY].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("table2: 6 of 6 runs are already done"), "{said}");
    assert!(said.contains("epoch 2 of 2: loss ") && said.contains(" images/s"), "{said}");
    let records = records(out, "vgg6");
    let methods: Vec<&str> = records.iter().map(|record| record["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["SP", "WN", "WN+MBN", "BN", "GmP", "GmP+IMN"]);
    for record in &records {
        let (top1, top5) = (record["value"].as_f64().unwrap(), record["accuracy"]["top5"].as_f64().unwrap());
        assert!((0.0..=1.0).contains(&top1) && top1 <= top5 && top5 <= 1.0, "{record}");
        let method = record["method"].as_str().unwrap();
        let rate = if method.starts_with("GmP") { 0.1 } else { 0.01 };
        assert_eq!(record["lr"], rate);
        // The boundaries of all moved; those of a batch are others where it is normalized.
        let running = &record["measures"]["running"];
        for moved in ["location", "direction"] {
            for window in ["before_reduction", "per_rate", "whole"] {
                for units in ["max", "mean", "median"] {
                    assert!(
                        running[moved][window][units]["mean_of_log"].as_f64().unwrap() > -19.9,
                        "{record}"
                    );
                }
            }
        }
        let batch = &record["measures"]["batch"];
        assert_eq!(batch.is_object(), ["BN", "WN+MBN"].contains(&method), "{record}");
        assert_ne!(batch["location"], running["location"]);
    }
    assert_eq!(traces(out, "vgg6").len(), 6);
    assert!(fs::metadata(out.join("fig4/fig4.png")).unwrap().len() > 2_000);
    let figure = fs::read_to_string(out.join("fig4/fig4.svg")).unwrap();
    assert!(
        figure.contains("GENERATED pictures (48 of 20000)"),
        "the figure does not say whose pictures it shows"
    );
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for expected in ["Figure 4", "Table 2", "GENERATED", "48 training and 12 validation images", "not tested"]
    {
        assert!(page.contains(expected), "the page does not say {expected}");
    }
    let logs: Vec<_> = fs::read_dir(out.join("vgg6/logs")).unwrap().map(|log| log.unwrap().path()).collect();
    assert_eq!(logs.len(), 6);
    for log in logs {
        let epochs = fs::read_to_string(log.join("epochs.jsonl")).unwrap();
        assert_eq!(
            epochs.lines().filter(|line| line.contains("\"validation/top_5_accuracy\"")).count(),
            2,
            "{epochs}"
        );
        assert!(fs::read_dir(&log).unwrap().count() > 1, "no event file in {}", log.display());
    }
}

/// Starts the program, ends it with a signal once it has said `word`, and returns its exit code and what it said.
#[cfg(unix)]
fn interrupted(mut command: Command, signal: &str, word: &str) -> (Option<i32>, String) {
    use std::io::{BufRead as _, BufReader};
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
    let (mut said, mut is_sent) = (String::new(), false);
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.contains(word) && !is_sent {
            is_sent = true;
            assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        }
        said += &(line + "\n");
    }
    (child.wait().unwrap().code(), said)
}

/// Epochs in a run's log, without when they were.
#[cfg(unix)]
fn logged_epochs(out: &Path) -> Vec<serde_json::Value> {
    let logs = fs::read_dir(out.join("vgg6/logs")).unwrap().map(|log| log.unwrap().path());
    let logs: Vec<_> = logs.collect();
    assert_eq!(logs.len(), 1);
    let text = fs::read_to_string(logs[0].join("epochs.jsonl")).unwrap();
    let line = |line: &str| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().retain(|key, _| !key.contains("second") && !key.contains("time"));
        line
    };
    text.lines().map(line).collect()
}

/// A whole checkpoint in `folder`, of another network.
#[cfg(unix)]
fn checkpoint_of_another(folder: &Path) -> std::path::PathBuf {
    use gmp_nn::{Mlp, Network, Parameterization};
    use gmp_train::{Adam, Checkpoints, Dataset, Every, Loss, Trainer};
    let mut network: Network<f32> = Mlp::new(1, &[2], 1, Parameterization::Standard).build(0).unwrap();
    let data = Dataset::new(vec![1.0, 2.0], 1, vec![3.0, 4.0], 1).unwrap();
    let mut checkpoints = Checkpoints::new(folder, 1, Every::Epochs(1), |error| panic!("{error}"));
    let trainer = Trainer::new(Loss::MeanAbsoluteError, 2, 1, 0.1);
    trainer.fit(&mut network, &mut Adam::default(), &data, None, &mut checkpoints).unwrap();
    folder.join("step-000000000001.checkpoint")
}

/// The same numbers to the last bit at any number of threads, after every signal that asks for the end, after a kill, and with
/// another run's checkpoint in the way.
#[cfg(unix)]
#[test]
fn a_run_that_is_interrupted_goes_on_to_the_same_result_at_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let arguments: Vec<&str> = [
        &["table2", "--dataset", "pictures", "--pictures", "640", "--width", "1/32", "--batch", "16"][..],
        &["--epochs", "5", "--method", "GmP+IMN"],
    ]
    .concat();
    let whole = folder.path().join("whole");
    let (code, said) = run(&whole, &[&arguments[..], &["--threads", "1"]].concat());
    assert_eq!(code, Some(0), "{said}");

    let broken = folder.path().join("broken");
    let start = |threads| xtask(&broken, &[&arguments[..], &["--threads", threads]].concat());
    let (code, said) = interrupted(start("1"), "-INT", "epoch 1 of 5");
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("press Ctrl-C again to end at once") && said.contains("1 are left"), "{said}");
    let (code, said) = interrupted(start("2"), "-TERM", "continues in epoch");
    assert_eq!(code, Some(130), "{said}");
    assert!(!said.contains("WARNING"), "{said}");
    let (code, said) = interrupted(start("3"), "-KILL", "epoch 2 of 5");
    assert_eq!(code, None, "{said}");
    assert!(said.contains("continues in epoch 2"), "{said}");

    // The last state of a longer run, such as an earlier version leaves.
    let checkpoints = fs::read_dir(broken.join("vgg6/checkpoints")).unwrap().next().unwrap().unwrap().path();
    let foreign = checkpoints.join("step-000000999999.checkpoint");
    fs::rename(checkpoint_of_another(folder.path()), &foreign).unwrap();
    let (code, said) = interrupted(start("4"), "-HUP", "epoch 1 of 5");
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("is of another version or recipe") && said.contains("starts again"), "{said}");
    assert!(
        !foreign.exists(),
        "a checkpoint that cannot be gone on from stands in the way of those that can"
    );

    let (code, said) = run(&broken, &[&arguments[..], &["--threads", "2"]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("continues in epoch 2"), "{said}");
    assert_eq!(records(&broken, "vgg6"), records(&whole, "vgg6"));
    assert_eq!(traces(&broken, "vgg6"), traces(&whole, "vgg6"));
    assert_eq!(logged_epochs(&broken), logged_epochs(&whole));
    let left: Vec<_> =
        fs::read_dir(broken.join("vgg6/checkpoints")).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(left.len(), 1, "checkpoints of a finished run are left: {left:?}");
    assert!(
        left[0].to_str().unwrap().ends_with("-set-aside")
            && left[0].join("step-000000999999.checkpoint").exists()
    );
}

/// What the statistics of a batch depend on tells runs apart.
#[test]
fn parts_of_batches_are_runs_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&["table2", "--method", "BN"][..], &TINY].concat();
    let (code, said) = run(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(folder.path(), &[&arguments[..], &["--micro-batch", "8"]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("are already done"), "{said}");
    let records = records(folder.path(), "vgg6");
    let names: Vec<&str> = records.iter().map(|record| record["dataset"].as_str().unwrap()).collect();
    let name = "GENERATED pictures (48 of 20000), width 1/64, batch 16";
    assert_eq!(names, [&format!("{name} by 8"), name]);
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("Gradients are accumulated over micro-batches of 8 images"));
}

/// A step that is far too long: the run is a result, and its last state can be looked into.
#[test]
fn a_run_that_breaks_down_keeps_its_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        &["table2", "--dataset", "pictures", "--pictures", "16", "--width", "1/64", "--batch", "16"][..],
        &["--epochs", "9", "--method", "SP", "--lr", "1e30"],
    ]
    .concat();
    let (code, said) = run(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{said}");
    let records = records(folder.path(), "vgg6");
    assert!(
        records[0]["value"].is_null() && records[0]["end"].as_str().unwrap().contains("layer"),
        "{records:?}"
    );
    let (_, place) = said.split_once("its last good state is in ").unwrap_or_else(|| panic!("{said}"));
    let kept = Path::new(place.lines().next().unwrap()).read_dir().unwrap().count();
    assert!(kept > 0, "{said}");
}

#[test]
fn table_3_is_skipped_without_pictures_and_runs_with_some() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("nothing");
    fs::create_dir(&data).unwrap();
    let (code, said) = run(folder.path(), &["table3", "--data-dir", data.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("table3: Skipped: there is no "), "{said}");

    common::write_ilsvrc(&data.join("ilsvrc"), 2);
    let damaged = data.join("ilsvrc/train/a/half.JPEG");
    fs::write(&damaged, [0xff, 0xd8, 0xff, 0xe0, 0]).unwrap();
    let data = data.to_str().unwrap();
    let arguments = ["table3", "--data-dir", data, "--epochs", "1", "--batch", "2", "--method", "BN,GmP+IMN"];
    let (code, said) = run(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("a training image is left out: ") && said.contains("half.JPEG"), "{said}");
    let records = records(folder.path(), "table3");
    assert_eq!(records.len(), 2);
    for record in &records {
        assert!(record["value"].is_number() && record["accuracy"]["skipped"] == 1, "{record}");
        assert_eq!(record["lr"], 0.1, "the field's rate for every method");
    }
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    for expected in [
        "this shows that everything runs; it is not a measurement",
        "all at learning rate 0.1",
        "1 images could not be read and were left out",
    ] {
        assert!(page.contains(expected), "the page does not say {expected}");
    }
    assert!(!page.contains("at the authors' learning rates"), "there are none for this table");
}

/// A ResNet-18 for small pictures, by both recipes at once: rows of one table, and runs that cannot be taken for one another.
#[test]
fn table_3_runs_on_small_pictures_by_both_recipes() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&["table3", "--method", "BN,GmP+IMN"][..], &TINY].concat();
    let (code, said) = run(folder.path(), &[&arguments[..], &["--recipe", "authors,field"]].concat());
    assert_eq!(code, Some(0), "{said}");
    let records = records(folder.path(), "table3");
    let name = "GENERATED pictures (48 of 20000), width 1/64";
    let names: Vec<String> = records.iter().map(|record| record["dataset"].to_string()).collect();
    for (recipe, count) in [("batch 16", 2), ("recipe authors, batch 16", 2)] {
        let whole = format!("\"{name}, {recipe}\"");
        assert_eq!(names.iter().filter(|name| **name == whole).count(), count, "{names:?}");
    }
    assert!(records.iter().all(|record| record["lr"] == 0.1 && record["value"].is_number()));
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    for expected in [
        "Recipe field",
        "Recipe authors",
        "stages of 1, 2, 4 and 8 filters, 32×32",
        "random shorter side of 37 to 68 pixels",
        "The stem has 3×3 convolutions",
        "1/64 of the paper&#39;s filters",
        "GENERATED",
    ] {
        assert!(page.contains(expected) || page.contains(&expected.replace("&#39;", "'")), "no {expected}");
    }
    // What the paper claims of ILSVRC is not tested by these.
    let claims = fs::read_to_string(folder.path().join("claims.json")).unwrap();
    let of_the_paper = claims.lines().filter(|line| line.contains("table3.top1/ilsvrc, batch 256/"));
    assert!(of_the_paper.clone().count() > 0 && of_the_paper.clone().all(|line| line.contains("not tested")));
    // Without a recipe it is the field's.
    let (code, said) = run(folder.path(), &arguments);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("table3: 2 of 2 runs are already done"), "{said}");
}

#[test]
fn what_makes_no_sense_is_refused_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for (arguments, expected) in [
        (&["fig4", "--width", "1/3"][..], "expected 1, 1/2, 1/4"),
        (&["fig4", "--batch", "0"], "expected a whole number from 1"),
        (&["table2", "--dataset", "mnist"], "there is no set of images \"mnist\""),
        (&["table2", "--dataset", empty.to_str().unwrap()], "no images of a known layout"),
        (&["table2", "--method", "nGPT"], "unknown method"),
        (&["table3", "--dataset", "a", "--dataset", "b"], "table3 takes one --dataset"),
        (&["table3", "--batch", "8,16"], "table3 takes one --batch; 2 were named"),
        (&["table3", "--recipe", "nosuch"], "[possible values: field, authors]"),
    ] {
        let (code, said) = run(folder.path(), arguments);
        assert!(code.is_some_and(|code| code > 0), "{arguments:?}: {code:?}");
        assert!(said.contains(expected) && !said.contains("panicked"), "{said}");
    }
    let (code, said) = run(folder.path(), &["fig4", "table1", "--method", "GmP+IMN"]);
    assert!(code == Some(1) && said.contains("table1: --method GmP+IMN: it has none of them"), "{said}");
    let (code, said) = run(folder.path(), &["fig4", "--protocol", "held-out"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("fig4: Skipped: networks on images have the authors' protocol only"), "{said}");
}

/// CIFAR-10's layout with the given number of training pictures of random bytes, and a fifth as many to test.
fn write_cifar10(folder: &Path, pictures: usize, seed: u64) {
    fs::create_dir_all(folder).unwrap();
    let mut rng = gmp_nn::Rng::new(seed, "bytes");
    let mut records = |count: usize| -> Vec<u8> {
        let record = |k: usize| {
            let pixels: Vec<u8> = (0..3072).map(|_| rng.bits() as u8).collect();
            [vec![(k % 10) as u8], pixels].concat()
        };
        (0..count).flat_map(record).collect()
    };
    fs::write(folder.join("data_batch_1.bin"), records(pictures)).unwrap();
    fs::write(folder.join("test_batch.bin"), records(pictures / 5)).unwrap();
}

/// Every byte of a set counts: of pictures in memory, of pictures on disk, and of another set with the same name.
#[test]
fn results_of_other_pictures_are_not_taken_for_these() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let [a, b] = ["a/p", "b/p"].map(|set| folder.path().join(set));
    write_cifar10(&a, 50, 1);
    write_cifar10(&b, 50, 2);
    let small = ["--width", "1/64", "--epochs", "1", "--batch", "25", "--method", "SP"];
    let table2 = |sets: &[&Path]| {
        let sets = sets.iter().flat_map(|set| ["--dataset", set.to_str().unwrap()]);
        run(&out, &["table2"].into_iter().chain(sets).chain(small).collect::<Vec<_>>())
    };
    let (code, said) = table2(&[&a, &b]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("{} and {}", a.display(), b.display())), "{said}");
    let is_trained = |sets: &[&Path]| {
        let (code, said) = table2(sets);
        assert_eq!(code, Some(0), "{said}");
        !said.contains("are already done")
    };
    assert!(is_trained(&[&a, &a]), "a set that is named twice is one");
    assert!(is_trained(&[&b]) && !is_trained(&[&a]) && !is_trained(&[&b]));
    assert_eq!(records(&out, "vgg6").len(), 2);
    // The last byte of the last training picture.
    let file = a.join("data_batch_1.bin");
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    assert!(is_trained(&[&a]) && !is_trained(&[&a]));
    let named = folder.path().join("GENERATED pictures");
    write_cifar10(&named, 5, 3);
    let (code, said) = table2(&[&named]);
    assert!(code == Some(1) && said.contains("rename it"), "{said}");
}

/// Pictures on disk are read once; what is kept of that holds until a file changes.
#[test]
fn the_fingerprint_of_pictures_on_disk_is_kept_until_one_changes() {
    let folder = tempfile::tempdir().unwrap();
    let (out, data) = (folder.path().join("out"), folder.path().join("p"));
    common::write_ilsvrc(&data, 1);
    let small = ["--epochs", "1", "--batch", "2", "--method", "BN", "--dataset"];
    let is_trained = || {
        let all = [&["table3"][..], &small, &[data.to_str().unwrap()]].concat();
        let (code, said) = run(&out, &all);
        assert_eq!(code, Some(0), "{said}");
        !said.contains("are already done")
    };
    let kept = out.join("fingerprints.json");
    assert!(is_trained());
    assert!(!kept.exists(), "files that changed a moment ago may change again unseen");
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert!(!is_trained());
    let known: std::collections::BTreeMap<String, String> =
        serde_json::from_slice(&fs::read(&kept).unwrap()).unwrap();
    assert_eq!(known.values().collect::<Vec<_>>(), [records(&out, "table3")[0]["data"].as_str().unwrap()]);
    assert!(!is_trained());
    // What is kept is what is believed: the second call did not read the pictures.
    let other =
        known.keys().map(|key| (key, "0123456789abcdef")).collect::<std::collections::BTreeMap<_, _>>();
    fs::write(&kept, serde_json::to_vec(&other).unwrap()).unwrap();
    assert!(is_trained());
    // Other pixels in as many bytes.
    let file = data.join("train/b/0.JPEG");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert!(is_trained() && !is_trained());
}
