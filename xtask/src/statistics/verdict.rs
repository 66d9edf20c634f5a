//! The verdicts of checks that hold or fail without chance: theorems and their counterexamples.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What became of one claim of the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The stated test supports the claim as the paper makes it.
    Replicated,
    /// The test supports a part of the claim, or the claim under some conditions only.
    Partly,
    /// The test was run and does not support the claim.
    NotReplicated,
    /// The test was not run, or could not decide.
    NotTested,
}

impl Verdict {
    /// All verdicts, from the best to the absent.
    pub const ALL: [Self; 4] = [Self::Replicated, Self::Partly, Self::NotReplicated, Self::NotTested];
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Replicated => "replicated",
            Self::Partly => "partly replicated",
            Self::NotReplicated => "not replicated",
            Self::NotTested => "not tested",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_keep_their_names_in_json() {
        let json = serde_json::to_string(&Verdict::ALL).unwrap();
        assert_eq!(json, r#"["replicated","partly","not_replicated","not_tested"]"#);
        assert_eq!(Verdict::NotReplicated.to_string(), "not replicated");
    }
}
