//! A network as a chain of plain steps, independent of how its layers are parameterized; neighbouring steps are
//! merged where possible.

use super::plain::{PerChannel, Plain, Target};
use crate::kernel::conv::Window;
use crate::layer::{self, NamedLayer};
use crate::normalization::{Normalizer, Placement};
use crate::{Activation, Element, Error, LayerSpec, LayerView, Network};

const NOT_FIXED: &str = "it takes its statistics from every sample itself, which no fixed numbers do";

/// The function of a layer.
#[derive(Debug)]
enum Step<T> {
    Units(Plain<T>),
    PerChannel(PerChannel<T>),
    MaxPool(Window),
    GlobalAveragePool,
    /// Of so many pixels.
    Flatten(usize),
    Residual {
        main: Chain<T>,
        shortcut: Chain<T>,
    },
}

/// A sequence of steps, with the names of their layers; each has absorbed from its neighbours what it can.
#[derive(Debug)]
pub(super) struct Chain<T>(Vec<(String, Step<T>)>);

impl<T: Element> Chain<T> {
    pub(super) fn of(network: &Network<T>) -> Result<Self, Error> {
        Self::read(network, network.chain())
    }

    fn read(network: &Network<T>, layers: &layer::Chain<T>) -> Result<Self, Error> {
        let (parameters, buffers) = (network.parameters.values(), network.buffers.values());
        let mut chain = Self(Vec::with_capacity(layers.layers().len()));
        for NamedLayer { name, layer, .. } in layers.layers() {
            let not_plain = |reason: &str| Error::NotPlain { layer: name.clone(), reason: reason.to_owned() };
            let per_channel = |normalizer: &dyn Normalizer<T>, activation| {
                let running = normalizer.running().ok_or_else(|| not_plain(NOT_FIXED))?;
                let columns =
                    (0..running.columns()).map(|j| running.factor_and_shift(j, parameters, buffers));
                let (scale, shift) = columns.unzip();
                Ok(PerChannel { scale, shift, activation })
            };
            match layer.view() {
                LayerView::Units(units) => {
                    if let Some(normalizer) = units.normalizer(Placement::Input) {
                        let step = per_channel(normalizer, Activation::Identity)?;
                        chain.push_behind(format!("{name}.input"), step);
                    }
                    let (plain, left) =
                        Plain::of(units, parameters, buffers).ok_or_else(|| not_plain(NOT_FIXED))?;
                    chain.push(name.clone(), Step::Units(plain));
                    if let Some(left) = left {
                        let is_sign = left.scale.iter().all(|r| r.abs() == T::ONE);
                        let suffix = if is_sign { "sign" } else { "scale" };
                        chain.push(format!("{name}.{suffix}"), Step::PerChannel(left));
                    }
                }
                LayerView::Normalization(normalization) => {
                    let step = per_channel(&*normalization.normalizer, normalization.activation)?;
                    chain.push_behind(name.clone(), step);
                }
                LayerView::MaxPool(window) => chain.push(name.clone(), Step::MaxPool(window)),
                LayerView::GlobalAveragePool => chain.push(name.clone(), Step::GlobalAveragePool),
                LayerView::Flatten { pixels } => chain.push(name.clone(), Step::Flatten(pixels)),
                LayerView::Residual { main, shortcut } => {
                    let (main, shortcut) = (Self::read(network, main)?, Self::read(network, shortcut)?);
                    chain.push(name.clone(), Step::Residual { main, shortcut });
                }
                LayerView::Other => {
                    return Err(not_plain(
                        "it is a layer from outside gmp-nn, which folding knows nothing of",
                    ));
                }
            }
        }
        Ok(chain)
    }

    /// Appends a map per channel, which units without an activation can absorb.
    fn push_behind(&mut self, name: String, step: PerChannel<T>) {
        let absorbed = match self.0.last_mut() {
            Some((_, Step::Units(units))) => units.absorb_behind(&step),
            _ => false,
        };
        if !absorbed {
            self.push(name, Step::PerChannel(step));
        }
    }

    /// Appends a step, which absorbs the map that was applied to its inputs, or lets it pass.
    fn push(&mut self, name: String, mut step: Step<T>) {
        let Some((before_name, Step::PerChannel(before))) =
            self.0.pop_if(|(_, last)| matches!(last, Step::PerChannel(_)))
        else {
            return self.0.push((name, step));
        };
        let absorbed = match &mut step {
            Step::Units(units) => units.absorb_before(&before),
            Step::PerChannel(behind) => behind.absorb_before(&before),
            _ => false,
        };
        // The largest of shifted numbers is the largest, shifted; the mean likewise.
        let lets_past = match step {
            Step::MaxPool(_) => before.keeps_order(),
            Step::GlobalAveragePool => before.activation == Activation::Identity,
            Step::Flatten(_) => true,
            _ => false,
        };
        let before = match step {
            Step::Flatten(pixels) => before.of_every_pixel(pixels),
            _ => before,
        };
        let before = (before_name, Step::PerChannel(before));
        if lets_past {
            self.0.extend([(name, step), before]);
        } else {
            self.0.extend((!absorbed).then_some(before));
            self.0.push((name, step));
        }
    }

    /// The same with weights of zero for units that are constants; the constants are absorbed by the next step.
    pub(super) fn without_constants(self, concerns: &impl Fn(&Plain<T>) -> bool) -> Self {
        let mut chain = Self(Vec::with_capacity(self.0.len()));
        for (name, step) in self.0 {
            let constants_name = format!("{name}.constants");
            chain.push(
                name,
                match step {
                    Step::Residual { main, shortcut } => Step::Residual {
                        main: main.without_constants(concerns),
                        shortcut: shortcut.without_constants(concerns),
                    },
                    step => step,
                },
            );
            if let Some((_, Step::Units(units))) = chain.0.last_mut()
                && concerns(units)
                && let Some(constants) = units.take_constants()
            {
                chain.push(constants_name, Step::PerChannel(constants));
            }
        }
        chain
    }

    /// The layers that do this, and their units in the order in which a network is built. `is_image` says what flows
    /// in, and then what comes out.
    pub(super) fn describe(
        self,
        is_image: &mut bool,
        target: &impl Fn(&Plain<T>) -> Target,
        units: &mut Vec<Plain<T>>,
    ) -> Vec<(String, LayerSpec)> {
        let describe = |(name, step)| {
            let mut describe_units = |plain: Plain<T>| {
                let spec = plain.spec(target(&plain));
                units.push(plain);
                spec
            };
            let spec = match step {
                Step::Units(plain) => describe_units(plain),
                Step::PerChannel(step) => describe_units(step.into_plain(*is_image)),
                Step::MaxPool(window) => LayerSpec::MaxPool { window },
                Step::GlobalAveragePool => {
                    *is_image = false;
                    LayerSpec::GlobalAveragePool
                }
                Step::Flatten(_) => {
                    *is_image = false;
                    LayerSpec::Flatten
                }
                Step::Residual { main, shortcut } => {
                    let mut branch = |chain: Self, is_image: &mut bool| {
                        chain.describe(is_image, target, units).into_iter().map(|(_, spec)| spec).collect()
                    };
                    let shortcut_is_image = &mut is_image.clone();
                    let main = branch(main, is_image);
                    LayerSpec::Residual { main, shortcut: branch(shortcut, shortcut_is_image) }
                }
            };
            (name, spec)
        };
        self.0.into_iter().map(describe).collect()
    }
}
