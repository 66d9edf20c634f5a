//! Figure 5: a ReLU unit with one input.

use anyhow::Result;

use super::one_input::unit_panel;
use super::{Context, Experiment, Prepared, Study};
use crate::claim::Claim;
use crate::report::figure::Figure;
use crate::report::html::{Block, Section};
use crate::run::results::Results;

/// Figure 5.
pub struct Fig5;

impl Experiment for Fig5 {
    fn id(&self) -> &'static str {
        "fig5"
    }
    fn title(&self) -> &'static str {
        "Figure 5: a ReLU unit with one input"
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
    fn untested(&self, _: &Context, _: &str) -> Vec<Claim> {
        Vec::new()
    }
}

impl Study for Fig5 {
    fn report(&self, _: &Context, _: &Results<'_>) -> Section {
        Section {
            id: Fig5.id().to_owned(),
            title: Fig5.title().to_owned(),
            caption: "Figure 5: Visualization of characteristic activation boundaries (brown solid lines) and spatial locations \
                      φ = −λα(θ) of a ReLU unit z = ReLU(u(θ)x + λ) (blue solid lines) for inputs x ∈ R. Green arrows denote active \
                      regions and red arrows denote inactive regions."
                .to_owned(),
            differs: vec![
                "An illustration of the definition: nothing is measured. It shows both directions u with both signs of λ.".to_owned(),
            ],
            // A definition makes no claim.
            claims: Vec::new(),
            blocks: vec![Block::Figure(figure())],
            ..Section::default()
        }
    }
}

/// Figure 5: both signs of u with both signs of λ.
#[must_use]
pub fn figure() -> Figure {
    let caption = "Characteristic activation boundary (brown) and spatial location φ = −λu(θ) of a ReLU unit \
        z = ReLU(u(θ)x + λ) (blue) with one input x, for both directions u = ±1 and both signs of λ. Green arrows point \
        into the active region, red arrows into the inactive one.";
    let panel = |letter: &str, direction, lambda: f64| unit_panel(letter, direction, lambda);
    Figure::new("fig5", "Figure 5: a ReLU unit with one input")
        .caption(caption)
        .row(190.0, vec![panel("(a)", 1.0, 0.8), panel("(b)", -1.0, 0.8)])
        .row(190.0, vec![panel("(c)", 1.0, -0.8), panel("(d)", -1.0, -0.8)])
}
