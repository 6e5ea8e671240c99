//! The local update: how a head learns from a support set.

mod gradient;
mod ridge;
mod set;

pub use gradient::{Workspace, local_update};
pub use ridge::Posterior;
pub use set::{BLOCK, Set, SupportSet, part};
