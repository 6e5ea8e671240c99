//! Models to measure, made in memory: weights that nothing was learned from, in
//! the shapes that count, and one that was trained on a small generated world.

use std::ops::ControlFlow;

use melu::data::{SynthOptions, World};
use melu::model::config::{Config, DataType, GradientSteps, Local};
use melu::model::embedding::{mean_row, write_row};
use melu::model::loss::{Loss, Output};
use melu::model::schema::{Field, FieldKind, Value};
use melu::train::{TrainOptions, Trainer};
use melu::{Catalog, Model, Scratch, User};

use super::generated::Tensors;
use super::measure::measuring;
use super::work::made_up;

/// How many films MovieLens 1M has.
pub const FILMS: u32 = 3_706;

/// The paper's model in the sizes of MovieLens 1M: 458,401 numbers.
pub fn paper(steps: usize) -> Model {
    let items = [("rate", 6), ("genre", 25), ("director", 2_186), ("actor", 8_030)];
    let users = [("gender", 2), ("age", 7), ("occupation", 21), ("zipcode", 3_402)];
    generated(&items, &users, 32, &[64, 64], steps)
}

/// The paper's model with other widths, and small vocabularies.
pub fn shaped(embedding_dim: usize, hidden: &[usize]) -> Model {
    let items = [("a", 500), ("b", 500), ("c", 500), ("d", 500)];
    let users = [("e", 20), ("f", 20), ("g", 20), ("h", 20)];
    generated(&items, &users, embedding_dim, hidden, 1)
}

fn generated(
    items: &[(&str, usize)],
    users: &[(&str, usize)],
    embedding_dim: usize,
    hidden: &[usize],
    steps: usize,
) -> Model {
    let fields = |fields: &[(&str, usize)]| -> Vec<Field> {
        let field = |&(name, size): &(&str, usize)| Field {
            name: name.into(),
            kind: FieldKind::One,
            size,
            embedded: true,
        };
        fields.iter().map(field).collect()
    };
    let mut config = Config {
        item_fields: fields(items),
        user_fields: fields(users),
        embedding_dim,
        factors: 0,
        body: Vec::new(),
        hidden: hidden.to_vec(),
        output: Output { loss: Loss::Mse, scale: 1.0, offset: 3.0, range: None },
        local: Local::Gradient(GradientSteps { steps, rates: Vec::new(), pull: 0.0 }),
        medians: None,
        catalog: DataType::F32,
        choice: None,
    };
    let head = config.head_network().expect("the widths are small");
    let rates = vec![1e-3; head.tensors()];
    config.local = Local::Gradient(GradientSteps { steps, rates, pull: 0.0 });
    let tables = items.len() + users.len();
    // About as large as what comes in, so that some units are open and others not.
    let scale = |tensor: usize| match tensor.checked_sub(tables) {
        None => 1.0,
        Some(tensor) => (3.0 / head.layers()[tensor / 2].inputs as f64).sqrt(),
    };
    let contents = Tensors::generate(&config, 1, scale).contents(&config);
    Model::from_contents(contents).expect("the contents fit")
}

/// The default recipe's model, trained on a small world: item vectors, a body, a head in closed
/// form, and a head for choosing.
pub fn default_recipe() -> Model {
    trained(200, 150)
}

/// The default recipe's catalogue of as many items as there are films, all of which somebody
/// rated, with neighbours; or a small one where nothing is measured.
pub fn films() -> Catalog {
    let model = match measuring() {
        true => trained(1_500, FILMS as usize),
        false => default_recipe(),
    };
    model.catalog().expect("its items fit").expect("a trained model has items")
}

fn trained(users: usize, items: usize) -> Model {
    let world = SynthOptions { users, items, ratings_per_user: 60, ..SynthOptions::default() };
    let dataset = World::generate(&world).and_then(|world| world.dataset()).expect("a world");
    let options = TrainOptions { epochs: 1, ..TrainOptions::default() };
    let mut trainer = Trainer::new(&dataset, &options, 1).expect("the options are good");
    trainer.run(|_| ControlFlow::Continue(())).expect("training ends");
    let contents = trainer.finish().expect("there was an epoch");
    Model::from_contents(contents).expect("the contents fit")
}

/// A catalogue of so many made-up items.
pub fn catalog(model: &Model, items: u32) -> Catalog {
    made_up(model, items).expect("the items fit")
}

/// One of different users of a catalogue.
pub fn user(catalog: &Catalog, number: u32) -> User {
    let fields = &catalog.model().config().user_fields;
    let value = |field: &Field| match field.kind {
        FieldKind::Numeric(scale) => Value::Number(scale.mean),
        _ => Value::Index(number % field.size as u32),
    };
    let profile: Vec<(&str, Value)> =
        fields.iter().map(|field| (field.name.as_str(), value(field))).collect();
    User::new(catalog, &profile).expect("the profile fits")
}

/// What a catalogue's users compute in.
pub fn scratch(catalog: &Catalog) -> Scratch {
    Scratch::new(catalog).expect("there is memory")
}

/// What the head of a paper's model sees of some items of a catalogue,
/// [items, item width].
pub fn item_rows(catalog: &Catalog, items: &[u32]) -> Vec<f32> {
    let contents = catalog.model().contents();
    let Config { item_fields, embedding_dim, .. } = &contents.config;
    let tables = &contents.item_embeddings;
    let means: Vec<_> = tables
        .iter()
        .map(|table| mean_row(table, *embedding_dim).expect("there is memory"))
        .collect();
    let width = contents.config.item_width().expect("the widths are small");
    let mut rows = vec![0.0; items.len() * width];
    for (&item, row) in items.iter().zip(rows.chunks_exact_mut(width)) {
        write_row(item_fields, &catalog.table().columns, item as usize, tables, &means, row);
    }
    rows
}

/// What the head of a paper's model sees of that user.
pub fn user_row(model: &Model, number: u32) -> Vec<f32> {
    let contents = model.contents();
    let Config { user_fields, embedding_dim, .. } = &contents.config;
    let tables = user_fields.iter().zip(&contents.user_embeddings);
    let row = |(field, table): (&Field, &melu::model::buffer::Buffer<f32>)| {
        let value = number as usize % field.size;
        table[value * embedding_dim..][..*embedding_dim].to_vec()
    };
    tables.flat_map(row).collect()
}
