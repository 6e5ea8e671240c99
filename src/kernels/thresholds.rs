//! Bounds of many items: what raises them, and which of them reach a threshold.

use super::level::Level;
use super::passes::pass;
use super::simd::{Kernel, Simd};

/// The groups of numbers whose largest ones tell [`reached_by`] its threshold.
pub const GROUPS: usize = 256;

/// Whether a number is not below another; NaN is not below any.
#[inline(always)]
pub fn is_not_below(number: f32, other: f32) -> bool {
    number >= other || number.is_nan() || other.is_nan()
}

/// A whole number that is greater for a greater float, in the order of [`f32::total_cmp`]: among
/// negative floats, the bits of the greater are the lower.
#[inline(always)]
pub fn rising(float: f32) -> i32 {
    let bits = float.to_bits() as i32;
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

/// The float that [`rising`] turns into a whole number: it is its own inverse.
fn from_rising(number: i32) -> f32 {
    f32::from_bits(rising(f32::from_bits(number as u32)) as u32)
}

pass! {
    /// Raises each bound by what is added to it, and by the share `rounding` of both: the sum of
    /// any two numbers up to these two is at most the raised bound, though sums are rounded.
    fn raise_bounds<'a>(simd, bounds: &'a mut [f32], added: &'a [f32], rounding: f32) -> () {
        let _ = simd;
        for (bound, added) in bounds.iter_mut().zip(added) {
            *bound += added + rounding * (bound.abs() + added.abs());
        }
    }
}

pass! {
    /// A number which at least `count` numbers reach, about as high as that can be told from the
    /// largest number of each of [`GROUPS`]; `count` is at least 1, and no more than there are
    /// groups.
    fn reached_by<'a>(simd, numbers: &'a [f32], count: usize) -> f32 {
        let _ = simd;
        let mut largest = [f32::NEG_INFINITY; GROUPS];
        // Groups of items that lie apart, as many vectors can be compared at once then; and not
        // by `f32::max`, whose treatment of NaN is slower.
        for numbers in numbers.chunks(GROUPS) {
            for (largest, &number) in largest.iter_mut().zip(numbers) {
                *largest = if number > *largest { number } else { *largest };
            }
        }
        // Halving the range of whole numbers that are ordered like the floats takes a sixth of
        // the time of finding the `count` largest by comparing one with another.
        let mut keys = [0; GROUPS];
        keys.iter_mut().zip(&largest).for_each(|(key, number)| *key = rising(*number));
        let (mut low, mut high) = (rising(f32::NEG_INFINITY), rising(f32::INFINITY) + 1);
        while low + 1 < high {
            let middle = low.midpoint(high);
            let reach = keys.iter().map(|key| i32::from(*key >= middle)).sum::<i32>();
            match (reach as usize).checked_sub(count) {
                None => high = middle,
                Some(more) => {
                    low = middle;
                    if more <= count / 4 {
                        break;
                    }
                }
            }
        }
        from_rising(low)
    }
}

/// Writes the place of each number that is not below `threshold`, in order, and returns how many
/// they are. NaN is not below. There is room for as many places as there are numbers.
pub fn places_not_below(numbers: &[f32], threshold: f32, places: &mut [u32]) -> usize {
    Level::current().run(PlacesNotBelow { numbers, threshold, places })
}

struct PlacesNotBelow<'a> {
    numbers: &'a [f32],
    threshold: f32,
    places: &'a mut [u32],
}

impl Kernel for PlacesNotBelow<'_> {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> usize {
        let Self { numbers, threshold, places } = self;
        assert!(places.len() >= numbers.len(), "there must be a place for each number");
        let limit = simd.splat(threshold);
        let mut chunks = numbers.chunks_exact(S::LANES);
        let (mut begin, mut found) = (0, 0);
        for chunk in &mut chunks {
            // SAFETY: the chunk has LANES numbers. No more were found than come before it, so
            // that there is room for LANES places.
            unsafe {
                let bits = simd.not_below(simd.load(chunk.as_ptr()), limit);
                simd.store_places(places.as_mut_ptr().add(found), bits, begin);
                found += bits.count_ones() as usize;
            }
            begin += S::LANES as u32;
        }
        for (place, number) in (begin..).zip(chunks.remainder()) {
            if is_not_below(*number, threshold) {
                places[found] = place;
                found += 1;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_many_numbers_as_asked_reach_the_threshold(
            numbers in prop::collection::vec(-3f32..3.0, 1..2_000),
            count in 1..=GROUPS,
        ) {
            let count = count.min(numbers.len()).min(GROUPS);
            let threshold = reached_by(&numbers, count);
            let reach = |number: &f32| *number >= threshold;
            prop_assert!(numbers.iter().filter(|number| reach(number)).count() >= count);
            let of_group = |group: usize| {
                numbers.iter().skip(group).step_by(GROUPS).copied().fold(f32::NEG_INFINITY, f32::max)
            };
            let groups = (0..GROUPS).map(of_group).filter(reach).count();
            prop_assert!(groups <= count + count / 4, "{groups} groups reach {threshold}");
        }

        #[test]
        fn raised_bounds_are_above_sums_of_floats(
            pairs in prop::collection::vec((-3f32..3.0, -3f32..3.0), 0..100),
        ) {
            let (mut bounds, added): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let rounding = 1.0 / (1 << 20) as f32;
            raise_bounds(&mut bounds, &added, rounding);
            for ((number, added), bound) in pairs.into_iter().zip(bounds) {
                let exact = f64::from(number) + f64::from(added);
                let slack = f64::from(rounding) * f64::from(number.abs() + added.abs());
                prop_assert!(bound >= number + added);
                prop_assert!((f64::from(bound) - exact - slack).abs() <= 1e-6);
            }
        }
    }

    #[test]
    fn places_are_those_not_below() {
        let mut numbers: Vec<f32> =
            (0..101).map(|place| (place * 7919 % 1009) as f32 / 504.5 - 1.0).collect();
        numbers[40] = f32::NAN;
        numbers[100] = f32::NAN;
        for len in [0, 1, 15, 16, 17, 101] {
            for threshold in [f32::NEG_INFINITY, -0.5, 0.9, f32::INFINITY] {
                let expected: Vec<u32> = (0..len as u32)
                    .filter(|place| is_not_below(numbers[*place as usize], threshold))
                    .collect();
                for level in Level::available() {
                    let mut places = vec![u32::MAX; len];
                    let (numbers, to) = (&numbers[..len], &mut places);
                    let found = level.run(PlacesNotBelow { numbers, threshold, places: to });
                    assert_eq!(places[..found], expected);
                }
            }
        }
    }
}
