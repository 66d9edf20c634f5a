//! The report: one page with all figures, tables and claims in it. It has no scripts and asks nothing of the network,
//! so it can be mailed, printed, and read in ten years.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::figure::Figure;
use super::svg::{escape, plain};
use super::{Error, write_atomically};
use crate::statistics::Verdict;

/// The whole page.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// A few sentences under the heading.
    pub summary: String,
    /// Sections in the order of the paper.
    pub sections: Vec<Section>,
    /// What it takes to make the page again, as names and values: configuration, seeds, versions, machine, date.
    pub manifest: Vec<(String, String)>,
}

/// One figure or table of the paper.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Goes into links, so it should stay the same from run to run: `fig1`, `table1`.
    pub id: String,
    /// Heading of the section.
    pub title: String,
    /// What the paper says, in its own words or ours; empty for none.
    pub paper_claim: String,
    /// Contents from top to bottom.
    pub blocks: Vec<Block>,
}

/// One piece of a section. All text is plain: markup in it is shown, not obeyed.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Running text.
    Paragraph(String),
    /// Something that the reader should not overlook.
    Note(String),
    /// A figure with its caption below.
    Figure(Figure),
    /// A table.
    Table(Table),
    /// A claim of the paper, and what became of it.
    Claim(Claim),
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

/// A claim of the paper.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// What is claimed.
    pub statement: String,
    /// What became of it.
    pub verdict: Verdict,
    /// The numbers and the test behind the verdict.
    pub evidence: String,
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
        paragraphs(&mut out, &self.summary, "");
        out.push_str("</header>\n<main id=\"main\">\n");
        self.claims(&mut out);
        self.contents(&mut out);
        for (k, section) in self.sections.iter().enumerate() {
            section.write(&mut out, k);
        }
        self.manifest(&mut out);
        out.push_str("</main>\n</body>\n</html>\n");
        out
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

    fn claims(&self, out: &mut String) {
        let claims: Vec<(usize, usize, &Claim)> = self
            .sections
            .iter()
            .enumerate()
            .flat_map(|(s, section)| section.claims().enumerate().map(move |(c, claim)| (s, c, claim)))
            .collect();
        if claims.is_empty() {
            return;
        }
        out.push_str("<section aria-labelledby=\"claims\">\n<h2 id=\"claims\">The claims at a glance</h2>\n<p class=\"tally\">");
        for verdict in Verdict::ALL {
            let count = claims.iter().filter(|c| c.2.verdict == verdict).count();
            let _ = write!(out, "{} <b>{count}</b> ", badge(verdict));
        }
        out.push_str(
            "</p>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">Where</th>\
             <th scope=\"col\">Claim</th><th scope=\"col\">Verdict</th></tr></thead>\n<tbody>\n",
        );
        for (s, c, claim) in claims {
            let section = &self.sections[s];
            let _ = writeln!(
                out,
                "<tr><th scope=\"row\"><a href=\"#{}\">{}</a></th><td><a href=\"#{}\">{}</a></td><td>{}</td></tr>",
                section.anchor(s),
                escape(&section.title),
                section.claim_anchor(s, c),
                escape(&claim.statement),
                badge(claim.verdict)
            );
        }
        out.push_str("</tbody>\n</table></div>\n</section>\n");
    }

    fn contents(&self, out: &mut String) {
        if self.sections.is_empty() {
            return;
        }
        out.push_str("<nav aria-labelledby=\"contents\">\n<h2 id=\"contents\">Contents</h2>\n<ol>\n");
        for (k, section) in self.sections.iter().enumerate() {
            let _ =
                writeln!(out, "<li><a href=\"#{}\">{}</a></li>", section.anchor(k), escape(&section.title));
        }
        out.push_str("</ol>\n</nav>\n");
    }

    fn manifest(&self, out: &mut String) {
        if self.manifest.is_empty() {
            return;
        }
        out.push_str("<details id=\"manifest\">\n<summary>How this page was made</summary>\n<dl>\n");
        for (name, value) in &self.manifest {
            let _ = writeln!(out, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
        }
        out.push_str("</dl>\n</details>\n");
    }
}

impl Section {
    fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.blocks.iter().filter_map(|b| if let Block::Claim(claim) = b { Some(claim) } else { None })
    }

    /// The id made safe for a link. One that had to be changed, or would meet an id of the page, gets the section's
    /// number, so that no two are equal as long as the given ids are not.
    fn anchor(&self, index: usize) -> String {
        let safe: String =
            self.id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-' || *c == '_').collect();
        let taken = ["main", "claims", "contents", "manifest"].contains(&safe.as_str());
        if safe == self.id && !safe.is_empty() && !taken { safe } else { format!("section-{index}-{safe}") }
    }

    fn claim_anchor(&self, index: usize, claim: usize) -> String {
        format!("{}.claim-{}", self.anchor(index), claim + 1)
    }

    fn write(&self, out: &mut String, index: usize) {
        let anchor = self.anchor(index);
        let _ = writeln!(
            out,
            "<section id=\"{anchor}\" aria-labelledby=\"{anchor}.title\">\n<h2 id=\"{anchor}.title\">{}</h2>",
            escape(&self.title)
        );
        if !self.paper_claim.is_empty() {
            out.push_str("<blockquote>\n<p class=\"source\">The paper</p>\n");
            paragraphs(out, &self.paper_claim, "");
            out.push_str("</blockquote>\n");
        }
        let mut claims = 0;
        for block in &self.blocks {
            match block {
                Block::Paragraph(text) => paragraphs(out, text, ""),
                Block::Note(text) => {
                    out.push_str("<aside class=\"note\">\n");
                    paragraphs(out, text, "");
                    out.push_str("</aside>\n");
                }
                Block::Figure(figure) => write_figure(out, figure),
                Block::Table(table) => table.write(out),
                Block::Claim(claim) => {
                    claim.write(out, &self.claim_anchor(index, claims));
                    claims += 1;
                }
            }
        }
        out.push_str("</section>\n");
    }
}

fn write_figure(out: &mut String, figure: &Figure) {
    let _ = write!(out, "<figure>\n<div class=\"paper\" tabindex=\"0\">{}</div>\n", figure.svg());
    if !figure.caption.is_empty() {
        let _ = writeln!(out, "<figcaption>{}</figcaption>", escape(&plain(&figure.caption)));
    }
    out.push_str("</figure>\n");
}

impl Table {
    fn write(&self, out: &mut String) {
        out.push_str("<div class=\"scroll\" tabindex=\"0\"><table>\n");
        if !self.caption.is_empty() {
            let _ = writeln!(out, "<caption>{}</caption>", escape(&self.caption));
        }
        let columns = self.rows.iter().map(Vec::len).chain([self.header.len()]).max().unwrap_or(0);
        let cell = |row: &[String], column: usize| row.get(column).map(|c| escape(c)).unwrap_or_default();
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

/// Says of every claim among `blocks` that its verdict is not of the paper's data.
pub fn mark_generated(blocks: &mut [Block]) {
    for block in blocks {
        if let Block::Claim(claim) = block {
            let whole = claim.statement.trim_end_matches('.');
            claim.statement = format!("{whole} (on generated data).");
        }
    }
}

impl Claim {
    fn write(&self, out: &mut String, anchor: &str) {
        let _ = writeln!(
            out,
            "<article class=\"claim {}\" id=\"{anchor}\">\n<h3>{} {}</h3>",
            class(self.verdict),
            badge(self.verdict),
            escape(&self.statement)
        );
        paragraphs(out, &self.evidence, "");
        out.push_str("</article>\n");
    }
}

/// One `<p>` per paragraph; an empty line parts them.
fn paragraphs(out: &mut String, text: &str, class: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    for paragraph in text.split("\n\n").map(str::trim).filter(|p| !p.is_empty()) {
        let _ = writeln!(out, "<p{class}>{}</p>", escape(paragraph));
    }
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Replicated => "yes",
        Verdict::Partly => "partly",
        Verdict::NotReplicated => "no",
        Verdict::NotTested => "open",
    }
}

/// Shape and words, not colour alone, tell the verdicts apart.
fn badge(verdict: Verdict) -> String {
    let sign = match verdict {
        Verdict::Replicated => "●",
        Verdict::Partly => "◐",
        Verdict::NotReplicated => "○",
        Verdict::NotTested => "–",
    };
    format!(
        "<span class=\"badge {}\"><span aria-hidden=\"true\">{sign}</span> {verdict}</span>",
        class(verdict)
    )
}

const STYLE: &str = include_str!("report.css");
