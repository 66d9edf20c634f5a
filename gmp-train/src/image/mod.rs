//! Image data sets: sources of pictures, preprocessing, and loading for the training loop.
//!
//! An [`ImageSource`] gives one picture by its number: [`Cifar10`], [`ImageNet32`], [`Ilsvrc`], or [`SyntheticShapes`],
//! a generated set that needs no files. A [`Preparation`] crops, flips and normalizes it. A [`Loader`] does both in
//! background threads and returns batches in an order that depends on the seed and the epoch alone.
//!
//! ```
//! use gmp_train::image::{Loader, Loading, Order, Preparation, SyntheticShapes};
//! use std::sync::Arc;
//!
//! let (training, _validation) = SyntheticShapes::new(7, 100, 20);
//! let loading = Loading { batch_size: 32, order: Order::Shuffled, seed: 1, threads: 2 };
//! let mut loader = Loader::new(Arc::new(training), Preparation::small(true), loading)?;
//! loader.start(0, 0); // epoch 0 from its first batch
//! let mut sizes = Vec::new();
//! while let Some(batch) = loader.next_batch()? {
//!     assert_eq!(batch.images.len(), batch.labels.len() * 32 * 32 * 3);
//!     sizes.push(batch.labels.len());
//! }
//! assert_eq!(sizes, [32, 32, 32, 4]);
//! # Ok::<(), gmp_train::image::Error>(())
//! ```

mod augment;
mod cifar10;
mod colour;
mod decode;
mod digest;
mod error;
mod ilsvrc;
mod imagenet32;
mod loader;
mod loading;
mod npz;
mod resize;
mod synthetic;
mod threads;

pub use augment::{Crop, Preparation};
pub use cifar10::Cifar10;
pub use digest::{Digest, Stamp};
pub use error::Error;
pub use ilsvrc::Ilsvrc;
pub use imagenet32::ImageNet32;
pub use loader::{Batch, Loader, Skipped};
pub use loading::{Loading, Order};
pub use synthetic::SyntheticShapes;

use gmp_nn::Rng;
use std::fmt;
use std::io::Write;

/// A decoded picture: `height × width × 3` bytes, row after row, R, G, B. Its memory is reused.
///
/// ```
/// use gmp_train::image::{ImageSource, Picture, SyntheticShapes};
/// let (training, _) = SyntheticShapes::new(7, 10, 0);
/// let mut picture = Picture::default();
/// training.decode(3, &mut picture)?;
/// assert_eq!((picture.height, picture.width, picture.pixels.len()), (32, 32, 32 * 32 * 3));
/// # Ok::<(), gmp_train::image::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height × width × 3` bytes (HWC).
    pub pixels: Vec<u8>,
}

impl Picture {
    /// Decodes the bytes of a JPEG or PNG file into this picture; `name` is its name in messages.
    ///
    /// ```
    /// # use gmp_train::image::Picture;
    /// let error = Picture::default().decode("notes.png", b"Dear diary").unwrap_err();
    /// assert_eq!(error.to_string(), "notes.png: neither a JPEG nor a PNG");
    /// ```
    ///
    /// # Errors
    /// If the bytes are not a complete picture of these formats; the content of this picture is then unspecified.
    pub fn decode(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        decode::decode(bytes, self).map_err(|problem| Error::Picture { name: name.to_owned(), problem })
    }

    /// Takes the given size; the pixels are whatever was there, or 0. Allocates only to grow.
    pub(crate) fn resize(&mut self, height: usize, width: usize) {
        (self.height, self.width) = (height, width);
        self.pixels.resize(height * width * 3, 0);
    }

    /// Fills a 32×32 picture from its three planes R, G, B of 1024 bytes each.
    pub(crate) fn set_planes(&mut self, planes: &[u8]) {
        self.resize(SIDE, SIDE);
        let (red, others) = planes.split_at(SIDE * SIDE);
        let (green, blue) = others.split_at(SIDE * SIDE);
        for (((pixel, &red), &green), &blue) in self.pixels.chunks_exact_mut(3).zip(red).zip(green).zip(blue)
        {
            pixel.copy_from_slice(&[red, green, blue]);
        }
    }
}

/// Rows and columns of the small pictures.
pub(crate) const SIDE: usize = 32;
/// Bytes of one of them.
pub(crate) const SMALL: usize = SIDE * SIDE * 3;

/// Labelled pictures that are accessed by number. Reading one must not depend on which were read before, nor on the
/// thread.
///
/// ```
/// use gmp_train::image::{Error, ImageSource, Picture};
///
/// /// Grey pictures of one pixel: dark ones are of class 0, bright ones of class 1.
/// struct Greys;
/// impl ImageSource for Greys {
///     fn len(&self) -> usize {
///         256
///     }
///     fn classes(&self) -> usize {
///         2
///     }
///     fn label(&self, sample: usize) -> u32 {
///         u32::from(sample >= 128)
///     }
///     fn name(&self, sample: usize) -> String {
///         format!("grey {sample}")
///     }
///     fn decode(&self, sample: usize, picture: &mut Picture) -> Result<(), Error> {
///         *picture = Picture { height: 1, width: 1, pixels: vec![sample as u8; 3] };
///         Ok(())
///     }
/// }
/// assert_ne!(Greys.digest(1)?, Greys.digest(2)?); // made of what `decode` gives
/// # Ok::<(), Error>(())
/// ```
pub trait ImageSource: Send + Sync {
    /// Number of pictures.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of classes; labels are below it.
    fn classes(&self) -> usize;

    /// Class of picture `sample`, from 0.
    ///
    /// # Panics
    /// If there is no such picture.
    fn label(&self, sample: usize) -> u32;

    /// The name of picture `sample` in messages: its file, and its position in the file.
    ///
    /// # Panics
    /// If there is no such picture.
    fn name(&self, sample: usize) -> String;

    /// Decodes picture `sample` into reused memory.
    ///
    /// # Errors
    /// If a file cannot be read or is not a picture; the content of `picture` is then unspecified.
    ///
    /// # Panics
    /// If there is no such picture.
    fn decode(&self, sample: usize, picture: &mut Picture) -> Result<(), Error>;

    /// A digest of every byte that picture `sample` is decoded from: a different picture has a different digest. The
    /// default decodes the picture; sources that can access its bytes override it.
    ///
    /// # Errors
    /// If a file cannot be read.
    ///
    /// # Panics
    /// If there is no such picture.
    fn digest(&self, sample: usize) -> Result<u64, Error> {
        let mut picture = Picture::default();
        self.decode(sample, &mut picture)?;
        let size = Digest::default().number(picture.height as u64).number(picture.width as u64);
        Ok(size.bytes(&picture.pixels).value())
    }

    /// The metadata of the file of picture `sample`, if each picture is a separate file; they show without reading
    /// the file whether a digest may still be valid. `None` if the pictures are in memory.
    ///
    /// # Errors
    /// If the file no longer exists.
    ///
    /// # Panics
    /// If there is no such picture.
    fn stamp(&self, sample: usize) -> Result<Option<Stamp>, Error> {
        let _ = sample;
        Ok(None)
    }
}

/// The random stream of a purpose put together from numbers. Allocates nothing.
pub(crate) fn stream(seed: u64, purpose: fmt::Arguments<'_>) -> Rng {
    let mut name = [0; 96];
    let mut rest = &mut name[..];
    rest.write_fmt(purpose).expect("a purpose is shorter than 96 bytes");
    let unused = rest.len();
    let name = std::str::from_utf8(&name[..96 - unused]).expect("formatted text is UTF-8");
    Rng::new(seed, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_become_pixels() {
        let planes: Vec<u8> = (0..SMALL).map(|i| (i % 251) as u8).collect();
        let mut picture = Picture::default();
        picture.set_planes(&planes);
        for (row, col, channel) in [(0, 0, 0), (3, 7, 1), (31, 31, 2), (16, 0, 2)] {
            let (pixel, plane) = ((row * 32 + col) * 3 + channel, channel * 1024 + row * 32 + col);
            assert_eq!(picture.pixels[pixel], planes[plane]);
        }
    }

    #[test]
    fn a_stream_is_that_of_its_name() {
        let mut named = Rng::new(5, "augment/epoch 3/sample 1281166");
        assert_eq!(stream(5, format_args!("augment/epoch {}/sample {}", 3, 1_281_166)).bits(), named.bits());
    }
}
