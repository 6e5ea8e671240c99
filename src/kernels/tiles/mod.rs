//! Layers in bfloat16, on processors that multiply whole tiles of it (AMX).
//!
//! Several times as fast as single precision, with 8 digits of each number instead of 24:
//! for a coarse pass, whose caller bounds what it may be wrong by.

#[cfg(tiles)]
mod amx;
#[cfg(test)]
mod emulated;
mod layer;
#[cfg(test)]
mod tests;
mod weight;

pub use layer::{After, coarse_layer};
pub use weight::TileWeight;

/// Instructions for tiles: there is a value of it only where the process may use them.
#[derive(Clone, Copy, Debug)]
pub struct Tiles(Instructions);

#[derive(Clone, Copy, Debug)]
enum Instructions {
    #[cfg(tiles)]
    Amx,
    #[cfg(test)]
    Emulated,
}

impl Tiles {
    /// Those of this process, if the processor has them, the system grants them, and the
    /// environment did not force lesser instructions. The system is asked once.
    pub fn available() -> Option<Self> {
        #[cfg(tiles)]
        if amx::is_granted() {
            return Some(Self(Instructions::Amx));
        }
        None
    }

    /// Those that the processor need not have: the same, number by number.
    #[cfg(test)]
    pub fn emulated() -> Self {
        Self(Instructions::Emulated)
    }
}

/// One kind of tiles, set up in this thread.
trait Multiply {
    /// Writes the sums of [`TILE_EDGE`](super::bfloat::TILE_EDGE) outputs, a row for each, of
    /// as many items, a column for each: the bias, and the products of the weight's row with
    /// the item's numbers. Sums round to nearest, in any order; what is below the smallest
    /// normal number counts as 0.
    ///
    /// # Safety
    /// At `items` lie those of [`TiledItems`](super::bfloat::TiledItems), of `steps` tiles
    /// each; at `weight` so many rows of a [`TileWeight`] of as many inputs. So many rows of
    /// [`TILE_ITEMS`](super::bfloat::TILE_ITEMS) numbers can be read at `bias`, the output's
    /// in each of them, and so many of TILE_EDGE numbers be written at `sums`.
    unsafe fn multiply(
        &self,
        items: *const u16,
        steps: usize,
        weight: *const u16,
        bias: *const f32,
        sums: *mut f32,
    );
}
