//! One process at a time in an output folder.
//!
//! Two would write the same checkpoints, logs and pages. The file `repro.lock` says whose the folder is. It appears by an
//! exclusive creation, which network file systems have too, and is removed in the end. A process that was killed leaves
//! it behind: that it is gone is known by the system's lock on the file, which ends with the process, or, where a file
//! system has none, by its number. Of a process on another machine neither is known, and the user is asked.

use super::execute::say;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const NAME: &str = "repro.lock";
/// How often it is looked again where another process is just making the file or removing it, and after which time.
const ATTEMPTS: (usize, Duration) = (20, Duration::from_millis(50));

/// An output folder is this process's until this is dropped.
#[derive(Debug)]
pub struct Lock(Arc<Held>);

/// What a [`Lock`] holds, for one who must give it back where nothing is dropped.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

/// Whose a folder is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Owner {
    process: u32,
    machine: String,
    /// Tells the starts of machines apart, whatever they are called: containers on one machine share it.
    boot: Option<String>,
    started: String,
}

impl Lock {
    /// Makes the folder `out` this process's.
    ///
    /// # Errors
    /// A folder that is another process's, or that cannot be written to.
    pub fn take(out: &Path) -> Result<Self> {
        let path = out.join(NAME);
        for attempt in 1.. {
            let is_last = attempt == ATTEMPTS.0;
            let mut options = OpenOptions::new();
            let options = options.read(true).write(true);
            let (mut file, is_new) = match options.clone().create_new(true).open(&path) {
                Ok(file) => (file, true),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => match options.open(&path) {
                    Ok(file) if !fs::symlink_metadata(&path).is_ok_and(|there| there.is_file()) => {
                        drop(file);
                        bail!(foreign(&path))
                    }
                    Ok(file) => (file, false),
                    // It was removed since.
                    Err(error) if error.kind() == ErrorKind::NotFound && !is_last => continue,
                    Err(error) => bail!("{}: cannot be opened: {error}", path.display()),
                },
                Err(error) => bail!(
                    "{}: cannot be made: {error}; expected a folder that can be written to",
                    path.display()
                ),
            };
            let lock = file.try_lock();
            let owner = match if is_new { Ok(None) } else { Owner::read(&mut file) } {
                Ok(owner) => owner,
                Err(_) => bail!(foreign(&path)),
            };
            if matches!(lock, Err(TryLockError::WouldBlock)) {
                bail!(busy(out, &path, owner.as_ref(), ""));
            }
            if !is_new {
                if !is_at(&file, &path) && !is_last {
                    continue;
                }
                let works = lock.is_ok();
                if owner.is_none() && !works && !is_last {
                    // Where there are no locks, a file without an owner may be one that is just being written.
                    std::thread::sleep(ATTEMPTS.1);
                    continue;
                }
                if let Some(owner) = &owner {
                    let is_gone = owner.is_gone(works);
                    if is_gone != Some(true) {
                        let how = format!("; if it has ended, remove {}", path.display());
                        bail!(busy(out, &path, Some(owner), if is_gone.is_none() { &how } else { "" }));
                    }
                    say(&format!(
                        "{}: {owner} left this lock behind and no longer runs: it is taken over",
                        path.display()
                    ));
                }
            }
            // A disk that is full leaves the file empty: it keeps others out all the same.
            let _ = Owner::this().write(&mut file);
            return Ok(Self(Arc::new(Held { path, file: Mutex::new(Some(file)) })));
        }
        unreachable!("the last attempt returns")
    }

    /// What gives the folder back before the process ends without dropping anything.
    #[must_use]
    pub fn held(&self) -> Arc<Held> {
        Arc::clone(&self.0)
    }
}

impl Held {
    /// Gives the folder back.
    pub fn release(&self) {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Somebody may have removed it and another process have made its own.
        if file.is_some_and(|file| is_at(&file, &self.path)) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// How the text of an owner begins.
const BEGIN: &[u8] = b"{\"process\":";

fn foreign(path: &Path) -> String {
    format!(
        "{}: is not a file of this program, which needs to write its own there; move it away",
        path.display()
    )
}

fn busy(out: &Path, path: &Path, owner: Option<&Owner>, how: &str) -> String {
    let owner = owner.map_or_else(|| "another process".to_owned(), ToString::to_string);
    format!(
        "{}: {owner} is writing there ({}); wait for it to end, or name another folder with --out{how}",
        out.display(),
        path.display()
    )
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plain = |text: &str| text.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
        write!(f, "process {} on {}, started {},", self.process, plain(&self.machine), plain(&self.started))
    }
}

impl Owner {
    fn this() -> Self {
        let read = |path: &str| {
            let text = fs::read_to_string(path).ok()?.trim().to_owned();
            (!text.is_empty()).then_some(text)
        };
        let named = || ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok());
        Self {
            process: std::process::id(),
            machine: read("/proc/sys/kernel/hostname")
                .or_else(|| read("/etc/hostname"))
                .or_else(named)
                .unwrap_or_else(|| "an unnamed machine".to_owned()),
            boot: read("/proc/sys/kernel/random/boot_id"),
            started: crate::repro::time::utc(crate::repro::time::now()),
        }
    }

    /// None where the file is empty, cut off or cannot be read; an error where it is somebody else's.
    fn read(file: &mut File) -> Result<Option<Self>, ()> {
        let mut bytes = Vec::new();
        let read = file.rewind().and_then(|()| file.take(10_000).read_to_end(&mut bytes));
        let begin = bytes.len().min(BEGIN.len());
        match serde_json::from_slice(&bytes) {
            Ok(owner) => Ok(Some(owner)),
            Err(_) if read.is_ok() && bytes[..begin] != BEGIN[..begin] => Err(()),
            Err(_) => Ok(None),
        }
    }

    fn write(&self, file: &mut File) -> Result<()> {
        let text = serde_json::to_string(self)? + "\n";
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(text.as_bytes())?;
        Ok(file.sync_all()?)
    }

    /// Whether it has ended, as far as that is known here; `works` says that the system's lock on its file could be
    /// taken.
    fn is_gone(&self, works: bool) -> Option<bool> {
        let here = Self::this();
        let is_same_boot = self.boot.is_some() && self.boot == here.boot;
        match (works, self.machine == here.machine) {
            // Whoever holds the lock under this kernel, or did before it was started anew, would not share it.
            (true, true) => Some(true),
            (true, false) => is_same_boot.then_some(true),
            (false, true) => Some(self.process != here.process && !is_alive(self.process)),
            (false, false) => None,
        }
    }
}

/// Whether there is such a process on this machine.
fn is_alive(process: u32) -> bool {
    #[cfg(unix)]
    {
        use nix::errno::Errno;
        let Ok(process) = i32::try_from(process) else { return false };
        // No signal is sent; a process of another user's says that it is there by refusing.
        process > 0 && nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), None) != Err(Errno::ESRCH)
    }
    #[cfg(not(unix))]
    {
        let _ = process;
        true
    }
}

/// Whether `file` is the one that is at `path`.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let (Ok(file), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
        (file.dev(), file.ino()) == (there.dev(), there.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_process_s_until_it_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        let error = Lock::take(folder.path()).unwrap_err().to_string();
        let this = format!("process {} on ", std::process::id());
        assert!(error.contains(&this) && error.contains("--out") && !error.contains("remove"), "{error}");
        lock.held().release();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let second = Lock::take(folder.path()).unwrap();
        drop(lock);
        assert!(folder.path().join(NAME).exists(), "the first one's end is not the second one's");
        drop(second);
        assert!(!folder.path().join(NAME).exists());
    }

    #[test]
    fn what_a_process_leaves_behind_is_taken_over_on_its_machine_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let this = Owner::this();
        let (boot, machine) = (Some("another".to_owned()), "elsewhere".to_owned());
        let elsewhere = Owner { boot: boot.clone(), machine: machine.clone(), ..this.clone() };
        let container = Owner { machine, ..this.clone() };
        let rebooted = Owner { boot, ..this.clone() };
        for (owner, is_taken) in
            [(&this, true), (&rebooted, true), (&container, this.boot.is_some()), (&elsewhere, false)]
        {
            fs::write(&path, serde_json::to_string(owner).unwrap()).unwrap();
            match Lock::take(folder.path()) {
                Ok(_) => assert!(is_taken, "{owner}"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(!is_taken, "{error}");
                    assert!(error.contains("on elsewhere"), "{error}");
                    assert!(
                        error.contains(&format!("if it has ended, remove {}", path.display())),
                        "{error}"
                    );
                }
            }
        }
        for cut_off in ["", "{", "{\"process\":17"] {
            fs::write(&path, cut_off).unwrap();
            drop(Lock::take(folder.path()).unwrap());
        }
    }

    #[test]
    fn a_file_of_somebody_else_s_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, notes) = (folder.path().join(NAME), folder.path().join("notes"));
        let refused = || {
            let error = Lock::take(folder.path()).unwrap_err().to_string();
            assert!(error.contains(&format!("{}: is not a file of this program", path.display())), "{error}");
        };
        fs::write(&path, "remember the milk").unwrap();
        refused();
        assert_eq!(fs::read_to_string(&path).unwrap(), "remember the milk");
        #[cfg(unix)]
        {
            fs::rename(&path, &notes).unwrap();
            fs::write(&notes, "").unwrap();
            std::os::unix::fs::symlink(&notes, &path).unwrap();
            refused();
        }
    }

    /// Where the file system has no locks.
    #[test]
    fn without_the_system_s_lock_a_process_counts_as_long_as_its_number_is_there() {
        let this = Owner::this();
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        let owner = Owner { process: child.id(), ..this.clone() };
        assert_eq!(owner.is_gone(false), Some(false));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(owner.is_gone(false), Some(true));
        assert_eq!(Owner { machine: "elsewhere".to_owned(), ..this }.is_gone(false), None);
    }
}
