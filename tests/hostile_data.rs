//! Data that try to use up time: it grows with their length. Where it grew with the square of it,
//! none of these tests would end.

#![cfg(feature = "train")]

use std::fs;

use melu::data::{Cells, ColumnTable, Dataset, OpenOptions};
use melu::model::schema::Entity;

/// Settings of interactions of items with these fields, and further keys of the items.
fn settings(fields: &str, keys: &str) -> String {
    format!(
        "name = \"large\"\n[items]\nfile = \"items.csv\"\nid = \"id\"\nfields = [{fields}]\n{keys}\n\
         [interactions]\nfile = \"log.csv\"\nuser = \"user\"\nitem = \"item\"\n"
    )
}

/// A data folder whose log has one row, of the item 7.
fn open_folder(settings: &str, items: &str) -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("dataset.toml", settings);
    write("items.csv", items);
    write("log.csv", "user,item\n1,7\n");
    Dataset::open(folder.path()).unwrap()
}

fn open_columns(settings: &str, items: Vec<(&str, &dyn Cells)>) -> melu::Result<Dataset> {
    let (user, item): (&dyn Cells, &dyn Cells) = (&[1_i64], &[7_i64]);
    let log = ColumnTable { name: "log.csv", columns: vec![("user", user), ("item", item)] };
    let items = ColumnTable { name: "items.csv", columns: items };
    Dataset::from_columns(settings, &[items, log], &OpenOptions::default())
}

#[test]
fn many_fields() {
    let names: Vec<String> = (0..300_000).map(|field| format!("{field:x}")).collect();
    let fields: Vec<String> = names.iter().map(|name| format!("{{name=\"{name}\"}}")).collect();
    let text = settings(&fields.join(","), "");
    let header = names.join(",");
    let of_folder = open_folder(&text, &format!("id,{header}\n7{}\n", ",a".repeat(names.len())));

    let (id, cells) = ([7_i64], ["a"]);
    let columns = names.iter().map(|name| (name.as_str(), &cells as &dyn Cells));
    let columns: Vec<(&str, &dyn Cells)> =
        [("id", &id as &dyn Cells)].into_iter().chain(columns).collect();
    let dataset = open_columns(&text, columns.clone()).unwrap();
    assert!(dataset == of_folder && dataset.items.fields().len() == names.len());
    let (fields, vocabularies) = dataset.items.training_fields(|_| true);
    let encoded = dataset.items.encode(Entity::Item, &fields, &vocabularies).unwrap();
    assert!(encoded.columns.iter().all(|column| column.row(0) == [0]));

    let last = [columns, vec![("5", &cells)]].concat();
    let error = open_columns(&text, last).unwrap_err().to_string();
    assert!(error.contains("column \"5\"") && error.contains("twice"), "{error}");
    let text = text.replacen("name=\"6\"", "name=\"7\"", 1);
    let error = open_columns(&text, vec![("id", &id)]).unwrap_err().to_string();
    assert!(error.contains("\"7\" is listed twice"), "{error}");
}

#[test]
fn many_values_in_a_cell() {
    let values: Vec<String> = (0..1_000_000).map(|value| format!("{value:07}")).collect();
    // In falling order, and each once more.
    let falling: Vec<&str> = values.iter().rev().map(String::as_str).collect();
    let cell = [falling.join("|"), values.join("|")].join("|");
    let text = settings("{name = \"tags\", kind = \"multi\"}", "");
    let items = format!("id,tags\n6,{0}|{0}\n7,{cell}\n", values[3]);
    let dataset = open_folder(&text, &items);
    let column = &dataset.items.fields()[0].column;
    assert_eq!(column.row(0), [3]);
    assert!(column.row(1).iter().copied().eq((0..1_000_000).rev()));
}

#[test]
fn many_words_for_a_missing_value() {
    let words: Vec<String> = (0..300_000).map(|word| format!("\"{word:06}\"")).collect();
    let text = settings(
        "{name = \"tags\", kind = \"multi\"}",
        &format!("format = {{ missing = [{}] }}", words.join(",")),
    );
    let rows: Vec<String> = (0..300_000).map(|row| format!("{row},{row:06}|x{row:05}")).collect();
    let dataset = open_folder(&text, &format!("id,tags\n{}\n", rows.join("\n")));
    let field = &dataset.items.fields()[0];
    assert_eq!(field.vocabulary.as_ref().unwrap().len(), rows.len());
    assert!((0..rows.len()).all(|row| field.column.row(row).len() == 1));
}
