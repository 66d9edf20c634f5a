//! Loading small pictures allocates nothing after the first epoch: counted, over all threads.
#![cfg(feature = "image")]

use gmp_train::image::{Loader, Loading, Order, Pictures, Preparation};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test, so that no other runs beside it and is counted too.
#[test]
fn steady_epochs_allocate_nothing() {
    for threads in [1, 3] {
        let (source, _) = Pictures::new(1, 300, 0);
        let loading = Loading { batch_size: 64, order: Order::Shuffled, seed: 1, threads };
        let mut loader = Loader::new(Arc::new(source), Preparation::small(true), loading).unwrap();
        // A thread that the system starts late warms up late, so steadiness is waited for, but not long.
        let (mut pictures, mut steady, mut epoch) = (0, 0, 0);
        while steady < 10 {
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            assert!(before > 0, "the counting allocator is not in use");
            loader.start(epoch, 0);
            while let Some(batch) = loader.next_batch().unwrap() {
                pictures += batch.labels.len();
            }
            steady = if ALLOCATIONS.load(Ordering::Relaxed) == before { steady + 1 } else { 0 };
            epoch += 1;
            assert!(epoch < 60, "{threads} threads: never ten epochs without an allocation");
        }
        assert_eq!(pictures, epoch * 300);
    }
}
