//! The local update: how a head learns from a support set.

mod first_layer;
mod gradient;
mod ridge;
mod set;

pub use gradient::{PackedHead, Workspace, local_update};
pub use ridge::Posterior;
pub use set::{BLOCK, Set, SupportSet, part};
