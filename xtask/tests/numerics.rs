//! Whether this program still computes the numbers that its records are taken for.
//!
//! Records of earlier calls are reused where their `NUMERICS` are ours (`xtask/src/run/origin.rs`). **If this test fails,
//! results have changed.** Where that is not on purpose, it is an error. Where it is, raise `NUMERICS` by one, so that
//! earlier records are not taken for results of this program, and write the digest that the test names into
//! `NUMERICS_DIGEST`. Where only the runs of this test have become others (a new experiment, a new method), the digest alone
//! is written anew.

mod common;

use std::path::PathBuf;
use xtask::experiment::images::Options;
use xtask::experiment::{Chapter, Context, Prepared, REGISTRY};
use xtask::method;
use xtask::run::origin::{NUMERICS, NUMERICS_DIGEST};
use xtask::run::stop::Stop;

/// As little as can be asked for: every experiment under every method, both protocols, a few epochs, one seed.
fn context(folder: PathBuf, width: Option<&str>) -> Context {
    let pictures = Options {
        width: width.map(|width| width.parse().unwrap()),
        batches: vec![4],
        epochs: Some(2),
        pictures: Some(8),
        ..Options::default()
    };
    Context {
        seeds: Some(1),
        methods: Some(method::all().to_vec()),
        rates: Some(vec![0.1]),
        data_dir: folder.join("data"),
        out: folder.join("out"),
        pictures,
        ..Context::default()
    }
}

/// More epochs teach a test no more.
const EPOCHS: usize = 5;

#[test]
fn numerics_are_those_that_the_program_says() {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        println!("skipped: the same bits are not promised on another kind of machine than x86-64 Linux");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let narrow = context(folder.path().to_owned(), Some("1/64"));
    // ResNet-18 of its own width.
    let wide = context(folder.path().to_owned(), None);
    let uci = narrow.data_dir.join("uci");
    std::fs::create_dir_all(&uci).unwrap();
    let mut csv = "a,b,c,y\n".to_owned();
    (0..30).for_each(|i| csv += &format!("{},{},{},{}\n", i, i * i % 7, i % 4, i % 5));
    std::fs::write(uci.join("tiny.csv"), csv).unwrap();
    common::write_ilsvrc(&narrow.data_dir.join("ilsvrc"), 2);

    let (mut digest, mut count) = (gmp_train::image::Digest::default(), 0);
    // What goes beyond the paper runs the same code with other settings.
    for experiment in REGISTRY.iter().filter(|experiment| experiment.chapter() == Chapter::Paper) {
        let context = if experiment.id() == "table3" { &wide } else { &narrow };
        let Prepared::Ready(study) = experiment.prepare(context).unwrap() else {
            panic!("{} is skipped", experiment.id())
        };
        for mut run in study.runs() {
            // ResNet-18 takes a second a step: one method shows it.
            if run.experiment == "table3" && run.method != method::GMP_IMN {
                continue;
            }
            run.epoch_limit = run.epoch_limit.min(EPOCHS);
            let (record, trace) = study.carry_out(&run, &Stop::default()).unwrap().unwrap();
            let result = (record.value, record.validation, record.epochs);
            let further = record.movement.map(|m| (m.location_mean, m.direction_mean, m.loss_decrease));
            // Logarithms are the platform's and may differ in the last bit; what is counted may not. What is measured of
            // networks on images follows from their losses and weights.
            let counted = record.measures.filter(|_| record.metric != "top-1").map(|m| {
                let boundaries = [m.running, m.batch].map(|of| of.map(|of| (of.undefined, of.coverage)));
                (boundaries, m.convergence, m.reductions)
            });
            digest = digest.bytes(format!("{} {result:?} {further:?} {counted:?}", run.method).as_bytes());
            if let Some(trace) = trace {
                let losses: Vec<f64> = trace.accuracy.iter().map(|epoch| epoch.loss).collect();
                let curves = (trace.loss, losses, trace.trained.0, trace.angles.0);
                digest = digest.bytes(format!("{curves:?}").as_bytes());
            }
            count += 1;
        }
    }
    assert!(count > 50, "{count} runs");
    assert!(
        digest.value() == NUMERICS_DIGEST,
        "results have changed: the digest of {count} runs is {:#018x}, of numerics {NUMERICS} it was \
         {NUMERICS_DIGEST:#018x}. If that is on purpose, raise NUMERICS in xtask/src/run/origin.rs and write the new digest \
         beside it; else it is an error",
        digest.value()
    );
}
