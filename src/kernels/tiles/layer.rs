//! A rectified layer by tiles, and what becomes of its outputs.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::weight::TileWeight;
use super::{Multiply, Tiles};
use crate::kernels::bfloat::{TILE_EDGE, TILE_ITEMS, TiledItems};
#[cfg(tiles)]
use crate::kernels::level::avx512;
#[cfg(test)]
use crate::kernels::portable::Portable;
use crate::kernels::simd::{Kernel, Simd};

/// What becomes of a layer's outputs.
#[derive(Debug)]
pub enum After<'a> {
    /// They are rounded, and describe the first items of others.
    Rounded {
        to: &'a mut TiledItems,
        /// The squares of what rounding takes from each item's, summed.
        lost: &'a mut [f32],
    },
    /// They are multiplied by a column, unrounded.
    Product {
        /// As many as the layer has outputs.
        column: &'a [f32],
        /// One number for each item.
        products: &'a mut [f32],
    },
}

/// Computes `rectified(weight * item + bias)` of some items, in whole tiles, and what comes
/// after it. The first item is a multiple of [`TILE_EDGE`].
///
/// `bias` has the output's in [`TILE_ITEMS`] numbers for each output. `squares` gets the sum
/// of the squares of each item's outputs: of the rounded ones, where they are rounded. What
/// has a number for each item has room for whole tiles; items of padding are computed too.
pub fn coarse_layer(
    tiles: Tiles,
    items: &TiledItems,
    range: Range<usize>,
    weight: &TileWeight,
    bias: &[f32],
    squares: &mut [f32],
    after: After,
) {
    let whole = range.len().next_multiple_of(TILE_EDGE);
    let fits = match &after {
        After::Rounded { to, lost } => {
            whole <= to.items() && weight.outputs() == to.width() && whole <= lost.len()
        }
        After::Product { column, products } => {
            weight.outputs() == column.len() && whole <= products.len()
        }
    };
    assert!(
        range.start.is_multiple_of(TILE_EDGE)
            && range.start + whole <= items.items()
            && items.width() == weight.inputs()
            && bias.len() == TILE_ITEMS * weight.outputs()
            && whole <= squares.len()
            && fits,
        "the shapes of a layer must agree"
    );
    let layer = Layer { items, range, weight, bias, squares, after };
    match tiles.0 {
        #[cfg(tiles)]
        super::Instructions::Amx => {
            // SAFETY: there is a value of it only where the process was granted tiles, on the
            // level avx512; they are set up until this call's end, which sets up no others.
            unsafe { avx512(By { tiles: &super::amx::Amx::set_up(), layer }) };
        }
        #[cfg(test)]
        super::Instructions::Emulated => {
            By { tiles: &super::emulated::Emulated, layer }.run(Portable);
        }
    }
}

/// A layer whose shapes agree.
struct Layer<'a, 'b> {
    items: &'a TiledItems,
    range: Range<usize>,
    weight: &'a TileWeight,
    bias: &'a [f32],
    squares: &'a mut [f32],
    after: After<'b>,
}

/// One layer by one kind of tiles.
struct By<'a, 'b, T> {
    tiles: &'a T,
    layer: Layer<'a, 'b>,
}

/// Room for the sums of as many outputs as items.
#[repr(align(64))]
struct Sums(MaybeUninit<[f32; TILE_EDGE * TILE_EDGE]>);

impl<T: Multiply> Kernel for By<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { tiles, layer } = self;
        let Layer { items, range, weight, bias, squares, mut after } = layer;
        let mut sums = Sums(MaybeUninit::uninit());
        let sums = sums.0.as_mut_ptr().cast::<f32>();
        let steps = items.width() / TILE_EDGE;
        for first in (0..range.len()).step_by(TILE_EDGE) {
            let squares = &mut squares[first..first + TILE_EDGE];
            squares.fill(0.0);
            match &mut after {
                After::Rounded { lost, .. } => lost[first..first + TILE_EDGE].fill(0.0),
                After::Product { products, .. } => products[first..first + TILE_EDGE].fill(0.0),
            }
            let from = items.tile(range.start + first, 0);
            // The items after these, which may lie behind the last: asking reads nothing.
            let ahead = from.wrapping_add(TILE_EDGE * items.width());
            for line in 0..TILE_EDGE * steps {
                simd.prefetch(ahead.wrapping_add(line * TILE_EDGE).cast());
            }
            for output in (0..weight.outputs()).step_by(TILE_EDGE) {
                let bias = bias[output * TILE_ITEMS..].as_ptr();
                // SAFETY: there are two tiles of items from `first` on for each step, and as
                // many inputs of each output, of which there are TILE_EDGE from `output` on,
                // as there are of biases. `sums` has room for all.
                unsafe { tiles.multiply(from, steps, weight.row(output), bias, sums) };
                for item in (0..TILE_EDGE).step_by(S::LANES) {
                    // SAFETY: `sums` are of TILE_EDGE outputs and items, of which LANES divides
                    // the number; so many numbers of each item are there to be added to, and
                    // for each output there is a tile to write or a number of the column.
                    unsafe {
                        let sums = sums.add(item);
                        let square = squares[item..].as_mut_ptr();
                        match &mut after {
                            After::Rounded { to, lost } => {
                                let place = 2 * (item % TILE_ITEMS);
                                let to = to.tile_mut(first + item, output).add(place);
                                let lost = lost[first + item..].as_mut_ptr();
                                round_outputs(simd, sums, to, square, lost);
                            }
                            After::Product { column, products, .. } => {
                                let column = &column[output..output + TILE_EDGE];
                                let product = products[first + item..].as_mut_ptr();
                                multiply_outputs(simd, sums, column, square, product);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Rectifies and rounds the outputs of [`Simd::LANES`] items into their pairs of a tile, and
/// adds up the squares of what is left, and of what is lost.
///
/// # Safety
/// TILE_EDGE rows of so many sums can be read, TILE_EDGE numbers apart; half as many rows of
/// so many pairs be written, as far apart; and so many numbers of each list be read and
/// written.
#[inline(always)]
unsafe fn round_outputs<S: Simd>(
    simd: S,
    sums: *const f32,
    to: *mut u16,
    squares: *mut f32,
    lost: *mut f32,
) {
    // SAFETY: the caller vouches for all of them.
    unsafe {
        // Two sums of each, which need not wait for each other.
        let none = simd.splat(0.0);
        let (mut square, mut gone) = ([simd.load(squares), none], [simd.load(lost), none]);
        let minus = simd.splat(-1.0);
        for pair in 0..TILE_EDGE / 2 {
            let mut rounded = [none; 2];
            for (row, rounded) in rounded.iter_mut().enumerate() {
                let exact = simd.rectify(simd.load(sums.add((2 * pair + row) * TILE_EDGE)));
                *rounded = simd.round_to_bfloat(exact);
                let rest = simd.multiply_add(*rounded, minus, exact);
                square[row] = simd.multiply_add(*rounded, *rounded, square[row]);
                gone[row] = simd.multiply_add(rest, rest, gone[row]);
            }
            simd.store_bfloat_pairs(to.add(pair * 2 * TILE_ITEMS), rounded);
        }
        simd.store(squares, simd.add(square[0], square[1]));
        simd.store(lost, simd.add(gone[0], gone[1]));
    }
}

/// Rectifies the outputs of [`Simd::LANES`] items, and adds up their squares, and their
/// products with a column.
///
/// # Safety
/// As of [`round_outputs`].
#[inline(always)]
unsafe fn multiply_outputs<S: Simd>(
    simd: S,
    sums: *const f32,
    column: &[f32],
    squares: *mut f32,
    products: *mut f32,
) {
    // SAFETY: the caller vouches for all of them.
    unsafe {
        let none = simd.splat(0.0);
        let (mut square, mut product) = ([simd.load(squares), none], [simd.load(products), none]);
        for (pair, by) in column.chunks_exact(2).enumerate() {
            for (row, by) in by.iter().enumerate() {
                let exact = simd.rectify(simd.load(sums.add((2 * pair + row) * TILE_EDGE)));
                square[row] = simd.multiply_add(exact, exact, square[row]);
                product[row] = simd.multiply_add(exact, simd.splat(*by), product[row]);
            }
        }
        simd.store(squares, simd.add(square[0], square[1]));
        simd.store(products, simd.add(product[0], product[1]));
    }
}
