use gmp_autograd::{Pullback, Rule, Shape, Tape, Var};
use gmp_math::{Scalar, parallel, sphere};

/// The unit vectors u(θ) of hyperspherical angles: (n−1)×units angles in radians, n×units directions.
///
/// The forward and the backward pass are those of [`gmp_math::parallel`]: O(n) per unit, without a division, finite
/// at the poles, and with the same bits on any number of threads. A layer with one input has no angles; its direction
/// is a stored sign.
///
/// ```
/// use gmp_autograd::Tape;
/// use gmp_nn::op;
///
/// let mut tape = Tape::<f64>::new();
/// tape.begin(&[]);
/// let angles = tape.input(&[std::f64::consts::FRAC_PI_3], 1, 1); // one angle in the plane: 60°
/// let u = op::direction(&mut tape, angles);
/// let u = tape.value(u).data();
/// assert!((u[0] - 0.5).abs() < 1e-15 && (u[1] - 0.75_f64.sqrt()).abs() < 1e-15);
/// ```
pub fn direction<T: Scalar>(tape: &mut Tape<T>, angles: Var) -> Var {
    let (n, units) = (angles.rows() + 1, angles.cols());
    let saved = sphere::saved_len(n, units);
    tape.record(&Direction, [angles], Shape::new(n, units), saved, |[angles], mut u, saved| {
        parallel::directions_saving(angles.data(), units, u.data_mut(), saved);
    })
}

struct Direction;
impl<T: Scalar> Rule<T> for Direction {
    fn name(&self) -> &'static str {
        "direction"
    }
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let (angles, saved) = (pull.value(0).data(), pull.saved());
        if let Some((du, dangles)) = pull.wrt(0) {
            let (mut dangles, is_fresh) = dangles.into_parts();
            parallel::directions_vjp(angles, saved, du.cols(), du.data(), dangles.data_mut(), !is_fresh);
        }
    }
}
