//! What the results mean: which links of the paper's chain of reasons these runs test, what was easy to reproduce and what
//! was hard, and how far the results reach.
//!
//! What depends on outcomes is made from the claims. What is written down here is about designs and about code, and holds
//! whatever the runs say.

use super::{Claim, Origin, summary};
use crate::report::html::{Block, Section};
use crate::statistics::Outcome;
use std::fmt::Write as _;

/// The section; all claims of the page are the basis.
#[must_use]
pub fn section(claims: &[Claim]) -> Section {
    let mut blocks = vec![Block::Heading(
        "Why: the reasons that the paper gives, and what these runs say about them".to_owned(),
    )];
    blocks.extend(CHAIN.iter().flat_map(|link| link.blocks(claims)));
    blocks.extend(together(claims).map(Block::Paragraph));
    blocks.extend(by_rates(claims).map(Block::Paragraph));
    for (heading, items) in [("What was easy to reproduce", &EASY[..]), ("What was hard", &HARD[..])] {
        blocks.push(Block::Heading(heading.to_owned()));
        blocks.push(Block::List(items.iter().map(|&item| item.to_owned()).collect()));
    }
    blocks.push(Block::Heading("How far the results reach".to_owned()));
    let limits = not_tested(claims).into_iter().chain(generated(claims));
    blocks.push(Block::List(limits.chain(LIMITS.map(str::to_owned)).collect()));
    Section { id: "discussion".to_owned(), title: "Discussion".to_owned(), blocks, ..Section::default() }
}

/// One link of the paper's chain of reasons.
struct Link {
    /// What the paper says, in our words.
    reason: &'static str,
    /// The questions that measure it: the first letters of their names, and what the sentence calls them.
    questions: &'static [(&'static str, &'static str)],
    /// What the design of these runs cannot say, whatever their outcome.
    beyond: &'static str,
}

const CHAIN: [Link; 5] = [
    Link {
        reason: "1. A small step of the parameters can turn a boundary of SP, WN and BN around, but one of GmP by no more than the step's length.",
        questions: &[
            ("fig1.turn", "turns of small and of Glorot's weights (Figure 1)"),
            ("fig1.location", "movements of φ under the same steps"),
        ],
        beyond: "A bound on one step says nothing about a sequence of steps along gradients. It is in ‖ε‖₂ over all angles, so it also grows with \
                 their number.",
    },
    Link {
        reason: "2. So in training, boundaries of GmP move and turn less.",
        questions: &[
            ("fig2.movement", "movement on Levy (Figure 2)"),
            ("fig3.path", "paths on banana (Figure 3)"),
            ("fig3.turn", "turns on banana (Figure 3)"),
            ("table1.turn", "turns on the sets of Table 1"),
        ],
        beyond: "The paper names the noise of the gradient as the cause. These runs measure movement, but do not vary that noise alone; on Levy, \
                 where a batch holds all points, there is none.",
    },
    Link {
        reason: "3. So GmP tolerates a learning rate ten times larger, at which the other methods become unstable.",
        questions: &[("fig2.rates", "the best rate of a seed (Figure 2)")],
        beyond: "That a method does best at a lower rate does not say that unstable boundaries are the reason.",
    },
    Link {
        reason: "4. Spatial locations that are spread over the data provide useful non-linearities.",
        questions: &[
            ("fig2.coverage", "coverage of the inputs' range on Levy"),
            ("fig3.coverage", "coverage of the square on banana"),
        ],
        beyond: "Spread and error are measured on the same networks, and no run varies the spread alone: if both are effects of a method, neither is \
                 shown to cause the other.",
    },
    Link {
        reason: "5. So networks with GmP learn faster and generalize better.",
        questions: &[
            ("fig2.epochs", "epochs on Levy"),
            ("fig3.epochs", "epochs on banana"),
            ("fig2.rmse", "test RMSE on Levy"),
            ("fig3.accuracy", "test accuracy on banana"),
            ("table1.rmse", "test RMSE on the sets of Table 1"),
            ("fig4.speed", "speed of VGG-6"),
            ("table2.top", "accuracy of VGG-6"),
            ("table3.", "speed and accuracy of ResNet-18"),
        ],
        beyond: "To show that stability is the cause, one would have to take away the stability of one method and nothing else. The comparisons at \
                 one learning rate for all methods come nearest: they take away the difference in rates.",
    },
];

impl Link {
    fn blocks(&self, claims: &[Claim]) -> Vec<Block> {
        let mut measured = Vec::new();
        for (question, name) in self.questions {
            let of: Vec<Outcome> = tested(claims, question).map(|claim| claim.outcome).collect();
            if !of.is_empty() {
                measured.push(format!("{name}: {}", tally(&of)));
            }
        }
        let mut text = self.reason.to_owned();
        if self.reason.starts_with('1') {
            text.extend(summary::mathematics(claims).map(|said| format!(" {said}")));
        }
        if measured.is_empty() {
            text += " None of these runs tests it.";
        } else {
            let _ = write!(text, " GmP against each of its baselines: {}.", measured.join("; "));
        }
        vec![Block::Paragraph(format!("{text} {}", self.beyond))]
    }
}

/// The claims on all baselines together that came of a question, those that were not tested left out.
fn tested<'a>(claims: &'a [Claim], question: &'a str) -> impl Iterator<Item = &'a Claim> {
    claims.iter().filter(move |claim| {
        claim.each
            && claim.outcome != Outcome::NotTested
            && claim.question.starts_with(question)
            && !is_beyond(claim)
    })
}

/// Comparisons with methods that the paper does not have.
fn is_beyond(claim: &Claim) -> bool {
    claim.question.ends_with(".beyond") || claim.question.ends_with(".half-sphere")
}

/// `3 supported, 1 contradicted`, of at least one outcome.
fn tally(outcomes: &[Outcome]) -> String {
    let count = |outcome| outcomes.iter().filter(|known| **known == outcome).count();
    let counts =
        Outcome::ALL.into_iter().map(|outcome| (count(outcome), outcome)).filter(|(count, _)| *count > 0);
    counts.map(|(count, outcome)| format!("{count} {outcome}")).collect::<Vec<_>>().join(", ")
}

/// A question about movement beside one about the result, on the same runs.
const TOGETHER: [[&str; 2]; 3] =
    [["fig2.movement.max", "fig2.rmse"], ["fig3.turn.max", "fig3.accuracy"], ["table1.turn", "table1.rmse"]];

/// Whether steadier boundaries and better results go together.
fn together(claims: &[Claim]) -> Option<String> {
    let mut results = Vec::new();
    let mut pairs = 0;
    for [movement, result] in TOGETHER {
        let of = |question| tested(claims, question).filter(move |claim| claim.question == question);
        for steady in of(movement) {
            let is_same = |claim: &&Claim| {
                (&claim.dataset, &claim.protocol, &claim.rates)
                    == (&steady.dataset, &steady.protocol, &steady.rates)
            };
            let Some(result) = of(result).find(is_same) else { continue };
            pairs += 1;
            if steady.outcome == Outcome::Supported {
                results.push(result.outcome);
            }
        }
    }
    if pairs == 0 {
        return None;
    }
    let lead = format!(
        "Do stable boundaries and good results go together? In {pairs} comparisons (one data set, the same learning rates) both were measured."
    );
    if results.is_empty() {
        return Some(format!(
            "{lead} In none of them is it shown that boundaries move least under GmP, so there is nothing to compare."
        ));
    }
    let better = results.iter().filter(|outcome| **outcome == Outcome::Supported).count();
    let conclusion = if better == results.len() {
        "They do, in all of them; this does not show that one causes the other."
    } else if better == 0 {
        "More stable boundaries alone did not give better results."
    } else {
        "More stable boundaries came with better results in some of them and not in others."
    };
    Some(format!(
        "{lead} Boundaries moved least under GmP in {}; there, the claim that its result is better than that of each baseline is: {}. {conclusion}",
        results.len(),
        tally(&results)
    ))
}

/// How much of the advantage is the learning rate's.
fn by_rates(claims: &[Claim]) -> Option<String> {
    let share = |is_meant: &dyn Fn(&str) -> bool| {
        let results = ["fig2.rmse", "fig3.accuracy", "table1.rmse"];
        let of: Vec<Outcome> = results
            .into_iter()
            .flat_map(|question| tested(claims, question))
            .filter(|claim| !claim.id.contains("/pooled/") && is_meant(&claim.rates))
            .map(|claim| claim.outcome)
            .collect();
        (of.iter().filter(|outcome| **outcome == Outcome::Supported).count(), of.len())
    };
    let authors = share(&|rates| rates == "authors");
    let equal = share(&|rates| rates.starts_with("equal"));
    let best = share(&|rates| rates == "own best");
    if authors.1 == 0 || equal.1 == 0 {
        return None;
    }
    let mut text = format!(
        "The learning rate or the parameterization? The result of GmP is better than that of each baseline at the authors' rates in {} of {} \
         comparisons, at one rate for all in {} of {}",
        authors.0, authors.1, equal.0, equal.1
    );
    if best.1 > 0 {
        let _ = write!(text, ", with each method at its own best rate in {} of {}", best.0, best.1);
    }
    let part = |(better, all): (usize, usize)| better as f64 / all as f64;
    let fair = [equal, best].into_iter().filter(|of| of.1 > 0).map(part).fold(0.0, f64::max);
    text += if authors.0 == 0 && fair == 0.0 {
        ". No advantage over all baselines is shown, whatever the rates."
    } else if part(authors) > fair {
        ". It is better more often where its rate is ten times that of the others: a part of the advantage is due to the learning rate."
    } else {
        ". It is not better more often where its rate is ten times that of the others: the rate does not explain the advantage."
    };
    Some(text)
}

/// What was not tested, by figure.
fn not_tested(claims: &[Claim]) -> Option<String> {
    let mut figures: Vec<(&str, usize)> = Vec::new();
    let is_open =
        |claim: &&Claim| claim.origin == Origin::Paper && !claim.each && claim.outcome == Outcome::NotTested;
    for claim in claims.iter().filter(is_open) {
        let figure = claim.figure.split('(').next().unwrap_or_default();
        match figures.iter_mut().find(|(known, _)| *known == figure) {
            Some((_, count)) => *count += 1,
            None => figures.push((figure, 1)),
        }
    }
    let listed: Vec<String> = figures.iter().map(|(figure, count)| format!("{figure} ({count})")).collect();
    (!listed.is_empty())
        .then(|| format!("Comparisons of the paper that these runs did not test: {}.", listed.join(", ")))
}

fn generated(claims: &[Claim]) -> Option<String> {
    let mut names: Vec<&str> = claims
        .iter()
        .filter(|claim| claim.generated && claim.n > 0)
        .map(|claim| &claim.dataset[..])
        .collect();
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| {
        format!("Results on data that this program generated in place of the paper's, which say nothing about the paper's data: {}.", names.join(", "))
    })
}

const EASY: [&str; 3] = [
    "The parameterizations are given in formulas, so layers and their gradients can be written down from the paper alone; those of the angles \
     take one pass over the inputs and no division.",
    "The experiments in one and two dimensions and on the small regression sets train in seconds on an ordinary computer, so that they can be run \
     over many seeds, learning rates and protocols.",
    "The released notebooks print or draw their data and results, so the same fifty points and the same split can be trained on: the tables \
     “beside the authors' notebooks” of Figures 2 and 3.",
];

const HARD: [&str; 10] = [
    "The released conversion from weights to angles loses the sign of the last weight: its denominator is a square root, which is never negative. A \
     correction that is meant to fix this writes to the index −1, which is an error on a CPU and is silently dropped on a GPU. So units of GmP start \
     with directions in half of the sphere.",
    "Early stopping, the learning-rate schedule and the choice of weights look at the test set on banana and on the sets of Table 1, and at the \
     validation set that is reported for VGG-6. That favours every method, and most of all those with more noise from epoch to epoch.",
    "The learning rate is 0.1 for GmP and 0.01 for everything else, fixed by hand; captions mention cross-validation, which no version of the code has.",
    "The schedule counts an improvement only from 10^{−4} on, in absolute terms. Where the loss is smaller than that, as on naval, the rate falls at \
     fixed intervals whatever happens, and the number in the table is determined by the schedule.",
    "Panel (i) of Figure 3 is computed by no version of the code, panel (c) of Figure 2 only by an older one, and there is no code for ResNet-18. \
     Numbers of seeds and the batch sizes of networks on images are not in the repository.",
    "Convolutions of GmP and WN draw their first weights with the number of filters as fan-out, those of SP and BN with nine times as many (3×3 \
     windows): at equal channels 1.8 times the variance, a difference between methods that no table mentions. The runs here keep it.",
    "In WN+MBN, subtracting the mean cancels the bias of the layer, so that baseline has no effective bias.",
    "The mean of input mean normalization that is meant to be shared between graphics cards is computed outside of its class and never used: each \
     card has its own.",
    "In TensorFlow the gradient of a cumulative product divides by its inputs, so it is NaN where the sine of an angle is zero.",
    "The version of Keras that the authors name restores the best weights only where early stopping ended the run: a run that goes to its last epoch \
     keeps the last weights. The runs here do the same in the authors' protocol.",
];

const LIMITS: [&str; 4] = [
    "The published numbers of Tables 1 to 3 were not available. Tables here can be read beside the paper, and are not compared with it by a test.",
    "An interval covers what its seeds vary: other draws of the points, other splits of one set, or other initial weights. None covers other \
     problems or architectures.",
    "One grid of learning rates for all methods is fair but coarse: in the quick profile it has two values. A method's best learning rate can be \
     between its values or outside of them.",
    "Everything is computed in double precision by one program on CPUs (networks on images in single precision). Its gradients are checked against finite \
     differences, its layers and schedules against published formulas; another framework rounds differently, and long runs of unstable methods \
     depend on rounding.",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(question: &str, dataset: &str, rates: &str, outcome: Outcome) -> Claim {
        Claim {
            id: format!("{question}/{dataset}/paper/{rates}/each"),
            outcome,
            dataset: dataset.to_owned(),
            rates: rates.to_owned(),
            protocol: "paper".to_owned(),
            each: true,
            n: 20,
            ..Claim::untested(question, Origin::Paper, "Figure 2(c)", "", "")
        }
    }

    fn text(claims: &[Claim]) -> String {
        let said = |block: Block| match block {
            Block::Paragraph(text) | Block::Heading(text) => text,
            Block::List(items) => items.join("\n"),
            _ => String::new(),
        };
        section(claims).blocks.into_iter().map(said).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn sentences_on_outcomes_follow_from_the_claims() {
        let all = |movement, authors, equal| {
            text(&[
                claim("fig2.movement.max", "levy", "authors", movement),
                claim("fig2.rmse", "levy", "authors", authors),
                claim("fig2.movement.max", "levy", "equal 0.1", movement),
                claim("fig2.rmse", "levy", "equal 0.1", equal),
            ])
        };
        use Outcome::{Contradicted, Inconclusive, Supported};
        let mixed = all(Supported, Supported, Contradicted);
        assert!(mixed.contains("test RMSE on Levy: 1 supported, 1 contradicted"), "{mixed}");
        assert!(
            mixed.contains("Boundaries moved least under GmP in 2;")
                && mixed.contains("in some of them and not in others")
        );
        assert!(mixed.contains("at the authors' rates in 1 of 1 comparisons, at one rate for all in 0 of 1"));
        assert!(mixed.contains("a part of the advantage is due to the learning rate"));
        let good = all(Supported, Supported, Supported);
        assert!(
            good.contains("They do, in all of them")
                && good.contains("the rate does not explain the advantage")
        );
        let steady = all(Supported, Inconclusive, Contradicted);
        assert!(
            steady.contains("alone did not give better results")
                && steady.contains("No advantage over all baselines")
        );
        assert!(all(Contradicted, Supported, Supported).contains("In none of them is it shown"));
    }

    /// Without a claim that was tested nothing is said of outcomes.
    #[test]
    fn nothing_is_said_of_what_was_not_tested() {
        let none =
            text(&[Claim { each: false, ..claim("fig2.rmse", "levy", "authors", Outcome::NotTested) }]);
        assert_eq!(none.matches("None of these runs tests it").count(), CHAIN.len());
        for word in ["supported", "go together?", "The learning rate or the"] {
            assert!(!none.contains(word), "{word}");
        }
        assert!(none.contains("did not test: Figure 2 (1)."));
        let generated = Claim {
            generated: true,
            ..claim("fig3.accuracy", "banana-generated", "authors", Outcome::Supported)
        };
        assert!(text(&[generated]).contains(
            "in place of the paper's, which say nothing about the paper's data: banana-generated."
        ));
    }
}
