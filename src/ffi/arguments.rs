//! From pointers and counts to slices, as far as they can be checked.

use std::fmt::Display;

use super::error::Failure;
use super::melu_status;

/// The largest struct that a caller may say to have.
const MAX_STRUCT: usize = 4096;

fn refuse(message: String) -> Failure {
    Failure::new(melu_status::InvalidArgument, message)
}

/// Whether there can be so many elements.
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
/// `data` may be NULL or points to `len` elements, which are not changed during
/// `'a`; every pattern of bits is a `T`.
pub unsafe fn slice<'a, T>(
    data: *const T,
    len: usize,
    name: impl Display,
) -> Result<&'a [T], Failure> {
    check(data, len, name)?;
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: the caller says so, and address and length were checked.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// A list to write.
///
/// # Safety
/// `data` may be NULL or points to room for `len` elements, which nobody else
/// uses during `'a`; all zeros are a `T`.
pub unsafe fn slice_mut<'a, T>(
    data: *mut T,
    len: usize,
    name: impl Display,
) -> Result<&'a mut [T], Failure> {
    check(data, len, name)?;
    if len == 0 {
        return Ok(&mut []);
    }
    // SAFETY: the caller says so, and address and length were checked. The room
    // need not be initialised; zeroed, it holds values of its type.
    Ok(unsafe {
        data.write_bytes(0, len);
        std::slice::from_raw_parts_mut(data, len)
    })
}

/// Where to write one value.
///
/// # Safety
/// `out` may be NULL or points to room for a `T`, which nobody else uses during
/// `'a`; all zeros are a `T`.
pub unsafe fn output<'a, T>(out: *mut T, name: &str) -> Result<&'a mut T, Failure> {
    // SAFETY: the caller says so.
    match unsafe { slice_mut(out, usize::from(!out.is_null()), name) }? {
        [out] => Ok(out),
        _ => Err(refuse(format!("{name} is NULL; it is written to"))),
    }
}

/// Where to write one value, if the caller wants it.
///
/// # Safety
/// As [`output`].
pub unsafe fn optional_output<'a, T>(
    out: *mut T,
    name: &str,
) -> Result<Option<&'a mut T>, Failure> {
    // SAFETY: the caller says so.
    Ok(unsafe { slice_mut(out, usize::from(!out.is_null()), name) }?.first_mut())
}

/// A struct that begins with its size, of which later versions may be longer.
pub trait Sized {
    /// What C calls it.
    const NAME: &'static str;
}

/// Reads options; `None` for NULL.
///
/// # Safety
/// `options` may be NULL or points to a `size_t`, and to as many bytes as that
/// says; every pattern of bits is a `T`, which begins with that `size_t`.
pub unsafe fn options<T: Sized + Copy>(options: *const T) -> Result<Option<T>, Failure> {
    if options.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller says so.
    let size = unsafe { struct_size::<T>(options) }?;
    // SAFETY: there are that many bytes, by the caller's word.
    let bytes = unsafe { std::slice::from_raw_parts(options.cast::<u8>(), size) };
    if bytes[size_of::<T>()..].iter().any(|byte| *byte != 0) {
        return Err(refuse(format!(
            "{} asks for something that this version of the library does not know",
            T::NAME
        )));
    }
    // SAFETY: it is long enough and aligned, as was checked.
    Ok(Some(unsafe { options.read() }))
}

/// Writes a result that begins with its size; what the caller has more of
/// becomes zero.
///
/// # Safety
/// `out` points to a `size_t`, and to as many bytes as that says, to be written.
pub unsafe fn write_sized<T: Sized>(out: *mut T, value: T) -> Result<(), Failure> {
    if out.is_null() {
        return Err(refuse(format!("{} is NULL; it is written to", T::NAME)));
    }
    // SAFETY: the caller says so.
    let size = unsafe { struct_size::<T>(out) }?;
    // SAFETY: it is long enough and aligned, as was checked; the size itself
    // stays, whatever `value` says.
    unsafe {
        out.cast::<u8>().add(size_of::<T>()).write_bytes(0, size - size_of::<T>());
        out.write(value);
        out.cast::<usize>().write(size);
    }
    Ok(())
}

/// # Safety
/// `pointer` points to a `size_t`.
unsafe fn struct_size<T: Sized>(pointer: *const T) -> Result<usize, Failure> {
    check(pointer, 1, T::NAME)?;
    // SAFETY: the caller says so, and it is aligned.
    let size = unsafe { pointer.cast::<usize>().read() };
    if (size_of::<T>()..=MAX_STRUCT).contains(&size) {
        return Ok(size);
    }
    let name = T::NAME;
    let problem = format!("struct_size is {size}; sizeof({name}) is expected");
    Err(refuse(format!("{name}: {problem}")))
}
