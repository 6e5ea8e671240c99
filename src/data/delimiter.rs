//! Delimiters of several bytes, for a reader of CSV that knows only those of one.

use std::io::{self, Read};

/// The stand-in for the delimiter: ASCII's unit separator, which no text has.
pub(super) const STAND_IN: u8 = 0x1f;

/// Replaces each delimiter by [`STAND_IN`].
pub(super) struct Replaced<R> {
    source: R,
    delimiter: Vec<u8>,
    /// Bytes that were read and may begin a delimiter that ends in what follows.
    held: Vec<u8>,
    /// Bytes that are ready, from `taken` on.
    ready: Vec<u8>,
    taken: usize,
}

impl<R: Read> Replaced<R> {
    /// `delimiter` is not empty.
    pub fn new(source: R, delimiter: &str) -> Self {
        let delimiter = delimiter.as_bytes().to_vec();
        Self { source, delimiter, held: Vec::new(), ready: Vec::new(), taken: 0 }
    }

    /// Reads a piece of the source; `false` at its end.
    fn fill(&mut self) -> io::Result<bool> {
        (self.taken, self.ready) = (0, std::mem::take(&mut self.ready));
        self.ready.clear();
        let held = self.held.len();
        self.held.resize(held + (1 << 15), 0);
        let read = self.source.read(&mut self.held[held..]);
        self.held.truncate(held + *read.as_ref().unwrap_or(&0));
        let is_end = read? == 0;
        let mut place = 0;
        while let Some(rest) = self.held.get(place..).filter(|rest| !rest.is_empty()) {
            if rest.starts_with(&self.delimiter) {
                self.ready.push(STAND_IN);
                place += self.delimiter.len();
            } else if !is_end && self.delimiter.starts_with(rest) {
                break;
            } else {
                self.ready.push(rest[0]);
                place += 1;
            }
        }
        self.held.drain(..place);
        Ok(!is_end)
    }
}

impl<R: Read> Read for Replaced<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.ready.len() {
            if !self.fill()? && self.ready.is_empty() {
                return Ok(0);
            }
        }
        let ready = &self.ready[self.taken..];
        let count = ready.len().min(bytes.len());
        bytes[..count].copy_from_slice(&ready[..count]);
        self.taken += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    /// A source that gives few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(bytes.len()).min(self.0.len());
            bytes[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    proptest! {
        #[test]
        fn delimiters_are_replaced_wherever_reads_end(
            text in "[:ab|~]{0,60}",
            delimiter in prop::sample::select(vec!["::", "ab", "||", "~|~", ":::", "aab"]),
            piece in 1..5usize,
        ) {
            let slow = Slow(text.as_bytes(), piece);
            let mut read = String::new();
            BufReader::with_capacity(3, Replaced::new(slow, delimiter))
                .read_to_string(&mut read)
                .unwrap();
            prop_assert_eq!(read, text.replace(delimiter, "\u{1f}"));
        }
    }
}
