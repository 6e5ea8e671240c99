//! Greedy evidence: a list of items to ask every new user about.

use crate::user::questions::information::Information;
use crate::user::questions::question::{Question, best};
use crate::{Catalog, Result, Scratch, User, memory};

/// The `count` items most worth asking an unknown user about, best first: each has the
/// greatest [`Question::worth`] after those before it were asked about, and answered by as
/// many as know them. Fewer if nobody knows more.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) if the model has no head for choosing and
/// adapts by gradient steps: it does not know how sure it is;
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub fn greedy_evidence(catalog: &Catalog, count: usize) -> Result<Vec<Question>> {
    let user = User::new(catalog, &[])?;
    let mut scratch = Scratch::new(catalog)?;
    let mut known = memory::zeros(catalog.len())?;
    catalog.popularity(&mut known);
    let mut information = Information::new(catalog)?;
    information.update(&user, &known, &mut scratch)?;
    let mut list: Vec<Question> = Vec::new();
    while list.len() < count {
        let Some(best) = best(&mut information, &user, &known, &mut scratch) else { break };
        information.expect(&user, best.item, best.known, &mut scratch);
        known[best.item as usize] = 0.0;
        memory::push(&mut list, best)?;
    }
    Ok(list)
}
