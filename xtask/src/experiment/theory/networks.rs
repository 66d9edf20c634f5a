//! Small networks trained for two questions: how many angles die in training, and what the order of the inputs changes.

use super::order::Order;
use super::singularity::{Metric, Stage};
use crate::experiment::training::{Problem, Watching, carry_out_between, metric_name};
use crate::experiment::{Context, Profile};
use crate::method::{self, MethodId};
use crate::problem::banana::{self, Banana};
use crate::problem::names::{self, REVERSED};
use crate::problem::{Setup, uci};
use crate::run::execute::{Finished, say};
use crate::run::results::{Cell, Results, SetId};
use crate::run::stop::Stop;
use crate::run::trace::{Numbers, Trace};
use crate::run::{Protocol, Run};
use crate::statistics::pair_by_seed;
use anyhow::{Context as _, Result};
use gmp_math::sphere::{to_cartesian, to_spherical};
use gmp_nn::{Mlp, Network, Parameterization};
use gmp_train::Dataset;

/// The learning rate of all these networks: the authors' for GmP, and the same for SP so that only the parameterization
/// differs.
pub const RATE: f64 = 0.1;
pub(super) const METHODS: [MethodId; 2] = [method::SP, method::GMP];

/// The data sets and what is to be trained on them.
pub struct Networks {
    sets: Vec<Set>,
    /// All runs.
    pub runs: Vec<Run>,
    /// What the reader should know of the data.
    pub notes: Vec<String>,
}

struct Set {
    name: String,
    fingerprint: String,
    inputs: usize,
    samples: Samples,
}

enum Samples {
    Banana(Banana),
    Uci(uci::Set),
}

impl Set {
    fn id(&self) -> SetId<'_> {
        SetId { name: &self.name, fingerprint: &self.fingerprint }
    }

    fn setup(&self) -> &'static Setup {
        match self.samples {
            Samples::Banana(_) => &banana::SETUP,
            Samples::Uci(_) => &uci::SETUP,
        }
    }

    /// Training and test samples of a run, its inputs in the run's order.
    fn samples(&self, run: &Run) -> Result<(Dataset<f64>, Dataset<f64>)> {
        let (train, test) = match &self.samples {
            Samples::Banana(banana) => banana.samples(run)?,
            Samples::Uci(set) => set.split(run.seed)?,
        };
        if !run.dataset.ends_with(REVERSED) {
            return Ok((train, test));
        }
        let reversed = |data: &Dataset<f64>| {
            let rows = data.inputs().chunks(data.input_cols());
            let inputs = rows.flat_map(|row| row.iter().rev().copied()).collect();
            Dataset::new(inputs, data.input_cols(), data.targets().to_vec(), data.target_cols())
        };
        Ok((reversed(&train)?, reversed(&test)?))
    }
}

impl Networks {
    /// Reads the data sets there are and plans the runs.
    ///
    /// # Errors
    /// A data set that is there and cannot be read.
    pub fn prepare(context: &Context) -> Result<Self> {
        let mut networks = Self { sets: Vec::new(), runs: Vec::new(), notes: Vec::new() };
        let (banana, is_real) = Banana::load(&context.data_dir)?;
        let print = banana.fingerprint.clone();
        let name = if is_real { banana::SEEDED } else { banana::GENERATED };
        if !is_real {
            say(&format!(
                "theory also uses generated banana data: there is no {}",
                banana::path(&context.data_dir).display()
            ));
            let note = "banana.csv is not in the data folder: banana-generated is a GENERATED set of the same shape.";
            networks.notes.push(note.to_owned());
        }
        let epochs = banana::EPOCHS;
        networks.push(context, name, 2, Samples::Banana(banana), &print, context.seeds(3, 10), epochs);
        let files = names::csv_files(&context.data_dir, &context.datasets)?;
        if files.is_empty() {
            networks.notes.push(format!(
                "There are no CSV files in {}, so no UCI networks were trained here; fetch them with `cargo xtask data fetch uci`.",
                context.data_dir.join("uci").display()
            ));
        }
        for (name, path) in files {
            let set = uci::Set::read(name.clone(), &path)?;
            let (print, inputs) = (set.fingerprint.clone(), set.data.input_cols());
            let quick = context.profile == Profile::Quick;
            let (seeds, epochs) = match (set.data.samples() >= uci::LARGE, quick) {
                (false, _) => (context.seeds(3, 10), uci::EPOCHS),
                (true, true) => (context.seeds(1, 1), uci::QUICK_EPOCHS),
                (true, false) => (context.seeds(2, 2), uci::EPOCHS),
            };
            networks.push(context, &name, inputs, Samples::Uci(set), &print, seeds, epochs);
        }
        Ok(networks)
    }

    fn push(
        &mut self,
        context: &Context,
        name: &str,
        inputs: usize,
        samples: Samples,
        print: &str,
        seeds: std::ops::Range<u64>,
        epoch_limit: usize,
    ) {
        let large = matches!(&samples, Samples::Uci(set) if set.data.samples() >= uci::LARGE);
        self.sets.push(Set { name: name.to_owned(), fingerprint: print.to_owned(), inputs, samples });
        for seed in seeds {
            for order in ["", REVERSED] {
                for method in context.methods(&METHODS, &METHODS) {
                    // A large set takes too long for more than the count of its dead angles.
                    if large && (!order.is_empty() || method == method::SP) {
                        continue;
                    }
                    self.runs.push(Run {
                        experiment: "theory".to_owned(),
                        dataset: format!("{name}{order}"),
                        method,
                        lr: RATE,
                        protocol: Protocol::Paper,
                        seed,
                        epoch_limit,
                        data: print.to_owned(),
                        setting: Default::default(),
                    });
                }
            }
        }
    }

    fn set(&self, run: &Run) -> Option<&Set> {
        let name = run.dataset.strip_suffix(REVERSED).unwrap_or(&run.dataset);
        self.sets.iter().find(|set| set.name == name && set.fingerprint == run.data)
    }

    /// About what a run costs.
    #[must_use]
    pub fn cost(&self, run: &Run) -> f64 {
        let samples = self.set(run).map_or(0, |set| match &set.samples {
            Samples::Banana(_) => 200,
            Samples::Uci(set) => set.data.samples(),
        });
        (samples as f64 + 300.0) * (run.epoch_limit as f64).sqrt()
    }

    /// Trains one network and keeps its angles.
    pub fn carry_out(&self, run: &Run, stop: &Stop) -> Finished {
        let set = self.set(run).context("a run of a set that was read")?;
        let (train, test) = set.samples(run)?;
        let problem = Problem { train, test, grid: Vec::new(), watch: Watching::Nothing, picture: false };
        let before = |network: &mut Network<f64>| {
            if run.dataset.ends_with(REVERSED) {
                reverse_inputs(network, set.inputs);
            }
        };
        let mut angles = None;
        let after = |network: &Network<f64>| {
            angles = network.parameters.get("hidden1.angles").map(Numbers::of);
        };
        let done = carry_out_between(before, set.setup(), problem, run, stop, after)?;
        let Some((record, trace)) = done else { return Ok(None) };
        let trace = angles.map(|angles| Trace { angles, ..trace.unwrap_or_default() });
        Ok(Some((record, trace)))
    }

    /// The metric of the geometric networks in the given order of inputs, before and after training.
    #[must_use]
    pub fn metrics(&self, results: &Results<'_>) -> Vec<Metric> {
        let mut found = Vec::new();
        for set in &self.sets {
            let cell = cell(set.id(), method::GMP);
            let mut layers: [Vec<Vec<f64>>; 2] = [Vec::new(), Vec::new()];
            for record in results.of(cell) {
                let spec = Mlp::new(set.inputs, &[set.setup().units], 1, Parameterization::Geometric);
                let (Some(trace), Ok(network)) = (results.trace(record), spec.build::<f64>(record.run.seed))
                else {
                    continue;
                };
                let trained: Vec<f64> = trace.angles.0.iter().map(|&a| f64::from(a)).collect();
                let initial = network.parameters.get("hidden1.angles").unwrap_or_default();
                if initial.len() == trained.len() {
                    layers[0].push(initial.to_vec());
                    layers[1].push(trained);
                }
            }
            for (stage, layers) in [Stage::Initial, Stage::Trained].into_iter().zip(&layers) {
                found.extend(Metric::of(&set.name, stage, set.inputs, layers));
            }
        }
        found
    }

    /// The results in both orders of the inputs, for every set and method that has them.
    #[must_use]
    pub fn orders(&self, results: &Results<'_>) -> Vec<Order> {
        let mut found = Vec::new();
        for set in &self.sets {
            for method in METHODS {
                let reversed = format!("{}{REVERSED}", set.name);
                let reversed = SetId { name: &reversed, ..set.id() };
                let (given, reversed) =
                    (results.values(cell(set.id(), method)), results.values(cell(reversed, method)));
                let pairs = pair_by_seed(&given, &reversed);
                if pairs.is_empty() {
                    continue;
                }
                let metric = metric_name(set.setup().metric);
                let (dataset, inputs) = (set.name.clone(), set.inputs);
                let (given, reversed) = pairs.into_iter().unzip();
                found.push(Order { dataset, inputs, method, lr: RATE, metric, given, reversed });
            }
        }
        found
    }
}

fn cell(set: SetId<'_>, method: MethodId) -> Cell<'_> {
    Cell { set, method, lr: RATE, protocol: Protocol::Paper }
}

/// Reverses the order of the first layer's inputs, so that the network on reversed inputs is the function it was.
fn reverse_inputs(network: &mut Network<f64>, inputs: usize) {
    let entries = network.parameters.entries();
    let slot = |name: &str| entries.iter().find(|e| e.name == name).map(|e| e.slot);
    let reversed =
        |weights: &[f64], units: usize| weights.chunks(units).rev().flatten().copied().collect::<Vec<_>>();
    if let Some(slot) = slot("hidden1.weights") {
        let values = &mut network.parameters.values_mut()[slot.range()];
        let rows = reversed(values, slot.cols);
        values.copy_from_slice(&rows);
    } else if let (Some(angles), Some(radius)) = (slot("hidden1.angles"), slot("hidden1.radius")) {
        let values = network.parameters.values_mut();
        let units = radius.cols;
        let mut weights = vec![0.0; inputs * units];
        to_cartesian(&values[angles.range()], &values[radius.range()], units, &mut weights);
        let mut size = vec![0.0; units];
        // Glorot-uniform weights are not all zero, so they have a direction.
        let converted =
            to_spherical(&reversed(&weights, units), units, &mut values[angles.range()], &mut size);
        debug_assert!(converted.is_ok(), "{converted:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmp_autograd::Tape;

    /// Reversed networks are the same function of reversed inputs.
    #[test]
    fn reversed_networks_are_the_same_function() {
        let evaluate = |network: &Network<f64>, x: &[f64]| {
            let mut tape = Tape::new();
            tape.begin(network.parameters.values());
            let x = tape.input(x, 1, 4);
            let y = network.forward(&mut tape, x);
            tape.value(y).data()[0]
        };
        for method in METHODS {
            let spec = method.mlp(4, &[7], 1);
            let (given, mut reversed) = (spec.build(3).unwrap(), spec.build(3).unwrap());
            reverse_inputs(&mut reversed, 4);
            let (x, y) = ([0.3, -0.8, 1.7, 0.9], [0.9, 1.7, -0.8, 0.3]);
            assert!((evaluate(&given, &x) - evaluate(&reversed, &y)).abs() < 1e-12);
            assert!((evaluate(&given, &x) - evaluate(&reversed, &x)).abs() > 1e-3, "nothing was reversed");
        }
    }
}
