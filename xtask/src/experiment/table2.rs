//! Table 2: validation accuracy of VGG-6 at several batch sizes.

use super::images::vgg::{self, CAPTIONS, STORE, Shown, Vgg};
use super::{Context, Experiment, Prepared};
use crate::claim::Claim;
use crate::method::{self, Architecture, MethodId};
use crate::report::html::Section;
use anyhow::Result;

/// Table 2.
pub struct Table2;

impl Experiment for Table2 {
    fn id(&self) -> &'static str {
        "table2"
    }
    fn title(&self) -> &'static str {
        "Table 2: validation accuracy of VGG-6"
    }
    fn methods(&self) -> Vec<MethodId> {
        method::of(Architecture::Vgg)
    }
    fn store(&self) -> &'static str {
        STORE
    }
    fn options(&self) -> &'static [&'static str] {
        vgg::OPTIONS
    }
    fn needs(&self) -> &'static str {
        "DATA-DIR/imagenet32 (full) or DATA-DIR/cifar10; without them 32×32 images are generated"
    }
    fn duration(&self) -> [&'static str; 2] {
        ["1 min, shared with fig4", "three times fig4, which is one of its three batch sizes"]
    }

    fn prepare(&self, context: &Context) -> Result<Prepared> {
        let section = Section {
            id: self.id().to_owned(),
            title: self.title().to_owned(),
            caption: format!("Table 2: {}", CAPTIONS[1].text),
            // On the paper's pictures, where they are not run.
            claims: self.untested(context, "These images were not named or found, or --protocol leaves out the authors' protocol, the only one here."),
            ..Section::default()
        };
        Vgg::prepare(context, Shown::Table, section)
    }

    fn untested(&self, context: &Context, why: &str) -> Vec<Claim> {
        let (caption, names) = (
            &CAPTIONS[1],
            &[
                "imagenet32, width 1, batch 256",
                "imagenet32, width 1, batch 512",
                "imagenet32, width 1, batch 1024",
            ],
        );
        caption.untested(context, &caption.accuracy(), names, &[], why)
    }
}
