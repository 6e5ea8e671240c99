//! Several users' searches of one catalogue side by side, so that its rows are read once for all.

use std::array;

use super::request::{Prepared, Request};
use super::search::CHUNK;
use super::{Order, RecommendOptions};
use crate::kernels::ROUNDED_ROWS;
use crate::{Catalog, Error};

/// The most users who are served side by side.
pub const TOGETHER: usize = 8;

/// Users of one catalogue who are served side by side: the first places.
pub type Requests<'a> = [Option<Request<'a>>; TOGETHER];

/// The rows that are bounded for one user after another: 18 KB of rounded rows, which stay in
/// the first cache.
const TILE: usize = 16 * ROUNDED_ROWS;

/// The items of a catalogue whose rounded rows are more than a tile or two.
const MANY: usize = 1_000;

/// How many users of a catalogue are best served side by side: one, if its rounded rows stay in
/// the cache anyway, or if they are not what is read.
pub fn side_by_side(catalog: &Catalog, options: &RecommendOptions) -> usize {
    let reads_rounded =
        catalog.choice().is_some() && options.order == Order::Score && options.among.is_none();
    if reads_rounded && catalog.len() > MANY { TOGETHER } else { 1 }
}

/// Finds the recommendations of users of one catalogue. Each request is served as by
/// [`User::recommend_into`](crate::User::recommend_into), and has the number that was found.
///
/// # Errors
/// The place of the first request that failed, with its error; those before it are served.
pub fn recommend_together(
    requests: &mut Requests,
    options: &RecommendOptions,
) -> Result<(), (usize, Error)> {
    let mut failed = None;
    let mut places = requests.iter_mut().flatten().enumerate();
    let mut prepared: [Option<Prepared>; TOGETHER] = array::from_fn(|_| {
        let (place, request) = if failed.is_none() { places.next()? } else { return None };
        request.prepare(options).unwrap_or_else(|error| {
            failed = Some((place, error));
            None
        })
    });
    search(&mut prepared);
    let found = prepared.map(|prepared| prepared.map_or(0, Prepared::finish));
    let served = failed.as_ref().map_or(requests.len(), |(place, _)| *place);
    for (place, request) in requests[..served].iter_mut().flatten().enumerate() {
        request.found = found[place];
        request.add_ratings().map_err(|error| (place, error))?;
    }
    failed.map_or(Ok(()), Err)
}

/// Runs searches of the whole of one catalogue to their end.
fn search(prepared: &mut [Option<Prepared>; TOGETHER]) {
    let items = prepared.iter().flatten().map(Prepared::items).max().unwrap_or(0);
    let mut seekers = prepared.each_mut().map(|prepared| prepared.as_mut().map(Prepared::seeker));
    for start in (0..items).step_by(CHUNK) {
        let step = start..items.min(start + CHUNK);
        for tile in step.clone().step_by(TILE) {
            let rows = tile..step.end.min(tile + TILE);
            for seeker in seekers.iter_mut().flatten() {
                seeker.bound(rows.clone(), start);
            }
        }
        for seeker in seekers.iter_mut().flatten() {
            seeker.choose(step.clone());
        }
    }
}
