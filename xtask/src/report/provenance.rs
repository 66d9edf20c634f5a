//! How a section of the page is made again, and where the files of its figures are.

use super::figure::{Figure, KINDS};
use super::svg::escape;
use std::fmt::Write as _;

/// What it takes to make a section again, and what it took.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Provenance {
    /// The command that makes this section alone.
    pub command: String,
    /// Number of runs, or of what else the numbers are over.
    pub sample: String,
    /// Which seeds, for each data set.
    pub seeds: String,
    /// How long it took: the one thing that another call may say differently.
    pub time: String,
    /// Files beside the page that hold more than the page shows, relative to it.
    pub files: Vec<String>,
}

impl Provenance {
    pub(super) fn write(&self, out: &mut String, anchor: &str) {
        let _ = writeln!(out, "<dl class=\"made\" id=\"{anchor}.made\">");
        let _ = writeln!(out, "<dt>Command</dt><dd>{}</dd>", escape(&self.command));
        for (name, text) in [("Sample", &self.sample), ("Seeds", &self.seeds)] {
            if !text.is_empty() {
                let _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", escape(text));
            }
        }
        if !self.time.is_empty() {
            let _ = writeln!(out, "<dt>Time</dt><dd class=\"time\">{}</dd>", escape(&self.time));
        }
        if !self.files.is_empty() {
            let links: Vec<String> = self.files.iter().map(|path| link(path, path)).collect();
            let _ = writeln!(out, "<dt>Files</dt><dd class=\"files\">{}</dd>", links.join(" "));
        }
        out.push_str("</dl>\n");
    }
}

/// Links to the files of a figure in `folder`, which is relative to the page and empty for beside it, and to the part of the
/// page that says how the figure is made again.
pub(super) fn links(out: &mut String, figure: &Figure, folder: &str, made: Option<&str>) {
    let stem = if folder.is_empty() { figure.name.clone() } else { format!("{folder}/{}", figure.name) };
    let named = ["drawing", "pixels", "numbers drawn"].into_iter().zip(KINDS);
    let links: Vec<String> = named
        .map(|(what, kind)| format!("{what} {}", link(&format!("{stem}.{kind}"), &format!("{stem}.{kind}"))))
        .collect();
    let made =
        made.map_or_else(String::new, |id| format!(" · <a href=\"#{id}\">command, seeds and time</a>"));
    let _ = writeln!(out, "<p class=\"files\">In the folder of this page: {}{made}</p>", links.join(", "));
}

/// A link to a file beside the page.
pub(super) fn link(path: &str, text: &str) -> String {
    let mut address = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                address.push(char::from(byte))
            }
            _ => {
                let _ = write!(address, "%{byte:02X}");
            }
        }
    }
    format!("<a href=\"{address}\">{}</a>", escape(text))
}
