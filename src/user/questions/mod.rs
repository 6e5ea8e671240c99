//! What to ask a user: the item worth asking about now, and lists for users of whom nothing
//! is known.

mod evidence;
mod greedy;
mod information;
mod question;

pub use evidence::EvidenceRanking;
pub use greedy::greedy_evidence;
pub use question::{Question, QuestionOptions, Questions};
