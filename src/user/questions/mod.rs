//! Questions to users: the item most worth asking about now, and lists for unknown users.

mod evidence;
mod greedy;
mod information;
mod question;

pub use evidence::EvidenceRanking;
pub use greedy::greedy_evidence;
pub use question::{Question, QuestionOptions, Questions};
