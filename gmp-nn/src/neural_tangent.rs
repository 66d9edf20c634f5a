//! The empirical neural tangent kernel of a network, and how far training moves it.
//!
//! `K(x, y) = ⟨∂f(x)/∂parameters, ∂f(y)/∂parameters⟩` says how a small step of gradient descent on one sample changes the output for
//! another. A network whose kernel stays constant is trained like a linear model of fixed features; one whose kernel
//! moves learns features. [`kernel`] computes the kernel of any network, [`kernel_of`] the contribution of some of
//! its parameters, and [`relative_change`] and [`alignment`] compare two kernels of the same inputs.
//! [`gmp_math::neural_tangent`] has the kernels of wide layers in closed form.
//!
//! ```
//! use gmp_autograd::Mat;
//! use gmp_nn::{Mlp, Parameterization, neural_tangent};
//!
//! let mut network = Mlp::new(2, &[64], 1, Parameterization::Geometric).build::<f64>(7)?;
//! let three_samples = [1.0, 0.0, 0.5, 2.0, -1.0, 1.0];
//! let x = Mat::new(&three_samples, 3, 2);
//! let before = neural_tangent::kernel(&network, x);
//! assert_eq!(before.len(), 9);
//! assert_eq!(before[1], before[3]); // it is symmetric
//!
//! // Radii that are twice as large make another kernel: by how much, and of which shape.
//! for radius in network.parameters.get_mut("hidden1.radius").unwrap() {
//!     *radius *= 2.0;
//! }
//! let after = neural_tangent::kernel(&network, x);
//! assert!(neural_tangent::relative_change(&before, &after) > 0.1);
//! assert!(neural_tangent::alignment(&before, &after) > 0.9);
//! # Ok::<(), gmp_nn::Error>(())
//! ```
//!
//! Sources: A. Jacot, F. Gabriel and C. Hongler, "Neural Tangent Kernel", NeurIPS 2018; L. Chizat, E. Oyallon and F. Bach, "On Lazy
//! Training in Differentiable Programming", NeurIPS 2019.

use crate::{Element, Entry, Network};
use gmp_autograd::{Mat, Tape};
use gmp_math::Scalar;

/// The kernel for all pairs of samples, row-major: symmetric, with one row and one column for each output of each sample.
///
/// x is as in [`Network::forward`]: one row per sample, or one row per pixel of images. For s samples and a network
/// with o outputs, the kernel is (s·o)×(s·o), and output k of sample i is in row i·o + k.
///
/// The network is in evaluation mode: normalizations over the batch use their running statistics, not those of x.
/// Every output of every sample takes a backward pass, and all of these gradients are in memory at the same time.
/// Sums are in double precision and in a fixed order, so the result has the same bits at any thread count.
///
/// # Panics
/// As [`Network::forward`].
#[must_use]
#[track_caller]
pub fn kernel<T: Element>(network: &Network<T>, x: Mat<'_, T>) -> Vec<T> {
    kernel_of(network, x, |_| true)
}

/// The contribution of some parameters to the [`kernel`]: the same sum over only those matrices for which `is_meant`
/// returns true. The contributions of disjoint sets of parameters add up to the kernel.
///
/// ```
/// use gmp_autograd::Mat;
/// use gmp_nn::neural_tangent::{kernel, kernel_of};
/// use gmp_nn::{Mlp, Parameterization, Role};
/// let network = Mlp::new(2, &[8], 1, Parameterization::Geometric).build::<f64>(7)?;
/// let x = Mat::new(&[0.3, -0.4], 1, 2);
/// let boundaries = kernel_of(&network, x, |entry| matches!(entry.role, Role::Angle | Role::Offset));
/// let others = kernel_of(&network, x, |entry| !matches!(entry.role, Role::Angle | Role::Offset));
/// assert!((boundaries[0] + others[0] - kernel(&network, x)[0]).abs() < 1e-12);
/// # Ok::<(), gmp_nn::Error>(())
/// ```
///
/// # Panics
/// As [`Network::forward`].
#[must_use]
#[track_caller]
pub fn kernel_of<T: Element>(
    network: &Network<T>,
    x: Mat<'_, T>,
    is_meant: impl Fn(&Entry) -> bool,
) -> Vec<T> {
    let slots: Vec<_> = network.parameters.entries().iter().filter(|e| is_meant(e)).map(|e| e.slot).collect();
    let (rows, columns) = (network.input().rows(), x.cols());
    assert!(
        x.rows().is_multiple_of(rows),
        "the network takes {rows} rows per sample; the batch has {} rows",
        x.rows()
    );
    let inputs = x.to_vec();
    let (mut tape, mut cotangent) = (Tape::new(), Vec::new());
    let (mut gradients, mut outputs) = (Vec::new(), 0);
    // One sample at a time: a backward pass over all of them for each output would cost as many times more.
    for sample in inputs.chunks(rows * columns.max(1)) {
        tape.begin(network.parameters.values());
        let x = tape.input(sample, rows, columns);
        let y = network.forward(&mut tape, x);
        let numbers = y.rows() * y.cols();
        for number in 0..numbers {
            cotangent.clear();
            cotangent.resize(numbers, T::ZERO);
            cotangent[number] = T::ONE;
            tape.backward_with(y, Mat::new(&cotangent, y.rows(), y.cols()));
            slots.iter().for_each(|slot| gradients.extend_from_slice(slot.of(tape.parameter_gradients())));
            outputs += 1;
        }
    }
    products(&gradients, outputs)
}

/// The scalar products of all pairs of `count` rows.
fn products<T: Scalar>(rows: &[T], count: usize) -> Vec<T> {
    let length = rows.len() / count.max(1);
    let row = |i: usize| &rows[i * length..][..length];
    let mut products = vec![T::ZERO; count * count];
    for i in 0..count {
        for j in 0..=i {
            let product = T::from_f64(dot(row(i), row(j)));
            (products[i * count + j], products[j * count + i]) = (product, product);
        }
    }
    products
}

/// A sum over eight lanes, so that the compiler can use wide registers without another order of the sums.
fn dot<T: Scalar>(a: &[T], b: &[T]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f64 = rest.map(|(a, b)| a.to_f64() * b.to_f64()).sum();
    for (a, b) in a.zip(b) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a.to_f64() * b.to_f64();
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// How far a kernel moved: `‖after − before‖/‖before‖` in the Frobenius norm, 0 if it did not move. NaN if `before` is zero.
///
/// ```
/// use gmp_nn::neural_tangent::relative_change;
/// assert_eq!(relative_change(&[3.0, 0.0, 0.0, 4.0], &[3.0, 0.0, 0.0, 9.0]), 1.0);
/// ```
///
/// # Panics
/// If the kernels do not have the same size.
#[must_use]
#[track_caller]
pub fn relative_change<T: Scalar>(before: &[T], after: &[T]) -> f64 {
    check(before, after);
    let difference: Vec<f64> = before.iter().zip(after).map(|(b, a)| a.to_f64() - b.to_f64()).collect();
    (dot(&difference, &difference) / dot(before, before)).sqrt()
}

/// The cosine between two kernels, `⟨a, b⟩/(‖a‖‖b‖)` in the Frobenius inner product, which does not depend on their
/// scales. It is 1 if one is a multiple of the other. NaN if one is zero.
///
/// ```
/// use gmp_nn::neural_tangent::alignment;
/// assert_eq!(alignment(&[3.0, 0.0, 0.0, 4.0], &[6.0, 0.0, 0.0, 8.0]), 1.0);
/// assert_eq!(alignment(&[1.0, 0.0, 0.0, 0.0], &[0.0, 0.0, 0.0, 1.0]), 0.0);
/// ```
///
/// # Panics
/// If the kernels do not have the same size.
#[must_use]
#[track_caller]
pub fn alignment<T: Scalar>(a: &[T], b: &[T]) -> f64 {
    check(a, b);
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
}

#[track_caller]
fn check<T>(a: &[T], b: &[T]) {
    let (a, b) = (a.len(), b.len());
    assert!(a == b, "kernels of {a} and {b} numbers; expected those of the same samples");
}
