//! Figure 4: accuracy of VGG-6 over the epochs.

use super::images::vgg::{self, CAPTIONS, STORE, Shown, Vgg};
use super::{Context, Experiment, Prepared};
use crate::claim::Claim;
use crate::method::{self, Architecture, MethodId};
use crate::report::html::Section;
use anyhow::Result;

/// Figure 4.
pub struct Fig4;

impl Experiment for Fig4 {
    fn id(&self) -> &'static str {
        "fig4"
    }
    fn title(&self) -> &'static str {
        "Figure 4: VGG-6 epoch by epoch"
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
        [
            "1 min, shared with table2",
            "months: 3 h for an epoch of ImageNet32, of which 6 methods × 5 seeds have up to 500 each; --method, --seeds, --epochs, --width and \
             --dataset reduce it",
        ]
    }

    fn prepare(&self, context: &Context) -> Result<Prepared> {
        let section = Section {
            id: self.id().to_owned(),
            title: self.title().to_owned(),
            caption: format!("Figure 4: {}", CAPTIONS[0].text),
            // On the paper's pictures, where they are not run.
            claims: self.untested(context, "These images were not named or found, or --protocol leaves out the authors' protocol, the only one here."),
            ..Section::default()
        };
        Vgg::prepare(context, Shown::Curves, section)
    }

    fn untested(&self, context: &Context, why: &str) -> Vec<Claim> {
        let (caption, names) = (&CAPTIONS[0], &["imagenet32, width 1, batch 1024"]);
        caption.untested(context, &caption.speed(), names, &[], why)
    }
}
