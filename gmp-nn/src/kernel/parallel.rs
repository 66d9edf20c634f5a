//! Distributes contiguous ranges of the output over the threads of the current rayon pool.

/// Number of multiplications that are worth a thread: about 200 µs of work. With fewer, a thread costs more than it
/// saves.
pub(crate) const MULTIPLICATIONS: usize = 1 << 23;
/// Numbers of a pass over memory that are worth a thread.
pub(crate) const NUMBERS: usize = 1 << 18;

/// How many threads to use for `work`, if the amount `worth_a_thread` is worth one.
pub(crate) fn threads(work: usize, worth_a_thread: usize) -> usize {
    gmp_math::parallel::threads().min(work / worth_a_thread).max(1)
}

/// [`gmp_math::parallel::share_out`].
pub(crate) fn share<T: Send, const K: usize>(
    units: std::ops::Range<usize>,
    parts: usize,
    outputs: [&mut [T]; K],
    area: &mut [T],
    offset: &(impl Fn(usize) -> usize + Sync),
    work: &(impl Fn(std::ops::Range<usize>, [&mut [T]; K], &mut [T]) + Sync),
) {
    #[cfg(test)]
    if parts.min(units.len()) > 1 {
        tests::note_shared(work);
    }
    gmp_math::parallel::share_out(units, parts, outputs, area, offset, work);
}

#[cfg(test)]
mod tests {
    use crate::zoo::{Variant, resnet18, vgg6};
    use crate::{Element, Features, NetworkSpec, Normalization, Parameterization, Rng};
    use gmp_autograd::{Tape, op};
    use std::any::type_name;
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        /// The work that this thread has shared with others, as the compiler calls it.
        static SHARED: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn note_shared<W>(_: &W) {
        SHARED.with_borrow_mut(|shared| shared.insert(type_name::<W>()));
    }

    /// The bits of a step in training: loss, gradients, running statistics; and what was shared.
    fn step<T: Element>(
        spec: &NetworkSpec,
        batch: usize,
        threads: usize,
    ) -> (Vec<u64>, BTreeSet<&'static str>) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let Features::Image { height, width, channels } = spec.input else { unreachable!("images") };
            let mut rng = Rng::new(1, "threads");
            let mut network = spec.build::<T>(1).unwrap();
            let mut tape = Tape::new();
            tape.begin(network.parameters.values());
            let rows = batch * height * width;
            let x: Vec<T> = (0..rows * channels).map(|_| T::from_f64(rng.normal())).collect();
            let classes: Vec<T> = (0..batch).map(|i| T::from_usize(i % 3)).collect();
            let (x, classes) = (tape.input(&x, rows, channels), tape.input(&classes, batch, 1));
            let y = network.forward_training(&mut tape, x);
            let loss = op::softmax_cross_entropy(&mut tape, y, classes);
            tape.backward(loss);
            let results = [tape.value(loss).data(), tape.parameter_gradients(), network.buffers.values()];
            let bits = results.concat().into_iter().map(|x| x.to_f64().to_bits()).collect();
            (bits, SHARED.take())
        })
    }

    /// Networks whose kernels all get enough work for several threads, which is asserted.
    #[test]
    fn training_is_the_same_at_any_thread_count() {
        // The stem, a block of either shortcut, and one of many channels on few pixels, for images of 64×64.
        let kept = ["stem", "pool", "stage1.block1", "stage2.block1", "stage3.block1", "average", "output"];
        let residual = |variant: &Variant| {
            let mut spec = resnet18(variant, 3);
            spec.input = Features::Image { height: 64, width: 64, channels: 3 };
            spec.layers.retain(|(name, _)| kept.contains(&name.trim_end_matches(".mean_norm")));
            spec
        };
        let mut shared = BTreeSet::new();
        for (parameterization, normalization) in [
            (Parameterization::WeightNorm, Normalization::batch_mean()),
            (Parameterization::Standard, Normalization::batch()),
            (Parameterization::Standard, Normalization::layer()),
            (Parameterization::Geometric, Normalization::input_mean()),
        ] {
            let variant = Variant::new(parameterization).normalization(normalization);
            for (spec, batch) in [(vgg6(&variant, 32, 3), 20), (residual(&variant), 8)] {
                let mut step = |is_single: bool, threads| {
                    let step = if is_single { step::<f32> } else { step::<f64> };
                    let (bits, work) = step(&spec, batch, threads);
                    shared.extend(work);
                    bits
                };
                for (is_single, counts) in [(true, &[2, 4][..]), (false, &[3])] {
                    let one = step(is_single, 1);
                    for &threads in counts {
                        assert!(
                            step(is_single, threads) == one,
                            "{variant:?} at {threads} threads, f32: {is_single}"
                        );
                    }
                }
            }
        }
        for kernel in [
            "conv::shifted::forward",
            "conv::shifted::gradient",
            "conv::winograd::forward",
            "conv::winograd::gradient",
            "conv::winograd::few_tiles",
            "conv::pool::max<",
            "conv::pool::max_gradient<",
            "op::conv2d::pre_activation",
            "op::batch_norm::statistics",
            "op::batch_norm::batch_norm",
            "op::batch_norm::BatchNorm",
            "op::layer_norm::layer_norm",
            "op::layer_norm::LayerNorm",
            "op::mean_norm::mean_norm",
            "op::mean_norm::MeanNorm",
            "op::weight_norm::weight_norm",
            "op::weight_norm::WeightNorm",
        ] {
            for scalar in ["f32", "f64"] {
                let is_shared = shared.iter().any(|work| work.contains(kernel) && work.contains(scalar));
                assert!(is_shared, "{kernel} in {scalar} ran on one thread: {shared:#?}");
            }
        }
    }
}
