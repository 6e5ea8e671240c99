//! Predictive medians, given predicted ratings.

/// The median of a user's rating, given the predicted rating: a rising staircase.
///
/// A predicted rating minimises a squared error, or one close to it; the median minimises the
/// absolute error. The values are ratings that people gave, so they are on the rating grid if
/// there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Medians {
    /// The predicted ratings at which the median changes to the next value, in ascending
    /// order.
    cuts: Vec<f32>,
    /// The medians, one more than cuts, in ascending order.
    values: Vec<f32>,
}

impl Medians {
    /// Takes the medians `values`; each of the `cuts` begins the next one.
    ///
    /// # Errors
    /// Says, in words, if there is not one value more than cuts, or if numbers do
    /// not ascend.
    pub fn new(cuts: Vec<f32>, values: Vec<f32>) -> Result<Self, String> {
        if values.len() != cuts.len() + 1 {
            let (cuts, values) = (cuts.len(), values.len());
            return Err(format!("{values} values for {cuts} cuts; one more is expected"));
        }
        for (name, numbers) in [("cuts", &cuts), ("values", &values)] {
            let ascend = numbers.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascend || numbers.iter().any(|number| !number.is_finite()) {
                return Err(format!("{name} are not finite numbers in ascending order"));
            }
        }
        Ok(Self { cuts, values })
    }

    /// The median for a predicted rating.
    pub fn of(&self, predicted: f32) -> f32 {
        self.values[self.cuts.partition_point(|cut| *cut <= predicted)]
    }

    /// The predicted ratings at which the median changes to the next value.
    pub fn cuts(&self) -> &[f32] {
        &self.cuts
    }

    /// The medians, one more than cuts.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_value_begins_at_its_cut() {
        let medians = Medians::new(vec![2.5, 3.25], vec![1.0, 3.0, 4.0]).unwrap();
        let of = |predicted| medians.of(predicted);
        assert_eq!([-9.0, 2.49, 2.5, 3.2, 3.25, 9.0].map(of), [1.0, 1.0, 3.0, 3.0, 4.0, 4.0]);
        assert_eq!(Medians::new(vec![], vec![3.0]).unwrap().of(0.0), 3.0);
    }

    #[test]
    fn what_does_not_ascend_is_refused() {
        Medians::new(vec![1.0], vec![1.0]).unwrap_err();
        Medians::new(vec![], vec![]).unwrap_err();
        Medians::new(vec![1.0, 1.0], vec![1.0, 2.0, 3.0]).unwrap_err();
        Medians::new(vec![1.0], vec![2.0, 1.0]).unwrap_err();
        Medians::new(vec![f32::NAN], vec![1.0, 2.0]).unwrap_err();
        Medians::new(vec![], vec![f32::INFINITY]).unwrap_err();
    }
}
