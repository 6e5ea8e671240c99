//! Slices of pointers and counts, checked as far as they can be.

use std::fmt::Display;

use super::error::Failure;
use super::melu_status;

/// The largest `struct_size` that is accepted, in bytes.
const MAX_STRUCT: usize = 4096;

fn refuse(message: String) -> Failure {
    Failure::new(melu_status::InvalidArgument, message)
}

/// Refuses a list that cannot be: NULL, at a wrong address, or larger than memory.
fn check<T>(data: *const T, len: usize, name: impl Display) -> Result<(), Failure> {
    if data.is_null() && len > 0 {
        return Err(refuse(format!("{name} is NULL; {len} elements are expected")));
    }
    if !data.is_aligned() {
        return Err(refuse(format!("{name} is at an address that its type cannot have")));
    }
    match len.checked_mul(size_of::<T>()) {
        Some(bytes) if isize::try_from(bytes).is_ok() => Ok(()),
        _ => Err(refuse(format!("{name} has {len} elements, which no memory holds"))),
    }
}

/// A list to read.
///
/// # Safety
/// `data` is NULL or points to `len` elements, which are not changed during `'a`;
/// every pattern of bits is a `T`.
pub unsafe fn slice<'a, T>(
    data: *const T,
    len: usize,
    name: impl Display,
) -> Result<&'a [T], Failure> {
    check(data, len, name)?;
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: `data` is not NULL and aligned and `len` not too large, as was checked; the
    // caller promises the elements.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// A list to write, zeroed.
///
/// # Safety
/// `data` is NULL or points to memory for `len` elements, initialised or not, which
/// nobody else uses during `'a`; all zeros are a `T`.
pub unsafe fn slice_mut<'a, T>(
    data: *mut T,
    len: usize,
    name: impl Display,
) -> Result<&'a mut [T], Failure> {
    check(data, len, name)?;
    if len == 0 {
        return Ok(&mut []);
    }
    // SAFETY: `data` is not NULL and aligned and `len` not too large, as was checked; the
    // caller promises the memory.
    unsafe { data.write_bytes(0, len) };
    // SAFETY: as for the line before, which made values of the elements.
    Ok(unsafe { std::slice::from_raw_parts_mut(data, len) })
}

/// One value to write, zeroed.
///
/// # Safety
/// `out` is NULL or points to memory for a `T`, initialised or not, which nobody else
/// uses during `'a`; all zeros are a `T`.
pub unsafe fn output<'a, T>(out: *mut T, name: &str) -> Result<&'a mut T, Failure> {
    // SAFETY: one element, as the caller promises, or NULL and none.
    match unsafe { slice_mut(out, usize::from(!out.is_null()), name) }? {
        [out] => Ok(out),
        _ => Err(refuse(format!("{name} is NULL; it is written to"))),
    }
}

/// One value to write, zeroed; `None` for NULL, if the caller does not want it.
///
/// # Safety
/// The same as for [`output`].
pub unsafe fn optional_output<'a, T>(
    out: *mut T,
    name: &str,
) -> Result<Option<&'a mut T>, Failure> {
    // SAFETY: one element, as the caller promises, or NULL and none.
    Ok(unsafe { slice_mut(out, usize::from(!out.is_null()), name) }?.first_mut())
}

/// A struct that begins with its size, of which later versions may be longer.
pub trait SizedStruct {
    /// Its name in C.
    const NAME: &'static str;
}

/// Reads options; `None` for NULL.
///
/// # Safety
/// `options` is NULL or points to a `size_t` and as many bytes as that says, itself
/// included, which are not changed meanwhile; every pattern of bits is a `T`.
pub unsafe fn options<T: SizedStruct + Copy>(options: *const T) -> Result<Option<T>, Failure> {
    if options.is_null() {
        return Ok(None);
    }
    // SAFETY: `options` is not NULL, and so points to a `size_t`, as the caller promises.
    let size = unsafe { struct_size::<T>(options) }?;
    // SAFETY: the caller promises `size` bytes, the struct's own size; a byte is a `u8`.
    let bytes = unsafe { std::slice::from_raw_parts(options.cast::<u8>(), size) };
    if bytes[size_of::<T>()..].iter().any(|byte| *byte != 0) {
        return Err(refuse(format!(
            "{} asks for something that this version of the library does not know",
            T::NAME
        )));
    }
    // SAFETY: `struct_size` checked that it is aligned and holds a whole `T`, for which the
    // caller promises that any bits will do.
    Ok(Some(unsafe { options.read() }))
}

/// Writes a result that begins with its size. If the caller's struct is longer, zeros
/// fill the rest.
///
/// # Safety
/// `out` is NULL or points to a `size_t` and as many bytes as that says, itself included,
/// which may be written and which nobody else uses meanwhile.
pub unsafe fn write_sized<T: SizedStruct>(out: *mut T, value: T) -> Result<(), Failure> {
    if out.is_null() {
        return Err(refuse(format!("{} is NULL; it is written to", T::NAME)));
    }
    // SAFETY: `out` is not NULL, and so points to a `size_t`, as the caller promises.
    let size = unsafe { struct_size::<T>(out) }?;
    // SAFETY: the caller promises `size` bytes, of which a `T` takes no more than all, as
    // `struct_size` checked; so both parts lie inside, and `out` is aligned. The size is
    // written last: it stays the caller's, whatever `value` has there.
    unsafe {
        out.cast::<u8>().add(size_of::<T>()).write_bytes(0, size - size_of::<T>());
        out.write(value);
        out.cast::<usize>().write(size);
    }
    Ok(())
}

/// The size that a struct begins with, if it holds a whole `T`.
///
/// # Safety
/// `pointer` points to a `size_t`.
unsafe fn struct_size<T: SizedStruct>(pointer: *const T) -> Result<usize, Failure> {
    check(pointer, 1, T::NAME)?;
    // SAFETY: the caller promises a `size_t`; `check` found it aligned as a `T`, which begins
    // with one.
    let size = unsafe { pointer.cast::<usize>().read() };
    if (size_of::<T>()..=MAX_STRUCT).contains(&size) {
        return Ok(size);
    }
    let name = T::NAME;
    let problem = format!("struct_size is {size}; sizeof({name}) is expected");
    Err(refuse(format!("{name}: {problem}")))
}
