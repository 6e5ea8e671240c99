//! The catalogue's items as the head for choosing takes them.

use super::places;
use crate::Model;
use crate::memory;
use crate::model::buffer::Buffer;
use crate::model::file::{CatalogTable, ChoiceItems, ChoicePriors};
use crate::model::schema::Strings;
use crate::model::write_new_row;

/// Rows and neighbours of a table's items: from the weight file for its own items, and
/// predicted from content for others. `None` for a model without a head for choosing.
///
/// # Errors
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub fn items(model: &Model, table: &CatalogTable) -> memory::Result<Option<ChoiceItems>> {
    let (Some(head), Some(ChoicePriors { item: prior, .. })) =
        (model.choice(), &model.contents().choice)
    else {
        return Ok(None);
    };
    let (fields, width, count) = (&model.config().item_fields, head.row_width(), table.ids.len());
    let own = own_items(model);
    let known: Vec<Option<usize>> = match own {
        Some((_, ids)) => memory::collected(table.ids.iter().map(places(ids)?))?,
        None => memory::zeros(count)?,
    };
    let mut rows = memory::reserved(count.saturating_mul(width))?;
    let mut raters = memory::reserved(count)?;
    for (item, known) in known.iter().enumerate() {
        if let (Some((own, _)), Some(place)) = (own, *known) {
            rows.extend_from_slice(&own.rows[place * width..][..width]);
            raters.push(own.raters[place]);
            continue;
        }
        let begin = rows.len();
        rows.resize(begin + width, 0.0);
        write_new_row(prior, fields, &table.columns, item, &mut rows[begin..]);
        raters.push(0u32);
    }
    let (neighbours, weights) = match own {
        Some((own, _)) => neighbours(own, &known)?,
        None => (Vec::new().into(), Vec::new().into()),
    };
    let (rows, raters) = (rows.into(), raters.into());
    Ok(Some(ChoiceItems { rows, raters, neighbours, weights }))
}

/// The weight file's own items for choosing, and their ids.
fn own_items(model: &Model) -> Option<(&ChoiceItems, &Strings)> {
    let own = model.contents().catalog.as_ref()?;
    Some((own.choice.as_ref()?, &own.ids))
}

/// Finds the neighbours of a joined table's items anew if one from `first` on is the weight
/// file's: it may be a neighbour of items before it, and they of it.
///
/// # Errors
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub fn join_neighbours(
    model: &Model,
    table: &mut CatalogTable,
    first: usize,
) -> memory::Result<()> {
    if let (Some(choice), Some((own, ids))) = (&mut table.choice, own_items(model)) {
        let place = places(ids)?;
        if table.ids.iter().skip(first).any(|id| place(id).is_some()) {
            let known: Vec<Option<usize>> = memory::collected(table.ids.iter().map(place))?;
            (choice.neighbours, choice.weights) = neighbours(own, &known)?;
        }
    }
    Ok(())
}

/// The neighbours of items, as indices into the table; `known` has each item's index in the
/// weight file.
fn neighbours(
    own: &ChoiceItems,
    known: &[Option<usize>],
) -> memory::Result<(Buffer<u32>, Buffer<f32>)> {
    let mut here = memory::zeros(own.raters.len())?;
    for (item, place) in (0u32..).zip(known) {
        if let Some(place) = place {
            here[*place] = Some(item);
        }
    }
    let each = own.neighbours_each();
    let size = known.len().saturating_mul(each);
    let mut neighbours = memory::reserved(size)?;
    let mut weights = memory::reserved(size)?;
    for (item, place) in (0u32..).zip(known) {
        for (other, weight) in place.iter().flat_map(|place| own.neighbours_of(*place as u32)) {
            // A neighbour that the table lacks becomes the item itself, with no weight.
            let other = here.get(other as usize).copied().flatten();
            neighbours.push(other.unwrap_or(item));
            weights.push(if other.is_some() { weight } else { 0.0 });
        }
        if place.is_none() {
            neighbours.resize(neighbours.len() + each, item);
            weights.resize(neighbours.len(), 0.0);
        }
    }
    Ok((neighbours.into(), weights.into()))
}
