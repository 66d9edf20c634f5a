//! The batch kernels and conversions allocate nothing.

use gmp_math::{Error, boundary, sphere, stability, trig};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator; the counter is a thread's own and itself allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Transform, first and second derivatives, conversions, sine-cosine, canonical ranges and what is written for every unit, in a
/// narrow and a wide layer.
#[test]
fn kernels_do_not_allocate() -> Result<(), Error> {
    for (inputs, units) in [(13, 100), (30, 700), (500, 1)] {
        let (all, count) = (inputs * units, (inputs - 1) * units);
        let weights: Vec<f32> = (0..all).map(|i| (i as f32 * 0.7).sin() + 0.01).collect();
        let (mut angles, mut radius) = (vec![0.0; count], vec![0.0; units]);
        let (mut u, mut saved) = (vec![0.0; all], vec![0.0; sphere::saved_len(inputs, units)]);
        let (mut gradients, mut cosines, mut row) = (vec![0.0; count], vec![0.0; count], vec![0.0; units]);
        let before = ALLOCATIONS.get();
        sphere::to_spherical(&weights, units, &mut angles, &mut radius)?;
        sphere::half_sphere_angles(&weights, units, &mut angles, &mut radius)?;
        sphere::canonicalize(&mut angles, units);
        sphere::directions(&angles, units, &mut u);
        sphere::directions_saving(&angles, units, &mut u, &mut saved);
        sphere::directions_vjp(&angles, &saved, units, &weights, &mut gradients, true);
        sphere::directions_jvp(&angles, units, &gradients, &mut u);
        sphere::metric(&angles, units, &mut gradients);
        trig::sin_cos(&angles, &mut gradients, &mut cosines);
        sphere::to_cartesian(&angles, &radius, units, &mut u);
        sphere::directions_hvp(&angles, units, &weights, &cosines, &mut gradients);
        sphere::polar_jvp(&angles, &radius, units, &cosines, &radius, &mut u);
        sphere::polar_vjp(&angles, &radius, units, &weights, &mut gradients, &mut row);
        sphere::polar_hvp(&angles, &radius, units, &weights, &cosines, &radius, &mut gradients, &mut row);
        sphere::polar_log_volume(&angles, &radius, units, &mut row);
        stability::linearized_turns(&angles, &cosines, units, &mut row);
        boundary::spatial_locations(&weights, &radius, units, &mut u);
        assert_eq!(ALLOCATIONS.get() - before, 0, "{inputs} × {units}");
    }
    // The counter counts.
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(vec![1.0]));
    assert_eq!(ALLOCATIONS.get() - before, 1);
    Ok(())
}
