//! Large pages for memory that is read from end to end.

use std::mem::MaybeUninit;

/// Asks the system to keep memory that was not yet written to in large pages, so that passes
/// over all of it wait less for address lookups.
///
/// It is meant for a few megabytes or more: parts of large pages at either end stay as they
/// are. Without Linux, or without such pages, nothing happens.
#[cfg_attr(
    not(any(target_os = "linux", target_os = "android")),
    allow(unused_variables, reason = "only Linux is asked")
)]
pub fn prefer_large_pages<T>(memory: &mut [MaybeUninit<T>]) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        /// A large page of x86-64, of aarch64 with small ones of 4 KB, and a multiple of all
        /// small ones.
        const PAGE: usize = 2 << 20;
        let bytes = size_of_val(memory);
        let first = memory.as_mut_ptr().cast::<u8>();
        let before = first.align_offset(PAGE);
        let inside = bytes.saturating_sub(before) / PAGE * PAGE;
        if inside > 0 {
            // SAFETY: the range begins with a page and lies in the caller's memory, of which
            // no content changes; that the system refuses is of no consequence.
            unsafe { libc::madvise(first.add(before).cast(), inside, libc::MADV_HUGEPAGE) };
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Linux's description of the mapping that contains an address.
    fn flags(address: usize) -> String {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
            let ends = range.map(|(a, b)| [a, b].map(|end| usize::from_str_radix(end, 16)));
            if let Some([Ok(start), Ok(end)]) = ends {
                inside = (start..end).contains(&address);
            } else if let (true, Some(flags)) = (inside, line.strip_prefix("VmFlags:")) {
                return flags.into();
            }
        }
        panic!("no mapping has the address {address:x}");
    }

    #[test]
    fn what_is_large_is_asked_for_and_nothing_is_lost() {
        // An emulator does not pass the question on.
        let emulated = std::env::var_os("MELU_EMULATOR").is_some();
        if emulated || !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            return;
        }
        let mut numbers: Vec<u32> = Vec::with_capacity(4 << 20);
        prefer_large_pages(numbers.spare_capacity_mut());
        numbers.extend(0..4 << 20);
        let middle = numbers[numbers.len() / 2..].as_ptr().addr();
        assert!(flags(middle).split(' ').any(|flag| flag == "hg"), "{}", flags(middle));
        assert!(numbers.iter().zip(0..).all(|(found, expected)| *found == expected));

        // Less than a page, and none at all.
        prefer_large_pages(Vec::<u8>::with_capacity(1 << 20).spare_capacity_mut());
        prefer_large_pages::<u32>(&mut []);
    }
}
