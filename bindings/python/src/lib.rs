//! The native part of the Python package `melu`: see `python/melu`.
//!
//! Arguments are copied before the interpreter's lock is released, because other threads may
//! change arrays meanwhile, and what was checked must stay as it is. Results are handed over
//! without a copy. `User` changes in place: PyO3 raises where two threads change one at once.
//! Nothing else changes once it is made, so that the module needs no lock of the interpreter.

mod arguments;
mod arrow;
mod batch;
mod catalog;
mod column;
mod dataset;
mod errors;
mod evaluation;
mod model;
mod profile;
mod recommend;
mod signals;
mod training;
mod user;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _melu {
    #[pymodule_export]
    use super::batch::recommend_batch;
    #[pymodule_export]
    use super::catalog::{Catalog, catalog_of};
    #[pymodule_export]
    use super::dataset::{Dataset, Table};
    #[pymodule_export]
    use super::evaluation::evaluate;
    #[pymodule_export]
    use super::model::Model;
    #[pymodule_export]
    use super::training::train;
    #[pymodule_export]
    use super::user::{User, user_of};

    use pyo3::prelude::*;

    /// The library's version.
    #[pyfunction]
    fn version() -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// The level of instructions that calls use: `portable`, `neon`, `avx2` or `avx512`.
    #[pyfunction]
    fn kernel() -> &'static str {
        melu::kernel_name()
    }
}
