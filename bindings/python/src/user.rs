//! Users.

use std::sync::Arc;

use melu::QuestionOptions;
use melu::model::schema::{Entity, Value};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use crate::arguments::{items, numbers, optional_items};
use crate::catalog::{Catalog, Shared};
use crate::errors::{raise, raised};
use crate::profile::Values;
use crate::recommend::{ListOptions, list};

/// A user of a catalogue.
#[pyclass(module = "melu._melu")]
pub struct User {
    user: melu::User,
    shared: Arc<Shared>,
    catalog: Py<Catalog>,
    adapted_anew: bool,
    missing_items: usize,
}

impl User {
    fn of(user: melu::User, catalog: &Bound<'_, Catalog>) -> Self {
        let shared = catalog.get().shared.clone();
        Self {
            user,
            shared,
            catalog: catalog.clone().unbind(),
            adapted_anew: false,
            missing_items: 0,
        }
    }
}

/// The profile of a user of a catalogue, from a dictionary.
pub fn profile(shared: &Shared, profile: Option<&Bound<'_, PyDict>>) -> PyResult<Values> {
    let Some(profile) = profile else { return Ok(Values::default()) };
    let contents = shared.catalog.model().contents();
    let fields = &contents.config.user_fields;
    Values::read(fields, contents.vocabularies(Entity::User), profile)
}

#[pymethods]
impl User {
    #[new]
    #[pyo3(signature = (catalog, profile = None, items = None, ratings = None))]
    fn new(
        catalog: &Bound<'_, Catalog>,
        profile: Option<&Bound<'_, PyDict>>,
        items: Option<&Bound<'_, PyAny>>,
        ratings: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let shared = &catalog.get().shared;
        let values = self::profile(shared, profile)?;
        let user = melu::User::new(&shared.catalog, &values.borrowed()).map_err(raise)?;
        let mut user = Self::of(user, catalog);
        if let Some(items) = items {
            user.adapt(catalog.py(), items, ratings)?;
        }
        Ok(user)
    }

    /// The user of [`User::to_bytes`], in any catalogue.
    #[staticmethod]
    fn from_bytes(catalog: &Bound<'_, Catalog>, data: Vec<u8>) -> PyResult<Self> {
        let shared = catalog.get().shared.clone();
        let load = || {
            let catalog = &shared.catalog;
            shared.with_scratch(|scratch| melu::User::load(catalog, &data, scratch))
        };
        let loaded = catalog.py().detach(load).map_err(raise)?;
        let melu::Loaded { user, adapted_anew, missing_items } = loaded;
        Ok(Self { adapted_anew, missing_items, ..Self::of(user, catalog) })
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.user.save()).map_err(raise)?;
        Ok(PyBytes::new(py, &bytes))
    }

    #[getter]
    fn catalog(&self, py: Python<'_>) -> Py<Catalog> {
        self.catalog.clone_ref(py)
    }

    #[getter]
    fn adapted_anew(&self) -> bool {
        self.adapted_anew
    }

    #[getter]
    fn missing_items(&self) -> usize {
        self.missing_items
    }

    #[getter]
    fn unknown_profile<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let unknown =
            self.user.unknown_profile().map_err(raise)?.into_iter().map(|(name, value)| {
                let value = match value {
                    Value::Name(text) => text.into_pyobject(py)?.into_any(),
                    Value::Index(index) => index.into_pyobject(py)?.into_any(),
                    Value::Number(number) => number.into_pyobject(py)?.into_any(),
                };
                PyTuple::new(py, [name.into_pyobject(py)?.into_any(), value])
            });
        PyList::new(py, unknown.collect::<PyResult<Vec<_>>>()?)
    }

    #[getter]
    fn items<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u32>> {
        PyArray1::from_slice(py, self.user.rated())
    }

    #[getter]
    fn ratings<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        PyArray1::from_slice(py, self.user.ratings())
    }

    #[pyo3(signature = (items, ratings = None))]
    fn adapt(
        &mut self,
        py: Python<'_>,
        items: &Bound<'_, PyAny>,
        ratings: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let items = self::items("items", items)?;
        let ratings = match ratings {
            Some(ratings) => numbers("ratings", ratings)?,
            None => chosen(&self.user, items.len())?,
        };
        let Self { user, shared, .. } = self;
        let adapt = || shared.with_scratch(|scratch| user.adapt(&items, &ratings, scratch));
        py.detach(adapt).map_err(raise)
    }

    #[pyo3(signature = (item, rating = None))]
    fn rate(&mut self, py: Python<'_>, item: u32, rating: Option<f32>) -> PyResult<()> {
        let rating = rating.map_or_else(|| chosen(&self.user, 1).map(|one| one[0]), Ok)?;
        let Self { user, shared, .. } = self;
        let rate = || shared.with_scratch(|scratch| user.rate(item, rating, scratch));
        py.detach(rate).map_err(raise)
    }

    fn withdraw(&mut self, py: Python<'_>, item: u32) -> PyResult<bool> {
        let Self { user, shared, .. } = self;
        let withdraw = || shared.with_scratch(|scratch| user.withdraw(item, scratch));
        py.detach(withdraw).map_err(raise)
    }

    fn reset(&mut self) {
        self.user.reset();
    }

    fn copy(&self, py: Python<'_>) -> Self {
        Self {
            user: self.user.clone(),
            shared: self.shared.clone(),
            catalog: self.catalog.clone_ref(py),
            ..*self
        }
    }

    #[pyo3(signature = (items = None))]
    fn score<'py>(
        &self,
        py: Python<'py>,
        items: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let items = items.map(|items| self::items("items", items)).transpose()?;
        let Self { user, shared, .. } = self;
        let mut scores = vec![0.0; items.as_ref().map_or(shared.catalog.len(), Vec::len)];
        let score = || {
            shared.with_scratch(|scratch| match &items {
                Some(items) => user.score(items, &mut scores, scratch),
                None => user.score_all(&mut scores, scratch),
            })
        };
        py.detach(score).map_err(raise)?;
        Ok(PyArray1::from_vec(py, scores))
    }

    #[pyo3(signature = (items, *, median = false))]
    fn predict<'py>(
        &self,
        py: Python<'py>,
        items: &Bound<'_, PyAny>,
        median: bool,
    ) -> PyResult<Bound<'py, PyArray1<f32>>> {
        self.need_ratings()?;
        let items = self::items("items", items)?;
        let mut ratings = vec![0.0; items.len()];
        let Self { user, shared, .. } = self;
        let predict = || {
            shared.with_scratch(|scratch| match median {
                false => user.predict(&items, &mut ratings, scratch),
                true => user.predict_median(&items, &mut ratings, scratch),
            })
        };
        py.detach(predict).map_err(raise)?;
        Ok(PyArray1::from_vec(py, ratings))
    }

    /// Predicted ratings and their standard deviations.
    #[allow(clippy::type_complexity, reason = "two arrays")]
    fn predict_with_deviations<'py>(
        &self,
        py: Python<'py>,
        items: &Bound<'_, PyAny>,
    ) -> PyResult<(Bound<'py, PyArray1<f32>>, Bound<'py, PyArray1<f32>>)> {
        self.need_ratings()?;
        if !self.user.model().has_deviations() {
            return Err(raised("NotAvailableError", "the model knows no deviations"));
        }
        let items = self::items("items", items)?;
        let (mut ratings, mut deviations) = (vec![0.0; items.len()], vec![0.0; items.len()]);
        let Self { user, shared, .. } = self;
        let predict = || {
            shared.with_scratch(|scratch| {
                user.predict_with_deviations(&items, &mut ratings, &mut deviations, scratch)
            })
        };
        py.detach(predict).map_err(raise)?;
        Ok((PyArray1::from_vec(py, ratings), PyArray1::from_vec(py, deviations)))
    }

    #[pyo3(signature = (k = 20, *, threads = 1, **options))]
    fn recommend<'py>(
        &self,
        py: Python<'py>,
        k: usize,
        threads: usize,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Self { user, shared, .. } = self;
        let options = ListOptions::read(options, shared.catalog.len())?;
        let k = k.min(shared.catalog.len());
        let mut best = vec![melu::Recommendation::new(0, 0.0); k];
        // Lists of options hold Python's objects, which a thread without the lock may not drop.
        let options = &options;
        let found = py.detach(|| {
            options.with(|options| {
                let found = shared.with_scratch(|scratch| {
                    user.recommend_by_threads(threads, options, &mut best, scratch)
                });
                found.map_err(raise)
            })
        })?;
        list(py, &best[..found])
    }

    #[pyo3(signature = (*, unknown = None, leave_out = None, known = None))]
    fn next_question<'py>(
        &self,
        py: Python<'py>,
        unknown: Option<&Bound<'_, PyAny>>,
        leave_out: Option<&Bound<'_, PyAny>>,
        known: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !self.user.model().has_questions() {
            let message = "the model adapts by gradient steps, and does not know what to ask";
            return Err(raised("NotAvailableError", message));
        }
        let unknown = optional_items("unknown", unknown)?;
        let leave_out = optional_items("leave_out", leave_out)?;
        let known = known.map(|known| items("known", known)).transpose()?;
        let Self { user, shared, .. } = self;
        let options =
            QuestionOptions { unknown: &unknown, leave_out: &leave_out, known: known.as_deref() };
        let ask = || shared.with_questions(|questions| user.next_question(questions, options));
        let Some(question) = py.detach(ask).map_err(raise)? else { return Ok(None) };
        let class = py.import("melu._types")?.getattr("Question")?;
        class.call1((question.item, question.known, question.reduction)).map(Some)
    }

    fn vector<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<f32>>> {
        let vector = self.user.vector().ok_or_else(|| {
            let message = "the model orders by predicted rating, and has no vectors";
            raised("NotAvailableError", message)
        })?;
        Ok(PyArray1::from_slice(py, vector))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let user = slf.try_borrow()?;
        let make = py.import("melu._melu")?.getattr("user_of")?;
        let arguments = (user.catalog(py), user.to_bytes(py)?).into_pyobject(py)?;
        PyTuple::new(py, [make, arguments.into_any()])
    }

    fn __repr__(&self) -> String {
        let answers = self.user.rated().len();
        let unknown = match self.user.unknown_values() {
            0 => String::new(),
            values => format!(", {values} unknown values"),
        };
        format!("<melu.User: {answers} answers{unknown}, of {} items>", self.shared.catalog.len())
    }
}

impl User {
    fn need_ratings(&self) -> PyResult<()> {
        match self.user.model().has_ratings() {
            true => Ok(()),
            false => {
                let message = "the model was trained without ratings, and predicts none";
                Err(raised("NotAvailableError", message))
            }
        }
    }
}

/// The ratings of items that were chosen, for a model without ratings.
fn chosen(user: &melu::User, count: usize) -> PyResult<Vec<f32>> {
    match user.model().has_ratings() {
        false => Ok(vec![1.0; count]),
        true => {
            let problem = "they are missing; the model was trained on ratings, and expects one \
                           for each item";
            Err(crate::errors::refuse("ratings", problem))
        }
    }
}

/// A pickled user.
#[pyfunction]
pub fn user_of(catalog: &Bound<'_, Catalog>, data: Vec<u8>) -> PyResult<User> {
    User::from_bytes(catalog, data)
}
