//! The report: one page with all figures, tables and claims in it. It asks nothing of the network, so it can be mailed,
//! printed, and read in ten years. It is complete without scripts; where a browser runs them, `script.js` adds tables that
//! sort, values under the pointer, a choice of methods for all figures, and what a [`Block::Live`] describes, and `training.js`
//! moves the figures of a [`Block::Moving`].
//!
//! It opens with what the claims come to, in sentences and in one picture; then come the claims, then the figures and
//! tables, then how the page was made.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::claims;
use super::color::Color;
use super::figure::Figure;
use super::provenance::{self, Provenance, link};
use super::svg::{escape, markup, plain};
use super::{Error, write_atomically};
use crate::claim::Claim;

/// The whole page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// A few sentences under the heading, a paragraph each.
    pub summary: Vec<String>,
    /// All claims, in the order of the paper.
    pub claims: Vec<Claim>,
    /// The claims in one picture.
    pub picture: Option<Figure>,
    /// Where the files of the picture lie, relative to the page, empty for beside it; none where they were not written.
    pub folder: Option<String>,
    /// Names and colours that a reader may choose among in all figures at once.
    pub methods: Vec<(String, Color)>,
    /// Sections in the order of the paper.
    pub sections: Vec<Section>,
    /// What they mean; stands behind them.
    pub discussion: Option<Section>,
    /// What it takes to make the page again, as names and values: configuration, seeds, versions, machine, date.
    pub manifest: Vec<(String, String)>,
    /// Files beside the page that hold the same for programs, relative to it.
    pub files: Vec<String>,
}

/// One figure or table of the paper.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Section {
    /// Goes into links, so it should stay the same from run to run: `fig1`, `table1`.
    pub id: String,
    /// Heading of the section.
    pub title: String,
    /// The caption or a part of it, quoted; empty for none.
    pub caption: String,
    /// In what this section differs from the paper's figure or table, a sentence or more each.
    pub differs: Vec<String>,
    /// What is claimed of it and what became of that: shown with all other claims of the report, or in the section.
    pub claims: Vec<Claim>,
    /// Whether its claims are shown in it.
    pub shows_claims: bool,
    /// Contents from top to bottom.
    pub blocks: Vec<Block>,
    /// How it is made again.
    pub made: Option<Box<Provenance>>,
    /// Where the files of its figures lie, relative to the page; none where they were not written.
    pub folder: Option<String>,
}

/// One piece of a section. All text is plain: markup in it is shown, not obeyed.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A heading within the section.
    Heading(String),
    /// Running text.
    Paragraph(String),
    /// One item for each text.
    List(Vec<String>),
    /// Something that the reader should not overlook.
    Note(String),
    /// A figure with its caption below.
    Figure(Figure),
    /// A figure that `training.js` moves by a JSON object with a `kind`; the same as any other where there are no scripts.
    Moving(Figure, serde_json::Value),
    /// A table.
    Table(Table),
    /// Something to play with, which `script.js` builds of a JSON object with a `kind`; hidden where there are no scripts.
    Live {
        /// What it is, as the heading above it.
        title: String,
        /// The object.
        data: serde_json::Value,
    },
}

impl Block {
    /// A figure, and what moves it, where there is something.
    #[must_use]
    pub fn of_figure((figure, data): (Figure, Option<serde_json::Value>)) -> Self {
        match data {
            Some(data) => Self::Moving(figure, data),
            None => Self::Figure(figure),
        }
    }

    /// The figure, where it is one.
    #[must_use]
    pub fn figure(&self) -> Option<&Figure> {
        match self {
            Self::Figure(figure) | Self::Moving(figure, _) => Some(figure),
            _ => None,
        }
    }
}

/// A table; its first column names the rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Said above the table.
    pub caption: String,
    /// Names of the columns.
    pub header: Vec<String>,
    /// Rows; short ones are filled with empty cells. Cells that begin like a number are set to the right.
    pub rows: Vec<Vec<String>>,
    /// Row and column of the cells in bold, both from 0.
    pub highlight: Vec<(usize, usize)>,
}

impl Report {
    /// The page as one HTML document; the same text for the same report.
    #[must_use]
    pub fn html(&self) -> String {
        let title = escape(&self.title);
        let mut out = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#main\">Skip to the results</a>\n\
             <header>\n<h1>{title}</h1>\n"
        );
        self.summary.iter().for_each(|text| paragraphs(&mut out, text, ""));
        out.push_str("</header>\n<main id=\"main\">\n");
        if let Some(figure) = &self.picture {
            let made = (!self.manifest.is_empty()).then_some("manifest");
            write_figure(&mut out, figure, self.folder.as_deref(), made);
        }
        self.choice_of_methods(&mut out);
        self.contents(&mut out);
        claims::write(&mut out, &self.claims);
        for (k, section) in self.sections.iter().chain(&self.discussion).enumerate() {
            section.write(&mut out, k);
        }
        self.manifest(&mut out);
        let _ = write!(out, "</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
        out
    }

    fn choice_of_methods(&self, out: &mut String) {
        if self.methods.is_empty() {
            return;
        }
        let methods: Vec<_> =
            self.methods.iter().map(|(name, color)| [name.clone(), color.to_string()]).collect();
        let methods = escape(&serde_json::json!(methods).to_string());
        let _ = writeln!(
            out,
            "<div id=\"methods\" role=\"group\" aria-label=\"Methods that all figures show\" data-methods=\"{methods}\" hidden=\"\"></div>"
        );
    }

    /// Writes `report.html` into `folder`, which is made where it is missing, and returns its path. The file appears
    /// whole or not at all.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, folder: &Path) -> Result<PathBuf, Error> {
        let path = folder.join("report.html");
        write_atomically(&path, self.html().as_bytes())?;
        Ok(path)
    }

    fn contents(&self, out: &mut String) {
        if self.sections.is_empty() {
            return;
        }
        out.push_str("<nav aria-labelledby=\"contents\">\n<h2 id=\"contents\">Contents</h2>\n<ol>\n");
        claims::contents(out, &self.claims);
        for (k, section) in self.sections.iter().chain(&self.discussion).enumerate() {
            let _ =
                writeln!(out, "<li><a href=\"#{}\">{}</a></li>", section.anchor(k), escape(&section.title));
        }
        out.push_str("</ol>\n</nav>\n");
    }

    fn manifest(&self, out: &mut String) {
        if self.manifest.is_empty() && self.files.is_empty() {
            return;
        }
        out.push_str("<details id=\"manifest\">\n<summary>How this page was made</summary>\n<dl>\n");
        for (name, value) in &self.manifest {
            let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
        }
        out.push_str("</dl>\n");
        if !self.files.is_empty() {
            let links: Vec<String> = self.files.iter().map(|path| link(path, path)).collect();
            let _ = writeln!(out, "<p class=\"files\">In the folder of this page: {}</p>", links.join(", "));
        }
        out.push_str("</details>\n");
    }
}

impl Section {
    /// The id made safe for a link. One that had to be changed, or would meet an id of the page, gets the section's
    /// number, so that no two are equal as long as the given ids are not.
    fn anchor(&self, index: usize) -> String {
        let safe: String =
            self.id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect();
        let taken = ["main", "contents", "manifest"].contains(&safe.as_str()) || safe.starts_with("claims");
        if safe == self.id && !safe.is_empty() && !taken { safe } else { format!("section-{index}-{safe}") }
    }

    fn write(&self, out: &mut String, index: usize) {
        let anchor = self.anchor(index);
        let _ = writeln!(
            out,
            "<section id=\"{anchor}\" aria-labelledby=\"{anchor}.title\">\n<h2 id=\"{anchor}.title\">{}</h2>",
            escape(&self.title)
        );
        if !self.caption.is_empty() {
            out.push_str("<blockquote>\n<p class=\"source\">The paper's caption</p>\n");
            paragraphs(out, &self.caption, "");
            out.push_str("</blockquote>\n");
        }
        self.differences(out, &anchor);
        claims::tally(out, &self.claims);
        let made = self.made.as_ref().map(|_| format!("{anchor}.made"));
        for block in &self.blocks {
            match block {
                Block::Heading(text) => {
                    let _ = writeln!(out, "<h3>{}</h3>", markup(text));
                }
                Block::Paragraph(text) => paragraphs(out, text, ""),
                Block::List(items) => list(out, items, ""),
                Block::Note(text) => {
                    out.push_str("<aside class=\"note\">\n");
                    paragraphs(out, text, "");
                    out.push_str("</aside>\n");
                }
                Block::Figure(figure) => write_figure(out, figure, self.folder.as_deref(), made.as_deref()),
                Block::Moving(figure, data) => {
                    out.push_str("<div class=\"moving\">\n");
                    write_figure(out, figure, self.folder.as_deref(), made.as_deref());
                    live(out, &format!("{}, epoch by epoch", figure.title), data);
                    out.push_str("</div>\n");
                }
                Block::Table(table) => table.write(out),
                Block::Live { title, data } => live(out, title, data),
            }
        }
        if self.shows_claims {
            claims::of_section(out, &self.claims);
        }
        if let Some(made) = &self.made {
            let _ = writeln!(out, "<h3>How to reproduce this section</h3>");
            made.write(out, &anchor);
        }
        out.push_str("</section>\n");
    }

    fn differences(&self, out: &mut String, anchor: &str) {
        if self.differs.is_empty() {
            return;
        }
        let _ = writeln!(out, "<h3 id=\"{anchor}.differs\">What differs from the paper</h3>");
        list(out, &self.differs, &format!(" aria-labelledby=\"{anchor}.differs\""));
    }
}

/// Where the script builds something of `data`.
fn live(out: &mut String, title: &str, data: &serde_json::Value) {
    let (data, title) = (escape(&data.to_string()), markup(title));
    let _ = writeln!(out, "<div class=\"live\" data-live=\"{data}\" hidden=\"\">\n<h3>{title}</h3>\n</div>");
}

/// One item for each text.
pub(super) fn list(out: &mut String, items: &[String], attributes: &str) {
    let _ = writeln!(out, "<ul{attributes}>");
    for item in items {
        let _ = writeln!(out, "<li>{}</li>", markup(item));
    }
    out.push_str("</ul>\n");
}

fn write_figure(out: &mut String, figure: &Figure, folder: Option<&str>, made: Option<&str>) {
    // A stop for the keyboard, since it scrolls sideways where there is no room.
    let name = escape(&plain(if figure.title.is_empty() { &figure.name } else { &figure.title }));
    let _ = write!(
        out,
        "<figure>\n<div class=\"paper\" tabindex=\"0\" role=\"region\" aria-label=\"Figure: {name}\">{}</div>\n",
        figure.svg()
    );
    if !figure.caption.is_empty() {
        let _ = writeln!(out, "<figcaption>{}</figcaption>", markup(&figure.caption));
    }
    out.push_str("</figure>\n");
    if let Some(folder) = folder {
        provenance::links(out, figure, folder, made);
    }
}

impl Table {
    fn write(&self, out: &mut String) {
        let name =
            if self.caption.is_empty() { "" } else { self.caption.split(['.', ':']).next().unwrap_or("") };
        let name = escape(&plain(name));
        let _ = writeln!(
            out,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table: {name}\"><table>"
        );
        if !self.caption.is_empty() {
            let _ = writeln!(out, "<caption>{}</caption>", markup(&self.caption));
        }
        let columns = self.rows.iter().map(Vec::len).chain([self.header.len()]).max().unwrap_or(0);
        let cell = |row: &[String], column: usize| row.get(column).map(|c| markup(c)).unwrap_or_default();
        // A name stands over its numbers.
        let numeric = |column: usize| {
            let mut cells =
                self.rows.iter().filter_map(|row| row.get(column)).filter(|c| !c.is_empty()).peekable();
            column > 0 && cells.peek().is_some() && cells.all(|c| is_numeric(c))
        };
        if !self.header.is_empty() {
            out.push_str("<thead><tr>");
            for column in 0..columns {
                let class = if numeric(column) { " class=\"number\"" } else { "" };
                let _ = write!(out, "<th scope=\"col\"{class}>{}</th>", cell(&self.header, column));
            }
            out.push_str("</tr></thead>\n");
        }
        out.push_str("<tbody>\n");
        for (at, row) in self.rows.iter().enumerate() {
            let _ = write!(out, "<tr><th scope=\"row\">{}</th>", cell(row, 0));
            for column in 1..columns {
                let class =
                    if row.get(column).is_some_and(|c| is_numeric(c)) { " class=\"number\"" } else { "" };
                let text = cell(row, column);
                if self.highlight.contains(&(at, column)) {
                    let _ = write!(out, "<td{class}><strong>{text}</strong></td>");
                } else {
                    let _ = write!(out, "<td{class}>{text}</td>");
                }
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody>\n</table></div>\n");
    }
}

/// Whether a cell is to be set to the right: it begins like a number, or is the dash that stands for one.
fn is_numeric(cell: &str) -> bool {
    let digits = cell.trim().trim_start_matches(['−', '-', '+', '<', '≤', '≥', '>', '±', ' ', '.']);
    digits.starts_with(|c: char| c.is_ascii_digit()) || ["–", "—", "NaN", "∞"].contains(&cell.trim())
}

/// One `<p>` per paragraph; an empty line parts them.
pub(super) fn paragraphs(out: &mut String, text: &str, class: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    for paragraph in text.split("\n\n").map(str::trim).filter(|p| !p.is_empty()) {
        let _ = writeln!(out, "<p{class}>{}</p>", markup(paragraph));
    }
}

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = concat!(include_str!("script.js"), include_str!("training.js"));
