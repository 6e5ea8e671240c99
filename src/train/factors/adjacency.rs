//! Ratings by user and by item, in standard deviations from their mean.

use crate::data::UserRatings;
use crate::{Error, Result};

/// Who or what is connected with whom, and by which rating.
#[derive(Clone, Debug)]
pub struct Adjacency {
    /// Where each row's connections begin, and at the end where the last end.
    starts: Vec<usize>,
    others: Vec<u32>,
    values: Vec<f64>,
}

impl Adjacency {
    fn new(rows: impl Iterator<Item = Vec<(u32, f64)>>) -> Self {
        let mut adjacency = Self { starts: vec![0], others: Vec::new(), values: Vec::new() };
        for row in rows {
            adjacency.others.extend(row.iter().map(|(other, _)| other));
            adjacency.values.extend(row.iter().map(|(_, value)| value));
            adjacency.starts.push(adjacency.others.len());
        }
        adjacency
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

    /// A row's others, in ascending order, and the ratings.
    pub fn row(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + Clone {
        let range = self.starts[row]..self.starts[row + 1];
        let others = self.others[range.clone()].iter().map(|&other| other as usize);
        others.zip(self.values[range].iter().copied())
    }

    /// Some of the rows, in the given order.
    pub fn select(&self, rows: &[usize]) -> Self {
        Self::new(rows.iter().map(|&row| self.row(row).map(|(o, v)| (o as u32, v)).collect()))
    }

    /// The same connections seen from the `others` others.
    fn transposed(&self, others: usize) -> Self {
        let mut rows = vec![Vec::new(); others];
        for row in 0..self.len() {
            self.row(row).for_each(|(other, value)| rows[other].push((row as u32, value)));
        }
        Self::new(rows.into_iter())
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
        let values = groups.iter().flat_map(|group| &group.ratings).map(|rated| rated.value);
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
        groups.iter().flat_map(|group| &group.ratings).for_each(|r| rated[r.item as usize] = true);
        let items: Vec<usize> = (0..items).filter(|&item| rated[item]).collect();
        let mut place = vec![0; rated.len()];
        items.iter().enumerate().for_each(|(index, &item)| place[item] = index as u32);
        let by_user = Adjacency::new(groups.iter().map(|group| {
            let value = |rating: f32| (f64::from(rating) - mean) / scale;
            group.ratings.iter().map(|r| (place[r.item as usize], value(r.value))).collect()
        }));
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
