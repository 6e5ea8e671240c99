//! Numbers of bfloat16, the upper halves of those of single precision, and items in tiles of
//! them.

use std::collections::TryReserveError;

use super::pages::prefer_large_pages;

/// Rows, inputs and outputs come in so many: two tiles of sums, or one of bfloat16.
pub const TILE_EDGE: usize = 32;

/// Items of a tile.
pub const TILE_ITEMS: usize = 16;

/// The bfloat16 nearest to a number, of two equally near the one further from 0. What is no
/// number stays none, also as its upper half.
pub fn round_to_bfloat(number: f32) -> f32 {
    if number.is_nan() { f32::NAN } else { round_one(number) }
}

/// The same of what is a number, by whole numbers alone.
#[inline(always)]
pub fn round_one(number: f32) -> f32 {
    f32::from_bits((number.to_bits() + 0x8000) & 0xffff_0000)
}

/// The upper half of a number, all there is of one that was rounded.
#[inline(always)]
pub fn upper_half(rounded: f32) -> u16 {
    (rounded.to_bits() >> 16) as u16
}

/// The number that an upper half is.
#[cfg(test)]
#[inline(always)]
pub fn from_upper_half(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

/// So many numbers of bfloat16, as much as a tile has room for.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Tile(pub(super) [u16; TILE_EDGE * TILE_ITEMS]);

impl Tile {
    pub(super) const ZERO: Self = Self([0; TILE_EDGE * TILE_ITEMS]);
}

/// What describes items, in tiles: [`TILE_ITEMS`] items at a time, each [`TILE_EDGE`] numbers
/// of theirs are a tile, which has a row for each pair of numbers, in which every item has its
/// pair. Padded with zeros to whole tiles, and to an even number of them for items.
#[derive(Clone, Debug)]
pub struct TiledItems {
    tiles: Vec<Tile>,
    items: usize,
    /// How many tiles an item's numbers are in.
    steps: usize,
}

impl TiledItems {
    /// Zeros for at least so many items and numbers of each.
    pub fn zeros(items: usize, width: usize) -> Result<Self, TryReserveError> {
        let (items, steps) = (items.next_multiple_of(TILE_EDGE), width.div_ceil(TILE_EDGE));
        let count = (items / TILE_ITEMS).saturating_mul(steps);
        let mut tiles = Vec::new();
        tiles.try_reserve_exact(count)?;
        prefer_large_pages(tiles.spare_capacity_mut());
        tiles.resize(count, Tile::ZERO);
        Ok(Self { tiles, items, steps })
    }

    /// How many items there is room for.
    pub fn items(&self) -> usize {
        self.items
    }

    /// How many numbers of each there is room for.
    pub fn width(&self) -> usize {
        self.steps * TILE_EDGE
    }

    /// Rounds numbers into an item's, from its first on.
    pub fn round_into(&mut self, item: usize, numbers: &[f32]) {
        let tiles = &mut self.tiles[item / TILE_ITEMS * self.steps..][..self.steps];
        for (tile, numbers) in tiles.iter_mut().zip(numbers.chunks(TILE_EDGE)) {
            let pairs = tile.0.chunks_exact_mut(2 * TILE_ITEMS);
            for (pairs, numbers) in pairs.zip(numbers.chunks(2)) {
                for (place, number) in pairs[2 * (item % TILE_ITEMS)..].iter_mut().zip(numbers) {
                    *place = upper_half(round_to_bfloat(*number));
                }
            }
        }
    }

    /// The tile of the items from `item` on, and of their numbers from `number` on: both begin
    /// tiles. It is followed by those of the same items' other numbers, and then by the next
    /// items'.
    #[inline(always)]
    pub(super) fn tile(&self, item: usize, number: usize) -> *const u16 {
        self.tiles[item / TILE_ITEMS * self.steps + number / TILE_EDGE..].as_ptr().cast()
    }

    /// [`TiledItems::tile`], to be written.
    #[inline(always)]
    pub(super) fn tile_mut(&mut self, item: usize, number: usize) -> *mut u16 {
        self.tiles[item / TILE_ITEMS * self.steps + number / TILE_EDGE..].as_mut_ptr().cast()
    }
}
