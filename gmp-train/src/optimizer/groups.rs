//! Parameter groups.

use super::{Optimizer, OptimizerState};
use crate::Error;
use gmp_math::Scalar;
use gmp_nn::{Entry, ParamStore, Role};

/// An optimizer whose steps differ between groups of parameters.
///
/// Every parameter belongs to the first group that selects it; a parameter that no group selects takes the
/// optimizer's own step. It works with every [`Optimizer`], including your own: the change that the optimizer made is
/// multiplied by the group's rate. The groups are settings of the program, like [`Trainer`](crate::Trainer): a
/// checkpoint stores only the optimizer.
///
/// ```
/// use gmp_nn::{Mlp, Parameterization, Role};
/// use gmp_train::{Adam, Dataset, Loss, ParamGroup, ParamGroups, Trainer};
///
/// let mut optimizer = ParamGroups::new(
///     Adam::default(),
///     [
///         ParamGroup::role(Role::Angle).rate(10.0),
///         ParamGroup::name("output.*").frozen(),
///         ParamGroup::role(Role::Radius).weight_decay(1e-2),
///     ],
/// );
/// let data = Dataset::new(vec![0.0, 1.0, 1.0, 0.0], 2, vec![0.0, 1.0], 1)?;
/// let mut network = Mlp::new(2, &[5], 1, Parameterization::Geometric).build::<f64>(1)?;
/// let before = network.parameters.get("output.weights").unwrap().to_vec();
/// Trainer::new(Loss::MeanSquaredError, 2, 10, 0.01).fit(&mut network, &mut optimizer, &data, None, &mut ())?;
/// assert_eq!(network.parameters.get("output.weights").unwrap(), before);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ParamGroups<T, O> {
    optimizer: O,
    groups: Vec<ParamGroup>,
    /// The parameters before the step.
    before: Vec<T>,
}

/// A selection of parameters, and how their steps differ.
///
/// ```
/// use gmp_train::{Optimizer, ParamGroup, ParamGroups, ParamStore, Role, Sgd};
/// let mut parameters = ParamStore::default();
/// parameters.push("hidden1.angles".to_owned(), Role::Angle, &[1.0], 1, 1);
/// parameters.push("hidden1.radius".to_owned(), Role::Radius, &[1.0], 1, 1);
/// let mut optimizer = ParamGroups::new(Sgd::new(0.0), [ParamGroup::role(Role::Angle).rate(2.0)]);
/// optimizer.step(&mut parameters, &[1.0, 1.0], 0.25);
/// assert_eq!(parameters.values(), [0.5, 0.75]); // the angle made a step of twice the length
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ParamGroup {
    select: Select,
    rate: f64,
    weight_decay: f64,
}

#[derive(Debug, Clone, PartialEq)]
enum Select {
    Role(Role),
    Name(String),
}

impl ParamGroup {
    /// All parameters with this role.
    pub fn role(role: Role) -> Self {
        Self { select: Select::Role(role), rate: 1.0, weight_decay: 0.0 }
    }

    /// All parameters whose name matches a pattern, in which `*` stands for any text: `"hidden1.*"`.
    ///
    /// ```
    /// use gmp_train::{Optimizer, ParamGroup, ParamGroups, ParamStore, Role, Sgd};
    /// let mut parameters = ParamStore::default();
    /// parameters.push("conv1.weights".to_owned(), Role::Weight, &[1.0], 1, 1);
    /// parameters.push("output.weights".to_owned(), Role::Weight, &[1.0], 1, 1);
    /// let mut optimizer = ParamGroups::new(Sgd::new(0.0), [ParamGroup::name("conv*").frozen()]);
    /// optimizer.step(&mut parameters, &[1.0, 1.0], 0.25);
    /// assert_eq!(parameters.values(), [1.0, 0.75]);
    /// ```
    pub fn name(pattern: impl Into<String>) -> Self {
        Self { select: Select::Name(pattern.into()), rate: 1.0, weight_decay: 0.0 }
    }

    /// Multiplies the learning rate.
    ///
    /// # Panics
    /// If `rate` is negative or not finite.
    #[must_use]
    pub fn rate(self, rate: f64) -> Self {
        assert!(rate >= 0.0 && rate.is_finite(), "rate must be at least 0 and finite, got {rate}");
        Self { rate, ..self }
    }

    /// Decays the parameters by lr·δ in every step, as [`AdamW`](super::AdamW) does, in addition to any decay by the
    /// optimizer.
    ///
    /// ```
    /// use gmp_train::{Optimizer, ParamGroup, ParamGroups, ParamStore, Role, Sgd};
    /// let mut parameters = ParamStore::default();
    /// parameters.push("hidden1.radius".to_owned(), Role::Radius, &[8.0], 1, 1);
    /// let mut optimizer = ParamGroups::new(Sgd::new(0.0), [ParamGroup::role(Role::Radius).weight_decay(0.5)]);
    /// optimizer.step(&mut parameters, &[0.0], 0.25);
    /// assert_eq!(parameters.values(), [7.0]); // 8 − 0.25·0.5·8
    /// ```
    ///
    /// # Panics
    /// If `weight_decay` is negative or not finite.
    #[must_use]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        let legal = weight_decay >= 0.0 && weight_decay.is_finite();
        assert!(legal, "weight decay must be at least 0 and finite, got {weight_decay}");
        Self { weight_decay, ..self }
    }

    /// Freezes the parameters: they do not change, to the last bit.
    #[must_use]
    pub fn frozen(self) -> Self {
        Self { rate: 0.0, ..self }
    }

    fn selects(&self, entry: &Entry) -> bool {
        match &self.select {
            Select::Role(role) => entry.role == *role,
            Select::Name(pattern) => fits(pattern, &entry.name),
        }
    }
}

/// Whether a text fits a pattern in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((begin, rest)) => text.strip_prefix(begin).is_some_and(|text| {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| fits(rest, &text[at..]))
        }),
    }
}

impl<T: Scalar, O: Optimizer<T>> ParamGroups<T, O> {
    /// Wraps an optimizer in groups.
    pub fn new(optimizer: O, groups: impl IntoIterator<Item = ParamGroup>) -> Self {
        Self { optimizer, groups: groups.into_iter().collect(), before: Vec::new() }
    }

    /// The optimizer inside.
    ///
    /// ```
    /// use gmp_train::{Adam, ParamGroup, ParamGroups, Role};
    /// let groups = ParamGroups::<f64, _>::new(Adam::default(), [ParamGroup::role(Role::Angle).rate(10.0)]);
    /// assert_eq!(groups.optimizer().steps(), 0);
    /// ```
    pub fn optimizer(&self) -> &O {
        &self.optimizer
    }
}

impl<T: Scalar, O: Optimizer<T>> Optimizer<T> for ParamGroups<T, O> {
    /// # Panics
    /// As the optimizer inside, and at the first step if the pattern of a group matches no name.
    fn step(&mut self, parameters: &mut ParamStore<T>, gradients: &[T], learning_rate: f64) {
        if self.before.len() != parameters.values().len() {
            for group in &self.groups {
                let is_used = parameters.entries().iter().any(|entry| group.selects(entry));
                assert!(is_used || matches!(group.select, Select::Role(_)), "{group:?} selects no parameter");
            }
            self.before = vec![T::ZERO; parameters.values().len()];
        }
        self.before.copy_from_slice(parameters.values());
        self.optimizer.step(parameters, gradients, learning_rate);
        for i in 0..parameters.entries().len() {
            let entry = &parameters.entries()[i];
            let Some(group) = self.groups.iter().find(|group| group.selects(entry)) else { continue };
            let (range, rate) = (entry.slot.range(), group.rate);
            let pairs = parameters.values_mut()[range.clone()].iter_mut().zip(&self.before[range]);
            let decay = T::from_f64(learning_rate * rate * group.weight_decay);
            if rate == 0.0 {
                pairs.for_each(|(p, &before)| *p = before);
            } else if rate != 1.0 {
                let rate = T::from_f64(rate);
                pairs.for_each(|(p, &before)| *p = before + rate * (*p - before) - decay * before);
            } else if group.weight_decay != 0.0 {
                pairs.for_each(|(p, &before)| *p -= decay * before);
            }
        }
    }

    fn state(&self) -> OptimizerState<T> {
        self.optimizer.state()
    }

    fn restore(&mut self, state: OptimizerState<T>) -> Result<(), Error> {
        self.optimizer.restore(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, Sgd};

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("hidden1.angles", "hidden1.angles", true),
            ("hidden1.*", "hidden1.angles", true),
            ("hidden1.*", "hidden10.angles", false),
            ("*.angles", "stage2.block1.main1.angles", true),
            ("*block1*angles", "stage2.block1.main1.angles", true),
            ("*block1*angles", "stage2.block2.main1.angles", false),
            ("*", "", true),
            ("", "a", false),
            ("a*b*a", "aba", true),
            ("é*", "éa", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    fn store() -> ParamStore<f64> {
        let mut store = ParamStore::default();
        store.push("a.weights".to_owned(), Role::Weight, &[1.0, -2.0], 1, 2);
        store.push("a.angles".to_owned(), Role::Angle, &[0.5], 1, 1);
        store.push("b.bias".to_owned(), Role::Bias, &[0.25], 1, 1);
        store
    }

    /// Every optimizer's step is proportional to its rate: a group is a run of its own rate.
    #[test]
    fn a_group_takes_the_steps_of_an_optimizer_of_its_own() {
        let groups = || {
            [
                ParamGroup::role(Role::Angle).rate(3.0),
                ParamGroup::name("a.*").rate(0.5).weight_decay(0.1),
                ParamGroup::name("b.bias").frozen(),
            ]
        };
        fn run(mut optimizer: impl Optimizer<f64>, rate: f64, decay: f64) -> Vec<f64> {
            let mut store = store();
            for t in 0..30 {
                let before = store.values().to_vec();
                let gradients: Vec<f64> = (0..4).map(|i| f64::from(3 * t + i).cos()).collect();
                optimizer.step(&mut store, &gradients, rate);
                store.values_mut().iter_mut().zip(before).for_each(|(p, before)| *p -= rate * decay * before);
            }
            store.values().to_vec()
        }
        fn check<O: Optimizer<f64>>(new: impl Fn() -> O, groups: impl Fn() -> [ParamGroup; 3]) {
            let grouped = run(ParamGroups::new(new(), groups()), 0.01, 0.0);
            let (weights, angles) = (run(new(), 0.005, 0.1), run(new(), 0.03, 0.0));
            for (found, expected) in grouped.iter().zip([weights[0], weights[1], angles[2], 0.25]) {
                assert!((found - expected).abs() < 1e-12, "{grouped:?}");
            }
            assert_eq!(grouped[3], 0.25);
        }
        check(Adam::default, groups);
        check(|| Sgd::new(0.9), groups);
    }

    #[test]
    fn a_group_decays_at_the_optimizer_s_own_rate_and_not_where_it_is_frozen() {
        let groups = [
            ParamGroup::role(Role::Weight).weight_decay(0.5),
            ParamGroup::role(Role::Bias).weight_decay(0.5).frozen(),
        ];
        let mut store = store();
        ParamGroups::new(Sgd::new(0.0), groups).step(&mut store, &[1.0, 0.0, 2.0, 1.0], 0.25);
        // The steps are −0.25 g, and what decays loses an eighth of what it was.
        assert_eq!(store.values(), [1.0 - 0.25 - 0.125, -2.0 + 0.25, 0.0, 0.25]);
    }

    #[test]
    #[should_panic(expected = "weight decay must be at least 0 and finite, got inf")]
    fn an_infinite_decay_panics() {
        let _ = ParamGroup::role(Role::Weight).weight_decay(f64::INFINITY);
    }

    #[test]
    #[should_panic(expected = "Name(\"c.*\"), rate: 0.0")]
    fn a_pattern_that_fits_nothing_panics() {
        let mut groups = ParamGroups::new(Sgd::new(0.0), [ParamGroup::name("c.*").frozen()]);
        groups.step(&mut store(), &[0.0; 4], 0.1);
    }
}
