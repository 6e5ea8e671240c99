//! Saved users, changed, with a right checksum.

use std::cell::RefCell;
use std::sync::LazyLock;

use melu::{Catalog, Model, RecommendOptions, Scratch, User};
use xxhash_rust::xxh64::xxh64;

use super::{MODELS, Numbers};

static USERS: LazyLock<Vec<(Catalog, Vec<u8>)>> = LazyLock::new(|| {
    let saved = |file: &&[u8]| {
        let model = Model::from_bytes(file.to_vec()).expect("a sample");
        let catalog = model.catalog().expect("it has items").expect("it has items");
        let mut user = User::new(&catalog, &[]).expect("it can be made");
        let mut scratch = Scratch::new(&catalog).expect("it can be made");
        let liked = model.config().output.range.map_or(1.0, |range| range[1]);
        user.adapt(&[0, 1], &[liked, liked], &mut scratch).expect("it adapts");
        (catalog, user.save().expect("there is memory"))
    };
    MODELS.iter().map(saved).collect()
});

thread_local! {
    /// A scratch for each catalogue, kept because a new one takes longer than everything else, and
    /// because what one user leaves in it must not change the next.
    static SCRATCHES: RefCell<Vec<Scratch>> = RefCell::new(
        USERS.iter().map(|(catalog, _)| Scratch::new(catalog).expect("it can be made")).collect(),
    );
}

pub fn run(data: &[u8]) {
    SCRATCHES.with_borrow_mut(|scratches| run_with(data, scratches));
}

fn run_with(data: &[u8], scratches: &mut [Scratch]) {
    let mut numbers = Numbers(data);
    let which = numbers.below(USERS.len());
    let ((catalog, saved), scratch) = (&USERS[which], &mut scratches[which]);
    let mut bytes = saved[..saved.len() - 8].to_vec();
    while !numbers.is_empty() && !bytes.is_empty() {
        let place = numbers.below(bytes.len());
        match numbers.byte() % 5 {
            0 => bytes[place] = numbers.byte(),
            1 => {
                let number = numbers.float().to_le_bytes();
                let end = bytes.len().min(place + 4);
                bytes[place..end].copy_from_slice(&number[..end - place]);
            }
            2 => bytes.insert(place, numbers.byte()),
            3 => {
                let number = [0, 1, 255, u32::MAX][numbers.below(4)].to_le_bytes();
                let end = bytes.len().min(place + 4);
                bytes[place..end].copy_from_slice(&number[..end - place]);
            }
            _ => bytes.truncate(place),
        }
    }
    bytes.extend(xxh64(&bytes, 0).to_le_bytes());
    let Ok(loaded) = User::load(catalog, &bytes, scratch) else { return };
    let mut scores = vec![0.0; catalog.len()];
    if loaded.user.score_all(&mut scores, scratch).is_ok() {
        assert!(scores.iter().all(|score| score.is_finite()), "{scores:?}");
    }
    let mut best = Vec::new();
    let _ = loaded.user.recommend(3, &RecommendOptions::default(), &mut best, scratch);
    // What is saved again is the same user.
    let again = loaded.user.save().expect("there is memory");
    User::load(catalog, &again, scratch).expect("what is saved can be loaded");
}
