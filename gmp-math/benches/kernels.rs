//! Time of each kernel beside its floor: the time to move its bytes at this machine's measured bandwidth, or, for sine and
//! cosine, to do its arithmetic at the measured rate of fused multiply-adds, whichever is longer. What stays in the caches moves
//! no bytes.
//!
//! `cargo bench -p gmp-math --features rayon`. Minimum and median of many runs; a shared machine shows in their distance.

use gmp_math::simd::{Kernel, dispatch};
use gmp_math::{Scalar, sphere, trig};
use std::hint::black_box;
use std::time::Instant;

/// (minimum, median) seconds of `runs` calls, after one that warms up.
fn time(runs: usize, mut call: impl FnMut()) -> (f64, f64) {
    call();
    let mut seconds: Vec<f64> = (0..runs)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    (seconds[0], seconds[runs / 2])
}

/// y += x over arrays far larger than the caches, shared by so many threads: bytes read and written per second.
fn bandwidth(threads: usize) -> f64 {
    let len = 32 << 20;
    let (x, mut y) = (vec![1.0_f32; len], vec![0.0_f32; len]);
    let (best, _) = time(10, || {
        std::thread::scope(|scope| {
            for (y, x) in y.chunks_mut(len / threads).zip(x.chunks(len / threads)) {
                scope.spawn(move || y.iter_mut().zip(x).for_each(|(y, x)| *y += x));
            }
        });
        black_box(&mut y);
    });
    (3 * 4 * len) as f64 / best
}

/// Twelve vectors of independent chains of fused multiply-adds in registers.
struct MultiplyAdds(usize);

impl Kernel for MultiplyAdds {
    type Output = f32;
    #[inline(always)]
    fn run(self) -> f32 {
        let mut lanes = [1.0_f32; 96];
        let factor = black_box(0.999_f32);
        for _ in 0..self.0 {
            for lane in &mut lanes {
                *lane = lane.mul_add(factor, 0.001);
            }
        }
        lanes.iter().sum()
    }
}

/// `f32` multiply-adds per second.
fn arithmetic() -> f64 {
    let (best, _) = time(20, || {
        black_box(dispatch(MultiplyAdds(100_000)));
    });
    96.0 * 100_000.0 / best
}

/// Bytes that a last-level cache is expected to hold.
const CACHE: usize = 8 << 20;

struct Machine {
    /// Of one thread and of two.
    bandwidth: [f64; 2],
    arithmetic: f64,
}

impl Machine {
    /// One line of the table for a kernel on one thread.
    fn report(&self, name: &str, bytes: usize, operations: f64, times: (f64, f64)) {
        self.report_threads(1, name, bytes, operations, times);
    }

    /// One line of the table. `bytes` go to or from memory, `operations` are per thread.
    fn report_threads(
        &self,
        threads: usize,
        name: &str,
        bytes: usize,
        operations: f64,
        (best, median): (f64, f64),
    ) {
        let moved = if bytes > CACHE { bytes as f64 / self.bandwidth[threads - 1] } else { 0.0 };
        let floor = moved.max(operations / self.arithmetic);
        println!(
            "{name:<44} {:>11.2} {:>11.2} {:>11.2} {:>7.1}",
            best * 1e6,
            median * 1e6,
            floor * 1e6,
            best / floor
        );
    }

    fn layer<T: Scalar>(&self, inputs: usize, units: usize, runs: usize) {
        let (all, count, saved_len) =
            (inputs * units, (inputs - 1) * units, sphere::saved_len(inputs, units));
        let size = size_of::<T>();
        // Arithmetic counts as f32 multiply-adds: a double costs two.
        let weight = size as f64 / 4.0;
        let label = |kernel: &str| format!("{kernel} {inputs}×{units} {}", T::NAME);
        let weights: Vec<T> = (0..all).map(|i| T::from_f64((i as f64 * 0.37).sin() + 0.01)).collect();
        let (mut angles, mut radius) = (vec![T::ZERO; count], vec![T::ZERO; units]);
        let once = time(1, || sphere::to_spherical(&weights, units, &mut angles, &mut radius).unwrap());
        // A square root, a division and an arc tangent from the platform: some 60 double operations, not abreast.
        self.report(&label("to_spherical"), (all + count) * size, 8.0 * 60.0 * count as f64, once);

        let (mut u, mut saved) = (vec![T::ZERO; all], vec![T::ZERO; saved_len]);
        let mut gradients = vec![T::ZERO; count];
        let mut cosines = vec![T::ZERO; count];
        // Multiply-adds for an angle: 24 for sine and cosine, then 2 forward and 6 backward.
        let trig = time(runs, || trig::sin_cos(&angles, &mut gradients, &mut cosines));
        self.report(&label("sin_cos"), 3 * count * size, 24.0 * weight * count as f64, trig);
        gradients.fill(T::ZERO);
        let plain = time(runs, || sphere::directions(&angles, units, &mut u));
        self.report(&label("directions"), 2 * all * size, 26.0 * weight * count as f64, plain);
        let forward = time(runs, || sphere::directions_saving(&angles, units, &mut u, &mut saved));
        let (forward_bytes, forward_operations) =
            ((2 * all + saved_len) * size, 26.0 * weight * count as f64);
        self.report(&label("directions_saving"), forward_bytes, forward_operations, forward);
        let (backward_bytes, backward_operations) =
            ((3 * all + saved_len) * size, 6.0 * weight * count as f64);
        let backward = time(runs, || sphere::directions_vjp(&saved, units, &weights, &mut gradients));
        self.report(&label("directions_vjp"), backward_bytes, backward_operations, backward);
        let tangent = time(runs, || sphere::directions_jvp(&angles, units, &cosines, &mut u));
        self.report(&label("directions_jvp"), 3 * all * size, 30.0 * weight * count as f64, tangent);

        #[cfg(feature = "rayon")]
        for threads in [1, 2] {
            use gmp_math::parallel;
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
            let both = pool.install(|| {
                time(runs, || {
                    parallel::directions_saving(&angles, units, &mut u, &mut saved);
                    parallel::directions_vjp(&saved, units, &weights, &mut gradients);
                })
            });
            self.report_threads(
                threads,
                &label(&format!("transform + vjp, {threads} threads")),
                forward_bytes + backward_bytes,
                (forward_operations + backward_operations) / threads as f64,
                both,
            );
        }
    }
}

fn main() {
    let machine = Machine { bandwidth: [1, 2].map(bandwidth), arithmetic: arithmetic() };
    println!(
        "memory traffic: {:.1} GB/s on one thread, {:.1} on two; {:.1} thousand million f32 multiply-adds per second on one\n",
        machine.bandwidth[0] / 1e9,
        machine.bandwidth[1] / 1e9,
        machine.arithmetic / 1e9
    );
    println!("{:<44} {:>11} {:>11} {:>11} {:>7}", "", "min µs", "median", "floor", "ratio");
    machine.layer::<f64>(13, 100, 2000);
    machine.layer::<f32>(13, 100, 2000);
    machine.layer::<f32>(1152, 128, 200);
    machine.layer::<f32>(4608, 512, 40);
    machine.layer::<f64>(4608, 512, 20);
}
