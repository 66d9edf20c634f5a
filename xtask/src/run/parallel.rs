//! The same work on many items, over the cores, for what is measured rather than trained.

use super::execute::say;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Applies `work` to every item on `threads` threads and returns the results in the order of the items; `None` where
/// `stop` was set before the end.
///
/// Items should take no more than a second or so each: `stop` is looked at between them.
pub fn map<I: Sync, R: Send>(
    name: &str,
    items: &[I],
    threads: usize,
    stop: &AtomicBool,
    work: impl Fn(&I) -> R + Sync,
) -> Option<Vec<R>> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new((0..items.len()).map(|_| None).collect::<Vec<_>>()));
    let start = Instant::now();
    let spoken = Mutex::new(start);
    let worker = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= items.len() || stop.load(Ordering::Relaxed) {
                return;
            }
            let result = work(&items[at]);
            done.lock().unwrap_or_else(PoisonError::into_inner)[at] = Some(result);
            let mut spoken = spoken.lock().unwrap_or_else(PoisonError::into_inner);
            if spoken.elapsed() >= Duration::from_secs(2) {
                *spoken = Instant::now();
                say(&format!("{name}: measurement {} of {}", at + 1, items.len()));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            // Where the system refuses more, those that there are do the work.
            if std::thread::Builder::new().spawn_scoped(scope, worker).is_err() {
                break;
            }
        }
        worker();
    });
    let all: Vec<R> =
        done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect::<Option<_>>()?;
    say(&format!("{name}: {} measurements in {:.1} s", all.len(), start.elapsed().as_secs_f64()));
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items_whatever_the_threads() {
        let items: Vec<u64> = (0..100).collect();
        for threads in [1, 2, 7] {
            let squares = map("squares", &items, threads, &AtomicBool::new(false), |x| x * x).unwrap();
            assert_eq!(squares, items.iter().map(|x| x * x).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_is_returned_when_stopped() {
        let stop = AtomicBool::new(false);
        let half = |x: &i32| stop.store(*x >= 3, Ordering::Relaxed);
        assert!(map("stopped", &[1, 2, 3, 4, 5], 1, &stop, half).is_none());
    }
}
