//! A user's task as a head sees it.

use crate::model::loss::Output;
use crate::model::network::Network;
use crate::user::adapt::Set;

/// A head where the user starts, the ratings that it adapts to and those to predict.
#[derive(Clone, Copy, Debug)]
pub struct HeadTask<'a> {
    /// The head's network.
    pub network: &'a Network,
    /// The loss, and the unit of the head's outputs.
    pub output: &'a Output,
    /// The head's numbers before it adapts.
    pub head: &'a [f32],
    /// The known ratings.
    pub support: Set<'a>,
    /// The ratings to predict.
    pub query: Set<'a>,
}
