//! A network as what its layers do, whatever expressed them; and what neighbours take over from each other.

use super::plain::{EffectiveWeights, PerChannel};
use crate::kernel::conv::Window;
use crate::{Activation, Element, Error, Layer, LayerSpec, Network, NetworkSpec, Parameterization};

/// What a layer does.
#[derive(Debug)]
enum Step<T> {
    Units(EffectiveWeights<T>),
    PerChannel(PerChannel<T>),
    MaxPool(Window),
    GlobalAveragePool,
    Residual { main: Chain<T>, shortcut: Chain<T> },
}

/// Steps in a row, with the names of their layers; each has taken over from its neighbours what it can.
#[derive(Debug)]
pub(super) struct Chain<T>(Vec<(String, Step<T>)>);

impl<T: Element> Chain<T> {
    pub(super) fn of(network: &Network<T>) -> Result<Self, Error> {
        let named = network.spec().layers.iter().map(|(name, spec)| (name.clone(), spec));
        Self::read(network, named, &network.layers)
    }

    fn read<'a>(
        network: &Network<T>,
        specs: impl Iterator<Item = (String, &'a LayerSpec)>,
        layers: &[Box<dyn Layer<T>>],
    ) -> Result<Self, Error> {
        let mut chain = Self(Vec::with_capacity(layers.len()));
        for ((name, spec), layer) in specs.zip(layers) {
            let plain = layer.plain(network.parameters.values(), network.buffers.values());
            match (spec, plain) {
                (_, Some(plain)) => {
                    let sign = plain.negative.contains(&true).then(|| PerChannel::sign(&plain.negative));
                    let sign_name = format!("{name}.sign");
                    chain.push(name, Step::Units(plain));
                    if let Some(sign) = sign {
                        chain.push(sign_name, Step::PerChannel(sign));
                    }
                }
                (&LayerSpec::MeanNorm { activation }, None) => {
                    let mean = network.buffers.get(&format!("{name}.running_mean"));
                    let mean = mean.expect("the layer was built with it");
                    let shift = PerChannel::shift(mean.iter().map(|&mean| -mean).collect());
                    chain.push_behind(name, PerChannel { activation, ..shift });
                }
                (&LayerSpec::MaxPool { window }, None) => chain.push(name, Step::MaxPool(window)),
                (LayerSpec::GlobalAveragePool, None) => chain.push(name, Step::GlobalAveragePool),
                (LayerSpec::Residual { main, shortcut }, None) => {
                    let layers = layer.branches();
                    let main = Self::read(network, NetworkSpec::branch(&name, "main", main), layers[0])?;
                    let shortcut =
                        Self::read(network, NetworkSpec::branch(&name, "shortcut", shortcut), layers[1])?;
                    chain.push(name, Step::Residual { main, shortcut });
                }
                _ => return Err(Error::NotPlain { layer: name }),
            }
        }
        Ok(chain)
    }

    /// Appends what units without an activation can take over.
    fn push_behind(&mut self, name: String, step: PerChannel<T>) {
        let absorbed = match self.0.last_mut() {
            Some((_, Step::Units(units))) => units.absorb_behind(&step),
            _ => false,
        };
        if !absorbed {
            self.push(name, Step::PerChannel(step));
        }
    }

    /// Appends a step, which takes over what was done to its inputs, or lets it past.
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
            Step::MaxPool(_) => {
                before.keeps_order() && matches!(before.activation, Activation::Identity | Activation::Relu)
            }
            Step::GlobalAveragePool => before.activation == Activation::Identity,
            _ => false,
        };
        let before = (before_name, Step::PerChannel(before));
        if lets_past {
            self.0.extend([(name, step), before]);
        } else {
            self.0.extend((!absorbed).then_some(before));
            self.0.push((name, step));
        }
    }

    /// The same with no weights for units that are constants, and the constants taken over by what is behind.
    pub(super) fn without_constants(self, concerns: &impl Fn(&EffectiveWeights<T>) -> bool) -> Self {
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
        form: &impl Fn(&EffectiveWeights<T>) -> Parameterization,
        units: &mut Vec<EffectiveWeights<T>>,
    ) -> Vec<(String, LayerSpec)> {
        let describe = |(name, step)| {
            let mut describe_units = |plain: EffectiveWeights<T>| {
                let spec = plain.spec(form(&plain));
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
                Step::Residual { main, shortcut } => {
                    let mut branch = |chain: Self, is_image: &mut bool| {
                        chain.describe(is_image, form, units).into_iter().map(|(_, spec)| spec).collect()
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
