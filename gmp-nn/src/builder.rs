//! Building networks layer by layer, including user-defined layers.

use crate::declare::filled;
use crate::kernel::conv::{Geometry, Images, Window};
use crate::layer::{
    Chain, Flatten, GlobalAveragePool, MaxPool, NamedLayer, NormalizationLayer, Residual, UnitLayer,
};
use crate::normalization::Placement;
use crate::parameterization::Parameterize;
use crate::spec::{Convolution, Dense};
use crate::{
    Activation, Declare, Element, Error, Features, Layer, LayerSpec, Linear, Network, NetworkSpec,
    Normalization, ParamStore, Rng, init,
};
use gmp_autograd::Mat;
use std::collections::BTreeSet;
use std::fmt::{self, Debug};

/// A network under construction, created by [`Network::builder`].
///
/// For a network of this crate's layers, a [`NetworkSpec`] is shorter, and plain data; a builder also accepts your
/// own layers, as [`Layer`] shows.
///
/// ```
/// use gmp_nn::{Dense, Features, Network, Parameterization};
/// let network = Network::<f32>::builder(Features::Vector(3))
///     .seed(1)
///     .layer("hidden1", Dense::new(8, Parameterization::Geometric))?
///     .layer("output", Dense::new(2, Parameterization::Standard))?
///     .build();
/// assert_eq!(network.output(), Features::Vector(2));
/// # Ok::<(), gmp_nn::Error>(())
/// ```
pub struct NetworkBuilder<'w, T> {
    /// The layers so far, while all of them are described.
    spec: Option<NetworkSpec>,
    input: Features,
    seed: u64,
    weights: Option<InitialWeights<'w, T>>,
    /// The features that the next layer receives.
    features: Features,
    /// Of the layers so far, those in blocks included.
    names: BTreeSet<String>,
    layers: Vec<NamedLayer<T>>,
    parameters: ParamStore<T>,
    buffers: ParamStore<T>,
}

/// Makes a layer from its description for one type of numbers. The code of a layer, including its kernels, is
/// compiled where this is implemented for a concrete type, which is here, and not again in every crate that builds a
/// network.
pub trait MakeLayer: Sized {
    #[doc(hidden)]
    fn layer(
        builder: &mut NetworkBuilder<'_, Self>,
        name: &str,
        spec: &LayerSpec,
    ) -> Result<Box<dyn Layer<Self>>, Error>
    where
        Self: Element;
}

macro_rules! make_layers {
    ($($scalar:ty)*) => {
        $(impl MakeLayer for $scalar {
            fn layer(
                builder: &mut NetworkBuilder<'_, Self>,
                name: &str,
                spec: &LayerSpec,
            ) -> Result<Box<dyn Layer<Self>>, Error> {
                builder.make(name, spec)
            }
        })*
    };
}
make_layers! { f32 f64 }

/// Given a layer's name, its fan in and fan out, and the matrix to fill.
type InitialWeights<'w, T> = Box<dyn FnMut(&str, [usize; 2], &mut [T]) + 'w>;

/// `NetworkBuilder { layers: ["hidden1"], features: Vector(64), parameters: 256 }`: initial weights may be a closure.
impl<T: Element> Debug for NetworkBuilder<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layers: Vec<&str> = self.layers.iter().map(|layer| layer.name.as_str()).collect();
        f.debug_struct("NetworkBuilder")
            .field("layers", &layers)
            .field("features", &self.features)
            .field("parameters", &self.parameters.values().len())
            .finish()
    }
}

impl<'w, T: Element> NetworkBuilder<'w, T> {
    pub(crate) fn new(input: Features) -> Self {
        Self {
            spec: Some(NetworkSpec::new(input)),
            input,
            seed: 0,
            weights: None,
            features: input,
            names: BTreeSet::new(),
            layers: Vec::new(),
            parameters: ParamStore::default(),
            buffers: ParamStore::default(),
        }
    }

    /// Sets the seed of the random streams from which the following layers are initialized; the default is 0.
    ///
    /// ```
    /// use gmp_nn::{Dense, Error, Features, Network, Parameterization::Standard};
    /// let build = |seed| -> Result<_, Error> {
    ///     let builder = Network::<f64>::builder(Features::Vector(3)).seed(seed);
    ///     Ok(builder.layer("output", Dense::new(1, Standard))?.build().parameters)
    /// };
    /// assert_eq!(build(1)?, build(1)?);
    /// assert_ne!(build(1)?, build(2)?);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets a function that draws the weights of the following layers of units, like [`NetworkSpec::build_with`]; by
    /// default they are Glorot-uniform.
    ///
    /// ```
    /// use gmp_nn::{Dense, Features, Network, Parameterization::Standard};
    /// let network = Network::<f64>::builder(Features::Vector(2))
    ///     .initial_weights(|_name, [fan_in, _], weights| weights.fill(1.0 / fan_in as f64))
    ///     .layer("output", Dense::new(1, Standard))?
    ///     .build();
    /// assert_eq!(network.parameters.get("output.weights"), Some(&[0.5, 0.5][..]));
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    #[must_use]
    pub fn initial_weights(mut self, weights: impl FnMut(&str, [usize; 2], &mut [T]) + 'w) -> Self {
        self.weights = Some(Box::new(weights));
        self
    }

    /// The features that the next layer receives.
    ///
    /// ```
    /// use gmp_nn::conv::{Padding, Window};
    /// use gmp_nn::{Features, LayerSpec, Network};
    /// let window = Window::new(2, 2, Padding::Valid);
    /// let builder = Network::<f32>::builder(Features::Image { height: 8, width: 8, channels: 3 })
    ///     .layer("pool", LayerSpec::MaxPool { window })?;
    /// assert_eq!(builder.output().to_string(), "4×4×3");
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    pub fn output(&self) -> Features {
        self.features
    }

    /// Appends a layer of this crate.
    ///
    /// ```
    /// use gmp_nn::{Dense, Features, LayerSpec, Network, Normalization, Parameterization::Standard};
    /// let builder = Network::<f64>::builder(Features::Vector(3))
    ///     .layer("hidden1", Dense::new(8, Standard))? // units
    ///     .layer("norm", LayerSpec::normalization(Normalization::batch()))?; // any other layer
    /// let error = builder.layer("norm", Dense::new(1, Standard)).err().unwrap();
    /// assert_eq!(error.to_string(), "norm: there are two layers of that name, expected every name once");
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`NetworkSpec::build`].
    pub fn layer(mut self, name: &str, layer: impl Into<LayerSpec>) -> Result<Self, Error> {
        let spec = layer.into();
        let layer = self.described(name, &spec)?;
        self.layers.push(layer);
        if let Some(network) = &mut self.spec {
            network.layers.push((name.to_owned(), spec));
        }
        Ok(self)
    }

    /// Appends a user-defined layer; `declare` declares its parameters and buffers and returns it. Such a network has
    /// no [`Network::spec`].
    ///
    /// ```
    /// use gmp_autograd::{Var, op};
    /// use gmp_nn::{Element, Features, Forward, Layer, Network};
    ///
    /// #[derive(Debug)]
    /// struct Square;
    /// impl<T: Element> Layer<T> for Square {
    ///     fn forward(&self, pass: &mut Forward<'_, T>, x: Var) -> Var {
    ///         op::mul(pass.tape, x, x)
    ///     }
    /// }
    /// let network = Network::<f64>::builder(Features::Vector(2)).own("square", |_| Ok(Square))?.build();
    /// assert_eq!(network.predict(gmp_autograd::Mat::new(&[3.0, -4.0], 1, 2)), [9.0, 16.0]);
    /// assert!(network.spec().is_none());
    /// # Ok::<(), gmp_nn::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there already is a layer with that name, or `declare` fails.
    pub fn own<L: Layer<T> + 'static>(
        mut self,
        name: &str,
        declare: impl FnOnce(&mut Declare<'_, T>) -> Result<L, Error>,
    ) -> Result<Self, Error> {
        self.spec = None;
        let layer = self.named(name, |builder, name| {
            let layer = declare(&mut builder.declare(name))?;
            builder.features = layer.output(builder.features);
            Ok(Box::new(layer))
        })?;
        self.layers.push(layer);
        Ok(self)
    }

    /// The network.
    pub fn build(self) -> Network<T> {
        Network::new(self.spec, self.input, Chain(self.layers), self.parameters, self.buffers)
    }

    fn declare<'a>(&'a mut self, layer: &'a str) -> Declare<'a, T> {
        Declare {
            layer,
            input: self.features,
            seed: self.seed,
            parameters: &mut self.parameters,
            buffers: &mut self.buffers,
        }
    }

    /// A layer that `make` makes, under a name that no other has.
    fn named(
        &mut self,
        name: &str,
        make: impl FnOnce(&mut Self, &str) -> Result<Box<dyn Layer<T>>, Error>,
    ) -> Result<NamedLayer<T>, Error> {
        if !self.names.insert(name.to_owned()) {
            return Err(Error::DuplicateName { layer: name.to_owned() });
        }
        let start = self.parameters.values().len();
        let layer = make(self, name)?;
        Ok(NamedLayer { name: name.to_owned(), layer, parameters: start..self.parameters.values().len() })
    }

    fn described(&mut self, name: &str, spec: &LayerSpec) -> Result<NamedLayer<T>, Error> {
        self.named(name, |builder, name| T::layer(builder, name, spec))
    }

    fn make(&mut self, name: &str, spec: &LayerSpec) -> Result<Box<dyn Layer<T>>, Error> {
        Ok(match *spec {
            LayerSpec::Dense(Dense {
                units,
                parameterization,
                ref normalization,
                activation,
                ref geometric,
            }) => {
                let Features::Vector(inputs) = self.features else {
                    return Err(self.misfit(name, "a vector"));
                };
                let output = Features::Vector(units);
                let p = parameterization.with(geometric);
                self.units(name, Linear::Dense, [inputs, units], output, p, normalization, activation)?
            }
            LayerSpec::Convolution(Convolution {
                filters,
                window,
                parameterization,
                ref normalization,
                activation,
                ref geometric,
            }) => {
                let input = self.image(name)?;
                let output = slide(name, input, window, filters)?;
                let (linear, sizes) = (Linear::Convolution { input, window }, [input.channels, filters]);
                let p = parameterization.with(geometric);
                self.units(name, linear, sizes, output, p, normalization, activation)?
            }
            LayerSpec::Normalization { ref normalization, activation } => {
                let columns = self.features.columns();
                let Some(kind) = normalization.implementation::<T>() else {
                    return Err(Error::NoNormalization { layer: name.to_owned() });
                };
                let normalizer = kind.declare(columns, &mut self.declare(name))?;
                Box::new(NormalizationLayer { normalizer, name: kind.name(), activation })
            }
            LayerSpec::MaxPool { window } => {
                let input = self.image(name)?;
                self.features = slide(name, input, window, input.channels)?;
                Box::new(MaxPool { input, window, output: self.features })
            }
            LayerSpec::GlobalAveragePool => {
                let (pixels, channels) = self.pixels(name)?;
                self.features = Features::Vector(channels);
                Box::new(GlobalAveragePool { pixels, channels })
            }
            LayerSpec::Flatten => {
                let (pixels, channels) = self.pixels(name)?;
                let too_large =
                    || Error::TooLarge { layer: name.to_owned(), rows: pixels, columns: channels };
                let numbers = pixels.checked_mul(channels).ok_or_else(too_large)?;
                self.features = Features::Vector(numbers);
                Box::new(Flatten { pixels, numbers })
            }
            LayerSpec::Residual { ref main, ref shortcut } => {
                let input = self.features;
                let main = self.branch(NetworkSpec::branch(name, "main", main))?;
                let after_main = std::mem::replace(&mut self.features, input);
                let shortcut = self.branch(NetworkSpec::branch(name, "shortcut", shortcut))?;
                if self.features != after_main {
                    let (found, expected) = (self.features, format!("the main branch's {after_main:?}"));
                    return Err(Error::Misfit { layer: format!("{name}.shortcut"), found, expected });
                }
                Box::new(Residual { main, shortcut })
            }
        })
    }

    fn branch<'a>(
        &mut self,
        layers: impl Iterator<Item = (String, &'a LayerSpec)>,
    ) -> Result<Chain<T>, Error> {
        layers.map(|(name, spec)| self.described(&name, spec)).collect::<Result<_, _>>().map(Chain)
    }

    fn units(
        &mut self,
        name: &str,
        linear: Linear,
        [inputs, units]: [usize; 2],
        output: Features,
        parameterization: &dyn Parameterize<T>,
        normalization: &Normalization,
        activation: Activation,
    ) -> Result<Box<dyn Layer<T>>, Error> {
        if inputs == 0 || units == 0 {
            return Err(Error::EmptyLayer { layer: name.to_owned(), inputs, units });
        }
        let rows = linear.fan(inputs);
        let mut initial = filled(name, rows, units, T::ZERO)?;
        let fans = [rows, parameterization.fan_out(linear, units)];
        match &mut self.weights {
            Some(weights) => weights(name, fans, &mut initial),
            None => {
                let mut rng = Rng::new(self.seed, &format!("initial weights of {name}"));
                init::glorot_uniform(&mut rng, fans[0], fans[1], &mut initial);
            }
        }
        let mut declare = self.declare(name);
        let weights = parameterization.declare(Mat::new(&initial, rows, units), &mut declare)?;
        let mut normalizer = None;
        if let Some(kind) = normalization.implementation::<T>() {
            let placement = kind.placement();
            let columns = if placement == Placement::Input { inputs } else { units };
            normalizer = Some((placement, kind.declare(columns, &mut declare)?));
        }
        self.features = output;
        let kind = match linear {
            Linear::Dense => "dense".to_owned(),
            Linear::Convolution { window, .. } => format!("convolution {0}×{0}", window.size),
        };
        let mut summary = format!("{kind}, {}", parameterization.name());
        if !normalization.is_none() {
            summary += &format!(", {normalization}");
        }
        if activation != Activation::Identity {
            summary += &format!(", {activation}");
        }
        Ok(Box::new(UnitLayer { linear, weights, normalization: normalizer, activation, output, summary }))
    }

    /// One image of what flows in.
    fn image(&self, name: &str) -> Result<Images, Error> {
        match self.features {
            Features::Image { height, width, channels } => Ok(Images { batch: 1, height, width, channels }),
            Features::Vector(_) => Err(self.misfit(name, "an image")),
        }
    }

    /// Pixels and channels of one image of what flows in.
    fn pixels(&self, name: &str) -> Result<(usize, usize), Error> {
        let Images { height, width, channels, .. } = self.image(name)?;
        let too_large = || Error::TooLarge { layer: name.to_owned(), rows: height, columns: width };
        Ok((height.checked_mul(width).ok_or_else(too_large)?, channels))
    }

    fn misfit(&self, name: &str, expected: &str) -> Error {
        Error::Misfit { layer: name.to_owned(), found: self.features, expected: expected.to_owned() }
    }
}

/// What comes out of a window that slides over an image.
fn slide(name: &str, input: Images, window: Window, channels: usize) -> Result<Features, Error> {
    let geometry = Geometry::new(input, window, channels)
        .map_err(|source| Error::Window { layer: name.to_owned(), source })?;
    let Images { height, width, channels, .. } = geometry.output();
    Ok(Features::Image { height, width, channels })
}
