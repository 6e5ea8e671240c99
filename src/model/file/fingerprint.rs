//! Tells one model from another.

use xxhash_rust::xxh64::{Xxh64, xxh64};

use super::{CatalogTable, ChoiceItems, ChoicePriors, Contents, ItemPrior, ItemVectors};
use crate::model::config::{Config, DataType, GradientSteps, Local, Ridge};
use crate::model::loss::{Loss, Output};
use crate::model::prior::{Input, Prior};
use crate::model::schema::{Column, Entity, Field, FieldKind, NumberScale, Strings};
use crate::model::{ChoiceHead, Curve};

/// A hash of everything that scores depend on: configuration, priors and tensors, but not
/// evidence, titles, or the record of the training. The layout and spelling of the file do
/// not matter. The catalogue is taken to be in f32: see [`fingerprint_in`].
pub fn fingerprint(contents: &Contents) -> u64 {
    let mut hash = Hash::new();
    let Contents {
        config, body, head, head_scale, item_prior, user_prior, choice, catalog, ..
    } = contents;
    hash.config(config);
    for entity in [Entity::Item, Entity::User] {
        contents.embeddings(entity).iter().for_each(|weight| hash.list(weight));
        for vocabulary in contents.vocabularies(entity) {
            if let Some(vocabulary) = hash.optional(vocabulary) {
                hash.strings(vocabulary.names());
            }
        }
    }
    [body, head, head_scale].into_iter().for_each(|numbers| hash.list(numbers));
    if let Some(ItemPrior { prior, variance }) = hash.optional(item_prior) {
        hash.list(&[*variance]);
        hash.prior(prior);
    }
    if let Some(prior) = hash.optional(user_prior) {
        hash.prior(prior);
    }
    if let Some(ChoicePriors { user, item }) = hash.optional(choice) {
        hash.prior(user);
        hash.prior(item);
    }
    if let Some(CatalogTable { ids, columns, vectors, choice, .. }) = hash.optional(catalog) {
        hash.strings(ids);
        columns.iter().for_each(|column| hash.column(column));
        if let Some(ItemVectors { vectors, bias, variance, raters }) = hash.optional(vectors) {
            [vectors, bias, variance].into_iter().for_each(|numbers| hash.list(numbers));
            hash.list(raters);
        }
        if let Some(ChoiceItems { rows, raters, neighbours, weights }) = hash.optional(choice) {
            [rows, weights].into_iter().for_each(|numbers| hash.list(numbers));
            [raters, neighbours].into_iter().for_each(|numbers| hash.list(numbers));
        }
    }
    hash.finish()
}

/// The fingerprint of the same model with its catalogue in a data type.
pub fn fingerprint_in(single: u64, data_type: DataType) -> u64 {
    match data_type {
        DataType::F32 => single,
        DataType::F16 => xxh64(b"f16", single),
    }
}

/// Each part follows its length or kind, so that different models give different bytes.
pub struct Hash(Xxh64);

impl Hash {
    pub fn new() -> Self {
        Self(Xxh64::new(0))
    }

    pub fn finish(self) -> u64 {
        self.0.digest()
    }

    pub fn number(&mut self, number: usize) {
        self.0.update(&(number as u64).to_le_bytes());
    }

    pub fn list<T: bytemuck::Pod>(&mut self, numbers: &[T]) {
        self.bytes(bytemuck::cast_slice(numbers));
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.0.update(bytes);
    }

    pub fn optional<'a, T>(&mut self, part: &'a Option<T>) -> Option<&'a T> {
        self.number(usize::from(part.is_some()));
        part.as_ref()
    }

    pub fn strings(&mut self, strings: &Strings) {
        self.list(strings.offsets());
        self.list(strings.bytes());
    }

    fn config(&mut self, config: &Config) {
        let Config { item_fields, user_fields, embedding_dim, factors, body, hidden, .. } = config;
        for fields in [item_fields, user_fields] {
            self.number(fields.len());
            fields.iter().for_each(|field| self.field(field));
        }
        self.number(*embedding_dim);
        self.number(*factors);
        for widths in [body, hidden] {
            self.number(widths.len());
            widths.iter().for_each(|width| self.number(*width));
        }
        let Output { loss, scale, offset, range } = config.output;
        self.number(match loss {
            Loss::Mse => 0,
            Loss::Bce => 1,
            Loss::SmoothL1 => 2,
        });
        self.list(&[scale, offset]);
        range.iter().for_each(|range| self.list(range));
        match &config.local {
            Local::Gradient(GradientSteps { steps, rates, pull }) => {
                self.number(0);
                self.number(*steps);
                self.list(rates);
                self.list(&[*pull]);
            }
            Local::Ridge(Ridge { noise, item_variance, calibration }) => {
                self.number(1);
                self.list(&[*noise, *item_variance, *calibration]);
            }
        }
        if let Some(head) = self.optional(&config.choice) {
            self.choice(head);
        }
    }

    fn choice(&mut self, head: &ChoiceHead) {
        self.list(&head.precision);
        self.list(&head.precision_per_answer);
        self.list(&[
            head.half_start,
            head.scale,
            head.popularity,
            head.new_items,
            f32::from(u8::from(head.starts_by_vector)),
            head.neighbours,
            head.exposure,
            head.rating,
        ]);
        self.list(&head.rating_range);
        for Curve(points) in [&head.targets, &head.strengths] {
            self.list(points);
        }
    }

    fn field(&mut self, field: &Field) {
        let Field { name, kind, size, embedded } = field;
        self.bytes(name.as_bytes());
        let (kind, numbers) = match kind {
            FieldKind::One => (0, [0.0; 2]),
            FieldKind::Multi => (1, [0.0; 2]),
            FieldKind::Numeric(scale) => (2, [scale.mean, scale.std]),
        };
        self.number(kind);
        self.list(&numbers);
        if let FieldKind::Numeric(NumberScale { range, log_unit, .. }) = &field.kind {
            range.iter().for_each(|range| self.list(range));
            log_unit.iter().for_each(|unit| self.list(&[*unit]));
        }
        self.number(*size);
        self.number(usize::from(*embedded));
    }

    pub fn column(&mut self, column: &Column) {
        match column {
            Column::Numbers(numbers) => self.list(numbers),
            Column::Values { offsets, values } => {
                self.list(offsets);
                self.list(values);
            }
        }
    }

    fn prior(&mut self, prior: &Prior) {
        self.list(prior.intercept());
        self.number(prior.terms().len());
        for term in prior.terms() {
            let (kind, fields, numbers): (_, _, &[f32]) = match &term.input {
                Input::Values { field } => (0, [*field; 2], &[]),
                Input::Pair { fields } => (1, *fields, &[]),
                Input::Number { field, lowest, highest } => {
                    (2, [*field; 2], &[*lowest, *highest][..])
                }
                Input::Shared { field, confidences } => (3, [*field; 2], confidences),
            };
            [kind, fields[0], fields[1]].into_iter().for_each(|number| self.number(number));
            self.list(numbers);
            self.list(&term.weights);
        }
    }
}
