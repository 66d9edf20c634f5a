//! Threads that stay on one core each.

use anyhow::Result;
use rayon::ThreadPoolBuilder;

/// Keeps thread `i` of the pool on the i-th of the cores that this process may use, in a circle.
///
/// # Errors
/// Where the system does not tell its cores or offers no such choice.
pub(super) fn pinned(builder: ThreadPoolBuilder) -> Result<ThreadPoolBuilder> {
    #[cfg(target_os = "linux")]
    {
        use anyhow::Context;
        use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
        use nix::unistd::Pid;

        // Process 0 is the thread that asks.
        let allowed = sched_getaffinity(Pid::from_raw(0)).context("cannot tell the cores of this process")?;
        let cores: Vec<usize> =
            (0..CpuSet::count()).filter(|&core| allowed.is_set(core).unwrap_or(false)).collect();
        Ok(builder.start_handler(move |thread| {
            let mut own = CpuSet::new();
            // A thread that cannot be pinned is measured where it runs.
            if let Some(&core) = cores.get(thread % cores.len().max(1))
                && own.set(core).is_ok()
            {
                let _ = sched_setaffinity(Pid::from_raw(0), &own);
            }
        }))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = builder;
        anyhow::bail!("--pin is for Linux: this system does not let a program choose its cores")
    }
}
