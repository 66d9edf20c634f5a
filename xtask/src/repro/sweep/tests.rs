//! Threads as ranks, and ranks of a simulated cluster: the records and curves of one process, whatever becomes of the others.

// The simulated cluster of training on several ranks.
#[allow(dead_code, reason = "training on several ranks uses all of it")]
#[path = "../../../../gmp-train/tests/ranks/cluster.rs"]
mod cluster;

use super::messages::wait_for;
use super::*;
use crate::experiment::{Context, Experiment as _, Prepared, fig2::Fig2};
use crate::method;
use crate::report::html::Section;

use crate::repro::shard::Share;
use crate::run::execute::be_quiet;
use crate::run::execute::tests::{record, runs};
use crate::run::results::Results;
use crate::run::store::Store;
use cluster::{Cluster, Draws, Fate};
use gmp_train::exchange::{ThreadRank, threads};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

/// Two stages, of which the second depends on the results of the first, and what a run does on which rank.
struct Fake<'a> {
    first: u64,
    rank: usize,
    work: &'a (dyn Fn(usize, &Run, &Stop) -> Finished + Sync),
}

impl Study for Fake<'_> {
    fn runs(&self) -> Vec<Run> {
        runs(self.first)
    }
    fn more(&self, results: &Results<'_>) -> Vec<Run> {
        let sum: f64 = results.records.iter().filter_map(|record| record.value).sum();
        let is_first = results.records.len() == self.first as usize;
        if is_first {
            runs(self.first + 1 + sum as u64 % 5).split_off(self.first as usize)
        } else {
            Vec::new()
        }
    }
    fn cost(&self, run: &Run) -> f64 {
        (run.seed % 3) as f64
    }
    fn carry_out(&self, run: &Run, stop: &Stop) -> Finished {
        (self.work)(self.rank, run, stop)
    }
    fn report(&self, _: &Context, _: &Results<'_>) -> Section {
        Section::default()
    }
}

/// The end of a sweep that nothing happened to.
const DONE: End = End { code: 0, has_lost: false };

fn trained(run: &Run) -> Finished {
    let value = (run.seed as f64 + 0.1).sqrt();
    let curves =
        Trace { epochs: vec![value as f32, f32::MIN_POSITIVE], loss: vec![f32::NAN], ..Trace::default() };
    let record = Record { value: Some(value), validation: Some(f64::INFINITY), ..record(run) };
    Ok(Some((record, run.seed.is_multiple_of(2).then_some(curves))))
}

const QUICK: Pace = Pace {
    look: Duration::from_micros(100),
    report: [Duration::from_millis(1), Duration::from_millis(4)],
    silence: Duration::from_secs(20),
};

/// Rank 0 of a sweep.
fn lead(
    exchange: &mut (dyn Exchange + Send),
    study: &dyn Study,
    out: &Path,
    places: usize,
    (stop, pace): (&Stop, Pace),
) -> Result<bool> {
    let sweep = Sweep::new(vec![vec![places]; exchange.ranks()]);
    thread::scope(|scope| {
        scope.spawn(|| sweep.attend(exchange, stop, pace));
        let done = follow_stages(study, out, stop, Places::on(&sweep, 0));
        sweep.end(0);
        done
    })
}

/// Whether all runs are done.
fn follow_stages(study: &dyn Study, out: &Path, stop: &Stop, places: Places<'_>) -> Result<bool> {
    let mut store = Store::open(out, "test")?;
    let ended = Share::all().carry_out("test", 1, study, &mut store, out, stop, places)?;
    if let ControlFlow::Continue(runs) = &ended {
        store.rewrite(runs)?;
    }
    Ok(matches!(ended, ControlFlow::Continue(_)))
}

/// The file of records without the times, and the files of curves.
fn files(out: &Path) -> (String, Vec<(PathBuf, Vec<u8>)>) {
    let text = std::fs::read_to_string(out.join("test/runs.jsonl")).unwrap();
    let without_seconds = |line: &str| {
        let (before, rest) = line.split_once("\"seconds\":").unwrap();
        format!("{before}{}\n", rest.split_once(',').unwrap().1)
    };
    let entries = std::fs::read_dir(out.join("test/traces")).unwrap().map(|entry| entry.unwrap().path());
    let mut curves: Vec<_> =
        entries.map(|path| (path.file_name().unwrap().into(), std::fs::read(&path).unwrap())).collect();
    curves.sort();
    (text.lines().map(without_seconds).collect(), curves)
}

fn alone(study: &dyn Study) -> (String, Vec<(PathBuf, Vec<u8>)>) {
    let out = tempfile::tempdir().unwrap();
    assert!(follow_stages(study, out.path(), &Stop::default(), Places::HERE).unwrap());
    files(out.path())
}

/// A sweep on threads: what became of rank 0, and of the others.
fn on_threads(
    ranks: usize,
    places: usize,
    out: &Path,
    pace: Pace,
    study: impl Fn(usize) -> Box<dyn Study> + Sync,
    serve: impl Fn(&mut ThreadRank, &dyn Study, &Stop) -> Result<End> + Sync,
) -> (Result<bool>, Vec<Result<End>>) {
    let (study, serve) = (&study, &serve);
    let mut all = threads(ranks);
    let mut first = all.remove(0);
    thread::scope(|scope| {
        let others: Vec<_> = (1..)
            .zip(all)
            .map(|(rank, mut exchange)| {
                // What a rank has is gone with it.
                scope.spawn(move || serve(&mut exchange, &*study(rank), &Stop::default()))
            })
            .collect();
        let done = lead(&mut first, &*study(0), out, places, (&Stop::default(), pace));
        drop(first);
        (done, others.into_iter().map(|rank| rank.join().unwrap()).collect())
    })
}

fn serve_study(exchange: &mut dyn Exchange, study: &dyn Study, stop: &Stop) -> Result<End> {
    serve(exchange, |_, run| study.carry_out(run, stop), stop, QUICK)
}

#[test]
fn any_number_of_ranks_leaves_the_files_of_one_process() {
    let study = |rank| Box::new(Fake { first: 17, rank, work: &|_, run, _| trained(run) }) as Box<dyn Study>;
    let expected = alone(&*study(0));
    assert!(expected.0.lines().count() > 17 && expected.1.len() > 8, "{expected:?}");
    for (ranks, places) in [(1, 2), (2, 1), (3, 2), (5, 1), (7, 9)] {
        let out = tempfile::tempdir().unwrap();
        let (done, others) = on_threads(ranks, places, out.path(), QUICK, study, |exchange, study, stop| {
            serve_study(exchange, study, stop)
        });
        assert!(done.unwrap());
        assert!(others.iter().all(|end| matches!(end, Ok(DONE))), "{others:?}");
        assert_eq!(files(out.path()), expected, "{ranks} ranks with {places} places");
    }
}

/// Networks are trained.
#[test]
fn a_figure_has_the_same_records_and_curves_on_several_ranks() {
    let prepared = |_| {
        let context = Context {
            seeds: Some(1),
            methods: Some(vec![method::SP, method::GMP]),
            rates: Some(vec![0.1]),
            ..Context::default()
        };
        match Fig2.prepare(&context).unwrap() {
            Prepared::Ready(study) => study,
            Prepared::Skipped(_) => panic!("it needs no data"),
        }
    };
    let expected = alone(&*prepared(0));
    let out = tempfile::tempdir().unwrap();
    let served = AtomicUsize::new(0);
    let (done, others) = on_threads(3, 1, out.path(), QUICK, prepared, |exchange, study, stop| {
        let carry_out = |_, run: &Run| {
            served.fetch_add(1, Ordering::Relaxed);
            study.carry_out(run, stop)
        };
        serve(exchange, carry_out, stop, QUICK)
    });
    assert!(done.unwrap() && others.iter().all(Result::is_ok));
    assert!(served.into_inner() > 0, "the first rank did everything");
    assert_eq!(files(out.path()), expected);
}

/// By leaving, by an error of its exchange, or by saying nothing any more.
#[test]
fn the_runs_of_a_rank_that_is_lost_go_to_others() {
    let study = |rank| {
        let slowly = |_, run: &Run, _: &Stop| {
            thread::sleep(Duration::from_millis(5));
            trained(run)
        };
        Box::new(Fake { first: 12, rank, work: Box::leak(Box::new(slowly)) }) as Box<dyn Study>
    };
    let expected = alone(&*study(0));
    let impatient = Pace { silence: Duration::from_millis(200), ..QUICK };
    for is_silent in [false, true] {
        let taken = AtomicUsize::new(0);
        let out = tempfile::tempdir().unwrap();
        let (done, others) = on_threads(3, 2, out.path(), impatient, study, |exchange, study, stop| {
            if exchange.rank() == 1 {
                return serve_study(exchange, study, stop);
            }
            // It takes its runs and does nothing with them.
            for number in 1.. {
                send(exchange, 0, &Report { number, ended: Vec::new(), stop: false })?;
                let answer: Answer = wait_for(exchange, 0, QUICK)?;
                if !answer.orders.is_empty() {
                    taken.fetch_add(answer.orders.len(), Ordering::Relaxed);
                    break;
                }
            }
            if is_silent {
                thread::sleep(3 * impatient.silence);
                // Heard again after it was given up, if rank 0 is still there.
                send(exchange, 0, &Report { number: u64::MAX, ended: Vec::new(), stop: false })?;
            }
            Ok(End { code: 7, ..DONE })
        });
        // The other one must not wait for it at the end.
        assert!(done.unwrap() && matches!(others[0], Ok(End { code: 0, has_lost: true })), "{others:?}");
        assert!(taken.into_inner() > 0);
        assert_eq!(files(out.path()), expected, "silent: {is_silent}");
    }
}

#[test]
fn a_rank_that_was_given_up_and_speaks_again_is_told_to_end() {
    let [mut first, mut second] = <[ThreadRank; 2]>::try_from(threads(2)).unwrap();
    let sweep = Sweep::new(vec![vec![1]; 2]);
    let mut link = Link { rank: 1, reports: 0, silence: Duration::ZERO, is_given_up: true, is_closed: false };
    send(&mut second, 0, &Report { number: 1, ended: Vec::new(), stop: false }).unwrap();
    let mut message = Vec::new();
    first.receive(1, &mut message).unwrap();
    sweep.answer(&mut link, &mut first, &message, &Stop::default()).unwrap();
    let answer: Answer = wait_for(&mut second, 0, QUICK).unwrap();
    assert!(answer.end.is_some_and(|end| end.code == 1) && link.is_closed);
    // What it said is not taken twice, and nothing damaged is taken.
    assert!(sweep.answer(&mut link, &mut first, &message, &Stop::default()).is_err());
    for bit in 0..8 * message.len() {
        let mut damaged = message.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(read::<Report>(&damaged).is_none());
    }
}

#[test]
fn a_rank_whose_leader_is_lost_ends_with_an_error_that_says_so() {
    let work: &(dyn Fn(usize, &Run, &Stop) -> Finished + Sync) = &|_, run, _| trained(run);
    let study = Fake { first: 1, rank: 1, work };
    for is_silent in [false, true] {
        let [first, mut second] = <[ThreadRank; 2]>::try_from(threads(2)).unwrap();
        let kept = is_silent.then_some(first);
        let pace = Pace { silence: Duration::from_millis(50), ..QUICK };
        let stop = Stop::default();
        let ended = serve(&mut second, |_, run| study.carry_out(run, &stop), &stop, pace);
        let said = ended.unwrap_err().to_string();
        assert!(said.starts_with("rank 0: ") && said.contains("sent no message") == is_silent, "{said}");
        drop(kept);
    }
}

/// An error or a panic on another rank is tried again on rank 0, whose word counts.
#[test]
fn what_another_rank_cannot_carry_out_is_carried_out_by_the_first() {
    let out = tempfile::tempdir().unwrap();
    let study = |rank| {
        let work = |rank: usize, run: &Run, _: &Stop| match (rank, run.seed) {
            (1.., 0 | 3) => Err(anyhow!("its disk is full")),
            (2, _) => panic!("as the test wants it"),
            _ => trained(run),
        };
        Box::new(Fake { first: 9, rank, work: Box::leak(Box::new(work)) }) as Box<dyn Study>
    };
    let expected = alone(&*study(0));
    let serve =
        |exchange: &mut ThreadRank, study: &dyn Study, stop: &Stop| serve_study(exchange, study, stop);
    let (done, others) = on_threads(3, 1, out.path(), QUICK, study, serve);
    assert!(done.unwrap() && others.iter().all(Result::is_ok));
    assert_eq!(files(out.path()), expected);

    // One that fails everywhere costs the others nothing.
    let out = tempfile::tempdir().unwrap();
    let study = |rank| {
        let work = |rank: usize, run: &Run, _: &Stop| match run.seed {
            4 => Err(anyhow!("rank {rank} has no data")),
            _ => trained(run),
        };
        Box::new(Fake { first: 9, rank, work: Box::leak(Box::new(work)) }) as Box<dyn Study>
    };
    let (done, _) = on_threads(3, 1, out.path(), QUICK, study, serve);
    let said = done.unwrap_err().to_string();
    assert!(said.ends_with("seed 4: rank 0 has no data"), "{said}");
    assert_eq!(files(out.path()).0.lines().count(), 8);
}

/// A signal to one rank stops all, and what is finished is kept.
#[test]
fn a_signal_to_any_rank_stops_all() {
    for stopped in [0, 2] {
        let out = tempfile::tempdir().unwrap();
        // Each run but the first few lasts until it is stopped.
        let begun = Arc::new(AtomicUsize::new(0));
        let work = |_, run: &Run, stop: &Stop| {
            if begun.fetch_add(1, Ordering::Relaxed) < 4 {
                return trained(run);
            }
            while !stop.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
            Ok(None)
        };
        let is_asked = AtomicBool::new(false);
        let mut all = threads(3);
        let mut first = all.remove(0);
        let (work, is_asked) = (&work, &is_asked);
        let stop = Stop::default();
        thread::scope(|scope| {
            let others: Vec<_> = (1..)
                .zip(all)
                .map(|(rank, mut exchange)| {
                    scope.spawn(move || {
                        let stop = Stop::default();
                        let study = Fake { first: 20, rank, work };
                        thread::scope(|scope| {
                            let asked = stop.clone();
                            scope.spawn(move || {
                                while !is_asked.load(Ordering::Relaxed) {
                                    thread::sleep(Duration::from_millis(1));
                                }
                                asked.fetch_or(rank == stopped, Ordering::Relaxed);
                            });
                            serve_study(&mut exchange, &study, &stop)
                        })
                    })
                })
                .collect();
            let asked = stop.clone();
            scope.spawn(move || {
                thread::sleep(Duration::from_millis(100));
                is_asked.store(true, Ordering::Relaxed);
                asked.fetch_or(stopped == 0, Ordering::Relaxed);
            });
            let study = Fake { first: 20, rank: 0, work };
            assert!(!lead(&mut first, &study, out.path(), 1, (&stop, QUICK)).unwrap());
            assert!(others.into_iter().all(|rank| matches!(rank.join().unwrap(), Ok(DONE))));
        });
        let store = Store::open(out.path(), "test").unwrap();
        assert_eq!(runs(20).iter().filter(|run| store.find(run).is_some()).count(), 4);
    }
}

/// Delays, overtaking and every kind of loss: rank 0 has the files of one process in the end. `GMP_SCHEDULES=10000` tries more.
#[test]
fn on_a_simulated_cluster_every_schedule_leaves_the_files_of_one_process() {
    be_quiet();
    let schedules =
        std::env::var("GMP_SCHEDULES").map_or(120, |n| n.parse().expect("GMP_SCHEDULES is a number"));
    let work: &(dyn Fn(usize, &Run, &Stop) -> Finished + Sync) = &|_, run, _| trained(run);
    let study = |rank| Fake { first: 5, rank, work };
    let expected = alone(&study(0));
    let pace = Pace { look: Duration::ZERO, report: [Duration::from_micros(50); 2], ..QUICK };
    let (mut lost, mut whole) = (0, 0);
    for seed in 0..schedules {
        let mut draws = Draws(seed);
        let ranks = 2 + draws.below(3);
        let (rank, at) = (1 + draws.below(ranks - 1), 1 + draws.below(40));
        let fate = match draws.below(7) {
            0 => Fate::Lives,
            1 | 2 => Fate::Killed { rank, at },
            3 => Fate::Panics { rank, at },
            4 => Fate::Breaks { rank: draws.below(ranks), at },
            5 => Fate::Damages { rank: draws.below(ranks), at },
            _ => Fate::Repeats { rank: draws.below(ranks), at },
        };
        let out = tempfile::tempdir().unwrap();
        let places = 1 + draws.below(2);
        let (ends, _) = Cluster::new(seed, ranks, fate).run(|node| {
            let (rank, stop) = (node.rank(), Stop::default());
            if rank == 0 {
                return lead(node, &study(0), out.path(), places, (&stop, pace)).map(u8::from);
            }
            serve(node, |_, run| study(rank).carry_out(run, &stop), &stop, pace).map(|end| end.code)
        });
        assert!(matches!(ends[0], Some(Ok(1))), "schedule {seed}, {fate:?}: {:?}", ends[0]);
        assert_eq!(files(out.path()), expected, "schedule {seed}, {fate:?}");
        let all_ended = ends[1..].iter().all(|end| matches!(end, Some(Ok(0))));
        assert!(all_ended || fate != Fate::Lives, "schedule {seed}: {ends:?}");
        *(if all_ended { &mut whole } else { &mut lost }) += 1;
    }
    println!("{schedules} schedules: {lost} lost a rank, {whole} lost none");
    assert!(schedules < 100 || lost > schedules / 4 && whole > schedules / 10);
}
