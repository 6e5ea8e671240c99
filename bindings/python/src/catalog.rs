//! Catalogues.

use std::sync::{Arc, Mutex, PoisonError};

use melu::model::schema::Entity;
use melu::{NewItem, Questions, Scratch};
use numpy::ndarray::ArrayView2;
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::arguments;
use crate::errors::{raise, raised, refuse};
use crate::model::Model;
use crate::profile::Values;

/// A catalogue, and what calls for its users compute in.
pub struct Shared {
    pub catalog: melu::Catalog,
    scratches: Mutex<Vec<Scratch>>,
    questions: Mutex<Vec<Questions>>,
}

impl Shared {
    /// Does some work in a scratch of the catalogue, one of those that no other thread uses.
    pub fn with_scratch<T>(
        &self,
        work: impl FnOnce(&mut Scratch) -> melu::Result<T>,
    ) -> melu::Result<T> {
        with(&self.scratches, || Scratch::new(&self.catalog), work)
    }

    /// The same with a workspace for questions.
    pub fn with_questions<T>(
        &self,
        work: impl FnOnce(&mut Questions) -> melu::Result<T>,
    ) -> melu::Result<T> {
        with(&self.questions, || Questions::new(&self.catalog), work)
    }
}

fn with<S, T>(
    pool: &Mutex<Vec<S>>,
    make: impl FnOnce() -> melu::Result<S>,
    work: impl FnOnce(&mut S) -> melu::Result<T>,
) -> melu::Result<T> {
    let free = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut space = free.map_or_else(make, Ok)?;
    let done = work(&mut space);
    pool.lock().unwrap_or_else(PoisonError::into_inner).push(space);
    done
}

/// Items that can be scored.
#[pyclass(frozen, module = "melu._melu")]
pub struct Catalog {
    pub shared: Arc<Shared>,
    pub model: Py<Model>,
    /// Whether it has the model's own items.
    own: bool,
}

impl Catalog {
    pub fn new(catalog: melu::Catalog, model: Py<Model>, own: bool) -> Self {
        let (scratches, questions) = (Mutex::default(), Mutex::default());
        Self { shared: Arc::new(Shared { catalog, scratches, questions }), model, own }
    }

    fn derived(&self, py: Python<'_>, catalog: melu::Catalog) -> Self {
        Self::new(catalog, self.model.clone_ref(py), false)
    }

    /// Items given as dictionaries: `id`, perhaps `title`, and fields.
    fn new_items(&self, described: &[Bound<'_, PyDict>]) -> PyResult<Vec<OwnedItem>> {
        let contents = self.shared.catalog.model().contents();
        let (fields, names) = (&contents.config.item_fields, contents.vocabularies(Entity::Item));
        let read = |described: &Bound<'_, PyDict>| {
            let values = described.copy()?;
            let take = |name: &str| -> PyResult<Option<String>> {
                match values.get_item(name)? {
                    Some(value) if !fields.iter().any(|field| field.name == name) => {
                        values.del_item(name)?;
                        (!value.is_none()).then(|| Ok(value.str()?.to_string())).transpose()
                    }
                    _ => Ok(None),
                }
            };
            let id = take("id")?.ok_or_else(|| refuse("items", "one has no \"id\""))?;
            Ok(OwnedItem {
                id,
                title: take("title")?,
                values: Values::read(fields, names, &values)?,
            })
        };
        described.iter().map(read).collect()
    }
}

struct OwnedItem {
    id: String,
    title: Option<String>,
    values: Values,
}

fn with_items<T>(items: &[OwnedItem], take: impl FnOnce(&[NewItem<'_>]) -> T) -> T {
    let values: Vec<_> = items.iter().map(|item| item.values.borrowed()).collect();
    let new = items.iter().zip(&values).map(|(item, values)| NewItem {
        id: &item.id,
        title: item.title.as_deref(),
        values,
    });
    take(&new.collect::<Vec<_>>())
}

#[pymethods]
impl Catalog {
    #[getter]
    fn model(&self, py: Python<'_>) -> Py<Model> {
        self.model.clone_ref(py)
    }

    fn __len__(&self) -> usize {
        self.shared.catalog.len()
    }

    fn find(&self, id: &str) -> Option<u32> {
        self.shared.catalog.find(id)
    }

    fn id(&self, item: u32) -> PyResult<&str> {
        self.shared.catalog.id(item).ok_or_else(|| beyond(item, self.__len__()))
    }

    fn title(&self, item: u32) -> PyResult<Option<&str>> {
        self.id(item)?;
        Ok(self.shared.catalog.title(item))
    }

    #[getter]
    fn ids(&self) -> Vec<&str> {
        self.shared.catalog.table().ids.iter().collect()
    }

    #[getter]
    fn titles(&self) -> Option<Vec<&str>> {
        self.shared.catalog.table().titles.as_ref().map(|titles| titles.iter().collect())
    }

    fn raters(&self, item: u32) -> PyResult<Option<u32>> {
        self.id(item)?;
        Ok(self.shared.catalog.raters(item))
    }

    fn extend(&self, py: Python<'_>, items: Vec<Bound<'_, PyDict>>) -> PyResult<Self> {
        let new = self.new_items(&items)?;
        let shared = &self.shared;
        let extended = py.detach(|| with_items(&new, |items| shared.catalog.extend(items)));
        Ok(self.derived(py, extended.map_err(raise)?))
    }

    fn remove(&self, py: Python<'_>, items: &Bound<'_, PyAny>) -> PyResult<Self> {
        let removed = arguments::items("items", items)?;
        let shared = &self.shared;
        let smaller = py.detach(|| shared.catalog.remove(&removed)).map_err(raise)?;
        Ok(self.derived(py, smaller))
    }

    /// A view of the items' vectors, `[items, width]`.
    fn item_vectors<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let catalog = &slf.get().shared.catalog;
        let Some((rows, width)) = catalog.item_vectors() else {
            let message = "the model orders by predicted rating, and has no vectors";
            return Err(raised("NotAvailableError", message));
        };
        let shape = (catalog.len(), width);
        let view = ArrayView2::from_shape(shape, rows)
            .map_err(|error| refuse("vectors", &error.to_string()))?;
        // SAFETY: the array's owner is this catalogue, which never changes and keeps the rows
        // where they are for as long as it lives.
        let array = unsafe { PyArray2::borrow_from_array(&view, slf.clone().into_any()) };
        // The rows may lie in a mapped file.
        drop(array.try_readwrite().map_err(PyErr::from)?.make_nonwriteable());
        Ok(array)
    }

    #[pyo3(signature = (count = 10))]
    fn first_questions<'py>(
        &self,
        py: Python<'py>,
        count: usize,
    ) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let shared = &self.shared;
        let questions = py.detach(|| melu::greedy_evidence(&shared.catalog, count));
        let items = questions.map_err(raise)?.iter().map(|question| question.item).collect();
        Ok(PyArray1::from_vec(py, items))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        if !slf.get().own {
            let message = "only a model's own catalogue can be pickled: pickle the model, and \
                           extend its catalogue anew";
            return Err(raised("NotAvailableError", message));
        }
        let make = py.import("melu._melu")?.getattr("catalog_of")?;
        let arguments = PyTuple::new(py, [slf.get().model.clone_ref(py)])?;
        PyTuple::new(py, [make, arguments.into_any()])
    }

    fn __repr__(&self) -> String {
        let catalog = &self.shared.catalog;
        let width = catalog.item_vectors().map(|(_, width)| format!(", vectors of {width}"));
        format!("<melu.Catalog: {} items{}>", catalog.len(), width.unwrap_or_default())
    }
}

/// The error of an item that there is not.
pub fn beyond(item: u32, len: usize) -> PyErr {
    let message = format!("item index {item} is not below the catalogue's length {len}");
    raised("ItemIndexError", &message)
}

/// A pickled catalogue.
#[pyfunction]
pub fn catalog_of(model: &Bound<'_, Model>) -> PyResult<Catalog> {
    Model::catalog(model)
}
