//! 3×3 convolutions of stride 1 by Winograd's F(4×4, 3×3): 36 products where a direct one takes 144.
//!
//! A tile of 4×4 outputs needs 6×6 inputs. Both are taken to 36 points, where the convolution is a product
//! of (tiles × channels) and (channels × filters) matrices. All transformed numbers lie in *lines* of L
//! neighbouring channels (64 bytes), so that the products read and write
//! contiguous memory and nothing is packed twice. The work goes in *pieces* of some tens of tiles, whose
//! transformed numbers stay in the second- and third-level caches.
//!
//! Where the weights outweigh the tiles, `few_tiles` makes each panel of transformed weights where it is used:
//! 512 to 512 channels at 7×7, batch 8, then take two thirds of the time and an eighth of the memory.
//!
//! The data gradient is the same operation on the output's gradient with turned, transposed weights. The weight
//! gradient is the transpose of the forward pass: `Gᵀ[Σ_tiles (Bᵀ d B) ∘ (A y Aᵀ)]G`.

mod few_tiles;
mod forward;
mod gradient;
mod transform;

pub(super) use forward::correlate;
pub(super) use gradient::weight_gradient;

use super::Geometry;
use super::kernel::{Runs, load};
use gmp_math::Scalar;
use std::ops::Range;
use transform::{Half, IN, OUT, POINTS};

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
    /// The same, counted in numbers of the result.
    fn first_output(&self, strip: usize) -> usize {
        self.first_row(strip) * self.out_width * self.filters
    }
    /// Whether the transformed weights are twice as many as the transformed tiles.
    fn has_few_tiles(&self) -> bool {
        let tiles = self.strips() * self.strip();
        self.channels * self.filters >= 2 * tiles * (self.channels + self.filters)
    }
    /// About as many strips as make a piece: fewer tiles where a tile is small, so that a piece stays in the
    /// second-level cache, more where the weights are many, so that these are read less often.
    fn strips_a_piece(&self) -> usize {
        let tiles = ((self.channels + self.filters) / 8).clamp(32, 96);
        (tiles / self.strip()).max(1)
    }
    fn multiplications(&self) -> usize {
        self.strips() * self.strip() * POINTS * self.channels * self.filters
    }

    /// Takes some blocks of channels of the 6×6 pixels under every tile of a strip to the points: v has those blocks.
    #[inline(always)]
    fn transform_input<T: Scalar, const L: usize>(
        &self,
        x: &[T],
        strip: usize,
        blocks: &Range<usize>,
        v: &mut Lines<'_, T, L>,
        at: usize,
    ) {
        let (image, y) = (strip / self.strips_an_image(), strip % self.strips_an_image());
        for t in 0..self.strip() {
            let mut pixels = [[None; IN]; IN];
            for i in 0..IN {
                for j in 0..IN {
                    // In the padding these wrap around, to far outside.
                    let row = (y * OUT + i).wrapping_sub(self.top);
                    let col = (t * OUT + j).wrapping_sub(self.left);
                    if row < self.height && col < self.width {
                        pixels[i][j] = Some(((image * self.height + row) * self.width + col) * self.channels);
                    }
                }
            }
            transform_pixels(x, self.channels, &pixels, blocks, transform::input, v, at + t);
        }
    }

    /// The same for the gradients of the 4×4 outputs of every tile of a strip, and blocks of filters.
    #[inline(always)]
    fn transform_gradient<T: Scalar, const L: usize>(
        &self,
        dy: &[T],
        strip: usize,
        blocks: &Range<usize>,
        z: &mut Lines<'_, T, L>,
        at: usize,
    ) {
        let (image, y) = (strip / self.strips_an_image(), strip % self.strips_an_image());
        for t in 0..self.strip() {
            let mut pixels = [[None; OUT]; OUT];
            for i in 0..OUT {
                for j in 0..OUT {
                    let (row, col) = (y * OUT + i, t * OUT + j);
                    if row < self.out_height && col < self.out_width {
                        pixels[i][j] =
                            Some(((image * self.out_height + row) * self.out_width + col) * self.filters);
                    }
                }
            }
            transform_pixels(dy, self.filters, &pixels, blocks, transform::gradient, z, at + t);
        }
    }
}

/// Takes some blocks of channels of a tile's pixels to the points. `pixels` says where they begin; nowhere is zero.
#[inline(always)]
fn transform_pixels<T: Scalar, const L: usize, const I: usize>(
    x: &[T],
    channels: usize,
    pixels: &[[Option<usize>; I]; I],
    blocks: &Range<usize>,
    f: impl Fn([T; I]) -> [T; IN],
    points: &mut Lines<'_, T, L>,
    tile: usize,
) {
    let zero = [T::ZERO; L];
    let mut half = transform::half();
    let whole = blocks.end.min(channels / L);
    for block in blocks.start..whole {
        let mut lines = [[&zero; I]; I];
        for i in 0..I {
            for j in 0..I {
                if let Some(start) = pixels[i][j] {
                    lines[i][j] =
                        x[start + block * L..].first_chunk().expect("the pixel has L more channels");
                }
            }
        }
        transform::columns(&lines, &mut half, &f);
        points.put(block - blocks.start, tile, &half, &f);
    }
    if whole < blocks.end {
        let (block, rest) = (channels / L, channels % L);
        let mut padded = [[zero; I]; I];
        for i in 0..I {
            for j in 0..I {
                if let Some(start) = pixels[i][j] {
                    padded[i][j] = load(&x[start + block * L..][..rest]);
                }
            }
        }
        transform::columns(&padded.each_ref().map(|row| row.each_ref()), &mut half, &f);
        points.put(block - blocks.start, tile, &half, &f);
    }
}

/// Where the lines of transformed numbers lie.
#[derive(Clone, Copy)]
struct Layout {
    blocks: usize,
    tiles: usize,
    /// Lines from one point to the next: odd, so that the 36 lines of a tile fall into 36 sets of the cache.
    point: usize,
    /// Lines from one block to the next.
    block: usize,
}
impl Layout {
    /// `[point][block][tile]` lines.
    fn by_point(blocks: usize, tiles: usize) -> Self {
        Self { blocks, tiles, point: (blocks * tiles) | 1, block: tiles }
    }
    /// `[block][point][tile]` lines, for blocks that belong to different threads.
    fn by_block(blocks: usize, tiles: usize) -> Self {
        Self { blocks, tiles, point: tiles | 1, block: POINTS * (tiles | 1) }
    }
    fn lines(self) -> usize {
        (POINTS * self.point).max(self.blocks * self.block)
    }
    fn start(self, point: usize, block: usize) -> usize {
        point * self.point + block * self.block
    }
    /// The lines of all points, for a block of channels of a tile.
    #[inline(always)]
    fn get<T, const L: usize>(self, lines: &[[T; L]], block: usize, tile: usize) -> [[&[T; L]; IN]; IN] {
        let lines = &lines[self.start(0, block) + tile..];
        let mut points = [[&lines[0]; IN]; IN];
        for i in 0..IN {
            for j in 0..IN {
                points[i][j] = &lines[(i * IN + j) * self.point];
            }
        }
        points
    }
    /// Where the numbers of a tile's channels lie, seen from its first.
    fn runs(self, lanes: usize) -> Runs {
        Runs { count: self.blocks, distance: self.block * lanes, len: lanes }
    }
}

struct Lines<'a, T, const L: usize> {
    layout: Layout,
    lines: &'a mut [[T; L]],
}
impl<T: Scalar, const L: usize> Lines<'_, T, L> {
    /// Completes a transform and stores its points, for a block of channels of a tile.
    #[inline(always)]
    fn put<const I: usize>(
        &mut self,
        block: usize,
        tile: usize,
        half: &Half<T, L>,
        f: impl Fn([T; I]) -> [T; IN],
    ) {
        let distance = self.layout.point;
        let lines = &mut self.lines[self.layout.start(0, block) + tile..];
        for o in 0..IN {
            let row = transform::row(half, o, &f);
            for p in 0..IN {
                lines[(o * IN + p) * distance] = row[p];
            }
        }
    }
}
