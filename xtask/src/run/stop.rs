//! Ending cleanly where the user or the system asks for it: Ctrl-C, `kill`, a terminal that is closed.

use super::execute::say;
use super::lock::Lock;
use anyhow::{Context as _, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Set once somebody asked for the end: training leaves off inside a step, measurements between two of them.
pub type Stop = Arc<AtomicBool>;

/// The exit code of a program that was asked to end, as shells have it.
pub const STOPPED: u8 = 130;

/// A closed terminal may say so twice, itself and through the shell: that is no second request.
const ONE_REQUEST: Duration = Duration::from_millis(300);

/// The signals that ask this program to end: SIGINT, SIGTERM and SIGHUP, the last unless it is ignored, as under
/// `nohup`.
pub struct Requests {
    stop: Stop,
    has_begun: Arc<AtomicBool>,
}

impl Requests {
    /// Watches for them. Until [`Requests::heed`] the first one ends the program at once, since there is nothing to
    /// keep, and afterwards the second one; either gives `lock` back, where there is one.
    ///
    /// # Errors
    /// Where the system does not let it.
    pub fn watch(lock: Option<&Lock>) -> Result<Self> {
        let requests = Self { stop: Stop::default(), has_begun: Arc::default() };
        let (stop, has_begun, lock) =
            (Arc::clone(&requests.stop), Arc::clone(&requests.has_begun), lock.map(Lock::held));
        let mut first = None;
        let handler = move || {
            let first = *first.get_or_insert_with(Instant::now);
            if has_begun.load(Ordering::Relaxed) && !stop.swap(true, Ordering::Relaxed) {
                say("stopping as soon as the current work can be kept; press Ctrl-C again to end at once");
            } else if first.elapsed() > ONE_REQUEST || !has_begun.load(Ordering::Relaxed) {
                if let Some(lock) = &lock {
                    lock.release();
                }
                std::process::exit(i32::from(STOPPED));
            }
        };
        let hang_up = HangUp::hold();
        let set = ctrlc::set_handler(handler).context("Ctrl-C cannot be watched for");
        hang_up.give_back();
        set.map(|()| requests)
    }

    /// From here on there is something to keep: the flag that the first request sets.
    #[must_use]
    pub fn heed(&self) -> &Stop {
        self.has_begun.store(true, Ordering::Relaxed);
        &self.stop
    }
}

/// Does a piece of work that ends early once it is `end`, or once `stop` is set.
pub fn until<R>(end: Instant, stop: &Stop, work: impl FnOnce(&Stop) -> R) -> R {
    let (enough, done) = (Stop::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let timer = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) && !enough.load(Ordering::Relaxed) {
                let left = end.saturating_duration_since(Instant::now());
                enough.store(left.is_zero() || stop.load(Ordering::Relaxed), Ordering::Relaxed);
                std::thread::park_timeout(left.min(Duration::from_millis(100)));
            }
        });
        let result = work(&enough);
        done.store(true, Ordering::Relaxed);
        timer.thread().unpark();
        result
    })
}

/// Whether SIGHUP was ignored when the program began: then it stays so.
#[cfg(unix)]
struct HangUp {
    is_ignored: bool,
}

#[cfg(unix)]
impl HangUp {
    fn hold() -> Self {
        use nix::sys::signal::{SigHandler, Signal, signal};
        // SAFETY: to ignore a signal installs no function that could be called at a bad moment.
        let before = unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) };
        Self { is_ignored: matches!(before, Ok(SigHandler::SigIgn)) }
    }

    fn give_back(&self) {
        use nix::sys::signal::{SigHandler, Signal, signal};
        if self.is_ignored {
            // SAFETY: as above. What it replaces is the handler of `ctrlc`, which stays for the other signals.
            let _ = unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) };
        }
    }
}

#[cfg(not(unix))]
struct HangUp;

#[cfg(not(unix))]
impl HangUp {
    fn hold() -> Self {
        Self
    }
    fn give_back(&self) {}
}
