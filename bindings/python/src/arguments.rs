//! Arrays, lists and other arguments as the library takes them.

use numpy::{PyArray1, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::{raised, refuse};

/// A one-dimensional array of whatever can be one, with a type of one of these kinds.
fn array<'py>(
    argument: &str,
    object: &Bound<'py, PyAny>,
    kinds: &str,
    expected: &str,
) -> PyResult<Bound<'py, PyUntypedArray>> {
    let py = object.py();
    let refused =
        |kind: &str| refuse(argument, &format!("has the type {kind}; {expected} are expected"));
    if object.is_instance_of::<PyString>() {
        return Err(refused("str"));
    }
    let array = py.import("numpy")?.call_method1("asarray", (object,))?;
    let array = array.cast_into::<PyUntypedArray>()?;
    if array.ndim() != 1 {
        let problem = format!("has {} dimensions; 1 is expected", array.ndim());
        return Err(refuse(argument, &problem));
    }
    let dtype = array.dtype();
    let kind: String = dtype.getattr("kind")?.extract()?;
    // numpy takes an empty list for numbers with fractions.
    if !kinds.contains(&kind) && array.len() > 0 {
        return Err(refused(&dtype.str()?.to_string()));
    }
    Ok(array)
}

/// Items' indices.
pub fn items(argument: &str, object: &Bound<'_, PyAny>) -> PyResult<Vec<u32>> {
    if let Some(array) = aligned::<u32>(object) {
        return copied(array);
    }
    let array = array(argument, object, "iu", "integers, items' indices,")?;
    let wide = array.call_method1("astype", ("int64",))?;
    let wide: Vec<i64> = copied(wide.cast::<PyArray1<i64>>()?)?;
    let narrow = |(place, &item): (usize, &i64)| {
        u32::try_from(item).map_err(|_| {
            let message =
                format!("{argument}: item index {item} at position {place} is not of a catalogue");
            raised("ItemIndexError", &message)
        })
    };
    wide.iter().enumerate().map(narrow).collect()
}

/// Numbers in single precision.
pub fn numbers(argument: &str, object: &Bound<'_, PyAny>) -> PyResult<Vec<f32>> {
    if let Some(array) = aligned::<f32>(object) {
        return copied(array);
    }
    let array = array(argument, object, "iufb", "numbers")?;
    let single = array.call_method1("astype", ("float32",))?;
    copied(single.cast::<PyArray1<f32>>()?)
}

/// Numbers in double precision.
pub fn doubles(argument: &str, object: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    let array = array(argument, object, "iuf", "numbers")?;
    let double = array.call_method1("astype", ("float64",))?;
    copied(double.cast::<PyArray1<f64>>()?)
}

/// Integers.
pub fn integers(argument: &str, object: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    let array = array(argument, object, "iu", "integers")?;
    let wide = array.call_method1("astype", ("int64",))?;
    copied(wide.cast::<PyArray1<i64>>()?)
}

/// Integers that are not negative.
pub fn unsigned(argument: &str, object: &Bound<'_, PyAny>) -> PyResult<Vec<u64>> {
    let array = array(argument, object, "u", "integers that are not negative")?;
    let wide = array.call_method1("astype", ("uint64",))?;
    copied(wide.cast::<PyArray1<u64>>()?)
}

/// Truth values.
pub fn flags(argument: &str, object: &Bound<'_, PyAny>) -> PyResult<Vec<bool>> {
    let array = array(argument, object, "b", "truth values")?;
    copied(array.cast::<PyArray1<bool>>()?)
}

/// The object if it is an array of this type whose elements lie where the type's can: a column of
/// an array of packed records need not.
fn aligned<'a, 'py, T: numpy::Element>(
    object: &'a Bound<'py, PyAny>,
) -> Option<&'a Bound<'py, PyArray1<T>>> {
    let array = object.cast::<PyArray1<T>>().ok()?;
    let whole = |stride: &isize| stride.unsigned_abs().is_multiple_of(size_of::<T>());
    (array.data().is_aligned() && array.strides().iter().all(whole)).then_some(array)
}

/// The elements of an array of any strides that are multiples of an element's size.
fn copied<T: numpy::Element + Copy>(array: &Bound<'_, PyArray1<T>>) -> PyResult<Vec<T>> {
    let view = array.try_readonly().map_err(PyErr::from)?;
    Ok(view.as_array().to_vec())
}

/// An optional list of items; none if it is not given.
pub fn optional_items(argument: &str, object: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<u32>> {
    object.map_or_else(|| Ok(Vec::new()), |object| items(argument, object))
}
