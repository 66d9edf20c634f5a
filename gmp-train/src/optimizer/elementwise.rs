//! Steps that do the same to every parameter, on the threads of the current rayon pool.

use gmp_math::parallel;

/// Parameters that are worth a thread: with fewer, handing them over costs more than it saves.
const WORTH_A_THREAD: usize = 1 << 17;

/// Calls `work` for contiguous shares of the parameters, their gradients and what the optimizer keeps beside them. What
/// becomes of a parameter must depend on its own numbers alone, so that no number of threads changes a bit.
pub(super) fn step<T: Send + Sync, const K: usize>(
    parameters: &mut [T],
    gradients: &[T],
    state: [&mut [T]; K],
    work: &(impl Fn(&mut [T], &[T], [&mut [T]; K]) + Sync),
) {
    let parts = match parameters.len() / WORTH_A_THREAD {
        // Small networks do not ask for the threads.
        0 | 1 => 1,
        parts => parts.min(parallel::threads()),
    };
    share(parts, parameters, gradients, state, work);
}

fn share<T: Send + Sync, const K: usize>(
    parts: usize,
    parameters: &mut [T],
    gradients: &[T],
    state: [&mut [T]; K],
    work: &(impl Fn(&mut [T], &[T], [&mut [T]; K]) + Sync),
) {
    if parts <= 1 {
        return work(parameters, gradients, state);
    }
    let left = parts / 2;
    let middle = parameters.len() * left / parts;
    let (parameters, other_parameters) = parameters.split_at_mut(middle);
    let (gradients, other_gradients) = gradients.split_at(middle);
    let mut others = [const { None }; K];
    let mut others_left = others.iter_mut();
    let state = state.map(|numbers| {
        let (numbers, other) = numbers.split_at_mut(middle);
        *others_left.next().expect("as many as there are") = Some(other);
        numbers
    });
    let other_state = others.map(|other| other.expect("set above"));
    rayon::join(
        || share(left, parameters, gradients, state, work),
        || share(parts - left, other_parameters, other_gradients, other_state, work),
    );
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
