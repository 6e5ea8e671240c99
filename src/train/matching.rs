//! Fields and values of an earlier model, known again by their names.

use crate::model::prior::{Input, Prior, Term};
use crate::model::schema::{Field, FieldKind, Vocabulary};

/// The fields of items or of users, each with the earlier model's field of the same name.
#[derive(Clone, Debug)]
pub struct FieldMatch {
    fields: Vec<Match>,
}

#[derive(Clone, Debug)]
struct Match {
    /// The earlier field's place, and how many values it had.
    before: usize,
    size_before: usize,
    /// Each value's place among the earlier field's.
    values: Vec<Option<usize>>,
}

/// Fields with the names of their values.
pub type NamedFields<'a> = (&'a [Field], &'a [Option<Vocabulary>]);

impl FieldMatch {
    /// Matches fields by name, and their values.
    ///
    /// # Errors
    /// Says what the earlier fields lack, have besides, or are instead, in words that follow
    /// "its items".
    pub fn new(before: NamedFields, after: NamedFields) -> Result<Self, String> {
        let find = |name: &str| before.0.iter().position(|field| field.name == name);
        let is_known = |name: &str| after.0.iter().any(|field| field.name == name);
        if let Some(gone) = before.0.iter().find(|field| !is_known(&field.name)) {
            return Err(format!(
                "have the field \"{}\", and these have none of that name, or no values of it",
                gone.name
            ));
        }
        let matched = |(field, names): (&Field, &Option<Vocabulary>)| {
            let name = &field.name;
            let place = find(name).ok_or_else(|| {
                format!("have no field \"{name}\", or had no values of it, and these have")
            })?;
            let (old, old_names) = (&before.0[place], &before.1[place]);
            if std::mem::discriminant(&old.kind) != std::mem::discriminant(&field.kind) {
                let kind = |field: &Field| match field.kind {
                    FieldKind::One => "one",
                    FieldKind::Multi => "multi",
                    FieldKind::Numeric(_) => "numeric",
                };
                return Err(format!(
                    "have the field \"{name}\" of the kind \"{}\", and these of \"{}\"",
                    kind(old),
                    kind(field)
                ));
            }
            let values = match (names, old_names) {
                (Some(names), Some(old)) => {
                    let find = |name| old.find(name).map(|value| value as usize);
                    names.names().iter().map(find).collect()
                }
                (Some(_), None) => {
                    return Err(format!("have the field \"{name}\" without the values' names"));
                }
                (None, _) => (0..field.size).map(Some).collect(),
            };
            Ok(Match { before: place, size_before: old.size, values })
        };
        let fields = after.0.iter().zip(after.1).map(matched).collect::<Result<_, String>>()?;
        Ok(Self { fields })
    }

    /// The earlier place of a field.
    pub fn before(&self, field: usize) -> usize {
        self.fields[field].before
    }

    /// The place among the embedded fields before of each field that is embedded now; and how
    /// many those were.
    pub fn blocks(&self, before: &[Field], after: &[Field]) -> (Vec<Option<usize>>, usize) {
        let count = |fields: &[Field]| fields.iter().filter(|field| field.embedded).count();
        let embedded = after.iter().zip(&self.fields).filter(|(field, _)| field.embedded);
        let place = |place: usize| before[place].embedded.then(|| count(&before[..place]));
        (embedded.map(|(_, matched)| place(matched.before)).collect(), count(before))
    }

    /// Copies a field's rows, one for each value and those that follow, `width` wide; rows of
    /// values that the earlier model did not have stay what they are.
    pub fn copy_rows(&self, field: usize, width: usize, from: &[f32], to: &mut [f32]) {
        let Match { values, size_before, .. } = &self.fields[field];
        let after = (*size_before..).map(Some);
        copy(width, values.iter().copied().chain(after), from, to);
    }

    /// The weights that an earlier prior had for these inputs, whose fields are these: for
    /// each input, `rows` of the prior's width. What it did not have is 0.
    pub fn weights(&self, earlier: &Prior, input: &Input, rows: usize) -> Vec<f32> {
        let width = earlier.width();
        let mut weights = vec![0.0; rows * width];
        let before = |field: &usize| self.before(*field);
        let same = |term: &&Term| match (&term.input, input) {
            (Input::Values { field: old }, Input::Values { field })
            | (Input::Number { field: old, .. }, Input::Number { field, .. })
            | (Input::Shared { field: old, .. }, Input::Shared { field, .. }) => {
                *old == before(field)
            }
            (Input::Pair { fields: old }, Input::Pair { fields }) => {
                *old == fields.each_ref().map(before)
            }
            _ => false,
        };
        let Some(term) = earlier.terms().iter().find(same) else { return weights };
        match input {
            Input::Values { field } | Input::Shared { field, .. } => {
                self.copy_rows(*field, width, &term.weights, &mut weights);
            }
            Input::Number { .. } => copy(width, [Some(0)].into_iter(), &term.weights, &mut weights),
            Input::Pair { fields: [first, second] } => {
                let (first, second) = (&self.fields[*first], &self.fields[*second]);
                let places = first.values.iter().flat_map(|a| {
                    let place = |b: &Option<usize>| Some((*a)? * second.size_before + (*b)?);
                    second.values.iter().map(place)
                });
                copy(width, places, &term.weights, &mut weights);
            }
        }
        weights
    }
}

/// Copies to each row the one at its place, if there is any.
fn copy(width: usize, places: impl Iterator<Item = Option<usize>>, from: &[f32], to: &mut [f32]) {
    for (place, to) in places.zip(to.chunks_exact_mut(width)) {
        let from = place.and_then(|place| from.get(place * width..(place + 1) * width));
        from.into_iter().for_each(|from| to.copy_from_slice(from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: FieldKind, size: usize) -> Field {
        Field { name: name.into(), kind, size, embedded: true }
    }

    fn names(names: &[&str]) -> Option<Vocabulary> {
        Some(Vocabulary::from_unsorted(names.iter().copied()))
    }

    /// Regions and tags, which have changed places, with a value that is gone and new ones.
    fn matched() -> FieldMatch {
        let before = [field("region", FieldKind::One, 2), field("tag", FieldKind::Multi, 2)];
        let before_names = [names(&["north", "south"]), names(&["blue", "red"])];
        let after = [field("tag", FieldKind::Multi, 3), field("region", FieldKind::One, 2)];
        let after_names = [names(&["azure", "blue", "green"]), names(&["east", "south"])];
        FieldMatch::new((&before, &before_names), (&after, &after_names)).unwrap()
    }

    #[test]
    fn rows_follow_their_values() {
        let mut rows = [9.0; 3];
        matched().copy_rows(0, 1, &[1.0, 2.0], &mut rows);
        assert_eq!(rows, [9.0, 1.0, 9.0]);
        let mut rows = [9.0; 4];
        matched().copy_rows(1, 2, &[1.0, 2.0, 3.0, 4.0], &mut rows);
        assert_eq!(rows, [9.0, 9.0, 3.0, 4.0]);
    }

    #[test]
    fn priors_follow_their_fields_and_values() {
        let term = |input, weights: &[f32]| Term { input, weights: weights.to_vec().into() };
        let fields = [field("region", FieldKind::One, 2), field("tag", FieldKind::Multi, 2)];
        let terms = vec![
            term(Input::Values { field: 0 }, &[1.0, 2.0]),
            // The last row is that of any tag.
            term(Input::Values { field: 1 }, &[3.0, 4.0, 5.0]),
        ];
        let prior = Prior::new(&fields, vec![0.0].into(), terms).unwrap();
        let weights = |field, rows| matched().weights(&prior, &Input::Values { field }, rows);
        assert_eq!(weights(0, 4), [0.0, 3.0, 0.0, 5.0]);
        assert_eq!(weights(1, 2), [0.0, 2.0]);
        let pair = |fields| Input::Pair { fields };
        let before = [field("a", FieldKind::One, 2), field("b", FieldKind::One, 3)];
        let before_names = [names(&["x", "y"]), names(&["p", "q", "r"])];
        let after_names = [names(&["w", "y"]), names(&["q", "r", "s"])];
        let after = [before[0].clone(), before[1].clone()];
        let matched = FieldMatch::new((&before, &before_names), (&after, &after_names)).unwrap();
        let terms = vec![term(pair([0, 1]), &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])];
        let prior = Prior::new(&before, vec![0.0].into(), terms).unwrap();
        assert_eq!(matched.weights(&prior, &pair([0, 1]), 6), [0.0, 0.0, 0.0, 5.0, 6.0, 0.0]);
        // What the earlier prior did not read is 0.
        assert_eq!(matched.weights(&prior, &Input::Values { field: 1 }, 3), [0.0; 3]);
    }

    #[test]
    fn embeddings_have_their_places_among_those_before() {
        let mut before = [field("region", FieldKind::One, 2), field("tag", FieldKind::Multi, 2)];
        let after = [field("tag", FieldKind::Multi, 3), field("region", FieldKind::One, 2)];
        assert_eq!(matched().blocks(&before, &after), (vec![Some(1), Some(0)], 2));
        before[0].embedded = false;
        assert_eq!(matched().blocks(&before, &after), (vec![Some(0), None], 1));
    }

    #[test]
    fn other_fields_do_not_match() {
        let one = [field("region", FieldKind::One, 1)];
        let other = [field("region", FieldKind::Multi, 1)];
        let named = [names(&["north"])];
        let problem =
            |before: NamedFields, after: NamedFields| FieldMatch::new(before, after).unwrap_err();
        assert!(problem((&one, &named), (&other, &named)).contains("of the kind \"one\""));
        assert!(problem((&one, &named), (&[], &[])).contains("have the field \"region\""));
        assert!(problem((&[], &[]), (&one, &named)).contains("have no field \"region\""));
        assert!(problem((&one, &[None]), (&one, &named)).contains("without the values' names"));
    }
}
