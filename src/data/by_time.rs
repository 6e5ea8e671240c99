//! The split by time: what training sees, and what evaluation is to predict.

use std::fmt;

use super::ratings::{DatedLog, DatedRating, Rating, Repeats};
use super::settings::After;
use super::tasks::Rated;
use super::times::Clock;

/// The time at which a split by time begins: see [`Dataset::boundary`](super::Dataset::boundary).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Boundary {
    /// Seconds since 1970, or a number in the unit of the log's times if these are no dates.
    pub seconds: f64,
    clock: Clock,
}

impl fmt::Display for Boundary {
    /// A date in ISO 8601, in UTC; a number if the log's times are no dates.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.clock.show(self.seconds))
    }
}

/// All rows of a log, and the time at which it is split.
///
/// It alone holds what comes later, so that only evaluation, which asks for it, finds it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Timeline {
    /// By user, time, item and place in the file.
    rows: Vec<DatedRating>,
    repeats: Repeats,
    boundary: Boundary,
}

/// How much lies on each side of the boundary, each user's item once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Side {
    pub interactions: usize,
    pub users: usize,
    pub items: usize,
}

impl Timeline {
    /// Splits a log.
    ///
    /// # Errors
    /// Says, in words, that nothing lies on one side.
    pub fn new(log: DatedLog, after: &After) -> Result<Self, String> {
        let DatedLog { mut rows, repeats, clock } = log;
        sort(&mut rows);
        let mut times: Vec<f64> = rows.iter().map(|row| row.time).collect();
        times.sort_unstable_by(f64::total_cmp);
        let (first, last) = (times.first().copied(), times.last().copied());
        let (Some(first), Some(last)) = (first, last) else { return Err("has no time".into()) };
        let seconds = match after {
            After::Time { time, .. } => Some(clock.seconds(*time)),
            After::Fraction(fraction) => newest(&times, *fraction),
        };
        let side = match seconds {
            Some(seconds) if seconds <= first => "before",
            Some(seconds) if seconds <= last => {
                return Ok(Self { rows, repeats, boundary: Boundary { seconds, clock } });
            }
            _ => "after",
        };
        Err(format!(
            "[split] after = {after} leaves nothing {side} it: the times in the log are from {} \
             to {}",
            clock.show(first),
            clock.show(last)
        ))
    }

    /// The ratings that training sees, by user and then item, each pair once.
    pub fn earlier(&self) -> Vec<Rating> {
        let mut ratings = Vec::new();
        for rows in self.users() {
            let Some(user) = rows.first().map(|row| row.rating.user) else { continue };
            let mut rated = self.once(&rows[..self.place(rows)]);
            rated.sort_unstable_by_key(|rated| rated.item);
            let ratings_of =
                rated.iter().map(|&Rated { item, value }| Rating { user, item, value });
            ratings.extend(ratings_of);
        }
        ratings.shrink_to_fit();
        ratings
    }

    /// For each of so many users and items, whether its first interaction lies at or after the
    /// boundary.
    pub fn new_rows(&self, users: usize, items: usize) -> [Vec<bool>; 2] {
        let (mut new_users, mut new_items) = (vec![false; users], vec![false; items]);
        let mark = |later: bool, new_users: &mut [bool], new_items: &mut [bool]| {
            for row in self.rows.iter().filter(|row| self.is_later(row) == later) {
                new_users[row.rating.user as usize] = later;
                new_items[row.rating.item as usize] = later;
            }
        };
        mark(true, &mut new_users, &mut new_items);
        mark(false, &mut new_users, &mut new_items);
        [new_users, new_items]
    }

    /// The earlier rows of these users and items, numbered by their places in these lists, and
    /// split so that the same share of them is later.
    pub fn inside(&self, users: &[usize], items: &[usize]) -> Self {
        let place = |kept: &[usize], row: u32| kept.binary_search(&(row as usize)).ok();
        let earlier = self.rows.iter().filter(|row| !self.is_later(row));
        let rows: Vec<DatedRating> = earlier
            .filter_map(|row| {
                let Rating { user, item, value } = row.rating;
                let (user, item) = (place(users, user)?, place(items, item)?);
                let rating = Rating { user: user as u32, item: item as u32, value };
                Some(DatedRating { rating, time: row.time })
            })
            .collect();
        let mut times: Vec<f64> = rows.iter().map(|row| row.time).collect();
        times.sort_unstable_by(f64::total_cmp);
        let share = 1.0 - rows.len() as f64 / self.rows.len().max(1) as f64;
        let first = times.first().copied().unwrap_or_default();
        let seconds = newest(&times, share).filter(|time| *time > first);
        // Of many rows at the first time all others are later, if there are others.
        let second = || times.iter().copied().find(|time| *time > first);
        let seconds = seconds.or_else(second).unwrap_or_else(|| first.next_up());
        Self { rows, repeats: self.repeats, boundary: Boundary { seconds, ..self.boundary } }
    }

    /// Gives all rows the same value.
    pub fn set_values(&mut self, value: f32) {
        self.rows.iter_mut().for_each(|row| row.rating.value = value);
    }

    fn is_later(&self, row: &DatedRating) -> bool {
        row.time >= self.boundary.seconds
    }

    /// Each user's rows, in order of time.
    pub fn users(&self) -> impl Iterator<Item = &[DatedRating]> {
        self.rows.chunk_by(|a, b| a.rating.user == b.rating.user)
    }

    /// The boundary's place in one user's rows.
    pub fn place(&self, rows: &[DatedRating]) -> usize {
        rows.partition_point(|row| !self.is_later(row))
    }

    /// One user's rows with each item once. A rating takes the place of the row that counts,
    /// and an interaction that of its first row, when the user chose the item.
    fn once(&self, rows: &[DatedRating]) -> Vec<Rated> {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        // Stable: by time among those of one item.
        order.sort_by_key(|&place| rows[place].rating.item);
        let alike = order.chunk_by(|&a, &b| rows[a].rating.item == rows[b].rating.item);
        let one = |alike: &[usize]| {
            let place = match self.repeats {
                Repeats::Latest => *alike.last()?,
                Repeats::Once | Repeats::Sum => *alike.first()?,
            };
            let Rating { item, value, .. } = rows[place].rating;
            let value = match self.repeats {
                Repeats::Latest => value,
                Repeats::Once => 1.0,
                Repeats::Sum => {
                    let mut values: Vec<f32> =
                        alike.iter().map(|&place| rows[place].rating.value).collect();
                    // By value, so that the order of the rows does not show in the last digits.
                    values.sort_unstable_by(f32::total_cmp);
                    values.into_iter().map(f64::from).sum::<f64>() as f32
                }
            };
            Some((place, Rated { item, value }))
        };
        let mut rated: Vec<(usize, Rated)> = alike.filter_map(one).collect();
        rated.sort_unstable_by_key(|(place, _)| *place);
        rated.into_iter().map(|(_, rated)| rated).collect()
    }

    /// One user's rows before and from a place on, each item once, in order of time. An item
    /// from before is not to be found again, so that it is missing in the second part.
    pub fn cut(&self, rows: &[DatedRating], place: usize) -> [Vec<Rated>; 2] {
        let (before, mut from) = (self.once(&rows[..place]), self.once(&rows[place..]));
        let mut known: Vec<u32> = before.iter().map(|rated| rated.item).collect();
        known.sort_unstable();
        from.retain(|rated| known.binary_search(&rated.item).is_err());
        [before, from]
    }

    /// Both sides, and how many later interactions repeat earlier ones of the same user and
    /// item. `items` is the number of all items.
    pub fn sides(&self, items: usize) -> ([Side; 2], usize) {
        let mut sides = [Side::default(); 2];
        let mut seen = [vec![false; items], vec![false; items]];
        let mut repeated = 0;
        for rows in self.users() {
            let place = self.place(rows);
            let parts = self.cut(rows, place);
            repeated += self.once(&rows[place..]).len() - parts[1].len();
            for ((side, seen), part) in sides.iter_mut().zip(&mut seen).zip(parts) {
                side.interactions += part.len();
                side.users += usize::from(!part.is_empty());
                part.iter().for_each(|rated| seen[rated.item as usize] = true);
            }
        }
        for (side, seen) in sides.iter_mut().zip(seen) {
            side.items = seen.into_iter().filter(|is_seen| *is_seen).count();
        }
        (sides, repeated)
    }

    pub fn boundary(&self) -> Boundary {
        self.boundary
    }

    /// The values of all later rows.
    pub fn later_values(&self) -> impl Iterator<Item = f32> {
        self.rows.iter().filter(|row| self.is_later(row)).map(|row| row.rating.value)
    }

    /// The places in one user's rows where items that are `counted` come for the first time.
    pub fn first_places(rows: &[DatedRating], counted: impl Fn(u32) -> bool) -> Vec<usize> {
        let mut order: Vec<usize> =
            (0..rows.len()).filter(|&place| counted(rows[place].rating.item)).collect();
        order.sort_by_key(|&place| rows[place].rating.item);
        order.dedup_by_key(|place| rows[*place].rating.item);
        order.sort_unstable();
        order
    }
}

/// In order of time within each user; at the same time by item, and then as in the file.
fn sort(rows: &mut [DatedRating]) {
    rows.sort_by(|a, b| {
        a.rating
            .user
            .cmp(&b.rating.user)
            .then(a.time.total_cmp(&b.time))
            .then(a.rating.item.cmp(&b.rating.item))
    });
}

/// The time from which on this share of sorted times lies, at the least: those of one time
/// stay together. `None` if it is none of them.
fn newest(times: &[f64], share: f64) -> Option<f64> {
    let count = (share * times.len() as f64).round() as usize;
    times.get(times.len().checked_sub(count)?).copied()
}
