//! Many users in one call.

use melu::{Answers, Batch};
use numpy::ndarray::Array2;
use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arguments::{integers, items, numbers};
use crate::catalog::Catalog;
use crate::errors::{raise, raised, refuse};
use crate::profile::Values;
use crate::recommend::ListOptions;
use crate::user::profile;

/// So many users are served before signals are looked at.
const AT_ONCE: usize = 4096;

/// The best items of each user of a batch, whose answers lie one after another: those of user
/// `u` from `offsets[u]` to `offsets[u + 1]`.
#[pyfunction]
#[pyo3(signature = (catalog, offsets, items, ratings = None, k = 20, *, profiles = None, threads = 0, **options))]
#[allow(clippy::too_many_arguments, reason = "they are keywords")]
pub fn recommend_batch<'py>(
    py: Python<'py>,
    catalog: &Bound<'py, Catalog>,
    offsets: &Bound<'py, PyAny>,
    items: &Bound<'py, PyAny>,
    ratings: Option<&Bound<'py, PyAny>>,
    k: usize,
    profiles: Option<Vec<Option<Bound<'py, PyDict>>>>,
    threads: usize,
    options: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let shared = catalog.get().shared.clone();
    let len = shared.catalog.len();
    let items = self::items("items", items)?;
    let ratings = match ratings {
        Some(ratings) => numbers("ratings", ratings)?,
        None if !shared.catalog.model().has_ratings() => vec![1.0; items.len()],
        None => return Err(refuse("ratings", "they are missing; one for each item is expected")),
    };
    if ratings.len() != items.len() {
        let problem = format!("there are {} for {} items", ratings.len(), items.len());
        return Err(refuse("ratings", &problem));
    }
    let offsets = places(&integers("offsets", offsets)?, items.len())?;
    let users = offsets.len() - 1;
    let profiles = match profiles {
        None => vec![Values::default(); users],
        Some(profiles) if profiles.len() != users => {
            let problem = format!("there are {} for {users} users", profiles.len());
            return Err(refuse("profiles", &problem));
        }
        Some(profiles) => profiles
            .iter()
            .map(|values| profile(&shared, values.as_ref()))
            .collect::<PyResult<Vec<_>>>()?,
    };
    let options = ListOptions::read(options, len)?;
    let threads = match threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let k = k.min(len);
    let mut found = table(users, k, -1_i64)?;
    let mut scores = table(users, k, f32::NAN)?;
    let mut predicted = table(users, k, f32::NAN)?;
    let mut deviations = table(users, k, f32::NAN)?;
    let mut counts = vec![0_u32; users];
    let mut batch = Batch::new(&shared.catalog, threads).map_err(raise)?;
    let mut lists = Vec::new();
    for first in (0..users).step_by(AT_ONCE) {
        let range = first..users.min(first + AT_ONCE);
        let (batch, best, options) = (&mut batch, &mut lists, &options);
        let (shared, profiles, items, ratings, offsets) =
            (&shared, &profiles, &items, &ratings, &offsets);
        let chunk = range.clone();
        py.detach(move || {
            let user = |place: usize| melu::User::new(&shared.catalog, &profiles[place].borrowed());
            let of_user =
                |place: usize, error| melu::Error::OfUser { user: place, error: Box::new(error) };
            let mut users = Vec::with_capacity(chunk.len());
            for place in chunk.clone() {
                users.push(user(place).map_err(|error| raise(of_user(place, error)))?);
            }
            let answers: Vec<Answers<'_>> = chunk
                .clone()
                .map(|place| {
                    let of = offsets[place]..offsets[place + 1];
                    Answers { items: &items[of.clone()], ratings: &ratings[of] }
                })
                .collect();
            // Places are of the whole batch.
            let moved = |error| match error {
                melu::Error::OfUser { user, error } => {
                    melu::Error::OfUser { user: user + chunk.start, error }
                }
                other => other,
            };
            options.with(|options| {
                let served = batch.adapt_and_recommend(&mut users, &answers, k, options, best);
                served.map_err(|error| raise(moved(error)))
            })
        })?;
        for (place, list) in range.zip(lists.iter()) {
            counts[place] = list.len() as u32;
            for (rank, best) in list.iter().enumerate() {
                found[[place, rank]] = best.item.into();
                scores[[place, rank]] = best.score;
                predicted[[place, rank]] = best.rating;
                deviations[[place, rank]] = best.deviation;
            }
        }
        py.check_signals()?;
    }
    let class = py.import("melu._types")?.getattr("BatchRecommendations")?;
    class.call1((
        found.into_pyarray(py),
        scores.into_pyarray(py),
        predicted.into_pyarray(py),
        deviations.into_pyarray(py),
        PyArray1::from_vec(py, counts),
    ))
}

/// A row of `k` cells for each user, which together may be more than there is memory for.
fn table<T: Copy>(users: usize, k: usize, cell: T) -> PyResult<Array2<T>> {
    let refused = || {
        let message = format!("lists of {k} items for {users} users exceed the memory");
        raised("OutOfMemoryError", &message)
    };
    let len = users.checked_mul(k).ok_or_else(refused)?;
    let mut cells = Vec::new();
    cells.try_reserve_exact(len).map_err(|_| refused())?;
    cells.resize(len, cell);
    Array2::from_shape_vec((users, k), cells).map_err(|_| refused())
}

/// Offsets that rise from 0 to the number of items.
fn places(offsets: &[i64], items: usize) -> PyResult<Vec<usize>> {
    let rises = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
    let ends = offsets.last().is_some_and(|last| usize::try_from(*last) == Ok(items));
    if offsets.first() != Some(&0) || !rises || !ends {
        let problem = format!(
            "they do not rise from 0 to {items}, the number of items; one for each user and the \
             end are expected"
        );
        return Err(raised("ArgumentError", &format!("offsets: {problem}")));
    }
    Ok(offsets.iter().map(|&offset| offset as usize).collect())
}
