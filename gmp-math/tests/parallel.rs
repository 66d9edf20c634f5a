//! The parallel kernels against the sequential ones: the same bits at any number of threads.
#![cfg(feature = "rayon")]

mod common;
use common::Draw;
use gmp_math::{Scalar, parallel, sphere};

fn bits<T: Scalar>(inputs: usize, units: usize, threads: &rayon::ThreadPool) {
    let mut draw = Draw((inputs * 1000 + units) as u64);
    let count = (inputs - 1) * units;
    let angles: Vec<T> = (0..count).map(|_| T::from_f64(draw.between(-9.0, 9.0))).collect();
    let (seeds, tangents): (Vec<T>, Vec<T>) = (draw.normals(inputs * units), draw.normals(count));

    // One after another, or shared: [directions, directions saving, saved, gradients, tangents].
    let run = |shared: bool| {
        let mut outputs =
            [inputs * units, inputs * units, sphere::saved_len(inputs, units), count, inputs * units]
                .map(|len| vec![T::ONE; len]);
        let [plain, saving, saved, gradients, direction_tangents] = &mut outputs;
        if shared {
            parallel::directions(&angles, units, plain);
            parallel::directions_saving(&angles, units, saving, saved);
            parallel::directions_vjp(&angles, saved, units, &seeds, gradients, true);
            parallel::directions_jvp(&angles, units, &tangents, direction_tangents);
        } else {
            sphere::directions(&angles, units, plain);
            sphere::directions_saving(&angles, units, saving, saved);
            sphere::directions_vjp(&angles, saved, units, &seeds, gradients, true);
            sphere::directions_jvp(&angles, units, &tangents, direction_tangents);
        }
        outputs
    };
    let name = format!("{inputs} × {units}, {} threads", threads.current_num_threads());
    assert!(run(false) == threads.install(|| run(true)), "{name}");
}

/// Layers above and below the size worth sharing, with ragged splits, five times each.
fn same_bits_on(count: usize) {
    let threads = rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap();
    assert_eq!(threads.install(parallel::threads), count);
    for _ in 0..5 {
        for (inputs, units) in [(100, 600), (9, 7), (70, 333), (300, 100), (40_000, 1), (2000, 17)] {
            bits::<f32>(inputs, units, &threads);
            bits::<f64>(inputs, units, &threads);
        }
    }
    // So large that sines and cosines are not saved.
    bits::<f32>(3000, 357, &threads);
    bits::<f64>(3000, 357, &threads);
}

#[test]
fn one_thread_gives_the_same_bits() {
    same_bits_on(1);
}

#[test]
fn two_threads_give_the_same_bits() {
    same_bits_on(2);
}

#[test]
fn three_threads_give_the_same_bits() {
    same_bits_on(3);
}

#[test]
fn eight_threads_give_the_same_bits() {
    same_bits_on(8);
}

#[test]
fn outside_of_all_pools_the_threads_are_those_of_the_global_one() {
    assert_eq!(parallel::threads(), rayon::current_num_threads());
}

/// Set for the process that has no memory for a thread.
const REFUSED: &str = "GMP_THREADS_REFUSED";

/// A stack of 64 TiB is refused by the system, as threads are where a limit is reached.
#[cfg(target_pointer_width = "64")]
#[test]
fn one_thread_does_where_the_system_refuses_others() {
    let name = "one_thread_does_where_the_system_refuses_others";
    if std::env::var_os(REFUSED).is_none() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child.args([name, "--exact", "--test-threads=1"]).env(REFUSED, "");
        let output = child.env("RUST_MIN_STACK", "70368744177664").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let angles = vec![0.5_f64; 99 * 600];
    let [mut alone, mut shared] = [1, 2].map(|_| vec![1.0; 100 * 600]);
    sphere::directions(&angles, 600, &mut alone);
    parallel::directions(&angles, 600, &mut shared);
    assert_eq!(parallel::threads(), 1);
    assert!(alone == shared);
    let refused = std::thread::Builder::new().spawn(|| ());
    assert!(refused.is_err(), "threads are not refused: nothing was tested");
}
