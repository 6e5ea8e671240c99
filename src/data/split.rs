//! The choice of new users and items, and of new ones again inside the others.

use rand::seq::index;

use super::faults::{Faults, LeftOut, Reason};
use super::folder::Dataset;
use super::ratings::Rating;
use super::rows::shown;
use super::settings::Newcomers;
use super::table::Table;
use super::tables::Tables;
use crate::Result;
use crate::model::schema::Entity;
use crate::random::{Purpose, generator};

/// The rows of which some are new.
pub(super) struct Candidates<'a> {
    pub entity: Entity,
    pub table: &'a Table,
    /// The table's numbers in the column that the rule names, if it names one.
    pub numbers: &'a [Option<f64>],
    /// The ids of rows that are left out.
    pub left_out: &'a LeftOut,
}

/// For each row of the table, whether it is new.
pub(super) fn new_rows(
    tables: &impl Tables,
    rule: Option<&Newcomers>,
    candidates: &Candidates<'_>,
    faults: &mut Faults,
) -> Result<Vec<bool>> {
    let &Candidates { entity, table, numbers, left_out } = candidates;
    let mut new = vec![false; table.len()];
    match rule {
        None => {}
        Some(Newcomers::From { from, .. }) => {
            for (new, number) in new.iter_mut().zip(numbers) {
                *new = number.is_some_and(|number| number >= *from);
            }
        }
        Some(Newcomers::Fraction { fraction, seed }) => {
            let count = (fraction * table.len() as f64).round() as usize;
            new = draw(entity, table.len(), count, *seed, 0);
        }
        Some(Newcomers::Listed { file }) => {
            for (place, id) in tables.ids(file)? {
                if let Some(row) = table.find(&id) {
                    new[row as usize] = true;
                } else if !left_out.contains(id.as_bytes()) {
                    let reason = match entity {
                        Entity::User => Reason::UnknownUser,
                        Entity::Item => Reason::UnknownItem,
                    };
                    let problem =
                        format!("\"{}\" is not an id of the {entity}s", shown(id.as_bytes()));
                    faults.add_at(reason, &tables.path(file), 1, problem, || (Some(place), None));
                }
            }
        }
    }
    Ok(new)
}

impl Dataset {
    /// Only the training part, with new users and new items drawn inside it, to choose
    /// settings without looking at the ratings to predict.
    ///
    /// It contains neither the users and items that are new here, nor values that only they
    /// have. The same share of the others becomes new, by the same kind of rule: those with
    /// the highest numbers where a column decides, and a random draw by `seed` otherwise. Of a
    /// split by time, the same share of the interactions before the boundary lies after the
    /// one inside, and decides what is new.
    pub fn inside(&self, seed: u64) -> Self {
        let (users, mut new_users, user_numbers) =
            inside(Entity::User, &self.new_users, &self.user_numbers, self.users.len(), seed);
        let (items, mut new_items, item_numbers) =
            inside(Entity::Item, &self.new_items, &self.item_numbers, self.items.len(), seed);
        let place = |kept: &[usize], row: u32| kept.binary_search(&(row as usize)).ok();
        let ratings = self.ratings.iter().filter_map(|rating| {
            let (user, item) = (place(&users, rating.user)?, place(&items, rating.item)?);
            Some(Rating { user: user as u32, item: item as u32, value: rating.value })
        });
        let timeline = self.timeline.as_ref().map(|timeline| timeline.inside(&users, &items));
        let ratings = match &timeline {
            Some(timeline) => {
                [new_users, new_items] = timeline.new_rows(users.len(), items.len());
                timeline.earlier()
            }
            None => ratings.collect(),
        };
        Self {
            name: self.name.clone(),
            ratings,
            feedback: self.feedback,
            users: self.users.select(&users),
            items: self.items.select(&items),
            new_users,
            new_items,
            user_numbers,
            item_numbers,
            timeline,
            rules: self.rules,
            inside: Some(seed),
            report: self.report.clone(),
        }
    }
}

/// The rows that are not new, which of them are to be, and their numbers.
fn inside(
    entity: Entity,
    new: &[bool],
    numbers: &[Option<f64>],
    rows: usize,
    seed: u64,
) -> (Vec<usize>, Vec<bool>, Vec<Option<f64>>) {
    let is_new = |row: usize| new.get(row).copied().unwrap_or(false);
    let kept: Vec<usize> = (0..rows).filter(|&row| !is_new(row)).collect();
    let share = 1.0 - kept.len() as f64 / rows.max(1) as f64;
    let count = (share * kept.len() as f64).round() as usize;
    let numbers: Vec<Option<f64>> =
        kept.iter().filter_map(|&row| numbers.get(row).copied()).collect();
    let new = match threshold(&numbers, count) {
        Some(from) => numbers.iter().map(|number| number.is_some_and(|n| n >= from)).collect(),
        None => draw(entity, kept.len(), count, seed, 1),
    };
    (kept, new, numbers)
}

/// The number from which rows are new, chosen so that nearly `count` rows are; `None` if no
/// number separates rows.
fn threshold(numbers: &[Option<f64>], count: usize) -> Option<f64> {
    let mut sorted: Vec<f64> = numbers.iter().flatten().copied().collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let mut above = 0;
    let candidates = sorted.chunk_by(|a, b| a == b).filter_map(|equal| {
        above += equal.len();
        (above < numbers.len()).then_some((above.abs_diff(count), *equal.first()?))
    });
    candidates.min_by_key(|(distance, _)| *distance).map(|(_, from)| from)
}

/// A random draw of `count` rows; each `level` of splits inside splits is a
/// stream of its own.
fn draw(entity: Entity, rows: usize, count: usize, seed: u64, level: u64) -> Vec<bool> {
    let stream = match entity {
        Entity::User => 0,
        Entity::Item => 1,
    };
    let mut new = vec![false; rows];
    let mut rng = generator(seed, Purpose::Split, stream, level);
    for row in index::sample(&mut rng, rows, count.min(rows)) {
        new[row] = true;
    }
    new
}
