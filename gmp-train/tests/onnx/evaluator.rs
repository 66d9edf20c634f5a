//! Runs a graph by the definitions of its operators, in plain loops and double precision.

use super::wire::Fields;
use gmp_math::Scalar;
use std::collections::HashMap;

/// A tensor: its sizes and its numbers in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Array {
    pub(super) dims: Vec<usize>,
    pub(super) numbers: Vec<f64>,
}

impl Array {
    fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { dims: self.dims.clone(), numbers: self.numbers.iter().map(|&x| f(x)).collect() }
    }
    /// Element by element; the second may be one number for all.
    fn with(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        assert!(other.dims.is_empty() || other.dims == self.dims, "{:?} and {:?}", self.dims, other.dims);
        let others = other.numbers.iter().cycle();
        let numbers = self.numbers.iter().zip(others).map(|(&a, &b)| f(a, b)).collect();
        Self { dims: self.dims.clone(), numbers }
    }
    fn four(&self) -> [usize; 4] {
        self.dims[..].try_into().unwrap_or_else(|_| panic!("{:?} is no batch of images", self.dims))
    }
}

/// The output of the model for an input.
pub(super) fn run(model: &[u8], input: Array) -> Array {
    let graph = Fields::of(model).message(7);
    let mut values: HashMap<&str, Array> = HashMap::from([("input", input)]);
    for tensor in graph.messages(5) {
        assert_eq!(tensor.numbers(2), [1], "single precision");
        let raw = tensor.bytes(9)[0];
        let numbers = raw.as_chunks().0.iter().map(|&x| f64::from(f32::from_le_bytes(x))).collect();
        let array = Array { dims: tensor.numbers(1), numbers };
        assert_eq!(array.dims.iter().product::<usize>(), array.numbers.len());
        assert!(values.insert(tensor.text(8), array).is_none(), "{} twice", tensor.text(8));
    }
    for node in graph.messages(1) {
        let inputs: Vec<&Array> = node.texts(1).iter().map(|name| &values[name]).collect();
        let array = operator(&node, &inputs);
        let [name] = node.texts(2)[..] else { panic!("one output per operator") };
        assert!(values.insert(name, array).is_none(), "{name} twice");
    }
    values.remove("output").unwrap()
}

fn operator(node: &Fields<'_>, inputs: &[&Array]) -> Array {
    let attributes = node.messages(5);
    let attribute = |name: &str| attributes.iter().find(|attribute| attribute.text(1) == name);
    let ints = |name: &str| attribute(name).unwrap_or_else(|| panic!("{name}")).numbers(8);
    match (node.text(4), inputs) {
        ("Gemm", [x, w, b]) => gemm(x, w, b),
        ("Conv", [x, w, b]) => {
            assert_eq!(ints("kernel_shape"), w.dims[2..]);
            slide(
                x,
                &ints("kernel_shape"),
                &ints("strides"),
                &ints("pads"),
                w.dims[0],
                |image, filter, window| {
                    let channels = w.dims[1];
                    let size = w.dims[2] * w.dims[3];
                    let products = window.iter().flat_map(|&(place, pixel)| {
                        (0..channels).map(move |c| {
                            (image * channels + c, place, (filter * channels + c) * size + pixel)
                        })
                    });
                    let plane = x.dims[2] * x.dims[3];
                    let sum: f64 =
                        products.map(|(c, place, i)| x.numbers[c * plane + place] * w.numbers[i]).sum();
                    sum + b.numbers[filter]
                },
            )
        }
        ("MaxPool", [x]) => {
            let plane = x.dims[2] * x.dims[3];
            let channels = x.dims[1];
            slide(
                x,
                &ints("kernel_shape"),
                &ints("strides"),
                &ints("pads"),
                channels,
                |image, channel, window| {
                    let under = window
                        .iter()
                        .map(|(place, _)| x.numbers[(image * channels + channel) * plane + place]);
                    under.fold(f64::NEG_INFINITY, f64::max)
                },
            )
        }
        ("GlobalAveragePool", [x]) => {
            let [images, channels, rows, cols] = x.four();
            let means =
                x.numbers.chunks(rows * cols).map(|plane| plane.iter().sum::<f64>() / (rows * cols) as f64);
            Array { dims: vec![images, channels, 1, 1], numbers: means.collect() }
        }
        ("Flatten", [x]) => {
            assert_eq!(attribute("axis").unwrap().numbers(3), [1]);
            Array { dims: vec![x.dims[0], x.dims[1..].iter().product()], numbers: x.numbers.clone() }
        }
        ("Transpose", [x]) => {
            assert_eq!(ints("perm"), [0, 2, 3, 1]);
            let [images, channels, rows, cols] = x.four();
            let plane = rows * cols;
            let of_image = |image: usize| {
                (0..plane * channels)
                    .map(move |i| (image * channels + i % channels) * plane + i / channels)
                    .map(|place| x.numbers[place])
            };
            let numbers = (0..images).flat_map(of_image).collect();
            Array { dims: vec![images, rows, cols, channels], numbers }
        }
        ("Identity", [x]) => (*x).clone(),
        ("Add", [a, b]) => a.with(b, |a, b| a + b),
        ("Mul", [a, b]) => a.with(b, |a, b| a * b),
        ("Clip", [x, least, greatest]) => x.with(least, f64::max).with(greatest, f64::min),
        ("Relu", [x]) => x.map(|x| x.max(0.0)),
        ("LeakyRelu", [x]) => {
            let slope = f64::from(attribute("alpha").unwrap().float(2).unwrap());
            x.map(|x| if x > 0.0 { x } else { slope * x })
        }
        ("Abs", [x]) => x.map(f64::abs),
        ("Tanh", [x]) => x.map(f64::tanh),
        ("Sigmoid", [x]) => x.map(|x| 1.0 / (1.0 + (-x).exp())),
        ("Softplus", [x]) => x.map(|x| x.exp().ln_1p()),
        ("Erf", [x]) => x.map(Scalar::erf),
        (other, inputs) => panic!("{other} of {} inputs", inputs.len()),
    }
}

fn gemm(x: &Array, w: &Array, b: &Array) -> Array {
    let ([samples, inputs], [rows, units]) = ([x.dims[0], x.dims[1]], [w.dims[0], w.dims[1]]);
    assert_eq!((inputs, &b.dims[..]), (rows, &[units][..]));
    let element = |sample: usize, unit: usize| {
        let products = (0..inputs).map(|i| x.numbers[sample * inputs + i] * w.numbers[i * units + unit]);
        products.sum::<f64>() + b.numbers[unit]
    };
    let numbers = (0..samples).flat_map(|sample| (0..units).map(move |unit| (sample, unit)));
    Array {
        dims: vec![samples, units],
        numbers: numbers.map(|(sample, unit)| element(sample, unit)).collect(),
    }
}

/// Calls `f` with the image, the channel that comes out, and what lies under the window inside the image: places in a plane,
/// and places in the window.
fn slide(
    x: &Array,
    kernel: &[usize],
    strides: &[usize],
    pads: &[usize],
    channels: usize,
    f: impl Fn(usize, usize, &[(usize, usize)]) -> f64,
) -> Array {
    let [images, _, rows, cols] = x.four();
    let extent =
        |axis: usize, size: usize| (size + pads[axis] + pads[axis + 2] - kernel[axis]) / strides[axis] + 1;
    let (out_rows, out_cols) = (extent(0, rows), extent(1, cols));
    let mut numbers = Vec::new();
    for (image, channel) in (0..images).flat_map(|i| (0..channels).map(move |c| (i, c))) {
        for (row, col) in (0..out_rows).flat_map(|r| (0..out_cols).map(move |c| (r, c))) {
            let mut window = Vec::new();
            for (i, j) in (0..kernel[0]).flat_map(|i| (0..kernel[1]).map(move |j| (i, j))) {
                let place = |position: usize, step: usize, offset: usize, pad: usize| {
                    (position * step + offset).checked_sub(pad)
                };
                let at = (place(row, strides[0], i, pads[0]), place(col, strides[1], j, pads[1]));
                if let (Some(r), Some(c)) = at
                    && r < rows
                    && c < cols
                {
                    window.push((r * cols + c, i * kernel[1] + j));
                }
            }
            numbers.push(f(image, channel, &window));
        }
    }
    Array { dims: vec![images, channels, out_rows, out_cols], numbers }
}
