//! The options of a list, and lists as arrays.

use std::sync::Mutex;

use melu::{Filter, Order, RecommendOptions, Recommendation};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::{flags, items, optional_items};
use crate::errors::refuse;

/// The options of a list, from keywords.
pub struct ListOptions {
    among: Option<Vec<u32>>,
    add_neighbours: bool,
    leave_out: Vec<u32>,
    filter: Option<ItemFilter>,
    keep_rated: bool,
    order: Order,
    exposure: f32,
    min_raters: u32,
    new_items: usize,
}

/// What decides which items may be recommended.
enum ItemFilter {
    /// One truth value for each item.
    Mask(Vec<bool>),
    /// A function of an item's index, and the exception that it raised first.
    Function { function: Py<PyAny>, raised: Mutex<Option<PyErr>> },
}

impl ListOptions {
    /// Reads keywords; there are `len` items.
    pub fn read(keywords: Option<&Bound<'_, PyDict>>, len: usize) -> PyResult<Self> {
        let mut options = Self {
            among: None,
            add_neighbours: false,
            leave_out: Vec::new(),
            filter: None,
            keep_rated: false,
            order: Order::Score,
            exposure: 1.0,
            min_raters: 0,
            new_items: 0,
        };
        for (name, value) in keywords.into_iter().flatten() {
            let name: String = name.extract()?;
            match &*name {
                "among" => {
                    options.among =
                        (!value.is_none()).then(|| items("among", &value)).transpose()?;
                }
                "add_neighbours" => options.add_neighbours = value.extract()?,
                "leave_out" => {
                    let some = (!value.is_none()).then_some(&value);
                    options.leave_out = optional_items("leave_out", some)?;
                }
                "filter" => {
                    options.filter =
                        (!value.is_none()).then(|| ItemFilter::read(&value, len)).transpose()?;
                }
                "keep_rated" => options.keep_rated = value.extract()?,
                "order" => {
                    options.order = match &*value.str()?.to_string() {
                        "score" => Order::Score,
                        "rating" => Order::Rating,
                        other => {
                            let problem =
                                format!("it is \"{other}\"; \"score\" or \"rating\" is expected");
                            return Err(refuse("order", &problem));
                        }
                    }
                }
                "exposure" => options.exposure = value.extract()?,
                "min_raters" => options.min_raters = value.extract()?,
                "new_items" => options.new_items = value.extract()?,
                _ => {
                    let message =
                        format!("recommend() got an unexpected keyword argument '{name}'");
                    return Err(pyo3::exceptions::PyTypeError::new_err(message));
                }
            }
        }
        Ok(options)
    }

    /// Does some work with the library's options. An exception of the filter comes first.
    pub fn with<T>(&self, work: impl FnOnce(&RecommendOptions<'_>) -> PyResult<T>) -> PyResult<T> {
        let pass = |item: u32| self.filter.as_ref().is_none_or(|filter| filter.passes(item));
        let options = RecommendOptions {
            among: self.among.as_deref(),
            add_neighbours: self.add_neighbours,
            leave_out: &self.leave_out,
            filter: self.filter.is_some().then_some(Filter(&pass)),
            keep_rated: self.keep_rated,
            order: self.order,
            exposure: self.exposure,
            min_raters: self.min_raters,
            new_items: self.new_items,
        };
        let done = work(&options);
        if let Some(ItemFilter::Function { raised, .. }) = &self.filter {
            let raised = raised.lock().ok().and_then(|mut raised| raised.take());
            raised.map_or(Ok(()), Err)?;
        }
        done
    }
}

impl ItemFilter {
    fn read(value: &Bound<'_, PyAny>, len: usize) -> PyResult<Self> {
        if value.is_callable() {
            let function = value.clone().unbind();
            return Ok(Self::Function { function, raised: Mutex::new(None) });
        }
        let mask = flags("filter", value)?;
        if mask.len() != len {
            let problem = format!("it has {} truth values for {len} items", mask.len());
            return Err(refuse("filter", &problem));
        }
        Ok(Self::Mask(mask))
    }

    fn passes(&self, item: u32) -> bool {
        match self {
            Self::Mask(mask) => mask.get(item as usize).copied().unwrap_or(false),
            Self::Function { function, raised } => {
                let has_raised = || raised.lock().is_ok_and(|raised| raised.is_some());
                if has_raised() {
                    return false;
                }
                let answer = Python::attach(|py| function.bind(py).call1((item,))?.is_truthy());
                answer.unwrap_or_else(|error| {
                    if let Ok(mut first) = raised.lock() {
                        first.get_or_insert(error);
                    }
                    false
                })
            }
        }
    }
}

/// A list as arrays: `melu._types.Recommendations`.
pub fn list<'py>(py: Python<'py>, list: &[Recommendation]) -> PyResult<Bound<'py, PyAny>> {
    let items = PyArray1::from_vec(py, list.iter().map(|found| found.item).collect());
    let numbers = |of: fn(&Recommendation) -> f32| {
        PyArray1::from_vec(py, list.iter().map(of).collect::<Vec<f32>>())
    };
    let (scores, ratings) = (numbers(|found| found.score), numbers(|found| found.rating));
    let deviations = numbers(|found| found.deviation);
    let class = py.import("melu._types")?.getattr("Recommendations")?;
    class.call1((items, scores, ratings, deviations))
}
