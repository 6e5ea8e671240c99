//! Weight files, changed.

use super::{MODELS, Numbers, edits, use_all};

pub fn run(data: &[u8]) {
    let mut numbers = Numbers(data);
    let model = MODELS[numbers.below(MODELS.len())];
    use_all::open(edits::edit(model, &mut numbers));
}
