//! Data sets from columns in memory, against data folders with the same cells.

#![cfg(feature = "train")]

mod common;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use common::files::bytes;
use melu::data::{Cell, Cells, ColumnTable, Dataset, OpenOptions, SynthOptions, World};
use melu::train::{TrainOptions, Trainer};
use melu::{Error, Place};
use proptest::prelude::*;

type Columns<'a> = Vec<(&'a str, &'a dyn Cells)>;

fn open(settings: &str, tables: &[(&str, Columns<'_>)]) -> melu::Result<Dataset> {
    let tables: Vec<ColumnTable<'_>> = tables
        .iter()
        .map(|(name, columns)| ColumnTable { name, columns: columns.clone() })
        .collect();
    Dataset::from_columns(settings, &tables, &OpenOptions::default())
}

/// The columns of a CSV file as texts.
fn read(path: &Path) -> Vec<(String, Vec<String>)> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let mut columns: Vec<(String, Vec<String>)> =
        header.iter().map(|name| (name.into(), Vec::new())).collect();
    for row in reader.records() {
        for (column, cell) in columns.iter_mut().zip(row.unwrap().iter()) {
            column.1.push(cell.into());
        }
    }
    columns
}

fn trained(dataset: &Dataset) -> Vec<u8> {
    let options = TrainOptions { epochs: 1, ..TrainOptions::default() };
    let mut trainer = Trainer::new(dataset, &options, 2).unwrap();
    trainer.run(|_| ControlFlow::Continue(())).unwrap();
    bytes(&trainer.finish().unwrap())
}

#[test]
fn a_folder_and_its_columns_give_the_same_data_set_and_the_same_model() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("world");
    let options =
        SynthOptions { users: 150, items: 90, ratings_per_user: 20, ..SynthOptions::default() };
    World::generate(&options).unwrap().write(&folder).unwrap();
    let expected = Dataset::open(&folder).unwrap();
    let settings = fs::read_to_string(folder.join("dataset.toml")).unwrap();
    let names = ["users.csv", "items.csv", "ratings.csv"];
    let [users, items, ratings] = names.map(|name| read(&folder.join(name)));

    // As texts.
    let as_texts =
        |columns: &'_ [(String, Vec<String>)]| -> Vec<(String, Vec<String>)> { columns.to_vec() };
    let texts = [&users, &items, &ratings].map(|columns| as_texts(columns));
    let tables: Vec<ColumnTable<'_>> = names
        .iter()
        .zip(&texts)
        .map(|(name, columns)| ColumnTable {
            name,
            columns: columns.iter().map(|(name, cells)| (&**name, cells as &dyn Cells)).collect(),
        })
        .collect();
    let found = Dataset::from_columns(&settings, &tables, &OpenOptions::default()).unwrap();
    assert_eq!(found, expected);

    // As what they are: numbers, lists, and missing cells.
    let column = |columns: &[(String, Vec<String>)], name: &str| -> Vec<String> {
        columns.iter().find(|(other, _)| other == name).unwrap().1.clone()
    };
    let numbers: Vec<f64> =
        column(&ratings, "rating").iter().map(|cell| cell.parse().unwrap()).collect();
    let (user, item) = (column(&ratings, "user_id"), column(&ratings, "item_id"));
    let log: Columns<'_> = vec![("rating", &numbers), ("user_id", &user), ("item_id", &item)];
    let years: Vec<i64> = column(&items, "year").iter().map(|cell| cell.parse().unwrap()).collect();
    let genres: Vec<Vec<String>> = column(&items, "genres")
        .iter()
        .map(|cell| cell.split('|').filter(|genre| !genre.is_empty()).map(Into::into).collect())
        .collect();
    let present = |name| -> Vec<Option<String>> {
        column(&items, name).into_iter().map(|cell| Some(cell).filter(|c| !c.is_empty())).collect()
    };
    let (studio, country) = (present("studio"), present("country"));
    let (id, title) = (column(&items, "item_id"), column(&items, "title"));
    let described: Columns<'_> = vec![
        ("item_id", &id),
        ("title", &title),
        ("genres", &genres),
        ("studio", &studio),
        ("country", &country),
        ("year", &years),
    ];
    let profiles = tables[0].columns.clone();
    let tables = [("users.csv", profiles), ("items.csv", described), ("ratings.csv", log)];
    let found = open(&settings, &tables).unwrap();
    assert_eq!(found, expected);
    assert_eq!(trained(&found), trained(&expected));
}

#[test]
fn ids_may_be_integers() {
    let settings = "name = \"x\"\n[ratings]\nfile = \"log\"\nuser = \"u\"\nitem = \"i\"\n\
                    value = \"v\"\ntime = \"t\"\n[split]\nafter = 2\n";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("dataset.toml"), settings).unwrap();
    let rows = [
        (10, 18_446_744_073_709_551_615_u64, 3.5_f32, 1),
        (-7, 12, 1.0, 2),
        (10, 5, 2.25, 3),
        (10, 5, 4.0, 1),
    ];
    let lines = rows.iter().map(|(u, i, v, t)| format!("{u},{i},{v},{t}\n")).collect::<String>();
    fs::write(folder.path().join("log"), format!("u,i,v,t\n{lines}")).unwrap();
    let user: Vec<i64> = rows.iter().map(|row| row.0).collect();
    let item: Vec<u64> = rows.iter().map(|row| row.1).collect();
    let value: Vec<f32> = rows.iter().map(|row| row.2).collect();
    let time: Vec<i32> = rows.iter().map(|row| row.3).collect();
    let log: Columns<'_> = vec![("u", &user), ("i", &item), ("v", &value), ("t", &time)];
    let found = open(settings, &[("log", log)]).unwrap();
    assert_eq!(found, Dataset::open(folder.path()).unwrap());
}

/// Cells that every kind of column can hold, some of them wrong somewhere.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0..4_i64).prop_map(|number| number.to_string()),
        1 => prop::sample::select(vec![
            "", " 1 ", "NA", "-1", "2.5", "inf", "a|b", "a||NaN", "é", "2020-01-02", "null|3",
        ]).prop_map(Into::into),
    ]
}

/// A cell as an integer or a number where it is one.
struct Mixed(Vec<String>);

impl Cells for Mixed {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        let text = &*self.0[row];
        match (text.parse::<i128>(), text.parse::<f64>()) {
            _ if text.is_empty() => Cell::Missing,
            (Ok(number), _) => Cell::Integer(number),
            // An id cannot be one.
            (_, Ok(number)) if number.is_finite() && !text.contains('.') => Cell::Number(number),
            _ => Cell::Text(text),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_columns_are_read_as_a_folder_is(
        users in prop::collection::vec([cell(), cell(), cell()], 1..6),
        log in prop::collection::vec([cell(), cell(), cell(), cell()], 1..12),
        interactions in any::<bool>(),
        with_users in any::<bool>(),
        typed in any::<bool>(),
        skip in prop::option::of(0..20_usize),
        split in 0..3_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let table = if interactions { "interactions" } else { "ratings" };
        let described = "[users]\nfile = \"users\"\nid = \"id\"\nfields = [\
            { name = \"many\", kind = \"multi\" }, { name = \"number\", kind = \"numeric\" }]\n";
        let settings = format!(
            "name = \"x\"\n{}[{table}]\nfile = \"log\"\nuser = \"u\"\nitem = \"i\"\n\
             value = \"v\"\ntime = \"t\"\n[split]\n{}\n",
            if with_users { described } else { "" },
            ["", "after = 2", "new_users = { file = \"new\" }"][split],
        );
        let write = |name: &str, header: &str, rows: Vec<String>| {
            fs::write(path.join(name), format!("{header}\n{}\n", rows.join("\n"))).unwrap();
        };
        write("users", "id,many,number", users.iter().map(|row| row.join(",")).collect());
        write("log", "u,i,v,t", log.iter().map(|row| row.join(",")).collect());
        fs::write(path.join("new"), "1\n3\n").unwrap();
        fs::write(path.join("dataset.toml"), &settings).unwrap();
        let options = OpenOptions { skip_bad_rows: skip };
        let expected = Dataset::open_with(path, &options);

        fn column<const N: usize>(rows: &[[String; N]], place: usize) -> Vec<String> {
            rows.iter().map(|row| row[place].clone()).collect()
        }
        let texts = [0, 1, 2].map(|place| column(&users, place)).into_iter()
            .chain([0, 1, 2, 3].map(|place| column(&log, place)));
        let cells: Vec<Box<dyn Cells>> = texts
            .map(|texts| match typed {
                true => Box::new(Mixed(texts)) as Box<dyn Cells>,
                false => Box::new(texts),
            })
            .collect();
        let new = [1_i64, 3];
        let names = ["id", "many", "number", "u", "i", "v", "t"];
        let all: Columns<'_> =
            names.into_iter().zip(cells.iter().map(|cells| &**cells)).collect();
        let tables = [
            ColumnTable { name: "users", columns: all[..3].to_vec() },
            ColumnTable { name: "log", columns: all[3..].to_vec() },
            ColumnTable { name: "new", columns: vec![("id", &new)] },
        ];
        let found = Dataset::from_columns(&settings, &tables, &options);
        match (found, expected) {
            (Ok(mut found), Ok(mut expected)) => {
                let rows = |dataset: &mut Dataset| -> Vec<_> {
                    let bad = std::mem::take(&mut dataset.report.bad_rows);
                    let kind = |kind: melu::data::BadRows| {
                        let file = kind.file.file_name().unwrap().to_owned();
                        let place = match kind.place {
                            Some(Place::Line(line)) => line as usize,
                            // The list of new users has no header.
                            Some(Place::Row(row)) if file == "new" => row + 1,
                            Some(Place::Row(row)) => row + 2,
                            None => 0,
                        };
                        (file, kind.reason, kind.rows, place, kind.column)
                    };
                    bad.into_iter().map(kind).collect()
                };
                // A line with nothing in it is no row of a file.
                prop_assert_eq!(rows(&mut found), rows(&mut expected));
                // A missing number is NaN, which equals nothing.
                let cells = |dataset: &Dataset| -> Vec<_> {
                    let users = &dataset.users;
                    let cell = |row| {
                        let cells = users.fields().iter().map(move |field| {
                            let names = field.vocabulary.as_ref();
                            let names = names.map(|names| names.names().iter().collect::<Vec<_>>());
                            let (row, number) = (field.column.row(row), field.column.number(row));
                            (format!("{row:?} {number:?}"), format!("{names:?}"))
                        });
                        cells.collect::<Vec<_>>()
                    };
                    (0..users.len()).map(cell).collect()
                };
                prop_assert_eq!(cells(&found), cells(&expected));
                prop_assert_eq!(found.users.ids(), expected.users.ids());
                prop_assert_eq!(found.notes(), expected.notes());
                prop_assert_eq!(found.feedback, expected.feedback);
                prop_assert_eq!(found.new_users, expected.new_users);
                prop_assert_eq!(found.new_items, expected.new_items);
                prop_assert_eq!(found.report, expected.report);
                prop_assert_eq!(found.ratings, expected.ratings);
                prop_assert_eq!(found.items, expected.items);
            }
            (Err(found), Err(expected)) => {
                let (Error::Data { column: a, place, .. }, Error::Data { column: b, .. }) =
                    (&found, &expected)
                else {
                    panic!("{found} {expected}")
                };
                prop_assert_eq!(a, b);
                prop_assert!(!matches!(place, Some(Place::Line(_))), "{}", found);
            }
            (found, expected) => panic!("{found:?}\n{expected:?}"),
        }
    }
}

#[test]
fn errors_name_table_row_column_and_value() {
    let settings = "name = \"x\"\n[users]\nfile = \"people\"\nid = \"id\"\n\
                    fields = [{ name = \"age\", kind = \"numeric\" }, { name = \"town\" }]\n\
                    [interactions]\nfile = \"log\"\nuser = \"u\"\nitem = \"i\"\nvalue = \"v\"\n\
                    time = \"t\"\n";
    let ids = ["a", "b"];
    let halves = [1.0, 2.5];
    let lists = vec![vec!["x".to_owned(), "y".to_owned()], Vec::new()];
    let (ages, towns) = ([30_i64, 40], ["here", ""]);
    let (users, items, values, times) = (["a", "b"], [1_i64, 2], [1.0, 3.0], [5_i64, 6]);
    let three = [1.0, 2.0, 3.0];
    let infinite = [1.0, f64::INFINITY];
    let words = ["1", "soon"];
    let negative = [2, -3];
    let missing = vec![Some("a".to_owned()), None];
    let people: Columns<'_> = vec![("id", &ids), ("age", &ages), ("town", &towns)];
    let log: Columns<'_> = vec![("u", &users), ("i", &items), ("v", &values), ("t", &times)];
    assert!(open(settings, &[("people", people.clone()), ("log", log.clone())]).is_ok());
    type Change<'a> = (bool, &'a str, &'a dyn Cells, &'a str);
    let cases: [Change<'_>; 11] = [
        (true, "id", &halves, "people, row 0, column \"id\": \"1\" is a floating-point number"),
        (true, "age", &infinite, "people, row 1, column \"age\": \"inf\" is not a finite number"),
        (true, "age", &lists, "people, row 0, column \"age\": \"[x, y]\" is not a finite number"),
        (true, "town", &lists, "people, row 0, column \"town\": \"[x, y]\" is a list"),
        (true, "town", &three, "people, column \"town\": has 3 rows; 2 are expected"),
        (false, "u", &missing, "log, row 1, column \"u\": \"\" is not an id of the users"),
        (false, "i", &missing, "log, row 1, column \"i\": \"\" is empty; an id is expected"),
        (false, "v", &negative, "log, row 1, column \"v\": \"-3\" is not a strength above 0"),
        (false, "v", &words, "log, row 1, column \"v\": \"soon\" is not a finite number"),
        (
            false,
            "t",
            &words,
            "log, row 1, column \"t\": \"soon\" is not a finite number such as 17",
        ),
        (false, "t", &infinite, "log, row 1, column \"t\": \"inf\" is not a finite number such as"),
    ];
    for (of_people, name, cells, expected) in cases {
        let (mut people, mut log) = (people.clone(), log.clone());
        let table = if of_people { &mut people } else { &mut log };
        table.iter_mut().find(|(other, _)| *other == name).unwrap().1 = cells;
        let message = open(settings, &[("people", people), ("log", log)]).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
    }
    let message = open(settings, &[("log", log.clone())]).unwrap_err().to_string();
    assert_eq!(message, "people: there is no such table; the tables are: log");
    let tables = [("people", people[1..].to_vec()), ("log", log.clone())];
    let message = open(settings, &tables).unwrap_err().to_string();
    let expected =
        "people, column \"id\": the table has no such column; its columns are: age, town";
    assert_eq!(message, expected);
    let none: [&str; 0] = [];
    let empty: Columns<'_> = vec![("u", &none), ("i", &none), ("v", &none), ("t", &none)];
    let message = open(settings, &[("people", people), ("log", empty)]).unwrap_err().to_string();
    assert_eq!(message, "log: has no interaction; at least one is expected");
}
