//! What is measured of a run, against the same numbers computed anew from its snapshots.

use gmp_train::Dataset;
use xtask::experiment::frames::{Shallow, is_framed};
use xtask::experiment::training::{Problem, Watching, carry_out};
use xtask::method::{self, MethodId};
use xtask::problem::levy::{self, SETUP};
use xtask::run::measures::{Measures, OverEpochs, Stability};
use xtask::run::stop::Stop;
use xtask::run::trace::{Numbers, Trace};
use xtask::run::{Protocol, Record, Run};
use xtask::setting::Setting;

const EPOCHS: usize = 100;

fn levy_run(method: MethodId, watch: Watching) -> (Record, Option<Trace>) {
    levy_run_at(method, 0.1, EPOCHS, watch)
}

fn levy_run_at(method: MethodId, lr: f64, epoch_limit: usize, watch: Watching) -> (Record, Option<Trace>) {
    levy_run_with(method, Setting::default(), lr, epoch_limit, watch)
}

fn levy_run_with(
    method: MethodId,
    setting: Setting,
    lr: f64,
    epoch_limit: usize,
    watch: Watching,
) -> (Record, Option<Trace>) {
    let run = Run {
        experiment: "fig2".to_owned(),
        dataset: "levy".to_owned(),
        method,
        lr,
        protocol: Protocol::Paper,
        seed: 0,
        epoch_limit,
        data: "seeded".to_owned(),
        setting,
    };
    let (x, y) = levy::points(&run);
    let (grid, truth) = levy::grid();
    let train = Dataset::new(x, 1, y, 1).unwrap();
    let test = Dataset::new(grid.clone(), 1, truth, 1).unwrap();
    let picture = watch == Watching::Curves;
    let problem = Problem { train, test, grid, watch, picture };
    carry_out(&SETUP, problem, &run, &Stop::default()).unwrap().unwrap()
}

/// A run that varies the width alone measures its kernel, to the same last bit each time, and to no other result.
#[test]
fn kernels_are_measured_where_the_width_is_varied() {
    let of = |method, setting| {
        let watch = Watching::Measures;
        levy_run_with(method, setting, 0.1, EPOCHS, watch).0
    };
    let width = Setting { width: Some(100), ..Setting::default() };
    for method in [method::SP, method::WN, method::GMP] {
        let (with, without) = (of(method, width), of(method, Setting::default()));
        assert_eq!((with.value, with.epochs), (without.value, without.epochs), "{method}");
        let (mut measures, again) = (*with.measures.unwrap(), *of(method, width).measures.unwrap());
        assert_eq!(measures, again, "{method}");
        let kernel = measures.kernel.take().unwrap();
        assert_eq!(measures, *without.measures.unwrap(), "{method}");
        assert_eq!(kernel.inputs, 32);
        let epochs: Vec<usize> = kernel.path.iter().map(|at| at.epochs).collect();
        assert_eq!(epochs, [1, 4, 16, 64]);
        assert!(kernel.change > 0.0 && kernel.alignment > 0.0 && kernel.alignment < 1.0, "{kernel:?}");
        // A record of an earlier version has none, and stays readable.
        let json = serde_json::to_value(&again).unwrap();
        let mut earlier = json.clone();
        earlier.as_object_mut().unwrap().remove("kernel").unwrap();
        assert_eq!(serde_json::from_value::<Measures>(earlier).unwrap(), measures);
        assert_eq!(serde_json::from_value::<Measures>(json).unwrap(), again);
    }
    assert!(of(method::BN, width).measures.unwrap().kernel.is_none());
    let deep = Setting { depth: Some(2), width: Some(8), ..Setting::default() };
    assert!(of(method::GMP, deep).measures.unwrap().kernel.is_none());
}

#[test]
fn watching_changes_no_result() {
    for method in [method::BN, method::GMP] {
        let watched = [Watching::Nothing, Watching::Measures, Watching::Curves].map(|w| levy_run(method, w));
        for (record, trace) in &watched {
            assert_eq!(record.value, watched[0].0.value);
            let (measures, first) = (record.measures.as_ref(), watched[0].0.measures.as_ref());
            assert_eq!(measures.unwrap().convergence, first.unwrap().convergence);
            assert_eq!(trace.is_some(), std::ptr::eq(record, &watched[2].0));
        }
        assert!(watched[0].0.measures.as_ref().unwrap().running.is_none());
        assert_eq!(watched[1].0.measures, watched[2].0.measures);
    }
}

/// |φ_t − φ_{t−1}| of every unit at every step, from snapshots in single precision.
fn steps(snapshots: &[(usize, Numbers)]) -> Vec<Vec<f64>> {
    let moved = |pair: &[(usize, Numbers)]| {
        let pairs = pair[0].1.0.iter().zip(&pair[1].1.0);
        pairs.map(|(a, b)| f64::from((b - a).abs())).collect()
    };
    snapshots.windows(2).map(moved).collect()
}

fn compare(name: &str, measured: &Stability, snapshots: &[(usize, Numbers)], x: &[f64]) {
    assert_eq!(snapshots.len(), EPOCHS + 1, "{name}: every epoch");
    let steps = steps(snapshots);
    let close = |what: &str, found: f64, expected: f64| {
        assert!(
            (found - expected).abs() < 2e-2 * expected.abs().max(1.0),
            "{name}, {what}: {found}, {expected}"
        );
    };
    let over_epochs = |what: &str, found: OverEpochs, of: &dyn Fn(&[f64]) -> f64, per_rate: f64| {
        let series: Vec<f64> = steps.iter().map(|step| of(step) * per_rate).collect();
        let floor = 2f64.powi(-20);
        close(what, found.log_of_mean, (series.iter().sum::<f64>() / EPOCHS as f64).max(floor).log2());
        let logs = series.iter().map(|x| x.max(floor).log2()).sum::<f64>();
        close(what, found.mean_of_log, logs / EPOCHS as f64);
        close(what, found.largest, series.iter().copied().fold(floor, f64::max).log2());
    };
    let mean = |step: &[f64]| step.iter().sum::<f64>() / step.len() as f64;
    let max = |step: &[f64]| step.iter().copied().fold(0.0, f64::max);
    over_epochs("mean", measured.location.whole.mean, &mean, 1.0);
    over_epochs("max", measured.location.whole.max, &max, 1.0);
    // The rate is 0.1 in all of these epochs.
    over_epochs("mean per rate", measured.location.per_rate.mean, &mean, 10.0);
    assert_eq!(measured.location.before_reduction, measured.location.whole);

    let units = snapshots[0].1.0.len();
    let mut ratios: Vec<f64> = (0..units)
        .filter_map(|j| {
            let path: f64 = steps.iter().map(|step| step[j]).sum();
            (path > 0.0).then(|| path / f64::from((snapshots[EPOCHS].1.0[j] - snapshots[0].1.0[j]).abs()))
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    close("tortuosity", measured.tortuosity, ratios[ratios.len() / 2].log2());

    let low = x.iter().copied().fold(f64::INFINITY, f64::min);
    let high = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let coverage = measured.coverage.unwrap();
    for (found, (_, phi)) in [(coverage.start, &snapshots[0]), (coverage.end, &snapshots[EPOCHS])] {
        let width = (high - low) / 40.0;
        let is_held = |k: &i32| {
            let from = low + f64::from(*k) * width;
            // Half a millionth of the range for single precision.
            phi.0.iter().any(|&p| (from - 1e-5..from + width + 1e-5).contains(&f64::from(p)))
        };
        let held = (0..40).filter(is_held).count() as f64 / 40.0;
        assert!(found.cells <= held && found.cells > held - 0.06, "{name}: {} cells, {held}", found.cells);
        // The share below each of a thousand places, against the share of the range.
        let unlike = (0..=1000).map(|k| {
            let share = f64::from(k) / 1000.0;
            let corner = low + share * (high - low);
            let below = phi.0.iter().filter(|&&p| f64::from(p) >= low && f64::from(p) <= corner).count();
            (below as f64 / units as f64 - share).abs()
        });
        let largest = unlike.fold(0.0, f64::max);
        assert!((found.discrepancy - largest).abs() < 0.02, "{name}: {}, {largest}", found.discrepancy);
    }
}

#[test]
fn movement_smoothness_and_spread_are_those_of_the_snapshots() {
    for method in method::in_paper(method::Architecture::Dense) {
        let (record, trace) = levy_run(method, Watching::Curves);
        let (measures, trace) = (record.measures.clone().unwrap(), trace.unwrap());
        let (x, _) = levy::points(&record.run);
        compare(method.name, measures.running.as_ref().unwrap(), &trace.snapshots, &x);
        assert_eq!(measures.batch.is_some(), method == method::BN, "{method}");
        assert!(measures.reductions.is_empty());
        assert_eq!(measures.convergence.epochs[0], 1);
        if let Some(batch) = &measures.batch {
            compare("BN in training", batch, &trace.batch_snapshots, &x);
            // It starts at the mean of the batch, and by the running statistics at 0.
            let middle = x.iter().sum::<f64>() / x.len() as f64;
            let start = &trace.batch_snapshots[0].1.0;
            assert!(start.iter().all(|&phi| (f64::from(phi) - middle).abs() < 1e-6), "{start:?}, {middle}");
            assert!(trace.snapshots[0].1.0.iter().all(|&phi| phi == 0.0));
            assert_eq!(measures.in_training(), Some(batch));
            assert_eq!(trace.batch_location.as_ref().unwrap().mean.len(), trace.epochs.len());
        }
        let json = serde_json::to_string(&record).unwrap();
        let read: Record = serde_json::from_str(&json).unwrap();
        assert_eq!(read.measures.unwrap().convergence, measures.convergence);
        // Records of earlier versions have none.
        let mut old: serde_json::Value = serde_json::from_str(&json).unwrap();
        old.as_object_mut().unwrap().remove("measures");
        assert!(serde_json::from_value::<Record>(old).unwrap().measures.is_none());
    }
}

/// What a reader moves through is the run: its boundaries at every frame, and its function and result at the last.
#[test]
fn frames_are_the_network_at_their_epochs() {
    for method in method::in_paper(method::Architecture::Dense) {
        let (record, trace) = levy_run(method, Watching::Curves);
        let trace = trace.unwrap();
        let epochs: Vec<usize> = trace.frames.iter().map(|frame| frame.epochs).collect();
        let expected = (0..=EPOCHS).filter(|&epochs| is_framed(epochs)).chain([EPOCHS]);
        assert_eq!(epochs, expected.collect::<Vec<_>>(), "{method}");
        let of = |snapshots: &[(usize, Numbers)], epochs| {
            snapshots.iter().find(|(known, _)| *known == epochs).unwrap().1.clone()
        };
        for frame in &trace.frames {
            let expected = of(&trace.snapshots, frame.epochs);
            for (found, expected) in Shallow::of(frame, 1).unwrap().locations().iter().zip(&expected.0) {
                let scale = f64::from(expected.abs()).max(1.0);
                assert!(
                    (found - f64::from(*expected)).abs() < 1e-4 * scale,
                    "{method}: {found} for {expected}"
                );
            }
            if method == method::BN {
                assert_eq!(frame.batch, of(&trace.batch_snapshots, frame.epochs));
            } else {
                assert!(frame.batch.0.is_empty());
            }
        }
        let last = Shallow::of(trace.frames.last().unwrap(), 1).unwrap();
        let (grid, truth) = levy::grid();
        let mut squares = 0.0;
        for ((x, truth), trained) in grid.iter().zip(&truth).zip(&trace.trained.0) {
            let y = last.value(&[*x]);
            squares += (y - truth) * (y - truth) / grid.len() as f64;
            assert!((y - f64::from(*trained)).abs() < 1e-4, "{method} at {x}: {y} for {trained}");
        }
        assert!((squares.sqrt() - record.value.unwrap()).abs() < 1e-4, "{method}");
    }
}

/// In the first 500 steps at 0.01, most of what BN's boundary seems to move is the lag of its averages: 3 to 5 bits, as a
/// computation of its own in another language had it.
#[test]
fn the_lag_of_running_statistics_is_most_of_bns_movement() {
    let (record, _) = levy_run_at(method::BN, 0.01, 500, Watching::Measures);
    let measures = record.measures.unwrap();
    let mean = |of: &Option<Stability>| of.as_ref().unwrap().location.whole.mean.log_of_mean;
    let lag = mean(&measures.running) - mean(&measures.batch);
    assert!((2.5..5.5).contains(&lag), "{lag}");
}
