//! Logs are what they say they are, read back by readers of their own, and by TensorBoard where Python has it.

use gmp_nn::{Mlp, Network, Parameterization, Rng};
use gmp_train::checkpoint::Newest;
use gmp_train::{
    Adam, Checkpoints, Dataset, Epoch, Every, Log, LogError, Loss, Metric, Monitor, Observer, State, Step,
    TrainState, Trainer,
};
use serde_json::Value;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

fn plane(samples: usize, seed: u64) -> Dataset<f64> {
    let mut rng = Rng::new(seed, "plane");
    let x: Vec<f64> = (0..2 * samples).map(|_| rng.normal()).collect();
    let y = x.chunks(2).map(|x| x[0] * x[1]).collect();
    Dataset::new(x, 2, y, 1).unwrap()
}

/// Three steps an epoch.
fn trainer(epochs: usize) -> Trainer {
    Trainer {
        monitor: Monitor::Validation(Metric::RootMeanSquaredError),
        metrics: vec![Metric::MeanAbsoluteError, Metric::BinaryAccuracy],
        ..Trainer::new(Loss::MeanSquaredError, 16, epochs, 0.01)
    }
}

fn build() -> Network<f64> {
    Mlp::new(2, &[6], 1, Parameterization::Geometric).build(1).unwrap()
}

/// Keeps the last state's progress.
#[derive(Default)]
struct Keep(Option<TrainState<f64>>);
impl Observer<f64> for Keep {
    fn on_end(&mut self, state: &State<'_, f64>) {
        self.0 = Some(state.progress.clone());
    }
}

/// Trains from the newest checkpoint in a folder, or from the start.
fn train(epochs: usize, from: Option<&Path>, observer: &mut dyn Observer<f64>) -> TrainState<f64> {
    let (mut network, mut adam, mut keep) = (build(), Adam::default(), Keep::default());
    let progress = match from {
        Some(folder) => {
            Newest::in_folder(folder).unwrap().unwrap().checkpoint.restore(&mut network, &mut adam).unwrap()
        }
        None => TrainState::start(&trainer(epochs)),
    };
    let (data, validation) = (plane(40, 1), plane(10, 2));
    trainer(epochs)
        .fit_from(progress, &mut network, &mut adam, &data, Some(&validation), &mut (observer, &mut keep))
        .unwrap();
    keep.0.unwrap()
}

fn loud(error: &LogError) {
    panic!("{error}");
}

/// What the logs must say of an epoch.
fn expected(progress: &TrainState<f64>, epoch: usize) -> [(&'static str, f64); 7] {
    let record = &progress.history()[epoch];
    let (training, validation) = (&record.training_metrics, &record.validation_metrics);
    [
        ("learning_rate", record.learning_rate),
        ("training/binary_accuracy", training[1]),
        ("training/loss", record.training_loss),
        ("training/mean_absolute_error", training[0]),
        ("validation/binary_accuracy", validation[1]),
        ("validation/mean_absolute_error", validation[0]),
        ("validation/root_mean_squared_error", record.validation.unwrap()),
    ]
}

/// Reads a file of JSON Lines that must hold all of a run, and returns the seconds.
fn check_lines(file: &Path, progress: &TrainState<f64>) -> Vec<f64> {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.ends_with('\n'));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), progress.history().len());
    for (epoch, line) in lines.iter().enumerate() {
        let object = line.as_object().unwrap();
        assert_eq!((&object["epoch"], &object["step"]), (&epoch.into(), &(3 * (epoch + 1)).into()));
        for (name, number) in expected(progress, epoch) {
            assert_eq!(object[name].as_f64(), Some(number), "{name} of epoch {epoch}");
        }
        assert_eq!(object.len(), 7 + 3, "{line}");
    }
    lines.iter().map(|line| line["seconds"].as_f64().unwrap()).collect()
}

#[test]
fn a_line_an_epoch_has_all_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("of").join("a run").join("metrics.jsonl");
    let progress = train(5, None, &mut Log::json_lines(&file, loud));
    let seconds = check_lines(&file, &progress);
    assert!(seconds[0] >= 0.0 && seconds.windows(2).all(|pair| pair[0] <= pair[1]), "{seconds:?}");
    // A run from the start begins anew.
    let progress = train(2, None, &mut Log::json_lines(&file, loud));
    check_lines(&file, &progress);
}

/// A JSON reader would keep the last of two numbers with one name.
#[test]
fn a_monitored_metric_that_is_computed_anyway_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metrics.jsonl");
    let trainer = Trainer { monitor: Monitor::Validation(Metric::MeanAbsoluteError), ..trainer(1) };
    let (data, validation) = (plane(40, 1), plane(10, 2));
    let mut log = Log::json_lines(&file, loud);
    trainer.fit(&mut build(), &mut Adam::default(), &data, Some(&validation), &mut log).unwrap();
    let line = fs::read_to_string(&file).unwrap();
    assert_eq!(line.matches("\"validation/mean_absolute_error\"").count(), 1, "{line}");
    let mut log = Log::event_files(folder.path(), loud);
    trainer.fit(&mut build(), &mut Adam::default(), &data, Some(&validation), &mut log).unwrap();
    let bytes = fs::read(&event_files(folder.path())[0]).unwrap();
    let name = b"validation/mean_absolute_error";
    assert_eq!(bytes.windows(name.len()).filter(|found| found == name).count(), 1);
}

#[test]
fn a_resumed_run_goes_on_with_its_lines_wherever_it_was_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let [kept, file] = ["checkpoints", "metrics.jsonl"].map(|name| folder.path().join(name));
    let whole = train(7, None, &mut ());
    // Checkpoints fall in the middle of epochs: after steps 4, 8 and, the last one, 12.
    let mut checkpoints = Checkpoints::new(&kept, 9, Every::Steps(4), |error| panic!("{error}"));
    let mut log = Log::json_lines(&file, loud);
    train(4, None, &mut (&mut checkpoints, &mut log));
    let all = fs::read(&file).unwrap();
    assert_eq!(all.iter().filter(|&&byte| byte == b'\n').count(), 4);
    fs::remove_file(kept.join("step-000000000012.checkpoint")).unwrap();
    // Two epochs of the four are before the checkpoint. The file may have lost what was written last.
    let two = all.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(1).unwrap().0 + 1;
    for length in [two, two + 1, two + 5, two + 12, all.len() - 1, all.len()] {
        fs::write(&file, &all[..length]).unwrap();
        let progress = train(7, Some(&kept), &mut Log::json_lines(&file, loud));
        assert_eq!(progress.history(), whole.history());
        check_lines(&file, &progress);
        assert_eq!(
            fs::read(&file).unwrap()[..two],
            all[..two],
            "what was there before stays to the last byte"
        );
    }
}

/// Killed between the checkpoint and the line, or twice at once: what is there is kept, once, and in order.
#[test]
fn a_resumed_run_has_every_epoch_once_whatever_became_of_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    let [kept, file] = ["checkpoints", "metrics.jsonl"].map(|name| folder.path().join(name));
    let mut checkpoints = Checkpoints::new(&kept, 9, Every::Epochs(1), |error| panic!("{error}"));
    train(4, None, &mut (&mut checkpoints, Log::json_lines(&file, loud)));
    let all = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = all.lines().collect();
    for (are_there, epochs) in [
        (&[0, 1, 2][..], 7),
        (&[0, 2, 3], 7),
        (&[3], 7),
        (&[], 7),
        (&[0, 1, 1, 2, 3], 7),
        (&[0, 3, 2, 1], 7),
        (&[0, 1, 2, 3, 3], 4),
        // The run is at its end: there is no epoch to come.
        (&[0, 1, 2], 4),
    ] {
        fs::write(&file, are_there.iter().map(|&i| lines[i].to_owned() + "\n").collect::<String>()).unwrap();
        let progress = train(epochs, Some(&kept), &mut Log::json_lines(&file, loud));
        let text = fs::read_to_string(&file).unwrap();
        let read: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read.len(), epochs, "{are_there:?}: {text}");
        for (epoch, line) in read.iter().enumerate() {
            assert_eq!((&line["epoch"], &line["step"]), (&epoch.into(), &(3 * (epoch + 1)).into()));
            for (name, number) in expected(&progress, epoch) {
                assert_eq!(line[name].as_f64(), Some(number), "{name} of epoch {epoch}");
            }
            let is_kept = epoch < 4 && are_there.contains(&epoch);
            assert!(!is_kept || text.lines().nth(epoch) == Some(lines[epoch]), "{are_there:?}: {text}");
            assert_eq!(line["seconds"].is_null(), epoch < 4 && !is_kept);
        }
    }
}

/// Ends a run after a number of epochs, once the last one's schedules are through.
struct Stop(usize);
impl Observer<f64> for Stop {
    fn on_step(&mut self, _: &Step, state: &State<'_, f64>) -> ControlFlow<()> {
        let is_over = state.progress.fit().epochs == self.0;
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[test]
fn an_epoch_after_which_another_observer_ends_the_run_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let [kept, file, events] =
        ["checkpoints", "metrics.jsonl", "events"].map(|name| folder.path().join(name));
    let checkpoints = Checkpoints::new(&kept, 9, Every::Epochs(9), |error| panic!("{error}"));
    let logs = (Log::json_lines(&file, loud), Log::event_files(&events, loud));
    let progress = train(5, None, &mut (Stop(2), (checkpoints, logs)));
    check_lines(&file, &progress);
    assert_eq!(progress.fit().epochs, 2);
    let bytes = fs::read(&event_files(&events)[0]).unwrap();
    assert_eq!(records(&bytes).len(), 2 + 2);

    let progress = train(5, Some(&kept), &mut Log::json_lines(&file, loud));
    check_lines(&file, &progress);
}

#[test]
fn a_number_that_is_not_finite_is_null() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("metrics.jsonl");
    let (mut network, trainer) = (build(), Trainer { epochs: 1, ..trainer(1) });
    let far = Dataset::new(vec![1e200; 4], 2, vec![0.0; 2], 1).unwrap();
    let mut log = Log::json_lines(&file, loud);
    trainer.fit(&mut network, &mut Adam::default(), &plane(40, 1), Some(&far), &mut log).unwrap();
    let line: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(line["validation/root_mean_squared_error"], Value::Null);
    assert!(line["validation/mean_absolute_error"].as_f64().unwrap() > 1e190);
}

#[test]
fn failed_writes_are_reported_and_training_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let expected = train(3, None, &mut ());
    let warnings = Mutex::new(Vec::<String>::new());
    let report = |error: &LogError| warnings.lock().unwrap().push(error.to_string());
    let take = || std::mem::take(&mut *warnings.lock().unwrap());

    // Somebody else's files, whole or without an end of line: not touched.
    let notes = folder.path().join("notes.txt");
    for text in ["remember\nthe milk\n", "{\"epoch\":3}\n{\"milk\": 1}\n", "remember", "{\"a\":1}"] {
        fs::write(&notes, text).unwrap();
        assert_eq!(train(3, None, &mut Log::json_lines(&notes, report)), expected);
        assert_eq!(fs::read_to_string(&notes).unwrap(), text);
        let warnings = take();
        assert_eq!(warnings.len(), 3, "one an epoch: {warnings:?}");
        assert!(warnings[0].contains("notes.txt: cannot continue: line"), "{}", warnings[0]);
    }

    // The folder cannot be: there is a file of that name.
    let blocked = notes.join("metrics");
    let mut logs = (Log::json_lines(blocked.join("a.jsonl"), report), Log::event_files(&blocked, report));
    assert_eq!(train(3, None, &mut logs), expected);
    drop(logs);
    let warned = take();
    assert_eq!(warned.len(), 6, "{warned:?}");
    assert!(warned[0].contains("a.jsonl: cannot create its folder: "), "{}", warned[0]);
    assert!(warned[1].contains("metrics: cannot create the folder: "), "{}", warned[1]);

    // A folder that comes back in the middle: the epoch that could not be written is caught up with.
    struct Unblock<'a>(&'a Path);
    impl Observer<f64> for Unblock<'_> {
        fn on_epoch(&mut self, epoch: &Epoch<'_, f64>) -> ControlFlow<()> {
            if epoch.record.epoch == 1 {
                fs::remove_file(self.0).unwrap();
            }
            ControlFlow::Continue(())
        }
    }
    let file = blocked.join("a.jsonl");
    assert_eq!(train(3, None, &mut (Unblock(&notes), Log::json_lines(&file, report))), expected);
    assert_eq!(take().len(), 1);
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 3);

    // One that comes back after the last epoch.
    struct UnblockInTheEnd<'a>(&'a Path);
    impl Observer<f64> for UnblockInTheEnd<'_> {
        fn on_end(&mut self, _: &State<'_, f64>) {
            fs::remove_file(self.0).unwrap();
        }
    }
    let wall = notes.with_file_name("wall");
    fs::write(&wall, "").unwrap();
    let late = wall.join("a.jsonl");
    assert_eq!(train(3, None, &mut (UnblockInTheEnd(&wall), Log::json_lines(&late, report))), expected);
    assert_eq!(take().len(), 3);
    assert_eq!(fs::read_to_string(&late).unwrap().lines().count(), 3);

    // A file that claims more than there is memory for.
    fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(train(3, None, &mut Log::json_lines(&file, report)), expected);
    let warned = take();
    assert_eq!(warned.len(), 3);
    assert!(
        warned[0].contains("a.jsonl: cannot continue: expected a regular file of at most "),
        "{}",
        warned[0]
    );

    // The device is full.
    if Path::new("/dev/full").exists() {
        assert_eq!(train(3, None, &mut Log::json_lines("/dev/full", report)), expected);
        let warned = take();
        assert_eq!(warned.len(), 3);
        assert!(warned[0].contains("/dev/full: cannot "), "{}", warned[0]);
    }
}

/// CRC-32C bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// The records of a TFRecord file whose checksums are right.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    fn take<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
        let (content, rest) = bytes.split_at(length);
        let (sum, rest) = rest.split_at(4);
        let crc = crc32c(content);
        let masked = crc.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(u32::from_le_bytes(sum.try_into().unwrap()), masked);
        *bytes = rest;
        content
    }
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let length = u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap());
        records.push(take(&mut bytes, length as usize));
    }
    records
}

/// The fields of a message of protocol buffers: their numbers and their bytes, or varints as bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let end = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap();
        let (digits, rest) = bytes.split_at(end + 1);
        *bytes = rest;
        digits.iter().rev().fold(0, |value, digit| value << 7 | u64::from(digit & 0x7f))
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                let value = varint(&mut bytes);
                fields.push((key >> 3, value.to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("encoding {other}"),
        };
        let (content, rest) = bytes.split_at(length);
        fields.push((key >> 3, content.to_vec()));
        bytes = rest;
    }
    fields
}

fn event_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn event_files_are_records_of_events() {
    assert_eq!(crc32c(b"123456789"), 0xe306_9283); // the check value of the catalogue of CRCs
    let folder = tempfile::tempdir().unwrap();
    let progress = train(5, None, &mut Log::event_files(folder.path(), loud));
    let files = event_files(folder.path());
    let [file] = &files[..] else { panic!("{files:?}") };
    assert!(file.file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents."));
    let bytes = fs::read(file).unwrap();
    let events: Vec<_> = records(&bytes).into_iter().map(fields).collect();
    let step = |step: u64| (2, step.to_le_bytes().to_vec());
    let mut time = 1.6e9;
    for event in &events {
        assert_eq!((event.len(), event[0].0), (3, 1));
        let at = f64::from_le_bytes(event[0].1[..].try_into().unwrap());
        assert!(at >= time, "{at} after {time}");
        time = at;
    }
    assert_eq!(events[0][1..], [step(0), (3, b"brain.Event:2".to_vec())]);
    assert_eq!(events[1][1..], [step(3), (7, vec![8, 1])]);
    assert_eq!(events.len(), 2 + 5);
    for (epoch, event) in events[2..].iter().enumerate() {
        assert_eq!((&event[1], event[2].0), (&step(3 * (epoch as u64 + 1)), 5));
        let mut values: Vec<_> = fields(&event[2].1)
            .into_iter()
            .map(|(field, value)| {
                let value = fields(&value);
                assert_eq!((field, value[0].0, value[1].0), (1, 1, 2));
                let number = f32::from_le_bytes(value[1].1[..].try_into().unwrap());
                (String::from_utf8(value[0].1.clone()).unwrap(), number)
            })
            .collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = expected(&progress, epoch).map(|(name, number)| (name.to_owned(), number as f32));
        assert_eq!(values, expected);
    }
}

/// Real TensorBoard reads a run that was cut off and resumed: every epoch once, as the run was in the end.
#[test]
fn tensorboard_agrees() {
    let python = std::env::var("GMP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has = Command::new(&python).args(["-c", "import tensorboard"]).output();
    if !has.is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} has no tensorboard (GMP_PYTHON names another python)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [kept, logs] = ["checkpoints", "logs"].map(|name| folder.path().join(name));
    let mut checkpoints = Checkpoints::new(&kept, 9, Every::Steps(4), |error| panic!("{error}"));
    train(4, None, &mut (&mut checkpoints, Log::event_files(&logs, loud)));
    fs::remove_file(kept.join("step-000000000012.checkpoint")).unwrap();
    let progress = train(7, Some(&kept), &mut Log::event_files(&logs, loud));
    assert_eq!(event_files(&logs).len(), 2);

    let script = "
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]).Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()['scalars']}))
";
    let run = Command::new(&python).args(["-c", script]).arg(&logs).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let read: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(read.as_object().unwrap().len(), 7);
    for epoch in 0..7 {
        for (name, number) in expected(&progress, epoch) {
            let scalars = read[name].as_array().unwrap_or_else(|| panic!("{name} in {read}"));
            assert_eq!(scalars.len(), 7, "{name}: {scalars:?}");
            assert_eq!(scalars[epoch][0], 3 * (epoch + 1));
            assert_eq!(scalars[epoch][1].as_f64().unwrap() as f32, number as f32, "{name} of epoch {epoch}");
        }
    }
}
