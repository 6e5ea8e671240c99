//! The names of a field's values.

use super::Strings;

/// The values that a field can take, sorted by their bytes, without repetition.
///
/// A value's place is the row of its embedding. May be used from any number of
/// threads at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary(Strings);

impl Vocabulary {
    /// Takes names that are sorted and unique.
    ///
    /// # Errors
    /// Names the two names that are out of order, in words.
    pub fn new(names: Strings) -> Result<Self, String> {
        let mut previous: Option<&str> = None;
        for (index, name) in names.iter().enumerate() {
            if let Some(previous) = previous.filter(|previous| *previous >= name) {
                return Err(format!(
                    "names are not sorted: \"{previous}\" is before \"{name}\" at index {index}"
                ));
            }
            previous = Some(name);
        }
        Ok(Self(names))
    }

    /// Takes names in any order, repeated or not.
    pub fn from_unsorted<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        Self(names.into_iter().collect())
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value's index: a binary search.
    pub fn find(&self, name: &str) -> Option<u32> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.0.get(middle)?.cmp(name) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return u32::try_from(middle).ok(),
            }
        }
        None
    }

    /// The value's name, or `None` beyond the end.
    pub fn name(&self, index: u32) -> Option<&str> {
        self.0.get(index as usize)
    }

    /// All names, in order.
    pub fn names(&self) -> &Strings {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_each_name_and_no_other() {
        let vocabulary =
            Vocabulary::from_unsorted(["war", "", "drama", "Ärger", "drama", "comedy"]);
        assert_eq!(vocabulary.len(), 5);
        for index in 0..5 {
            let name = vocabulary.name(index).unwrap();
            assert_eq!(vocabulary.find(name), Some(index));
        }
        for absent in ["a", "drame", "zzz", "Á"] {
            assert_eq!(vocabulary.find(absent), None);
        }
        assert_eq!(vocabulary.name(5), None);
    }

    #[test]
    fn unsorted_and_repeated_names_are_refused() {
        for names in [["b", "a"], ["a", "a"]] {
            assert!(Vocabulary::new(names.iter().collect()).is_err());
        }
    }
}
