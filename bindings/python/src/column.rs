//! Columns in memory, of whatever Python has.

use melu::data::{Cell, Cells};
use numpy::PyUntypedArrayMethods;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::arguments::{doubles, integers, unsigned};
use crate::errors::refuse;

/// A column's cells, copied.
#[derive(Default)]
pub struct Column {
    cells: Stored,
    /// Which cells are missing; empty if none is.
    missing: Vec<bool>,
}

/// Cells of one kind.
#[derive(Default)]
pub enum Stored {
    /// All of them are missing, so many.
    #[default]
    Nothing,
    Integers(Vec<i64>),
    Unsigned(Vec<u64>),
    Numbers(Vec<f64>),
    Seconds(Vec<f64>),
    Texts(Texts),
    /// A row's values are those of `values` from one end to the next.
    Lists {
        ends: Vec<usize>,
        values: Box<Column>,
    },
    Mixed(Vec<OwnedCell>),
}

/// Texts, one after another.
#[derive(Default)]
pub struct Texts {
    ends: Vec<usize>,
    text: String,
}

/// A cell of a column of Python's objects.
pub enum OwnedCell {
    Missing,
    Text(String),
    Integer(i128),
    Number(f64),
    List(Vec<OwnedCell>),
}

impl Texts {
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    fn get(&self, row: usize) -> &str {
        let begin = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[begin..self.ends[row]]
    }
}

impl Column {
    pub fn new(cells: Stored, missing: Vec<bool>) -> Self {
        let missing = if missing.contains(&true) { missing } else { Vec::new() };
        Self { cells, missing }
    }

    /// A column that is an array of numpy, or a list or other sequence.
    pub fn read(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let numpy = py.import("numpy")?;
        if !object.is_instance(&numpy.getattr("ndarray")?)? {
            return Self::of_objects(name, object);
        }
        let array = object.cast::<numpy::PyUntypedArray>()?;
        if array.ndim() != 1 {
            let problem = format!("has {} dimensions; 1 is expected", array.ndim());
            return Err(refuse(&format!("column \"{name}\""), &problem));
        }
        let kind: String = array.dtype().getattr("kind")?.extract()?;
        let cells = match &*kind {
            "i" => Stored::Integers(integers(name, object)?),
            "u" => Stored::Unsigned(unsigned(name, object)?),
            "f" => Stored::Numbers(doubles(name, object)?),
            "M" => {
                let nanoseconds = object
                    .call_method1("astype", ("datetime64[ns]",))?
                    .call_method1("astype", ("int64",))?;
                let nanoseconds = integers(name, &nanoseconds)?;
                let missing = nanoseconds.iter().map(|&time| time == i64::MIN).collect();
                let seconds = nanoseconds.iter().map(|&time| time as f64 / 1e9).collect();
                return Ok(Self::new(Stored::Seconds(seconds), missing));
            }
            _ => return Self::of_objects(name, &object.call_method0("tolist")?),
        };
        Ok(Self::new(cells, Vec::new()))
    }

    /// The cells of a sequence.
    fn of_objects(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Self> {
        // What a sequence says of its length may be anything.
        let mut cells = Vec::new();
        for cell in object.try_iter()? {
            let cell = cell?;
            let read = OwnedCell::read(&cell, true)?.ok_or_else(|| {
                let kind = cell.get_type().name().map(|kind| kind.to_string());
                let problem = format!(
                    "row {} has a {}; a text, a number, a time, a list of them, or None is expected",
                    cells.len(),
                    kind.unwrap_or_default()
                );
                refuse(&format!("column \"{name}\""), &problem)
            })?;
            cells.push(read);
        }
        Ok(Self::new(Stored::Mixed(cells), Vec::new()))
    }

    /// What the column holds: `text`, `integer`, `number`, `time`, `list` or `nothing`.
    pub fn kind(&self) -> &'static str {
        match &self.cells {
            Stored::Nothing => "nothing",
            Stored::Integers(_) | Stored::Unsigned(_) => "integer",
            Stored::Numbers(_) => "number",
            Stored::Seconds(_) => "time",
            Stored::Texts(_) => "text",
            Stored::Lists { .. } => "list",
            Stored::Mixed(cells) => {
                let kinds = cells.iter().filter_map(|cell| match cell {
                    OwnedCell::Missing => None,
                    OwnedCell::Number(number) if number.is_nan() => None,
                    OwnedCell::Text(_) => Some("text"),
                    OwnedCell::Integer(_) => Some("integer"),
                    OwnedCell::Number(_) => Some("number"),
                    OwnedCell::List(_) => Some("list"),
                });
                let join = |all: &'static str, kind| match (all, kind) {
                    _ if all == kind => all,
                    ("integer" | "number", "integer" | "number") => "number",
                    ("list", _) | (_, "list") => "list",
                    _ => "text",
                };
                kinds.reduce(join).unwrap_or("nothing")
            }
        }
    }
}

impl Cells for Column {
    fn len(&self) -> usize {
        match &self.cells {
            Stored::Nothing => self.missing.len(),
            Stored::Integers(cells) => cells.len(),
            Stored::Unsigned(cells) => cells.len(),
            Stored::Numbers(cells) | Stored::Seconds(cells) => cells.len(),
            Stored::Texts(texts) => texts.ends.len(),
            Stored::Lists { ends, .. } => ends.len(),
            Stored::Mixed(cells) => cells.len(),
        }
    }

    fn cell(&self, row: usize) -> Cell<'_> {
        if self.missing.get(row).copied().unwrap_or(false) {
            return Cell::Missing;
        }
        match &self.cells {
            Stored::Nothing => Cell::Missing,
            Stored::Integers(cells) => Cell::Integer(cells[row].into()),
            Stored::Unsigned(cells) => Cell::Integer(cells[row].into()),
            Stored::Numbers(cells) => Cell::Number(cells[row]),
            Stored::Seconds(cells) => Cell::Seconds(cells[row]),
            Stored::Texts(texts) => Cell::Text(texts.get(row)),
            Stored::Lists { ends, .. } => {
                let begin = row.checked_sub(1).map_or(0, |before| ends[before]);
                Cell::List(ends[row] - begin)
            }
            Stored::Mixed(cells) => cells[row].borrowed(),
        }
    }

    fn value(&self, row: usize, place: usize) -> Cell<'_> {
        match &self.cells {
            Stored::Lists { ends, values } => {
                let begin = row.checked_sub(1).map_or(0, |before| ends[before]);
                values.cell(begin + place)
            }
            Stored::Mixed(cells) => match &cells[row] {
                OwnedCell::List(values) => values[place].borrowed(),
                _ => Cell::Missing,
            },
            _ => Cell::Missing,
        }
    }
}

impl OwnedCell {
    fn borrowed(&self) -> Cell<'_> {
        match self {
            Self::Missing => Cell::Missing,
            Self::Text(text) => Cell::Text(text),
            Self::Integer(number) => Cell::Integer(*number),
            Self::Number(number) => Cell::Number(*number),
            Self::List(values) => Cell::List(values.len()),
        }
    }

    /// A cell of one of Python's objects; `None` if it cannot be one. A list in a list is not looked
    /// into: it may be the list itself.
    fn read(object: &Bound<'_, PyAny>, may_be_list: bool) -> PyResult<Option<Self>> {
        if object.is_none() {
            return Ok(Some(Self::Missing));
        }
        if object.is_instance_of::<PyString>() {
            return Ok(Some(Self::Text(object.extract()?)));
        }
        if object.is_instance_of::<PyBool>() {
            return Ok(Some(Self::Text(object.str()?.to_string().to_lowercase())));
        }
        if object.is_instance_of::<PyInt>() {
            return Ok(Some(Self::Integer(object.extract()?)));
        }
        if object.is_instance_of::<PyFloat>() {
            return Ok(Some(Self::Number(object.extract()?)));
        }
        // pandas' Timestamp and datetime's; a time without a zone is in UTC, as in files.
        if object.hasattr("isoformat")? {
            if !object.eq(object)? {
                return Ok(Some(Self::Missing));
            }
            return Ok(Some(Self::Text(object.call_method0("isoformat")?.extract()?)));
        }
        let py = object.py();
        let numpy = py.import("numpy")?;
        if object.is_instance(&numpy.getattr("generic")?)? {
            let item = object.call_method0("item")?;
            return match item.is_instance(&numpy.getattr("generic")?)? {
                true => Ok(None),
                false => Self::read(&item, may_be_list),
            };
        }
        let is_list = object.is_instance_of::<PyList>()
            || object.is_instance_of::<PyTuple>()
            || object.is_instance(&numpy.getattr("ndarray")?)?
            || object.is_instance_of::<pyo3::types::PySet>()
            || object.is_instance_of::<pyo3::types::PyFrozenSet>();
        if !is_list {
            // pandas.NA, which is none of its own kind.
            let is_missing = object.get_type().name()? == "NAType";
            return Ok(is_missing.then_some(Self::Missing));
        }
        if !may_be_list {
            return Ok(None);
        }
        let mut values = Vec::new();
        for value in object.try_iter()? {
            match Self::read(&value?, false)? {
                None => return Ok(None),
                Some(value) => values.push(value),
            }
        }
        Ok(Some(Self::List(values)))
    }
}
