//! Which tensors of a file hold which matrices of a network, and in which order.

use gmp_math::Scalar;
use gmp_nn::{Entry, Network, ParamStore, Role, Slot};

/// Most bytes of a header besides the description of the network's matrices: blanks and the metadata of others.
const MOST_BESIDES: usize = 1 << 20;
/// Most bytes of a matrix's description besides its name.
const MOST_A_MATRIX: usize = 256;

/// The tensors of a file, for one network.
pub(super) struct Layout {
    pub(super) tensors: Vec<Tensor>,
    /// Tensors that a file may have and that say nothing to a network: PyTorch's numbers of batches seen.
    pub(super) ignored: Vec<String>,
}

/// A tensor of a file, which holds one matrix of a network.
pub(super) struct Tensor {
    /// In the file.
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) order: Order,
    pub(super) store: Store,
    pub(super) slot: Slot,
    pub(super) presence: Presence,
}

/// Which of a network's two stores a matrix is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    Parameters,
    Buffers,
}

impl Store {
    pub(super) fn of<T>(self, network: &Network<T>) -> &ParamStore<T> {
        match self {
            Self::Parameters => &network.parameters,
            Self::Buffers => &network.buffers,
        }
    }
}

/// Whether a file has a tensor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Always,
    /// It is written, and zeros where a file lacks it.
    ZerosWithout,
    /// It is not written, and zeros where a file lacks it.
    NotWritten,
}

/// How the numbers of a tensor are arranged, where the matrix is row-major, inputs × units.
#[derive(Clone, Copy)]
pub(super) enum Order {
    AsMatrix,
    /// Units × inputs.
    Transposed,
    /// Units × channels × pixels, of a window or of a flattened image, where the inputs of a unit are in the order (pixel,
    /// channel).
    ChannelsFirst {
        pixels: usize,
        channels: usize,
    },
}

impl Order {
    /// Where element (row, col) of a matrix of this shape is in the tensor.
    fn place(self, row: usize, col: usize, slot: Slot) -> usize {
        match self {
            Self::AsMatrix => row * slot.cols + col,
            Self::Transposed => col * slot.rows + row,
            Self::ChannelsFirst { pixels, channels } => {
                let (pixel, channel) = (row / channels, row % channels);
                (col * channels + channel) * pixels + pixel
            }
        }
    }
}

impl Tensor {
    /// The numbers of the tensor, of those of its store.
    pub(super) fn read_matrix<T: Scalar>(&self, values: &[T]) -> Vec<T> {
        let matrix = self.slot.of(values);
        let mut tensor = vec![T::ZERO; matrix.len()];
        self.each(|i, place| tensor[place] = matrix[i]);
        tensor
    }

    /// Writes the numbers of the tensor into its store.
    pub(super) fn write_matrix<T: Scalar>(&self, tensor: &[T], values: &mut [T]) {
        let matrix = self.slot.of_mut(values);
        self.each(|i, place| matrix[i] = tensor[place]);
    }

    /// Calls `f` with every place in the matrix and the one in the tensor that belongs to it.
    fn each(&self, mut f: impl FnMut(usize, usize)) {
        for row in 0..self.slot.rows {
            (0..self.slot.cols)
                .for_each(|col| f(row * self.slot.cols + col, self.order.place(row, col, self.slot)));
        }
    }
}

impl Layout {
    /// The network's own names and layouts.
    pub(super) fn of<T: Scalar>(network: &Network<T>) -> Self {
        let of_store = |store: Store| {
            store.of(network).entries().iter().map(move |entry| Tensor {
                name: entry.name.clone(),
                shape: shape(entry),
                order: Order::AsMatrix,
                store,
                slot: entry.slot,
                presence: Presence::Always,
            })
        };
        let tensors = of_store(Store::Parameters).chain(of_store(Store::Buffers)).collect();
        Self { tensors, ignored: Vec::new() }
    }

    /// Most bytes that a header with these tensors has.
    pub(super) fn longest_header(&self) -> usize {
        let names = self.tensors.iter().map(|tensor| &tensor.name).chain(&self.ignored);
        // A character of a name may be written with six, as \u0061.
        names.map(|name| MOST_A_MATRIX + 6 * name.len()).sum::<usize>() + MOST_BESIDES
    }
}

fn shape(entry: &Entry) -> Vec<usize> {
    match entry.role {
        Role::Weight | Role::Angle => vec![entry.slot.rows, entry.slot.cols],
        _ if entry.slot.rows == 1 => vec![entry.slot.cols],
        _ => vec![entry.slot.rows, entry.slot.cols],
    }
}
