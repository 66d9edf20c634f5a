//! Figures from data that no one would wish for, and the pixels that come out.

use std::f64::consts::PI;

use resvg::tiny_skia::Pixmap;
use xtask::experiment::{fig1, fig5};
use xtask::report::Error;
use xtask::report::color::{Color, ColorMap};
use xtask::report::figure::{
    Anchor, Axis, BarSeries, Figure, Grid, Layer, Legend, Marker, Panel, Scale, Stroke,
};

const NAN: f64 = f64::NAN;
const INF: f64 = f64::INFINITY;

/// Every kind of layer, made from the same values.
fn layers(values: &[f64]) -> Vec<Layer> {
    let points = || values.iter().zip(values.iter().rev()).map(|(x, y)| (*x, *y));
    let first = values.first().copied().unwrap_or(NAN);
    let last = values.last().copied().unwrap_or(NAN);
    let square = values.iter().flat_map(|_| values).copied().collect();
    let grid = || Grid { x: values.to_vec(), y: values.to_vec(), values: square };
    let heat = grid();
    let contour = Grid { values: heat.values.clone(), x: values.to_vec(), y: values.to_vec() };
    let mut layers = vec![
        Layer::line(points(), Color::BLUE).labelled("line"),
        Layer::line(points(), Color::BLUE).stroked(Stroke::Dashed),
        Layer::line(points(), Color::BLUE).stroked(Stroke::Dotted).faded(NAN).sized(1.0),
        Layer::Band { x: values.to_vec(), low: values.to_vec(), high: values.to_vec(), color: Color::ORANGE },
        Layer::Arrow { from: (first, first), to: (last, last), color: Color::PURPLE },
        Layer::Bars {
            categories: values.iter().map(|v| format!("category {v}")).collect(),
            series: vec![BarSeries { label: "bars".into(), color: Color::GREEN, values: points().collect() }],
        },
        Layer::Heat { grid: heat, range: (first, last), map: ColorMap::Diverging },
        Layer::Contour { grid: contour, level: 0.5, color: Color::INK, width: 2.0 },
        Layer::Strips {
            strips: vec![("0".into(), values.to_vec()), ("1".into(), vec![])],
            color: Color::BLUE,
        },
        Layer::Text { at: (first, last), string: "text".into(), anchor: Anchor::Middle, color: Color::INK },
    ];
    for marker in [Marker::Dot, Marker::Star, Marker::Cross, Marker::Diamond] {
        layers.push(Layer::points(points(), Color::ORANGE, marker).labelled("points"));
    }
    layers
}

#[test]
fn hostile_values_draw_finite_coordinates_on_every_scale() {
    let cases: [&[f64]; 9] = [
        &[],
        &[NAN, INF, -INF],
        &[3.0],
        &[2.0, 2.0, 2.0],
        &[-1.0, 0.0, 1.0, NAN, 2.0],
        &[f64::MIN, 0.0, f64::MAX],
        &[f64::MIN_POSITIVE, 5e-324, 1e308],
        &[1e16, 1e16 + 2.0],
        &[0.0, -0.0],
    ];
    let mut drawn = 0;
    for values in cases {
        for scale in [Scale::Linear, Scale::Log10, Scale::Log2] {
            for aspect_equal in [false, true] {
                let axis = || Axis { scale, ..Axis::linear("x") };
                let panels = layers(values).into_iter().map(|layer| {
                    let panel = Panel::new("p", axis(), axis()).legend(Legend::Above).with(layer);
                    if aspect_equal { panel.aspect_equal() } else { panel }
                });
                let mut figure = Figure::new("hostile", "");
                figure.width = 1500.0;
                figure = figure.row(60.0, panels.collect());
                let svg = figure.svg();
                let document = resvg::usvg::roxmltree::Document::parse(&svg).unwrap();
                for attribute in document.descendants().flat_map(|n| n.attributes()) {
                    let value = attribute.value();
                    let bad =
                        attribute.name() != "aria-label" && (value.contains("NaN") || value.contains("inf"));
                    assert!(!bad, "{}={value} for {values:?} on {scale:?}", attribute.name());
                }
                drawn += document.descendants().filter(|n| n.has_tag_name("path")).count();
            }
        }
    }
    assert!(drawn > 500, "{drawn}");
}

#[test]
fn unreasonable_sizes_are_brought_to_reason() {
    for size in [NAN, INF, -5.0, 0.0, 1e9] {
        let mut panel = Panel::new("p", Axis::linear("x"), Axis::linear("y"));
        panel.weight = size;
        let mut figure = Figure::new("sizes", "t").row(size, vec![panel.clone(), panel]).row(20.0, vec![]);
        figure.width = size;
        assert!(resvg::usvg::roxmltree::Document::parse(&figure.svg()).is_ok());
        assert!(!figure.svg().contains("NaN"));
    }
}

fn pixels(figure: &Figure) -> Pixmap {
    Pixmap::decode_png(&figure.png().unwrap()).unwrap()
}

/// The share of pixels that are near `color`.
fn share(pixels: &Pixmap, color: Color) -> f64 {
    let near = |a: u8, b: u8| a.abs_diff(b) < 24;
    let same = |p: &&resvg::tiny_skia::PremultipliedColorU8| {
        near(p.red(), color.0) && near(p.green(), color.1) && near(p.blue(), color.2)
    };
    pixels.pixels().iter().filter(same).count() as f64 / pixels.pixels().len() as f64
}

#[test]
fn a_line_leaves_its_colour_where_it_runs() {
    let panel = || Panel::new("", Axis::linear(""), Axis::linear("").between(0.0, 1.0));
    let figure = |panel| Figure::new("line", "").row(100.0, vec![panel]);
    let line = Layer::line((0..5000).map(|k| (k as f64, 0.5 + 0.4 * (k as f64 / 300.0).sin())), Color::GREEN)
        .sized(3.0);
    let (empty, full) = (pixels(&figure(panel())), pixels(&figure(panel().with(line))));
    assert_eq!(share(&empty, Color::GREEN), 0.0);
    assert!(share(&full, Color::GREEN) > 0.01, "{}", share(&full, Color::GREEN));
    assert_eq!((full.width(), f64::from(full.height()).round()), (1920, f64::from(empty.height())));
}

#[test]
fn dots_of_no_length_and_heat_are_rasterised() {
    let side: Vec<f64> = (0..20).map(f64::from).collect();
    let values = side.iter().flat_map(|y| side.iter().map(move |x| (x + y) / 38.0)).collect();
    let grid = Grid { x: side.clone(), y: side, values };
    let panel = Panel::new("", Axis::linear("x"), Axis::linear("y"))
        .with(Layer::Heat { grid, range: (0.0, 1.0), map: ColorMap::Sequential })
        .with(Layer::points([(9.5, 9.5)], Color::INACTIVE, Marker::Dot).sized(60.0));
    let image = pixels(&Figure::new("dots", "").row(200.0, vec![panel]));
    assert!(share(&image, Color::INACTIVE) > 0.01);
    assert!(share(&image, ColorMap::Sequential.at(1.0)) > 0.003);
}

/// Renders one character as the title of an otherwise empty figure.
fn glyph(c: char) -> Vec<u8> {
    let mut figure = Figure::new("glyph", c.to_string());
    figure.width = 160.0;
    pixels(&figure).data().to_vec()
}

#[test]
fn every_symbol_of_the_paper_has_a_glyph() {
    let (blank, missing) = (glyph(' '), glyph('\u{e123}'));
    for c in "Aaφθλδιεμσπγβℓ∆Δ₁₂∞∠‖≤≥×±−·√→⁻⁰¹²³…–—“”".chars()
    {
        let drawn = glyph(c);
        assert!(drawn != blank && drawn != missing, "{c} is missing");
    }
}

#[test]
fn the_same_figure_is_the_same_bytes() {
    for figure in [|| fig1::figure([1.1e-3, -0.7e-3], 0.9e-3), fig5::figure] {
        assert_eq!(figure().svg(), figure().svg());
        assert_eq!(figure().png().unwrap(), figure().png().unwrap());
    }
}

#[test]
fn values_without_a_place_are_counted() {
    let line = Layer::line([(1.0, 0.0), (2.0, 1.0), (3.0, -1.0), (4.0, NAN), (5.0, 2.0)], Color::BLUE);
    let panel = Panel::new("", Axis::linear("x"), Axis::log2("y")).with(line);
    let svg = Figure::new("n", "").row(100.0, vec![panel]).svg();
    assert!(svg.contains("2 values at or below 0 not shown"), "{svg}");
    let strips = Layer::Strips { strips: vec![("0".into(), vec![-20.0, 0.0, NAN])], color: Color::BLUE };
    let panel = Panel::new("", Axis::linear("φ").between(-10.0, 10.0), Axis::linear("")).with(strips);
    let svg = Figure::new("n", "").row(100.0, vec![panel]).svg();
    assert!(svg.contains("2 values outside not shown"), "{svg}");
}

#[test]
fn thousands_of_points_stay_small() {
    let noisy = (0..100_000).map(|k| (f64::from(k), (f64::from(k) * 12.9898).sin() * 2.0 * PI));
    let panel = Panel::new("", Axis::linear("x"), Axis::linear("y")).with(Layer::line(noisy, Color::BLUE));
    let svg = Figure::new("many", "").row(200.0, vec![panel]).svg();
    assert!(svg.len() < 60_000, "{} bytes", svg.len());
}

/// Every number that is drawn stands in the table of the figure, to the last bit, and every row has as many fields.
#[test]
fn the_table_of_a_figure_holds_the_numbers_that_it_draws() {
    let figure = |values: &[f64]| {
        let mut panel = Panel::new("a \"b\", 10^{−3}", Axis::linear("x"), Axis::linear("y"));
        panel.layers = layers(values);
        Figure::new("n", "").row(100.0, vec![panel])
    };
    let values = [0.1, -1.5e-300, 1.0 / 3.0, f64::from(0.3f32), 4e17];
    let text = figure(&values).csv();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert!(rows.iter().all(|row| row.len() == 10 && &row[0] == "a \"b\", 10^−3"));
    let line: Vec<[f64; 2]> = rows
        .iter()
        .filter(|row| &row[1] == "1" && &row[2] == "line" && &row[3] == "line")
        .map(|row| [&row[5], &row[6]].map(|field| field.parse().unwrap()))
        .collect();
    let drawn: Vec<[f64; 2]> = values.iter().zip(values.iter().rev()).map(|(x, y)| [*x, *y]).collect();
    // What is in single precision is written in its digits.
    let written = |x: f64| if f64::from(x as f32) == x { (x as f32).to_string().parse().unwrap() } else { x };
    assert_eq!(line, drawn.iter().map(|point| point.map(written)).collect::<Vec<[f64; 2]>>());
    // The grid once for the heat map and not again for the contour of the same values.
    assert_eq!(rows.iter().filter(|row| &row[2] == "grid").count(), values.len() * values.len());
    let hostile = figure(&[NAN, INF, -INF]).csv();
    for row in csv::Reader::from_reader(hostile.as_bytes()).records().map(Result::unwrap) {
        let is_number = |field: &str| field.is_empty() || field.parse::<f64>().is_ok_and(f64::is_finite);
        assert!(row.iter().skip(5).all(is_number), "{row:?}");
    }
}

#[test]
fn files_are_written_whole_and_bad_names_refused() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new/deep");
    let [svg, png, csv] = fig5::figure().write(&target).unwrap();
    assert!(std::fs::read_to_string(svg).unwrap().ends_with("</svg>\n"));
    assert!(std::fs::read(png).unwrap().starts_with(b"\x89PNG"));
    assert!(std::fs::read_to_string(csv).unwrap().starts_with("panel,layer,kind,"));
    assert_eq!(std::fs::read_dir(&target).unwrap().count(), 3, "a temporary file was left behind");
    for name in ["", "../x", "a/b", "a b", "ü"] {
        let error = Figure::new(name, "").write(&target).unwrap_err();
        assert!(matches!(error, Error::Name { .. }), "{error}");
    }
    std::fs::write(folder.path().join("file"), "").unwrap();
    let error = fig5::figure().write(&folder.path().join("file")).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
}
