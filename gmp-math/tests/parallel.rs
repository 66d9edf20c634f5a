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
            parallel::directions_vjp(saved, units, &seeds, gradients);
            parallel::directions_jvp(&angles, units, &tangents, direction_tangents);
        } else {
            sphere::directions(&angles, units, plain);
            sphere::directions_saving(&angles, units, saving, saved);
            sphere::directions_vjp(saved, units, &seeds, gradients);
            sphere::directions_jvp(&angles, units, &tangents, direction_tangents);
        }
        outputs
    };
    let name = format!("{inputs} × {units}, {} threads", threads.current_num_threads());
    assert!(run(false) == threads.install(|| run(true)), "{name}");
}

/// Layers above and below the size worth sharing, with ragged splits, on 1, 2, 3 and 8 threads, five times each.
#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for count in [1, 2, 3, 8] {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(count).build().unwrap();
        for _ in 0..5 {
            for (inputs, units) in [(100, 600), (9, 7), (70, 333), (300, 100), (40_000, 1), (2000, 17)] {
                bits::<f32>(inputs, units, &threads);
                bits::<f64>(inputs, units, &threads);
            }
        }
    }
}
