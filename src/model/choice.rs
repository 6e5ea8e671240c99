//! The head for choosing: how a user's vector is computed from their choices, and how it
//! scores items.

use crate::model::prior::Prior;
use crate::model::schema::{Column, Field};

/// The number of a row's entries besides an item's vector: its bias, and 1 if nobody chose it
/// yet.
pub const BESIDES_VECTOR: usize = 2;

/// The most numbers of a vector: a solver's memory grows with their square.
const MAX_WIDTH: usize = 1_024;

/// The number of answers with which neighbours count half.
const HALF_NEIGHBOURS: f32 = 10.0;

/// Writes the row of an item that nobody chose, one wider than the prior: the vector and the
/// bias predicted from its content, and the mark of a new item.
pub(crate) fn write_new_row(
    prior: &Prior,
    fields: &[Field],
    columns: &[Column],
    item: usize,
    row: &mut [f32],
) {
    let (predicted, mark) = row.split_at_mut(prior.width());
    prior.write_row(fields, columns, item, predicted);
    // The prior has the bias first, and a row has it after the vector.
    predicted.rotate_left(1);
    mark.fill(1.0);
}

/// The parameters that all users of a head for choosing share.
///
/// An item is a row of numbers: its vector `v`, its bias (the logarithm of its share of all
/// interactions), and 1 if nobody chose it yet, else 0. A user who gave `n` answers has a
/// vector `u = m + A^-1 [sum over answers of (t - m.v) v]`, where `A = sum over answers of v
/// v' + P`, `P` is diagonal and grows with `n`, `m` is the user's start, which counts less as
/// `n` grows, and `t` is the target of an answer's value. The score is the product of the row
/// and `[scale u, popularity, new_items]`, where popularity also counts less as `n` grows,
/// plus the contributions of the answered items' neighbours.
#[derive(Clone, Debug, PartialEq)]
pub struct ChoiceHead {
    /// The diagonal of `P` without answers, as wide as a vector.
    pub precision: Vec<f32>,
    /// The increase of the diagonal with each answer.
    pub precision_per_answer: Vec<f32>,
    /// The number of answers with which the start and popularity count half; infinite if they
    /// count fully with any number.
    pub half_start: f32,
    /// The factor of the product of the user's and the item's vector.
    pub scale: f32,
    /// The factor of an item's bias while the start counts fully.
    pub popularity: f32,
    /// The number added to the score of an item that nobody has chosen yet.
    pub new_items: f32,
    /// Whether the vector counts without any answer; otherwise only the bias counts.
    pub starts_by_vector: bool,
    /// The factor that the neighbours' sum approaches as the number of answers grows.
    pub neighbours: f32,
    /// Targets by an answer's value.
    pub targets: Curve,
    /// How strongly an answer of a value speaks for its item's neighbours.
    pub strengths: Curve,
    /// The average rise of a score with an item's bias, over users and items.
    pub exposure: f32,
    /// The number added to a score for each unit of the predicted rating; 0 without ratings.
    pub rating: f32,
    /// The least and the greatest rating, to which a predicted one is clipped before it
    /// counts.
    pub rating_range: [f32; 2],
}

/// A piecewise linear curve, constant before its first point and after its last.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve(
    /// Points by their first number, ascending.
    pub Vec<[f32; 2]>,
);

impl Curve {
    /// The same everywhere.
    pub fn constant(value: f32) -> Self {
        Self(vec![[0.0, value]])
    }

    fn check(&self, key: &str) -> Result<(), String> {
        if self.0.is_empty() {
            return Err(format!("{key} is empty; at least one point is expected"));
        }
        if let Some([x, y]) = self.0.iter().find(|point| !point.iter().all(|x| x.is_finite())) {
            return Err(format!("{key} has the point [{x}, {y}]; finite numbers are expected"));
        }
        match self.0.windows(2).find(|pair| pair[0][0] >= pair[1][0]) {
            Some(pair) => Err(format!(
                "{key} has {} after {}; points in ascending order of values are expected",
                pair[1][0], pair[0][0]
            )),
            None => Ok(()),
        }
    }

    /// The curve at a value; 0 for a curve without points.
    pub fn at(&self, value: f32) -> f32 {
        let after = self.0.partition_point(|point| point[0] < value);
        let before = after.checked_sub(1).and_then(|before| self.0.get(before));
        match (before, self.0.get(after)) {
            (Some([from, low]), Some([to, high])) => {
                low + (high - low) * ((value - from) / (to - from))
            }
            (Some([_, only]), None) | (None, Some([_, only])) => *only,
            (None, None) => 0.0,
        }
    }
}

impl ChoiceHead {
    /// Numbers of a vector.
    pub fn width(&self) -> usize {
        self.precision.len()
    }

    /// Numbers of a row.
    pub fn row_width(&self) -> usize {
        self.width() + BESIDES_VECTOR
    }

    /// The diagonal of `P` with this number of answers.
    pub(crate) fn precisions(&self, answers: usize) -> impl Iterator<Item = f64> {
        let count = answers as f64;
        let of_axis = self.precision.iter().zip(&self.precision_per_answer);
        of_axis.map(move |(precision, more)| f64::from(*precision) + count * f64::from(*more))
    }

    /// The share with which the start and popularity count with this number of answers.
    pub fn start_share(&self, answers: usize) -> f32 {
        match self.half_start.is_finite() {
            true => self.half_start / (self.half_start + answers as f32),
            false => 1.0,
        }
    }

    /// Checks that all its numbers can be used.
    ///
    /// # Errors
    /// Names the key and value that cannot be used, in words.
    pub fn check(&self) -> Result<(), String> {
        let width = self.width();
        if !(1..=MAX_WIDTH).contains(&width) {
            return Err(format!("precision has {width} numbers; 1 to {MAX_WIDTH} are expected"));
        }
        if self.precision_per_answer.len() != width {
            return Err(format!(
                "precision_per_answer has {} numbers; {width} are expected",
                self.precision_per_answer.len()
            ));
        }
        let number = |key: &str, number: f32, is_right: bool, expected: &str| match is_right {
            true => Ok(()),
            false => Err(format!("{key} is {number}; {expected} is expected")),
        };
        for &precision in &self.precision {
            let is_right = precision.is_finite() && precision > 0.0;
            number("precision", precision, is_right, "a number above 0")?;
        }
        let at_least_0 = |number: f32| number.is_finite() && number >= 0.0;
        for &more in &self.precision_per_answer {
            number("precision_per_answer", more, at_least_0(more), "a number of at least 0")?;
        }
        let half = self.half_start;
        number("half_start", half, half > 0.0, "a number above 0")?;
        for (key, value) in [
            ("scale", self.scale),
            ("popularity", self.popularity),
            ("new_items", self.new_items),
            ("neighbours", self.neighbours),
            ("exposure", self.exposure),
            ("rating", self.rating),
        ] {
            number(key, value, value.is_finite(), "a finite number")?;
        }
        let [lowest, highest] = self.rating_range;
        if !(lowest.is_finite() && highest.is_finite() && lowest <= highest) {
            return Err(format!(
                "rating_range is {lowest} to {highest}; finite numbers are expected, the smaller \
                 one first"
            ));
        }
        if self.rating != 0.0 && self.rating_range == [0.0, 0.0] {
            return Err("rating is given; a rating_range is expected".into());
        }
        self.targets.check("targets")?;
        self.strengths.check("strengths")
    }

    /// The rise of a score if an item becomes e times as likely to be chosen, with this
    /// number of answers. An item's bias, the logarithm of its share, then rises by 1.
    pub fn unit(&self, answers: usize) -> f32 {
        let by_vector = answers > 0 || self.starts_by_vector;
        // Scores of other heads do not rise with popularity: their unit is 1.
        if by_vector && self.exposure > 0.0 { self.exposure } else { 1.0 }
    }

    /// Turns a user's vector, followed by 2 more numbers, into the vector by which rows are
    /// multiplied, for this number of answers.
    pub fn finish(&self, user: &mut [f32], answers: usize) {
        let by_vector = answers > 0 || self.starts_by_vector;
        let (scale, popularity) = match by_vector {
            true => (self.scale, self.popularity * self.start_share(answers)),
            false => (0.0, 1.0),
        };
        let (vector, besides) = user.split_at_mut(self.width());
        vector.iter_mut().for_each(|number| *number *= scale);
        let new_items = if by_vector { self.new_items } else { 0.0 };
        besides.copy_from_slice(&[popularity, new_items]);
    }

    /// The factor of an item's neighbours' sum with this number of answers.
    pub fn neighbour_share(&self, answers: usize) -> f32 {
        let answers = answers as f32;
        self.neighbours * answers / (answers + HALF_NEIGHBOURS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(starts_by_vector: bool, half_start: f32) -> ChoiceHead {
        ChoiceHead {
            precision: vec![1.0; 2],
            precision_per_answer: vec![0.0; 2],
            half_start,
            scale: 3.0,
            popularity: 0.5,
            new_items: -0.25,
            starts_by_vector,
            neighbours: 0.0,
            targets: Curve::constant(1.0),
            strengths: Curve::constant(1.0),
            exposure: 0.0,
            rating: 0.0,
            rating_range: [0.0, 0.0],
        }
    }

    #[test]
    fn the_range_of_ratings_is_finite_and_there_where_they_count() {
        let check =
            |rating, rating_range| ChoiceHead { rating, rating_range, ..head(false, 1.0) }.check();
        let (infinity, most) = (f32::INFINITY, f32::MAX);
        for (rating, range) in [(0.0, [0.0, 0.0]), (0.5, [1.0, 5.0]), (0.5, [-most, most])] {
            assert!(check(rating, range).is_ok(), "{range:?}");
        }
        for (rating, range) in [
            (0.5, [-infinity, infinity]),
            (0.0, [1.0, infinity]),
            (0.0, [-infinity, 1.0]),
            (0.0, [f32::NAN, 1.0]),
            (0.5, [5.0, 1.0]),
            (0.5, [0.0, 0.0]),
        ] {
            assert!(check(rating, range).unwrap_err().contains("rating_range"), "{range:?}");
        }
    }

    #[test]
    fn start_and_popularity_fade_as_answers_come() {
        for (starts_by_vector, half_start, answers, expected) in [
            (false, 2.0, 0, [0.0, 0.0, 1.0, 0.0]),
            (true, 2.0, 0, [3.0, -6.0, 0.5, -0.25]),
            (false, 2.0, 2, [3.0, -6.0, 0.25, -0.25]),
            (true, 2.0, 6, [3.0, -6.0, 0.125, -0.25]),
            (false, f32::INFINITY, 6, [3.0, -6.0, 0.5, -0.25]),
        ] {
            let mut user = [1.0, -2.0, f32::NAN, f32::NAN];
            head(starts_by_vector, half_start).finish(&mut user, answers);
            assert_eq!(user, expected, "{answers} answers");
        }
    }

    #[test]
    fn a_curve_is_a_line_between_its_points_and_constant_beyond() {
        let curve = Curve(vec![[1.0, 0.5], [3.0, 1.5], [4.0, 1.0]]);
        for (value, expected) in
            [(-9.0, 0.5), (1.0, 0.5), (2.0, 1.0), (3.0, 1.5), (3.5, 1.25), (4.0, 1.0), (9.0, 1.0)]
        {
            assert_eq!(curve.at(value), expected, "at {value}");
        }
        assert_eq!(Curve::constant(0.25).at(7.0), 0.25);
        assert_eq!(Curve(Vec::new()).at(7.0), 0.0);
    }
}
