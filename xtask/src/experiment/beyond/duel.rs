//! Each rival against GmP: what it promises, and what the claims that compare the two say of its results.

use super::chapter::{Count, Tally};
use crate::method::{self, MethodId};
use crate::report::html::Table;

/// What a rival promises by its theorem, which no run decides.
struct Promise {
    rival: MethodId,
    /// How far a step turns a boundary.
    turn: &'static str,
    /// Where its coordinates degenerate.
    singular: &'static str,
    /// Whether a step turns a boundary by no more than its length, as under GmP, without a singularity.
    keeps_the_bound: bool,
}

const PROMISES: [Promise; 4] = [
    Promise {
        rival: method::GEODESIC,
        turn: "the step's length, exactly",
        singular: "nowhere",
        keeps_the_bound: true,
    },
    Promise {
        rival: method::PROJECTED,
        turn: "arctan of the length of a tangent step; at most its arcsine for any step",
        singular: "nowhere for steps shorter than 1",
        keeps_the_bound: true,
    },
    Promise {
        rival: method::FIXED_NORM,
        turn: "arctan of the learning rate, exactly, whatever the gradient",
        singular: "nowhere",
        keeps_the_bound: true,
    },
    Promise {
        rival: method::NATURAL,
        turn: "the step's length, to first order: no bound",
        singular: "at the poles",
        keeps_the_bound: false,
    },
];

/// The questions that compare GmP with each rival, and what they ask of a rival.
const ASKED: [(&str, &str); 4] = [
    ("rivals.result", "test result"),
    ("rivals.epochs", "speed"),
    ("rivals.movement", "movement"),
    ("rivals.tolerance", "tolerance"),
];

/// What the claims say of a rival beside GmP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Better results somewhere, worse nowhere, in speed and tolerance neither.
    Dominates,
    /// Worse results somewhere, better nowhere.
    Loses,
    /// No difference that matters in any comparison of results.
    Alike,
    /// Better somewhere, and worse somewhere, in speed or tolerance too.
    Mixed,
    /// Nothing of its results is decided one way or the other.
    Open,
    /// It was not compared.
    Absent,
}

impl Standing {
    /// What is supported favours GmP.
    fn of(tally: &Tally<'_>, rival: &str) -> Self {
        let against = |question| tally.against(question, rival);
        let result = against("rivals.result");
        let others = [against("rivals.epochs"), against("rivals.tolerance")];
        let loses_elsewhere = others.iter().any(|count| count.yes > 0);
        match result {
            Count { all: 0, .. } => Self::Absent,
            Count { yes: 0, no: 1.., .. } if !loses_elsewhere => Self::Dominates,
            Count { no: 1.., .. } => Self::Mixed,
            Count { yes: 1.., .. } => Self::Loses,
            Count { same, all, .. } if same == all => Self::Alike,
            _ => Self::Open,
        }
    }

    fn words(self, keeps_the_bound: bool) -> &'static str {
        match (self, keeps_the_bound) {
            (Self::Dominates, true) => {
                "dominates GmP here: the same bound without a singularity, better results, and in no comparison worse, slower or less tolerant"
            }
            (Self::Dominates, false) => {
                "has better results than GmP, and in no comparison worse ones, but no bound"
            }
            (Self::Loses, _) => "is dominated by GmP here: worse results, and in no comparison better ones",
            (Self::Alike, _) => "differs from GmP in no result by an amount that matters",
            (Self::Mixed, _) => {
                "is better than GmP in some comparisons and worse, slower or less tolerant in others"
            }
            (Self::Open, _) => "is not shown to have better or worse results than GmP",
            (Self::Absent, _) => "was not compared",
        }
    }
}

/// `2 better, 1 worse, 3 alike, 4 open`: of a rival, beside GmP.
fn shown(count: Count) -> String {
    let open = count.all - count.yes - count.no - count.same;
    let all = [(count.no, "better"), (count.yes, "worse"), (count.same, "alike"), (open, "open")];
    let said: Vec<String> = all
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if said.is_empty() { "–".to_owned() } else { said.join(", ") }
}

/// A row for each rival: its promise, and how its comparisons with GmP came out.
#[must_use]
pub fn table(tally: &Tally<'_>) -> Table {
    let asked = ASKED.map(|(_, what)| format!("{what} compared with GmP"));
    let header = ["rival", "turn of a step", "singular"].map(str::to_owned).into_iter().chain(asked);
    let rows = PROMISES.iter().map(|promise| {
        let counts = ASKED.map(|(question, _)| shown(tally.against(question, promise.rival.name)));
        let standing = Standing::of(tally, promise.rival.name).words(promise.keeps_the_bound).to_owned();
        let first = [promise.rival.name, promise.turn, promise.singular].map(str::to_owned);
        first.into_iter().chain(counts).chain([standing]).collect()
    });
    Table {
        caption: "Each rival compared with GmP, which turns a boundary by at most the length of the step and is singular at its poles: the number of \
                  comparisons, one for each problem, in which the rival is better or worse by a difference that matters."
            .to_owned(),
        header: header.chain(["summary".to_owned()]).collect(),
        rows: rows.collect(),
        ..Table::default()
    }
}

/// One sentence on all rivals.
#[must_use]
pub fn sentence(tally: &Tally<'_>) -> String {
    let of = |promise: &Promise| {
        let standing = Standing::of(tally, promise.rival.name);
        format!("{} {}", promise.rival, standing.words(promise.keeps_the_bound))
    };
    PROMISES.iter().map(of).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::{Claim, Origin};
    use crate::statistics::Outcome;

    fn claim(question: &str, outcome: Outcome) -> Claim {
        Claim {
            id: format!("{question}/yacht/geodesic"),
            baseline: "geodesic".to_owned(),
            n: 5,
            outcome,
            ..Claim::untested(question, Origin::Ours, "", "", "")
        }
    }

    #[test]
    fn a_rival_dominates_where_it_is_better_and_nowhere_worse() {
        let (better, worse, alike) = (Outcome::Contradicted, Outcome::Supported, Outcome::Equivalent);
        let standing = |outcomes: &[(&str, Outcome)]| {
            let claims: Vec<Claim> =
                outcomes.iter().map(|(question, outcome)| claim(question, *outcome)).collect();
            Standing::of(&Tally::new(&claims), "geodesic")
        };
        let result = "rivals.result";
        assert_eq!(standing(&[]), Standing::Absent);
        assert_eq!(standing(&[(result, better), (result, alike)]), Standing::Dominates);
        assert_eq!(standing(&[(result, better), (result, worse)]), Standing::Mixed);
        assert_eq!(standing(&[(result, better), ("rivals.epochs", worse)]), Standing::Mixed);
        assert_eq!(standing(&[(result, worse), (result, alike)]), Standing::Loses);
        assert_eq!(standing(&[(result, alike)]), Standing::Alike);
        assert_eq!(standing(&[(result, alike), (result, Outcome::Inconclusive)]), Standing::Open);
        let claims = [claim(result, better), claim(result, Outcome::Inconclusive)];
        let shown = table(&Tally::new(&claims));
        assert_eq!(shown.rows[0][3], "1 better, 1 open");
        assert_eq!((shown.rows.len(), shown.header.len()), (4, shown.rows[0].len()));
        assert!(sentence(&Tally::new(&claims)).starts_with("geodesic dominates GmP here"));
    }
}
