//! Recentred charts: every unit has angles of its own, in coordinates that are reflected anew when it nears a pole, so that no √g
//! stays small.
//!
//! The direction of a unit is u = H s(θ), with the hyperspherical direction s(θ) and H = I − 2 v vᵀ/⟨v, v⟩, the reflection at the
//! plane orthogonal to a vector v of the unit; v = 0 is no reflection. A reflection preserves angles, so a step ε of θ turns u by
//! at most ‖ε‖, as under GmP. Where all angles are ±π/2, at the centre of the chart, all √g are 1, and the turn is ‖ε‖ to first
//! order whichever angles move.
//!
//! After every step, a unit whose smallest √g is below [`LEAST`] gets the reflection for which its direction is the centre. The
//! direction stays as it is up to rounding, and so does the function of the network. At a turn α from the centre no √g is below
//! |cos α|, so that a unit stays in its chart until it has turned by arccos [`LEAST`], whatever the number of inputs. A unit that
//! starts near a pole gets its first chart at once: with many inputs these are nearly all units, since the last √g of a random
//! direction is about √(2/n). All others start with the angles of GmP, and with two inputs the method is GmP, since the only √g is 1.
//!
//! The moments of the optimizer are carried over. Divided by the metric, the mean gradient of the angles is a tangent of the sphere,
//! whose coordinates in the new chart replace it; what is not tangent at the new direction is left out. A mean of squares by angle
//! has no counterpart in other coordinates. Its trace has: the sum of the squares, each divided by its metric, does not depend on
//! the chart. It is distributed evenly over the angles of the new chart. Were moments of angles with a small √g kept as they are, the
//! first steps in the new chart would be too long. Both rules use the metric before the step, where no √g is below [`LEAST`].
//!
//! The vectors v are parameters without a gradient. Optimizers leave them as they are or, with weight decay, shorten them, which
//! does not change the reflection.

use super::{column, gather, hidden, scatter};
use gmp_autograd::{Mat, Pullback, Rule, Tape, Var};
use gmp_math::Scalar;
use gmp_math::sphere::{directions, directions_jvp, metric};
use gmp_math::tangent::normalize;
use gmp_nn::parameterization::{EffectiveWeights, Parameterize, Unit, Weights};
use gmp_nn::{Declare, Element, Error, Forward, GeometricOptions, Linear, Network, ParamStore, Role, Slot};
use gmp_train::{Optimizer, OptimizerState};
use std::f64::consts::FRAC_PI_2;

/// A unit one of whose √g is smaller gets a new chart: 1/2, which no unit falls below before it has turned by 60° from the centre of
/// its chart. The nearer to 1, the more alike the angles are, and the oftener moments have to be carried over.
pub const LEAST: f64 = 0.5;

/// Angles in a chart for each unit, outside of which are offset and radius as under GmP.
#[derive(Debug)]
pub struct Charts;

impl<T: Element> Parameterize<T> for Charts {
    fn name(&self) -> &'static str {
        "recentred"
    }
    /// That of GmP, so that both start as the same function.
    fn fan_out(&self, linear: Linear, units: usize) -> usize {
        Parameterize::<T>::fan_out(&GeometricOptions::default(), linear, units)
    }
    /// With one input there are no angles, and the layer is that of GmP.
    fn declare(
        &self,
        initial: Mat<'_, T>,
        declare: &mut Declare<'_, T>,
    ) -> Result<Box<dyn Weights<T>>, Error> {
        let (rows, units) = (initial.rows(), initial.cols());
        if rows == 1 {
            return GeometricOptions::default().declare(initial, declare);
        }
        let slot = Slot { offset: 0, rows, cols: units };
        let (mut weights, mut charts) = (initial.data().to_vec(), vec![T::ZERO; rows * units]);
        let mut u = Vec::new();
        for unit in 0..units {
            gather(slot, unit, &weights, &mut u);
            normalize(&mut u);
            if is_near_pole(&u) {
                scatter(slot, unit, &centred_at(&u), &mut charts);
            }
        }
        reflect(&charts, units, &mut weights);
        let angles = GeometricOptions::default().declare(Mat::new(&weights, rows, units), declare)?;
        let chart = declare.parameter("chart", Role::Other, Mat::new(&charts, rows, units));
        Ok(Box::new(Charted { angles, chart }))
    }
}

#[derive(Debug)]
struct Charted<T: Element> {
    /// A layer under GmP, whose directions are reflected.
    angles: Box<dyn Weights<T>>,
    chart: Slot,
}

impl<T: Element> Weights<T> for Charted<T> {
    fn on_tape(&self, pass: &mut Forward<'_, T>) -> Unit {
        let unit = self.angles.on_tape(pass);
        let chart = pass.parameter(self.chart);
        Unit { weight: reflection(pass.tape, unit.weight, chart), ..unit }
    }
    fn effective(&self, parameters: &[T], buffers: &[T], into: &mut EffectiveWeights<T>) {
        self.angles.effective(parameters, buffers, into);
        reflect(self.chart.of(parameters), self.chart.cols, &mut into.weights);
    }
}

/// The columns of `directions`, reflected by those of `charts`, which get no gradient; all are n × units.
fn reflection<T: Scalar>(tape: &mut Tape<T>, directions: Var, charts: Var) -> Var {
    tape.record(&Reflection, [directions, charts], directions.shape(), 0, |[s, charts], mut u, _saved| {
        u.data_mut().copy_from_slice(s.data());
        reflect(charts.data(), s.cols(), u.data_mut());
    })
}

struct Reflection;
impl<T: Scalar> Rule<T> for Reflection {
    fn name(&self) -> &'static str {
        "reflection"
    }
    fn reads_output(&self) -> bool {
        false
    }
    /// A reflection is symmetric.
    fn backward(&self, pull: &mut Pullback<'_, T>) {
        let charts = pull.value(1);
        reflect(charts.data(), charts.cols(), pull.gradient_mut().data_mut());
        if let Some((du, ds)) = pull.wrt(0) {
            ds.add_each(du.data().iter().copied());
        }
    }
}

/// Columns that are reflected together, with their sums on the stack.
const BLOCK: usize = 16;

/// Reflects every column x at the plane orthogonal to the column v of `charts`: x − 2 v ⟨v, x⟩/⟨v, v⟩, or x if v is 0.
fn reflect<T: Scalar>(charts: &[T], units: usize, columns: &mut [T]) {
    for first in (0..units).step_by(BLOCK) {
        let block = first..units.min(first + BLOCK);
        let mut sums = [[T::ZERO; 2]; BLOCK];
        for (v, x) in charts.chunks_exact(units).zip(columns.chunks_exact(units)) {
            for ((sum, &v), &x) in sums.iter_mut().zip(&v[block.clone()]).zip(&x[block.clone()]) {
                sum[0] += v * v;
                sum[1] += v * x;
            }
        }
        let factors = sums.map(|[square, along]| match square > T::ZERO {
            true => (along + along) / square,
            false => T::ZERO,
        });
        for (v, x) in charts.chunks_exact(units).zip(columns.chunks_exact_mut(units)) {
            for ((x, &v), &factor) in x[block.clone()].iter_mut().zip(&v[block.clone()]).zip(&factors) {
                *x -= factor * v;
            }
        }
    }
}

/// The smallest √g of a direction s is that of the last angle, the product of the sines of all others: √(s²ₙ₋₁ + s²ₙ).
fn least_root(s: &[f64]) -> f64 {
    match s {
        [.., a, b] => a.hypot(*b),
        _ => 1.0,
    }
}

/// Never of a direction that is not a number.
fn is_near_pole(s: &[f64]) -> bool {
    least_root(s) < LEAST
}

/// The vector v = u ± e, with e = (0, …, 0, 1), whose reflection takes u to ∓e. The sign is that of uₙ: nothing cancels, and v is
/// longer than 1.
fn centred_at(u: &[f64]) -> Vec<f64> {
    let mut chart = u.to_vec();
    if let Some(last) = chart.last_mut() {
        *last += 1_f64.copysign(*last);
    }
    chart
}

/// The angles of the centre of a chart made by [`centred_at`]: of e, or of −e, whose last angle is −π/2.
fn centre(chart: &[f64], angles: &mut [f64]) {
    angles.fill(FRAC_PI_2);
    if let (Some(angle), Some(last)) = (angles.last_mut(), chart.last()) {
        *angle = -FRAC_PI_2.copysign(*last);
    }
}

/// Recentres all hidden units that near a pole, after each step of `optimizer`.
#[must_use]
pub fn stepping<T: Element>(network: &Network<T>, optimizer: Box<dyn Optimizer<T>>) -> Box<dyn Optimizer<T>> {
    let slots = hidden(network, "angles").into_iter().zip(hidden(network, "chart")).collect();
    Box::new(Recentred { optimizer, slots, before: Vec::new(), scratch: Default::default() })
}

struct Recentred<T> {
    optimizer: Box<dyn Optimizer<T>>,
    /// The angles and the charts of each layer.
    slots: Vec<(Slot, Slot)>,
    before: Vec<T>,
    scratch: [Vec<f64>; 3],
}

impl<T: Scalar> Optimizer<T> for Recentred<T> {
    /// Only a step in which a unit gets a new chart allocates: a copy of what the optimizer remembers.
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64) {
        self.before.clear();
        self.before.extend_from_slice(parameters.values());
        self.optimizer.step(parameters, gradients, learning_rate);
        let values = parameters.values_mut();
        let [angles, u, old] = &mut self.scratch;
        let mut state = None;
        for &(slot, chart) in &self.slots {
            u.resize(chart.rows, 0.0);
            for unit in 0..slot.cols {
                gather(slot, unit, values, angles);
                directions(angles, 1, u);
                if !is_near_pole(u) {
                    continue;
                }
                gather(chart, unit, values, old);
                reflect(old, 1, u);
                let new = centred_at(u);
                centre(&new, angles);
                scatter(slot, unit, angles, values);
                scatter(chart, unit, &new, values);
                gather(slot, unit, &self.before, angles);
                let state = state.get_or_insert_with(|| self.optimizer.state());
                carry_over(state, slot, unit, angles, [old, &new]);
            }
        }
        if let Some(state) = state {
            self.optimizer.restore(state).expect("an optimizer takes back its own state");
        }
    }
    fn state(&self) -> OptimizerState<T> {
        self.optimizer.state()
    }
    fn restore(&mut self, state: OptimizerState<T>) -> Result<(), gmp_train::Error> {
        self.optimizer.restore(state)
    }
}

/// Expresses what the optimizer remembers of a unit's `angles` in the second of two `charts`, at whose centre the unit is.
fn carry_over<T: Scalar>(
    state: &mut OptimizerState<T>,
    slot: Slot,
    unit: usize,
    angles: &[f64],
    charts: [&[f64]; 2],
) {
    let (mut moments, mut g) = (Vec::new(), vec![0.0; slot.rows]);
    metric(angles, 1, &mut g);
    let mut tangent = vec![0.0; slot.rows + 1];
    for (name, vector) in state.vectors.iter_mut().filter(|(_, vector)| !vector.is_empty()) {
        gather(slot, unit, vector, &mut moments);
        // Only parameters that were set by hand have a smaller metric.
        moments.iter_mut().zip(&g).for_each(|(moment, g)| *moment /= g.max(LEAST * LEAST));
        // The means of squares of Adam and RMSprop.
        if ["second", "square"].contains(&name.as_str()) {
            let mean = moments.iter().sum::<f64>() / moments.len() as f64;
            moments.fill(mean);
        } else {
            directions_jvp(angles, 1, &moments, &mut tangent);
            charts.into_iter().for_each(|chart| reflect(chart, 1, &mut tangent));
            // At the centre angle i moves s along −eᵢ, and the last one backwards if it is −π/2.
            moments.iter_mut().zip(&tangent).for_each(|(moment, t)| *moment = -t);
            if let (Some(moment), Some(last)) = (moments.last_mut(), charts[1].last()) {
                *moment *= -last.signum();
            }
        }
        column(slot, unit).zip(&moments).for_each(|(k, moment)| vector[k] = T::from_f64(*moment));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::turns;
    use super::*;
    use crate::method::{self, MethodId};
    use crate::setting::Optimizing;
    use gmp_autograd::{check, op};
    use gmp_math::boundary::angle_between;
    use gmp_nn::zoo::vgg6;
    use gmp_nn::{Boundaries, Rng, op as network_op};
    use gmp_train::{Adam, Sgd};

    fn normals(count: usize, rng: &mut Rng) -> Vec<f64> {
        (0..count).map(|_| rng.normal()).collect()
    }

    /// The direction of unit 0 of the first layer.
    fn direction<T: Element>(network: &Network<T>) -> Vec<f64> {
        let mut boundaries = Boundaries::default();
        network.boundaries("hidden1", &mut boundaries);
        let units = boundaries.units();
        boundaries.normals.iter().step_by(units).map(|x| x.to_f64()).collect()
    }

    /// The smallest √g of any unit of the first layer, from its angles.
    fn least_of<T: Element>(network: &Network<T>) -> f64 {
        let angles = network.parameters.matrix("hidden1.angles").unwrap();
        let mut g = vec![T::ZERO; angles.data().len()];
        metric(angles.data(), angles.cols(), &mut g);
        g.iter().map(|g| g.to_f64().sqrt()).fold(9.0, f64::min)
    }

    /// One unit at these angles in the first chart, that of GmP.
    fn one_unit<T: Element>(method: MethodId, angles: &[f64]) -> Network<T> {
        let mut network: Network<T> = method.mlp(angles.len() + 1, &[1], 1).build(5).unwrap();
        let numbers: Vec<T> = angles.iter().map(|x| T::from_f64(*x)).collect();
        network.parameters.set("hidden1.angles", &numbers).unwrap();
        if let Some(chart) = network.parameters.get_mut("hidden1.chart") {
            chart.fill(T::ZERO);
        }
        network
    }

    /// The gradients of −⟨goal, u⟩, which pull the direction of the only unit towards the goal.
    fn pull(network: &Network<f64>, goal: &[f64]) -> Vec<f64> {
        let mut tape = Tape::new();
        tape.begin(network.parameters.values());
        let on_tape = |tape: &Tape<f64>, name: &str| {
            let slot = network.parameters.entry(name)?.slot;
            Some(tape.parameter(slot.offset, slot.rows, slot.cols))
        };
        let angles = on_tape(&tape, "hidden1.angles").unwrap();
        let mut u = network_op::direction(&mut tape, angles);
        if let Some(chart) = on_tape(&tape, "hidden1.chart") {
            u = reflection(&mut tape, u, chart);
        }
        let goal: Vec<f64> = goal.iter().map(|x| -x).collect();
        let goal = tape.input(&goal, goal.len(), 1);
        let loss = op::mul(&mut tape, u, goal);
        let loss = op::sum(&mut tape, loss);
        tape.backward(loss);
        tape.parameter_gradients().to_vec()
    }

    /// A step without gradients changes nothing but the charts: every √g becomes 1, the function of the network stays.
    #[test]
    fn a_new_chart_leaves_the_function_as_it_is() {
        fn changed<T: Element>(allowed: f64) {
            let mut rng = Rng::new(3, "charts");
            for inputs in [3, 8, 40] {
                let mut network: Network<T> = method::RECENTRED.mlp(inputs, &[6], 2).build(5).unwrap();
                for name in ["hidden1.angles", "hidden1.chart"] {
                    network.parameters.get_mut(name).unwrap().fill_with(|| T::from_f64(rng.normal()));
                }
                // Near the first pole, and near the last one.
                let slot = hidden(&network, "angles")[0];
                let angles = slot.of_mut(network.parameters.values_mut());
                angles[0] = T::from_f64(0.01);
                angles[slot.cols * (slot.rows - 2) + 1] = T::from_f64(3.1);
                let x: Vec<T> = normals(5 * inputs, &mut rng).into_iter().map(T::from_f64).collect();
                let values = |network: &Network<T>| -> Vec<f64> {
                    network.predict(Mat::new(&x, 5, inputs)).iter().map(|y| y.to_f64()).collect()
                };
                let (before, u, charts) = (
                    values(&network),
                    direction(&network),
                    network.parameters.get("hidden1.chart").unwrap().to_vec(),
                );
                assert!(least_of(&network) < 0.05);
                let gradients = vec![T::ZERO; network.parameters.values().len()];
                stepping(&network, Box::new(Sgd::new(0.0))).step(&mut network.parameters, &gradients, 1.0);
                assert!(least_of(&network) >= LEAST);
                let slot = hidden(&network, "angles")[0];
                for k in column(slot, 0) {
                    assert!((network.parameters.values()[k].to_f64().sin().abs() - 1.0).abs() < allowed);
                }
                assert_ne!(network.parameters.get("hidden1.chart").unwrap(), charts);
                assert!(angle_between(&u, &direction(&network)) < allowed);
                for (before, after) in before.iter().zip(values(&network)) {
                    assert!((before - after).abs() < 10.0 * allowed, "{before} {after}");
                }
            }
        }
        changed::<f64>(1e-14);
        changed::<f32>(5e-6);
    }

    #[test]
    fn gradients_are_those_of_central_differences() {
        let mut rng = Rng::new(8, "gradients");
        let (angles, mut charts) = (normals(4 * 3, &mut rng), normals(5 * 3, &mut rng));
        charts.iter_mut().skip(1).step_by(3).for_each(|v| *v = 0.0); // the second unit is not reflected
        check::gradients(&[(4, 3, &angles)], |tape, v| {
            let charts = tape.input(&charts, 5, 3);
            let s = network_op::direction(tape, v[0]);
            reflection(tape, s, charts)
        })
        .unwrap();
    }

    /// Whatever the chart; and from its centre, a small step turns by its length.
    #[test]
    fn a_step_turns_by_no_more_than_its_length() {
        fn turn<T: Element>(angles: &[f64], step: &[f64], chart: &[f64]) -> [f64; 2] {
            let numbers = |x: &[f64]| -> Vec<T> { x.iter().map(|x| T::from_f64(*x)).collect() };
            let u = |angles: &[T]| -> Vec<f64> {
                let mut u = vec![T::ZERO; chart.len()];
                directions(angles, 1, &mut u);
                reflect(&numbers(chart), 1, &mut u);
                u.iter().map(|x| x.to_f64()).collect()
            };
            let from = numbers(angles);
            let to: Vec<T> = from.iter().zip(step).map(|(x, step)| *x + T::from_f64(*step)).collect();
            let taken = from.iter().zip(&to).map(|(a, b)| (a.to_f64() - b.to_f64()).powi(2)).sum::<f64>();
            [angle_between(&u(&from), &u(&to)), taken.sqrt()]
        }
        let mut rng = Rng::new(9, "steps");
        for inputs in [2, 3, 10, 100] {
            for _ in 0..50 {
                let (angles, chart) = (normals(inputs - 1, &mut rng), normals(inputs, &mut rng));
                let step: Vec<f64> = angles.iter().map(|_| 0.05 * rng.normal()).collect();
                let ([double, length], [single, rounded]) =
                    (turn::<f64>(&angles, &step, &chart), turn::<f32>(&angles, &step, &chart));
                assert!(double <= length + 1e-12, "{double} {length}");
                assert!(single <= rounded + 2e-6, "{single} {rounded}");
                let step: Vec<f64> = step.iter().map(|x| 1e-3 * x).collect();
                let [turn, length] = turn::<f64>(&vec![FRAC_PI_2; inputs - 1], &step, &chart);
                assert!(turn > 0.999 * length, "{turn} {length}");
            }
        }
    }

    /// |cos α| of the turn α from the centre ±e is the product of all sines, and no √g is below it.
    #[test]
    fn no_root_of_the_metric_is_below_the_cosine_of_the_turn_from_the_centre() {
        let mut rng = Rng::new(10, "metrics");
        for inputs in [2, 3, 7, 30] {
            for _ in 0..50 {
                let angles: Vec<f64> = (1..inputs).map(|_| FRAC_PI_2 + 0.3 * rng.normal()).collect();
                let (mut s, mut g) = (vec![0.0; inputs], vec![0.0; inputs - 1]);
                directions(&angles, 1, &mut s);
                metric(&angles, 1, &mut g);
                let least = g.iter().map(|g| g.sqrt()).fold(9.0, f64::min);
                assert!((least - least_root(&s)).abs() < 1e-14);
                assert!(least >= s[inputs - 1].abs() - 1e-14);
            }
        }
    }

    #[test]
    fn with_the_same_seed_it_starts_as_gmp_away_from_the_poles() {
        let mut boundaries = [Boundaries::default(), Boundaries::default()];
        for inputs in [1, 2, 3, 64] {
            let of = |method: MethodId| method.mlp(inputs, &[50], 2).build::<f64>(7).unwrap();
            let networks = [method::GMP, method::RECENTRED].map(of);
            let x = normals(4 * inputs, &mut Rng::new(1, "x"));
            let [y, own] = [0, 1].map(|k| networks[k].predict(Mat::new(&x, 4, inputs)));
            assert!(y.iter().zip(&own).all(|(a, b)| (a - b).abs() < 1e-13), "{y:?} {own:?}");
            for (network, boundaries) in networks.iter().zip(&mut boundaries) {
                network.boundaries("hidden1", boundaries);
            }
            let [a, b] = [0, 1].map(|k| &boundaries[k].normals);
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-14));
            let [start, own] = [0, 1].map(|k| networks[k].parameters.get("hidden1.angles"));
            assert_eq!(start == own, inputs <= 2, "{inputs}");
            assert!(inputs == 1 || least_of(&networks[1]) >= LEAST);
            if inputs == 3 {
                let same = start.unwrap().iter().zip(own.unwrap()).filter(|(a, b)| a == b).count();
                assert!((50..100).contains(&same), "most units are not near a pole: {same}");
                assert!(least_of(&networks[0]) < LEAST);
            }
        }
        // Filters are as long as those of GmP.
        let of = |method: MethodId| vgg6(&method.variant(), 2, 3).build::<f64>(7).unwrap();
        let [a, b] = [method::GMP, method::RECENTRED]
            .map(|method| of(method).parameters.get("conv2.radius").unwrap().to_vec());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-13));
    }

    #[test]
    fn no_unit_stays_near_a_pole_and_two_inputs_are_those_of_gmp() {
        for inputs in [3, 5, 40] {
            let rate = 0.1;
            let turns = turns(method::RECENTRED, inputs, rate, |network| {
                assert!(least_of(network) >= LEAST);
                assert!(network.parameters.get("hidden1.chart").unwrap().iter().all(|v| v.is_finite()));
            });
            // Adam's steps are hardly longer than the rate in any number of a unit.
            let bound = 1.5 * rate * (inputs as f64 - 1.0).sqrt();
            assert!(turns.iter().all(|turn| turn[0] <= bound), "{turns:?}");
            assert!(turns.iter().any(|turn| turn[0] > 0.5 * rate));
        }
        let of = |method| turns(method, 2, 0.1, |_| ());
        assert_eq!(of(method::RECENTRED), of(method::GMP));
    }

    /// A unit is pulled to the pole and then to a direction at a right angle to its way. Under GmP the angle that would take it there
    /// has lost its effect.
    #[test]
    fn a_unit_at_a_pole_goes_on() {
        let reached = |method: MethodId| {
            let mut network: Network<f64> = one_unit(method, &[1.2, 0.0]);
            let mut optimizer = method.optimizer(&network, Box::new(Sgd::new(0.0)));
            for (goal, steps) in [([1.0, 0.0, 0.0], 60), ([0.0, 0.0, 1.0], 40)] {
                for _ in 0..steps {
                    let mut gradients = vec![0.0; network.parameters.values().len()];
                    let slot = hidden(&network, "angles")[0];
                    gradients[slot.range()].copy_from_slice(slot.of(&pull(&network, &goal)));
                    optimizer.step(&mut network.parameters, &gradients, 0.1);
                    assert!(method == method::GMP || least_of(&network) >= LEAST);
                }
                if goal[0] == 1.0 {
                    assert!(direction(&network)[0] > 0.99, "{method}: at the pole");
                }
            }
            direction(&network)[2]
        };
        let (plain, recentred) = (reached(method::GMP), reached(method::RECENTRED));
        assert!(plain < 0.5 && recentred > 0.99, "{plain} {recentred}");
    }

    /// Adam's mean gradient is that of the new angles, and the sum of its squares, per radian, is that of the old ones.
    #[test]
    fn moments_are_carried_over() {
        let mut rng = Rng::new(12, "moments");
        for optimizing in [Optimizing::Adam, Optimizing::Momentum] {
            for side in [1.0, -1.0] {
                // The first angle falls below the threshold, by a tiny step.
                let first = (LEAST / (1.9_f64.sin() * 1.4_f64.sin())).asin();
                let mut network: Network<f64> = one_unit(method::RECENTRED, &[first + 1e-9, 1.9, 1.4, side]);
                let mut goal = normals(5, &mut rng);
                goal[0] = 9.0;
                let before = pull(&network, &goal);
                let slot = hidden(&network, "angles")[0];
                let mut g = vec![0.0; 4];
                metric(slot.of(network.parameters.values()), 1, &mut g);
                let mut optimizer = stepping(&network, optimizing.optimizer());
                optimizer.step(&mut network.parameters, &before, 1e-6);
                assert!(network.parameters.get("hidden1.chart").unwrap()[0] != 0.0, "there is a new chart");
                let after = pull(&network, &goal);
                let state = optimizer.state();
                let first = slot.of(&state.vectors[0].1);
                // What each optimizer makes of its first gradient.
                let factor = if optimizing == Optimizing::Adam { 0.1 } else { first[0] / after[slot.offset] };
                for (m, gradient) in first.iter().zip(slot.of(&after)) {
                    assert!((m - factor * gradient).abs() < 1e-4 * factor.abs(), "{m} {gradient}");
                }
                if optimizing == Optimizing::Adam {
                    let sum = slot.of(&before).iter().zip(&g).map(|(d, g)| 0.001 * d * d / g).sum::<f64>();
                    let second = slot.of(&state.vectors[1].1);
                    assert!(second.iter().all(|v| (v - sum / 4.0).abs() < 1e-6 * sum), "{second:?} {sum}");
                }
            }
        }
    }

    /// A decayed chart is the same reflection.
    #[test]
    fn weight_decay_does_not_turn_a_unit() {
        let mut network: Network<f64> = method::RECENTRED.mlp(20, &[3], 1).build(5).unwrap();
        let (u, chart) = (direction(&network), network.parameters.get("hidden1.chart").unwrap().to_vec());
        assert!(chart.iter().any(|v| *v != 0.0));
        let gradients = vec![0.0; network.parameters.values().len()];
        let mut optimizer = stepping(&network, Optimizing::AdamW.optimizer());
        (0..50).for_each(|_| optimizer.step(&mut network.parameters, &gradients, 0.5));
        assert_ne!(network.parameters.get("hidden1.chart").unwrap(), chart);
        assert!(angle_between(&u, &direction(&network)) < 1e-14);
        // Without decay the charts are not touched: they have no gradient.
        let mut network: Network<f64> = method::RECENTRED.mlp(20, &[3], 1).build(5).unwrap();
        let gradients = pull_of_all(&network);
        let slot = hidden(&network, "chart")[0];
        assert!(slot.of(&gradients).iter().all(|d| *d == 0.0));
        Adam::default().step(&mut network.parameters, &gradients, 0.1);
        assert_eq!(network.parameters.get("hidden1.chart").unwrap(), chart);
    }

    /// The gradients of the sum of a network's outputs.
    fn pull_of_all(network: &Network<f64>) -> Vec<f64> {
        let mut tape = Tape::new();
        tape.begin(network.parameters.values());
        let x = tape.input(&normals(80, &mut Rng::new(2, "x")), 4, 20);
        let y = network.forward(&mut tape, x);
        let sum = op::sum(&mut tape, y);
        tape.backward(sum);
        let gradients = tape.parameter_gradients().to_vec();
        assert!(hidden(network, "angles")[0].of(&gradients).iter().any(|d| *d != 0.0));
        gradients
    }
}
