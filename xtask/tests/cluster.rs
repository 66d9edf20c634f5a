//! The tables and the figure in `docs/CLUSTER.md` are what the model of `xtask::scaling` says.
//!
//! `CLUSTER_UPDATE=1 cargo test -p xtask --test cluster` writes them anew.

#[path = "common/page.rs"]
mod page;

use gmp_nn::zoo::{resnet18, vgg6};
use page::with_table;
use std::fs;
use std::path::{Path, PathBuf};
use xtask::experiment::images::resnet::RecipeName;
use xtask::experiment::images::vgg;
use xtask::experiment::{Context, Profile, table3};
use xtask::method::{self, Architecture};
use xtask::report::color::Color;
use xtask::report::figure::{Axis, Figure, Layer, Legend, Panel, Scale, Stroke};
use xtask::scaling::{CONNECTIONS, Connection, Step};

/// A network of the paper at one batch size.
struct Case {
    name: &'static str,
    batch: usize,
    part: usize,
    parameters: usize,
    /// Seconds for an image on two cores, forward and backward: `xtask bench` and the durations that `repro --list` tells.
    image: f64,
}

const RANKS: [usize; 6] = [1, 2, 4, 8, 16, 32];
/// Cores of a rank: those of the machine that the seconds are of, and sixteen times as many, on which a step is assumed to
/// take a sixteenth of the time.
const CORES: [usize; 2] = [2, 32];

fn cases() -> [Case; 2] {
    let variant = |architecture| method::in_paper(architecture)[0].variant();
    let parameters =
        |network: gmp_nn::NetworkSpec| network.build::<f32>(0).unwrap().parameters.values().len();
    [
        Case {
            name: "VGG-6",
            batch: 1024,
            part: 32,
            parameters: parameters(vgg6(&variant(Architecture::Vgg), 128, 1000)),
            image: 8.4e-3,
        },
        Case {
            name: "ResNet-18",
            batch: 256,
            part: 8,
            parameters: parameters(resnet18(&variant(Architecture::ResNet), 1000)),
            image: 39e-3,
        },
    ]
}

impl Case {
    fn step(&self, cores: usize) -> Step {
        let seconds = self.batch as f64 * self.image * CORES[0] as f64 / cores as f64;
        Step { seconds, parts: self.batch / self.part, parameters: self.parameters }
    }

    fn title(&self) -> String {
        format!("{}, batch {} by {}", self.name, self.batch, self.part)
    }
}

/// Cases, cores and connections, in the order of the tables' rows.
fn rows(cases: &[Case; 2]) -> Vec<(&Case, usize, Connection)> {
    let of_case = |case| CORES.iter().flat_map(move |&cores| CONNECTIONS.map(|link| (case, cores, link)));
    cases.iter().flat_map(of_case).collect()
}

fn seconds_per_step(cases: &[Case; 2]) -> String {
    let mut text = "| network, batch by part | cores of a rank | connection |".to_owned();
    RANKS.iter().for_each(|ranks| text += &format!(" {ranks} |"));
    text += &format!("\n|{}\n", "---|".repeat(3 + RANKS.len()));
    for (case, cores, link) in rows(cases) {
        let step = case.step(cores);
        let latency = 1e6 * link.latency;
        text += &format!("| {} | {cores} | {}, {latency:.0} µs |", case.title(), link.name);
        for ranks in RANKS {
            let seconds = step.seconds_on(ranks, &link);
            text += &match (seconds, ranks) {
                (9.95.., 1) => format!(" {seconds:.1} |"),
                (_, 1) => format!(" {seconds:.2} |"),
                _ => format!(" {seconds:.2} ({:.1}) |", step.speedup(ranks, &link)),
            };
        }
        text += "\n";
    }
    text
}

fn where_it_stops(cases: &[Case; 2]) -> String {
    let mut text = "| network, batch by part | cores of a rank | connection | ranks that each do at least half of what one does \
                    alone, at most | how much faster they are | the fastest of 1 to 32 ranks |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for (case, cores, link) in rows(cases) {
        let step = case.step(cores);
        let most = step.ranks_at_half(&link);
        let fastest = (1..=32)
            .min_by(|a, b| step.seconds_on(*a, &link).total_cmp(&step.seconds_on(*b, &link)))
            .unwrap();
        text += &format!(
            "| {} | {cores} | {} | {most} | {:.1} | {fastest} ({:.1}) |\n",
            case.title(),
            link.name,
            step.speedup(most, &link),
            step.speedup(fastest, &link)
        );
    }
    text
}

fn overlap(cases: &[Case; 2]) -> String {
    let mut text = "| network, batch by part | cores of a rank | connection |".to_owned();
    RANKS[1..].iter().for_each(|ranks| text += &format!(" {ranks} |"));
    text += &format!("\n|{}\n", "---|".repeat(2 + RANKS.len()));
    for (case, cores, link) in rows(cases) {
        let step = case.step(cores);
        text += &format!("| {} | {cores} | {} |", case.title(), link.name);
        for &ranks in &RANKS[1..] {
            let saved = step.overlap(ranks, &link);
            let share = 100.0 * saved / step.seconds_on(ranks, &link);
            text += &format!(" {:.0} ms ({share:.0}%) |", 1e3 * saved);
        }
        text += "\n";
    }
    text
}

/// Pictures of ImageNet32 and of ILSVRC 2012 to train on.
const IMAGES: f64 = 1_281_167.0;
/// Cores of a node.
const NODE: usize = CORES[1];
/// Nodes that share out a run.
const NODES: usize = 8;

fn node_hours(cases: &[Case; 2]) -> String {
    let full = Context { profile: Profile::Full, ..Context::default() };
    let seeds = |[quick, full_profile]: [u64; 2]| full.seeds(quick, full_profile).count();
    let studies = [
        (
            "Table 2",
            &cases[0],
            method::in_paper(Architecture::Vgg).len() * vgg::BATCHES.len() * seeds(vgg::SEEDS),
            vgg::EPOCHS,
        ),
        (
            "Table 3",
            &cases[1],
            method::in_paper(Architecture::ResNet).len() * seeds(table3::SEEDS),
            RecipeName::Field.epochs(),
        ),
    ];
    let thousands = |hours: f64| match hours {
        1000.0.. => format!("{},{:03}", (hours / 1000.0) as u64, (hours % 1000.0) as u64),
        _ => format!("{hours:.0}"),
    };
    let mut text = format!(
        "| | runs | epochs of a run, at most | node-hours, whole runs | days on {NODES} nodes, whole runs | node-hours, {NODES} nodes \
         share out every run over {} | over {} |\n|---|---|---|---|---|---|---|\n",
        CONNECTIONS[0].name, CONNECTIONS[1].name
    );
    for (name, case, runs, epochs) in studies {
        let step = case.step(NODE);
        let hours = (runs * epochs) as f64 * (IMAGES / case.batch as f64).ceil() * step.seconds / 3600.0;
        // Runs are not shared out: the last ones leave nodes idle.
        let days = hours / runs as f64 * runs.div_ceil(NODES) as f64 / 24.0;
        let shared = CONNECTIONS.map(|link| thousands(hours * NODES as f64 / step.speedup(NODES, &link)));
        text += &format!(
            "| {name} | {runs} | {epochs} | {} | {days:.0} | {} | {} |\n",
            thousands(hours),
            shared[0],
            shared[1]
        );
    }
    text
}

fn figure(cases: &[Case; 2]) -> Figure {
    let ticks = |values: &[usize]| Some(values.iter().map(|&x| (x as f64, x.to_string())).collect());
    let axis = |label: &str| Axis {
        label: label.to_owned(),
        scale: Scale::Log2,
        range: Some((0.9, 36.0)),
        ticks: ticks(&RANKS),
    };
    let panel = |case: &Case| {
        let ideal = Layer::Line {
            points: RANKS.map(|ranks| (ranks as f64, ranks as f64)).to_vec(),
            color: Color::GREY,
            width: 1.0,
            stroke: Stroke::Dotted,
            opacity: 1.0,
            label: "without any exchange".to_owned(),
        };
        let mut panel = Panel::new(case.title(), axis("ranks"), axis("times as fast as one rank"))
            .with(ideal)
            .legend(Legend::TopLeft);
        for (cores, stroke) in CORES.into_iter().zip([Stroke::Solid, Stroke::Dashed]) {
            for (link, color) in CONNECTIONS.iter().zip([Color::VERMILION, Color::BLUE]) {
                let step = case.step(cores);
                let at = |ranks: usize| (ranks as f64, step.speedup(ranks, link));
                panel = panel.with(Layer::Line {
                    points: RANKS.map(at).to_vec(),
                    color,
                    width: 1.8,
                    stroke,
                    opacity: 1.0,
                    label: format!("{}, {cores} cores", link.name),
                });
            }
        }
        panel
    };
    Figure::new("scaling", "Ranks that share out every batch (a model)")
        .caption(
            "How much faster a training step is on several ranks, by the model of step time in CLUSTER.md.",
        )
        .row(300.0, cases.iter().map(panel).collect())
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

#[test]
fn the_page_and_its_figure_are_what_the_model_says() {
    let cases = cases();
    let [page, picture] = ["CLUSTER.md", "scaling.svg"].map(|name| docs().join(name));
    let text = fs::read_to_string(&page).unwrap();
    let mut wanted = with_table(&text, "seconds per step", &seconds_per_step(&cases));
    wanted = with_table(&wanted, "where scaling stops", &where_it_stops(&cases));
    wanted = with_table(&wanted, "node-hours", &node_hours(&cases));
    wanted = with_table(&wanted, "what overlapping would save", &overlap(&cases));
    let svg = figure(&cases).svg();
    if std::env::var_os("CLUSTER_UPDATE").is_some() {
        fs::write(&page, &wanted).unwrap();
        fs::write(&picture, &svg).unwrap();
    } else {
        let is_drawn = fs::read_to_string(&picture).is_ok_and(|there| there == svg);
        assert!(
            text == wanted && is_drawn,
            "CLUSTER_UPDATE=1 cargo test -p xtask --test cluster writes these tables and the figure:\n{wanted}"
        );
    }
}
