//! The frame of all functions: no panic leaves, and the error is written.

use std::any::Any;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::thread;

use super::error::Failure;
use super::{melu_error, melu_status};
use crate::threads;

/// Runs the body of a function, writes its outcome to `error` and returns the status.
pub fn call(
    error: Option<&mut MaybeUninit<melu_error>>,
    body: impl FnOnce() -> Result<(), Failure>,
) -> melu_status {
    let outcome = catch(body).err().unwrap_or(Failure::new(melu_status::Ok, ""));
    if let Some(error) = error {
        melu_error::write(error, &outcome);
    }
    outcome.status
}

/// Runs a body; a panic inside it becomes a failure, and is not printed.
pub fn catch(body: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    silence_own_panics();
    INSIDE.with(|inside| {
        let outside = inside.replace(true);
        // Half-done changes are not seen again: a panic poisons its handles.
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

/// Keeps panics inside the library from being printed: its status reports them. Other
/// panics, of a Rust program around it, are printed as before.
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
