//! The main claims of the page in one figure: one panel per question, one row for each data set, protocol and choice of
//! learning rates, a mark for each baseline.

use super::Claim;
use crate::method::MethodId;
use crate::report::color::Color;
use crate::report::figure::{Axis, Figure, Layer, Legend, Marker, Panel};

/// Pixels between two marks of a row, and between two rows.
const MARK: f64 = 7.0;
const ROW: f64 = 8.0;
/// The frame is this many smallest effects to each side, or less where the effects are smaller.
const REACH: f64 = 24.0;

/// The picture; none where no such claim was tested.
#[must_use]
pub fn figure(claims: &[Claim]) -> Option<Figure> {
    let shown: Vec<&Claim> =
        claims.iter().filter(|claim| claim.headline && !claim.each && claim.estimate.is_some()).collect();
    let mut questions: Vec<&str> = shown.iter().map(|claim| &claim.question[..]).collect();
    questions.dedup();
    let caption = "Each mark is the mean effect of GmP against one baseline over seeds with its 95% interval; to the right of the middle GmP is \
        better. The grey band holds the effects that are too small to matter. Intervals that exceed the frame are cut off. A claim is supported \
        where its whole interval is to the right of the band, contradicted where it is to the left, equivalent where it is within.";
    let mut figure = Figure::new("claims", "The paper's claims, measured").caption(caption);
    for question in questions {
        let of: Vec<&Claim> = shown.iter().copied().filter(|claim| claim.question == question).collect();
        let (panel, height) = panel(&of);
        figure = figure.row(height, vec![panel]);
    }
    (!figure.rows.is_empty()).then_some(figure)
}

fn label(claim: &Claim) -> String {
    let protocol = if claim.protocol == "paper" { String::new() } else { format!(", {}", claim.protocol) };
    let generated = if claim.generated { ", GENERATED" } else { "" };
    format!("{}{protocol}{generated} · {}", claim.dataset, claim.rates)
}

fn panel(claims: &[&Claim]) -> (Panel, f64) {
    let first = claims[0];
    let mut rows: Vec<(String, Vec<&Claim>)> = Vec::new();
    let mut baselines: Vec<&str> = Vec::new();
    for &claim in claims {
        let label = label(claim);
        match rows.iter_mut().find(|(known, _)| *known == label) {
            Some((_, row)) => row.push(claim),
            None => rows.push((label, vec![claim])),
        }
        if !baselines.contains(&&claim.baseline[..]) {
            baselines.push(&claim.baseline);
        }
    }
    let smallest = first.smallest.unwrap_or(0.0);
    let ends = claims.iter().flat_map(|c| [c.estimate, c.low, c.high]).flatten();
    let most = ends.map(f64::abs).fold(2.0 * smallest, f64::max);
    let reach = (1.05 * most).min(REACH * smallest.max(f64::MIN_POSITIVE));
    let scale = match first.unit {
        super::Unit::LogRatio | super::Unit::Share => 100.0,
        super::Unit::Bits | super::Unit::Number => 1.0,
    };
    let lanes = baselines.len() as f64;
    let row_height = lanes * MARK + ROW;
    let height = rows.len() as f64 * row_height;
    let ticks = rows
        .iter()
        .enumerate()
        .map(|(k, (label, _))| (height - (k as f64 + 0.5) * row_height, label.clone()))
        .collect();
    let y_axis = Axis { ticks: Some(ticks), ..Axis::linear("").between(0.0, height) };
    let x_label = format!("{}: advantage of {}, {}", first.quantity, first.subject, first.unit.name());
    let x_axis = Axis::linear(x_label).between(-scale * reach, scale * reach);
    let title = format!("{}: {}", first.figure, first.tested);
    let band = scale * smallest;
    let mut panel = Panel::new(title, x_axis, y_axis).legend(Legend::Above).with(Layer::Band {
        x: vec![-band, band],
        low: vec![0.0; 2],
        high: vec![height; 2],
        color: Color::GREY,
    });
    panel = panel.with(Layer::line([(0.0, 0.0), (0.0, height)], Color::GREY).sized(1.0));
    for (lane, baseline) in baselines.iter().enumerate() {
        let color = baseline.parse::<MethodId>().map_or(Color::INK, |method| method.color);
        let marker = [Marker::Dot, Marker::Diamond, Marker::Cross, Marker::Star][lane % 4];
        let cut = |effect: f64| scale * effect.clamp(-reach, reach);
        let mut points = Vec::new();
        for (k, (_, row)) in rows.iter().enumerate() {
            let Some(claim) = row.iter().find(|claim| claim.baseline == *baseline) else { continue };
            let y = height - k as f64 * row_height - 0.5 * ROW - (lane as f64 + 0.5) * MARK;
            let ends = [claim.low.unwrap_or(-reach), claim.high.unwrap_or(reach)].map(|end| (cut(end), y));
            panel = panel.with(Layer::line(ends, color).sized(1.8));
            points.extend(claim.estimate.map(|estimate| (cut(estimate), y)));
        }
        let size = if marker == Marker::Star { 9.0 } else { 6.5 };
        let label = format!("against {baseline}");
        panel = panel.with(Layer::points(points, color, marker).sized(size).labelled(label));
    }
    (panel, height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::{Origin, Unit};

    #[test]
    fn a_row_a_choice_of_rates_and_a_mark_a_baseline() {
        let claim = |rates: &str, baseline: &str, estimate: f64| Claim {
            rates: rates.to_owned(),
            baseline: baseline.to_owned(),
            dataset: "levy".to_owned(),
            protocol: "paper".to_owned(),
            headline: true,
            unit: Unit::LogRatio,
            estimate: Some(estimate),
            low: Some(estimate - 0.1),
            high: Some(estimate + 0.1),
            smallest: Some(0.05),
            ..Claim::untested("fig2.rmse", Origin::Paper, "Figure 2", "", "")
        };
        let claims = [
            claim("authors", "SP", 0.3),
            claim("authors", "BN", 9.0),
            claim("equal 0.1", "SP", -0.2),
            claim("equal 0.1", "BN", 0.0),
        ];
        let figure = figure(&claims).unwrap();
        let panel = &figure.rows[0].panels[0];
        assert_eq!(panel.y_axis.ticks.as_ref().unwrap().len(), 2);
        let marks: usize = panel
            .layers
            .iter()
            .map(|layer| if let Layer::Points { points, .. } = layer { points.len() } else { 0 })
            .sum();
        assert_eq!(marks, 4);
        assert!(figure.svg().contains("levy · equal 0.1"));
        assert!(super::figure(&[]).is_none());
    }
}
