//! Intel's tiles, AMX-BF16: eight registers of 16 rows of 64 bytes.
//!
//! Their intrinsics are not stable, so that the instructions are written out.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::sync::OnceLock;

use super::Multiply;
use crate::kernels::bfloat::{TILE_EDGE, TILE_ITEMS};
use crate::kernels::kernel_name;

/// Whether this process may use them, and is not to do with less.
pub fn is_granted() -> bool {
    static GRANTED: OnceLock<bool> = OnceLock::new();
    *GRANTED.get_or_init(|| kernel_name() == "avx512" && processor_has_them() && ask_for_them())
}

fn processor_has_them() -> bool {
    /// AMX-BF16 and AMX-TILE in EDX of leaf 7.
    const TILES: u32 = 1 << 22 | 1 << 24;
    /// OSXSAVE in ECX of leaf 1.
    const SAVES: u32 = 1 << 27;
    /// The tiles' configuration and data in XCR0.
    const SAVED: u64 = 1 << 17 | 1 << 18;
    let has = |bits: u32, all: u32| bits & all == all;
    __cpuid(0).eax >= 7
        && has(__cpuid(1).ecx, SAVES)
        && has(__cpuid_count(7, 0).edx, TILES)
        // SAFETY: OSXSAVE says that the system has turned the instruction on.
        && unsafe { saved_state() } & SAVED == SAVED
}

/// # Safety
/// The processor has XGETBV, and the system has turned it on.
#[target_feature(enable = "xsave")]
unsafe fn saved_state() -> u64 {
    // SAFETY: the caller says so; register 0 is always there.
    unsafe { _xgetbv(0) }
}

/// Linux saves the tiles' 8 KB only for processes that asked for them.
fn ask_for_them() -> bool {
    const ARCH_PRCTL: usize = 158;
    const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
    const TILE_DATA: usize = 18;
    let status: isize;
    // SAFETY: the system call reads and writes no memory; it destroys RCX and R11 and keeps
    // all other registers. A kernel that does not know it refuses.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => status,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") TILE_DATA,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
    status == 0
}

/// The tiles of this thread, all of full size. There is at most one at a time.
pub struct Amx(());

/// What says how large each tile is.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static FULL: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

impl Amx {
    /// # Safety
    /// The process was granted tiles, and this thread has no other value of the type.
    pub unsafe fn set_up() -> Self {
        // SAFETY: the caller vouches for the instruction; the configuration has its 64 bytes
        // and is one of palette 1.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const FULL, options(nostack, readonly));
        }
        Self(())
    }
}

impl Drop for Amx {
    fn drop(&mut self) {
        // SAFETY: there is a value only where tiles were set up. Without this, the system
        // would save them whenever another thread runs.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

impl Multiply for Amx {
    /// Four tiles of sums: two of outputs and two of items, so that each tile that is loaded
    /// is multiplied twice.
    #[inline(always)]
    unsafe fn multiply(
        &self,
        items: *const u16,
        steps: usize,
        weight: *const u16,
        bias: *const f32,
        sums: *mut f32,
    ) {
        const HALF: usize = TILE_EDGE / 2;
        // SAFETY: `self` says that the tiles are set up. The caller vouches for TILE_EDGE
        // rows of the weight of 64 bytes a step, of which a tile takes 16; for two tiles of
        // items, of 1024 bytes each, a step; for TILE_EDGE rows of the bias, of 64 bytes; and
        // for TILE_EDGE rows of sums, of 128 bytes. Without steps only the bias is read and
        // stored.
        unsafe {
            asm!(
                "tileloadd tmm0, [{bias} + {line}*1]",
                "tileloadd tmm1, [{bias} + {line}*1]",
                "tileloadd tmm2, [{bias} + {line}*1 + 1024]",
                "tileloadd tmm3, [{bias} + {line}*1 + 1024]",
                "test {steps}, {steps}",
                "jz 3f",
                "2:",
                "tileloadd tmm4, [{upper} + {stride}*1]",
                "tileloadd tmm6, [{items} + {line}*1]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{others} + {line}*1]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{lower} + {stride}*1]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {upper}, 64",
                "add {lower}, 64",
                "add {items}, 1024",
                "add {others}, 1024",
                "dec {steps}",
                "jnz 2b",
                "3:",
                "tilestored [{sums} + {line}*2], tmm0",
                "tilestored [{sums} + {line}*2 + 64], tmm1",
                "tilestored [{sums} + {line}*2 + 2048], tmm2",
                "tilestored [{sums} + {line}*2 + 2112], tmm3",
                bias = in(reg) bias,
                line = in(reg) 64usize,
                upper = inout(reg) weight => _,
                lower = inout(reg) weight.add(HALF * steps * TILE_EDGE) => _,
                stride = in(reg) 64 * steps,
                items = inout(reg) items => _,
                others = inout(reg) items.add(steps * TILE_EDGE * TILE_ITEMS) => _,
                steps = inout(reg) steps => _,
                sums = in(reg) sums,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}
