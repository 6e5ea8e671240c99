//! Data folders and data in memory: reading, importing, generating, and splitting into tasks.
//!
//! A data folder is a `dataset.toml` beside the CSV files that it names: ratings or positive-only
//! interactions and, optionally, descriptions of users and items. `docs/data.md` describes it.
//! [`Dataset::open`] reads a data folder, [`Dataset::from_columns`] takes the same tables from
//! memory, [`init_folder`] guesses the `dataset.toml` of CSV files, [`import_movielens`] and others
//! make a data folder from files in other formats, and [`World`] generates one.

mod by_time;
mod columns;
mod delimiter;
mod encoding;
mod faults;
mod feedback;
mod folder;
mod format;
mod import;
mod init;
mod ratings;
mod rows;
mod settings;
mod source;
mod split;
mod synth;
mod table;
mod tables;
mod tasks;
mod tasks_by_time;
mod times;
mod write;

pub use by_time::Boundary;
pub use columns::{Cell, Cells, ColumnTable};
pub use encoding::Encoded;
pub use faults::BadRows;
pub use feedback::Feedback;
pub use folder::{Dataset, LoadReport, OpenOptions};
pub use import::{ImportReport, import_amazon, import_lastfm, import_movielens};
pub use init::{InitReport, init_folder};
pub use ratings::Rating;
pub use settings::{TableKind, TaskRules};
pub use synth::{SynthOptions, World};
pub use table::{Table, TableField};
pub(crate) use tasks::items_and_ratings;
pub use tasks::{Rated, Scenario, Task, UserRatings, ranking_tasks, tasks};
