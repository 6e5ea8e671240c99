//! What each fuzz target does with the bytes that it is given. `tests/fuzz.rs` replays what was
//! found with the same functions.

pub mod abi;
pub mod checkpoint;
pub mod configuration;
pub mod data_folder;
pub mod edits;
pub mod saved_user;
pub mod use_all;
pub mod weight_file;

/// Weight files to begin with: the paper's recipe with two layers, the default recipe with both
/// heads, and one of positive-only data.
pub const MODELS: [&[u8]; 3] = [
    include_bytes!("../../bindings/go/testdata/sample.melu"),
    include_bytes!("../../bindings/go/testdata/choosing.melu"),
    include_bytes!("../../bindings/go/testdata/positive_only.melu"),
];

/// Numbers one after another out of a target's bytes; zeros after their end.
pub struct Numbers<'a>(pub &'a [u8]);

impl Numbers<'_> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn byte(&mut self) -> u8 {
        self.bytes::<1>()[0]
    }

    /// Below a number; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        u32::from_le_bytes(self.bytes()) as usize % end.max(1)
    }

    /// A float: an ordinary one, an extreme one, or any bits.
    pub fn float(&mut self) -> f32 {
        match self.byte() {
            kind @ 0..=199 => f32::from(kind % 11) - 2.0,
            200..=219 => f32::MAX,
            220..=229 => -1e30,
            230..=234 => f32::NAN,
            235..=239 => f32::INFINITY,
            _ => f32::from_bits(u32::from_le_bytes(self.bytes())),
        }
    }

    pub fn bytes<const COUNT: usize>(&mut self) -> [u8; COUNT] {
        let mut bytes = [0; COUNT];
        let count = COUNT.min(self.0.len());
        bytes[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        bytes
    }
}
