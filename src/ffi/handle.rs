//! What a handle points to, and what becomes of it when the library panics.

use std::sync::atomic::{AtomicBool, Ordering};

use super::call::catch;
use super::error::Failure;
use super::melu_status;

/// A thing, and whether a panic came through it; what that left behind is not
/// to be used.
#[derive(Debug)]
pub struct Guarded<T> {
    inner: T,
    poisoned: AtomicBool,
}

/// A type that C holds by pointer: a struct around a [`Guarded`] thing, so that
/// each has a name of its own.
pub trait Handle: Sized {
    /// What it holds.
    type Inner;

    /// Around a thing.
    fn new(guarded: Guarded<Self::Inner>) -> Self;

    /// The thing.
    fn guarded(&mut self) -> &mut Guarded<Self::Inner>;

    /// The thing, among others that use it.
    fn shared(&self) -> &Guarded<Self::Inner>;

    /// For C to hold, until [`Handle::free`].
    fn into_raw(inner: Self::Inner) -> *mut Self {
        Box::into_raw(Box::new(Self::new(Guarded { inner, poisoned: AtomicBool::new(false) })))
    }

    /// Frees it; nothing if it is NULL.
    ///
    /// # Safety
    /// It is NULL, or came from [`Handle::into_raw`], and nobody uses it any more.
    unsafe fn free(handle: *mut Self) {
        if handle.is_null() {
            return;
        }
        // What runs now may be the caller's: an allocator, or what takes borrowed
        // bytes back. A panic must not leave the library all the same.
        let _ = catch(|| {
            // SAFETY: the caller says so.
            drop(unsafe { Box::from_raw(handle) });
            Ok(())
        });
    }

    /// Uses it beside others that do.
    ///
    /// # Safety
    /// It is NULL, or came from [`Handle::into_raw`], was not freed, and nobody
    /// changes it meanwhile.
    unsafe fn with<R>(
        handle: *const Self,
        name: &str,
        work: impl FnOnce(&Self::Inner) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        // SAFETY: the caller says so.
        let handle = unsafe { handle.as_ref() }.ok_or_else(|| null(name))?;
        let Guarded { inner, poisoned } = handle.shared();
        guard(poisoned, name, || work(inner))
    }

    /// Uses it alone.
    ///
    /// # Safety
    /// It is NULL, or came from [`Handle::into_raw`], was not freed, and nobody
    /// uses it meanwhile.
    unsafe fn with_mut<R>(
        handle: *mut Self,
        name: &str,
        work: impl FnOnce(&mut Self::Inner) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        // SAFETY: the caller says so.
        let handle = unsafe { handle.as_mut() }.ok_or_else(|| null(name))?;
        let Guarded { inner, poisoned } = handle.guarded();
        guard(poisoned, name, || work(inner))
    }
}

/// Makes a struct around a [`Guarded`] thing a [`Handle`].
macro_rules! handle {
    ($name:ident, $inner:ty) => {
        impl $crate::ffi::handle::Handle for $name {
            type Inner = $inner;

            fn new(guarded: $crate::ffi::handle::Guarded<$inner>) -> Self {
                Self(guarded)
            }

            fn guarded(&mut self) -> &mut $crate::ffi::handle::Guarded<$inner> {
                &mut self.0
            }

            fn shared(&self) -> &$crate::ffi::handle::Guarded<$inner> {
                &self.0
            }
        }
    };
}

pub(super) use handle;

/// Runs `work`, which poisons its handle if it panics, and does not run if the
/// handle is poisoned.
fn guard<R>(
    poisoned: &AtomicBool,
    name: &str,
    work: impl FnOnce() -> Result<R, Failure>,
) -> Result<R, Failure> {
    if poisoned.load(Ordering::Relaxed) {
        let problem = "the library panicked while it was used; it can only be freed";
        return Err(Failure::new(melu_status::Panic, format!("{name}: {problem}")));
    }
    let bomb = Bomb(poisoned);
    let result = work();
    std::mem::forget(bomb);
    result
}

fn null(name: &str) -> Failure {
    Failure::new(melu_status::InvalidArgument, format!("{name} is NULL; a handle is expected"))
}

/// Poisons a handle when it is dropped, which only a panic does.
struct Bomb<'a>(&'a AtomicBool);

impl Drop for Bomb<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::call::call;
    use super::*;

    struct Seven(Guarded<i32>);
    handle!(Seven, i32);

    #[test]
    fn a_panic_becomes_a_status_and_poisons_the_handle() {
        let handle = Seven::into_raw(7);
        let number = |handle: *mut Seven| {
            // SAFETY: it was made above and is freed at the end.
            unsafe { Seven::with(handle, "seven", |&number| Ok(number)) }
        };
        assert_eq!(number(handle).unwrap(), 7);
        let mut error = std::mem::MaybeUninit::<crate::ffi::melu_error>::uninit();
        // SAFETY: as above, and the error may be written.
        let status = unsafe {
            call(error.as_mut_ptr(), || {
                Seven::with_mut(handle, "seven", |_| panic!("{} is not {}", 7, 8))
            })
        };
        assert_eq!(status, melu_status::Panic);
        // SAFETY: `call` has written it.
        let error = unsafe { error.assume_init() };
        let message: String =
            error.message[..error.length].iter().map(|&c| c as u8 as char).collect();
        assert!(message.contains("7 is not 8"), "{message}");

        let refused = number(handle).unwrap_err();
        assert_eq!(refused.status, melu_status::Panic);
        assert!(refused.message.contains("seven"), "{}", refused.message);
        // SAFETY: as above.
        let refused = unsafe { Seven::with_mut(handle, "seven", |_| Ok(())) }.unwrap_err();
        assert_eq!(refused.status, melu_status::Panic);
        // SAFETY: as above.
        unsafe { Seven::free(handle) };
    }

    #[test]
    fn a_panic_on_another_thread_poisons_the_handle_too() {
        let handle = Seven::into_raw(7);
        let outcome = catch(|| {
            // SAFETY: it was made above and is freed at the end.
            unsafe {
                Seven::with_mut(handle, "seven", |seven| {
                    crate::threads::share(&mut [0], |_| panic!("helper"), || *seven += 1);
                    Ok(())
                })
            }
        });
        let failure = outcome.unwrap_err();
        assert_eq!(failure.status, melu_status::Panic);
        assert!(failure.message.contains("helper"), "{}", failure.message);
        // SAFETY: as above.
        let refused = unsafe { Seven::with(handle, "seven", |_| Ok(())) }.unwrap_err();
        assert_eq!(refused.status, melu_status::Panic);
        // SAFETY: as above.
        unsafe { Seven::free(handle) };
    }

    #[test]
    fn a_failure_does_not_poison_the_handle() {
        let handle = Seven::into_raw(7);
        for _ in 0..2 {
            // SAFETY: it was made above and is freed at the end.
            let failed = unsafe {
                Seven::with::<()>(handle, "seven", |_| Err(Failure::new(melu_status::Io, "")))
            };
            assert_eq!(failed.unwrap_err().status, melu_status::Io);
        }
        // SAFETY: as above.
        unsafe { Seven::free(handle) };
    }

    #[test]
    fn calls_within_calls_stay_silent() {
        let outer = catch(|| {
            assert!(catch(|| panic!("inner")).is_err());
            panic!("outer, which is not printed either")
        });
        assert_eq!(outer.unwrap_err().status, melu_status::Panic);
    }
}
