//! The local update: how a head learns from a support set.

mod first_layer;
mod gradient;
mod own_head;
mod posterior;
mod ridge;
mod set;

pub use gradient::{GradientSolver, Workspace};
pub use own_head::{Forward, OwnHead, PackedHead};
pub use posterior::Posterior;
pub use ridge::RidgeSolver;
pub use set::{Set, SupportSet, part};
