//! Identification of sets of pictures: digests of their contents, and the metadata of their files.

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

/// A running 64-bit digest of bytes, FNV-1a: the same on every machine. It distinguishes contents that differ by
/// accident; it is not a protection against deliberate manipulation.
///
/// ```
/// use gmp_train::image::Digest;
/// let whole = Digest::default().bytes(b"foobar");
/// assert_eq!(whole.value(), 0x8594_4171_f739_67e8);
/// assert_eq!(Digest::default().bytes(b"foo").bytes(b"bar"), whole);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// The digest of everything so far followed by `bytes`.
    #[must_use]
    pub fn bytes(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
    }

    /// The same with the eight bytes of a number, the lowest first.
    ///
    /// ```
    /// # use gmp_train::image::Digest;
    /// assert_eq!(Digest::default().number(7), Digest::default().bytes(&[7, 0, 0, 0, 0, 0, 0, 0]));
    /// ```
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.bytes(&number.to_le_bytes())
    }

    /// The digest of everything so far.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

/// The metadata of a file, which are known without reading it. A file whose stamp has not changed normally has the
/// same content as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// When the content was last written, since 1970.
    pub modified: Duration,
    /// When anything about the file was last changed, including its times; on Unix it cannot be set back. Elsewhere
    /// it is the same as `modified`.
    pub changed: Duration,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> std::io::Result<Self> {
        let modified = metadata.modified()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Ok(Self { size: metadata.len(), modified, changed: changed(metadata).unwrap_or(modified) })
    }
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<Duration> {
    use std::os::unix::fs::MetadataExt as _;
    let seconds = u64::try_from(metadata.ctime()).ok()?;
    Some(Duration::new(seconds, u32::try_from(metadata.ctime_nsec()).ok()?))
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<Duration> {
    None
}
