//! Which users and items count as new.

use std::path::Path;

use rand::seq::index;

use super::rows::{Open, read_text, shown};
use super::settings::Newcomers;
use super::table::Table;
use crate::random::{Purpose, generator};
use crate::schema::Entity;
use crate::{Error, Result};

/// For each row of the table, whether it is new.
///
/// `numbers` are the table's numbers in the column that the rule names, if it
/// names one.
pub(super) fn new_rows(
    open: Open<'_>,
    folder: &Path,
    entity: Entity,
    rule: Option<&Newcomers>,
    table: &Table,
    numbers: &[Option<f64>],
) -> Result<Vec<bool>> {
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
            let stream = match entity {
                Entity::User => 0,
                Entity::Item => 1,
            };
            let mut rng = generator(*seed, Purpose::Split, stream, 0);
            for row in index::sample(&mut rng, table.len(), count.min(table.len())) {
                new[row] = true;
            }
        }
        Some(Newcomers::Listed { file }) => {
            let path = folder.join(file);
            let text = read_text(open, &path)?;
            for (line, id) in (1..).zip(text.lines()) {
                let id = id.trim();
                if id.is_empty() {
                    continue;
                }
                let row = table.find(id).ok_or_else(|| Error::Data {
                    file: path.clone(),
                    line: Some(line),
                    column: None,
                    problem: format!(
                        "\"{}\" is not an id of the {entity}s file",
                        shown(id.as_bytes())
                    ),
                })?;
                new[row as usize] = true;
            }
        }
    }
    Ok(new)
}
