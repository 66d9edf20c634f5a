//! What a call would carry out (`--plan`): how many runs, of how many images, in how much memory; how long they take on this
//! machine, as several jobs, and on several ranks.

use crate::experiment::Study;
use crate::experiment::images::size::Size;
use crate::run::Run;
use crate::run::execute::say;
use crate::run::stop::Stop;
use crate::run::store::Store;
use crate::scaling::{CONNECTIONS, Step};
use indicatif::{HumanCount, HumanDuration};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long the pace of an experiment is measured.
const MEASURED: Duration = Duration::from_secs(10);
/// The numbers of jobs for which the time is shown.
const JOBS: [f64; 3] = [4.0, 16.0, 64.0];
/// On how many ranks that share out batches, where there are as many parts.
const RANKS: [usize; 4] = [2, 4, 8, 16];

/// The plan of one experiment, a few lines.
///
/// The pace is that of some of the runs that are left, carried out for at most ten seconds and not kept, from cheap to
/// expensive ones, and of the first steps of runs on images; where that gives no answer, the pace of finished runs.
pub(super) fn lines(id: &str, study: &dyn Study, store: &Store, threads: usize, stop: &Stop) -> Vec<String> {
    let stage = study.runs();
    let left: Vec<&Run> = stage.iter().filter(|run| store.find(run).is_none()).collect();
    let epochs = left.iter().map(|run| run.epoch_limit).max().unwrap_or(0);
    let mut lines = vec![format!(
        "{id:8} {} runs; {} are done, {} are left{}",
        stage.len(),
        stage.len() - left.len(),
        left.len(),
        if left.is_empty() { String::new() } else { format!(", each of at most {epochs} epochs") }
    )];
    if left.is_empty() {
        return lines;
    }
    let images = Images::of(study, &left);
    let at_a_time = study.at_a_time(threads).min(left.len());
    lines.extend(images.as_ref().map(|images| format!("{:8} {}", "", images.told(at_a_time))));
    let total: f64 = left.iter().map(|run| study.cost(run)).sum();
    let (pace, source) = match measured(id, study, &left, stop) {
        Some(pace) => (pace, "measured here"),
        None => match recorded(study, &stage, store) {
            Some(pace) => (pace, "from finished runs"),
            None => {
                lines.push(format!(
                    "{:8} the time is not known: a run takes more than {} seconds here, and none is finished",
                    "",
                    MEASURED.as_secs()
                ));
                return lines;
            }
        },
    };
    let seconds = total * pace / at_a_time as f64;
    let time = |seconds: f64| HumanDuration(Duration::from_secs_f64(seconds.clamp(1.0, 1e12))).to_string();
    let jobs: Vec<String> =
        JOBS.iter().map(|jobs| format!("{} as {jobs} jobs", time(seconds / jobs))).collect();
    lines.push(format!(
        "{:8} about {} with {at_a_time} at a time on this machine ({source}); {} or ranks with runs of their own (--shard K/N, \
         or mpirun -n K and --share runs)",
        "",
        time(seconds),
        jobs.join(", ")
    ));
    lines.extend(
        images.and_then(|images| images.on_ranks(seconds, time)).map(|told| format!("{:8} {told}", "")),
    );
    lines
}

/// The images of the runs that are left, as far as they have any.
struct Images {
    images: u64,
    steps: u64,
    /// Of the run that takes most memory.
    largest: Size,
}

impl Images {
    fn of(study: &dyn Study, left: &[&Run]) -> Option<Self> {
        // Seeds make no difference.
        let mut sizes = HashMap::new();
        let (mut images, mut steps, mut largest) = (0, 0, None::<Size>);
        for run in left {
            let kind = (&run.dataset, &run.data, run.method, run.epoch_limit, run.setting.batch_size);
            let Some(size) = *sizes.entry(kind).or_insert_with(|| study.size(run)) else { continue };
            images += size.images;
            steps += size.steps;
            largest = largest.into_iter().chain([size]).max_by_key(|size| size.memory(1));
        }
        Some(Self { images, steps, largest: largest? })
    }

    fn told(&self, at_a_time: usize) -> String {
        let Self { images, steps, largest } = self;
        let memory = largest.held + (largest.memory(1) - largest.held) * at_a_time as u64;
        format!(
            "at most {} images to train on, in {} steps; about {} of memory for a process",
            HumanCount(*images),
            HumanCount(*steps),
            mebibytes(memory)
        )
    }

    /// The same runs, `seconds` in one process, on ranks that share out every batch; none where a batch is one part.
    fn on_ranks(&self, seconds: f64, time: impl Fn(f64) -> String) -> Option<String> {
        let Size { parts, network, .. } = self.largest;
        let step = Step { seconds: seconds / self.steps as f64, parts, parameters: network.parameters };
        let ranks: Vec<usize> = RANKS.into_iter().filter(|&ranks| ranks <= parts).collect();
        let most = ranks.last()?;
        let over = CONNECTIONS.map(|connection| {
            let on = |&ranks: &usize| time(seconds / step.speedup(ranks, &connection));
            format!("{} over {}", ranks.iter().map(on).collect::<Vec<_>>().join(", "), connection.name)
        });
        let ranks: Vec<String> = ranks.iter().map(usize::to_string).collect();
        Some(format!(
            "on {} ranks of such machines that share the {parts} parts of every batch (mpirun -n K, by the model of xtask/docs/CLUSTER.md): {}; \
             about {} of memory for each of {most}",
            ranks.join(", "),
            over.join("; "),
            mebibytes(self.largest.memory(*most))
        ))
    }
}

/// An estimate of memory, without digits that it does not have.
fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", HumanCount(bytes.div_ceil(1 << 20)))
}

/// Seconds per unit of cost, of runs that are left.
fn measured(id: &str, study: &dyn Study, left: &[&Run], stop: &Stop) -> Option<f64> {
    let mut order = left.to_vec();
    order.sort_by(|a, b| study.cost(a).total_cmp(&study.cost(b)));
    // Some cheap, some middling, some expensive: 1/8, 3/8, 5/8 and 7/8 of the way, then those between.
    let parts = 64.min(order.len());
    let places =
        [4, 2, 1].into_iter().flat_map(|step| (0..parts).filter(move |part| part % (2 * step) == step));
    let places = places.chain((0..parts).filter(|part| part % 2 == 0 && part % 8 == 0));
    say(&format!("{id}: measuring for at most {} seconds", MEASURED.as_secs()));
    let end = Instant::now() + MEASURED;
    let (mut seconds, mut cost) = (0.0, 0.0);
    for place in places {
        let run = order[place * order.len() / parts];
        if let Some(taken) = study.seconds(run, end, stop) {
            seconds += taken;
            cost += study.cost(run);
        }
        if Instant::now() >= end || stop.load(Ordering::Relaxed) {
            break;
        }
    }
    (cost > 0.0).then_some(seconds / cost)
}

/// The same of the runs that are there.
fn recorded(study: &dyn Study, stage: &[Run], store: &Store) -> Option<f64> {
    let there = stage.iter().filter_map(|run| Some((study.cost(run), store.find(run)?.seconds)));
    let (cost, seconds) = there.fold((0.0, 0.0), |(c, s), (cost, seconds)| (c + cost, s + seconds));
    (cost > 0.0 && seconds > 0.0).then_some(seconds / cost)
}
