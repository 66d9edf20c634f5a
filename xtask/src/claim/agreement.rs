//! Whether two lists of claims, made with disjoint sets of seeds, say the same.
//!
//! An outcome is a statement with a probability of being wrong; two sets of seeds whose outcomes are both right need not be
//! the same, since one may have seen enough and the other not. So what is counted is, of all outcomes that are not
//! inconclusive in one of the sets, how many are those of the other set too ([`Agreement::share`]), and how many claims are
//! supported by one set and contradicted by the other, which must be none.

use super::Claim;
use crate::statistics::Outcome;
use std::collections::BTreeMap;
use std::fmt;

/// How two lists of claims agree. Claims about the mathematics, and those that one of them did not test, do not count.
///
/// ```
/// use xtask::claim::agreement::Agreement;
/// use xtask::statistics::Outcome::{Equivalent, Inconclusive, Supported};
/// let pairs = [[Supported, Supported], [Supported, Inconclusive], [Equivalent, Equivalent], [Inconclusive; 2]];
/// let agreement = Agreement::of_pairs(pairs);
/// // Of five decided outcomes four are those of the other set.
/// assert_eq!((agreement.decided, agreement.same, agreement.share()), (5, 4, 0.8));
/// assert_eq!((agreement.both_decided, agreement.opposite), (2, 0));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Claims that both tested.
    pub claims: usize,
    /// Outcomes of either list that are not inconclusive.
    pub decided: usize,
    /// Those of them that are the other list's too.
    pub same: usize,
    /// Claims that are decided in both.
    pub both_decided: usize,
    /// Claims that are supported by one and contradicted by the other.
    pub opposite: usize,
    /// How many claims have two outcomes that differ, by these two in their order.
    pub differing: BTreeMap<[Outcome; 2], usize>,
}

impl Agreement {
    /// Of two lists of claims, by their ids.
    #[must_use]
    pub fn of(first: &[Claim], second: &[Claim]) -> Self {
        let by_id: BTreeMap<&str, Outcome> =
            second.iter().map(|claim| (&claim.id[..], claim.outcome)).collect();
        let pairs = first.iter().filter(|claim| claim.origin != super::Origin::Mathematics);
        Self::of_pairs(pairs.filter_map(|claim| Some([claim.outcome, *by_id.get(&claim.id[..])?])))
    }

    /// Of pairs of outcomes.
    #[must_use]
    pub fn of_pairs(pairs: impl IntoIterator<Item = [Outcome; 2]>) -> Self {
        let mut found = Self::default();
        for pair in pairs.into_iter().filter(|pair| !pair.contains(&Outcome::NotTested)) {
            let decided = pair.into_iter().filter(|outcome| outcome.is_decided()).count();
            found.claims += 1;
            found.decided += decided;
            found.both_decided += usize::from(decided == 2);
            if pair[0] == pair[1] {
                found.same += decided;
                continue;
            }
            let mut differing = pair;
            differing.sort();
            found.opposite += usize::from(differing == [Outcome::Supported, Outcome::Contradicted]);
            *found.differing.entry(differing).or_default() += 1;
        }
        found
    }

    /// Of the outcomes that are not inconclusive, the share that the other set has too; NaN where there are none.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.same as f64 / self.decided as f64
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { claims, decided, same, both_decided, opposite, differing } = self;
        write!(
            f,
            "{claims} claims: {same} of {decided} outcomes that are not inconclusive are those of the other set too ({:.1}%); \
             {both_decided} claims are decided by both sets, {opposite} are supported by one and contradicted by the other",
            100.0 * self.share()
        )?;
        for ([a, b], count) in differing {
            write!(f, "; {count} are {a} and {b}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::Origin;

    fn claims(outcomes: &[(&str, Outcome)]) -> Vec<Claim> {
        let of = |&(id, outcome): &(&str, Outcome)| Claim {
            id: id.to_owned(),
            outcome,
            ..Claim::untested("q", Origin::Paper, "", "", "")
        };
        outcomes.iter().map(of).collect()
    }

    #[test]
    fn claims_are_compared_by_their_ids_and_opposites_are_counted() {
        use Outcome::{Contradicted, Inconclusive, NotTested, Supported};
        let first = claims(&[
            ("a", Supported),
            ("b", Contradicted),
            ("c", Inconclusive),
            ("d", NotTested),
            ("only here", Supported),
        ]);
        let second = claims(&[("d", Supported), ("c", Supported), ("b", Supported), ("a", Supported)]);
        let agreement = Agreement::of(&first, &second);
        assert_eq!((agreement.claims, agreement.decided, agreement.same), (3, 5, 2));
        assert_eq!((agreement.both_decided, agreement.opposite), (2, 1));
        assert_eq!(agreement, Agreement::of(&second, &first));
        let said = agreement.to_string();
        assert!(
            said.contains("2 of 5 outcomes") && said.contains("1 are supported and inconclusive"),
            "{said}"
        );
    }
}
