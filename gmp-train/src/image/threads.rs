//! The background threads of a [`Loader`](super::Loader): what they share with it, and what each does.

use super::loader::Skipped;
use super::loading::Loading;
use super::resize::Resizer;
use super::{ImageSource, Picture, Preparation};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

/// A few pictures on their way.
#[derive(Default)]
pub(super) struct Piece {
    /// Numbers of the pictures; those that cannot be read are taken out.
    pub(super) samples: Vec<u32>,
    /// Bytes of those that are left.
    pub(super) pixels: Vec<u8>,
    pub(super) skipped: Vec<Skipped>,
}

/// What the threads and the loader share.
pub(super) struct State {
    /// Counts the starts, so that pieces of an abandoned epoch are known.
    pub(super) run: u64,
    pub(super) epoch: usize,
    pub(super) order: Vec<u32>,
    /// Piece to be begun next and piece to be collected next, since the start.
    pub(super) next: usize,
    pub(super) collected: usize,
    /// Places in the order that each piece covers.
    pub(super) pieces: Vec<Range<usize>>,
    /// Piece `p` when done, at `p` modulo the length.
    pub(super) done: Vec<Option<Piece>>,
    pub(super) free: Vec<Piece>,
    pub(super) stop: bool,
    /// A thread ended by a panic.
    pub(super) broken: bool,
}

pub(super) struct Shared {
    pub(super) source: Arc<dyn ImageSource>,
    pub(super) preparation: Preparation,
    pub(super) loading: Loading,
    pub(super) state: Mutex<State>,
    pub(super) work: Condvar,
    pub(super) ready: Condvar,
}

/// Starts `count` threads, or as many as the system allows: an error only where that is none.
pub(super) fn start<H>(count: usize, mut spawn: impl FnMut() -> io::Result<H>) -> io::Result<Vec<H>> {
    let mut threads = Vec::with_capacity(count);
    while threads.len() < count {
        match spawn() {
            Ok(thread) => threads.push(thread),
            Err(refused) if threads.is_empty() => return Err(refused),
            Err(_) => break,
        }
    }
    Ok(threads)
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; should it, the state is still whole.
        self.state.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    /// The life of a background thread.
    pub(super) fn work(&self) {
        let _alarm = Alarm(self);
        let (mut picture, mut resizer) = (Picture::default(), Resizer::default());
        let mut state = self.lock();
        loop {
            if state.stop {
                return;
            }
            let open = state.next < state.pieces.len() && state.next < state.collected + state.done.len();
            let Some(mut piece) = (if open { state.free.pop() } else { None }) else {
                state = self.work.wait(state).unwrap_or_else(|broken| broken.into_inner());
                continue;
            };
            let (run, epoch, number) = (state.run, state.epoch, state.next);
            state.next += 1;
            piece.samples.clear();
            piece.samples.extend_from_slice(&state.order[state.pieces[number].clone()]);
            drop(state);

            self.fill(&mut piece, epoch, &mut picture, &mut resizer);

            state = self.lock();
            if state.run == run {
                let at = number % state.done.len();
                state.done[at] = Some(piece);
                self.ready.notify_one();
            } else {
                state.free.push(piece);
            }
        }
    }

    fn fill(&self, piece: &mut Piece, epoch: usize, picture: &mut Picture, resizer: &mut Resizer) {
        piece.skipped.clear();
        let bytes = self.preparation.size() * self.preparation.size() * 3;
        let mut slots = piece.pixels.chunks_exact_mut(bytes);
        let mut slot = slots.next();
        piece.samples.retain(|&sample| {
            let sample = sample as usize;
            let out = slot.as_deref_mut().expect("a slot for every picture");
            let result =
                self.source.decode(sample, picture).map_err(|error| error.to_string()).and_then(|()| {
                    let draw = (self.loading.seed, epoch, sample);
                    self.preparation
                        .cut(picture, draw, resizer, out)
                        .map_err(|problem| format!("{}: {problem}", self.source.name(sample)))
                });
            match result {
                Ok(()) => slot = slots.next(),
                Err(problem) => {
                    piece.skipped.push(Skipped { sample, problem });
                    return false;
                }
            }
            true
        });
    }
}

/// Tells the loader that a thread panicked, which would otherwise wait for ever.
struct Alarm<'a>(&'a Shared);
impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().broken = true;
            self.0.ready.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_threads_do_where_the_system_refuses_some() {
        let allowed = |most: usize| {
            let mut started = 0;
            start(3, move || {
                if started == most {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                started += 1;
                Ok(started)
            })
        };
        assert_eq!(allowed(7).unwrap(), [1, 2, 3]);
        assert_eq!(allowed(2).unwrap(), [1, 2]);
        assert_eq!(allowed(0).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
