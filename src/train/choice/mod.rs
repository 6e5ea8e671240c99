//! Training the head for choosing: what a user is likely to choose and to like of a
//! whole catalogue.

mod coordinates;
mod earlier;
mod fit;
mod interactions;
mod item_factors;
mod lists;
mod meta;
mod neighbours;
mod new_items;
mod part;
mod rating_weight;
mod search;
mod set;

pub use fit::{ChoiceData, ChoiceOptions, Chosen, Fit, Stage};
pub use interactions::Interactions;
pub use item_factors::{FactorSettings, ItemFactors, gram};
pub use lists::{ANSWERS, Case, JudgedLists, cases, ndcg};
pub use meta::{
    KnotPlace, ListGradient, MetaData, MetaOptions, MetaParameters, MetaTask, MetaUser,
    list_gradient, meta_train,
};
pub use neighbours::{CoCounts, Neighbours};
pub use rating_weight::RatingTrial;
pub use search::MixSettings;
pub(super) use set::ChoiceSet;
