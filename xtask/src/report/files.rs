//! The figures of a section as files.

use super::Error;
use super::figure::KINDS;
use super::html::{Block, Section};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

impl Section {
    /// Writes the figures into `folder` and removes those that an earlier report left there: files named as this section,
    /// alone or with a hyphen and more behind it, `.svg`, `.png` or `.csv`. What lies there is what the report shows, and the
    /// page links to it: the folder is the one beside the page that is called as the section.
    ///
    /// # Errors
    /// A figure that cannot be written, or a file that cannot be removed.
    pub fn write_figures(&mut self, folder: &Path) -> Result<(), Error> {
        self.folder = None;
        let mut written = BTreeSet::new();
        for figure in self.blocks.iter().filter_map(Block::figure) {
            written.extend(figure.write(folder)?);
        }
        let is_ours = |path: &PathBuf| {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let rest = stem.strip_prefix(self.id.as_str());
            let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) && KINDS.contains(&kind)
        };
        // A folder that is not there holds nothing of an earlier report.
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for path in files.filter(is_ours).filter(|path| !written.contains(path)) {
            std::fs::remove_file(&path).map_err(|source| Error::Stale { path, source })?;
        }
        self.folder = folder.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::color::Color;
    use crate::report::figure::{Axis, Figure, Layer, Panel};
    use std::fs;

    #[test]
    fn figures_of_an_earlier_report_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let figure = |name: &str| {
            let line = Layer::line([(0.0, 0.0), (1.0, 1.0)], Color::GREEN);
            let panel = Panel::new("", Axis::linear("x"), Axis::linear("y")).with(line);
            Block::Figure(Figure::new(name, "").row(50.0, vec![panel]))
        };
        let section = |figures: &[&str]| Section {
            id: "fig4".to_owned(),
            blocks: figures.iter().map(|name| figure(name)).collect(),
            ..Section::default()
        };
        let others = ["fig40.svg", "fig4.txt", "mine.png", "runs.jsonl"];
        others.iter().for_each(|name| fs::write(folder.path().join(name), "").unwrap());
        let files = || {
            let names =
                fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
            names.filter(|name| !others.contains(&name.as_str())).collect::<BTreeSet<_>>()
        };
        section(&["fig4", "fig4-2"]).write_figures(folder.path()).unwrap();
        assert_eq!(
            files().into_iter().collect::<Vec<_>>(),
            ["fig4-2.csv", "fig4-2.png", "fig4-2.svg", "fig4.csv", "fig4.png", "fig4.svg"]
        );
        section(&["fig4"]).write_figures(folder.path()).unwrap();
        assert_eq!(files().into_iter().collect::<Vec<_>>(), ["fig4.csv", "fig4.png", "fig4.svg"]);
        section(&[]).write_figures(folder.path()).unwrap();
        assert!(files().is_empty() && others.iter().all(|name| folder.path().join(name).exists()));
        section(&[]).write_figures(&folder.path().join("absent")).unwrap();
    }
}
