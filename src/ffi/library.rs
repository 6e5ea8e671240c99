//! The library itself.

use super::{melu_status, melu_str};

/// The version of the interface that this header describes. It rises, and the SONAME with
/// it, when programs compiled against an older version can no longer run.
pub const MELU_ABI_VERSION: u32 = 1;

/// The library's version, such as "0.1.0".
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn melu_version() -> melu_str {
    melu_str::new(env!("CARGO_PKG_VERSION"))
}

/// The version of the library's interface: `MELU_ABI_VERSION` when it was compiled. A
/// program that loads the library by hand compares the two.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn melu_abi_version() -> u32 {
    MELU_ABI_VERSION
}

/// A status in a few words; "unknown status" for a number that this version does not
/// know.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn melu_status_str(status: i32) -> melu_str {
    let known = usize::try_from(status).ok().and_then(|status| melu_status::ALL.get(status));
    melu_str::new(known.map_or("unknown status", |status| status.words()))
}

/// The instruction set with which scores are computed on this processor, such as "avx2".
/// Scores agree between processors to 1e-5 relative, and on one processor to the bit.
///
/// Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn melu_kernel_name() -> melu_str {
    melu_str::new(crate::kernel_name())
}
