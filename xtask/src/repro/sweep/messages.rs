//! What the ranks of a sweep say to each other, and how long one waits for the other.

use crate::run::Run;
use gmp_train::exchange::{Exchange, Lost};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::thread;
use std::time::{Duration, Instant};

/// What a rank tells rank 0.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// From 1 on.
    pub(super) number: u64,
    /// The orders that have ended since the last report.
    pub(super) ended: Vec<(u64, Outcome)>,
    /// Whether it was asked to end, by a signal.
    pub(super) stop: bool,
}

/// What has become of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// Its line of `runs.jsonl`, and the content of its file of curves.
    Finished(String, Option<String>),
    /// It was given up because of a signal.
    Stopped,
    /// It could not be carried out.
    Failed(String),
}

/// What rank 0 says to a report.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    /// That of the report.
    pub(super) number: u64,
    pub(super) orders: Vec<Order>,
    /// Whether the runs that are under way are to be given up.
    pub(super) stop: bool,
    pub(super) end: Option<End>,
}

/// How a rank is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    /// Its exit code.
    pub(super) code: u8,
    /// Whether a rank is lost: MPI's own end (`MPI_Finalize`) would wait for that one, possibly for ever.
    pub(super) has_lost: bool,
}

/// A run to carry out.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) number: u64,
    /// Its place among the experiments of the command.
    pub(super) experiment: usize,
    pub(super) run: Run,
}

/// How often ranks look and speak, and after which silence they are given up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Between two looks for messages.
    pub(super) look: Duration,
    /// Between two reports: from the first after something has happened to the longest.
    pub(super) report: [Duration; 2],
    /// Longest silence.
    pub(super) silence: Duration,
}

impl Pace {
    /// That of processes. A message takes microseconds; a run seldom less than a tenth of a second.
    pub(super) const USUAL: Self = Self {
        look: Duration::from_micros(300),
        report: [Duration::from_millis(1), Duration::from_millis(64)],
        silence: Duration::from_secs(15),
    };
}

/// A silence grows by no more than this between two looks: a process that was suspended does not blame the others.
pub(super) const MOST_BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Sends something with a checksum before it.
pub(super) fn send(exchange: &mut dyn Exchange, to: usize, content: &impl Serialize) -> Result<(), Lost> {
    let mut message = vec![0; 4];
    serde_json::to_writer(&mut message, content)
        .map_err(|error| Lost { rank: to, why: error.to_string() })?;
    let sum = crc32fast::hash(&message[4..]);
    message[..4].copy_from_slice(&sum.to_le_bytes());
    exchange.send(to, &message)
}

/// What was sent; none where it was damaged.
pub(super) fn read<T: DeserializeOwned>(message: &[u8]) -> Option<T> {
    let (sum, content) = message.split_first_chunk()?;
    let is_whole = u32::from_le_bytes(*sum) == crc32fast::hash(content);
    is_whole.then(|| serde_json::from_slice(content).ok()).flatten()
}

/// Waits for something to be sent.
pub(super) fn wait_for<T: DeserializeOwned>(
    exchange: &mut dyn Exchange,
    from: usize,
    pace: Pace,
) -> Result<T, Lost> {
    let (mut message, mut silence, mut last) = (Vec::new(), Duration::ZERO, Instant::now());
    while !exchange.try_receive(from, &mut message)? {
        silence += last.elapsed().min(MOST_BETWEEN_LOOKS);
        last = Instant::now();
        if silence > pace.silence {
            return Err(silent(from, pace));
        }
        thread::sleep(pace.look);
    }
    read(&message).ok_or_else(|| out_of_turn(from))
}

pub(super) fn silent(rank: usize, pace: Pace) -> Lost {
    Lost { rank, why: format!("it has sent no message for {} s", pace.silence.as_secs()) }
}

pub(super) fn out_of_turn(rank: usize) -> Lost {
    Lost { rank, why: "its message is damaged or unexpected".to_owned() }
}
