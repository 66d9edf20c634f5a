//! One batch on several ranks.

use super::Spread;
use super::report::{Agreed, Part, Report, Taken, damaged, exchange};
use super::start::digest;
use crate::exchange::Owned;
use crate::model::buffer_values_mut;
use crate::pass::{Checked, Failure, Learned, Pass, TRAINING, Taught, parts};
use crate::{Batch, Batches, Error, Model, Portion, Share, TrainState, Trainer};
use gmp_nn::Element;

/// Where a run is, as errors say it.
#[derive(Clone, Copy)]
struct Place {
    epoch: usize,
    steps: usize,
    /// Samples of the epoch that come before the batch.
    seen: usize,
    checked: Checked,
}

impl<T: Element> Spread<'_, T> {
    /// Begins an epoch at one of its batches.
    pub(crate) fn start(&mut self, train: &mut dyn Batches<T>, epoch: usize, batch: usize) {
        (self.begin, self.trained, self.left_out) = (batch, 0, 0);
        train.start_share(epoch, batch, self.share);
    }

    /// Computes the loss of the next batch and its gradient, moves the running statistics, and adds what was predicted to
    /// the sums of the metrics: all of it as one process does. Where it was stopped, on any rank, nothing has changed.
    pub(crate) fn learn(
        &mut self,
        pass: &mut Pass<T>,
        trainer: &Trainer,
        model: &mut dyn Model<T>,
        train: &mut dyn Batches<T>,
        progress: &mut TrainState<T>,
        check_values: bool,
    ) -> Result<Learned, Error> {
        let place = Place {
            epoch: progress.fit.epochs,
            steps: progress.fit.steps,
            seen: progress.running.seen,
            checked: Checked { set: TRAINING, values: check_values },
        };
        loop {
            let mut numbers = Vec::new();
            let portion = train.next_share(self.share);
            let own = self.compute(pass, trainer, model, portion, place, &mut numbers);
            let mut all = match exchange(&mut self.ranks, own, &numbers)? {
                Agreed::Done(all) => all,
                Agreed::Stopped => return Ok(Learned::Stopped),
                Agreed::End => {
                    if self.begin == 0 && self.trained == 0 && self.left_out > 0 {
                        // Not one sample could be read: the data say so themselves.
                        train.start(place.epoch, 0);
                        train.next_batch()?;
                    }
                    return Ok(Learned::End);
                }
            };
            let first = self.same_batch(&all)?;
            let (batch, whole) = (first.batch, first.whole);
            if all.iter().flat_map(|(taken, _)| taken).any(|taken| taken.left_out > 0) {
                // The parts of the batch are made of the samples that are left, which nobody has by now: all ranks read
                // the whole of it.
                numbers.clear();
                train.start_share(place.epoch, batch, Share::WHOLE);
                let portion = train.next_share(Share::WHOLE);
                let own = self.compute_of_whole(pass, trainer, model, portion, place, &mut numbers);
                train.start_share(place.epoch, batch + 1, self.share);
                all = match exchange(&mut self.ranks, own, &numbers)? {
                    Agreed::Done(all) => all,
                    Agreed::Stopped => return Ok(Learned::Stopped),
                    Agreed::End => return Ok(Learned::End),
                };
                let first = self.same_batch(&all)?;
                self.left_out += first.left_out;
                if first.left_out == whole {
                    continue;
                }
            }
            return self.add_up(trainer, model, progress, batch, &all).map(Learned::Batch);
        }
    }

    /// Computes this rank's parts of a batch of which it has no more than those.
    fn compute(
        &mut self,
        pass: &mut Pass<T>,
        trainer: &Trainer,
        model: &mut dyn Model<T>,
        portion: Result<Option<Portion<'_, T>>, Error>,
        place: Place,
        numbers: &mut Vec<u8>,
    ) -> Result<Report, Error> {
        self.kept.clear();
        if self.is_stopped() {
            return Ok(Report::Stopped);
        }
        let Some(Portion { batch, whole, left_out }) = portion? else { return Ok(Report::End) };
        let taken = Taken { batch: batch.index, whole, left_out, ..Taken::default() };
        if left_out > 0 {
            return Ok(Report::Done(vec![taken]));
        }
        let first = place.seen.saturating_add(self.share.samples(whole).start);
        self.learn_parts(pass, trainer, model, &batch, first, place, taken, numbers)
    }

    /// The same of a batch that every rank has read.
    fn compute_of_whole(
        &mut self,
        pass: &mut Pass<T>,
        trainer: &Trainer,
        model: &mut dyn Model<T>,
        portion: Result<Option<Portion<'_, T>>, Error>,
        place: Place,
        numbers: &mut Vec<u8>,
    ) -> Result<Report, Error> {
        self.kept.clear();
        let Some(Portion { batch, whole, left_out }) = portion? else { return Ok(Report::End) };
        let digest = Some(digest([batch.inputs.data(), batch.targets.data()]));
        let taken = Taken { batch: batch.index, whole, left_out, digest, ..Taken::default() };
        let own = self.share.samples(batch.samples);
        let first = place.seen.saturating_add(own.start);
        self.learn_parts(pass, trainer, model, &batch.part(own), first, place, taken, numbers)
    }

    /// Computes all parts of what this rank owns, and keeps their gradients apart.
    fn learn_parts(
        &mut self,
        pass: &mut Pass<T>,
        trainer: &Trainer,
        model: &mut dyn Model<T>,
        own: &Batch<'_, T>,
        mut first: usize,
        place: Place,
        mut taken: Taken,
        numbers: &mut Vec<u8>,
    ) -> Result<Report, Error> {
        if own.samples == 0 {
            return Ok(Report::Done(vec![taken]));
        }
        for part in parts(own, trainer.micro_batch) {
            self.record.clear();
            let mut metrics = vec![0.0; trainer.metrics.len()];
            let record = Some(&mut self.record);
            let value = pass.learn_part(trainer, model, &part, place.checked, first, &mut metrics, record);
            let value = value.map_err(|failure| match failure {
                Failure::Data(error) => error,
                Failure::NonFinite(broken) => broken.at(place.steps, place.epoch),
            })?;
            let Some(value) = value else { return Ok(Report::Stopped) };
            if self.record.is_sequential() {
                let why = "a layer reads the running statistics that it moves";
                return Err(Error::Sequential { why });
            }
            first = first.saturating_add(part.samples);
            self.kept.extend_from_slice(pass.part_gradients());
            let (samples, targets) = (part.samples, part.targets.data().len());
            taken.parts.push(Part::new(samples, targets, value, metrics).with(&self.record, numbers));
        }
        Ok(Report::Done(vec![taken]))
    }

    /// What all ranks say of their batch, which must be the same one.
    fn same_batch<'r>(&self, all: &'r [(Vec<Taken>, Vec<u8>)]) -> Result<&'r Taken, Error> {
        let mut first: Option<&Taken> = None;
        for (rank, (taken, _)) in all.iter().enumerate() {
            let [taken] = &taken[..] else {
                return Err(Error::Rank { rank, problem: "it reports no batch, or several".to_owned() });
            };
            let expected = *first.get_or_insert(taken);
            let of = |taken: &Taken| (taken.batch, taken.whole, taken.digest);
            // Of a share, others are left out than of the next one.
            let left_out = taken.digest.is_some() && taken.left_out != expected.left_out;
            if of(taken) != of(expected) || left_out {
                return Err(differs(rank, taken, expected));
            }
        }
        first.ok_or_else(|| Error::Rank { rank: 0, problem: "it reports nothing".to_owned() })
    }

    /// Adds up what the ranks have computed, in the order of the parts.
    fn add_up(
        &mut self,
        trainer: &Trainer,
        model: &mut dyn Model<T>,
        progress: &mut TrainState<T>,
        batch: usize,
        all: &[(Vec<Taken>, Vec<u8>)],
    ) -> Result<Taught, Error> {
        let of = |(taken, _): &(Vec<Taken>, Vec<u8>)| taken.iter().map(|taken| taken.parts.len()).sum();
        let counts: Vec<usize> = all.iter().map(of).collect();
        let owners = counts.iter().filter(|&&count| count > 0).count();
        let every = || all.iter().flat_map(|(taken, _)| taken).flat_map(|taken| &taken.parts);
        let (samples, targets): (usize, usize) =
            every().fold((0, 0), |sum, part| (sum.0 + part.samples, sum.1 + part.targets));
        if counts.iter().take(owners).any(|&count| count == 0) || samples == 0 {
            let problem = "the ranks do not own the parts of the batch in order".to_owned();
            return Err(Error::Rank { rank: 0, problem });
        }
        let share = |part: &Part| part.samples as f64 / samples as f64;
        let is_whole = every().count() == 1 && trainer.clip.is_none();
        let mut loss = 0.0;
        for (rank, (taken, numbers)) in all.iter().enumerate() {
            let mut numbers = &numbers[..];
            for part in taken.iter().flat_map(|taken| &taken.parts) {
                loss = if is_whole { part.loss } else { loss + share(part) * part.loss };
                progress.running.sums.iter_mut().zip(&part.metrics).for_each(|(sum, metric)| *sum += metric);
                let Some(()) = part.moves(&mut numbers, &mut self.record) else {
                    return Err(damaged(&mut self.ranks, rank));
                };
                self.record.apply(buffer_values_mut(model));
            }
        }
        let own = all[self.ranks.rank()].0.iter().flat_map(|taken| &taken.parts);
        let shares: Vec<T> = own.map(|part| T::from_f64(share(part))).collect();
        self.sum.resize(model.parameters().values().len(), T::ZERO);
        let owned = Owned { gradients: &self.kept, shares: &shares, owners, is_whole };
        self.ranks.sum(&owned, &mut self.sum)?;
        if let Some(clip) = trainer.clip {
            clip.apply(&mut self.sum);
        }
        self.trained += samples;
        Ok(Taught { batch, samples, targets, loss })
    }
}

/// Ranks that read other samples of what should be the same batch.
pub(super) fn differs(rank: usize, found: &Taken, expected: &Taken) -> Error {
    let text = |taken: &Taken| {
        let read = taken.whole - taken.left_out.min(taken.whole);
        let digest = taken.digest.map_or_else(String::new, |digest| format!(" ({digest:08x})"));
        format!("batch {} with {read} of {} samples{digest}", taken.batch, taken.whole)
    };
    let (found, expected) = (text(found), text(expected));
    Error::Differs { rank, what: "part of the data that can be read".to_owned(), found, expected }
}
