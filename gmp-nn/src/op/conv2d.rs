//! The convolution of a layer, fused with bias, ReLU and output scale.
//!
//! The sums are shifted, rectified and scaled while they are in registers, on their way to memory; the
//! backward pass turns the output's gradient into that of the pre-activation in place.

use super::{Activation, activation as activate};
use crate::kernel::chunks::Chunks;
use crate::kernel::conv::{self, Finish, Geometry};
use crate::kernel::gemm::Element;
use gmp_autograd::op::mul_row;
use gmp_autograd::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::simd::{Kernel, dispatch};

/// `x ⋆ w`: x is the input's rows×channels, w is (size·size·channels)×filters, the result the output's
/// rows×filters. The sizes are given by `geometry`, and images are stored in the order (batch, height, width,
/// channel).
///
/// # Panics
/// If the shapes do not fit, or the operands are the same variable and need gradients.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::conv::{Geometry, Images, Padding, Window};
/// use gmp_nn::op;
///
/// let images = Images { batch: 1, height: 2, width: 2, channels: 1 };
/// let geometry = Geometry::new(images, Window::new(3, 1, Padding::Same), 1)?;
/// let mut tape = Tape::<f32>::new();
/// tape.begin(&[]);
/// let x = tape.input(&[1.0, 2.0, 3.0, 4.0], 4, 1);
/// let sum_of_neighbours = tape.input(&[1.0; 9], 9, 1);
/// let y = op::conv2d(&mut tape, x, sum_of_neighbours, &geometry);
/// assert_eq!(tape.value(y).data(), [10.0; 4]);
/// # Ok::<(), gmp_nn::conv::GeometryError>(())
/// ```
#[track_caller]
pub fn conv2d<T: Element>(tape: &mut Tape<T>, x: Var, w: Var, geometry: &Geometry) -> Var {
    record(tape, &Conv2d::<false, false>, [x, w], geometry)
}

/// `g(x ⋆ w + b)`: like [`conv2d`], with a bias for every filter in the 1×filters row b.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::conv::{Geometry, Images, Padding, Window};
/// use gmp_nn::{Activation, op};
///
/// let images = Images { batch: 1, height: 2, width: 1, channels: 1 };
/// let geometry = Geometry::new(images, Window::new(1, 1, Padding::Valid), 1)?;
/// let mut tape = Tape::<f32>::new();
/// tape.begin(&[]);
/// let (x, w, b) = (tape.input(&[1.0, 2.0], 2, 1), tape.input(&[10.0], 1, 1), tape.input(&[-15.0], 1, 1));
/// let y = op::conv2d_bias(&mut tape, [x, w, b], &geometry, Activation::Relu);
/// assert_eq!(tape.value(y).data(), [0.0, 5.0]);
/// # Ok::<(), gmp_nn::conv::GeometryError>(())
/// ```
///
/// # Panics
/// As [`conv2d`].
#[track_caller]
pub fn conv2d_bias<T: Element>(
    tape: &mut Tape<T>,
    [x, w, b]: [Var; 3],
    geometry: &Geometry,
    activation: Activation,
) -> Var {
    match activation {
        Activation::Identity => record(tape, &Conv2d::<false, false>, [x, w, b], geometry),
        Activation::Relu => record(tape, &Conv2d::<true, false>, [x, w, b], geometry),
        _ => {
            let z = conv2d_bias(tape, [x, w, b], geometry, Activation::Identity);
            activate(tape, z.last_use(), activation)
        }
    }
}

/// `r ∘ g(x ⋆ w + b)`: like [`conv2d_bias`], with each filter's output then scaled by its entry in the 1×filters row
/// r.
///
/// The scale is outside the activation, as in the paper's geometric units, and may be negative.
///
/// # Panics
/// As [`conv2d`].
#[track_caller]
pub fn scaled_conv2d<T: Element>(
    tape: &mut Tape<T>,
    [x, w, b, r]: [Var; 4],
    geometry: &Geometry,
    activation: Activation,
) -> Var {
    match activation {
        Activation::Identity => record(tape, &Conv2d::<false, true>, [x, w, b, r], geometry),
        Activation::Relu => record(tape, &Conv2d::<true, true>, [x, w, b, r], geometry),
        _ => {
            let y = conv2d_bias(tape, [x, w, b], geometry, activation);
            mul_row(tape, y, r)
        }
    }
}

#[track_caller]
fn record<T: Element, const RELU: bool, const SCALED: bool, const K: usize>(
    tape: &mut Tape<T>,
    rule: &'static Conv2d<RELU, SCALED>,
    operands: [Var; K],
    geometry: &Geometry,
) -> Var {
    let [x, w, rows @ ..] = operands.as_slice() else {
        unreachable!("a convolution has at least two operands")
    };
    let (input, output) = (geometry.input(), geometry.output());
    assert!(
        x.shape() == Shape::new(input.rows(), input.channels)
            && w.shape() == Shape::new(geometry.weight_rows(), output.channels)
            && rows.iter().all(|row| row.shape() == Shape::new(1, output.channels)),
        "{}: x {}, weights {}, rows {:?} do not fit {input:?} and {output:?}",
        Rule::<T>::name(rule),
        x.shape(),
        w.shape(),
        rows.iter().map(|row| row.shape().to_string()).collect::<Vec<_>>()
    );
    let shape = Shape::new(output.rows(), output.channels);
    // Kept for the backward pass: the activations before scaling.
    let unscaled = if SCALED { shape.len() } else { 0 };
    tape.record_with(
        rule,
        operands,
        shape,
        unscaled,
        geometry.to_attributes(),
        |operands, y, unscaled, scratch| {
            let finish = Finish {
                accumulate: false,
                bias: if K > 2 { operands[2].data() } else { &[] },
                relu: RELU,
                scale: if SCALED { operands[K - 1].data() } else { &[] },
            };
            let outputs = [y.into_data(), unscaled];
            conv::forward(geometry, operands[0].data(), operands[1].data(), outputs, finish, scratch);
        },
    )
}

struct Conv2d<const RELU: bool, const SCALED: bool>;

impl<T: Element, const RELU: bool, const SCALED: bool> Rule<T> for Conv2d<RELU, SCALED> {
    fn name(&self) -> &'static str {
        match (RELU, SCALED) {
            (false, false) => "conv2d",
            (true, false) => "conv2d_relu",
            (false, true) => "scaled_conv2d",
            (true, true) => "scaled_conv2d_relu",
        }
    }

    fn reads_output(&self) -> bool {
        RELU && !SCALED
    }

    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let geometry = Geometry::from_attributes(pull.attributes());
        let mut scratch = std::mem::take(pull.scratch());
        let (x, w) = (pull.value(0).data(), pull.value(1).data());
        let activated = if SCALED { pull.saved() } else { pull.output().data() };
        let r = if SCALED { pull.value(3).data() } else { &[] };
        // Where there is no scale or no bias, the missing accumulators are never asked for.
        let (mut dy, [dx, dw, db, dr]) = match (SCALED, pull.arity()) {
            (true, _) => pull.wrt_each([0, 1, 2, 3]),
            (false, 3) => {
                let (dy, [dx, dw, db]) = pull.wrt_each([0, 1, 2]);
                (dy, [dx, dw, db, None])
            }
            _ => {
                let (dy, [dx, dw]) = pull.wrt_each([0, 1]);
                (dy, [dx, dw, None, None])
            }
        };
        let [mut db, mut dr] = [db, dr].map(|row| row.map(|row| row.into_zeroed()));
        let filters = geometry.output().channels;
        if RELU || SCALED || db.is_some() {
            pre_activation::<T, RELU, SCALED>(
                dy.data_mut(),
                activated,
                r,
                db.as_mut().map_or(&mut [], |db| db.data_mut()),
                dr.as_mut().map_or(&mut [], |dr| dr.data_mut()),
                filters,
                &mut scratch,
            );
        }
        let dz = dy.data();
        if let Some(dw) = dw {
            let (mut dw, fresh) = dw.into_parts();
            conv::weight_gradient(&geometry, x, dz, dw.data_mut(), !fresh, &mut scratch);
        }
        if let Some(dx) = dx {
            let (mut dx, fresh) = dx.into_parts();
            conv::data_gradient(&geometry, dz, w, dx.data_mut(), !fresh, &mut scratch);
        }
        *pull.scratch() = scratch;
    }
}

/// Rows of dy that are finished together, with sums of their own.
const ROWS: usize = 512;

/// dy → dz in place, adding the gradients of the bias and of the scale to rows that are empty where they
/// are not needed. Chunks of rows have sums of their own, which are added in order whatever the threads.
fn pre_activation<T: Element, const RELU: bool, const SCALED: bool>(
    dy: &mut [T],
    activated: &[T],
    r: &[T],
    db: &mut [T],
    dr: &mut [T],
    filters: usize,
    scratch: &mut Vec<T>,
) {
    let chunks = Chunks::of_rows(ROWS, dy.len(), filters);
    let sums = &mut *conv::work_area(scratch, chunks.count() * 2 * filters);
    chunks.write_and_sum(dy, sums, 2 * filters, &|i, dz, sums| {
        sums.fill(T::ZERO);
        let (db, dr) = sums.split_at_mut(filters);
        dispatch(PreActivation::<T, RELU, SCALED> { dz, activated: chunks.of(i, activated), r, db, dr });
    });
    for sums in sums.chunks_exact(2 * filters) {
        let (of_bias, of_scale) = sums.split_at(filters);
        for (row, sums) in [(&mut *db, of_bias), (&mut *dr, of_scale)] {
            for (total, sum) in row.iter_mut().zip(sums) {
                *total += *sum;
            }
        }
    }
}

struct PreActivation<'a, T, const RELU: bool, const SCALED: bool> {
    dz: &'a mut [T],
    activated: &'a [T],
    r: &'a [T],
    db: &'a mut [T],
    dr: &'a mut [T],
}

impl<T: Element, const RELU: bool, const SCALED: bool> Kernel for PreActivation<'_, T, RELU, SCALED> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let n = self.db.len();
        for (dz, a) in self.dz.chunks_exact_mut(n).zip(self.activated.chunks_exact(n)) {
            if SCALED {
                for (((dz, &a), dr), &r) in dz.iter_mut().zip(a).zip(self.dr.iter_mut()).zip(self.r) {
                    *dr = dz.mul_add(a, *dr);
                    *dz *= r;
                }
            }
            for ((dz, &a), db) in dz.iter_mut().zip(a).zip(self.db.iter_mut()) {
                if RELU {
                    *dz = if a > T::ZERO { *dz } else { T::ZERO };
                }
                *db += *dz;
            }
        }
    }
}
