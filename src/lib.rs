//! Recommendations for people nobody knows yet.
//!
//! melu implements MeLU (Lee et al., *MeLU: Meta-Learned User Preference
//! Estimator for Cold-Start Recommendation*, KDD 2019).

pub mod adapt;
pub mod buffer;
mod catalog;
pub mod config;
pub mod embedding;
mod error;
mod evidence;
pub mod file;
mod inputs;
mod kernels;
pub mod loss;
mod model;
pub mod network;
pub mod prior;
pub mod schema;
mod score;
mod user;

pub use catalog::{Catalog, NewItem};
pub use error::{Error, Result};
pub use evidence::EvidenceRanking;
pub use model::Model;
pub use score::{Filter, Recommendation};
pub use user::User;

#[cfg(feature = "train")]
pub mod data;
#[cfg(feature = "train")]
pub mod eval;
#[cfg(feature = "train")]
pub(crate) mod random;
#[cfg(feature = "train")]
pub mod train;
