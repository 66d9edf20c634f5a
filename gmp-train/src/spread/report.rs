//! The reports of ranks about their parts.

use crate::Error;
use crate::checkpoint::{decode, encode};
use crate::exchange::{Lost, Ranks, from_bytes, to_bytes};
use gmp_nn::{Element, RecordedStatistics, Slot};
use serde::{Deserialize, Serialize};

/// What became of a rank's share of a batch, or of a validation.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// It is computed.
    Done(Vec<Taken>),
    /// There are no more batches in the epoch.
    End,
    /// Somebody set the flag.
    Stopped,
    /// It could not be computed.
    Failed(Failed),
}

/// A rank's share of one batch.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Taken {
    /// The number of the batch, and of its samples.
    pub(super) batch: usize,
    pub(super) whole: usize,
    /// Samples of the share that could not be read.
    pub(super) left_out: usize,
    /// A checksum of the batch, where all ranks read the whole of it.
    pub(super) digest: Option<u32>,
    pub(super) parts: Vec<Part>,
}

/// One part in numbers.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) samples: usize,
    /// Numbers in its targets.
    pub(super) targets: usize,
    pub(super) loss: f64,
    /// Sums of the metrics.
    pub(super) metrics: Vec<f64>,
    /// How the running statistics are to move; their numbers are behind the message.
    moves: Vec<Move>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Move {
    offset: usize,
    rows: usize,
    cols: usize,
    momentum: f64,
}

/// An error of another rank.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Failed {
    Diverged { what: String, value: f64, step: usize, epoch: usize, origin: String },
    Other(String),
}

impl Part {
    /// A part without running statistics.
    pub(super) fn new(samples: usize, targets: usize, loss: f64, metrics: Vec<f64>) -> Self {
        Self { samples, targets, loss, metrics, moves: Vec::new() }
    }

    /// Adds what a pass recorded; the numbers go to the end of `numbers`.
    pub(super) fn with<T: Element>(mut self, record: &RecordedStatistics<T>, numbers: &mut Vec<u8>) -> Self {
        for (slot, momentum, batch) in record.moves() {
            self.moves.push(Move { offset: slot.offset, rows: slot.rows, cols: slot.cols, momentum });
            to_bytes(batch, numbers);
        }
        self
    }

    /// Takes its moves out of the bytes that follow the message.
    pub(super) fn moves<T: Element>(
        &self,
        numbers: &mut &[u8],
        record: &mut RecordedStatistics<T>,
    ) -> Option<()> {
        record.clear();
        let mut batch = Vec::new();
        for &Move { offset, rows, cols, momentum } in &self.moves {
            let count = rows.checked_mul(cols)?;
            let (bytes, rest) = numbers.split_at_checked(count.checked_mul(size_of::<T>())?)?;
            *numbers = rest;
            batch.resize(count, T::ZERO);
            from_bytes(bytes, &mut batch);
            record.push(Slot { offset, rows, cols }, momentum, &batch);
        }
        Some(())
    }
}

impl Failed {
    pub(super) fn of(error: &Error) -> Self {
        match error.clone() {
            Error::Diverged { what, value, step, epoch, origin } => {
                Self::Diverged { what, value, step, epoch, origin }
            }
            other => Self::Other(other.to_string()),
        }
    }

    fn at(self, rank: usize) -> Error {
        match self {
            Self::Diverged { what, value, step, epoch, origin } => {
                Error::Diverged { what, value, step, epoch, origin }
            }
            Self::Other(problem) => Error::Rank { rank, problem },
        }
    }
}

/// What all ranks say together.
pub(super) enum Agreed {
    /// The share of every rank, in the order of the ranks, and the bytes behind its message.
    Done(Vec<(Vec<Taken>, Vec<u8>)>),
    End,
    Stopped,
}

/// Sends the report of this rank to the others, and receives theirs. All ranks come to the same result, even if it is
/// an error: that of the lowest rank that failed, whose parts come first.
pub(super) fn exchange(
    ranks: &mut Ranks<'_>,
    own: Result<Report, Error>,
    numbers: &[u8],
) -> Result<Agreed, Error> {
    let own = own.map_err(Box::new);
    let report = match &own {
        Ok(report) => encode(report),
        Err(error) => encode(&Report::Failed(Failed::of(error))),
    };
    let report = report.unwrap_or_default();
    let mut message = (report.len() as u64).to_le_bytes().to_vec();
    message.extend(report);
    message.extend(numbers);
    let all = ranks.gather(&message)?;
    let mut reports = Vec::new();
    for (rank, message) in all.iter().enumerate() {
        let Some((report, numbers)) = read(message) else {
            return Err(damaged(ranks, rank));
        };
        reports.push((report, numbers));
    }
    let failed = reports.iter().position(|(report, _)| matches!(report, Report::Failed(_)));
    if let Some(rank) = failed {
        return match (own, reports.swap_remove(rank).0) {
            // The error itself says more than what can be told of it.
            (Err(error), _) if rank == ranks.rank() => Err(*error),
            (_, Report::Failed(failed)) => Err(failed.at(rank)),
            _ => Err(damaged(ranks, rank)),
        };
    }
    if reports.iter().any(|(report, _)| matches!(report, Report::Stopped)) {
        return Ok(Agreed::Stopped);
    }
    let is_end = |report: &Report| matches!(report, Report::End);
    let at_end = is_end(&reports[0].0);
    let mut done = Vec::new();
    for (rank, (report, numbers)) in reports.into_iter().enumerate() {
        if is_end(&report) != at_end {
            let state = |is_end| if is_end { "at its end" } else { "at a batch" }.to_owned();
            let (found, expected) = (state(!at_end), state(at_end));
            return Err(Error::Differs { rank, what: "epoch".to_owned(), found, expected });
        }
        if let Report::Done(shares) = report {
            done.push((shares, numbers.to_vec()));
        }
    }
    Ok(if at_end { Agreed::End } else { Agreed::Done(done) })
}

/// What only this rank knows: the others are told.
pub(super) fn damaged(ranks: &mut Ranks<'_>, rank: usize) -> Error {
    let lost = Lost { rank, why: "its message is damaged".to_owned() };
    ranks.abort(&lost);
    lost.into()
}

fn read(message: &[u8]) -> Option<(Report, &[u8])> {
    let (length, rest) = message.split_first_chunk()?;
    let (report, numbers) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    Some((decode(report).ok()?, numbers))
}
