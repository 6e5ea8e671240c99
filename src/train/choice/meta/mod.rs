//! Meta-training of items' vectors for lists: through the solver that finds a user's vector.

mod gradient;
mod training;

pub use gradient::{KnotPlace, ListGradient, MetaParameters, MetaTask, list_gradient};
pub use training::{MetaData, MetaOptions, MetaUser, TRIAL_EPOCHS, meta_train};
