//! The page, the claims and the manifest of one call.

use super::ReproCommand;
use super::time::{now, utc};
use crate::claim::{self, Claim, discussion, forest, markdown, summary};
use crate::experiment::ask::correct_for_all;
use crate::experiment::beyond::chapter;
use crate::experiment::{Chapter, Context, Experiment, Profile, REGISTRY};
use crate::method::{METHODS, Method};
use crate::report::html::{Report, Section};
use anyhow::{Context as _, Result};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

/// What one call writes, again after each experiment.
pub(super) struct Page<'a> {
    command: &'a ReproCommand,
    context: &'a Context,
    chosen: &'a [&'static dyn Experiment],
    start: Instant,
    manifest: Option<serde_json::Value>,
}

impl<'a> Page<'a> {
    pub(super) fn new(
        command: &'a ReproCommand,
        context: &'a Context,
        chosen: &'a [&'static dyn Experiment],
        start: Instant,
    ) -> Self {
        Self { command, context, chosen, start, manifest: None }
    }

    /// Writes everything; `left` are the experiments that are still to come.
    pub(super) fn write(&mut self, sections: &[Section], left: &[&str]) -> Result<(PathBuf, Vec<Claim>)> {
        let Self { command, context, start, .. } = *self;
        let manifest = self
            .manifest
            .get_or_insert_with(|| command.manifest(context, self.chosen, context.threads, start));
        (manifest["seconds"], manifest["date"]) = (start.elapsed().as_secs().into(), utc(now()).into());
        let bytes = serde_json::to_vec_pretty(manifest).context("the manifest as JSON")?;
        crate::report::write_atomically(&command.out.join("manifest.json"), &bytes)?;
        let text =
            |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let entries = manifest.as_object().into_iter().flatten();
        let manifest = entries.map(|(key, value)| (key.clone(), text(value))).collect();
        let claims = self.claims(sections, left);
        claim::write(&claims, &command.out)?;
        crate::report::write_atomically(&command.out.join("claims.md"), markdown::table(&claims).as_bytes())?;
        let mut summary = summary::sentences(&claims);
        summary.push(scope(context, left));
        let picture = forest::figure(&claims);
        if let Some(figure) = &picture {
            figure.write(&command.out)?;
        }
        let page = Report {
            title: "Geometric Parameterization for ReLU Networks: what reproduces".to_owned(),
            summary,
            // Those beyond the paper are in their own sections, where their questions are explained.
            claims: claims.iter().filter(|claim| !claim.is_beyond()).cloned().collect(),
            picture,
            folder: Some(String::new()),
            methods: METHODS
                .iter()
                .filter(|method| self.has(method))
                .map(|method| (method.name.to_owned(), method.color))
                .collect(),
            sections: self.with_opening(sections, &claims)?,
            discussion: Some(discussion::section(&claims)),
            manifest,
            files: ["manifest.json", "claims.json", "claims.md"].map(str::to_owned).to_vec(),
        };
        Ok((page.write(&command.out)?, claims))
    }

    /// The sections, with the opening of the chapter beyond the paper before the first that belongs to it.
    fn with_opening(&self, sections: &[Section], claims: &[Claim]) -> Result<Vec<Section>> {
        let is_beyond = |section: &Section| {
            REGISTRY.iter().any(|e| e.chapter() == Chapter::Beyond && e.id() == section.id)
        };
        let first = sections.iter().position(is_beyond).unwrap_or(sections.len());
        let (paper, beyond) = sections.split_at(first);
        let mut opening = chapter::opening(beyond);
        if let Some(opening) = &mut opening {
            opening.write_figures(&self.command.out.join(chapter::ID))?;
        }
        // As they are corrected for all of the page.
        let corrected: HashMap<&str, &Claim> = claims.iter().map(|claim| (&claim.id[..], claim)).collect();
        let beyond = beyond.iter().map(|section| Section {
            claims: section
                .claims
                .iter()
                .map(|claim| (*corrected.get(&claim.id[..]).unwrap_or(&claim)).clone())
                .collect(),
            shows_claims: true,
            ..section.clone()
        });
        Ok(paper.iter().cloned().chain(opening).chain(beyond).collect())
    }

    /// Whether a method is of the paper's networks, or of an experiment of this call.
    fn has(&self, method: &Method) -> bool {
        let is_run =
            |experiment: &&dyn Experiment| experiment.methods().iter().any(|of| of.name == method.name);
        !method.networks.is_empty() || self.chosen.iter().any(is_run)
    }

    /// Every claim of every experiment, in the order of the paper.
    fn claims(&self, sections: &[Section], left: &[&str]) -> Vec<Claim> {
        let mut claims = Vec::new();
        for experiment in REGISTRY {
            let id = experiment.id();
            let is_chosen = self.chosen.iter().any(|chosen| chosen.id() == id);
            if let Some(section) = sections.iter().find(|section| section.id == id) {
                claims.extend(section.claims.iter().cloned());
            } else if left.contains(&id) {
                claims.extend(
                    experiment.untested(self.context, "It had not been run yet when this page was written."),
                );
            } else if is_chosen {
                claims.extend(experiment.untested(self.context, "--method leaves out all of its methods."));
            } else if experiment.chapter() == Chapter::Paper {
                claims.extend(experiment.untested(self.context, "It was not part of this run."));
            }
        }
        correct_for_all(&mut claims);
        claims
    }
}

/// What the sentences of the page are based on.
fn scope(context: &Context, left: &[&str]) -> String {
    let mut scope = match context.profile {
        Profile::Quick => {
            "This is the quick profile: two learning rates, small data sets in full and large ones with few epochs, small networks on images. For \
             the whole grid of learning rates: --profile full."
        }
        Profile::Full => "This is the full profile.",
    }
    .to_owned();
    scope += " Every number on this page was measured by the runs named at its end.";
    if !left.is_empty() {
        scope += &format!(
            " Unfinished: when this page was written, these had not been run yet: {}.",
            left.join(", ")
        );
    }
    scope
}
