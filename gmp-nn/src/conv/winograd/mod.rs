//! 3×3 convolutions of stride 1 by Winograd's F(4×4, 3×3): 36 products where a direct one takes 144.
//!
//! A tile of 4×4 outputs needs 6×6 inputs. Both are taken to 36 points, where the convolution is a product
//! of (tiles × channels) and (channels × filters) matrices. All transformed numbers lie in *lines* of L
//! neighbouring channels (64 bytes), `[point][channel block][tile]`, so that the products read and write
//! contiguous memory and nothing is packed twice. The work goes in *pieces* of some tens of tiles, whose
//! transformed numbers stay in the second- and third-level caches.
//!
//! The data gradient is the same operation on the output's gradient with turned, transposed weights. The weight
//! gradient is the transpose of the forward pass: `Gᵀ[Σ_tiles (Bᵀ d B) ∘ (A y Aᵀ)]G`.

mod forward;
mod gradient;
mod transform;

pub(super) use forward::correlate;
pub(super) use gradient::weight_gradient;

use super::Geometry;
use super::kernel::{Runs, load};
use gmp_math::Scalar;
use transform::{IN, OUT, POINTS};

/// Tiles in a piece; a whole number of rows of tiles, so about this many.
const PIECE: usize = 48;

/// Sizes of one pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiling {
    batch: usize,
    height: usize,
    width: usize,
    channels: usize,
    out_height: usize,
    out_width: usize,
    filters: usize,
    top: usize,
    left: usize,
}

impl Tiling {
    pub(super) fn forward(g: &Geometry) -> Self {
        Self {
            batch: g.input.batch,
            height: g.input.height,
            width: g.input.width,
            channels: g.input.channels,
            out_height: g.output.height,
            out_width: g.output.width,
            filters: g.output.channels,
            top: g.top,
            left: g.left,
        }
    }
    /// From the output's gradient to the input's.
    pub(super) fn data_gradient(g: &Geometry) -> Self {
        Self {
            batch: g.input.batch,
            height: g.output.height,
            width: g.output.width,
            channels: g.output.channels,
            out_height: g.input.height,
            out_width: g.input.width,
            filters: g.input.channels,
            top: 2 - g.top,
            left: 2 - g.left,
        }
    }
    /// Tiles of a strip, which is a row of tiles of one image.
    fn strip(&self) -> usize {
        self.out_width.div_ceil(OUT)
    }
    fn strips_an_image(&self) -> usize {
        self.out_height.div_ceil(OUT)
    }
    fn strips(&self) -> usize {
        self.batch * self.strips_an_image()
    }
    /// First row of outputs of a strip, counted over all images.
    fn first_row(&self, strip: usize) -> usize {
        let (image, y) = (strip / self.strips_an_image(), strip % self.strips_an_image());
        image * self.out_height + (y * OUT).min(self.out_height)
    }
    fn strips_a_piece(&self) -> usize {
        (PIECE / self.strip()).max(1)
    }
    fn multiplications(&self) -> usize {
        self.strips() * self.strip() * POINTS * self.channels * self.filters
    }

    /// Takes the 6×6 pixels under every tile of a strip to the points.
    #[inline(always)]
    fn transform_input<T: Scalar, const L: usize>(&self, x: &[T], strip: usize, v: &mut Lines<'_, T, L>, at: usize) {
        let (image, y) = (strip / self.strips_an_image(), strip % self.strips_an_image());
        let x = &x[image * self.height * self.width * self.channels..][..self.height * self.width * self.channels];
        let top = (y * OUT) as isize - self.top as isize;
        for t in 0..self.strip() {
            let left = (t * OUT) as isize - self.left as isize;
            let inside = |first: isize, extent: usize, i: usize| {
                usize::try_from(first + i as isize).ok().filter(|&i| i < extent)
            };
            for block in 0..self.channels.div_ceil(L) {
                let mut d = [[[T::ZERO; L]; IN]; IN];
                for (i, d) in d.iter_mut().enumerate() {
                    let Some(row) = inside(top, self.height, i) else { continue };
                    for (j, d) in d.iter_mut().enumerate() {
                        let Some(col) = inside(left, self.width, j) else { continue };
                        let pixel = &x[(row * self.width + col) * self.channels..][..self.channels];
                        *d = load(&pixel[block * L..]);
                    }
                }
                v.put(block, at + t, &transform::both_axes(&d, transform::input));
            }
        }
    }

    /// Takes the gradients of the 4×4 outputs of every tile of a strip to the points.
    #[inline(always)]
    fn transform_gradient<T: Scalar, const L: usize>(&self, dy: &[T], strip: usize, z: &mut Lines<'_, T, L>, at: usize) {
        let y = strip % self.strips_an_image();
        let first = self.first_row(strip);
        let rows = OUT.min(self.out_height - y * OUT);
        for t in 0..self.strip() {
            let cols = OUT.min(self.out_width - t * OUT);
            for block in 0..self.filters.div_ceil(L) {
                let mut d = [[[T::ZERO; L]; OUT]; OUT];
                for (i, d) in d[..rows].iter_mut().enumerate() {
                    for (j, d) in d[..cols].iter_mut().enumerate() {
                        let pixel = (first + i) * self.out_width + t * OUT + j;
                        *d = load(&dy[pixel * self.filters..][..self.filters][block * L..]);
                    }
                }
                z.put(block, at + t, &transform::both_axes(&d, transform::gradient));
            }
        }
    }
}

/// Sizes of a piece's transformed numbers: `[point][block][tile]` lines.
#[derive(Clone, Copy)]
struct Layout {
    blocks: usize,
    tiles: usize,
}
impl Layout {
    /// Lines from one point to the next: odd, so that the 36 lines of a tile fall into 36 sets of the cache.
    fn point(self) -> usize {
        (self.blocks * self.tiles) | 1
    }
    fn lines(self) -> usize {
        POINTS * self.point()
    }
    fn start(self, point: usize, block: usize) -> usize {
        point * self.point() + block * self.tiles
    }
    /// Where the numbers of a tile's channels lie, seen from its first.
    fn runs(self, lanes: usize) -> Runs {
        Runs { count: self.blocks, distance: self.tiles * lanes, len: lanes }
    }
}

struct Lines<'a, T, const L: usize> {
    layout: Layout,
    lines: &'a mut [[T; L]],
}
impl<T: Scalar, const L: usize> Lines<'_, T, L> {
    #[inline(always)]
    fn put(&mut self, block: usize, tile: usize, points: &[[[T; L]; IN]; IN]) {
        let distance = self.layout.point();
        let lines = &mut self.lines[block * self.layout.tiles + tile..];
        for (point, line) in points.as_flattened().iter().enumerate() {
            lines[point * distance] = *line;
        }
    }
    #[inline(always)]
    fn get(&self, block: usize, tile: usize) -> [[[T; L]; IN]; IN] {
        let distance = self.layout.point();
        let lines = &self.lines[block * self.layout.tiles + tile..];
        std::array::from_fn(|i| std::array::from_fn(|j| lines[(i * IN + j) * distance]))
    }
}
