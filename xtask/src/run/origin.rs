//! Which program carried a run out, and whether this one would come to the same result.

use serde::{Deserialize, Serialize};

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The source that this program was built from: the commit, where it was built in a git repository, and a digest of the
/// sources, which tells changes apart that were not committed.
pub const REVISION: &str = env!("GMP_REVISION");

/// The compiler that built this program.
pub const COMPILER: &str = env!("GMP_COMPILER");

/// Which numbers this program computes. A record of other numerics is not taken for a result of this program.
///
/// Kept by hand: raised by one whenever the same run may come to another result, be it in the last bit. The test
/// `numerics` fails when it was forgotten.
pub const NUMERICS: u32 = 2;

/// What the test `numerics` finds with these [`NUMERICS`].
pub const NUMERICS_DIGEST: u64 = 0xb62a_be42_3996_7650;

/// The numerics of version 0.2.0, whose records do not say them.
const OF_0_2_0: u32 = 1;

/// What a record says of the program that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its [`VERSION`].
    pub version: String,
    /// Its [`NUMERICS`]; version 0.2.0 did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numerics: Option<u32>,
    /// Its [`REVISION`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

impl Origin {
    /// This program.
    #[must_use]
    pub fn here() -> Self {
        Self { version: VERSION.to_owned(), numerics: Some(NUMERICS), revision: Some(REVISION.to_owned()) }
    }

    /// Whether a run that this program carried out would have come to the same result.
    #[must_use]
    pub fn is_of_our_numerics(&self) -> bool {
        self.numerics.or((self.version == "0.2.0").then_some(OF_0_2_0)) == Some(NUMERICS)
    }
}
