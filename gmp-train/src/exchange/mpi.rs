//! Processes that an MPI launcher started.

use super::{Check, Exchange, Lost, Swap};
use mpi::environment::Universe;
use mpi::request::scope;
use mpi::topology::{Communicator, SimpleCommunicator};
use mpi::traits::{Destination, Source};
use mpi::{Threading, environment};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The processes that `mpirun` or `srun` started as ranks of one run. Only with the feature `mpi`.
///
/// Only sends and receives of bytes are used, never MPI's own sum, whose order the standard does not specify.
///
/// If a rank is killed, the launcher names it and ends the others. A panic on any rank, and [`Exchange::abort`],
/// print the reason to standard error and end all ranks at once; [`Mpi::with_caught_panics`] is for programs that
/// catch panics.
pub struct Mpi {
    /// Its end is that of MPI.
    _universe: Universe,
    rank: usize,
    ranks: usize,
}

/// Why MPI cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MpiError {
    /// It was begun before; it can be used only once in a process.
    #[error("MPI was begun before in this process, and can be begun once")]
    Begun,
    /// The library does not let another thread than the first one call it.
    #[error("this MPI library allows no calls from several threads in turn (MPI_THREAD_SERIALIZED)")]
    Threads,
}

/// The largest piece of a message. MPI libraries send what is below 64 KiB at once over TCP, and announce what is longer: its
/// receiver must then answer before it is sent, and the answer would wait behind what the receiver is sending itself, so that
/// only one direction of a connection would be busy at a time.
const PIECE: usize = 60 << 10;
/// Tags of pieces that others follow, and of the last one.
const MORE: i32 = 1;
const LAST: i32 = 2;

/// How long a wait keeps its core busy, and how long it sleeps between two looks from then on. Threads of other ranks may
/// want the core.
const BUSY: Duration = Duration::from_micros(200);
const POLITE: Duration = Duration::from_millis(20);
const SLEEP: Duration = Duration::from_micros(100);

impl Mpi {
    /// Initializes MPI. Call it once, and keep the value until all ranks have what they need.
    ///
    /// From here on a panic anywhere in this process ends all ranks, since the others would otherwise wait for this
    /// one for ever.
    ///
    /// # Errors
    /// If MPI was begun before, or does not allow different threads to call it in turn. (Training runs on a pool of
    /// threads, of which only one communicates at a time.)
    pub fn begin() -> Result<Self, MpiError> {
        let begun = environment::initialize_with_threading(Threading::Serialized);
        let (universe, provided) = begun.ok_or(MpiError::Begun)?;
        if provided < Threading::Serialized {
            return Err(MpiError::Threads);
        }
        let world = universe.world();
        let [rank, ranks] = [world.rank(), world.size()].map(|number| usize::try_from(number).unwrap_or(0));
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            usual(panic);
            if PANICS_END_ALL.load(Ordering::Relaxed) {
                end_all(&panicked(rank));
            }
        }));
        Ok(Self { _universe: universe, rank, ranks })
    }

    /// A panic that the program catches no longer ends the ranks: use this if the ranks do not wait for each other,
    /// or if the one that panics tells the others itself. A panic that is not caught still ends all ranks.
    #[must_use]
    pub fn with_caught_panics(self) -> Self {
        PANICS_END_ALL.store(false, Ordering::Relaxed);
        self
    }
}

/// MPI is begun once in a process.
static PANICS_END_ALL: AtomicBool = AtomicBool::new(true);

impl Drop for Mpi {
    /// An orderly end of MPI would wait for the other ranks, which know nothing of the panic.
    fn drop(&mut self) {
        if std::thread::panicking() {
            end_all(&panicked(self.rank));
        }
    }
}

fn panicked(rank: usize) -> Lost {
    Lost { rank, why: "it panicked".to_owned() }
}

/// Says why, and ends all ranks.
fn end_all(cause: &Lost) -> ! {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{cause}: all ranks end");
    SimpleCommunicator::world().abort(1)
}

/// Ranks and tags are small.
fn number(rank: usize) -> i32 {
    i32::try_from(rank).unwrap_or(i32::MAX)
}

impl Exchange for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn send(&mut self, to: usize, message: &[u8]) -> Result<(), Lost> {
        self.swap(&mut [Swap { with: to, send: Some(message), receive: None }], &mut |_, _| Ok(()))
    }

    fn receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<(), Lost> {
        self.swap(&mut [Swap { with: from, send: None, receive: Some(message) }], &mut |_, _| Ok(()))
    }

    /// All messages are under way at the same time. An error of `check` says why and ends all ranks, as
    /// [`Exchange::abort`] does: MPI may still read what this rank sends.
    fn swap(&mut self, swaps: &mut [Swap<'_>], check: &mut Check<'_>) -> Result<(), Lost> {
        let world = SimpleCommunicator::world();
        scope(|scope| {
            let mut sends = Vec::new();
            for swap in &*swaps {
                let to = world.process_at_rank(number(swap.with));
                for (piece, tag) in swap.send.into_iter().flat_map(pieces) {
                    sends.push(to.immediate_send_with_tag(scope, piece, tag));
                }
            }
            let mut receives: Vec<_> = swaps
                .iter_mut()
                .filter_map(|swap| Some((swap.with, swap.receive.as_deref_mut()?, 0)))
                .collect();
            let mut last = Instant::now();
            while !(sends.is_empty() && receives.is_empty()) {
                let mut is_idle = true;
                receives.retain_mut(|(from, message, end)| {
                    while let Some(is_last) = receive_piece(*from, message, end) {
                        is_idle = false;
                        if is_last {
                            if let Err(lost) = check(*from, message) {
                                end_all(&lost);
                            }
                            return false;
                        }
                    }
                    true
                });
                let before = sends.len();
                sends = sends.into_iter().filter_map(|send| send.test().err()).collect();
                match last.elapsed() {
                    _ if !is_idle || sends.len() < before => last = Instant::now(),
                    waited if waited < BUSY => std::hint::spin_loop(),
                    waited if waited < POLITE => std::thread::yield_now(),
                    _ => std::thread::sleep(SLEEP),
                }
            }
        });
        Ok(())
    }

    fn try_receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<bool, Lost> {
        let mut end = 0;
        let Some(mut is_last) = receive_piece(from, message, &mut end) else { return Ok(false) };
        while !is_last {
            // The other pieces of a message that is under way.
            is_last = receive_piece(from, message, &mut end).unwrap_or(false);
        }
        Ok(true)
    }

    fn abort(&mut self, cause: &Lost) {
        end_all(cause);
    }
}

/// What a message is sent as: at least one piece.
fn pieces(message: &[u8]) -> impl Iterator<Item = (&[u8], i32)> {
    let last = message.len().saturating_sub(1) / PIECE;
    (0..=last).map(move |at| {
        let piece = &message[at * PIECE..message.len().min((at + 1) * PIECE)];
        (piece, if at < last { MORE } else { LAST })
    })
}

/// Receives the next piece of a message of a rank, if it is there, up to which `end` bytes are; and whether it was the last one.
fn receive_piece(from: usize, message: &mut Vec<u8>, end: &mut usize) -> Option<bool> {
    let (piece, status) =
        SimpleCommunicator::world().process_at_rank(number(from)).immediate_matched_probe()?;
    let begin = *end;
    *end += usize::try_from(status.count(u8_type())).unwrap_or(0);
    // What the message held before is memory that need not be cleared.
    if message.len() < *end {
        message.resize(*end, 0);
    }
    piece.matched_receive_into(&mut message[begin..*end]);
    let is_last = status.tag() == LAST;
    if is_last {
        message.truncate(*end);
    }
    Some(is_last)
}

fn u8_type() -> mpi::datatype::SystemDatatype {
    use mpi::datatype::Equivalence as _;
    u8::equivalent_datatype()
}

impl std::fmt::Debug for Mpi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rank {} of {} processes", self.rank, self.ranks)
    }
}
