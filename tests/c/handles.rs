//! The C functions as the tests call them: handles that are freed, and outcomes that
//! are read.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use melu::ffi::*;
use melu::{Model, Scratch, User};

use crate::common::files::{bytes, sample};

/// What no function writes.
pub const NOTHING: melu_recommendation =
    melu_recommendation { item: 9, score: 9.0, rating: 9.0, deviation: 9.0 };

/// What a call wrote, to the bit: what is not a number is equal to itself.
pub fn bits(best: &[melu_recommendation]) -> Vec<[u32; 4]> {
    let bits = |b: &melu_recommendation| {
        [b.item, b.score.to_bits(), b.rating.to_bits(), b.deviation.to_bits()]
    };
    best.iter().map(bits).collect()
}

/// A text as C has it.
pub fn text(text: &str) -> melu_str {
    melu_str { data: text.as_ptr().cast(), len: text.len() }
}

/// A field's value by name.
pub fn named(field: &str, name: &str) -> melu_value {
    melu_value {
        field: text(field),
        kind: MELU_VALUE_NAME,
        index: 0,
        name: text(name),
        number: 0.0,
    }
}

/// Runs a call, and returns its status and message.
pub fn outcome(call: impl FnOnce(*mut melu_error) -> melu_status) -> (melu_status, String) {
    // Whatever the struct held, every call writes it.
    let mut error = MaybeUninit::<melu_error>::uninit();
    // SAFETY: bytes may hold anything.
    unsafe { error.as_mut_ptr().cast::<u8>().write_bytes(0xAA, size_of::<melu_error>()) };
    let status = call(error.as_mut_ptr());
    // SAFETY: the call has written it.
    let error = unsafe { error.assume_init() };
    assert_eq!(error.status, status);
    // SAFETY: the message ends with NUL.
    let message = unsafe { CStr::from_ptr(error.message.as_ptr()) }.to_str().unwrap();
    assert_eq!(error.length.min(MELU_ERROR_MESSAGE_SIZE - 1), message.len());
    assert_eq!(status == melu_status::Ok, message.is_empty());
    (status, message.into())
}

/// A call that must succeed.
pub fn ok(call: impl FnOnce(*mut melu_error) -> melu_status) {
    let (status, message) = outcome(call);
    assert_eq!(status, melu_status::Ok, "{message}");
}

/// A call that must fail, with a message that has these words in it.
pub fn fails(
    expected: melu_status,
    words: &str,
    call: impl FnOnce(*mut melu_error) -> melu_status,
) {
    let (status, message) = outcome(call);
    assert_eq!(status, expected, "{message}");
    assert!(message.contains(words), "\"{words}\" is not in: {message}");
}

/// Handles of one model, freed at the end.
pub struct Handles {
    pub model: *mut melu_model,
    pub catalog: *mut melu_catalog,
    pub user: *mut melu_user,
}

impl Handles {
    pub fn new(bytes: &[u8]) -> Self {
        let mut handles = Self { model: null_mut(), catalog: null_mut(), user: null_mut() };
        let Self { model, catalog, user } = &mut handles;
        // SAFETY: the bytes are there, and the handles are written.
        unsafe {
            let data = bytes.as_ptr().cast();
            ok(|e| melu_model_open_bytes(data, bytes.len(), null(), model, e));
            ok(|e| melu_model_catalog(*model, catalog, e));
            ok(|e| melu_user_new(*catalog, null(), 0, user, null_mut(), e));
        }
        handles
    }

    /// All scores of the user.
    pub fn scores(&self) -> Vec<f32> {
        // SAFETY: the handles are not freed, and there is room for the scores.
        unsafe {
            let mut scores = vec![f32::NAN; melu_catalog_len(self.catalog)];
            let (room, capacity) = (scores.as_mut_ptr(), scores.len());
            ok(|e| {
                let none = null_mut();
                melu_user_score(self.user, null(), MELU_ALL_ITEMS, room, capacity, none, e)
            });
            scores
        }
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        // SAFETY: they were made above, and this is the end of them.
        unsafe {
            melu_model_free(self.model);
            melu_catalog_free(self.catalog);
            melu_user_free(self.user);
        }
    }
}

/// Handles of the sample model.
pub fn handles() -> Handles {
    Handles::new(&bytes(&sample()))
}

/// The same as `handles`, in Rust.
pub fn rust_user() -> User {
    let model = Model::from_contents(sample()).unwrap();
    User::new(&model.catalog().unwrap().unwrap(), &[]).unwrap()
}

/// A pointer that no function may follow.
pub fn dangling<T>() -> *mut T {
    std::ptr::without_provenance_mut(64)
}

/// What the library says.
pub fn string(text: melu_str) -> String {
    // SAFETY: the library gave it.
    let bytes = unsafe { std::slice::from_raw_parts(text.data.cast::<u8>(), text.len) };
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A wrong call leaves the handle usable.
pub fn usable(handles: &Handles) {
    let mut expected = vec![0.0; 3];
    let user = rust_user();
    user.score_all(&mut expected, &mut Scratch::new(user.catalog()).unwrap()).unwrap();
    // SAFETY: the user is not freed.
    unsafe { ok(|e| melu_user_reset(handles.user, e)) };
    assert_eq!(handles.scores(), expected);
}
