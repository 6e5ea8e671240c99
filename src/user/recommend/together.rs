//! Several users' searches of one catalogue side by side, so that its rows are read once for all.

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

/// Finds the recommendations of users of one catalogue: of one by several threads, or of several
/// side by side, for options with which [`side_by_side`] allows it. Each request is served as by
/// [`User::recommend_into`](crate::User::recommend_into), and has the number that was found.
///
/// # Errors
/// The place of the first request that failed, with its error; those before it are served.
// Compiled once, for any number of requests: copies for eight of them are 3 KB, where all else is
// optimised for size.
#[inline(never)]
pub fn recommend_together(
    requests: &mut [Option<Request>],
    threads: usize,
    options: &RecommendOptions,
) -> Result<(), (usize, Error)> {
    let count = requests.len();
    let mut prepared: [Option<Prepared>; TOGETHER] = [const { None }; TOGETHER];
    let mut failed = Ok(());
    for (place, request) in requests.iter_mut().flatten().enumerate() {
        match request.prepare(options) {
            Ok(ready) => prepared[place] = ready,
            Err(error) => {
                failed = Err((place, error));
                break;
            }
        }
    }
    let served = failed.as_ref().err().map_or(count, |(place, _)| *place);
    match &mut prepared[..served] {
        [Some(alone)] => alone.run(threads),
        several => search(several),
    }
    let mut found = [0; TOGETHER];
    for (found, prepared) in found.iter_mut().zip(&mut prepared[..served]) {
        *found = prepared.take().map_or(0, Prepared::finish);
    }
    for (place, request) in requests[..served].iter_mut().flatten().enumerate() {
        request.found = found[place];
        request.add_ratings().map_err(|error| (place, error))?;
    }
    failed
}

/// Runs searches of the whole of one catalogue to their end.
fn search(prepared: &mut [Option<Prepared>]) {
    let items = prepared.iter().flatten().map(Prepared::items).max().unwrap_or(0);
    for start in (0..items).step_by(CHUNK) {
        let step = start..items.min(start + CHUNK);
        for tile in step.clone().step_by(TILE) {
            let rows = tile..step.end.min(tile + TILE);
            for prepared in prepared.iter_mut().flatten() {
                prepared.seeker().bound(rows.clone(), start);
            }
        }
        for prepared in prepared.iter_mut().flatten() {
            prepared.seeker().choose(step.clone());
        }
    }
}
