use proptest::prelude::*;

use super::*;
use crate::kernels::thresholds::is_not_below;

/// Numbers that look drawn, of different sizes.
fn number(place: usize, spread: i32) -> f32 {
    let drawn = (place * 7919 + 13) % 1009;
    let exponent =
        if spread > 0 { (place * 31 % 17) as i32 % (2 * spread + 1) - spread } else { 0 };
    (drawn as f32 / 504.5 - 1.0) * (exponent as f32).exp2()
}

/// The bounds on a level, and with the instructions for bytes if `level` is `None`.
fn bounds(level: Option<Level>, bytes: &[u8], vector: &RoundedVector, rows: usize) -> Vec<f32> {
    let mut bounds = vec![f32::NAN; rows.next_multiple_of(ROWS)];
    let work = UpperBounds { bytes, vector, bounds: &mut bounds };
    match level {
        Some(level) => level.run(work),
        #[cfg(target_arch = "x86_64")]
        None => match vnni::available() {
            Some(run) => run.upper_bounds(work),
            None => Level::current().run(work),
        },
        #[cfg(not(target_arch = "x86_64"))]
        None => Level::current().run(work),
    }
    bounds.truncate(rows);
    bounds
}

proptest! {
    #[test]
    fn bounds_are_above_the_products_and_near_them(
        rows in 1usize..150,
        width in 2usize..140,
        spread in 0i32..6,
        salt in 0usize..1000,
        bias in -14f32..14.0,
    ) {
        let mut numbers: Vec<f32> =
            (0..rows * width).map(|place| number(place + salt, spread)).collect();
        numbers.iter_mut().skip(width - 2).step_by(width).for_each(|number| *number += bias);
        let vector: Vec<f32> = (0..width).map(|place| number(place * 3 + salt, spread)).collect();
        let mut bytes = Vec::new();
        round_rows(&numbers, width, &mut bytes);
        prop_assert_eq!(bytes.len(), rows.div_ceil(ROWS) * block_bytes(width));
        let mut rounded = RoundedVector::new(width).unwrap();
        rounded.set(&vector);
        let norm = |numbers: &[f32]| numbers.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        for level in Level::available().map(Some).chain([None]) {
            for (row, bound) in
                numbers.chunks(width).zip(bounds(level, &bytes, &rounded, rows))
            {
                let product: f64 =
                    row.iter().zip(&vector).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                let above = f64::from(bound) - product;
                // Half a step of 127 for each number of the row, and as much again: the bound
                // takes the worst direction, and the vector is rounded, too.
                let most = norm(&vector) * norm(row) * (2.5 * (width as f64).sqrt() / 127.0 + 1e-3);
                prop_assert!(above >= 0.0, "{bound} is below {product}");
                prop_assert!(above <= most, "{bound} is {above} above {product}, not {most}");
            }
        }
    }
}

#[test]
fn all_levels_find_the_same_whole_sums() {
    // The largest width that heads have, and the largest bytes and factors.
    for (width, size) in [(1_026, 1.0f32), (66, 1e-3), (3, 1.0), (2, 1.0)] {
        let numbers: Vec<f32> =
            (0..5 * ROWS * width).map(|place| if place % 3 == 0 { size } else { -size }).collect();
        let mut bytes = Vec::new();
        round_rows(&numbers, width, &mut bytes);
        let mut vector = RoundedVector::new(width).unwrap();
        vector.set(&numbers[..width]);
        let expected = bounds(Level::available().last(), &bytes, &vector, 5 * ROWS);
        for level in Level::available().map(Some).chain([None]) {
            for (found, expected) in bounds(level, &bytes, &vector, 5 * ROWS).iter().zip(&expected)
            {
                assert!((found - expected).abs() <= 1e-6 * size * size * width as f32);
            }
        }
    }
}

#[test]
fn rows_beyond_halves_are_never_left_out() {
    let width = 6;
    let mut numbers = vec![1.0; 20 * width];
    numbers[3 * width] = 1e9;
    numbers[4 * width + 4] = -1e6;
    numbers[5 * width + 1] = f32::NAN;
    numbers[6 * width + 5] = f32::INFINITY;
    numbers[7 * width..8 * width].fill(1e-9);
    numbers[8 * width..9 * width].fill(0.0);
    let mut bytes = Vec::new();
    round_rows(&numbers, width, &mut bytes);
    let mut vector = RoundedVector::new(width).unwrap();
    for weights in [[0.5; 6], [0.0; 6], [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]] {
        vector.set(&weights);
        let bounds = bounds(None, &bytes, &vector, 20);
        for (row, bound) in bounds.iter().enumerate() {
            match row {
                3..=6 => assert!(is_not_below(*bound, f32::INFINITY), "row {row}: {bound}"),
                _ => {
                    let row = &numbers[row * width..][..width];
                    let product: f32 = row.iter().zip(&weights).map(|(a, b)| a * b).sum();
                    assert!(*bound >= product && *bound <= product + 0.1 * product.abs() + 1e-5);
                }
            }
        }
    }
}
