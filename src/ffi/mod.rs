//! The C ABI: what `include/melu.h` declares.
//!
//! The header is made from these files, one for each C type, and is where the
//! functions are specified; their comments are written for readers of C. Rust
//! programs use [`Model`](crate::Model), [`Catalog`](crate::Catalog) and
//! [`User`](crate::User) instead.
//!
//! The functions translate and do nothing else: pointers to slices, errors to
//! statuses. `call` keeps panics inside and writes the error, and a handle that
//! a panic came through refuses further use.
//!
//! The header asks the following of callers, and the `SAFETY` notes refer to it:
//!
//! - A pointer is NULL, or points to as many elements as the count or capacity
//!   beside it says, or to one if there is none. They are of the declared type,
//!   and nobody changes them during the call.
//! - Elements to be written need not be initialised. Nobody else uses them
//!   during the call: lists do not overlap.
//! - A handle is live: a function of this library made it, and it is not freed
//!   before the call has returned. A const one is not changed during the call;
//!   one that is not const is used by nobody else.
//! - A struct that begins with `struct_size` has as many bytes as that says.

// The names are C's, so that a concept has one name on both sides.
#![allow(non_camel_case_types)]
#![allow(clippy::missing_safety_doc, reason = "the rule is the same for all, and stands above")]

mod arguments;
mod batch;
mod call;
mod catalog;
mod error;
mod field;
mod handle;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
mod host;
mod library;
mod model;
mod pool;
mod question;
mod rating;
mod recommendation;
mod status;
mod string;
mod user;
mod value;

pub use batch::melu_recommend_batch;
pub use catalog::{
    MELU_DATA_TYPE_F16, MELU_DATA_TYPE_F32, melu_catalog, melu_catalog_convert,
    melu_catalog_extend, melu_catalog_find, melu_catalog_free, melu_catalog_id,
    melu_catalog_item_vectors, melu_catalog_len, melu_catalog_new, melu_catalog_raters,
    melu_catalog_remove, melu_catalog_title, melu_item, melu_vectors,
};
pub use error::{MELU_ERROR_MESSAGE_SIZE, MELU_NO_USER, melu_error};
pub use field::{
    MELU_ENTITY_ITEM, MELU_ENTITY_USER, MELU_FIELD_MULTI, MELU_FIELD_NUMERIC, MELU_FIELD_ONE,
    melu_field, melu_model_field, melu_model_field_value,
};
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use host::{melu_host_alloc, melu_host_filter, melu_host_free, melu_host_release};
pub use library::{
    MELU_ABI_VERSION, melu_abi_version, melu_kernel_name, melu_status_str, melu_version,
};
pub use model::{
    melu_evidence, melu_model, melu_model_catalog, melu_model_details, melu_model_evidence,
    melu_model_free, melu_model_info, melu_model_open, melu_model_open_bytes, melu_open_options,
};
pub use question::{
    melu_question, melu_question_options, melu_questions, melu_questions_free, melu_questions_new,
    melu_user_next_question,
};
pub use rating::{
    melu_user_rate, melu_user_ratings, melu_user_unknown_profile, melu_user_withdraw,
};
pub use recommendation::{
    MELU_ORDER_RATING, MELU_ORDER_SCORE, melu_recommend_options, melu_recommendation,
    melu_user_recommend,
};
pub use status::melu_status;
pub use string::melu_str;
pub use user::{
    MELU_ALL_ITEMS, melu_load_report, melu_user, melu_user_adapt, melu_user_free, melu_user_load,
    melu_user_new, melu_user_predict, melu_user_reset, melu_user_save, melu_user_score,
    melu_user_vector,
};
pub use value::{MELU_VALUE_INDEX, MELU_VALUE_NAME, MELU_VALUE_NUMBER, melu_value};
