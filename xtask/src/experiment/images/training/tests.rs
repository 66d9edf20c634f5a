//! What is left of a run between its end and its record.

use super::*;
use crate::method;
use crate::run::Protocol;
use gmp_nn::zoo::vgg6;

/// A process that is killed between the end of a run and its record comes back to the end, not to the start.
#[test]
fn a_finished_run_keeps_its_checkpoints_until_its_record_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let set = Set::generated(32, 8);
    let recipe = Recipe {
        network: vgg6(&method::GMP_IMN.variant(), 2, set.training.classes()),
        set: &set,
        augmented: Preparation::small(true),
        plain: Preparation::small(false),
        batch_size: 16,
        micro_batch: None,
        step_decay: None,
        patience: Some((5, 10)),
        restore: Restore::WhenStoppedEarly,
        weight_decay: 0.0,
        watches: true,
        ranks: &Ranks::alone(),
    };
    let run = Run {
        experiment: "test".to_owned(),
        dataset: "generated".to_owned(),
        method: method::GMP_IMN,
        lr: 0.1,
        protocol: Protocol::Paper,
        seed: 0,
        epoch_limit: 2,
        data: String::new(),
        setting: Default::default(),
    };
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
