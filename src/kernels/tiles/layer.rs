//! A rectified layer by tiles, and what becomes of its outputs.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::weight::TileWeight;
use super::{Multiply, Tiles};
use crate::kernels::bfloat::{Bfloats, TILE_EDGE};
#[cfg(all(feature = "amx", target_arch = "x86_64", target_os = "linux"))]
use crate::kernels::level::avx512;
#[cfg(test)]
use crate::kernels::portable::Portable;
use crate::kernels::simd::{Kernel, MOST_LANES, Simd};

/// What becomes of a layer's outputs.
#[derive(Debug)]
pub enum After<'a> {
    /// They are rounded into a matrix's first rows.
    Rounded {
        to: &'a mut Bfloats,
        /// The squares of what rounding takes from each row, summed.
        lost: &'a mut [f32],
    },
    /// They are multiplied by a column, unrounded.
    Product {
        /// As many as the layer has outputs, or fewer.
        column: &'a [f32],
        leading: Option<Leading<'a>>,
        /// One number for each row.
        products: &'a mut [f32],
    },
}

/// Columns of another matrix, as if they stood before the outputs.
#[derive(Clone, Copy, Debug)]
pub struct Leading<'a> {
    pub rows: &'a Bfloats,
    pub first_row: usize,
    /// What its first columns are multiplied by.
    pub column: &'a [f32],
}

/// Computes `rectified(rows * weight^T + bias)`, in whole tiles, and what comes after it.
///
/// `squares` gets the sum of the squares of each row of outputs: of the rounded ones, where
/// they are rounded. Everything that has a number for each row has room for whole tiles,
/// and so has `bias` for the outputs. Rows of padding are computed too.
pub fn coarse_layer(
    tiles: Tiles,
    inputs: &Bfloats,
    rows: Range<usize>,
    weight: &TileWeight,
    bias: &[f32],
    squares: &mut [f32],
    after: After,
) {
    let whole = rows.len().next_multiple_of(TILE_EDGE);
    let fits = match &after {
        After::Rounded { to, lost } => {
            whole <= to.rows() && weight.outputs() == to.columns() && whole <= lost.len()
        }
        After::Product { column, leading, products } => {
            column.len() <= weight.outputs()
                && whole <= products.len()
                && leading.is_none_or(|leading| {
                    leading.first_row + whole <= leading.rows.rows()
                        && leading.column.len() <= leading.rows.columns()
                })
        }
    };
    assert!(
        rows.start + whole <= inputs.rows()
            && inputs.columns() == weight.inputs()
            && bias.len() == weight.outputs()
            && whole <= squares.len()
            && fits,
        "the shapes of a layer must agree"
    );
    match tiles.0 {
        #[cfg(all(feature = "amx", target_arch = "x86_64", target_os = "linux"))]
        super::Instructions::Amx => {
            // SAFETY: there is a value of it only where the process was granted tiles, on the
            // level avx512; the tiles are set up until this call's end, which sets up no
            // others.
            unsafe {
                let tiles = &super::amx::Amx::set_up();
                let after = &mut { after };
                avx512(Layer { tiles, inputs, rows, weight, bias, squares, after });
            }
        }
        #[cfg(test)]
        super::Instructions::Emulated => {
            let (tiles, after) = (&super::emulated::Emulated, &mut { after });
            Layer { tiles, inputs, rows, weight, bias, squares, after }.run(Portable);
        }
    }
}

/// A layer whose shapes agree.
struct Layer<'a, 'b, T> {
    tiles: &'a T,
    inputs: &'a Bfloats,
    rows: Range<usize>,
    weight: &'a TileWeight,
    bias: &'a [f32],
    squares: &'a mut [f32],
    after: &'a mut After<'b>,
}

/// Room for a tile of sums, and for a vector of sums for each of its rows.
#[repr(align(64))]
struct Sums(MaybeUninit<[f32; TILE_EDGE * TILE_EDGE]>);

#[repr(align(64))]
struct RowSums([[f32; MOST_LANES]; TILE_EDGE]);

impl<T: Multiply> Kernel for Layer<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { tiles, inputs, rows, weight, bias, squares, after } = self;
        let mut sums = Sums(MaybeUninit::uninit());
        let sums = sums.0.as_mut_ptr().cast::<f32>();
        let steps = inputs.columns() / TILE_EDGE;
        for start in (0..rows.len()).step_by(TILE_EDGE) {
            let mut square_sums = RowSums([[0.0; MOST_LANES]; TILE_EDGE]);
            let mut other_sums = RowSums([[0.0; MOST_LANES]; TILE_EDGE]);
            let from = inputs.row(rows.start + start);
            // The next tile's rows, which may lie behind the last: asking reads nothing.
            let ahead = from.wrapping_add(TILE_EDGE * inputs.columns());
            for line in 0..TILE_EDGE * steps {
                simd.prefetch(ahead.wrapping_add(line * TILE_EDGE).cast());
            }
            for output in (0..weight.outputs()).step_by(TILE_EDGE) {
                // SAFETY: the inputs have TILE_EDGE rows from `start` on, of as many numbers
                // as the weight has inputs; the weight has a panel for each TILE_EDGE outputs,
                // and the bias so many numbers; `sums` has room for a tile of them.
                unsafe {
                    let bias = bias[output..].as_ptr();
                    tiles.multiply(from, inputs.columns(), steps, weight.panel(output), bias, sums);
                }
                // Rows of a tile, of TILE_EDGE sums each, vector by vector.
                for row in 0..TILE_EDGE {
                    let (squares, others) = (&mut square_sums.0[row], &mut other_sums.0[row]);
                    // SAFETY: each sum lies in the tile, as TILE_EDGE is a multiple of LANES;
                    // a row's sums have room for LANES, at most MOST_LANES. The matrix to write
                    // has this row and as many columns as there are outputs; of the column, no
                    // more is read than there is.
                    unsafe {
                        let mut square = simd.load(squares.as_ptr());
                        let mut other = simd.load(others.as_ptr());
                        for place in (0..TILE_EDGE).step_by(S::LANES) {
                            let sum = simd.load(sums.add(row * TILE_EDGE + place));
                            let exact = simd.rectify(sum);
                            match after {
                                After::Rounded { to, .. } => {
                                    let rounded = simd.round_to_bfloat(exact);
                                    let to = to.row_mut(start + row);
                                    simd.store_bfloats(to.add(output + place), rounded);
                                    let minus = simd.splat(-1.0);
                                    let lost = simd.multiply_add(rounded, minus, exact);
                                    square = simd.multiply_add(rounded, rounded, square);
                                    other = simd.multiply_add(lost, lost, other);
                                }
                                After::Product { column, .. } => {
                                    square = simd.multiply_add(exact, exact, square);
                                    if let Some(column) = column.get(output + place..) {
                                        let count = column.len().min(S::LANES);
                                        let column = simd.load_up_to(column.as_ptr(), count);
                                        other = simd.multiply_add(exact, column, other);
                                    }
                                }
                            }
                        }
                        simd.store(squares.as_mut_ptr(), square);
                        simd.store(others.as_mut_ptr(), other);
                    }
                }
            }
            for row in 0..TILE_EDGE {
                // SAFETY: a row's sums have room for LANES, at most MOST_LANES. The other
                // matrix has the row, and no fewer columns than its column has numbers, in
                // whole TILE_EDGEs, so that whole vectors can be read.
                unsafe {
                    squares[start + row] = simd.sum(simd.load(square_sums.0[row].as_ptr()));
                    let mut other = simd.load(other_sums.0[row].as_ptr());
                    match after {
                        After::Rounded { lost, .. } => lost[start + row] = simd.sum(other),
                        After::Product { leading, products, .. } => {
                            if let Some(Leading { rows, first_row, column }) = leading {
                                let from = rows.row(*first_row + start + row);
                                for (place, column) in column.chunks(S::LANES).enumerate() {
                                    let number = simd.load_bfloats(from.add(place * S::LANES));
                                    let column = simd.load_up_to(column.as_ptr(), column.len());
                                    other = simd.multiply_add(number, column, other);
                                }
                            }
                            products[start + row] = simd.sum(other);
                        }
                    }
                }
            }
        }
    }
}
