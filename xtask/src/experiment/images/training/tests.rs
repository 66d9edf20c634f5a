//! What is left of a run between its end and its record, and runs at the same time.

use super::*;
use crate::method;
use crate::run::Protocol;
use gmp_nn::zoo::vgg6;

pub(in super::super) fn recipe<'a>(set: &'a Set, ranks: &'a Ranks) -> Recipe<'a> {
    Recipe {
        network: vgg6(&method::GMP_IMN.variant(), 2, set.training.classes()),
        set,
        augmented: Preparation::small(true),
        plain: Preparation::small(false),
        batch_size: 16,
        micro_batch: None,
        step_decay: None,
        patience: Some((5, 10)),
        restore: Restore::WhenStoppedEarly,
        weight_decay: 0.0,
        watches: true,
        ranks,
    }
}

pub(in super::super) fn run() -> Run {
    Run {
        experiment: "test".to_owned(),
        dataset: "generated".to_owned(),
        method: method::GMP_IMN,
        lr: 0.1,
        protocol: Protocol::Paper,
        seed: 0,
        epoch_limit: 2,
        data: String::new(),
        setting: Default::default(),
    }
}

/// A process that is killed between the end of a run and its record comes back to the end, not to the start.
#[test]
fn a_finished_run_keeps_its_checkpoints_until_its_record_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let set = Set::generated(32, 8);
    let ranks = Ranks::alone();
    let (recipe, run) = (recipe(&set, &ranks), run());
    let finish = || {
        let (record, trace) = carry_out(&recipe, &run, folder.path(), 1, &Stop::default()).unwrap().unwrap();
        (Record { seconds: 0.0, ..record }, trace)
    };
    let first = finish();
    let newest = || Newest::<f32>::in_folder(&checkpoints_of(folder.path(), &run)).unwrap();
    assert_eq!(newest().unwrap().checkpoint.progress.fit().epochs, 2);
    assert_eq!(finish(), first);
    remove_checkpoints(folder.path(), &Record { value: None, ..first.0.clone() });
    assert!(newest().is_some(), "what broke down may be looked into");
    remove_checkpoints(folder.path(), &first.0);
    assert!(newest().is_none());
}

/// Runs of one process do not wait for each other's exchange: one ends while another has it.
#[test]
fn a_run_of_a_process_by_itself_does_not_wait_for_others() {
    let ranks = Ranks::alone();
    let (sender, receiver) = std::sync::mpsc::channel();
    let held = ranks.exchange();
    let of_thread = Arc::clone(&ranks);
    std::thread::spawn(move || {
        let (folder, set) = (tempfile::tempdir().unwrap(), Set::generated(32, 8));
        let finished =
            carry_out(&recipe(&set, &of_thread), &run(), folder.path(), 1, &Stop::default()).unwrap();
        sender.send(finished.is_some()).unwrap();
    });
    assert_eq!(receiver.recv_timeout(Duration::from_secs(60)), Ok(true), "it waits for the other");
    drop(held);
}
