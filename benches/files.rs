//! What happens around the arithmetic: opening weight files, making users, saving
//! and loading them.

mod common;

use std::hint::black_box;

use common::measure::criterion;
use common::work::rated;
use common::{models, models::FILMS};
use criterion::Throughput;
use melu::{Model, User};

fn main() {
    let mut criterion = criterion();
    let folder = tempfile::tempdir().expect("a folder for weight files");
    for (recipe, model) in [("paper", models::paper(1)), ("default", models::default_recipe())] {
        let mut group = criterion.benchmark_group(format!("{recipe} recipe"));
        let path = folder.path().join(recipe);
        model.save(&path).expect("the folder can be written to");
        let size = path.metadata().expect("it was written").len();
        group.throughput(Throughput::Bytes(size));
        group.bench_function("open a file", |bencher| {
            bencher.iter(|| Model::open(&path).expect("it was written"));
        });

        let catalog = models::catalog(&model, FILMS);
        group.throughput(Throughput::Elements(1));
        group.bench_function("make a user", |bencher| {
            bencher.iter(|| models::user(&catalog, 0));
        });
        let mut user = models::user(&catalog, 0);
        let mut scratch = models::scratch(&catalog);
        let (rated, ratings) = rated(&model, catalog.len(), 20);
        user.adapt(&rated, &ratings, &mut scratch).expect("the ratings fit");
        let bytes = user.save().unwrap();
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("save a user", |bencher| {
            bencher.iter(|| black_box(&user).save().unwrap())
        });
        group.bench_function("load a user", |bencher| {
            bencher.iter(|| {
                User::load(&catalog, black_box(&bytes), &mut scratch).expect("they were saved")
            });
        });
        group.finish();
    }
    criterion.final_summary();
}
