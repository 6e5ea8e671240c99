//! Sums over rows of a table that lie at any places.
//!
//! Rows are single numbers, of which more fit the cache, and sums are double ones. A strip of
//! the sums stays in registers over all rows.

use super::level::Level;
use super::passes::pass;
use super::simd::{Kernel, MAX_LANES, Simd};

/// A table's rows are a multiple of so many numbers long.
pub const GATHERED: usize = MAX_LANES / 2;

/// So many rows later a row is used that is asked for now.
const AHEAD: usize = 3;

/// Numbers of a cache line.
const LINE: usize = 16;

pass! {
    /// Adds to `sums` the beginnings of a table's rows that lie at these places, each times
    /// its weight, or as they are without weights. Rows are `stride` numbers, and sums at
    /// most so many; both are multiples of [`GATHERED`].
    fn add_rows_at<'a>(
        simd,
        sums: &'a mut [f64],
        table: &'a [f32],
        stride: usize,
        places: &'a [u32],
        weights: Option<&'a [f64]>
    ) -> () {
        let rows = table.len() / stride.max(1);
        assert!(
            sums.len() <= stride && sums.len().is_multiple_of(GATHERED),
            "sums must be of a row's beginning, and of whole vectors"
        );
        assert!(places.iter().all(|place| (*place as usize) < rows), "a row must be there");
        assert!(
            weights.is_none_or(|weights| weights.len() == places.len()),
            "there must be a weight for each row"
        );
        let mut column = 0;
        while column < sums.len() {
            let rest = &mut sums[column..];
            let table = &table[column..];
            // With 32 registers or with 16.
            let vectors = match rest.len() / S::DOUBLES {
                22.. if S::LANES == MAX_LANES => {
                    add_strip::<S, 22>(simd, rest, table, stride, places, weights)
                }
                10.. => add_strip::<S, 10>(simd, rest, table, stride, places, weights),
                4.. => add_strip::<S, 4>(simd, rest, table, stride, places, weights),
                _ => add_strip::<S, 1>(simd, rest, table, stride, places, weights),
            };
            column += vectors * S::DOUBLES;
        }
    }
}

/// Adds to the first vectors of `sums`, and returns how many these are. `table` begins at the
/// sums' column of the first row.
#[inline(always)]
fn add_strip<S: Simd, const N: usize>(
    simd: S,
    sums: &mut [f64],
    table: &[f32],
    stride: usize,
    places: &[u32],
    weights: Option<&[f64]>,
) -> usize {
    let numbers = N * S::DOUBLES;
    assert!(sums.len() >= numbers, "a strip must lie inside the sums");
    let mut totals = [simd.splat_double(0.0); N];
    for (vector, total) in totals.iter_mut().enumerate() {
        // SAFETY: there are N vectors of sums, as was asked above.
        *total = unsafe { simd.load_double(sums.as_ptr().add(vector * S::DOUBLES)) };
    }
    let one = simd.splat_double(1.0);
    for (index, place) in places.iter().enumerate() {
        if let Some(next) = places.get(index + AHEAD) {
            for line in (0..numbers).step_by(LINE) {
                simd.prefetch(table.as_ptr().wrapping_add(*next as usize * stride + line));
            }
        }
        let row = &table[*place as usize * stride..][..numbers];
        let weight = weights.map_or(one, |weights| simd.splat_double(weights[index]));
        for (vector, total) in totals.iter_mut().enumerate() {
            // SAFETY: the row has N vectors.
            let numbers = unsafe { simd.load_widened(row.as_ptr().add(vector * S::DOUBLES)) };
            *total = simd.multiply_add_double(numbers, weight, *total);
        }
    }
    for (vector, total) in totals.into_iter().enumerate() {
        // SAFETY: there are N vectors of sums, as was asked above.
        unsafe { simd.store_double(sums.as_mut_ptr().add(vector * S::DOUBLES), total) };
    }
    N
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sums_are_those_of_plain_loops(
            (wide, narrow) in (1usize..60).prop_flat_map(|wide| (Just(wide), 0..=wide)),
            places in prop::collection::vec(0u32..7, 0..12),
            numbers in prop::collection::vec(-1f32..1.0, 7),
            with_weights: bool,
        ) {
            let (stride, len) = (wide * GATHERED, narrow * GATHERED);
            let number = |place: usize| numbers[place % 7] + (place % 101) as f32;
            let table: Vec<f32> = (0..7 * stride).map(number).collect();
            let weights: Vec<f64> = places.iter().map(|place| 0.5 + f64::from(*place)).collect();
            let weights = with_weights.then_some(&weights[..]);
            let mut sums: Vec<f64> = (0..len).map(|place| place as f64).collect();
            let mut expected = sums.clone();
            for (index, place) in places.iter().enumerate() {
                let row = &table[*place as usize * stride..];
                let weight = weights.map_or(1.0, |weights| weights[index]);
                for (sum, number) in expected.iter_mut().zip(row) {
                    *sum += weight * f64::from(*number);
                }
            }
            add_rows_at(&mut sums, &table, stride, &places, weights);
            for (sum, expected) in sums.iter().zip(&expected) {
                prop_assert!((sum - expected).abs() <= 1e-12 * expected.abs());
            }
        }
    }
}
