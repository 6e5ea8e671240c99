//! Recommendations for people nobody knows yet.
//!
//! A model learns from what many people chose or rated. A new person's first answers then
//! give them a vector in closed form, and with it a ranking of the whole catalogue by how
//! likely they are to choose an item and to like it. If there are ratings, it also predicts
//! the person's rating of each item.
//!
//! The recipe of MeLU (Lee et al., *MeLU: Meta-Learned User Preference Estimator for
//! Cold-Start Recommendation*, KDD 2019) is also available as published.
//!
//! | to | see |
//! | --- | --- |
//! | open a weight file | [`Model`] |
//! | have items to score: the file's own, or new ones by their field values | [`Catalog`] |
//! | adapt to somebody's answers, score, predict and recommend | [`User`], [`RecommendOptions`] |
//! | keep users between requests | [`User::save`], [`User::load`] |
//! | serve many users at once | [`Batch`] |
//! | have vectors for a vector index | [`Catalog::item_vectors`], [`User::vector`] |
//! | know what to ask a new user about | [`greedy_evidence`]; the paper's: [`Model::evidence`], [`EvidenceRanking`] |
//! | know what to ask one user next | [`User::next_question`], [`Questions`] |
#![cfg_attr(feature = "train", doc = "| read data folders, or make up data | [`data`] |")]
#![cfg_attr(feature = "train", doc = "| train a model | [`train::Trainer`] |")]
#![cfg_attr(feature = "train", doc = "| measure its lists | [`eval::evaluate_rankings`] |")]
#![cfg_attr(feature = "train", doc = "| measure its predicted ratings | [`eval::evaluate`] |")]
//!
//! Without features the crate contains only what a program needs to use a model. Training and
//! evaluation come with `train`, the program `melu` with `cli`, and the C ABI with `capi`.
//!
//! # From ratings to recommendations
//!
#![cfg_attr(feature = "train", doc = "```")]
#![cfg_attr(not(feature = "train"), doc = "```ignore")]
//! use std::ops::ControlFlow;
//!
//! use melu::data::{SynthOptions, World};
//! use melu::model::schema::Value;
//! use melu::train::{TrainOptions, Trainer};
//! use melu::{Model, QuestionOptions, Questions, RecommendOptions, Scratch, User};
//!
//! // People and films that do not exist; `Dataset::open` reads real ones.
//! let options =
//!     SynthOptions { users: 100, items: 50, ratings_per_user: 25, ..SynthOptions::default() };
//! let dataset = World::generate(&options)?.dataset()?;
//!
//! let options = TrainOptions { epochs: 2, ..TrainOptions::default() };
//! let mut trainer = Trainer::new(&dataset, &options, 1)?;
//! trainer.run(|_| ControlFlow::Continue(()))?;
//! // `Model::save` would keep the model, and `Model::open` read it again.
//! let model = Model::from_contents(trainer.finish()?)?;
//!
//! let catalog = model.catalog()?.expect("a trained model has its items");
//! let mut user = User::new(&catalog, &[("age", Value::Name("25-34"))])?;
//! // What calls compute in: one for each thread serves any number of users.
//! let mut scratch = Scratch::new(&catalog)?;
//! // Which item to ask about next depends on the answers so far.
//! let mut questions = Questions::new(&catalog)?;
//! for answer in [4.5, 2.0, 3.5] {
//!     let question = user.next_question(&mut questions, QuestionOptions::default())?;
//!     user.rate(question.expect("there are more items").item, answer, &mut scratch)?;
//! }
//!
//! let mut best = Vec::new();
//! user.recommend(5, &RecommendOptions::default(), &mut best, &mut scratch)?;
//! assert_eq!(best.len(), 5);
//! for found in &best {
//!     println!("{:?}: {} stars", catalog.title(found.item), found.rating);
//! }
//! assert!(best.iter().all(|found| !user.rated().contains(&found.item)));
//! # Ok::<(), melu::Error>(())
//! ```

// The tests inside and outside share what reads the oracles' answers.
#[cfg(test)]
extern crate self as melu;

pub mod catalog;
mod error;
#[cfg(feature = "capi")]
pub mod ffi;
mod kernels;
mod memory;
pub mod model;
#[cfg(feature = "train")]
mod printable;
mod threads;
pub mod user;

pub use catalog::{Catalog, NewItem};
pub use error::{Error, Place, Result};
#[cfg(feature = "cli")]
pub use kernels::kernel_peak;
pub use kernels::{kernel_name, kernel_names};
pub use model::{Model, OpenOptions};
#[cfg(feature = "train")]
pub use printable::printable;
pub use user::batch::{Answers, Batch};
pub use user::questions::{EvidenceRanking, Question, QuestionOptions, Questions, greedy_evidence};
pub use user::recommend::{Filter, Order, RecommendOptions, Recommendation};
pub use user::saved::Loaded;
pub use user::{Scratch, User};

#[cfg(feature = "train")]
pub mod data;
#[cfg(feature = "train")]
pub mod eval;
#[cfg(feature = "train")]
pub(crate) mod random;
#[cfg(feature = "train")]
pub mod train;
