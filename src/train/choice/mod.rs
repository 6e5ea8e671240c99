//! Training the head for choosing: what a user is likely to choose and to like of a
//! whole catalogue.

mod besides;
mod coordinates;
mod fit;
mod interactions;
mod item_factors;
mod judge;
mod meta;
mod neighbours;
mod new_items;
mod part;
mod search;
mod set;

pub use besides::Judge;
pub use fit::{ChoiceData, ChoiceOptions, Chosen, Fit, Stage};
pub use interactions::Interactions;
pub use item_factors::{FactorSettings, ItemFactors, gram};
pub use judge::{ANSWERS, Case, Lists, cases, ndcg};
pub use meta::{
    KnotPlace, MetaGradient, MetaOptions, MetaParameters, MetaTask, MetaUser, meta_gradient,
    meta_train,
};
pub use neighbours::{CoCounts, Neighbours};
pub(super) use set::ChoiceSet;
