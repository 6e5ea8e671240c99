//! Many strings in two buffers, as the weight file keeps them.

use crate::model::buffer::Buffer;

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
    /// Names an id that occurs twice, or says that there are too many, in words.
    pub(crate) fn sorted(&self) -> Result<Vec<u32>, String> {
        let count = u32::try_from(self.len())
            .map_err(|_| format!("{} items are more than an index can count", self.len()))?;
        let mut sorted: Vec<u32> = (0..count).collect();
        let piece = self.pieces();
        // The standard library's sort that is fast even if the library was built for size.
        sorted.sort_by_key(|&place| piece(place));
        match sorted.windows(2).find(|pair| piece(pair[0]) == piece(pair[1])) {
            Some(pair) => {
                let id = self.get(pair[0] as usize).unwrap_or_default();
                Err(format!("the id \"{id}\" occurs twice"))
            }
            None => Ok(sorted),
        }
    }

    /// The place of an id, given the result of [`Strings::sorted`] for these strings.
    pub(crate) fn find(&self, sorted: &[u32], id: &str) -> Option<u32> {
        let piece = self.pieces();
        let found = sorted.binary_search_by_key(&id.as_bytes(), |&place| piece(place)).ok()?;
        Some(sorted[found]).filter(|place| (*place as usize) < self.len())
    }

    /// All strings, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }

    /// These strings, followed by others.
    pub(crate) fn join(&self, others: &Self) -> Self {
        let end = self.bytes.len() as u64;
        let offsets = others.offsets.iter().skip(1).map(|offset| end + offset);
        Self {
            offsets: self.offsets.iter().copied().chain(offsets).collect(),
            bytes: [&*self.bytes, &*others.bytes].concat().into(),
        }
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
        assert_eq!(Strings::from_iter::<[&str; 0]>([]).sorted(), Ok(vec![]));
        let twice = Strings::from_iter(["ä", "b", "", "ä"]).sorted();
        assert_eq!(twice, Err("the id \"ä\" occurs twice".into()));
    }
}
