//! Batches of pictures, decoded in background threads while the network computes.
//!
//! The order of an epoch is divided into pieces of a few pictures. Threads take the next piece, decode and crop its
//! pictures to bytes, and store it under its number; [`Loader::next_batch`] collects the pieces of its batch in order
//! and normalizes them. A piece is begun only while fewer than a fixed number are waiting, and its memory is reused:
//! the amount that is decoded ahead is bounded, and nothing is allocated after the first epoch.

use super::loading::{Loading, Order, PIECE};
use super::threads::{Piece, Shared, State, start};
use super::{Error, ImageSource, Preparation, stream};
use crate::{Batches, Portion, Share};
use gmp_autograd::Mat;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};

/// Red, green and blue.
const CHANNELS: usize = 3;
/// Most background threads for each core: more only wait for each other, and each has a piece of its own in memory.
const MOST_A_CORE: usize = 4;
/// Batches decoded ahead of the one in use.
const AHEAD: usize = 2;

/// Pictures and their classes.
///
/// ```
/// use gmp_train::image::{Loader, Loading, Order, Preparation, SyntheticShapes};
/// let (training, _) = SyntheticShapes::new(7, 12, 0);
/// let loading = Loading { batch_size: 4, order: Order::AsStored, seed: 1, threads: 1 };
/// let mut loader = Loader::new(std::sync::Arc::new(training), Preparation::small(false), loading)?;
/// loader.start(0, 1); // from the second batch on
/// let batch = loader.next_batch()?.unwrap();
/// assert_eq!((batch.index, batch.samples, batch.labels), (1, &[4, 5, 6, 7][..], &[4, 5, 6, 7][..]));
/// assert_eq!(batch.images.len(), 4 * 32 * 32 * 3);
/// # Ok::<(), gmp_train::image::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Number of the batch in its epoch, from 0.
    pub index: usize,
    /// pictures × size × size × 3 (NHWC), normalized.
    pub images: &'a [f32],
    /// Class of each picture.
    pub labels: &'a [u32],
    /// Number of each picture in its source.
    pub samples: &'a [u32],
}

/// A picture that was left out.
///
/// ```
/// use gmp_train::image::{Crop, Loader, Loading, Order, Preparation, SyntheticShapes};
/// let too_large = Preparation { crop: Crop::Whole { size: 48 }, ..Preparation::small(false) };
/// let (training, _) = SyntheticShapes::new(7, 4, 0); // of 32×32 pixels
/// let loading = Loading { batch_size: 4, order: Order::AsStored, seed: 1, threads: 1 };
/// let mut loader = Loader::new(std::sync::Arc::new(training), too_large, loading)?;
/// loader.start(0, 0);
/// assert!(loader.next_batch().is_err()); // not one picture can be used
/// let problem = &loader.skipped().next().unwrap().problem;
/// assert_eq!(problem, "generated training picture 0: 32×32 pixels, expected 48×48");
/// # Ok::<(), gmp_train::image::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its number in the source.
    pub sample: usize,
    /// What is wrong with it, with its name.
    pub problem: String,
}

/// Batches of an [`ImageSource`], in an order that depends on the seed and the epoch, but not on the number of
/// threads.
///
/// A picture that cannot be read is left out of its batch, and reported by [`Loader::on_skipped`] and
/// [`Loader::skipped`].
///
/// ```
/// use gmp_train::image::{Loader, Loading, Order, Preparation, SyntheticShapes};
/// use gmp_train::{Adam, Loss, NetworkSpec, TrainState, Trainer};
/// let (training, _) = SyntheticShapes::new(7, 20, 0);
/// let loading = Loading { batch_size: 8, order: Order::Shuffled, seed: 1, threads: 2 };
/// let mut loader = Loader::new(std::sync::Arc::new(training), Preparation::small(true), loading)?;
///
/// // It is what a trainer takes batches from.
/// let mut network = NetworkSpec::image(32, 32, 3).global_average_pool("average").output(10).build::<f32>(1)?;
/// let trainer = Trainer::new(Loss::SoftmaxCrossEntropy, 8, 1, 0.01);
/// let start = TrainState::start(&trainer);
/// let fit = trainer.fit_batches(start, &mut network, &mut Adam::default(), &mut loader, None, &mut ())?;
/// assert_eq!(fit.steps, 3); // of 8, 8 and 4 pictures
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Loader {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    table: Box<[[f32; 256]; 3]>,
    images: Vec<f32>,
    labels: Vec<u32>,
    /// The labels as numbers that a loss takes.
    targets: Vec<f32>,
    samples: Vec<u32>,
    skipped: BTreeMap<usize, Skipped>,
    report: Box<dyn FnMut(&Skipped) + Send>,
    /// The epoch, the batch that it was begun at, the batch to come, and pictures delivered and left out since the start.
    epoch: usize,
    begin: usize,
    batch: usize,
    delivered: usize,
    left_out: usize,
}

impl Loader {
    /// Starts the threads; [`Loader::start`] gives them work.
    ///
    /// No more threads are started than an epoch has pieces of 16 pictures, nor more than four for each core; if the
    /// system refuses some of them, the others do the work. The batches are the same.
    ///
    /// # Errors
    /// If the source has no pictures or more than 2³² − 1, the batch size, the number of threads or the picture size
    /// is 0, or the system refuses even one thread.
    pub fn new(
        source: Arc<dyn ImageSource>,
        preparation: Preparation,
        loading: Loading,
    ) -> Result<Self, Error> {
        preparation.check()?;
        let count = source.len();
        if count == 0 || count > u32::MAX as usize {
            return Err(Error::Setting {
                setting: "number of pictures",
                value: count,
                expected: "from 1 to 2^32 - 1",
            });
        }
        for (setting, value) in [("batch size", loading.batch_size), ("number of threads", loading.threads)] {
            if value == 0 {
                return Err(Error::Setting { setting, value, expected: "at least 1" });
            }
        }
        let batch_size = loading.batch_size.min(count);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let most = (MOST_A_CORE * cores).min(Loading { batch_size, ..loading }.pieces(count));
        let loading = Loading { batch_size, threads: loading.threads.min(most), ..loading };
        let waiting = AHEAD * batch_size.div_ceil(PIECE) + loading.threads;
        let bytes = preparation.size() * preparation.size() * 3;
        let piece = || Piece {
            samples: Vec::with_capacity(PIECE),
            pixels: vec![0; PIECE.min(batch_size) * bytes],
            skipped: Vec::new(),
        };
        let state = State {
            run: 0,
            epoch: 0,
            order: Vec::with_capacity(count),
            next: 0,
            collected: 0,
            pieces: Vec::with_capacity(loading.pieces(count)),
            done: (0..waiting).map(|_| None).collect(),
            free: (0..waiting).map(|_| piece()).collect(),
            stop: false,
            broken: false,
        };
        let (state, work, ready) = (Mutex::new(state), Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { source, preparation, loading, state, work, ready });
        let threads = start(loading.threads, || {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name("pictures".to_owned()).spawn(move || shared.work())
        })
        .map_err(Error::Thread)?;
        Ok(Self {
            table: Box::new(preparation.table()),
            images: Vec::with_capacity(batch_size * bytes),
            labels: Vec::with_capacity(batch_size),
            targets: Vec::with_capacity(batch_size),
            samples: Vec::with_capacity(batch_size),
            skipped: BTreeMap::new(),
            report: Box::new(|_| ()),
            epoch: 0,
            begin: 0,
            batch: loading.batches(count),
            delivered: 0,
            left_out: 0,
            shared,
            threads,
        })
    }

    /// Calls `report` once with each picture that is left out, when its batch is made.
    pub fn on_skipped(mut self, report: impl FnMut(&Skipped) + Send + 'static) -> Self {
        self.report = Box::new(report);
        self
    }

    /// Number of pictures in an epoch.
    pub fn len(&self) -> usize {
        self.shared.source.len()
    }

    /// Always false: a source without pictures is an error.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Number of batches in an epoch.
    ///
    /// ```
    /// use gmp_train::image::{Loader, Loading, Order, Preparation, SyntheticShapes};
    /// let (training, _) = SyntheticShapes::new(7, 100, 0);
    /// let loading = Loading { batch_size: 32, order: Order::Shuffled, seed: 1, threads: 1 };
    /// let loader = Loader::new(std::sync::Arc::new(training), Preparation::small(true), loading)?;
    /// assert_eq!((loader.len(), loader.batches()), (100, 4));
    /// # Ok::<(), gmp_train::image::Error>(())
    /// ```
    pub fn batches(&self) -> usize {
        self.shared.loading.batches(self.len())
    }

    /// The source of the pictures.
    pub fn source(&self) -> &dyn ImageSource {
        &*self.shared.source
    }

    /// Begins `epoch` at its batch `batch`, from 0: the batches are those that a whole epoch would have from there.
    /// Work in progress is discarded.
    ///
    /// # Panics
    /// If the epoch has fewer than `batch` batches.
    #[track_caller]
    pub fn start(&mut self, epoch: usize, batch: usize) {
        self.begin_at(epoch, batch, Share::WHOLE);
    }

    /// The same of a share of every batch.
    #[track_caller]
    fn begin_at(&mut self, epoch: usize, batch: usize, share: Share) {
        assert!(batch <= self.batches(), "batch {batch} of an epoch of {}", self.batches());
        (self.begin, self.batch, self.delivered, self.left_out) = (batch, batch, 0, 0);
        self.epoch = epoch;
        let batches = self.batches();
        let mut state = self.shared.lock();
        let state = &mut *state;
        state.run += 1;
        state.epoch = epoch;
        state.order.clear();
        state.order.extend(0..self.shared.source.len() as u32);
        if self.shared.loading.order == Order::Shuffled {
            stream(self.shared.loading.seed, format_args!("order/epoch {epoch}")).shuffle(&mut state.order);
        }
        for piece in &mut state.done {
            state.free.extend(piece.take());
        }
        (state.next, state.collected) = (0, 0);
        state.pieces.clear();
        for batch in batch..batches {
            state.pieces.extend(self.shared.loading.places(batch, state.order.len(), share));
        }
        self.shared.work.notify_all();
    }

    /// The next batch, or `None` at the end of the epoch and before the first start.
    ///
    /// # Errors
    /// If an epoch that was begun at its first batch ends and none of its pictures could be read. An epoch that was
    /// begun at a later batch may have had some before.
    ///
    /// # Panics
    /// If the source panicked in a background thread.
    pub fn next_batch(&mut self) -> Result<Option<Batch<'_>>, Error> {
        loop {
            if self.batch == self.batches() {
                if self.begin == 0 && self.delivered == 0 && self.left_out > 0 {
                    let count = std::mem::take(&mut self.left_out);
                    let first = self.skipped.first_key_value().map(|(_, skipped)| skipped.problem.clone());
                    return Err(Error::NoneReadable { count, first: first.unwrap_or_default() });
                }
                return Ok(None);
            }
            self.fill(Share::WHOLE);
            if !self.samples.is_empty() {
                let (images, labels, samples) = (&*self.images, &*self.labels, &*self.samples);
                return Ok(Some(Batch { index: self.batch - 1, images, labels, samples }));
            }
        }
    }

    /// Makes a share of the next batch, which is not the end: the number of pictures that it should have.
    fn fill(&mut self, share: Share) -> usize {
        self.images.clear();
        self.labels.clear();
        self.samples.clear();
        let Shared { preparation, loading, .. } = &*self.shared;
        if let Some(table) = preparation.shifted_table(loading.seed, self.epoch, self.batch) {
            *self.table = table;
        }
        let wanted = share.samples(self.pictures(self.batch)).len();
        for _ in 0..wanted.div_ceil(PIECE) {
            self.collect();
        }
        self.batch += 1;
        self.delivered += self.samples.len();
        wanted
    }

    /// Pictures of a batch.
    fn pictures(&self, batch: usize) -> usize {
        let Loading { batch_size, .. } = self.shared.loading;
        batch_size.min(self.len() - batch * batch_size)
    }

    /// Waits for the next piece and adds it to the batch.
    fn collect(&mut self) {
        let mut state = self.shared.lock();
        let mut piece = loop {
            assert!(!state.broken, "a thread that reads pictures panicked");
            let at = state.collected % state.done.len();
            match state.done[at].take() {
                Some(piece) => break piece,
                None => state = self.shared.ready.wait(state).unwrap_or_else(|broken| broken.into_inner()),
            }
        };
        state.collected += 1;
        drop(state);

        let size = self.shared.preparation.size();
        let pixels = &piece.pixels[..piece.samples.len() * size * size * 3];
        let [red, green, blue] = &*self.table;
        self.images.extend(
            pixels
                .as_chunks::<3>()
                .0
                .iter()
                .flat_map(|&[r, g, b]| [red[usize::from(r)], green[usize::from(g)], blue[usize::from(b)]]),
        );
        self.samples.extend_from_slice(&piece.samples);
        self.labels.extend(piece.samples.iter().map(|&sample| self.shared.source.label(sample as usize)));
        for skipped in piece.skipped.drain(..) {
            self.left_out += 1;
            if let Entry::Vacant(place) = self.skipped.entry(skipped.sample) {
                (self.report)(place.insert(skipped));
            }
        }
        self.shared.lock().free.push(piece);
        self.shared.work.notify_one();
    }

    /// The pictures left out of the batches so far, each once, by number.
    pub fn skipped(&self) -> impl ExactSizeIterator<Item = &Skipped> {
        self.skipped.values()
    }
}

/// Images in the form that a convolutional network takes (one row per pixel), and classes in that of
/// `Loss::SoftmaxCrossEntropy`.
impl Batches<f32> for Loader {
    fn samples(&self) -> usize {
        self.len()
    }

    fn start(&mut self, epoch: usize, batch: usize) {
        Self::start(self, epoch, batch);
    }

    fn next_batch(&mut self) -> Result<Option<crate::Batch<'_, f32>>, crate::Error> {
        if Self::next_batch(self)?.is_none() {
            return Ok(None);
        }
        Ok(Some(self.batch()))
    }

    fn start_share(&mut self, epoch: usize, batch: usize, share: Share) {
        self.begin_at(epoch, batch, share);
    }

    /// Reads the pictures of the share and no others.
    fn next_share(&mut self, share: Share) -> Result<Option<Portion<'_, f32>>, crate::Error> {
        if self.batch == self.batches() {
            return Ok(None);
        }
        let whole = self.pictures(self.batch);
        let wanted = self.fill(share);
        let batch = self.batch();
        Ok(Some(Portion { batch, whole, left_out: wanted - batch.samples }))
    }
}

impl Loader {
    /// The batch that was made last, as a trainer takes it.
    fn batch(&mut self) -> crate::Batch<'_, f32> {
        self.targets.clear();
        self.targets.extend(self.labels.iter().map(|&label| label as f32));
        let inputs = Mat::new(&self.images, self.images.len() / CHANNELS, CHANNELS);
        let targets = Mat::new(&self.targets, self.targets.len(), 1);
        let (index, samples) = (self.batch - 1, self.samples.len());
        crate::Batch { index, samples, inputs, targets, weights: None }
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("pictures", &self.len())
            .field("preparation", &self.shared.preparation)
            .field("loading", &self.shared.loading)
            .field("next_batch", &self.batch)
            .field("skipped", &self.skipped.len())
            .finish_non_exhaustive()
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // A panic there was reported when it was met.
            let _ = thread.join();
        }
    }
}
