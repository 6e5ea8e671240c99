//! Ratings by user and by item, in standard deviations from their mean.

use crate::data::{Rated, UserRatings};
use crate::{Error, Result};

/// Who or what is connected with whom, and by which rating.
#[derive(Clone, Debug)]
pub struct Adjacency {
    /// Where each row's connections begin, and at the end where the last end.
    starts: Vec<usize>,
    others: Vec<u32>,
    /// In single precision: a third of what training keeps of a rating.
    values: Vec<f32>,
}

impl Adjacency {
    fn new<I: Iterator<Item = (u32, f32)>>(rows: impl Iterator<Item = I>, count: usize) -> Self {
        let (mut starts, mut others) = (vec![0], Vec::with_capacity(count));
        let mut values = Vec::with_capacity(count);
        for row in rows {
            for (other, value) in row {
                others.push(other);
                values.push(value);
            }
            starts.push(others.len());
        }
        Self { starts, others, values }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many connections a row has.
    pub fn degree(&self, row: usize) -> usize {
        self.starts[row + 1] - self.starts[row]
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.values.len()
    }

    /// A row's others, in ascending order.
    pub fn others(&self, row: usize) -> &[u32] {
        &self.others[self.starts[row]..self.starts[row + 1]]
    }

    /// A row's ratings, in the others' order.
    pub fn values(&self, row: usize) -> &[f32] {
        &self.values[self.starts[row]..self.starts[row + 1]]
    }

    /// A row's others, in ascending order, and the ratings.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + Clone {
        let others = self.others(row).iter().map(|&other| other as usize);
        others.zip(self.values(row).iter().map(|&value| f64::from(value)))
    }

    /// Some of the rows, in the given order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let count = rows.iter().map(|&row| self.degree(row)).sum();
        let pairs = |row: usize| {
            let others = self.others(row).iter().copied();
            others.zip(self.values(row).iter().copied())
        };
        Self::new(rows.iter().map(|&row| pairs(row)), count)
    }

    /// The same connections seen from the `others` others.
    fn transposed(&self, others: usize) -> Self {
        let mut starts = vec![0; others + 1];
        self.others.iter().for_each(|&other| starts[other as usize + 1] += 1);
        for other in 0..others {
            starts[other + 1] += starts[other];
        }
        let mut next = starts.clone();
        let (mut rows, mut values) = (vec![0; self.others.len()], vec![0.0; self.others.len()]);
        for row in 0..self.len() {
            for (&other, &value) in self.others(row).iter().zip(self.values(row)) {
                let place = &mut next[other as usize];
                (rows[*place], values[*place]) = (row as u32, value);
                *place += 1;
            }
        }
        Self { starts, others: rows, values }
    }
}

/// The ratings that the factors are fitted to.
///
/// Users and items are counted anew, so that each has a rating.
#[derive(Debug)]
pub struct StandardRatings {
    /// The users' rows in the data folder, in ascending order.
    pub users: Vec<usize>,
    /// The items' rows in the data folder, in ascending order.
    pub items: Vec<usize>,
    pub by_user: Adjacency,
    pub by_item: Adjacency,
    /// Mean of the ratings as they are.
    pub mean: f64,
    /// Their standard deviation; 1 where all are the same to a float.
    pub scale: f64,
    /// The least and the greatest.
    pub range: (f32, f32),
}

impl StandardRatings {
    /// Of users with at least one rating each, of items below `items`.
    pub fn new(groups: &[UserRatings], items: usize) -> Result<Self> {
        let values = groups.iter().flat_map(|group| &*group.ratings).map(|rated| rated.value);
        let count = values.clone().count() as f64;
        if count == 0.0 {
            let problem = "there is none of an existing item by an existing user";
            return Err(Error::argument("ratings", problem));
        }
        for (position, value) in values.clone().enumerate() {
            if !value.is_finite() {
                return Err(Error::Rating { position, value, problem: "it is not finite".into() });
            }
        }
        let range = values
            .clone()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), value| (l.min(value), h.max(value)));
        let mean = values.clone().map(f64::from).sum::<f64>() / count;
        let squares = values.map(|value| (f64::from(value) - mean).powi(2)).sum::<f64>();
        let deviation = (squares / count).sqrt();
        // Asked of the range, since rounding would leave a trace of a deviation;
        // and as a float, since it may be too small for one.
        let is_scale = range.0 < range.1 && deviation as f32 > 0.0;
        let scale = if is_scale { deviation } else { 1.0 };

        let mut rated = vec![false; items];
        groups.iter().flat_map(|group| &*group.ratings).for_each(|r| rated[r.item as usize] = true);
        let items: Vec<usize> = (0..items).filter(|&item| rated[item]).collect();
        let mut place = vec![0; rated.len()];
        items.iter().enumerate().for_each(|(index, &item)| place[item] = index as u32);
        let value = |rating: f32| ((f64::from(rating) - mean) / scale) as f32;
        let pair = |rated: &Rated| (place[rated.item as usize], value(rated.value));
        let rows = groups.iter().map(|group| group.ratings.iter().map(pair));
        let by_user = Adjacency::new(rows, count as usize);
        Ok(Self {
            users: groups.iter().map(|group| group.user as usize).collect(),
            by_item: by_user.transposed(items.len()),
            by_user,
            items,
            mean,
            scale,
            range,
        })
    }
}
