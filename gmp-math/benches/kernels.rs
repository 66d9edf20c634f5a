//! Time of each kernel beside its floor: the time to move its bytes at this machine's measured bandwidth, or to do its arithmetic
//! at the measured rate of fused multiply-adds, whichever is longer. What stays in the caches moves no bytes.
//!
//! `cargo bench -p gmp-math --features rayon`. Minimum and median of many runs; a shared machine shows in their distance.

use gmp_math::simd::{Kernel, dispatch};
use gmp_math::{Scalar, boundary, sphere, stability, trig, uniform};
use std::hint::black_box;
use std::time::Instant;

/// (minimum, median) seconds of at least five calls, and as many as fit into a fifth of a second, after one that warms up.
fn time(mut call: impl FnMut()) -> (f64, f64) {
    call();
    let (began, mut seconds) = (Instant::now(), Vec::new());
    while seconds.len() < 5 || began.elapsed().as_secs_f64() < 0.2 {
        let start = Instant::now();
        call();
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    (seconds[0], seconds[seconds.len() / 2])
}

/// y += x over arrays far larger than the caches, shared by `threads` threads: bytes read and written per second.
fn bandwidth(threads: usize) -> f64 {
    let len = 32 << 20;
    let (x, mut y) = (vec![1.0_f32; len], vec![0.0_f32; len]);
    let (best, _) = time(|| {
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
    let (best, _) = time(|| {
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
    /// One line of the table for a kernel on `threads` threads that moves `numbers` between memory and processor and has
    /// `operations` multiply-adds to do, both for all threads together.
    fn report<T: Scalar>(
        &self,
        threads: usize,
        name: &str,
        numbers: usize,
        operations: f64,
        call: &mut dyn FnMut(),
    ) {
        let (best, median) = time(call);
        let bytes = numbers * size_of::<T>();
        let moved = if bytes > CACHE { bytes as f64 / self.bandwidth[threads - 1] } else { 0.0 };
        // A double costs two of the measured operations.
        let computed = operations * size_of::<T>() as f64 / 4.0 / self.arithmetic / threads as f64;
        let floor = moved.max(computed);
        let [best_us, median, floor_us] = [best, median, floor].map(|seconds| seconds * 1e6);
        println!("{name:<44} {best_us:>11.2} {median:>11.2} {floor_us:>11.2} {:>7.1}", best / floor);
    }

    /// All kernels for a layer.
    fn layer<T: Scalar>(&self, inputs: usize, units: usize) {
        let (all, count, saved_len) =
            (inputs * units, (inputs - 1) * units, sphere::saved_len(inputs, units));
        let label = |kernel: &str| format!("{kernel} {inputs}×{units} {}", T::NAME);
        let weights: Vec<T> = (0..all).map(|i| T::from_f64((i as f64 * 0.37).sin() + 0.01)).collect();
        let (mut angles, mut radius) = (vec![T::ZERO; count], vec![T::ZERO; units]);
        sphere::to_spherical(&weights, units, &mut angles, &mut radius).expect("weights have directions");
        let wild: Vec<T> = angles.iter().map(|angle| *angle - T::from_f64(10.0)).collect();
        let (tangents, radius_tangents) = (&weights[units..], &weights[..units]);
        let (mut u, mut saved, mut row) =
            (vec![T::ZERO; all], vec![T::ZERO; saved_len], vec![T::ZERO; units]);
        let (mut gradients, mut scratch) = (vec![T::ZERO; count], vec![T::ZERO; count]);

        // Numbers moved, and multiply-adds for each angle: 24 for sine and cosine, 14 for one of them. Conversions take some 60
        // in the platform's library, each as long as a whole vector's since nothing runs abreast.
        let line = |name: &str, numbers: usize, operations: f64, call: &mut dyn FnMut()| {
            self.report::<T>(1, &label(name), numbers, operations * count as f64, call);
        };
        let library = 60.0 * (32 / size_of::<T>()) as f64;
        line("to_spherical", all + count, library, &mut || {
            sphere::to_spherical(&weights, units, &mut scratch, &mut row).expect("weights have directions");
        });
        line("to_cartesian", 2 * all, 27.0, &mut || sphere::to_cartesian(&angles, &radius, units, &mut u));
        line("canonicalize", 3 * count, library, &mut || {
            scratch.copy_from_slice(&wild);
            sphere::canonicalize(&mut scratch, units);
        });
        line("sin_cos", 3 * count, 24.0, &mut || trig::sin_cos(&angles, &mut gradients, &mut scratch));
        line("directions", 2 * all, 26.0, &mut || sphere::directions(&angles, units, &mut u));
        line("directions_saving", 2 * all + saved_len, 26.0, &mut || {
            sphere::directions_saving(&angles, units, &mut u, &mut saved);
        });
        line("directions_vjp", 3 * all + saved_len, 32.0, &mut || {
            sphere::directions_vjp(&angles, &saved, units, &weights, &mut gradients, false);
        });
        line("directions_jvp", 3 * all, 30.0, &mut || {
            sphere::directions_jvp(&angles, units, tangents, &mut u);
        });
        line("directions_hvp", 5 * all, 42.0, &mut || {
            sphere::directions_hvp(&angles, units, &weights, tangents, &mut gradients);
        });
        line("polar_jvp", 3 * all, 30.0, &mut || {
            sphere::polar_jvp(&angles, &radius, units, tangents, radius_tangents, &mut u);
        });
        line("polar_vjp", 4 * all, 32.0, &mut || {
            sphere::polar_vjp(&angles, &radius, units, &weights, &mut gradients, &mut row);
        });
        line("polar_hvp", 5 * all, 42.0, &mut || {
            let products = (&mut gradients, &mut row);
            let (given, along) = (&radius, (tangents, radius_tangents));
            sphere::polar_hvp(&angles, given, units, &weights, along.0, along.1, products.0, products.1);
        });
        line("metric", 2 * count, 14.0, &mut || sphere::metric(&angles, units, &mut gradients));
        line("log_volume", count, 36.0, &mut || sphere::log_volume(&angles, units, &mut row));
        line("polar_log_volume", count, 36.0, &mut || {
            sphere::polar_log_volume(&angles, &radius, units, &mut row);
        });
        line("linearized_turns", 2 * count, 14.0, &mut || {
            stability::linearized_turns(&angles, tangents, units, &mut row);
        });
        line("spatial_locations", 2 * all, 3.0, &mut || {
            boundary::spatial_locations(&weights, &radius, units, &mut u);
        });
        line("angle_between, as one vector", 2 * count, 6.0, &mut || {
            black_box(boundary::angle_between(&angles, tangents));
        });
        let mut normals = weights.iter().map(|x| x.to_f64()).cycle();
        line("uniform_directions", 2 * all, 2.0, &mut || {
            uniform::uniform_directions(units, &mut u, || normals.next().expect("a cycle has no end"));
        });
        // Of one unit, quadratic in its inputs.
        let column: Vec<T> = angles.iter().step_by(units).copied().collect();
        let mut full = vec![T::ZERO; inputs * inputs];
        let square = (inputs * inputs) as f64;
        self.report::<T>(1, &label("jacobian, one unit"), full.len(), square, &mut || {
            sphere::jacobian(&column, &mut full[inputs..]);
        });
        self.report::<T>(1, &label("polar_jacobian, one unit"), full.len(), square, &mut || {
            sphere::polar_jacobian(&column, radius[0], &mut full);
        });

        #[cfg(feature = "rayon")]
        for threads in [1, 2] {
            use gmp_math::parallel;
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a thread pool");
            let name = label(&format!("transform + vjp, {threads} threads"));
            let numbers = 5 * all + 2 * saved_len;
            self.report::<T>(threads, &name, numbers, 32.0 * count as f64, &mut || {
                pool.install(|| {
                    parallel::directions_saving(&angles, units, &mut u, &mut saved);
                    parallel::directions_vjp(&angles, &saved, units, &weights, &mut gradients, true);
                });
            });
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
    machine.layer::<f64>(13, 100);
    machine.layer::<f32>(13, 100);
    machine.layer::<f32>(1152, 128);
    machine.layer::<f32>(4608, 512);
    machine.layer::<f64>(4608, 512);
}
