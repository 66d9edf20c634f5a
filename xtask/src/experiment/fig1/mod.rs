//! Figure 1: the characteristic activation boundary (CAB) of a unit in the plane, and what a small step in the
//! parameters does to it under each parameterization.
//!
//! The boundary is the line {x : u(θ)·x + λ = 0} with u(θ) = (cos θ, sin θ) and its spatial location, the point
//! nearest the origin, is φ = −λ u(θ).

mod boundary;
mod figure;
pub mod size;

pub use boundary::{Boundary, Change, METHODS, STEPS, change, changes, perturbed};
pub use figure::{boundary_panel, figure, perturbation_panel};

use super::ask::{combined, judged};
use super::{Context, Experiment, Prepared, Study};
use crate::claim::{Claim, Origin, Unit};
use crate::method::{self, MethodId};
use crate::report::html::{Block, Section, Table};
use crate::report::provenance::Provenance;
use crate::run::results::Results;
use crate::statistics::{Population, Scale};
use anyhow::Result;
use size::{GLOROT, SMALL, draw, share_of_least};

/// Figure 1.
pub struct Fig1;

/// The draw that is pictured, as in the authors' code; the numbers are over this and the following ones.
const PICTURED: u64 = 1;
const DRAWS: u64 = 1000;

impl Experiment for Fig1 {
    fn id(&self) -> &'static str {
        "fig1"
    }
    fn title(&self) -> &'static str {
        "Figure 1: stability of the boundary in the plane"
    }
    fn options(&self) -> &'static [&'static str] {
        &[]
    }
    fn needs(&self) -> &'static str {
        "nothing"
    }
    fn duration(&self) -> [&'static str; 2] {
        ["1 s", "1 s"]
    }
    fn prepare(&self, _: &Context) -> Result<Prepared> {
        Ok(Prepared::Ready(Box::new(Self)))
    }
    fn untested(&self, context: &Context, why: &str) -> Vec<Claim> {
        claims(context, Some(why))
    }
}

const CAPTION: &str = "Smaller changes between the perturbed and original boundaries imply higher stability. GmP is most stable \
                       against perturbations.";
const DIFFERS: [&str; 4] = [
    "BN is drawn, too, for a stated batch of 128 points; the released code draws SP, WN and GmP only, since the boundary of BN depends on a batch.",
    "The angle of the direction is atan2(w₂, w₁). The released code takes arccos(w₁/‖w‖), which loses the sign of w₂: the lines that it draws are \
     mirror images where the second weight is negative.",
    "The released code draws one unit (its seed 1). The unit here is drawn in the same way by another generator, and the numbers below are over a \
     thousand of them.",
    "Panels (f) to (h) and the interactive unit are additions.",
];
const AT_GLOROT: &str = "GmP is most stable against perturbations of weights of the size that they have at the start of training \
                         (Glorot's, two inputs and ten units).";

/// A question of this figure.
struct Asked {
    id: &'static str,
    origin: Origin,
    statement: &'static str,
    tested: &'static str,
    quantity: &'static str,
    of: fn(&Change) -> f64,
    size: f64,
    dataset: &'static str,
}

const ASKED: [Asked; 4] = [
    Asked {
        id: "fig1.turn",
        origin: Origin::Paper,
        statement: CAPTION,
        tested: "For weights as small as 10⁻³, a step ε of every parameter turns the boundary least under GmP",
        quantity: "turn of the direction",
        of: |change| change.angle,
        size: SMALL,
        dataset: "w, b ~ 10⁻³·N(0, 1)",
    },
    Asked {
        id: "fig1.location",
        origin: Origin::Paper,
        statement: CAPTION,
        tested: "For weights as small as 10⁻³, a step ε of every parameter moves φ least under GmP",
        quantity: "movement of φ",
        of: |change| change.distance,
        size: SMALL,
        dataset: "w, b ~ 10⁻³·N(0, 1)",
    },
    Asked {
        id: "fig1.turn.glorot",
        origin: Origin::Ours,
        statement: AT_GLOROT,
        tested: "For weights of Glorot's size, a step ε of every parameter turns the boundary least under GmP",
        quantity: "turn of the direction",
        of: |change| change.angle,
        size: GLOROT,
        dataset: "w, b ~ 0.41·N(0, 1)",
    },
    Asked {
        id: "fig1.location.glorot",
        origin: Origin::Ours,
        statement: AT_GLOROT,
        tested: "For weights of Glorot's size, a step ε of every parameter moves φ least under GmP",
        quantity: "movement of φ",
        of: |change| change.distance,
        size: GLOROT,
        dataset: "w, b ~ 0.41·N(0, 1)",
    },
];

/// The claims on draws of the unit, a step ε after the other; or why they are not tested.
fn claims(context: &Context, why: Option<&str>) -> Vec<Claim> {
    let mut claims = Vec::new();
    for asked in &ASKED {
        for epsilon in STEPS {
            let step = format!("ε = {epsilon}");
            let effects = |baseline: MethodId| -> Vec<f64> {
                let pair = |seed| {
                    let (weights, bias) = draw(seed, asked.size);
                    let of = |method| (asked.of)(&change(method, weights, bias, epsilon));
                    Scale::Log2Ratio.effect(of(method::GMP), of(baseline))
                };
                (PICTURED..PICTURED + DRAWS).filter(|_| why.is_none()).map(pair).collect()
            };
            let claim = |baseline: MethodId| {
                let claim = Claim {
                    id: format!("{}/{epsilon}/{baseline}", asked.id),
                    tested: asked.tested.to_owned(),
                    quantity: asked.quantity.to_owned(),
                    unit: Unit::Bits,
                    dataset: asked.dataset.to_owned(),
                    subject: method::GMP.to_string(),
                    baseline: baseline.to_string(),
                    rates: step.clone(),
                    protocol: "one step".to_owned(),
                    smallest: Some(context.smallest.movement),
                    ..Claim::untested(
                        asked.id,
                        asked.origin,
                        "Figure 1",
                        asked.statement,
                        why.unwrap_or_default(),
                    )
                };
                let mut claim = judged(claim, &effects(baseline), Population::Draws);
                if claim.n > 0 && asked.quantity.starts_with("turn") {
                    let share = share_of_least(asked.size, epsilon, DRAWS);
                    claim.reason += &format!(" GmP turns least in {:.1}% of {DRAWS} draws.", 100.0 * share);
                }
                claim
            };
            claims.extend(combined(method::baselines().into_iter().map(claim).collect()));
        }
    }
    claims
}

impl Study for Fig1 {
    fn report(&self, context: &Context, _: &Results<'_>) -> Section {
        let (weights, bias) = draw(PICTURED, SMALL);
        let all: Vec<Vec<Change>> =
            (0..DRAWS).map(|k| draw(PICTURED + k, SMALL)).map(|(w, b)| changes(w, b)).collect();
        let header = ["ε", "method", "median turn", "largest turn", "median |Δφ|", "largest |Δφ|"];
        let caption = format!(
            "Turn of the direction (radians) and movement of φ over {DRAWS} draws of w, b ~ 10^{{−3}}·N(0, 1), ε added to every parameter."
        );
        let mut table = Table { caption, header: header.map(str::to_owned).to_vec(), ..Table::default() };
        for k in 0..all[0].len() {
            let Change { epsilon, method, .. } = all[0][k];
            let column = |of: fn(&Change) -> f64| {
                let mut values: Vec<f64> = all.iter().map(|changes| of(&changes[k])).collect();
                values.sort_by(f64::total_cmp);
                [values[values.len() / 2], values[values.len() - 1]].map(|v| format!("{v:.3e}"))
            };
            let mut row = vec![format!("{epsilon}"), method.to_string()];
            row.extend(column(|change| change.angle));
            row.extend(column(|change| change.distance));
            table.rows.push(row);
        }
        Section {
            id: Fig1.id().to_owned(),
            title: Fig1.title().to_owned(),
            caption: format!(
                "Figure 1: (a) Characteristic activation boundary (CAB) B (brown solid line) and spatial location φ = −λu(θ) of a ReLU unit \
                 z = ReLU(u(θ)x+λ) = ReLU(cos(θ)x₁ + sin(θ)x₂ + λ) for inputs x ∈ R². The CAB forms a line in R², which acts as a boundary \
                 separating inputs into two regions. Green arrows denote the active region, and red arrows denote the inactive region. \
                 (b)-(e) Stability of the CAB of a ReLU unit in R² under small perturbations ε = δι to the parameters. Solid lines denote \
                 characteristic activation boundaries B, and colored dotted lines connect the origin and spatial locations φ of B. {CAPTION}"
            ),
            differs: DIFFERS.map(str::to_owned).to_vec(),
            claims: claims(context, None),
            blocks: vec![
                Block::Paragraph(
                    "What the figure shows is a property of small weights: under SP, WN and BN a step ε turns the direction by about ε/‖w‖, under \
                     GmP by ε. Where ‖w‖ is not small, as at the start of training, GmP turns only a little less or not less at all: panels (g) and \
                     (h)."
                        .to_owned(),
                ),
                Block::Figure(figure(weights, bias)),
                Block::Live { title: "An interactive unit".to_owned(), data: boundary::live() },
                Block::Table(table),
            ],
            made: Some(Box::new(Provenance {
                sample: format!("{DRAWS} draws of a unit in the tables and claims; 400 for each size in panels (g) and (h)"),
                seeds: format!("{PICTURED} in the figure; {PICTURED} to {} in the tables and claims", PICTURED + DRAWS - 1),
                ..Provenance::default()
            })),
            ..Section::default()
        }
    }
}
