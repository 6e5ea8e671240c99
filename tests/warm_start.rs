//! A training that starts from an earlier model.

#![cfg(feature = "train")]

use std::fmt::Write;
use std::fs;
use std::ops::ControlFlow;

use melu::data::Dataset;
use melu::model::file::{CatalogTable, ChoiceItems, Contents, ItemVectors};
use melu::model::schema::Column;
use melu::train::{Outcome, Progress, RatingMethod, Solver, TrainOptions, Trainer, TrainingRecord};
use melu::{Error, Model};

/// A data folder in text.
#[derive(Clone)]
struct Folder {
    users: Vec<(String, String)>,
    /// Id, genre and year.
    items: Vec<(String, String, String)>,
    /// User, item and stars.
    ratings: Vec<(String, String, u32)>,
    settings: String,
}

impl Folder {
    /// Users of two tastes, and items of three genres, of which each user rated half.
    fn new() -> Self {
        let user = |u: usize| (format!("u{u}"), ["north", "south"][u % 2].to_owned());
        let item = |i: usize| {
            (
                format!("i{i:02}"),
                ["comedy", "drama", "war"][i % 3].to_owned(),
                format!("{}", 1990 + i % 9),
            )
        };
        let mut ratings = Vec::new();
        for u in 0..80usize {
            for i in (0..40usize).filter(|i| (u * 31 + i * 17 + u * i) % 5 < 3) {
                let taste = if u % 2 == i % 3 % 2 { 4 } else { 2 };
                let stars = taste + (u * 7 + i * 13 + u * i) % 3 - 1;
                ratings.push((format!("u{u}"), format!("i{i:02}"), stars as u32));
            }
        }
        Self {
            users: (0..80).map(user).collect(),
            items: (0..40).map(item).collect(),
            ratings,
            settings: "[split]\nnew_users = { file = \"new.txt\" }\n".into(),
        }
    }

    fn open(&self) -> Dataset {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        let mut users = String::from("id,region\n");
        self.users.iter().for_each(|(id, region)| writeln!(users, "{id},{region}").unwrap());
        let mut items = String::from("id,genre,year\n");
        let row = |(id, genre, year): &(String, String, String)| format!("{id},{genre},{year}\n");
        items.extend(self.items.iter().map(row));
        let mut ratings = String::from("user,item,stars\n");
        let row = |(user, item, stars): &(String, String, u32)| format!("{user},{item},{stars}\n");
        ratings.extend(self.ratings.iter().map(row));
        write("users.csv", users);
        write("items.csv", items);
        write("ratings.csv", ratings);
        write("new.txt", "u7\nu12\nu41\n".into());
        write(
            "dataset.toml",
            format!(
                "name = \"small\"\n[users]\nfile = \"users.csv\"\nid = \"id\"\n\
                 [[users.fields]]\nname = \"region\"\n[items]\nfile = \"items.csv\"\nid = \"id\"\n\
                 [[items.fields]]\nname = \"genre\"\n[[items.fields]]\nname = \"year\"\n\
                 kind = \"numeric\"\n[ratings]\nfile = \"ratings.csv\"\nuser = \"user\"\n\
                 item = \"item\"\nvalue = \"stars\"\n{}",
                self.settings
            ),
        );
        Dataset::open(folder.path()).unwrap()
    }

    /// Without some users' ratings and the users themselves.
    fn older(&self) -> Self {
        let is_old = |user: &str| !user.ends_with('3');
        let mut older = self.clone();
        older.users.retain(|(id, _)| is_old(id));
        older.ratings.retain(|(user, _, _)| is_old(user));
        older
    }
}

fn options() -> TrainOptions {
    TrainOptions { embedding_dim: 3, factors: 3, body: vec![4], epochs: 6, ..Default::default() }
}

/// A network alone, of two layers.
fn network() -> TrainOptions {
    TrainOptions {
        factors: 0,
        body: Vec::new(),
        hidden: vec![5],
        solver: Solver::Gradient,
        local_rate: Some(0.01),
        ..options()
    }
}

fn finish(mut trainer: Trainer) -> Contents {
    assert_eq!(trainer.run(|_| ControlFlow::Continue(())).unwrap(), Outcome::Finished);
    trainer.finish().unwrap()
}

fn cold(dataset: &Dataset, options: &TrainOptions) -> Model {
    Model::from_contents(finish(Trainer::new(dataset, options, 2).unwrap())).unwrap()
}

fn warm(dataset: &Dataset, earlier: &Model, threads: usize) -> Model {
    let options = TrainOptions::warm(earlier).unwrap();
    let trainer = Trainer::warm(dataset, &options, threads, earlier).unwrap();
    Model::from_contents(finish(trainer)).unwrap()
}

fn record(model: &Model) -> TrainingRecord {
    TrainingRecord::of(model).unwrap()
}

fn bytes(model: &Model) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    model.save(&path).unwrap();
    fs::read(path).unwrap()
}

/// How the model is refused for this data.
fn refused(dataset: &Dataset, options: &TrainOptions, earlier: &Model) -> String {
    match Trainer::warm(dataset, options, 1, earlier).unwrap_err() {
        Error::Argument { argument: "earlier model", problem } => problem,
        other => panic!("{other}"),
    }
}

#[test]
fn on_the_same_data_it_goes_on_from_what_was_learned() {
    let dataset = Folder::new().open();
    for options in [options(), network(), TrainOptions { body: Vec::new(), ..options() }] {
        let before = cold(&dataset, &options);
        let after = warm(&dataset, &before, 2);
        let (first, second) = (record(&before), record(&after));
        assert_eq!(second.rating_method, first.rating_method);
        let settings = |record: &TrainingRecord| {
            let chosen = record.choice.unwrap();
            (chosen.absence, chosen.penalty, chosen.neighbour_penalty, chosen.mix)
        };
        assert_eq!(settings(&second), settings(&first));
        let ancestor = second.started_from.as_ref().unwrap();
        assert_eq!(ancestor.fingerprint, format!("{:016x}", before.fingerprint()));
        assert!(ancestor.generation == 1 && ancestor.same_new_users);
        if first.rating_method != Some(RatingMethod::Factors) {
            assert_eq!(second.history.len(), 2);
            let error = |record: &TrainingRecord| record.validation_mae.unwrap();
            assert!(error(&second) <= 1.002 * error(&first), "{second:?}");
            // A beginning at random is worse than an epoch's end.
            assert!(second.history[0].loss < first.history[0].loss);
        }
        // The same ratings give the same factors, here in the same coordinates.
        let vectors = |model: &Model| model.contents().catalog.clone().unwrap().vectors;
        for (before, after) in vectors(&before).iter().zip(vectors(&after)) {
            for (before, after) in before.vectors.iter().zip(&*after.vectors) {
                assert!((before - after).abs() < 1e-4, "{before} {after}");
            }
        }
    }
}

#[test]
fn the_same_bytes_for_any_number_of_threads_and_the_generations_are_counted() {
    let (older, dataset) = (Folder::new().older().open(), Folder::new().open());
    for options in [options(), network()] {
        let before = cold(&older, &options);
        let after = warm(&dataset, &before, 1);
        assert!(bytes(&after) == bytes(&warm(&dataset, &before, 3)));
        let again = warm(&dataset, &after, 2);
        let (second, third) = (record(&after), record(&again));
        assert_eq!(third.started_from.unwrap().generation, 2);
        // The epochs do not dwindle.
        assert_eq!(third.options["epochs"], second.options["epochs"]);
    }
}

/// The same model with the items of its catalogue in another order.
fn with_items_reversed(model: &Model) -> Model {
    fn rows<T: Copy>(rows: &[T], items: usize) -> Vec<T> {
        rows.chunks(rows.len() / items).rev().flatten().copied().collect()
    }
    let mut contents = model.contents().clone();
    let table = contents.catalog.take().unwrap();
    let items = table.ids.len();
    let column = |column: &Column| match column {
        Column::Numbers(numbers) => Column::Numbers(numbers.iter().rev().copied().collect()),
        Column::Values { .. } => {
            let mut offsets = vec![0];
            let mut values = Vec::new();
            for row in (0..items).rev() {
                values.extend_from_slice(column.row(row));
                offsets.push(values.len() as u64);
            }
            Column::Values { offsets: offsets.into(), values: values.into() }
        }
    };
    let place = |item: &u32| items as u32 - 1 - item;
    let mut ids: Vec<&str> = table.ids.iter().collect();
    ids.reverse();
    contents.catalog = Some(CatalogTable {
        ids: ids.into_iter().collect(),
        titles: None,
        columns: table.columns.iter().map(column).collect(),
        vectors: table.vectors.map(|ItemVectors { vectors, bias, variance, raters }| ItemVectors {
            vectors: rows(&vectors, items).into(),
            bias: rows(&bias, items).into(),
            variance: rows(&variance, items).into(),
            raters: rows(&raters, items).into(),
        }),
        choice: table.choice.map(|choice| ChoiceItems {
            rows: rows(&choice.rows, items).into(),
            raters: rows(&choice.raters, items).into(),
            neighbours: rows(&choice.neighbours, items).iter().map(place).collect(),
            weights: rows(&choice.weights, items).into(),
        }),
    });
    (contents.evidence, contents.familiarity) = (None, None);
    Model::from_contents(contents).unwrap()
}

#[test]
fn items_are_known_again_by_id_and_not_by_place() {
    let (older, dataset) = (Folder::new().older().open(), Folder::new().open());
    for options in [options(), network()] {
        let before = cold(&older, &options);
        let expected = warm(&dataset, &before, 2);
        let found = warm(&dataset, &with_items_reversed(&before), 2);
        assert_eq!(found.fingerprint(), expected.fingerprint());
    }
}

#[test]
fn what_is_new_or_gone_changes_nothing_else() {
    let before = cold(&Folder::new().older().open(), &options());
    let mut folder = Folder::new();
    // Two items are gone. Two have come, one of a new genre that is the first by name.
    folder.items.retain(|(id, _, _)| id != "i04" && id != "i39");
    folder.ratings.retain(|(_, item, _)| item != "i04" && item != "i39");
    folder.items.insert(0, ("a new one".into(), "anime".into(), "1999".into()));
    folder.items.push(("z, unrated".into(), "war".into(), "1994".into()).clone());
    folder.items.last_mut().unwrap().0 = "zero".into();
    folder.users[5].1 = "east".into();
    for user in (0..40).filter(|user| user % 3 == 0) {
        folder.ratings.push((format!("u{user}"), "a new one".into(), 1 + user % 5));
    }
    let dataset = folder.open();
    let after = warm(&dataset, &before, 2);
    let contents = after.contents();
    let catalog = contents.catalog.as_ref().unwrap();
    assert!(catalog.ids.iter().eq(folder.items.iter().map(|(id, _, _)| id.as_str())));
    let raters = &catalog.choice.as_ref().unwrap().raters;
    assert!(raters[0] > 5 && raters[raters.len() - 1] == 0);
    let rows = &catalog.choice.as_ref().unwrap().rows;
    assert!(rows.iter().all(|number| number.is_finite()));
    // The new item has a vector of its own.
    assert!(rows[..8].iter().any(|number| *number != 0.0));
}

#[test]
fn models_that_do_not_fit_are_refused() {
    let dataset = Folder::new().open();
    let options = options();
    let before = cold(&dataset, &options);
    let other = TrainOptions { factors: 4, ..options.clone() };
    let problem = refused(&dataset, &other, &before);
    assert!(problem.contains("factors 3, and 4 is asked for"), "{problem}");
    let problem = refused(&dataset.inside(0), &options, &before);
    assert!(problem.contains("the whole training part, and a split inside it"), "{problem}");

    let mut folder = Folder::new();
    folder.users.iter_mut().for_each(|(_, region)| region.clear());
    let problem = refused(&folder.open(), &options, &before);
    assert!(problem.contains("users have the field \"region\""), "{problem}");
    let problem = refused(&dataset, &options, &cold(&folder.open(), &options));
    assert!(problem.contains("users have no field \"region\""), "{problem}");

    let mut folder = Folder::new();
    folder.ratings.iter_mut().for_each(|(_, _, stars)| *stars = 1);
    let problem = refused(&folder.open(), &options, &before);
    assert!(problem.contains("ratings, and these are positive-only data"), "{problem}");
    folder.ratings.iter_mut().enumerate().for_each(|(at, row)| row.2 = (at % 3 == 0).into());
    let problem = refused(&folder.open(), &options, &before);
    assert!(problem.contains("ratings, and these are clicks"), "{problem}");

    // Items that the split leaves out are items that the model knows.
    let mut folder = Folder::new();
    folder.settings.push_str("new_items = { column = \"year\", from = 1998 }\n");
    let problem = refused(&folder.open(), &options, &before);
    assert!(problem.contains("learned of the item \"i08\""), "{problem}");

    let without = |change: fn(&mut Contents)| {
        let mut contents = before.contents().clone();
        change(&mut contents);
        Model::from_contents(contents).unwrap()
    };
    let problem = refused(&dataset, &options, &without(|contents| contents.training = None));
    assert!(problem.contains("no record of its training"), "{problem}");
    let unreadable = without(|contents| contents.training = Some("{}".into()));
    assert!(refused(&dataset, &options, &unreadable).contains("another version"));
    let bare = without(|contents| {
        (contents.catalog, contents.evidence, contents.familiarity) = (None, None, None);
    });
    assert!(refused(&dataset, &options, &bare).contains("no catalogue"));
}

#[test]
fn other_new_users_are_recorded() {
    let before = cold(&Folder::new().open(), &network());
    let mut folder = Folder::new();
    folder.settings =
        folder.settings.replace("{ file = \"new.txt\" }", "{ fraction = 0.1, seed = 1 }");
    let after = warm(&folder.open(), &before, 2);
    assert!(!record(&after).started_from.unwrap().same_new_users);
    // It stays known in the next generation, whose own split is the same.
    let again = warm(&folder.open(), &after, 2);
    assert!(!record(&again).started_from.unwrap().same_new_users);
}

#[test]
fn an_interrupted_one_goes_on_to_the_same_bytes_from_the_same_model_alone() {
    let dataset = Folder::new().open();
    let before = cold(&Folder::new().older().open(), &network());
    let options = TrainOptions::warm(&before).unwrap();
    let whole = warm(&dataset, &before, 2);
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("checkpoint");
    let mut trainer = Trainer::warm(&dataset, &options, 2, &before).unwrap();
    let outcome = trainer.run(|progress| match progress {
        Progress::Batch { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert_eq!(outcome.unwrap(), Outcome::Stopped);
    trainer.save(&checkpoint).unwrap();
    let mut resumed = Trainer::warm(&dataset, &options, 1, &before).unwrap();
    resumed.resume(&checkpoint).unwrap();
    let resumed = Model::from_contents(finish(resumed)).unwrap();
    assert!(bytes(&resumed) == bytes(&whole));
    let mut without = Trainer::new(&dataset, &options, 1).unwrap();
    let error = without.resume(&checkpoint).unwrap_err().to_string();
    assert!(error.contains("from another model"), "{error}");
    let mut other = Trainer::warm(&dataset, &options, 1, &whole).unwrap();
    assert!(other.resume(&checkpoint).is_err());
}
