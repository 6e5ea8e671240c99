//! Many strings in two buffers, as the weight file keeps them.

use crate::memory;
use crate::model::buffer::Buffer;
use crate::{Error, Result};

/// A list of UTF-8 strings: all bytes one after another, and where each begins.
///
/// May be used from any number of threads at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Strings {
    offsets: Buffer<u64>,
    bytes: Buffer<u8>,
}

impl Strings {
    /// From `offsets` (one more than there are strings, first 0, never
    /// falling, last the number of bytes) and `bytes`.
    ///
    /// # Errors
    /// Says what is wrong with them, in words.
    pub fn new(offsets: Buffer<u64>, bytes: Buffer<u8>) -> Result<Self, String> {
        check_offsets(&offsets, bytes.len())?;
        // All at once, which is many times faster than one by one.
        let are_whole = std::str::from_utf8(&bytes)
            .is_ok_and(|all| offsets.iter().all(|&end| all.is_char_boundary(end as usize)));
        if are_whole {
            return Ok(Self { offsets, bytes });
        }
        for (index, ends) in offsets.windows(2).enumerate() {
            let string = &bytes[ends[0] as usize..ends[1] as usize];
            if let Err(error) = std::str::from_utf8(string) {
                return Err(format!("string {index} is not UTF-8: {error}"));
            }
        }
        Ok(Self { offsets, bytes })
    }

    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The string at `index`, or `None` beyond the end.
    pub fn get(&self, index: usize) -> Option<&str> {
        let ends = self.offsets.get(index..index.checked_add(2)?)?;
        std::str::from_utf8(&self.bytes[ends[0] as usize..ends[1] as usize]).ok()
    }

    /// The bytes of the string at each place.
    fn pieces<'a>(&'a self) -> impl Fn(u32) -> &'a [u8] {
        let (offsets, bytes) = (&*self.offsets, &*self.bytes);
        move |place| {
            let place = place as usize;
            // A damaged order may name places beyond the end.
            match offsets.get(place..place + 2) {
                Some(ends) => &bytes[ends[0] as usize..ends[1] as usize],
                None => &[],
            }
        }
    }

    /// The places of unique ids, in the order of their bytes.
    ///
    /// # Errors
    /// [`Error::Argument`] if an id occurs twice, or if there are too many;
    /// [`Error::OutOfMemory`].
    pub(crate) fn sorted(&self) -> Result<Vec<u32>> {
        let refuse = |problem| Err(Error::argument("items", problem));
        check_count(self.len()).map_err(|problem| Error::argument("items", problem))?;
        let (sorted, piece) = (self.in_order()?, self.pieces());
        match sorted.windows(2).find(|pair| piece(pair[0]) == piece(pair[1])) {
            Some(pair) => {
                let id = self.get(pair[0] as usize).unwrap_or_default();
                refuse(format!("the id \"{id}\" occurs twice"))
            }
            None => Ok(sorted),
        }
    }

    /// The same of ids that need not be unique.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn in_order(&self) -> memory::Result<Vec<u32>> {
        let mut sorted = memory::collected(0..self.len() as u32)?;
        let mut work = memory::zeros(sorted.len())?;
        let piece = self.pieces();
        sort(&mut sorted, &mut work, |a, b| piece(a) <= piece(b));
        Ok(sorted)
    }

    /// The place of an id, given the result of [`Strings::sorted`] for these strings.
    pub(crate) fn find(&self, sorted: &[u32], id: &str) -> Option<u32> {
        let piece = self.pieces();
        let found = sorted.binary_search_by_key(&id.as_bytes(), |&place| piece(place)).ok()?;
        Some(sorted[found]).filter(|place| (*place as usize) < self.len())
    }

    /// All strings, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }

    /// These strings, followed by others.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn join(&self, others: &Self) -> memory::Result<Self> {
        let end = self.bytes.len() as u64;
        let of_others = others.offsets.get(1..).unwrap_or_default();
        let mut offsets = memory::joined(&self.offsets, of_others)?;
        offsets[self.offsets.len()..].iter_mut().for_each(|offset| *offset += end);
        let bytes = memory::joined(&self.bytes, &others.bytes)?;
        Ok(Self { offsets: offsets.into(), bytes: bytes.into() })
    }

    /// Strings that an iterator gives, and gives again.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn collected<'a>(
        strings: impl ExactSizeIterator<Item = &'a str> + Clone,
    ) -> memory::Result<Self> {
        let mut offsets = memory::reserved(strings.len().saturating_add(1))?;
        let size = strings.clone().fold(0, |size: usize, string| size.saturating_add(string.len()));
        let mut bytes = memory::reserved(size)?;
        offsets.push(0);
        for string in strings {
            bytes.extend_from_slice(string.as_bytes());
            offsets.push(bytes.len() as u64);
        }
        Ok(Self { offsets: offsets.into(), bytes: bytes.into() })
    }

    /// The beginning of each string, and the end of the last.
    pub fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// All strings' bytes, one after another.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl<S: AsRef<str>> FromIterator<S> for Strings {
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Self {
        let mut offsets = vec![0];
        let mut bytes = Vec::new();
        for string in strings {
            bytes.extend_from_slice(string.as_ref().as_bytes());
            offsets.push(bytes.len() as u64);
        }
        Self { offsets: offsets.into(), bytes: bytes.into() }
    }
}

/// Sorts a list whose elements are in order where `precedes` says so of each and the next; `work`
/// is as long.
///
/// The standard library's fast sorts allocate, or are slow where it was built for size. Merging
/// makes few comparisons, and none twice of what is in order already: for a million ids, each
/// waits for memory.
fn sort(list: &mut [u32], work: &mut [u32], precedes: impl Fn(u32, u32) -> bool) {
    let (mut from, mut to) = (&mut *list, &mut *work);
    let mut width = 1;
    let mut passes = 0;
    while width < from.len() {
        for (from, to) in from.chunks(2 * width).zip(to.chunks_mut(2 * width)) {
            let (mut left, mut right) = from.split_at(width.min(from.len()));
            if let (Some(last), Some(first)) = (left.last(), right.first())
                && precedes(*last, *first)
            {
                to.copy_from_slice(from);
                continue;
            }
            for to in to {
                let next = match (left.first(), right.first()) {
                    (Some(a), Some(b)) if precedes(*a, *b) => &mut left,
                    (Some(_), None) => &mut left,
                    _ => &mut right,
                };
                if let Some((first, rest)) = next.split_first() {
                    (*to, *next) = (*first, rest);
                }
            }
        }
        (from, to) = (to, from);
        width *= 2;
        passes += 1;
    }
    if passes % 2 == 1 {
        // Where the last pass wrote.
        to.copy_from_slice(from);
    }
}

/// Refuses more items than an index of 32 bits can count.
pub(crate) fn check_count(items: usize) -> Result<(), String> {
    match u32::try_from(items) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("{items} items are more than an index can count")),
    }
}

/// Whether `offsets` cut `len` elements into consecutive pieces.
pub(super) fn check_offsets(offsets: &[u64], len: usize) -> Result<(), String> {
    let (Some(&first), Some(&last)) = (offsets.first(), offsets.last()) else {
        return Err("offsets are empty; at least one number, 0, is expected".into());
    };
    if first != 0 {
        return Err(format!("offsets begin with {first} instead of 0"));
    }
    if let Some(index) = offsets.windows(2).position(|pair| pair[0] > pair[1]) {
        return Err(format!(
            "offsets fall from {} to {} at index {}",
            offsets[index],
            offsets[index + 1],
            index + 1
        ));
    }
    if last != len as u64 {
        return Err(format!("offsets end with {last} instead of {len}, the number of elements"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_by_their_order_and_twice_is_refused() {
        let ids: Vec<String> = (0..500u32).map(|id| (id * 7919 % 1000).to_string()).collect();
        let strings = Strings::from_iter(&ids);
        let sorted = strings.sorted().unwrap();
        let mut expected: Vec<&str> = ids.iter().map(String::as_str).collect();
        expected.sort_unstable();
        assert!(sorted.iter().map(|&place| ids[place as usize].as_str()).eq(expected));
        for (place, id) in (0..).zip(&ids) {
            assert_eq!(strings.find(&sorted, id), Some(place));
        }
        for absent in ["", "0x", "1000", "ä"] {
            assert_eq!(strings.find(&sorted, absent), None);
        }
        assert!(Strings::from_iter::<[&str; 0]>([]).sorted().unwrap().is_empty());
        let twice = Strings::from_iter(["ä", "b", "", "ä"]).sorted().unwrap_err();
        assert_eq!(twice.to_string(), "items: the id \"ä\" occurs twice");
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn an_index_counts_so_many_items_and_no_more() {
        let most = u32::MAX as usize;
        assert!(check_count(0).is_ok() && check_count(most).is_ok());
        let problem = check_count(most + 1).unwrap_err();
        assert_eq!(problem, "4294967296 items are more than an index can count");
    }

    #[test]
    fn lists_of_any_length_and_order_are_sorted() {
        for len in (0..40).chain([63, 64, 65, 1000]) {
            let scattered: Vec<u32> = (0..len).map(|place| place * 7919 % 97).collect();
            let falling: Vec<u32> = (0..len).rev().collect();
            for mut list in [scattered, falling, (0..len).collect()] {
                let mut expected = list.clone();
                expected.sort_unstable();
                sort(&mut list, &mut vec![0; len as usize], |a, b| a <= b);
                assert_eq!(list, expected);
            }
        }
    }
}
