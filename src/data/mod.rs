//! Data folders: reading, importing, generating, and cutting into tasks.
//!
//! A data folder is a `dataset.toml` beside the CSV files that it names: users,
//! items. [`Dataset::open`] reads one.

mod encoding;
mod folder;
mod ratings;
mod rows;
mod settings;
mod split;
mod table;
mod tasks;

pub use encoding::Encoded;
pub use folder::{Dataset, LoadReport};
pub use ratings::Rating;
pub use settings::{TableKind, TaskRules};
pub use table::{Table, TableField};
pub use tasks::{Rated, Scenario, Task, UserRatings, tasks};
