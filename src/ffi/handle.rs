//! Handles: things behind a pointer, which a panic poisons.

use std::alloc::{Layout, alloc};
use std::sync::atomic::{AtomicBool, Ordering};

use super::call::catch;
use super::error::Failure;
use super::melu_status;
use crate::memory;

/// A thing, and whether a panic came through it and may have left it half changed.
#[derive(Debug)]
pub struct Guarded<T> {
    inner: T,
    poisoned: AtomicBool,
}

/// A type that C holds by pointer: a struct around a [`Guarded`] thing, so that
/// each has a name of its own.
pub trait Handle: Sized {
    /// The type of the thing.
    type Inner;

    /// A handle around a thing.
    fn new(guarded: Guarded<Self::Inner>) -> Self;

    /// The thing.
    fn guarded(&self) -> &Guarded<Self::Inner>;

    /// The thing, to change it.
    fn guarded_mut(&mut self) -> &mut Guarded<Self::Inner>;

    /// A new handle for C to hold, until [`Handle::free`].
    fn into_raw(inner: Self::Inner) -> memory::Result<*mut Self> {
        boxed(Self::new(Guarded { inner, poisoned: AtomicBool::new(false) })).map(Box::into_raw)
    }

    /// Frees a handle; does nothing if it is NULL.
    ///
    /// # Safety
    /// `handle` is NULL, or came from [`Handle::into_raw`], was not freed, and is not used
    /// by anybody meanwhile or after.
    unsafe fn free(handle: *mut Self) {
        if handle.is_null() {
            return;
        }
        // Code of the caller's may run now: an allocator, or the function that takes
        // borrowed bytes back. A panic must not leave the library all the same.
        let _ = catch(|| {
            // SAFETY: `handle` is not NULL, so it came from `Box::into_raw` by the caller's
            // promise, and this is the last use of it.
            drop(unsafe { Box::from_raw(handle) });
            Ok(())
        });
    }

    /// Borrows a const handle, which others may borrow too.
    ///
    /// # Safety
    /// `handle` is NULL, or came from [`Handle::into_raw`], and is neither freed nor
    /// borrowed by [`Handle::exclusive`] during `'a`.
    unsafe fn shared<'a>(
        handle: *const Self,
        name: &'static str,
    ) -> Result<Borrowed<'a, &'a Self::Inner>, Failure>
    where
        Self: 'a,
    {
        // SAFETY: the caller promises a live handle that nobody changes, or NULL.
        let handle = unsafe { handle.as_ref() }.ok_or_else(|| null(name))?;
        let Guarded { inner, poisoned } = handle.guarded();
        Ok(Borrowed { inner, poisoned, name })
    }

    /// Borrows a handle that is not const, for one call alone.
    ///
    /// # Safety
    /// `handle` is NULL, or came from [`Handle::into_raw`], and is neither freed nor
    /// borrowed by anybody else during `'a`.
    unsafe fn exclusive<'a>(
        handle: *mut Self,
        name: &'static str,
    ) -> Result<Borrowed<'a, &'a mut Self::Inner>, Failure>
    where
        Self: 'a,
    {
        // SAFETY: the caller promises a live handle that nobody else uses, or NULL.
        let handle = unsafe { handle.as_mut() }.ok_or_else(|| null(name))?;
        let Guarded { inner, poisoned } = handle.guarded_mut();
        Ok(Borrowed { inner, poisoned, name })
    }
}

/// A thing in a box, unless there is no memory: a `Box` of its own ends the process then.
pub fn boxed<T>(thing: T) -> memory::Result<Box<T>> {
    let layout = const {
        assert!(size_of::<T>() > 0, "a thing has a size");
        Layout::new::<T>()
    };
    // SAFETY: the layout's size is not 0.
    let place = unsafe { alloc(layout) }.cast::<T>();
    if place.is_null() {
        return Err(memory::no_memory(layout.size()));
    }
    // SAFETY: the place was allocated for a `T` by the allocator that boxes have, with the
    // layout of one, and nobody else has it.
    unsafe {
        place.write(thing);
        Ok(Box::from_raw(place))
    }
}

/// A borrowed handle: a reference to the thing, by which it is used once.
pub struct Borrowed<'a, T> {
    inner: T,
    poisoned: &'a AtomicBool,
    name: &'static str,
}

impl<'a, T> Borrowed<'a, T> {
    /// Runs `work` on the thing. A panic poisons the handle, and a poisoned one is
    /// refused.
    pub fn with<R>(self, work: impl FnOnce(T) -> Result<R, Failure>) -> Result<R, Failure> {
        let (inner, bomb) = self.hold()?;
        let result = work(inner);
        bomb.defuse();
        result
    }

    /// The thing, for work on several at once. The handle is poisoned if the bomb is dropped;
    /// a poisoned one is refused.
    pub fn hold(self) -> Result<(T, Bomb<'a>), Failure> {
        let Self { inner, poisoned, name } = self;
        if poisoned.load(Ordering::Relaxed) {
            let problem = "the library panicked while it was used; it can only be freed";
            return Err(Failure::new(melu_status::Panic, format!("{name}: {problem}")));
        }
        Ok((inner, Bomb(poisoned)))
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

            fn guarded(&self) -> &$crate::ffi::handle::Guarded<$inner> {
                &self.0
            }

            fn guarded_mut(&mut self) -> &mut $crate::ffi::handle::Guarded<$inner> {
                &mut self.0
            }
        }
    };
}

pub(super) use handle;

fn null(name: &str) -> Failure {
    Failure::new(melu_status::InvalidArgument, format!("{name} is NULL; a handle is expected"))
}

/// Poisons a handle when it is dropped, which only a panic does.
#[derive(Debug)]
pub struct Bomb<'a>(&'a AtomicBool);

impl Bomb<'_> {
    /// Leaves the handle as it is.
    pub fn defuse(self) {
        std::mem::forget(self);
    }
}

impl Drop for Bomb<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use super::super::call::call;
    use super::*;
    use crate::ffi::melu_error;

    struct Seven(Guarded<i32>);
    handle!(Seven, i32);

    /// A handle to 7, which is freed when the test is done with it.
    struct Owned(*mut Seven);

    impl Owned {
        fn new() -> Self {
            Self(Seven::into_raw(7).unwrap())
        }

        fn shared(&self) -> Result<Borrowed<'_, &i32>, Failure> {
            // SAFETY: it is not freed before `self`, which is borrowed for as long.
            unsafe { Seven::shared(self.0, "seven") }
        }

        fn exclusive(&mut self) -> Result<Borrowed<'_, &mut i32>, Failure> {
            // SAFETY: it is not freed before `self`, which nobody else borrows for as long.
            unsafe { Seven::exclusive(self.0, "seven") }
        }
    }

    impl Drop for Owned {
        fn drop(&mut self) {
            // SAFETY: `new` made it, and nobody can use it any more.
            unsafe { Seven::free(self.0) };
        }
    }

    #[test]
    fn a_panic_becomes_a_status_and_poisons_the_handle() {
        let mut handle = Owned::new();
        let number = |handle: &Owned| handle.shared()?.with(|&number| Ok(number));
        assert_eq!(number(&handle).unwrap(), 7);
        let mut error = MaybeUninit::<melu_error>::zeroed();
        let status =
            call(Some(&mut error), || handle.exclusive()?.with(|_| panic!("{} is not {}", 7, 8)));
        assert_eq!(status, melu_status::Panic);
        // SAFETY: all was zero before, which is a value of each field, and `call` has written
        // values of the fields' types.
        let error = unsafe { error.assume_init() };
        let message: String =
            error.message[..error.length].iter().map(|&c| c as u8 as char).collect();
        assert!(message.contains("7 is not 8"), "{message}");

        let refused = number(&handle).unwrap_err();
        assert_eq!(refused.status, melu_status::Panic);
        assert!(refused.message.contains("seven"), "{}", refused.message);
        let refused = handle.exclusive().unwrap().with(|_| Ok(())).unwrap_err();
        assert_eq!(refused.status, melu_status::Panic);
    }

    #[test]
    fn a_panic_on_another_thread_poisons_the_handle_too() {
        let mut handle = Owned::new();
        let outcome = catch(|| {
            handle.exclusive()?.with(|seven| {
                crate::threads::share(&mut [0], |_| panic!("helper"), || *seven += 1);
                Ok(())
            })
        });
        let failure = outcome.unwrap_err();
        assert_eq!(failure.status, melu_status::Panic);
        assert!(failure.message.contains("helper"), "{}", failure.message);
        let refused = handle.shared().unwrap().with(|_| Ok(())).unwrap_err();
        assert_eq!(refused.status, melu_status::Panic);
    }

    #[test]
    fn a_failure_does_not_poison_the_handle() {
        let handle = Owned::new();
        for _ in 0..2 {
            let failed =
                handle.shared().unwrap().with::<()>(|_| Err(Failure::new(melu_status::Io, "")));
            assert_eq!(failed.unwrap_err().status, melu_status::Io);
        }
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
