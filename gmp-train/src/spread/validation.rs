//! A validation on several ranks.

use super::Spread;
use super::report::{Agreed, Part, Report, Taken, exchange};
use super::start::digest;
use super::step::differs;
use crate::pass::{Checked, Pass, parts};
use crate::{Batch, Batches, Error, Metric, Model, Portion, Share};
use gmp_nn::Element;

impl<T: Element> Spread<'_, T> {
    /// Metrics of an epoch of `data`, as one process computes them in parts; `None` where it was stopped, on any rank.
    /// Every rank computes its parts of all batches before anything is exchanged.
    pub(crate) fn evaluate(
        &mut self,
        pass: &mut Pass<T>,
        model: &dyn Model<T>,
        data: &mut dyn Batches<T>,
        metrics: &[Metric],
        checked: Checked,
    ) -> Result<Option<Vec<f64>>, Error> {
        let own = self.own_parts(pass, model, data, metrics, checked);
        let all = match exchange(&mut self.ranks, own, &[])? {
            Agreed::Done(all) => all,
            Agreed::Stopped => return Ok(None),
            Agreed::End => Vec::new(),
        };
        let batches = all.iter().map(|(taken, _)| taken.len()).max().unwrap_or(0);
        let mut broken = Vec::new();
        for at in 0..batches {
            let expected = all[0].0.get(at);
            for (rank, (taken, _)) in all.iter().enumerate() {
                match (taken.get(at), expected) {
                    (Some(a), Some(b)) if (a.batch, a.whole) == (b.batch, b.whole) => {}
                    (found, expected) => {
                        let none = Taken::default();
                        return Err(differs(rank, found.unwrap_or(&none), expected.unwrap_or(&none)));
                    }
                }
            }
            if all.iter().any(|(taken, _)| taken[at].left_out > 0) {
                broken.push(all[0].0[at].batch);
            }
        }
        let Some(mended) = self.whole_batches(pass, model, data, metrics, checked, &broken)? else {
            return Ok(None);
        };
        let mut mended = mended.into_iter();
        let (mut sums, mut targets) = (vec![0.0; metrics.len()], 0);
        let mut add = |part: &Part| {
            targets += part.targets;
            sums.iter_mut().zip(&part.metrics).for_each(|(sum, metric)| *sum += metric);
        };
        for at in 0..batches {
            if broken.contains(&all[0].0[at].batch) {
                mended.next().iter().flat_map(|taken| &taken.parts).for_each(&mut add);
            } else {
                all.iter().flat_map(|(taken, _)| &taken[at].parts).for_each(&mut add);
            }
        }
        Ok(Some(metrics.iter().zip(&sums).map(|(metric, &sum)| metric.mean(sum, targets)).collect()))
    }

    fn own_parts(
        &mut self,
        pass: &mut Pass<T>,
        model: &dyn Model<T>,
        data: &mut dyn Batches<T>,
        metrics: &[Metric],
        checked: Checked,
    ) -> Result<Report, Error> {
        data.start_share(0, 0, self.share);
        let (mut all, mut first) = (Vec::new(), 0_usize);
        while let Some(Portion { batch, whole, left_out }) = data.next_share(self.share)? {
            let mut taken = Taken { batch: batch.index, whole, left_out, ..Taken::default() };
            if left_out == 0 {
                let start = first.saturating_add(self.share.samples(whole).start);
                match self.measure(pass, model, &batch, metrics, checked, start)? {
                    Some(parts) => taken.parts = parts,
                    None => return Ok(Report::Stopped),
                }
            }
            first = first.saturating_add(whole);
            all.push(taken);
        }
        // A rank without parts has computed nothing that a flag could have stopped.
        Ok(if self.is_stopped() { Report::Stopped } else { Report::Done(all) })
    }

    /// Batches of which samples could not be read: every rank computes the whole of them.
    fn whole_batches(
        &mut self,
        pass: &mut Pass<T>,
        model: &dyn Model<T>,
        data: &mut dyn Batches<T>,
        metrics: &[Metric],
        checked: Checked,
        broken: &[usize],
    ) -> Result<Option<Vec<Taken>>, Error> {
        if broken.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut compute = || -> Result<Report, Error> {
            let mut all = Vec::new();
            for &batch in broken {
                data.start_share(0, batch, Share::WHOLE);
                let Some(Portion { batch, whole, left_out }) = data.next_share(Share::WHOLE)? else {
                    return Ok(Report::End);
                };
                let digest = Some(digest([batch.inputs.data(), batch.targets.data()]));
                let Some(parts) = self.measure(pass, model, &batch, metrics, checked, 0)? else {
                    return Ok(Report::Stopped);
                };
                all.push(Taken { batch: batch.index, whole, left_out, digest, parts });
            }
            Ok(Report::Done(all))
        };
        let own = compute();
        let mut all = match exchange(&mut self.ranks, own, &[])? {
            Agreed::Done(all) => all,
            Agreed::Stopped => return Ok(None),
            Agreed::End => return Ok(Some(Vec::new())),
        };
        for (rank, (taken, _)) in all.iter().enumerate() {
            for (found, expected) in taken.iter().zip(&all[0].0) {
                let of = |taken: &Taken| (taken.batch, taken.whole, taken.left_out, taken.digest);
                if of(found) != of(expected) {
                    return Err(differs(rank, found, expected));
                }
            }
        }
        if all[0].0.iter().all(|taken| taken.whole == taken.left_out) {
            // Where no batch at all can be read, the data say so themselves.
            data.start(0, 0);
            data.next_batch()?;
        }
        Ok(Some(all.swap_remove(0).0))
    }

    fn measure(
        &self,
        pass: &mut Pass<T>,
        model: &dyn Model<T>,
        batch: &Batch<'_, T>,
        metrics: &[Metric],
        checked: Checked,
        mut first: usize,
    ) -> Result<Option<Vec<Part>>, Error> {
        let mut all = Vec::new();
        if batch.samples == 0 {
            return Ok(Some(all));
        }
        for part in parts(batch, self.share.micro_batch) {
            let mut sums = vec![0.0; metrics.len()];
            if !pass.measure_part(model, &part, metrics, checked, first, &mut sums)? {
                return Ok(None);
            }
            first = first.saturating_add(part.samples);
            all.push(Part::new(part.samples, part.targets.data().len(), 0.0, sums));
        }
        Ok(Some(all))
    }
}
