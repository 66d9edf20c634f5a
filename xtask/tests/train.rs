//! `cargo xtask train` and `predict`: whole commands on generated files, files that cannot be learned from, and the way of a
//! network from one command to the other.

use gmp_nn::{Activation, Rng};
use gmp_train::Loss;
use proptest::prelude::*;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use xtask::method;
use xtask::run::{Record, store};
use xtask::train::fit::{Job, Settings, Trained};
use xtask::train::model::TableModel;
use xtask::train::predict::Predictions;
use xtask::train::samples::Samples;
use xtask::train::table::{Format, Header, TextTable};
use xtask::train::task::Task;

/// 120 rows of three inputs on different scales and a target made of them.
fn csv(header: &str, target: impl Fn(f64, f64, &mut Rng) -> String) -> String {
    let (mut rng, mut text) = (Rng::new(3, "table"), format!("{header}\n"));
    for _ in 0..120 {
        let (a, b) = (rng.normal(), rng.normal());
        let target = target(a, b, &mut rng);
        let _ = writeln!(text, "{},{},{},{target}", 50.0 + 10.0 * a, 1e-3 * b, rng.normal());
    }
    text
}

fn numbers() -> String {
    csv("length,width,noise,price", |a, b, rng| {
        (2000.0 + 300.0 * a - 100.0 * b * b + rng.normal()).to_string()
    })
}

fn two_classes() -> String {
    csv("length,width,noise,is big", |a, b, _| if a + b * b > 0.7 { "yes" } else { "no" }.to_owned())
}

fn three_classes() -> String {
    csv("length,width,noise,kind", |a, b, _| {
        if a > 0.4 {
            "tall"
        } else if b > 0.0 {
            "wide, \"flat\""
        } else {
            "é"
        }
        .replace('"', "\"\"")
    })
    .lines()
    .map(|line| match line.split_once("wide,") {
        Some((start, _)) => format!("{start}\"wide, \"\"flat\"\"\"\n"),
        None => format!("{line}\n"),
    })
    .collect()
}

fn xtask(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output().unwrap()
}

/// Standard output and standard error of a command that must succeed.
fn done(arguments: &[&str]) -> (String, String) {
    let output = xtask(arguments);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

/// What a command that must fail says.
fn refused(arguments: &[&str]) -> String {
    let output = xtask(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    said
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The options of the commands below, and the same settings.
const OPTIONS: [&str; 8] = ["--hidden", "16,8", "--epochs", "80", "--batch", "32", "--lr", "0.02"];

fn settings() -> Settings {
    Settings {
        hidden: vec![16, 8],
        activation: Activation::Relu,
        loss: Loss::MeanSquaredError,
        batch_size: 32,
        epochs: 80,
        patience: 50,
        test: 0.2,
        validation: 0.2,
    }
}

/// The same network as the command's, trained in this process.
fn in_process(table: &str) -> (Samples, Trained) {
    let table = TextTable::parse("in memory", table.as_bytes().to_vec(), Format::default()).unwrap();
    let samples = Samples::read(&table, None, &[], None).unwrap();
    let settings = settings();
    let job = Job { samples: &samples, settings: &settings, method: method::GMP, lr: 0.02, seed: 0 };
    let (trained, ()) = job.train(|_, _, _| ()).unwrap();
    (samples.clone(), trained.unwrap())
}

#[test]
fn a_network_goes_from_one_command_to_the_other_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    for (name, table, results) in [
        ("numbers", numbers(), &["test root mean squared error, in units of price: ", "test R²: 0.9"][..]),
        ("two", two_classes(), &["test accuracy: ", "test cross-entropy, in nats: 0."]),
        ("three", three_classes(), &["test accuracy: ", "test accuracy of always predicting"]),
    ] {
        let (file, out) = (folder.path().join(format!("{name}.csv")), folder.path().join(name));
        fs::write(&file, &table).unwrap();
        let (stdout, stderr) = done(&[&["train", text(&file), "--out", text(&out)], &OPTIONS[..]].concat());
        for expected in results {
            assert!(stdout.contains(expected), "{stdout}");
        }
        assert!(
            stderr.contains("120 samples, 3 inputs, named by the header") && stderr.contains("epoch"),
            "{stderr}"
        );

        // The network in the file is the one of this process, and so are its answers.
        let (samples, trained) = in_process(&table);
        let model = out.join("model.safetensors");
        let read = TableModel::read(&model).unwrap();
        assert_eq!(read.network.parameters, trained.model.network.parameters);
        assert_eq!(
            (&read.columns, &read.inputs, &read.targets),
            (&samples.columns, &trained.model.inputs, &trained.model.targets)
        );

        // The test rows alone, their columns in another order and one more among them.
        let lines: Vec<&str> = table.lines().collect();
        let mut new = "noise,unit,width,length\n".to_owned();
        for &row in &trained.parts.test {
            let cells: Vec<&str> = lines[row + 1].split(',').collect();
            let _ = writeln!(new, "{},cm,{},{}", cells[2], cells[1], cells[0]);
        }
        let (rows, predictions) = (folder.path().join("new.csv"), folder.path().join("predictions.csv"));
        fs::write(&rows, new).unwrap();
        done(&["predict", text(&model), text(&rows), "--out", text(&predictions)]);
        let (printed, _) = done(&["predict", text(&model), text(&rows)]);
        assert_eq!(printed, fs::read_to_string(&predictions).unwrap());
        let mut reader = csv::Reader::from_path(&predictions).unwrap();
        let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(records.len(), trained.parts.test.len());
        if samples.columns.task == Task::Regression {
            assert_eq!(header, ["price"]);
            let answers: Vec<u64> = records.iter().map(|r| r[0].parse::<f64>().unwrap().to_bits()).collect();
            assert_eq!(answers, trained.outputs.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
        } else {
            let classes = samples.columns.classes.len();
            assert_eq!(header.len(), 1 + classes);
            let predictions = Predictions::of_file(&read, &rows).unwrap();
            assert_eq!(predictions.outputs, trained.outputs);
            for (record, shares) in records.iter().zip(predictions.probabilities()) {
                let read: Vec<f64> = record.iter().skip(1).map(|share| share.parse().unwrap()).collect();
                assert_eq!(read, shares);
                assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{shares:?}");
                let best = (0..classes).max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap();
                assert_eq!(record[0], samples.columns.classes[best]);
            }
        }

        // The page stands alone.
        let page = fs::read_to_string(out.join("report.html")).unwrap();
        for expected in [
            "Errors of the test samples",
            "Movement of the activation boundaries",
            if name == "numbers" { "(b) RMSE" } else { "(b) Accuracy" },
        ] {
            assert!(page.contains(expected), "{expected}");
        }
        assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));
    }
}

/// A row's answer does not depend on the other rows of its file.
#[test]
fn rows_are_answered_one_by_one() {
    let (samples, trained) = in_process(&numbers());
    let rows: Vec<f64> = samples.data.inputs().repeat(5);
    let all = trained.model.outputs(&rows);
    for count in [1, 2, 7, 255, 256, 257, 300] {
        assert_eq!(
            trained.model.outputs(&rows[rows.len() - 3 * count..]),
            all[all.len() - count..],
            "{count} rows"
        );
    }
    let reversed: Vec<f64> = rows.chunks(3).rev().flatten().copied().collect();
    let answers: Vec<f64> = trained.model.outputs(&reversed).into_iter().rev().collect();
    assert_eq!(answers, all);
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("numbers.csv");
    fs::write(&file, numbers()).unwrap();
    let files = ["1", "3"].map(|threads| {
        let out = folder.path().join(threads);
        let command = ["train", text(&file), "--out", text(&out), "--threads", threads, "--method", "BN"];
        let (stdout, _) = done(&[&command, &OPTIONS[..]].concat());
        (stdout, fs::read(out.join("model.safetensors")).unwrap())
    });
    assert_eq!(files[0], files[1]);
}

#[test]
fn a_comparison_goes_on_where_it_was_and_says_what_the_seeds_decide() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("two.csv"), folder.path().join("out"));
    fs::write(&file, two_classes()).unwrap();
    let command =
        ["train", text(&file), "--out", text(&out), "--hidden", "8", "--epochs", "25", "--batch", "32"];
    let compare = ["--compare", "--seeds", "6", "--lr", "0.01,0.05", "--method", "SP,BN,GmP"];
    let (stdout, stderr) = done(&[&command[..], &compare].concat());
    assert!(stderr.contains("two: 36 runs to carry out"), "{stderr}");
    let claims: Vec<&str> =
        stdout.lines().filter(|line| line.contains("GmP has the highest test accuracy")).collect();
    assert_eq!(claims.len(), 3, "{stdout}");
    for (claim, rates) in claims.iter().zip(["equal 0.01", "equal 0.05", "own best"]) {
        assert!(claim.contains(&format!(" · {rates} · against SP, BN · ")), "{claim}");
        let outcome = claim.split(' ').next().unwrap();
        assert!(["supported", "equivalent", "contradicted", "inconclusive"].contains(&outcome), "{claim}");
    }
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for expected in
        ["Claims about the methods", "Results of the comparison over seeds", "Comparison of the methods"]
    {
        assert!(page.contains(expected), "{expected}");
    }

    // The claims are those of the records: of every seed the same effect.
    let records = store::read_records(&out, "train").unwrap();
    assert_eq!(records.len(), 36);
    let value = |name: &str, seed: u64| {
        let is_it = |record: &&Record| {
            record.run.method.name == name && record.run.seed == seed && record.run.lr == 0.01
        };
        records.iter().find(is_it).unwrap().value.unwrap()
    };
    let mean = (0..6).map(|seed| value("GmP", seed) - value("SP", seed)).sum::<f64>() / 6.0;
    let shown = format!("{}{:.2}", if mean < 0.0 { "−" } else { "+" }, 100.0 * mean.abs());
    assert!(page.contains(&shown), "{shown}");

    let (again, stderr) = done(&[&command[..], &compare].concat());
    assert!(stderr.contains("two: 36 of 36 runs are already done"), "{stderr}");
    assert_eq!(again, stdout);
    // Other settings are other runs.
    let other = ["--seeds", "2", "--lr", "0.01", "--patience", "9"];
    let (stdout, stderr) = done(&[&command[..], &other].concat());
    assert!(
        stderr.contains("two: 2 runs to carry out") && stdout.contains("over 2 seeds: "),
        "{stdout}{stderr}"
    );
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("a.csv"), folder.path().join("out"));
    fs::write(&file, numbers()).unwrap();
    for (arguments, message) in [
        (&["--method", "SP,GmP"][..], "several methods or learning rates are for --compare"),
        (&["--lr", "0.1,0.2"], "several methods or learning rates are for --compare"),
        (
            &["--compare", "--method", "SP,BN"],
            "--compare --method SP, BN: expected GmP and at least one other method",
        ),
        (&["--method", "GmP+IMN"], "--method GmP+IMN: is for convolutional networks"),
        (
            &["--target", "cost"],
            "there is no column \"cost\"; expected one of \"length\", \"width\", \"noise\", \"price\"",
        ),
        (&["--drop", "5"], "there is no column \"5\""),
        (&["--task", "binary"], "target column \"price\": 120 distinct values; expected two classes"),
        (
            &["--test", "0.99"],
            "a.csv: 120 rows; --test and --validation leave none for training or validation",
        ),
    ] {
        let said = refused(&[&["train", text(&file), "--out", text(&out)], arguments].concat());
        assert!(said.contains(message), "{arguments:?}: {said}");
        assert!(!out.exists(), "{arguments:?} has begun");
    }
}

/// Whole files; single cells are in the tests of the reader.
#[test]
fn files_that_cannot_be_learned_from_are_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let rows = |cell: &str| format!("x,y\n{}3,{cell}\n", "1,2.5\n".repeat(11));
    for (name, content, message) in [
        ("empty.csv", String::new(), "the file is empty"),
        ("header.csv", "x,y\n".to_owned(), "a header line only"),
        ("short.csv", "x,y\n1,2\n".to_owned(), "1 row; expected at least 10"),
        ("missing.csv", rows(""), ", line 13, column \"y\": the value is missing"),
        (
            "text.csv",
            rows("a\u{1b}[2J"),
            ", line 13, target column \"y\": \"a\\u{1b}[2J\" is text where other rows have numbers",
        ),
        ("huge.csv", rows("1e999"), ", line 13, column \"y\": \"1e999\" is not finite"),
        ("ragged.csv", rows("1,2"), ", line 13: 3 cells; expected 2"),
        (
            "wide.csv",
            "x,y\n".to_owned() + &"1,1e300\n2,-1e300\n3,0.5\n".repeat(7),
            "column \"y\": its numbers are too large to be standardized",
        ),
        ("quote.csv", "x,y\n\"1,2\n3,4\n".to_owned(), ", line 2: 1 cell; expected 2"),
        (
            "constant.csv",
            "x,y\n".to_owned() + &"1,a\n".repeat(20),
            "1 distinct value; expected at least two classes",
        ),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        let said = refused(&["train", text(&file), "--out", text(&out)]);
        let said = said.lines().last().unwrap();
        assert!(said.starts_with("error: ") && said.contains(message), "{name}: {said}");
    }
    let binary = folder.path().join("binary.csv");
    fs::write(&binary, b"x,y\n1,\xff\n").unwrap();
    assert!(refused(&["train", text(&binary)]).contains("not UTF-8 text"));
    assert!(refused(&["train", text(folder.path())]).contains("is a directory"));
    assert!(refused(&["train", text(&folder.path().join("none.csv"))]).contains("no such file"));
}

#[test]
fn networks_and_tables_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (_, trained) = in_process(&numbers());
    let model = path("model.safetensors");
    trained.model.write(&model).unwrap();
    let predict = |content: &str| {
        fs::write(path("new.csv"), content).unwrap();
        refused(&["predict", text(&model), text(&path("new.csv"))])
    };
    for (content, message) in [
        (
            "length,noise\n1,2\n",
            "no column \"width\" of the columns that the network was trained on; it has \"length\", \"noise\"",
        ),
        ("1,2\n3,4\n", "2 columns and no names; expected 3, in the order of training, or a header line"),
        ("length,width,noise\n1,2,\n", ", line 2, column \"noise\": the value is missing"),
        ("length,width,noise\n1,2,3\n1,red,3\n", ", line 3, column \"width\": \"red\" is text"),
        ("length,width,noise,width\n1,2,3,4\n", "columns 2 and 4 are both called \"width\""),
        ("length,width,noise\n1,2,1e308\n1,2,1e308\n", "row 1: the prediction is not finite"),
    ] {
        let said = predict(content);
        assert!(said.contains(message), "{content:?}: {said}");
    }
    // Without a header, in the order of training.
    fs::write(path("new.csv"), "50,0,1\n60,0,1\n").unwrap();
    let (named, _) = done(&["predict", text(&model), text(&path("new.csv"))]);
    assert_eq!(named.lines().count(), 3);

    let plain = path("plain.safetensors");
    gmp_train::safetensors::export(&trained.model.network, &plain).unwrap();
    let said = refused(&["predict", text(&plain), text(&path("new.csv"))]);
    assert!(said.contains("the file does not say which columns the network takes"), "{said}");
    assert!(refused(&["predict", text(&path("new.csv")), text(&path("new.csv"))]).contains("new.csv: "));
}

/// Every byte of the header changed, and every length.
#[test]
fn files_of_networks_that_are_damaged_never_panic() {
    let table = three_classes();
    let text = TextTable::parse("a.csv", table.into_bytes(), Format::default()).unwrap();
    let samples = Samples::read(&text, None, &[], None).unwrap();
    let settings = Settings { hidden: vec![2], epochs: 1, ..settings() };
    let job = Job { samples: &samples, settings: &settings, method: method::GMP, lr: 0.02, seed: 0 };
    let model = job.train(|_, _, _| ()).unwrap().0.unwrap().model;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    model.write(&file).unwrap();
    let good = fs::read(&file).unwrap();
    let mut read = 0;
    let mut attempt = |bytes: &[u8]| {
        if let Ok(model) = TableModel::from_bytes(&file, bytes) {
            let _ = model.outputs(&[0.5; 3].repeat(model.columns.inputs.len()));
            read += 1;
        }
    };
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    for length in 0..good.len() {
        attempt(&good[..length]);
    }
    for place in 0..header {
        for other in [b'0', b'9', b'"', b'}', b' ', b'-', 0xff, good[place] ^ 1] {
            let mut bytes = good.clone();
            bytes[place] = other;
            attempt(&bytes);
        }
    }
    assert!(read > 100, "{read} of the changes leave a network: numbers and letters of names");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_reader_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in r#"(x[,;\t]y|1,2|,,|"q)?[\r\n]{1,2}([0-9.,;e"\-\r\n \t;é?]|NA|nan|inf|red){0,80}"#,
        header in prop_oneof![Just(Header::Auto), Just(Header::Yes), Just(Header::No)],
        task in prop_oneof![Just(None), Just(Some(Task::Regression)), Just(Some(Task::Binary)), Just(Some(Task::MultiClass))],
    ) {
        for content in [bytes, text.into_bytes()] {
            let format = Format { header, delimiter: None };
            let read = TextTable::parse("a.csv", content, format)
                .and_then(|table| Samples::read(&table, None, &[], task));
            match read {
                Ok(samples) => prop_assert!(samples.data.samples() >= 10),
                Err(error) => prop_assert!(!error.to_string().contains('\n'), "{error}"),
            }
        }
    }

    /// Tables that are nearly right, so that most are read.
    #[test]
    fn tables_that_are_nearly_right_are_read_or_refused(
        cells in prop::collection::vec("[0-9]{1,3}|[0-9]{1,2}\\.[0-9]|a|b|\"c,d\"|-1e3", 24..40),
        odd in "(|NA|1e400|x)",
    ) {
        let mut content = "x,y\n".to_owned();
        for pair in cells.chunks_exact(2) {
            let _ = writeln!(content, "{},{}", pair[0].replace(['a', 'b', '"', 'c', 'd', ','], "1"), pair[1]);
        }
        if odd != "x" {
            let _ = writeln!(content, "1,{odd}");
        }
        let table = TextTable::parse("a.csv", content.into_bytes(), Format::default()).unwrap();
        match Samples::read(&table, None, &[], None) {
            Ok(samples) => {
                prop_assert!(samples.columns.task == Task::Regression || samples.columns.classes.len() > 1);
                prop_assert_eq!(samples.data.samples(), table.rows);
            }
            Err(error) => prop_assert!(error.to_string().starts_with("a.csv, "), "{error}"),
        }
    }
}
