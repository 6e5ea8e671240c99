//! Work to measure, and how many operations it takes. The benchmarks share it.

use melu::model::config::Local;
use melu::model::loss::Loss;
use melu::model::network::Network;
use melu::model::schema::{FieldKind, Value};
use melu::{Catalog, Model, NewItem, Result};

/// Generated items with some value of each field.
pub fn made_up(model: &Model, count: u32) -> Result<Catalog> {
    let fields = &model.config().item_fields;
    let ids: Vec<String> = (0..count).map(|item| item.to_string()).collect();
    // Multiplying by a large odd number strews the values.
    let value = |item: u32, place: usize| match fields[place].kind {
        FieldKind::Numeric(scale) => Value::Number(scale.mean),
        _ => {
            let strewn = (item + 1).wrapping_mul(2_654_435_761).rotate_left(place as u32);
            Value::Index(strewn % fields[place].size as u32)
        }
    };
    let values: Vec<Vec<(&str, Value)>> = (0..count)
        .map(|item| {
            let fields = fields.iter().enumerate();
            fields.map(|(place, field)| (field.name.as_str(), value(item, place))).collect()
        })
        .collect();
    let items: Vec<NewItem> =
        ids.iter().zip(&values).map(|(id, values)| NewItem { id, title: None, values }).collect();
    Catalog::new(model, &items)
}

/// Some items of a catalogue, and ratings of them.
pub fn rated(model: &Model, items: usize, count: usize) -> (Vec<u32>, Vec<f32>) {
    let output = model.config().output;
    let rating = |place: usize| match output.loss {
        Loss::Bce => (place % 2) as f32,
        _ => output.clip(output.offset + output.scale * ((place % 5) as f32 - 2.0) / 2.0),
    };
    let item = |place: usize| (place * 7919 % items.max(1)) as u32;
    ((0..count).map(item).collect(), (0..count).map(rating).collect())
}

/// The multiplications and additions for one item's score; those of the body were done when the
/// catalogue was made.
pub fn item_operations(model: &Model) -> f64 {
    forward(model.head_network())
}

/// Those for one row's output; the user's part is computed once.
fn forward(network: &Network) -> f64 {
    products(network, 0).sum()
}

/// Those of each layer's product from this layer on.
fn products(network: &Network, from: usize) -> impl Iterator<Item = f64> {
    network.layers().iter().enumerate().skip(from).map(|(l, layer)| {
        let inputs = if l == 0 { network.item_width() } else { layer.inputs };
        2.0 * (inputs * layer.outputs) as f64
    })
}

/// Those for adapting to a number of ratings; the user's description takes none.
pub fn adapt_operations(model: &Model, ratings: usize) -> f64 {
    let (head, count) = (model.head_network(), ratings as f64);
    match &model.config().local {
        Local::Gradient(steps) => {
            // Forward, back to the layers before, and the weights' gradients.
            let row = 2.0 * forward(head) + products(head, 1).sum::<f64>();
            count * steps.steps as f64 * row
        }
        Local::Ridge(_) => {
            // The precision, half of which is its own mirror image; its factor;
            // two triangles solved.
            let width = (head.parameters() - head.user_width()) as f64;
            count * (item_operations(model) + width * (width + 1.0))
                + width.powi(3) / 3.0
                + 2.0 * width * width
        }
    }
}
