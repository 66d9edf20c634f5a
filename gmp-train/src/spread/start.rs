//! The beginning of a run on several ranks: whether all are to train the same, and the state that they begin with.

use crate::checkpoint::{decode, encode};
use crate::exchange::{Lost, Ranks, to_bytes};
use crate::model::stores;
use crate::{Checkpoint, Dataset, Error, Model, Optimizer, State, TrainState, Trainer};
use gmp_nn::Element;

/// What must be the same on all ranks, by name.
#[derive(Default)]
pub(super) struct Identity(Vec<(String, String)>);

impl Identity {
    pub(super) fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// Adds what every run has.
    pub(super) fn complete<T: Element>(
        &mut self,
        trainer: &Trainer,
        model: &dyn Model<T>,
        optimizer: &dyn Optimizer<T>,
        train: usize,
        validation: Option<usize>,
    ) {
        self.add("version of gmp-train", env!("CARGO_PKG_VERSION"));
        self.add("precision", format!("{} bits", 8 * size_of::<T>()));
        self.add("trainer", format!("{trainer:?}"));
        let state = optimizer.state();
        self.add("optimizer", format!("{} {:?}", state.kind, state.settings));
        self.add("model", model.description().unwrap_or_else(|| "one of its own".to_owned()));
        for (store, name) in stores(model).zip(["list of parameters", "list of buffers"]) {
            let entry = |e: &gmp_nn::Entry| format!("{} ({}×{})", e.name, e.slot.rows, e.slot.cols);
            self.add(name, store.entries().iter().map(entry).collect::<Vec<_>>().join(", "));
        }
        self.add("number of training samples", train.to_string());
        let validation = validation.map_or_else(|| "none".to_owned(), |samples| samples.to_string());
        self.add("number of validation samples", validation);
    }

    /// An error, the same on all ranks, unless all have the same.
    pub(super) fn agree(&self, ranks: &mut Ranks<'_>) -> Result<(), Error> {
        let own = encode(&self.0).unwrap_or_default();
        let all: Vec<Option<Vec<(String, String)>>> =
            ranks.gather(&own)?.iter().map(|bytes| decode(bytes).ok()).collect();
        let expected = all[0].as_deref().unwrap_or_default();
        for (rank, found) in all.iter().enumerate() {
            let found = found.as_deref().unwrap_or_default();
            for i in 0..expected.len().max(found.len()) {
                let [found, expected] = [found, expected].map(|list| list.get(i));
                if found != expected {
                    let name = expected.or(found).map_or("", |(name, _)| name);
                    let value = |pair: Option<&(String, String)>| match pair {
                        Some((other, value)) if other == name => value.clone(),
                        _ => "missing".to_owned(),
                    };
                    let (what, found, expected) = (name.to_owned(), value(found), value(expected));
                    let (found, expected) = shortened(found, expected);
                    return Err(Error::Differs { rank, what, found, expected });
                }
            }
        }
        Ok(())
    }
}

/// Longer values are cut to the place where they differ.
const LONGEST: usize = 120;

fn shortened(found: String, expected: String) -> (String, String) {
    if found.chars().count() <= LONGEST && expected.chars().count() <= LONGEST {
        return (found, expected);
    }
    let same = found.chars().zip(expected.chars()).take_while(|(a, b)| a == b).count();
    let start = same.saturating_sub(LONGEST / 3);
    let cut = |text: &str| {
        let middle: String = text.chars().skip(start).take(LONGEST).collect();
        let before = if start > 0 { "…" } else { "" };
        let after = if text.chars().count() > start + LONGEST { "…" } else { "" };
        format!("{before}{middle}{after}")
    };
    (cut(&found), cut(&expected))
}

/// A fingerprint of a data set.
pub(super) fn data<T: Element>(data: &Dataset<T>) -> String {
    let whole = data.whole();
    let (inputs, targets) = (whole.inputs.cols(), whole.targets.cols());
    let digest = digest([whole.inputs.data(), whole.targets.data(), whole.weights.unwrap_or_default()]);
    format!(
        "{} samples of {inputs} inputs and {targets} targets with the fingerprint {digest:08x}",
        whole.samples
    )
}

/// A fingerprint of what is trained.
pub(super) fn state<T: Element>(model: &dyn Model<T>) -> String {
    let mut all = stores(model).map(gmp_nn::ParamStore::values);
    let [parameters, buffers] = [all.next(), all.next()].map(Option::unwrap_or_default);
    format!("{:08x}", digest([parameters, buffers]))
}

/// A checksum of numbers.
pub(super) fn digest<T: Element, const N: usize>(all: [&[T]; N]) -> u32 {
    let (mut hasher, mut bytes) = (crc32fast::Hasher::new(), Vec::new());
    for chunk in all.into_iter().flat_map(|numbers| numbers.chunks(1 << 14)) {
        bytes.clear();
        to_bytes(chunk, &mut bytes);
        hasher.update(&bytes);
    }
    hasher.finalize()
}

/// Gives all ranks the state that rank 0 begins with.
pub(super) fn share_state<T: Element>(
    ranks: &mut Ranks<'_>,
    trainer: &Trainer,
    progress: TrainState<T>,
    model: &mut dyn Model<T>,
    optimizer: &mut dyn Optimizer<T>,
) -> Result<TrainState<T>, Error> {
    // What only one rank knows ends the exchanges of the others.
    let rank = ranks.rank();
    let lose = |ranks: &mut Ranks<'_>, problem: String| {
        ranks.abort(&Lost { rank, why: problem.clone() });
        Error::Rank { rank, problem }
    };
    let mut bytes = Vec::new();
    if rank == 0 {
        let state = State { trainer, model: &*model, optimizer: &*optimizer, progress: &progress };
        let written = Checkpoint::new(&state, "").to_bytes();
        bytes = written.map_err(|problem| lose(ranks, problem.to_string()))?;
    }
    ranks.tell(&mut bytes)?;
    if rank == 0 {
        return Ok(progress);
    }
    let checkpoint = Checkpoint::from_bytes(&bytes).map_err(|problem| lose(ranks, problem.to_string()))?;
    let progress = checkpoint.restore(model, optimizer).map_err(|error| lose(ranks, error.to_string()))?;
    Ok(progress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_to_where_they_differ() {
        let short = ("a".to_owned(), "b".to_owned());
        assert_eq!(shortened(short.0.clone(), short.1.clone()), short);
        let long = |end: &str| format!("{}é{end}{}", "x".repeat(500), "y".repeat(500));
        let (found, expected) = shortened(long("1"), long("2"));
        assert!(found.contains("xé1yy") && expected.contains("xé2yy"), "{found} {expected}");
        assert!(found.starts_with('…') && found.ends_with('…') && found.chars().count() == LONGEST + 2);
    }
}
