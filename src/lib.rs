//! Recommendations for people nobody knows yet.
//!
//! melu implements MeLU (Lee et al., *MeLU: Meta-Learned User Preference
//! Estimator for Cold-Start Recommendation*, KDD 2019).

pub mod buffer;
mod error;
pub mod schema;

pub use error::{Error, Result};

#[cfg(feature = "train")]
pub mod data;
