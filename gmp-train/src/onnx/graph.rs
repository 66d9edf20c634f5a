//! A plain network as a graph of operators.

use super::messages::{Attribute, Dimension, FLOAT, Graph, Node, Shape, Tensor, TensorType, Type, ValueInfo};
use crate::checkpoint::{Problem, write_numbers};
use gmp_nn::conv::{Padding, Window};
use gmp_nn::layer::NamedLayer;
use gmp_nn::{Activation, Element, Features, LayerView, Linear, Network};

/// The graph of a network of standard weights without normalizations.
pub(super) fn of<T: Element>(network: &Network<T>) -> Result<Graph, Problem> {
    let mut builder = Builder { network, nodes: Vec::new(), initializers: Vec::new() };
    let last = builder.layers(network.layers(), network.input(), "input".to_owned())?;
    // Nothing reads what comes out last, unless it is the input itself.
    match builder.nodes.last_mut() {
        Some(node) if node.output[0] == last => "output".clone_into(&mut node.output[0]),
        _ => builder.nodes.push(Node {
            input: vec![last],
            output: vec!["output".to_owned()],
            name: "/Identity".to_owned(),
            op_type: "Identity".to_owned(),
            attribute: Vec::new(),
        }),
    }
    Ok(Graph {
        node: builder.nodes,
        name: "network".to_owned(),
        initializer: builder.initializers,
        input: vec![value("input", network.input())],
        output: vec![value("output", network.output())],
    })
}

/// A batch of any size.
fn value(name: &str, features: Features) -> ValueInfo {
    let sizes = match features {
        Features::Vector(columns) => vec![columns],
        Features::Image { height, width, channels } => vec![channels, height, width],
    };
    let size = |size| Dimension { dim_value: Some(size as i64), dim_param: None };
    let batch = Dimension { dim_value: None, dim_param: Some("batch".to_owned()) };
    let dim = [batch].into_iter().chain(sizes.into_iter().map(size)).collect();
    let tensor_type = Some(TensorType { elem_type: FLOAT, shape: Some(Shape { dim }) });
    ValueInfo { name: name.to_owned(), r#type: Some(Type { tensor_type }) }
}

struct Builder<'a, T> {
    network: &'a Network<T>,
    nodes: Vec<Node>,
    initializers: Vec<Tensor>,
}

impl<T: Element> Builder<'_, T> {
    /// Appends layers into which the value `x` of these features flows, and returns the value that comes out.
    fn layers(
        &mut self,
        layers: &[NamedLayer<T>],
        mut features: Features,
        mut x: String,
    ) -> Result<String, Problem> {
        for NamedLayer { name, layer, .. } in layers {
            let input = features;
            features = layer.output(features);
            x = match layer.view() {
                LayerView::Units(units) => {
                    let z = self.linear(name, units.linear(), x)?;
                    self.activation(name, units.activation(), z)?
                }
                LayerView::MaxPool(window) => self.node(name, "MaxPool", &[&x], slide(window, input)),
                LayerView::GlobalAveragePool => {
                    let mean = self.node(name, "GlobalAveragePool", &[&x], Vec::new());
                    self.node(name, "Flatten", &[&mean], vec![Attribute::int("axis", 1)])
                }
                // The order of this library is that of pixels first.
                LayerView::Flatten { .. } => {
                    let pixels_first = vec![Attribute::ints("perm", &[0, 2, 3, 1])];
                    let turned = self.node(name, "Transpose", &[&x], pixels_first);
                    self.node(name, "Flatten", &[&turned], vec![Attribute::int("axis", 1)])
                }
                LayerView::Residual { main, shortcut } => {
                    let main = self.layers(main.layers(), input, x.clone())?;
                    let shortcut = self.layers(shortcut.layers(), input, x)?;
                    let sum = self.node(name, "Add", &[&main, &shortcut], Vec::new());
                    self.node(name, "Relu", &[&sum], Vec::new())
                }
                _ => return Err(no_operator(name, "it is none of the layers that folding leaves")),
            };
        }
        Ok(x)
    }

    /// Appends an operator of a layer, and returns the value that comes out.
    fn node(&mut self, layer: &str, op: &str, inputs: &[&str], attribute: Vec<Attribute>) -> String {
        // An activation may have an operator more than once.
        let place =
            self.nodes.iter().rev().take_while(|node| node.name.starts_with(&format!("/{layer}/"))).count();
        let name = match place {
            0 => format!("/{layer}/{op}"),
            _ => format!("/{layer}/{op}_{place}"),
        };
        let input = inputs.iter().map(|&input| input.to_owned()).collect();
        self.nodes.push(Node {
            input,
            output: vec![name.clone()],
            name: name.clone(),
            op_type: op.to_owned(),
            attribute,
        });
        name
    }

    fn linear(&mut self, layer: &str, linear: Linear, x: String) -> Result<String, Problem> {
        let matrix = |own: &str| {
            let name = format!("{layer}.{own}");
            let found = self.network.parameters.matrix(&name);
            found.ok_or_else(|| no_operator(layer, "it has no standard weights and biases"))
        };
        let (weights, bias) = (matrix("weights")?, matrix("bias")?);
        let (op, attribute, dims, numbers) = match linear {
            Linear::Dense => {
                ("Gemm", Vec::new(), vec![weights.rows(), weights.cols()], weights.data().to_vec())
            }
            Linear::Convolution { input, window } => {
                let features =
                    Features::Image { height: input.height, width: input.width, channels: input.channels };
                let (size, channels, filters) = (window.size, input.channels, weights.cols());
                // Filters × channels × rows × columns, of rows × columns × channels × filters.
                let filter = |f: usize| {
                    (0..channels)
                        .flat_map(move |c| (0..size * size).map(move |p| weights.at(p * channels + c, f)))
                };
                let numbers = (0..filters).flat_map(filter).collect();
                ("Conv", slide(window, features), vec![filters, channels, size, size], numbers)
            }
        };
        let bias = bias.data().to_vec();
        let units = bias.len();
        let weights = self.initializer(format!("{layer}.weight"), &dims, &numbers)?;
        let bias = self.initializer(format!("{layer}.bias"), &[units], &bias)?;
        Ok(self.node(layer, op, &[&x, &weights, &bias], attribute))
    }

    fn activation(&mut self, layer: &str, activation: Activation, z: String) -> Result<String, Problem> {
        let mut one = |op: &str, attribute| Ok(self.node(layer, op, &[&z], attribute));
        match activation {
            Activation::Identity => Ok(z),
            Activation::Relu => one("Relu", Vec::new()),
            Activation::LeakyRelu { slope } => {
                one("LeakyRelu", vec![Attribute::float("alpha", slope as f32)])
            }
            Activation::AbsoluteValue => one("Abs", Vec::new()),
            Activation::Tanh => one("Tanh", Vec::new()),
            Activation::Sigmoid => one("Sigmoid", Vec::new()),
            Activation::Softplus => one("Softplus", Vec::new()),
            Activation::HardTanh => {
                let least = self.constant(layer, "least", -1.0)?;
                let greatest = self.constant(layer, "greatest", 1.0)?;
                Ok(self.node(layer, "Clip", &[&z, &least, &greatest], Vec::new()))
            }
            Activation::Silu => {
                let sigmoid = self.node(layer, "Sigmoid", &[&z], Vec::new());
                Ok(self.node(layer, "Mul", &[&z, &sigmoid], Vec::new()))
            }
            Activation::Gelu => {
                // z (1 + erf(z/√2))/2: an operator of its own is only in opset 20.
                let scale = self.constant(layer, "scale", std::f64::consts::FRAC_1_SQRT_2)?;
                let (one, half) = (self.constant(layer, "one", 1.0)?, self.constant(layer, "half", 0.5)?);
                let scaled = self.node(layer, "Mul", &[&z, &scale], Vec::new());
                let erf = self.node(layer, "Erf", &[&scaled], Vec::new());
                let sum = self.node(layer, "Add", &[&erf, &one], Vec::new());
                let product = self.node(layer, "Mul", &[&z, &sum], Vec::new());
                Ok(self.node(layer, "Mul", &[&product, &half], Vec::new()))
            }
            Activation::Custom(_) => {
                Err(no_operator(layer, &format!("there is no operator for the activation {activation}")))
            }
        }
    }

    fn constant(&mut self, layer: &str, name: &str, value: f64) -> Result<String, Problem> {
        self.initializer(format!("{layer}.{name}"), &[], &[T::from_f64(value)])
    }

    /// Appends numbers in single precision, and returns their name.
    fn initializer(&mut self, name: String, dims: &[usize], numbers: &[T]) -> Result<String, Problem> {
        let numbers: Vec<f32> = numbers.iter().map(|x| x.to_f64() as f32).collect();
        if let Some(index) = numbers.iter().position(|x| !x.is_finite()) {
            let value = f64::from(numbers[index]);
            return Err(Problem::BrokenNumber { tensor: name, index, value, scalar: "f32" });
        }
        let mut raw_data = Vec::with_capacity(size_of_val(&numbers[..]));
        write_numbers(&numbers, &mut raw_data);
        let dims = dims.iter().map(|&size| size as i64).collect();
        self.initializers.push(Tensor { dims, data_type: FLOAT, name: name.clone(), raw_data });
        Ok(name)
    }
}

/// The attributes of a window on images of these features.
fn slide(window: Window, features: Features) -> Vec<Attribute> {
    let Features::Image { height, width, .. } = features else { unreachable!("windows are on images") };
    let Window { size, stride, padding } = window;
    // Pixels before and after an axis. What surrounds a pool is nothing, in ONNX too.
    let pads = |extent: usize| match padding {
        Padding::Valid => [0, 0],
        Padding::Symmetric(side) => [side, side],
        Padding::Same => {
            let all = ((extent.div_ceil(stride) - 1) * stride + size).saturating_sub(extent);
            [all / 2, all - all / 2]
        }
    };
    let ([top, bottom], [left, right]) = (pads(height), pads(width));
    vec![
        Attribute::ints("kernel_shape", &[size, size]),
        Attribute::ints("strides", &[stride, stride]),
        Attribute::ints("pads", &[top, left, bottom, right]),
    ]
}

fn no_operator(layer: &str, reason: &str) -> Problem {
    Problem::NoModule { layer: layer.to_owned(), reason: reason.to_owned() }
}
