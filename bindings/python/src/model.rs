//! Models.

use std::path::PathBuf;
use std::sync::Arc;

use melu::OpenOptions;
use melu::model::schema::{Entity, Field, FieldKind, Vocabulary};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

use crate::catalog::Catalog;
use crate::errors::{raise, raised};

/// A trained model.
#[pyclass(frozen, module = "melu._melu")]
pub struct Model {
    pub model: melu::Model,
    /// The file that it was opened from.
    path: Option<PathBuf>,
    /// How it was opened.
    options: OpenOptions,
}

impl Model {
    pub fn new(model: melu::Model) -> Self {
        Self { model, path: None, options: OpenOptions::default() }
    }
}

#[pymethods]
impl Model {
    #[staticmethod]
    #[pyo3(signature = (path, max_memory = None, copy = false))]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        max_memory: Option<usize>,
        copy: bool,
    ) -> PyResult<Self> {
        let options = options(max_memory, copy);
        let model = py.detach(|| melu::Model::open_with(&path, &options)).map_err(raise)?;
        let path = std::path::absolute(&path).unwrap_or(path);
        Ok(Self { model, path: Some(path), options })
    }

    /// `bytes` never change, and are used in place.
    #[staticmethod]
    #[pyo3(signature = (data, max_memory = None))]
    fn from_bytes(
        py: Python<'_>,
        data: PyBackedBytes,
        max_memory: Option<usize>,
    ) -> PyResult<Self> {
        let options = options(max_memory, false);
        let open = || melu::Model::from_shared_with(Arc::new(data), &options);
        let model = py.detach(open).map_err(raise)?;
        Ok(Self { model, path: None, options })
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| -> Result<Vec<u8>, PyErr> {
            let folder = tempfile::tempdir()?;
            let path = folder.path().join("model.melu");
            self.model.save(&path).map_err(raise)?;
            Ok(std::fs::read(path)?)
        })?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.model.save(path)).map_err(raise)
    }

    #[getter]
    fn path(&self) -> Option<PathBuf> {
        self.path.clone()
    }

    pub fn catalog(slf: &Bound<'_, Self>) -> PyResult<Catalog> {
        let model = slf.get().model.clone();
        match slf.py().detach(|| model.catalog()).map_err(raise)? {
            Some(catalog) => Ok(Catalog::new(catalog, slf.clone().unbind(), true)),
            None => Err(raised("NotAvailableError", "the model has no items of its own")),
        }
    }

    #[getter]
    fn has_ratings(&self) -> bool {
        self.model.has_ratings()
    }

    #[getter]
    fn has_deviations(&self) -> bool {
        self.model.has_deviations()
    }

    #[getter]
    fn has_questions(&self) -> bool {
        self.model.has_questions()
    }

    #[getter]
    fn user_fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.fields(py, Entity::User)
    }

    #[getter]
    fn item_fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.fields(py, Entity::Item)
    }

    /// The record of the training, as JSON.
    #[getter]
    fn training_json(&self) -> Option<&str> {
        self.model.contents().training.as_deref()
    }

    #[getter]
    fn evidence<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(evidence) = self.model.evidence() else { return Ok(None) };
        let items: Vec<u32> = evidence.items.iter().copied().collect();
        let array = numpy::PyArray1::from_vec(py, items);
        Ok(Some(array.into_any()))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        let py = slf.py();
        let class = py.get_type::<Self>();
        let Self { path, options, .. } = slf.get();
        let limit = options.max_memory.into_pyobject(py)?.into_any();
        let (how, with) = match path {
            Some(path) => {
                let path = path.as_os_str().into_pyobject(py)?.into_any();
                let copy = options.copy.into_pyobject(py)?.to_owned().into_any();
                ("open", PyTuple::new(py, [path, limit, copy])?)
            }
            None => {
                let bytes = slf.get().to_bytes(py)?.into_any();
                ("from_bytes", PyTuple::new(py, [bytes, limit])?)
            }
        };
        PyTuple::new(py, [class.getattr(how)?, with.into_any()])
    }

    fn __repr__(&self) -> String {
        let items = self.model.contents().catalog.as_ref().map_or(0, |table| table.ids.len());
        let kind = match (self.model.choice().is_some(), self.model.has_ratings()) {
            (true, true) => "lists and ratings",
            (true, false) => "lists",
            _ => "ratings",
        };
        let config = self.model.config();
        let names = |fields: &[Field]| -> String {
            fields.iter().map(|field| &*field.name).collect::<Vec<_>>().join(", ")
        };
        let from = self.path.as_ref().map(|path| format!(" from {}", path.display()));
        format!(
            "<melu.Model{}: {kind}, {items} items, user fields ({}), item fields ({})>",
            from.unwrap_or_default(),
            names(&config.user_fields),
            names(&config.item_fields)
        )
    }
}

fn options(max_memory: Option<usize>, copy: bool) -> OpenOptions {
    let usual = OpenOptions::default();
    OpenOptions { copy, max_memory: max_memory.unwrap_or(usual.max_memory) }
}

impl Model {
    fn fields<'py>(&self, py: Python<'py>, entity: Entity) -> PyResult<Bound<'py, PyList>> {
        let contents = self.model.contents();
        let vocabularies = contents.vocabularies(entity);
        let field = |(field, vocabulary): (&Field, &Option<Vocabulary>)| {
            let described = PyDict::new(py);
            described.set_item("name", &field.name)?;
            let kind = match field.kind {
                FieldKind::One => "one",
                FieldKind::Multi => "multi",
                FieldKind::Numeric(_) => "numeric",
            };
            described.set_item("kind", kind)?;
            let values: Option<Vec<&str>> =
                vocabulary.as_ref().map(|vocabulary| vocabulary.names().iter().collect());
            described.set_item("values", values)?;
            Ok(described)
        };
        let fields = contents.config.fields(entity).iter().zip(vocabularies);
        PyList::new(py, fields.map(field).collect::<PyResult<Vec<_>>>()?)
    }
}
