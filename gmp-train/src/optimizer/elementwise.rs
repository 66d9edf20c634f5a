//! Steps that do the same to every parameter, on the threads of the current rayon pool.

use gmp_math::parallel;

/// Parameters that are worth a thread: with fewer, handing them over costs more than it saves.
const WORTH_A_THREAD: usize = 1 << 17;

/// Calls `work` for contiguous shares of `numbers`, the parameters first and then what the optimizer keeps beside them, and for
/// their gradients. What becomes of a parameter must depend on its own numbers alone, so that no number of threads changes
/// a bit.
pub(super) fn step<T: Send + Sync, const K: usize>(
    numbers: [&mut [T]; K],
    gradients: &[T],
    work: &(impl Fn([&mut [T]; K], &[T]) + Sync),
) {
    let parts = match gradients.len() / WORTH_A_THREAD {
        // Small networks do not ask for the threads.
        0 | 1 => 1,
        parts => parts.min(parallel::threads()),
    };
    parallel::share_out(0..gradients.len(), parts, numbers, &mut [], &|i| i, &|range, numbers, _| {
        work(numbers, &gradients[range]);
    });
}

#[cfg(test)]
mod tests {
    use crate::{Adam, AdamW, Optimizer, RmsProp, Sgd};
    use gmp_nn::{ParamStore, Role};

    type Boxed = Box<dyn Optimizer<f32> + Send>;

    /// Enough parameters for four threads, and a count that no number of threads divides.
    #[test]
    fn steps_are_the_same_at_any_thread_count() {
        let n = (5 << 17) + 7;
        let numbers = |seed: f32| (0..n).map(|i| (i as f32 * 0.37 + seed).sin()).collect::<Vec<_>>();
        let trained = |threads: usize, mut optimizer: Boxed| {
            let mut parameters = ParamStore::default();
            parameters.push("w".to_owned(), Role::Weight, &numbers(0.0), n, 1);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| (1..4).for_each(|t| optimizer.step(&mut parameters, &numbers(t as f32), 0.1)));
            parameters.values().iter().map(|p| p.to_bits()).collect::<Vec<_>>()
        };
        let optimizers: [fn() -> Boxed; 5] = [
            || Box::new(Adam::default()),
            || Box::new(AdamW::new(0.01)),
            || Box::new(RmsProp::default()),
            || Box::new(Sgd::new(0.9).with_weight_decay(0.01)),
            || Box::new(Sgd::new(0.9).with_nesterov()),
        ];
        for optimizer in optimizers {
            let one = trained(1, optimizer());
            for threads in [2, 3, 4] {
                assert!(
                    trained(threads, optimizer()) == one,
                    "{:?} at {threads} threads",
                    optimizer().state().kind
                );
            }
        }
    }
}
