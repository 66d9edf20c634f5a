//! The units of a layer of hidden units by their numbers in a network's parameters: how far a step moves their boundaries, and
//! how a step is changed.

use crate::method::OUTPUT_LAYER;
use gmp_math::Scalar;
use gmp_math::boundary::angle_between;
use gmp_math::sphere::directions;
use gmp_math::stability::linearized_turns;
use gmp_nn::{Element, Network, Rng, Slot};

/// Halvings that find how much of a step is allowed.
const HALVINGS: usize = 30;

/// Where the numbers are that the units of a layer are made of: neurons of a dense layer, or filters of a convolution.
pub(super) struct Units {
    form: Form,
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Weights and bias.
    Standard,
    /// v, length and bias.
    WeightNorm,
    /// Angles, offset and radius.
    Geometric,
    /// Offset and radius: one input.
    OneInput,
}

impl Units {
    /// Those of every layer with boundaries, from the input on.
    ///
    /// # Panics
    /// If one of them has another parameterization than SP, WN or GmP, or is normalized by its batch.
    pub(super) fn of<T: Element>(network: &Network<T>) -> Vec<Self> {
        let layers = network.unit_layers().into_iter().filter(|layer| layer != OUTPUT_LAYER);
        layers.map(|layer| Self::of_layer(network, &layer)).collect()
    }

    fn of_layer<T: Element>(network: &Network<T>, layer: &str) -> Self {
        let slot = |name: &str| {
            let name = format!("{layer}.{name}");
            network.parameters.entries().iter().find(|entry| entry.name == name).map(|entry| entry.slot)
        };
        let all = |names: &[&str]| names.iter().map(|name| slot(name)).collect::<Option<Vec<Slot>>>();
        let forms = [
            (Form::Standard, &["weights", "bias"][..]),
            (Form::WeightNorm, &["v", "length", "bias"]),
            (Form::Geometric, &["angles", "offset", "radius"]),
            (Form::OneInput, &["offset", "radius"]),
        ];
        let found = forms.into_iter().find_map(|(form, names)| Some(Self { form, slots: all(names)? }));
        found.unwrap_or_else(|| panic!("{layer}: a layer under SP, WN or GmP"))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.slots[0].cols
    }

    /// How far the boundary of a unit moves between two sets of parameters: the angle between its normals, or with one input the
    /// distance between its locations.
    pub(super) fn moved<T: Scalar>(&self, unit: usize, before: &[T], after: &[T]) -> f64 {
        let number = |values: &[T], slot: usize, row: usize| {
            let slot = self.slots[slot];
            values[slot.offset + row * slot.cols + unit].to_f64()
        };
        let rows = self.slots[0].rows;
        let location = |values: &[T]| match self.form {
            Form::Standard => -number(values, 1, 0) / number(values, 0, 0),
            Form::WeightNorm => {
                -number(values, 2, 0) / (number(values, 1, 0) * number(values, 0, 0).signum())
            }
            Form::Geometric | Form::OneInput => number(values, 0, 0),
        };
        match self.form {
            Form::Standard | Form::WeightNorm if rows > 1 => {
                let normal = |values| (0..rows).map(|row| number(values, 0, row)).collect::<Vec<f64>>();
                angle_between(&normal(before), &normal(after))
            }
            Form::Geometric => {
                let normal = |values| {
                    let angles: Vec<f64> = (0..rows).map(|row| number(values, 0, row)).collect();
                    let mut normal = vec![0.0; rows + 1];
                    directions(&angles, 1, &mut normal);
                    normal
                };
                angle_between(&normal(before), &normal(after))
            }
            _ => (location(after) - location(before)).abs(),
        }
    }

    /// All numbers of a unit.
    fn indices(&self, unit: usize) -> impl Iterator<Item = usize> + '_ {
        self.slots
            .iter()
            .flat_map(move |slot| (0..slot.rows).map(move |row| slot.offset + row * slot.cols + unit))
    }

    /// Shortens the step of a unit so that its boundary moves by no more than `limit`.
    pub(super) fn limit<T: Scalar>(&self, unit: usize, before: &[T], after: &mut [T], limit: f64) {
        let is_allowed = |after: &[T]| self.moved(unit, before, after) <= limit;
        if is_allowed(after) {
            return;
        }
        let full: Vec<f64> = self.indices(unit).map(|k| after[k].to_f64()).collect();
        let set = |after: &mut [T], share: f64| {
            for (k, full) in self.indices(unit).zip(&full) {
                let from = before[k].to_f64();
                after[k] = T::from_f64(from + share * (full - from));
            }
        };
        let (mut allowed, mut forbidden) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (allowed + forbidden);
            set(after, middle);
            if is_allowed(after) {
                allowed = middle;
            } else {
                forbidden = middle;
            }
        }
        set(after, allowed);
    }

    /// Moves the boundary of a geometric unit at random, by as much as its own step leaves of `level` when two movements at right
    /// angles add up to it.
    pub(super) fn jitter<T: Scalar>(
        &self,
        unit: usize,
        before: &[T],
        after: &mut [T],
        level: f64,
        rng: &mut Rng,
    ) {
        let own = self.moved(unit, before, after);
        // NaN of a unit that is nowhere jitters nothing.
        let missing = (level * level - own * own).max(0.0).sqrt();
        let slot = self.slots[0];
        let place = |row: usize| slot.offset + row * slot.cols + unit;
        let draws: Vec<f64> = (0..slot.rows).map(|_| rng.normal()).collect();
        let length = match self.form {
            Form::Geometric => {
                let angles: Vec<f64> = (0..slot.rows).map(|row| after[place(row)].to_f64()).collect();
                let mut turn = [0.0];
                linearized_turns(&angles, &draws, 1, &mut turn);
                turn[0]
            }
            _ => draws[0].abs(),
        };
        if missing > 0.0 && length > 0.0 {
            for (row, draw) in draws.into_iter().enumerate() {
                let number = &mut after[place(row)];
                *number = T::from_f64(number.to_f64() + missing / length * draw);
            }
        }
    }
}
