//! Every step of writing a checkpoint refused by the system, for real and in processes of their own: what was there is
//! whole, the failure is reported, and training goes on as if nothing had been.
#![cfg(unix)]

use gmp_nn::{Mlp, Network, Parameterization, Rng};
use gmp_train::checkpoint::{Newest, write_atomic};
use gmp_train::{Adam, Checkpoint, Checkpoints, Dataset, Every, Loss, Observer, Trainer};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDER: &str = "GMP_WRITE_FAULTS_FOLDER";
const STEPS: usize = 15;

fn train(epochs: usize, observer: &mut dyn Observer<f32>) -> Network<f32> {
    let mut rng = Rng::new(1, "plane");
    let x: Vec<f32> = (0..80).map(|_| rng.normal() as f32).collect();
    let y = x.chunks(2).map(|x| x[0] * x[1]).collect();
    let data = Dataset::new(x, 2, y, 1).unwrap();
    let mut network = Mlp::new(2, &[12, 12], 1, Parameterization::WeightNorm).build(3).unwrap();
    let trainer = Trainer::new(Loss::MeanSquaredError, 8, epochs, 0.01);
    trainer.fit(&mut network, &mut Adam::default(), &data, None, observer).unwrap();
    network
}

/// What the processes do: not a test of its own, since without the folder it returns at once. Says how many writes
/// failed, and how the first did.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let expected = train(3, &mut ());
    let mut failures = Vec::new();
    let mut checkpoints =
        Checkpoints::new(&folder, 2 * STEPS, Every::Steps(1), |error| failures.push(error.to_string()));
    let network = train(3, &mut checkpoints);
    drop(checkpoints);
    assert_eq!(network.parameters, expected.parameters, "training did not go on as without checkpoints");
    println!("\n{} failures: {}", failures.len(), failures.first().map_or("none", |first| first));
}

/// The command that runs a child in the folder, under a shell that prepares it.
fn command(folder: &Path, prepare: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{prepare} exec \"$0\" --exact child --nocapture --test-threads=1")]);
    command.arg(std::env::current_exe().unwrap()).env(FOLDER, folder);
    command
}

/// Runs it; how many writes failed, and how the first did.
fn run(command: &mut Command) -> Result<(usize, String), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let line =
        text.lines().find_map(|line| line.split_once(" failures: ")).ok_or_else(|| text.to_string())?;
    assert!(output.status.success(), "{text}");
    Ok((line.0.parse().unwrap(), line.1.to_owned()))
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    files.map(|path| (path.file_name().unwrap().display().to_string(), fs::read(&path).unwrap())).collect()
}

/// A folder with the checkpoints of the first epoch.
fn begun() -> (tempfile::TempDir, BTreeMap<String, Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    train(1, &mut Checkpoints::new(folder.path(), 9, Every::Steps(1), |error| panic!("{error}")));
    let before = contents(folder.path());
    assert_eq!(before.len(), 5);
    (folder, before)
}

fn path(folder: &Path, step: usize, extension: &str) -> PathBuf {
    folder.join(format!("step-{step:012}.{extension}"))
}

/// What lies at a name that can be known before is neither followed nor touched.
#[test]
fn links_that_lie_in_wait_are_not_followed() {
    let (folder, _) = begun();
    let victim = tempfile::NamedTempFile::new().unwrap();
    fs::write(&victim, b"somebody's").unwrap();
    symlink(victim.path(), path(folder.path(), 3, "partial")).unwrap();
    fs::create_dir(path(folder.path(), 4, "partial")).unwrap();
    symlink(victim.path(), path(folder.path(), 7, "checkpoint")).unwrap();
    let (failures, first) = run(&mut command(folder.path(), "")).unwrap();
    assert_eq!(failures, 0, "{first}");
    assert_eq!(fs::read(&victim).unwrap(), b"somebody's");
    assert_eq!(fs::read_link(path(folder.path(), 3, "partial")).unwrap(), victim.path());
    fs::remove_file(path(folder.path(), 3, "partial")).unwrap();
    let after = contents(folder.path());
    assert_eq!(after.len(), STEPS);
    assert!(after.values().all(|bytes| Checkpoint::<f32>::from_bytes(bytes).is_ok()));
}

#[test]
fn many_writers_of_one_file_all_succeed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::thread::scope(|scope| {
        for writer in 0..8_u8 {
            let file = &file;
            scope.spawn(move || (0..25).for_each(|_| write_atomic(file, &[writer; 5000]).unwrap()));
        }
    });
    let bytes = fs::read(&file).unwrap();
    assert!(bytes.len() == 5000 && bytes.iter().all(|byte| *byte == bytes[0]), "a mixture");
    assert_eq!(contents(folder.path()).len(), 1, "unfinished files are left behind");
}

/// Files are as open to others as the user has them, not as temporary files are.
#[test]
fn permissions_are_the_users() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    fs::write(&one, b"").unwrap();
    write_atomic(&other, b"").unwrap();
    let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode(&one), mode(&other));
}

#[test]
fn what_a_killed_process_left_is_cleared_away() {
    let (folder, _) = begun();
    for name in ["gmp-abc.partial", "gmp-mine.txt", "step-000000000099.partial"] {
        fs::write(folder.path().join(name), b"left behind").unwrap();
    }
    let (failures, first) = run(&mut command(folder.path(), "")).unwrap();
    assert_eq!(failures, 0, "{first}");
    let after = contents(folder.path());
    let others: Vec<_> = after.keys().filter(|name| !name.ends_with(".checkpoint")).collect();
    assert_eq!(others, ["gmp-mine.txt", "step-000000000099.partial"]);
}

/// A limit on the size of files cuts the write off in the middle: after every 512 bytes of the file.
#[test]
fn a_file_that_cannot_be_written_to_its_end() {
    let (folder, before) = begun();
    let size = before.values().map(Vec::len).max().unwrap();
    let blocks = size.div_ceil(512);
    for limit in 0..blocks {
        let prepare = format!("trap '' XFSZ; ulimit -f {limit};");
        let (failures, first) = run(&mut command(folder.path(), &prepare)).unwrap();
        // One a step and one at the end.
        assert_eq!(failures, STEPS + 1, "{limit} blocks: {first}");
        assert!(first.contains("step-000000000001.checkpoint: cannot write: "), "{first}");
        assert_eq!(contents(folder.path()), before, "{limit} blocks");
    }
    println!("{blocks} limits, {} writes cut off", blocks * (STEPS + 1));
    assert!(blocks > 5, "{size} bytes");
}

/// A disk of 32 KiB, where the system lets us have one.
#[test]
fn a_disk_that_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let kept = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    let script = format!(
        "mount -t tmpfs -o size=32k none {0} && \"$0\" --exact child --nocapture --test-threads=1 && cp {0}/* {1}",
        folder.path().display(),
        kept.path().display()
    );
    command.args(["-r", "-m", "sh", "-c", &script]).arg(std::env::current_exe().unwrap());
    let (failures, first) = match run(command.env(FOLDER, folder.path())) {
        Ok(found) => found,
        Err(reason) => return println!("skipped: no disk of our own: {}", reason.trim()),
    };
    assert!((1..=STEPS).contains(&failures), "{failures}: {first}");
    assert!(first.contains("No space left"), "{first}");
    let files = contents(kept.path());
    assert!(files.len() > 1 && files.keys().all(|name| name.ends_with(".checkpoint")), "{:?}", files.keys());
    for bytes in files.values() {
        Checkpoint::<f32>::from_bytes(bytes).unwrap();
    }
    println!("{failures} of {} writes failed, {} checkpoints are whole", STEPS + 1, files.len());
}

#[test]
fn a_file_that_cannot_be_renamed() {
    let (folder, _) = begun();
    fs::create_dir(path(folder.path(), 6, "checkpoint")).unwrap();
    let (failures, first) = run(&mut command(folder.path(), "")).unwrap();
    assert_eq!(failures, 1, "{first}");
    assert!(first.contains("step-000000000006.checkpoint: cannot rename the finished file: "), "{first}");
    let after = contents(folder.path());
    assert_eq!(after.len(), STEPS - 1, "{:?}", after.keys());
    assert!(after.values().all(|bytes| Checkpoint::<f32>::from_bytes(bytes).is_ok()));
    // Resuming passes over what is no file.
    (7..=STEPS).for_each(|step| fs::remove_file(path(folder.path(), step, "checkpoint")).unwrap());
    let newest = Newest::<f32>::in_folder(folder.path()).unwrap().unwrap();
    assert_eq!((newest.checkpoint.progress.fit().steps, newest.unreadable.len()), (5, 1));
}

/// A folder that may not be written to, and one that may not be read, which is what flushing it takes.
#[test]
fn a_folder_without_permission() {
    let (folder, before) = begun();
    let permit = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    let mut command = command(folder.path(), "");
    permit(0o555);
    let is_root = fs::write(folder.path().join("probe"), b"").is_ok();
    if is_root {
        // Who may do anything becomes nobody, who must be able to start this program.
        fs::remove_file(folder.path().join("probe")).unwrap();
        command.uid(65534).gid(65534);
    }
    let Ok((failures, reason)) = run(&mut command) else {
        return println!("skipped: a user without permissions cannot start {:?}", std::env::current_exe());
    };
    assert_eq!(failures, STEPS + 1);
    assert!(reason.contains("cannot create a file in the folder: Permission denied"), "{reason}");
    permit(0o755);
    assert_eq!(contents(folder.path()), before);

    if is_root {
        std::os::unix::fs::chown(folder.path(), Some(65534), Some(65534)).unwrap();
    }
    permit(0o300);
    let (failures, reason) = run(&mut command).unwrap();
    assert_eq!(failures, STEPS + 1);
    assert!(reason.contains("cannot flush the folder to disk: Permission denied"), "{reason}");
    permit(0o755);
    let after = contents(folder.path());
    assert_eq!(after.len(), STEPS, "the new files are there, whole");
    assert!(after.values().all(|bytes| Checkpoint::<f32>::from_bytes(bytes).is_ok()));
}

#[test]
fn a_folder_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gone/a.checkpoint");
    let error = write_atomic(&path, b"new").unwrap_err().to_string();
    assert!(error.contains("cannot create a file in the folder: No such file or directory"), "{error}");
    // A run makes its folder anew.
    let (failures, _) = run(&mut command(&folder.path().join("gone"), "")).unwrap();
    assert_eq!((failures, contents(&folder.path().join("gone")).len()), (0, STEPS));
}
