//! An allocator that counts, and fails where it is told to: for tests that make it
//! their `#[global_allocator]`.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    /// Bytes that this thread took, and did not give back.
    static BYTES: Cell<isize> = const { Cell::new(0) };
    /// The most of them at one time.
    static MOST: Cell<isize> = const { Cell::new(0) };
    /// Allocations of this many bytes or more fail.
    static LIMIT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Counts allocations, and refuses large ones, each thread by itself.
pub struct Watching;

// SAFETY: the memory is the system's; counting touches only numbers of this thread
// that need neither memory nor a destructor.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        if layout.size() >= LIMIT.get() {
            return null_mut();
        }
        BYTES.set(BYTES.get() + layout.size() as isize);
        MOST.set(MOST.get().max(BYTES.get()));
        // SAFETY: as the caller asks.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get() - layout.size() as isize);
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
