//! The report page: nothing becomes markup, every link leads somewhere, nothing is asked of the network.

use xtask::claim::{Claim, Origin};
use xtask::report::color::Color;
use xtask::report::figure::{Axis, Figure, Layer, Panel};
use xtask::report::html::{Block, Report, Section, Table};
use xtask::report::provenance::Provenance;
use xtask::statistics::Outcome;

const HOSTILE: &str = "<script>alert('x')</script> & \"quoted\"";

fn hostile() -> Report {
    let text = || HOSTILE.to_owned();
    let statement = |origin, outcome| Claim {
        outcome,
        n: 1,
        ..Claim::untested(HOSTILE, origin, HOSTILE, HOSTILE, HOSTILE)
    };
    let compared = |baseline: &str, outcome, n| Claim {
        tested: text(),
        quantity: text(),
        dataset: text(),
        subject: text(),
        baseline: baseline.to_owned(),
        rates: text(),
        protocol: text(),
        n,
        estimate: Some(0.1),
        low: Some(-0.1),
        high: None,
        smallest: Some(0.05),
        generated: true,
        stands: Some(false),
        ..statement(Origin::Paper, outcome)
    };
    let claims = vec![
        compared(HOSTILE, Outcome::Supported, 9),
        Claim { each: true, ..compared("each of", Outcome::Contradicted, 9) },
        Claim { question: "other".into(), ..compared(HOSTILE, Outcome::NotTested, 0) },
        statement(Origin::Mathematics, Outcome::Equivalent),
        statement(Origin::Ours, Outcome::Inconclusive),
    ];
    let panel = Panel::new(HOSTILE, Axis::linear(HOSTILE), Axis::linear(HOSTILE))
        .with(Layer::line([(0.0, 1.0), (1.0, 2.0)], Color::BLUE).labelled(HOSTILE));
    let table = Table {
        caption: HOSTILE.into(),
        header: vec![HOSTILE.into(), "a".into()],
        rows: vec![vec![HOSTILE.into(), "1.0 ± 0.1".into()], vec![]],
        highlight: vec![(0, 1), (7, 7)],
    };
    let figure = Figure::new("f", HOSTILE).caption(HOSTILE).row(100.0, vec![panel]);
    Report {
        title: HOSTILE.into(),
        summary: vec![HOSTILE.into(); 2],
        claims: claims.clone(),
        picture: Some(figure.clone()),
        folder: Some(HOSTILE.into()),
        methods: vec![(HOSTILE.into(), Color::BLUE)],
        sections: vec![Section {
            id: HOSTILE.into(),
            title: HOSTILE.into(),
            caption: HOSTILE.into(),
            differs: vec![HOSTILE.into()],
            claims,
            shows_claims: true,
            blocks: vec![
                Block::Paragraph(HOSTILE.into()),
                Block::Note(HOSTILE.into()),
                Block::Figure(figure.clone()),
                Block::Moving(figure.clone(), serde_json::json!({ "kind": HOSTILE })),
                Block::Figure(figure),
                Block::Table(table),
                Block::Live { title: HOSTILE.into(), data: serde_json::json!({ "kind": HOSTILE }) },
            ],
            made: Some(Box::new(Provenance {
                command: HOSTILE.into(),
                sample: HOSTILE.into(),
                seeds: HOSTILE.into(),
                time: HOSTILE.into(),
                files: vec![HOSTILE.into()],
            })),
            folder: Some(HOSTILE.into()),
        }],
        discussion: Some(Section {
            id: "discussion".into(),
            title: HOSTILE.into(),
            blocks: vec![Block::Heading(HOSTILE.into()), Block::List(vec![HOSTILE.into()])],
            ..Section::default()
        }),
        manifest: vec![(HOSTILE.into(), HOSTILE.into())],
        files: vec![HOSTILE.into()],
    }
}

#[test]
fn no_text_becomes_markup() {
    let html = hostile().html();
    // The page's own script is the last thing in it.
    let (html, script) = html.split_once("<script>\n").unwrap();
    assert_eq!(script.matches("</script>").count(), 1);
    assert!(!html.contains("<script") && !html.contains("\"quoted\""));
    assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;quoted&quot;"));
}

#[test]
fn the_page_is_well_formed_but_for_what_html_leaves_open() {
    // As XML, once the elements that HTML leaves open are closed: every other tag must match, every id be unique.
    let html = hostile().html().replace("<!doctype html>", "");
    let (before, script) = html.split_once("<script>\n").unwrap();
    let html = before.to_owned() + script.split_once("</script>").unwrap().1;
    let html: String = html
        .lines()
        .map(|l| if l.starts_with("<meta ") { l.replace('>', "/>") } else { l.to_owned() } + "\n")
        .collect();
    let document = resvg::usvg::roxmltree::Document::parse(&html).unwrap();
    let ids: Vec<_> = document.descendants().filter_map(|n| n.attribute("id")).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(ids.len(), unique.len());
    for link in document.descendants().filter_map(|n| n.attribute("href")) {
        match link.strip_prefix('#') {
            Some(target) => assert!(ids.contains(&target), "{link} leads nowhere"),
            // A file beside the page, whatever it is called: no scheme, no other place.
            None => assert!(
                link.starts_with("%3Cscript%3E")
                    && link.chars().all(|c| c.is_ascii_alphanumeric() || "%-_./".contains(c)),
                "{link}"
            ),
        }
    }
    let pictures = document.descendants().filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "svg")));
    assert!(pictures.clone().count() == 4 && pictures.clone().all(|p| p.attribute("aria-label").is_some()));
}

#[test]
fn the_page_asks_nothing_of_the_network() {
    let html = hostile().html().replace("http://www.w3.org/2000/svg", "");
    for forbidden in ["http:", "https:", "url(", "@import", "import(", "fetch(", "src=", "<link", "XMLHttp"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    // The document and the script are one file, and there is one script.
    assert_eq!(html.matches("<script").count(), 1);
}

#[test]
fn numbers_are_set_to_the_right_and_the_best_in_bold() {
    let html = hostile().html();
    assert!(html.contains("<td class=\"number\"><strong>1.0 ± 0.1</strong></td>"));
    for (cell, numeric) in
        [("−0.5", true), ("&lt; 0.001", true), ("–", true), ("SP", false), ("", false), ("±3", true)]
    {
        let text = cell.replace("&lt;", "<");
        let table = Table { rows: vec![vec!["row".into(), text]], ..Table::default() };
        let section = Section {
            id: "t".into(),
            title: "t".into(),
            blocks: vec![Block::Table(table)],
            ..Section::default()
        };
        let report = Report { title: "t".into(), sections: vec![section], ..Report::default() };
        let class = if numeric { " class=\"number\"" } else { "" };
        assert!(report.html().contains(&format!("<td{class}>{cell}</td>")), "{cell}");
    }
}

#[test]
fn an_empty_report_is_a_page() {
    assert!(Report::default().html().ends_with("</html>\n"));
}
