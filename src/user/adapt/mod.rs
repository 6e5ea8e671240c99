//! The local update: how a head learns from a support set.

mod first_layer;
mod gradient;
mod own_head;
mod ridge;
mod set;

pub use gradient::{Workspace, local_update};
pub use own_head::{Forward, OwnHead};
pub use ridge::Posterior;
pub use set::{Set, SupportSet, part};
