//! The numbers of a numeric field, and how a model reads them.

/// How a model reads the numbers of a numeric field.
///
/// A number is first moved to the end of `range` that it lies beyond, if it does: training
/// says nothing of what lies there, and a sentinel such as 9999 would otherwise be worth more
/// than all else together. Then, with a `log_unit`, `x` becomes `ln(1 + x / log_unit)`, since
/// prices and counts differ by factors. Last it is brought to mean 0 and standard deviation 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberScale {
    /// Mean over the training data, after the logarithm if there is one.
    pub mean: f32,
    /// Standard deviation over the training data, after the logarithm if there is one.
    pub std: f32,
    /// The least and the greatest number of the training data, in the field's own unit;
    /// without it all numbers are read as they are.
    pub range: Option<[f32; 2]>,
    /// The number at which the logarithm is that of 2, in the field's own unit, above 0:
    /// the median of the training data. `None` for numbers that are read as they are.
    pub log_unit: Option<f32>,
}

impl NumberScale {
    /// A scale without range and logarithm.
    pub const fn new(mean: f32, std: f32) -> Self {
        Self { mean, std, range: None, log_unit: None }
    }

    /// The scale of the numbers of a training set.
    ///
    /// Numbers of at least 0 whose skewness is above 2 are read by their logarithm, if its
    /// skewness is smaller by half. Of no number mean and standard deviation are 0 and 1; of
    /// numbers that are all the same the standard deviation is 1.
    pub fn of(numbers: &[f32]) -> Self {
        let mut sorted = numbers.to_vec();
        sorted.sort_unstable_by(f32::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Self::new(0.0, 1.0);
        };
        let range = Some([min, max]);
        // Asked first, since rounding would leave a trace of a deviation.
        if min == max {
            return Self { range, ..Self::new(min, 1.0) };
        }
        let plain = Self { range, ..Self::new(0.0, 1.0) };
        // The median of numbers of which most are 0 is no unit.
        let above = &sorted[sorted.partition_point(|number| *number <= 0.0)..];
        let log_unit = above.get(above.len() / 2).copied().filter(|_| min >= 0.0);
        let logarithmic = Self { log_unit, ..plain };
        let is_skewed = |skewness: f64| skewness > 2.0;
        let (skewness, after) = (plain.skewness(&sorted), logarithmic.skewness(&sorted));
        let scale = match log_unit.is_some() && is_skewed(skewness) && after < skewness / 2.0 {
            true => logarithmic,
            false => plain,
        };
        let [mean, variance, _] = scale.moments(&sorted);
        let std = variance.sqrt() as f32;
        Self { mean: mean as f32, std: if std > 0.0 { std } else { 1.0 }, ..scale }
    }

    /// The number as the model reads it.
    pub fn standardise(&self, number: f32) -> f32 {
        let within = match self.range {
            Some([min, max]) => number.max(min).min(max),
            None => number,
        };
        (self.transformed(within) - self.mean) / self.std
    }

    /// Whether the number lies so far beyond the range that it can hardly be meant: by more
    /// than the range is wide.
    pub fn is_far(&self, number: f32) -> bool {
        let Some([min, max]) = self.range else { return false };
        let [number, min, max] = [number, min, max].map(|number| self.transformed(number));
        let width = (max - min).max(self.std);
        number < min - width || number > max + width
    }

    fn transformed(&self, number: f32) -> f32 {
        match self.log_unit {
            // Below 0 there is no logarithm; such a number goes on as it is.
            Some(unit) if number > 0.0 => (number / unit).ln_1p(),
            Some(unit) => number / unit,
            None => number,
        }
    }

    /// Mean, variance, and third central moment of numbers, each after the logarithm.
    fn moments(&self, numbers: &[f32]) -> [f64; 3] {
        let transformed = || numbers.iter().map(|number| f64::from(self.transformed(*number)));
        let count = numbers.len().max(1) as f64;
        let mean = transformed().sum::<f64>() / count;
        let moment =
            |power| transformed().map(|number| (number - mean).powi(power)).sum::<f64>() / count;
        [mean, moment(2), moment(3)]
    }

    fn skewness(&self, numbers: &[f32]) -> f64 {
        let [_, variance, third] = self.moments(numbers);
        if variance > 0.0 { third / variance.powf(1.5) } else { 0.0 }
    }

    /// Whether its numbers can be used.
    ///
    /// # Errors
    /// The problem, in words that follow the field's name.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { mean, std, range, log_unit } = *self;
        if !(mean.is_finite() && std.is_finite() && std > 0.0) {
            return Err(format!("has mean {mean} and std {std}; std must be above 0"));
        }
        if let Some([min, max]) = range
            && !(min.is_finite() && max.is_finite() && min <= max)
        {
            return Err(format!(
                "has the range {min} to {max}; finite numbers are expected, the smaller one first"
            ));
        }
        if let Some(unit) = log_unit
            && !(unit.is_finite() && unit > 0.0)
        {
            return Err(format!("has log_unit {unit}; a finite number above 0 is expected"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beyond_the_range_are_read_as_its_ends() {
        let scale = NumberScale::of(&[1930.0, 1950.0, 1990.0, 2000.0]);
        assert_eq!(scale.log_unit, None);
        assert_eq!((scale.mean, scale.range), (1967.5, Some([1930.0, 2000.0])));
        for number in [0.0, -1.0, 1929.0] {
            assert_eq!(scale.standardise(number), scale.standardise(1930.0));
        }
        for number in [2006.0, 9999.0, 1.7e9, f32::MAX] {
            assert_eq!(scale.standardise(number), scale.standardise(2000.0));
        }
        let far = [0.0, -1.0, 1859.0, 9999.0, 1.7e9].map(|number| scale.is_far(number));
        assert_eq!(far, [true; 5]);
        let near = [1861.0, 1930.0, 1985.0, 2006.0, 2069.0].map(|number| scale.is_far(number));
        assert_eq!(near, [false; 5]);
    }

    #[test]
    fn prices_and_counts_are_read_by_their_logarithm() {
        for unit in [0.001, 1.0, 1e6] {
            let prices: Vec<f32> = (0..200).map(|i| unit * (0.05 * i as f32).exp()).collect();
            let scale = NumberScale::of(&prices);
            assert!(scale.log_unit.is_some(), "{unit}");
            // Ten times the price is a step like any other, and no outlier.
            assert!(scale.standardise(prices[199]) < 2.5, "{unit}");
            assert!(!scale.is_far(5.0 * prices[199]), "{unit}");
        }
        let counts: Vec<f32> =
            (0..300).map(|i| if i < 200 { 0.0 } else { (i - 199) as f32 * 3.0 }).collect();
        let scale = NumberScale::of(&counts);
        assert!(scale.standardise(0.0).is_finite());
        let years: Vec<f32> = (1930..2001).map(|year| year as f32).collect();
        assert_eq!(NumberScale::of(&years).log_unit, None);
        // What may be below 0 has no logarithm.
        let debts: Vec<f32> = prices_with(-1.0);
        assert_eq!(NumberScale::of(&debts).log_unit, None);
    }

    fn prices_with(other: f32) -> Vec<f32> {
        (0..200).map(|i| (0.05 * i as f32).exp()).chain([other]).collect()
    }

    #[test]
    fn no_number_and_equal_numbers_have_a_scale() {
        assert_eq!(NumberScale::of(&[]), NumberScale::new(0.0, 1.0));
        let scale = NumberScale::of(&[7.0; 4]);
        assert_eq!((scale.mean, scale.std), (7.0, 1.0));
        assert_eq!(scale.standardise(9.0), 0.0);
    }
}
