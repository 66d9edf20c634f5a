//! The fingerprint of a set of pictures covers every label and every byte that training reads.
//!
//! Sets that are held in memory are digested there, in a second or a few. Pictures that stay on disk (ILSVRC: 140 GB) are
//! read once, in full, which takes a small part of what an epoch takes. The result is kept in `OUT/fingerprints.json`
//! under a digest of the names, sizes and times of all files, and holds until one of them changes. What that cannot see is
//! a content that is exchanged with size, time of modification and (on Unix) time of change left as they were, which takes
//! a clock that is set back.

use crate::run::execute::say;
use crate::run::hex;
use anyhow::{Context as _, Result};
use gmp_train::image::{self, Digest, ImageSource};
use gmp_train::io::read_regular;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Files that changed so shortly before they were read may change again without their times telling: the clocks of some
/// file systems tick every two seconds.
const TICK: Duration = Duration::from_secs(3);
/// Most bytes of the file of fingerprints, of which there is one for each set of pictures.
const MOST: u64 = 1 << 26;
/// Between two words on how far it is.
const PATIENCE: Duration = Duration::from_secs(10);
/// What stands for a picture that cannot be read; training leaves it out and says so.
const UNREADABLE: u64 = 0;

/// The fingerprint of training and validation pictures, computed on `threads` threads; `known` is the file in which those of
/// files on disk are kept.
///
/// # Errors
/// A file of fingerprints that cannot be written.
pub fn fingerprint(
    name: &str,
    halves: [&dyn ImageSource; 2],
    known: &Path,
    threads: usize,
) -> Result<String> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("threads")?;
    pool.install(|| {
        let start = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let Some(listing) = listing(halves) else { return Ok(hex(content(name, halves).0)) };
        let key = hex(listing.digest);
        // A file that is damaged or is not there costs the time that it would have saved.
        let read = read_regular(known, MOST).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut all: BTreeMap<String, String> = read.unwrap_or_default();
        if let Some(fingerprint) = all.get(&key) {
            return Ok(fingerprint.clone());
        }
        let (content, is_whole) = content(name, halves);
        let fingerprint = hex(content);
        if is_whole && listing.newest + TICK < start {
            all.insert(key, fingerprint.clone());
            let bytes = serde_json::to_vec_pretty(&all).context("fingerprints as JSON")?;
            crate::report::write_atomically(known, &bytes)?;
        }
        Ok(fingerprint)
    })
}

struct Listing {
    digest: Digest,
    /// The latest change of a file, since 1970.
    newest: Duration,
}

/// Names, labels, sizes and times of all files; `None` where pictures are not files of their own, or one is missing.
fn listing(halves: [&dyn ImageSource; 2]) -> Option<Listing> {
    let mut listing = Listing { digest: Digest::default(), newest: Duration::ZERO };
    for half in halves {
        listing.digest = listing.digest.number(half.len() as u64);
        for sample in 0..half.len() {
            let stamp = half.stamp(sample).ok().flatten()?;
            let name = half.name(sample);
            let digest = listing.digest.number(name.len() as u64).bytes(name.as_bytes());
            listing.digest = [stamp.modified, stamp.changed]
                .into_iter()
                .fold(digest.number(half.label(sample).into()).number(stamp.size), |digest, time| {
                    digest.number(time.as_secs()).number(time.subsec_nanos().into())
                });
            listing.newest = listing.newest.max(stamp.modified).max(stamp.changed);
        }
    }
    Some(listing)
}

/// The digest of all labels and pictures, and whether every picture could be read.
fn content(name: &str, halves: [&dyn ImageSource; 2]) -> (Digest, bool) {
    let all = halves.iter().map(|half| half.len()).sum::<usize>();
    let (done, spoken) = (AtomicUsize::new(0), Mutex::new(Instant::now()));
    let (mut digest, mut is_whole) = (Digest::default(), true);
    for half in halves {
        let of = |sample: usize| -> Result<u64, image::Error> {
            let digest = half.digest(sample);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            let mut spoken = spoken.lock().unwrap_or_else(PoisonError::into_inner);
            if spoken.elapsed() >= PATIENCE {
                *spoken = Instant::now();
                say(&format!("{name}: computing its fingerprint: {done} of {all} images read"));
            }
            digest
        };
        let pictures: Vec<_> = (0..half.len()).into_par_iter().map(of).collect();
        digest = digest.number(half.classes() as u64).number(half.len() as u64);
        for (sample, picture) in pictures.into_iter().enumerate() {
            is_whole &= picture.is_ok();
            digest = digest.number(half.label(sample).into()).number(picture.unwrap_or(UNREADABLE));
        }
    }
    (digest, is_whole)
}
