//! Room to compute in.

use crate::catalog::blocks::{BLOCK, InputBuffers, Rows};
use crate::user::adapt::{Set, Workspace};
use crate::{Catalog, Model};

/// Room for a block of items on its way through body and head, and back; nothing in it
/// outlives a call.
#[derive(Clone, Debug)]
pub struct Room {
    pub inputs: InputBuffers,
    pub workspace: Workspace,
}

impl Room {
    /// Room for a model's users.
    pub fn new(model: &Model) -> Self {
        let workspace = Workspace::new(model.user_head_network(), &model.config().local);
        Self { inputs: InputBuffers::new(model), workspace }
    }
}

#[cfg(feature = "capi")]
impl crate::User {
    /// Changes rooms with another user, who was served before: their room is in the
    /// cache, and one's own may have left it. Nothing where theirs would not do for so
    /// many ratings. The same again gives both back what they had.
    pub(crate) fn change_rooms(&mut self, other: &mut Self, ratings: usize) {
        if ratings <= BLOCK && other.model().is(self.model()) {
            std::mem::swap(&mut self.room, &mut other.room);
        }
    }
}

/// Items as a user's own head sees them with a rating for each, at most [`BLOCK`] of them;
/// `targets` is room for the ratings in the head's units.
pub fn rated_set<'a>(
    buffers: &'a mut InputBuffers,
    catalog: &'a Catalog,
    items: &[u32],
    ratings: &[f32],
    targets: &'a mut [f32; BLOCK],
) -> Set<'a> {
    let output = &catalog.model().config().output;
    let targets = &mut targets[..items.len()];
    for (target, rating) in targets.iter_mut().zip(ratings) {
        *target = output.target(*rating);
    }
    let (inputs, item_variances) = buffers.fill(catalog, Rows::Listed(items));
    Set { inputs, targets, item_variances }
}
