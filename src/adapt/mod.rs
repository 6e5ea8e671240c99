//! The local update: how a head learns from a support set.

mod gradient;

pub use gradient::{BLOCK, Support, Workspace, local_update};
