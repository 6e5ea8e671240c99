//! Numbers in f16 (IEEE 754's binary16), as their bits.

use super::level::Level;
use super::simd::{Kernel, Simd};

/// The largest number in f16.
pub const MAX_HALF: f32 = 65_504.0;

/// The half nearest to a number, and the even one of two equally near; `None` if it would be
/// infinite, and for NaN.
pub fn narrow(number: f32) -> Option<u16> {
    let sign = (number.to_bits() >> 16) as u16 & 0x8000;
    let magnitude = number.abs();
    let half = if magnitude < SMALLEST_NORMAL {
        // Counted in steps of 2^-24, which is exact but for the rounding.
        (magnitude * 16_777_216.0).round_ties_even() as u16
    } else {
        // The mantissa's last 13 bits go, and a carry from it may raise the exponent.
        let bits = magnitude.to_bits() - EXPONENTS_APART;
        let rounded = (bits + 0x0fff + (bits >> 13 & 1)) >> 13;
        u16::try_from(rounded).ok().filter(|half| *half < 0x7c00)?
    };
    Some(sign | half)
}

/// Below it halves are as far apart as above it.
const SMALLEST_NORMAL: f32 = 1.0 / 16_384.0;

/// The difference of the exponents' biases, shifted to the place of the exponent.
const EXPONENTS_APART: u32 = (127 - 15) << 23;

/// The number of a half, computed with whole numbers, for levels without an instruction for
/// it.
#[inline(always)]
pub fn widen_one(half: u16) -> f32 {
    let magnitude = u32::from(half & 0x7fff);
    let bits = match magnitude {
        // Counted in steps of 2^-24.
        0..0x0400 => (magnitude as f32 * (1.0 / 16_777_216.0)).to_bits(),
        0x0400..0x7c00 => (magnitude << 13) + EXPONENTS_APART,
        0x7c00 => f32::INFINITY.to_bits(),
        // NaN is quiet, as from the instructions.
        _ => f32::INFINITY.to_bits() | 0x0040_0000 | magnitude << 13,
    };
    f32::from_bits(bits | u32::from(half & 0x8000) << 16)
}

/// Converts halves to numbers, exactly; both slices have the same length.
pub fn widen(halves: &[u16], out: &mut [f32]) {
    widen_rows(halves, &[0], out);
}

/// The same of some rows of a dense matrix, one after another.
///
/// `out` holds a whole row for each index, and `matrix` has each such row.
pub fn widen_rows(matrix: &[u16], rows: &[u32], out: &mut [f32]) {
    Level::current().run(WidenRows { matrix, rows, out });
}

struct WidenRows<'a> {
    matrix: &'a [u16],
    rows: &'a [u32],
    out: &'a mut [f32],
}

impl Kernel for WidenRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { matrix, rows, out } = self;
        let width = out.len() / rows.len().max(1);
        for (&row, out) in rows.iter().zip(out.chunks_exact_mut(width.max(1))) {
            widen_slice(simd, &matrix[row as usize * width..][..width], out);
        }
    }
}

#[inline(always)]
fn widen_slice<S: Simd>(simd: S, halves: &[u16], out: &mut [f32]) {
    assert!(halves.len() == out.len(), "as many numbers must come out as go in");
    let (mut from, mut to) = (halves.chunks_exact(S::LANES), out.chunks_exact_mut(S::LANES));
    for (halves, out) in (&mut from).zip(&mut to) {
        // SAFETY: both are LANES long.
        unsafe { simd.store(out.as_mut_ptr(), simd.load_halves(halves.as_ptr())) };
    }
    for (half, out) in from.remainder().iter().zip(to.into_remainder()) {
        *out = widen_one(*half);
    }
}

#[cfg(test)]
mod tests {
    use half::f16;
    use proptest::prelude::*;

    use super::super::cases::cases;
    use super::*;

    /// The same number, or no number either.
    fn bits(numbers: &[f32]) -> Vec<u32> {
        numbers.iter().map(|number| number.to_bits()).collect()
    }

    #[test]
    fn every_half_is_the_number_it_is_on_every_level() {
        let halves: Vec<u16> = (0..=u16::MAX).collect();
        let expected: Vec<f32> =
            halves.iter().map(|half| f16::from_bits(*half).to_f32_const()).collect();
        for level in Level::available() {
            // From each place of a vector, and from the rest after the last one.
            // Miri takes some thousand times as long, and tries two.
            for start in (0..17).step_by(if cfg!(miri) { 15 } else { 1 }) {
                for end in [halves.len(), halves.len() - 5] {
                    let mut out = vec![0.0; end - start];
                    level.run(WidenRows { matrix: &halves[start..end], rows: &[0], out: &mut out });
                    assert_eq!(bits(&out), bits(&expected[start..end]), "{}", level.name());
                }
            }
        }
        for half in halves {
            let number = expected[usize::from(half)];
            match number.is_finite() {
                true => assert_eq!(narrow(number), Some(half)),
                false => assert_eq!(narrow(number), None),
            }
            if number.is_finite() {
                let value = f64::from(half & 0x3ff) + if half & 0x7c00 == 0 { 0.0 } else { 1024.0 };
                let exponent = i32::from(half >> 10 & 0x1f).max(1) - 25;
                let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
                assert_eq!(f64::from(number), sign * value * 2.0f64.powi(exponent));
            }
        }
    }

    #[test]
    fn rows_are_widened_wherever_they_stand() {
        for width in [0, 1, 3, 8, 16, 29, 128] {
            let matrix: Vec<u16> = (0..40 * width as u16).map(|i| i.wrapping_mul(2_503)).collect();
            let rows = [0u32, 39, 7, 7, 12];
            for level in Level::available() {
                let mut out = vec![0.0; rows.len() * width];
                level.run(WidenRows { matrix: &matrix, rows: &rows, out: &mut out });
                let expected = rows.iter().flat_map(|&row| {
                    matrix[row as usize * width..][..width].iter().map(|half| widen_one(*half))
                });
                assert_eq!(bits(&out), bits(&expected.collect::<Vec<_>>()), "{}", level.name());
            }
        }
    }

    /// The other implementation's rounded number; `None` if that is not finite.
    fn rounded(number: f32) -> Option<u16> {
        let half = f16::from_f32_const(number);
        half.is_finite().then(|| half.to_bits())
    }

    #[test]
    fn halfway_numbers_go_to_the_even_half() {
        for half in 0..0x7c00u16 {
            let here = f16::from_bits(half).to_f32_const();
            // The next one, which after the last half would be 65536.
            let next = if half == 0x7bff { 65_536.0 } else { widen_one(half + 1) };
            let middle = here + (next - here) / 2.0;
            for number in [middle.next_down(), middle, middle.next_up()] {
                assert_eq!(narrow(number), rounded(number), "{number:e}");
                assert_eq!(narrow(-number), rounded(-number), "{number:e}");
            }
        }
        assert_eq!(narrow(MAX_HALF), Some(0x7bff));
        assert_eq!(narrow(65_519.996), Some(0x7bff));
        for number in [65_520.0, 1e9, f32::MAX, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            assert_eq!(narrow(number), None);
        }
    }

    proptest! {
        #![proptest_config(cases(200_000))]

        #[test]
        fn any_number_goes_to_the_nearest_half(bits: u32, near_one in -70_000.0f32..70_000.0) {
            for number in [f32::from_bits(bits), near_one, near_one * 1e-8] {
                prop_assert_eq!(narrow(number), rounded(number), "{:e}", number);
            }
        }
    }
}
