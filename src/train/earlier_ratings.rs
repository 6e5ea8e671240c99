//! The part of an earlier model that the head for ratings takes over.

use ndarray::Array2;

use super::earlier::Earlier;
use super::factors::EarlierItems;
use super::matching::FieldMatch;
use super::parameters::Parameters;
use crate::Result;
use crate::model::config::{Config, Local, VECTOR_NUMBERS};
use crate::model::network::Layer;
use crate::model::prior::Term;
use crate::model::schema::{Entity, Field, Vocabulary};

/// An earlier model, its fields matched with those of a training.
#[derive(Clone, Debug)]
pub struct EarlierRatings<'a> {
    earlier: &'a Earlier,
    items: FieldMatch,
    users: FieldMatch,
}

impl<'a> EarlierRatings<'a> {
    /// Matches the fields.
    ///
    /// # Errors
    /// As [`Earlier::match_fields`].
    pub fn new(
        earlier: &'a Earlier,
        (item_fields, item_names): (&[Field], &[Option<Vocabulary>]),
        (user_fields, user_names): (&[Field], &[Option<Vocabulary>]),
    ) -> Result<Self> {
        let items = earlier.match_fields(Entity::Item, item_fields, item_names)?;
        let users = earlier.match_fields(Entity::User, user_fields, user_names)?;
        Ok(Self { earlier, items, users })
    }

    /// The items of its factor model.
    pub fn item_vectors(&self) -> Option<EarlierItems> {
        let contents = self.earlier.model.contents();
        let before = contents.catalog.as_ref()?.vectors.as_ref()?;
        let width = contents.config.factors;
        let places = &self.earlier.items;
        let mut vectors = Array2::zeros((places.len(), width));
        let known = |place: &Option<usize>| place.filter(|place| before.raters[*place] > 0);
        for (mut row, place) in vectors.rows_mut().into_iter().zip(places) {
            let vector = known(place).map(|place| &before.vectors[place * width..][..width]);
            let numbers = vector.into_iter().flatten().map(|number| f64::from(*number));
            row.iter_mut().zip(numbers).for_each(|(to, from)| *to = from);
        }
        let known = places.iter().map(|place| known(place).is_some()).collect();
        Some(EarlierItems { vectors, known })
    }

    /// Lets a network begin where the earlier one ended: embeddings by the values' names, the
    /// layers by the fields that feed them, and the solver's numbers. What concerns the items'
    /// vectors in the head is the new factor model's. `terms` are those of the users' prior.
    pub fn begin(&self, config: &Config, terms: &[Term], parameters: &mut Parameters) {
        let contents = self.earlier.model.contents();
        let before = &contents.config;
        let Parameters { embeddings, user_prior, body, head, solver } = parameters;
        let (of_items, of_users) = embeddings.split_at_mut(config.item_fields.len());
        for (matched, entity, to) in
            [(&self.items, Entity::Item, of_items), (&self.users, Entity::User, of_users)]
        {
            let from = contents.embeddings(entity);
            for (field, to) in to.iter_mut().enumerate() {
                let from = &from[matched.before(field)];
                matched.copy_rows(field, config.embedding_dim, from, to);
            }
        }
        let dim = config.embedding_dim;
        let items = self.items.blocks(before.fields(Entity::Item), config.fields(Entity::Item));
        let users = self.users.blocks(before.fields(Entity::User), config.fields(Entity::User));
        let vector = if config.factors > 0 { config.factors + VECTOR_NUMBERS } else { 0 };
        if let (Ok(Some(new)), Ok(Some(old))) = (config.body_network(), before.body_network()) {
            let columns = Columns::new(vector).blocks(&items, dim);
            columns.copy(new.layers(), &contents.body, old.layers(), body);
        }
        let (Ok(new), Ok(old)) = (config.head_network(), before.head_network()) else { return };
        let columns = match config.factors {
            0 => Columns::new(0).blocks(&items, dim).blocks(&users, dim),
            factors => {
                let lead = factors + config.body.last().copied().unwrap_or(0);
                Columns::new(lead).blocks(&users, dim)
            }
        };
        let of_vectors = head[..config.factors].to_vec();
        let bias = head.last().copied();
        columns.copy(new.layers(), &contents.head, old.layers(), head);
        if config.factors > 0 && config.hidden.is_empty() {
            head[..config.factors].copy_from_slice(&of_vectors);
            if let (Some(to), Some(bias)) = (head.last_mut(), bias) {
                *to = bias;
            }
        }
        let width = head.len();
        if let Some(prior) = contents.user_prior.as_ref().filter(|prior| prior.width() == width) {
            for (term, to) in terms.iter().zip(user_prior) {
                let from = self.users.weights(prior, &term.input, to.len() / width);
                let rows = to.chunks_exact_mut(width).zip(from.chunks_exact(width));
                // The last is the bias.
                let features = config.factors..width - 1;
                rows.for_each(|(to, from)| {
                    to[features.clone()].copy_from_slice(&from[features.clone()]);
                });
            }
        }
        let numbers: Vec<f32> = match &before.local {
            Local::Gradient(steps) => steps.rates.iter().chain([&steps.pull]).copied().collect(),
            Local::Ridge(ridge) => {
                contents.head_scale.iter().chain([&ridge.item_variance]).copied().collect()
            }
        };
        if numbers.len() == solver.len() {
            for (to, number) in solver.iter_mut().zip(numbers) {
                // The logarithm of 0 means a number that is not learned.
                if number > 0.0 {
                    *to = number.ln();
                }
            }
        }
    }
}

/// The earlier place of each input of a network's first layer.
struct Columns {
    places: Vec<Option<usize>>,
    /// How many inputs the earlier layer had so far.
    before: usize,
}

impl Columns {
    /// So many inputs that are the same as before.
    fn new(lead: usize) -> Self {
        Self { places: (0..lead).map(Some).collect(), before: lead }
    }

    /// And an embedding of `dim` for each of these fields.
    fn blocks(mut self, (blocks, count_before): &(Vec<Option<usize>>, usize), dim: usize) -> Self {
        for block in blocks {
            let begin = block.map(|block| self.before + block * dim);
            self.places.extend((0..dim).map(|place| Some(begin? + place)));
        }
        self.before += count_before * dim;
        self
    }

    /// Copies all layers, the first by its inputs.
    fn copy(&self, new: &[Layer], from: &[f32], old: &[Layer], to: &mut [f32]) {
        for (place, (new, old)) in new.iter().zip(old).enumerate() {
            if new.outputs != old.outputs {
                return;
            }
            to[new.bias.clone()].copy_from_slice(&from[old.bias.clone()]);
            let (from, to) = (&from[old.weight.clone()], &mut to[new.weight.clone()]);
            if place > 0 {
                to.copy_from_slice(from);
                continue;
            }
            let rows = to.chunks_exact_mut(new.inputs.max(1));
            for (to, from) in rows.zip(from.chunks_exact(old.inputs.max(1))) {
                for (to, place) in to.iter_mut().zip(&self.places) {
                    if let Some(number) = place.and_then(|place| from.get(place)) {
                        *to = *number;
                    }
                }
            }
        }
    }
}
