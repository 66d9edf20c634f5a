//! Bytes of good files changed, many times over, and what reading them costs.

use gmp_nn::Rng;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the bytes that a thread has in use, and their peak.
struct Counting;
thread_local! {
    static IN_USE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// More memory than any file should cost: the test ends here.
const ABSURD: usize = 1 << 30;

// SAFETY: every call is passed on to the system's allocator unchanged, or refused.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= ABSURD {
            return std::ptr::null_mut();
        }
        let in_use = IN_USE.get() + layout.size() as isize;
        IN_USE.set(in_use);
        PEAK.set(PEAK.get().max(in_use));
        // SAFETY: the caller's promise is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.set(IN_USE.get() - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `read` gives, and how many bytes it had in use at most.
pub(crate) fn with_peak<R>(read: impl FnOnce() -> R) -> (R, usize) {
    let before = IN_USE.get();
    PEAK.set(before);
    let result = read();
    (result, (PEAK.get() - before).cast_unsigned())
}

/// How much memory reading may take: bytes for each byte of the file, and a constant.
#[derive(Clone, Copy)]
pub(crate) struct Allowed {
    pub(crate) per_byte: usize,
    pub(crate) at_any_rate: usize,
}

/// Reads 100,000 mutations of the good files (`GMP_MUTATIONS` for more), on all cores. None may panic, nor take more
/// memory than allowed; some must be readable, or nothing but the first check was tried, and some must not be.
///
/// `repair` puts checksums right, as someone who means harm would. `read` says whether it was readable; `then` is done
/// with what was read, where the memory is not counted.
pub(crate) fn replay<R>(
    what: &str,
    good: &[Vec<u8>],
    allowed: Allowed,
    repair: impl Fn(&mut Vec<u8>, &mut Rng) + Sync,
    read: impl Fn(&[u8]) -> Option<R> + Sync,
    then: impl Fn(R) + Sync,
) {
    for file in good {
        assert!(read(file).is_some(), "{what}: a good file is refused");
        (0..file.len()).for_each(|length| drop(read(&file[..length])));
    }
    let mutations = std::env::var("GMP_MUTATIONS").map_or(100_000, |count| count.parse().unwrap());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (readable, largest) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = |thread| {
        for mutation in (thread..mutations).step_by(threads) {
            let _alarm = Alarm { what, mutation };
            let mut rng = Rng::new(mutation as u64, what);
            let mut bytes = mutate(good, &mut rng);
            repair(&mut bytes, &mut rng);
            let (result, peak) = with_peak(|| read(&bytes));
            let most = allowed.per_byte * bytes.len() + allowed.at_any_rate;
            assert!(peak <= most, "{peak} bytes of memory for {} bytes of file", bytes.len());
            largest.fetch_max(peak, Ordering::Relaxed);
            if let Some(result) = result {
                readable.fetch_add(1, Ordering::Relaxed);
                then(result);
            }
        }
    };
    std::thread::scope(|scope| (0..threads).for_each(|thread| drop(scope.spawn(move || work(thread)))));
    let (readable, largest) = (readable.into_inner(), largest.into_inner());
    assert!(largest > 0, "the counting allocator is not in use");
    assert!((1..mutations).contains(&readable), "{what}: {readable} of {mutations} mutations are readable");
    println!("{what}: {mutations} mutations, {readable} of them readable, at most {largest} bytes of memory");
}

/// Says which mutation it was, for [`Rng::new`].
struct Alarm<'a> {
    what: &'a str,
    mutation: usize,
}
impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: mutation {}", self.what, self.mutation);
        }
    }
}

/// One of the good files, changed in a few places; now and then anything at all behind its first bytes.
fn mutate(good: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = good[rng.below(good.len())].clone();
    if rng.below(16) == 0 {
        bytes.truncate(rng.below(20));
        bytes.extend((0..rng.below(200)).map(|_| rng.bits() as u8));
        return bytes;
    }
    for _ in 0..=rng.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.below(bytes.len());
        let run = at..(at + 1 + rng.below(64)).min(bytes.len());
        match rng.below(9) {
            0 => bytes[at] = rng.bits() as u8,
            1 => bytes[at] ^= 1 << rng.below(8),
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.below(5)],
            3 => bytes[at] = b"0123456789[]{}<>(),;:\"'-.eE \n"[rng.below(29)],
            4 => {
                // A length made huge, whatever its width and order.
                let number = [u64::MAX, 1 << 60, 1 << 40, 1 << 26, 1 << 16][rng.below(5)] >> rng.below(8);
                let width = [2, 4, 8][rng.below(3)].min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
            }
            5 => bytes[run].fill([0, 0xff][rng.below(2)]),
            6 => {
                let to = rng.below(bytes.len() - run.len() + 1);
                bytes.copy_within(run, to);
            }
            7 => {
                let copy = bytes[run].to_vec();
                bytes.splice(at..at, copy);
            }
            _ if rng.below(4) == 0 => bytes.truncate(at),
            _ => drop(bytes.drain(run)),
        }
    }
    bytes
}
