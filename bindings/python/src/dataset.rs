//! Data sets.

use std::path::PathBuf;

use melu::data::{Cells, ColumnTable, Feedback, OpenOptions};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrow;
use crate::column::Column;
use crate::errors::{raise, refuse};

/// A table in memory.
#[pyclass(frozen, module = "melu._melu")]
pub struct Table {
    name: String,
    columns: Vec<(String, Column)>,
}

#[pymethods]
impl Table {
    /// A table of an object with `__arrow_c_stream__`, or of a dictionary of columns.
    #[new]
    fn new(name: String, source: &Bound<'_, PyAny>) -> PyResult<Self> {
        let columns = match source.cast::<PyDict>() {
            // A copy: what a column does to be read may change the dictionary, as other threads may.
            Ok(columns) => columns
                .copy()?
                .iter()
                .map(|(name, column)| {
                    let name: String = name
                        .extract()
                        .map_err(|_| refuse("columns", &format!("the name {name} is no text")))?;
                    let column = Column::read(&name, &column)?;
                    Ok((name, column))
                })
                .collect::<PyResult<Vec<_>>>()?,
            Err(_) => arrow::read(&name, source)?,
        };
        Ok(Self { name, columns })
    }

    /// What each column holds, by name.
    #[getter]
    fn kinds<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let kinds = PyDict::new(py);
        for (name, column) in &self.columns {
            kinds.set_item(name, column.kind())?;
        }
        Ok(kinds)
    }

    fn __len__(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }
}

/// Users, items, and what users did with items.
#[pyclass(frozen, module = "melu._melu")]
pub struct Dataset {
    pub dataset: melu::data::Dataset,
}

#[pymethods]
impl Dataset {
    /// The data folder at a path.
    #[staticmethod]
    #[pyo3(signature = (path, *, skip_bad_rows = None))]
    fn open(py: Python<'_>, path: PathBuf, skip_bad_rows: Option<usize>) -> PyResult<Self> {
        let options = OpenOptions { skip_bad_rows };
        let opened = py.detach(|| melu::data::Dataset::open_with(&path, &options));
        opened.map(|dataset| Self { dataset }).map_err(raise)
    }

    /// The data set of tables, by settings in TOML.
    #[staticmethod]
    fn from_tables(
        py: Python<'_>,
        settings: &str,
        tables: Vec<Bound<'_, Table>>,
        skip_bad_rows: Option<usize>,
    ) -> PyResult<Self> {
        let options = OpenOptions { skip_bad_rows };
        let tables: Vec<&Table> = tables.iter().map(|table| table.get()).collect();
        let made = py.detach(|| {
            let tables: Vec<ColumnTable<'_>> = tables
                .iter()
                .map(|table| ColumnTable {
                    name: &table.name,
                    columns: table
                        .columns
                        .iter()
                        .map(|(name, column)| (&**name, column as &dyn Cells))
                        .collect(),
                })
                .collect();
            melu::data::Dataset::from_columns(settings, &tables, &options)
        });
        made.map(|dataset| Self { dataset }).map_err(raise)
    }

    /// A generated world, for trying things out.
    #[staticmethod]
    #[pyo3(signature = (users = 3000, items = 800, *, ratings_per_user = 40, positive_only = false, seed = 0))]
    fn synthetic(
        py: Python<'_>,
        users: usize,
        items: usize,
        ratings_per_user: usize,
        positive_only: bool,
        seed: u64,
    ) -> PyResult<Self> {
        let usual = melu::data::SynthOptions::default();
        let options = melu::data::SynthOptions {
            users,
            items,
            ratings_per_user,
            positive_only,
            seed,
            ..usual
        };
        let world = py.detach(|| melu::data::World::generate(&options)?.dataset());
        world.map(|dataset| Self { dataset }).map_err(raise)
    }

    /// Only the training part, with new users and items drawn from it.
    fn inside(&self, py: Python<'_>, seed: u64) -> Self {
        Self { dataset: py.detach(|| self.dataset.inside(seed)) }
    }

    #[getter]
    fn name(&self) -> &str {
        &self.dataset.name
    }

    #[getter]
    fn user_ids(&self) -> Vec<&str> {
        self.dataset.users.ids().iter().collect()
    }

    #[getter]
    fn item_ids(&self) -> Vec<&str> {
        self.dataset.items.ids().iter().collect()
    }

    /// Whether each user is new: unseen in training.
    #[getter]
    fn new_users<'py>(&self, py: Python<'py>) -> Bound<'py, numpy::PyArray1<bool>> {
        numpy::PyArray1::from_slice(py, &self.dataset.new_users)
    }

    #[getter]
    fn new_items<'py>(&self, py: Python<'py>) -> Bound<'py, numpy::PyArray1<bool>> {
        numpy::PyArray1::from_slice(py, &self.dataset.new_items)
    }

    #[getter]
    fn has_ratings(&self) -> bool {
        matches!(self.dataset.feedback, Feedback::Ratings { .. })
    }

    /// A user's profile: the values of their fields that are there.
    fn profile<'py>(&self, py: Python<'py>, user: &str) -> PyResult<Bound<'py, PyDict>> {
        let row = self.user(user)?;
        let profile = PyDict::new(py);
        for field in self.dataset.users.fields() {
            let Some(names) = &field.vocabulary else {
                if let Some(number) = field.column.number(row) {
                    profile.set_item(&field.name, number)?;
                }
                continue;
            };
            let values = field.column.row(row).iter().filter_map(|&value| names.name(value));
            let values: Vec<&str> = values.collect();
            if !values.is_empty() {
                profile.set_item(&field.name, values)?;
            }
        }
        Ok(profile)
    }

    /// The ids of the items that a user rated or chose, and the values.
    fn answers<'py>(
        &self,
        py: Python<'py>,
        user: &str,
    ) -> PyResult<(Vec<&str>, Bound<'py, numpy::PyArray1<f32>>)> {
        let row = self.user(user)? as u32;
        let ratings = &self.dataset.ratings;
        let from = ratings.partition_point(|rating| rating.user < row);
        let of_user = ratings[from..].iter().take_while(|rating| rating.user == row);
        let ids = self.dataset.items.ids();
        let items = of_user.clone().filter_map(|rating| ids.get(rating.item as usize)).collect();
        let values = of_user.map(|rating| rating.value).collect();
        Ok((items, numpy::PyArray1::from_vec(py, values)))
    }

    /// Each interaction: the user's row, the item's row and the value.
    #[getter]
    #[allow(clippy::type_complexity, reason = "three arrays")]
    fn interactions<'py>(
        &self,
        py: Python<'py>,
    ) -> (
        Bound<'py, numpy::PyArray1<u32>>,
        Bound<'py, numpy::PyArray1<u32>>,
        Bound<'py, numpy::PyArray1<f32>>,
    ) {
        let ratings = &self.dataset.ratings;
        (
            numpy::PyArray1::from_vec(py, ratings.iter().map(|rating| rating.user).collect()),
            numpy::PyArray1::from_vec(py, ratings.iter().map(|rating| rating.item).collect()),
            numpy::PyArray1::from_vec(py, ratings.iter().map(|rating| rating.value).collect()),
        )
    }

    /// How the data were understood, and what was left out, in sentences.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.dataset.notes()
    }

    fn __len__(&self) -> usize {
        self.dataset.ratings.len()
    }

    fn __repr__(&self) -> String {
        let melu::data::Dataset { name, users, items, ratings, feedback, .. } = &self.dataset;
        format!(
            "<melu.Dataset {name}: {} users, {} items, {} {}>",
            users.len(),
            items.len(),
            ratings.len(),
            feedback.noun()
        )
    }
}

impl Dataset {
    fn user(&self, id: &str) -> PyResult<usize> {
        let row = self.dataset.users.find(id);
        let problem = || refuse("user", &format!("\"{id}\" is not an id of the users"));
        row.map(|row| row as usize).ok_or_else(problem)
    }
}
