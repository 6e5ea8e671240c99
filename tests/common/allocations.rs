//! An allocator that counts, and fails where it is told to: for tests that make it
//! their `#[global_allocator]`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering::Relaxed};

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    /// Bytes that this thread took, and did not give back.
    static BYTES: Cell<isize> = const { Cell::new(0) };
    /// The most of them at one time.
    static MOST: Cell<isize> = const { Cell::new(0) };
    /// Allocations of this many bytes or more fail.
    static LIMIT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Of all threads together: the bytes in use, and the large allocations while one is to fail.
static IN_USE: AtomicIsize = AtomicIsize::new(0);
static LARGE: AtomicUsize = AtomicUsize::new(0);
/// The large allocation that fails, counted from 1; 0 for none.
static FAILS: AtomicUsize = AtomicUsize::new(0);
/// Whether all after it fail too.
static ALL_AFTER: AtomicBool = AtomicBool::new(false);

/// The bytes of the smallest allocation that is large.
pub const LARGE_BYTES: usize = 1024;

/// Counts allocations, and refuses large ones.
pub struct Watching;

fn is_to_fail(bytes: usize) -> bool {
    let fails = FAILS.load(Relaxed);
    if fails == 0 || bytes < LARGE_BYTES {
        return false;
    }
    let large = LARGE.fetch_add(1, Relaxed) + 1;
    large == fails || large > fails && ALL_AFTER.load(Relaxed)
}

// SAFETY: the memory is the system's; counting touches only numbers of this thread
// that need neither memory nor a destructor.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        if layout.size() >= LIMIT.get() || is_to_fail(layout.size()) {
            return null_mut();
        }
        BYTES.set(BYTES.get() + layout.size() as isize);
        MOST.set(MOST.get().max(BYTES.get()));
        IN_USE.fetch_add(layout.size() as isize, Relaxed);
        // SAFETY: as the caller asks.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get() - layout.size() as isize);
        IN_USE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: as the caller asks.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// How often `work` allocates.
pub fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

/// What `work` returns, and how many more bytes are in use after it.
pub fn bytes_of<R>(work: impl FnOnce() -> R) -> (R, isize) {
    let before = BYTES.get();
    let result = work();
    (result, BYTES.get() - before)
}

/// What `work` returns, and how many more bytes are in use at most while it runs.
pub fn most_bytes_of<R>(work: impl FnOnce() -> R) -> (R, isize) {
    let before = BYTES.get();
    MOST.set(before);
    let result = work();
    (result, MOST.get() - before)
}

/// Runs `work` while allocations of `limit` bytes or more fail.
pub fn limited<R>(limit: usize, work: impl FnOnce() -> R) -> R {
    LIMIT.set(limit);
    let result = work();
    LIMIT.set(usize::MAX);
    result
}

/// Runs `work` while the `n`th allocation of [`LARGE_BYTES`] or more fails, of whichever
/// thread, or all from it on. Says whether there was one to fail.
pub fn failing<R>(n: usize, all_after: bool, work: impl FnOnce() -> R) -> (R, bool) {
    LARGE.store(0, Relaxed);
    ALL_AFTER.store(all_after, Relaxed);
    FAILS.store(n, Relaxed);
    let result = work();
    FAILS.store(0, Relaxed);
    (result, LARGE.load(Relaxed) >= n)
}

/// The bytes that all threads have in use.
pub fn in_use() -> isize {
    IN_USE.load(Relaxed)
}

/// Ends what [`failing`] does, within its work.
pub fn fail_no_more() {
    FAILS.store(0, Relaxed);
}
