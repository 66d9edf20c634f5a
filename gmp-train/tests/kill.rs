//! Processes that write checkpoints all the time and are killed at random moments: the newest checkpoint is whole,
//! and the run goes on from it to the same last bit.
//!
//! `GMP_KILLS=1000 cargo test -p gmp-train --test kill` for more than the 50 of an ordinary test.

use gmp_nn::{Mlp, Network, Normalization, Parameterization, Rng};
use gmp_train::checkpoint::Newest;
use gmp_train::{
    Adam, Checkpoints, Dataset, EarlyStopping, Every, Loss, Observer, ReduceOnPlateau, Restore, TrainState,
    Trainer,
};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const FOLDER: &str = "GMP_KILL_TEST_FOLDER";
const KEPT: usize = 3;

/// Goes on from the newest checkpoint in the folder, or starts; returns where it went on and what it ends with.
fn run(folder: &Path, observer: &mut dyn Observer<f32>) -> (usize, Network<f32>, Adam<f32>) {
    let mut rng = Rng::new(1, "plane");
    let x: Vec<f32> = (0..80).map(|_| rng.normal() as f32).collect();
    let y = x.chunks(2).map(|x| x[0] * x[1]).collect();
    let data = Dataset::new(x, 2, y, 1).unwrap();
    let trainer = Trainer {
        plateau: Some(ReduceOnPlateau { factor: 0.9, patience: 2, min_delta: 1e-2 }),
        early_stopping: Some(EarlyStopping { patience: 60, min_delta: 0.0, restore: Restore::Never }),
        seed: 2,
        ..Trainer::new(Loss::MeanSquaredError, 8, 60, 0.01)
    };
    let mut network = Mlp::new(2, &[20, 20], 1, Parameterization::Standard)
        .normalization(Normalization::batch())
        .build(3)
        .unwrap();
    let mut adam = Adam::default();
    let progress = match Newest::in_folder(folder).unwrap() {
        Some(newest) => {
            assert!(newest.unreadable.is_empty(), "{:?}", newest.unreadable);
            newest.checkpoint.restore(&mut network, &mut adam).unwrap()
        }
        None => TrainState::start(&trainer),
    };
    let start = progress.fit().steps;
    trainer.fit_from(progress, &mut network, &mut adam, &data, None, observer).unwrap();
    (start, network, adam)
}

/// What the killed processes do: not a test of its own, since without the folder it returns at once.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let mut checkpoints = Checkpoints::new(&folder, KEPT, Every::Steps(1), |error| panic!("{error}"));
    run(folder.as_ref(), &mut checkpoints);
}

#[test]
fn killed_at_any_moment_a_run_goes_on_from_its_newest_checkpoint() {
    if std::env::var_os(FOLDER).is_some() {
        return;
    }
    let kills = std::env::var("GMP_KILLS").map_or(50, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run");
    let (_, network, adam) = run(&path, &mut ());
    let mut rng = Rng::new(std::process::id().into(), "moments");
    let (mut killed, mut finished, mut resumed, mut left_behind) = (0, 0, 0, 0);
    let mut reached = 0;
    while killed < kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--test-threads=1"])
            .env(FOLDER, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros((rng.uniform() * 60_000.0) as u64));
        child.kill().unwrap(); // SIGKILL
        let exit = child.wait().unwrap();
        assert!(exit.code().is_none_or(|code| code == 0), "the run itself failed: {exit}");
        let (start, resumed_network, resumed_adam) = run(&path, &mut ());
        assert!(start >= reached, "back from step {reached} to {start}");
        assert_eq!(resumed_network.parameters, network.parameters, "resumed at step {start}");
        assert_eq!(resumed_network.buffers, network.buffers, "resumed at step {start}");
        assert_eq!(format!("{resumed_adam:?}"), format!("{adam:?}"), "resumed at step {start}");
        resumed += usize::from(start > reached);
        reached = start;
        let names = || std::fs::read_dir(&path).into_iter().flatten().map(|entry| entry.unwrap().path());
        left_behind += names().filter(|path| path.extension().is_some_and(|e| e == "partial")).count();
        // One more is left by every kill between a write and the removal that follows it, until the next removal.
        assert!(!exit.success() || names().count() == KEPT, "{:?}", names().collect::<Vec<_>>());
        if exit.success() || start == 300 {
            // It came to its end before it was killed: from the beginning.
            std::fs::remove_dir_all(&path).unwrap();
            (reached, finished) = (0, finished + 1);
        }
        killed += usize::from(!exit.success());
    }
    println!(
        "{killed} processes killed ({left_behind} unfinished files left behind), {resumed} times a newer checkpoint, \
         {finished} runs finished"
    );
    assert!(resumed > 0, "no process lived long enough to write a checkpoint");
}
