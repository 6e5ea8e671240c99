//! A WebAssembly module's part for its host, beside the C ABI: memory to pass arguments in, and
//! functions of the host's own where the ABI takes pointers to functions.
//!
//! They are no part of the C ABI, and the header does not have them: `bindings/js` is written for
//! the module of its own version.

use std::alloc::{Layout, alloc, dealloc};
use std::ffi::c_void;
use std::ptr::null_mut;

/// Blocks begin where a model's tensors may lie in place. Their size stands before them.
const ALIGNMENT: usize = 64;

#[link(wasm_import_module = "melu")]
unsafe extern "C" {
    /// The host's own decision whether an item may be recommended. It does not throw: nothing
    /// would be cleaned up.
    #[link_name = "filter"]
    fn host_filter(item: u32, context: *mut c_void) -> i32;
}

/// A block of memory of so many bytes, aligned to 64; NULL if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn melu_host_alloc(bytes: usize) -> *mut c_void {
    let whole = bytes.checked_add(ALIGNMENT);
    let Some(layout) = whole.and_then(|whole| Layout::from_size_align(whole, ALIGNMENT).ok())
    else {
        return null_mut();
    };
    // SAFETY: the layout has at least ALIGNMENT bytes, of which the first are for its size.
    unsafe {
        let begin = alloc(layout);
        if begin.is_null() {
            return null_mut();
        }
        begin.cast::<usize>().write(layout.size());
        begin.add(ALIGNMENT).cast()
    }
}

/// Gives back a block of [`melu_host_alloc`]; does nothing if it is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn melu_host_free(block: *mut c_void) {
    if block.is_null() {
        return;
    }
    // SAFETY: the block is one of `melu_host_alloc`, so its layout, which was valid, stands
    // before it.
    unsafe {
        let begin = block.cast::<u8>().sub(ALIGNMENT);
        let size = begin.cast::<usize>().read();
        dealloc(begin, Layout::from_size_align_unchecked(size, ALIGNMENT));
    }
}

/// [`melu_host_free`] as the `release` of borrowed bytes, whose context is the block.
#[unsafe(no_mangle)]
pub extern "C" fn melu_host_release() -> unsafe extern "C" fn(*mut c_void) {
    melu_host_free
}

/// The host's filter as that of options for recommending.
#[unsafe(no_mangle)]
pub extern "C" fn melu_host_filter() -> unsafe extern "C" fn(u32, *mut c_void) -> i32 {
    host_filter
}
