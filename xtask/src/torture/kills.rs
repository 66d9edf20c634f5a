//! Signals at random moments, until the reproduction is finished: nothing of it may differ from one that was left alone.

use super::budget::Budget;
use super::subject::{Outcome, Subject, check_whole, end, start};
use super::tally::Tally;
use super::{Setting, keep_or_remove};
use anyhow::Result;
use gmp_nn::Rng;
use nix::errno::Errno;
use nix::sys::signal::Signal::{self, *};
use nix::unistd::Pid;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::Duration;

/// What is sent, one after the other with a short pause.
const SEQUENCES: [&[Signal]; 12] = [
    &[SIGINT],
    &[SIGINT, SIGINT],
    &[SIGTERM],
    &[SIGHUP],
    &[SIGHUP, SIGTERM],
    &[SIGKILL],
    &[SIGKILL],
    &[SIGQUIT],
    &[SIGPIPE],
    &[SIGUSR1],
    &[SIGALRM],
    &[SIGSTOP, SIGCONT, SIGKILL],
];
/// The pause: sometimes less than a second request must be behind the first, sometimes more.
const PAUSE: (f64, f64) = (0.005, 0.4);
/// Interruptions of one reproduction.
const MOST: usize = 10;

/// Carries the campaign out.
pub(super) fn run(setting: &Setting, budget: &Budget, tally: &mut Tally) -> Result<()> {
    let subject = Subject::prepare(&setting.program, &setting.work)?;
    let (mut finished, mut number) = (0, 0);
    while budget.begin() {
        let mut rng = Rng::new(setting.seed, &format!("kills {number}"));
        let case = subject.case(&number.to_string())?;
        let mut outcome = Ok(());
        for interruption in 0..=rng.below(MOST) {
            let signals = SEQUENCES[rng.below(SEQUENCES.len())];
            let (ended, sent) = interrupt(&subject, &case, signals, &mut rng)?;
            outcome = check(&ended, sent, signals).and_then(|()| check_whole(&case.join("out")));
            let what = format!("reproduction {number} (seed {}), {interruption}: {signals:?}", setting.seed);
            let failed = outcome.is_err();
            tally.count(budget, &what, std::mem::replace(&mut outcome, Ok(())));
            if failed || ended.status.is_some_and(|status| status.success()) {
                break;
            }
        }
        let last = subject.finish(&case)?;
        outcome = outcome.and_then(|()| subject.check(&case, &last, &[]));
        let what = format!("reproduction {number} (seed {}), finished", setting.seed);
        keep_or_remove(setting, &case, outcome.is_err())?;
        tally.count(budget, &what, outcome);
        (finished, number) = (finished + 1, number + 1);
    }
    tally.note(format!("{finished} reproductions, interrupted up to {MOST} times each"));
    Ok(())
}

/// Starts the reproduction and sends the signals, the first one at a random moment of it; how many were sent.
fn interrupt(subject: &Subject, case: &Path, signals: &[Signal], rng: &mut Rng) -> Result<(Outcome, usize)> {
    let child = start(&mut subject.command(case), case)?;
    let process = Pid::from_raw(i32::try_from(child.id())?);
    std::thread::sleep(subject.duration.mul_f64(1.1 * rng.uniform()));
    let mut sent = 0;
    for signal in signals {
        // The process is not waited for before, so that its number cannot be another one's.
        match nix::sys::signal::kill(process, *signal) {
            Ok(()) => sent += 1,
            Err(Errno::ESRCH) => {}
            Err(error) => return Err(error.into()),
        }
        let pause = PAUSE.0 + (PAUSE.1 - PAUSE.0) * rng.uniform();
        std::thread::sleep(Duration::from_secs_f64(if signals.len() > 1 { pause } else { 0.0 }));
    }
    Ok((end(child, case)?, sent))
}

/// It may end by the signals that were sent, by handling them, or by coming to its end.
fn check(outcome: &Outcome, sent: usize, signals: &[Signal]) -> Result<(), String> {
    outcome.no_panic()?;
    let Some(status) = outcome.status else {
        return Err(format!("it did not end: {}", outcome.describe()));
    };
    let is_asked = |signal: &Signal| [SIGINT, SIGTERM, SIGHUP].contains(signal);
    let is_expected = match (status.code(), status.signal()) {
        (Some(0), _) => true,
        (Some(130), _) => signals[..sent].iter().any(is_asked),
        (_, Some(by)) => signals[..sent].iter().any(|signal| *signal as i32 == by),
        _ => false,
    };
    if is_expected { Ok(()) } else { Err(format!("an unexpected end: {}", outcome.describe())) }
}
