//! What all functions have in common: no panic leaves, and the error is written.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::thread;

use super::error::Failure;
use super::{melu_error, melu_status};
use crate::threads;

/// Runs the body of a function, and says in `error` and status what became of it.
///
/// # Safety
/// `error` is NULL, or may be written.
pub unsafe fn call(
    error: *mut melu_error,
    body: impl FnOnce() -> Result<(), Failure>,
) -> melu_status {
    let outcome = catch(body).err().unwrap_or(Failure::new(melu_status::Ok, ""));
    // SAFETY: the caller says so.
    unsafe { melu_error::write(error, &outcome) };
    outcome.status
}

/// Runs a body of which nothing is to be said.
pub fn catch(body: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    silence_own_panics();
    INSIDE.with(|inside| {
        let outside = inside.replace(true);
        // What a panic leaves half done is not seen again: it poisons its handles.
        let outcome = panic::catch_unwind(AssertUnwindSafe(body));
        inside.set(outside);
        outcome.unwrap_or_else(|panic| Err(Failure::new(melu_status::Panic, describe(&*panic))))
    })
}

#[cold]
fn describe(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the library panicked, which it should not: {}", text.unwrap_or("it does not say why"))
}

thread_local! {
    /// Whether this thread is inside a function of the library.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// The library does not print: a panic inside it is told by its status alone.
/// Others, of a Rust program around it, are printed as ever.
fn silence_own_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !INSIDE.get() && thread::current().name() != Some(threads::NAME) {
                others(info);
            }
        }));
    });
}
