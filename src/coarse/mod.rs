//! A coarse pass over a catalogue, in bfloat16 by the processor's tiles, that says what no
//! item's score can be above: what is below the best found so far need not be scored.
//!
//! Every bound counts all that may lie between the two: the rounding of rows, weights and
//! layers' outputs to bfloat16, and that of all sums to single precision.

mod items;
mod layer;
mod norm;
#[cfg(all(test, feature = "train"))]
mod tests;
mod user;

pub use items::CoarseItems;
pub use user::{COARSE_BLOCK, CoarseUser};
