//! Runs on the simulated cluster: either the result of one process, or a clean error that names the rank; never another
//! number, and never ranks that wait for each other. `GMP_SCHEDULES=10000` tries more of them.

use crate::cluster::{Cluster, Draws, Fate};
use crate::forms::mlp;
use crate::same_bits::{regression, setup, trainer};
use crate::{Bytes, Setup};
use gmp_train::exchange::on_threads;
use gmp_train::{Error, Loss, Trainer};

fn small(form: &'static str) -> Setup<f32> {
    let trainer =
        Trainer { batch_size: 9, micro_batch: Some(2), epochs: 2, ..trainer(Loss::MeanSquaredError) };
    Setup { train: regression(21, 0.0), validation: Some(regression(7, 4.0)), ..setup(form, trainer) }
}

#[test]
fn every_schedule_ends_with_the_result_of_one_process_or_a_clean_error() {
    check(&["BN", "GmP+IMN"].map(small), schedules());
}

/// The same with gradients of several messages, which are under way in both directions at the same time.
#[test]
fn every_schedule_of_a_large_network_ends_with_the_result_of_one_process_or_a_clean_error() {
    let network = Box::new(|| mlp(3, &[300, 230], 2, "SP").build(3).unwrap());
    let setup = Setup { train: regression(12, 0.0), network, ..small("SP") };
    assert!((setup.network)().parameters.values().len() > 1 << 16);
    check(&[setup], schedules() / 10);
}

fn schedules() -> u64 {
    std::env::var("GMP_SCHEDULES").map_or(500, |n| n.parse().expect("GMP_SCHEDULES is a number"))
}

fn check(setups: &[Setup<f32>], schedules: u64) {
    let alone: Vec<_> = setups.iter().map(Setup::alone).collect();
    // How many exchanges the ranks of a whole run have.
    let lengths: Vec<Vec<usize>> = (0..=5)
        .map(|ranks| match ranks {
            0 => Vec::new(),
            _ => Cluster::new(0, ranks, Fate::Lives).run(|node| setups[0].run(node).unwrap()).1,
        })
        .collect();
    let (mut whole, mut broken, mut resumed) = (0, 0, 0);
    for seed in 0..schedules {
        let mut draws = Draws(seed);
        let which = draws.below(setups.len());
        let (setup, alone) = (&setups[which], &alone[which]);
        let ranks = 2 + draws.below(4);
        let rank = draws.below(ranks);
        let at = 1 + draws.below(lengths[ranks][rank]);
        let fate = match draws.below(8) {
            0 | 1 => Fate::Lives,
            2 | 3 => Fate::Killed { rank, at },
            4 => Fate::Panics { rank, at },
            5 => Fate::Breaks { rank, at },
            6 => Fate::Damages { rank, at },
            _ => Fate::Repeats { rank, at },
        };
        let place = format!("schedule {seed}: {ranks} ranks, {fate:?}");
        let cluster = Cluster::new(seed, ranks, fate);
        let kept = std::sync::Mutex::new(Vec::new());
        let (results, _) = cluster.run(|node| {
            /// Keeps what was written, however the rank ends.
            struct Written<'a>(Bytes, &'a std::sync::Mutex<Vec<Vec<u8>>>);
            impl Drop for Written<'_> {
                fn drop(&mut self) {
                    self.1.lock().unwrap().append(&mut self.0.steps);
                }
            }
            let mut written = Written(Bytes::default(), &kept);
            setup.train(node, None, &mut written.0)
        });
        let mut is_whole = true;
        for (rank, result) in results.iter().enumerate() {
            match result {
                Some(Ok(outcome)) => {
                    assert!(outcome.state == alone.state, "{place}: another result on rank {rank}");
                    assert!(rank > 0 || outcome.end == alone.end, "{place}: another checkpoint");
                }
                Some(Err(Error::Rank { rank: named, problem })) => {
                    is_whole = false;
                    assert_eq!(Some(*named), fate.rank(), "{place}: {problem}");
                }
                Some(Err(error)) => panic!("{place}: {error}"),
                None => {
                    is_whole = false;
                    assert_eq!(Some(rank), fate.rank(), "{place}");
                }
            }
        }
        assert!(fate != Fate::Lives || is_whole, "{place}: it ended");
        if is_whole {
            whole += 1;
            continue;
        }
        broken += 1;
        // The newest checkpoint goes on with another number of ranks.
        if let Some(newest) = kept.into_inner().unwrap().last() {
            resumed += 1;
            let others = 1 + draws.below(4);
            let ends =
                on_threads(others, |node| setup.train(node, Some(newest), &mut Bytes::default()).unwrap());
            assert!(ends[0].end == alone.end, "{place}: another result when it went on with {others} ranks");
        }
    }
    println!(
        "{schedules} schedules: {whole} ended whole, {broken} with a clean error, {resumed} went on elsewhere"
    );
    assert!(schedules < 50 || whole > schedules / 10 && broken > schedules / 4 && resumed > schedules / 10);
}

/// Every exchange of a run, of every rank: it dies there.
#[test]
fn a_rank_that_dies_inside_any_exchange_ends_the_run_by_name() {
    let setup = Setup { train: regression(9, 0.0), ..small("BN") };
    let alone = setup.alone();
    for ranks in [2, 3] {
        let (_, lengths) = Cluster::new(0, ranks, Fate::Lives).run(|node| setup.run(node).unwrap());
        for rank in 0..ranks {
            for at in 1..=lengths[rank] {
                let cluster = Cluster::new(at as u64, ranks, Fate::Killed { rank, at });
                for (survivor, result) in cluster.run(|node| setup.run(node)).0.into_iter().enumerate() {
                    match result {
                        None => assert_eq!(survivor, rank),
                        // It may die when the others need nothing of it any more.
                        Some(Ok(outcome)) => assert!(outcome.state == alone.state),
                        Some(Err(error)) => {
                            assert!(
                                matches!(error, Error::Rank { rank: named, .. } if named == rank),
                                "{error}"
                            );
                        }
                    }
                }
            }
        }
    }
}
