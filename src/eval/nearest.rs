//! The nearest of many neighbours.

/// The `most` others of the greatest similarity, the first of equal ones, by ascending index.
///
/// Each similarity is computed once, and only what is kept is sorted: to sort all 10,000 others
/// of each of as many items by similarities computed anew took most of the time of counting them.
pub fn nearest<T: Copy>(
    others: Vec<(u32, T)>,
    most: usize,
    similarity: impl Fn(&(u32, T)) -> f64,
) -> Vec<(u32, T)> {
    let mut others: Vec<(f64, (u32, T))> =
        others.into_iter().map(|other| (similarity(&other), other)).collect();
    if others.len() > most {
        others.select_nth_unstable_by(most, |(a, (first, _)), (b, (second, _))| {
            b.total_cmp(a).then(first.cmp(second))
        });
        others.truncate(most);
    }
    others.sort_unstable_by_key(|(_, (other, _))| *other);
    others.into_iter().map(|(_, other)| other).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_the_first_of_all_sorted(
            similarities in prop::collection::vec(0u8..20, 0..60), most in 0usize..70,
        ) {
            let mut others: Vec<(u32, u8)> = (0..).zip(similarities).collect();
            others.reverse();
            let mut expected = others.clone();
            expected.sort_by_key(|&(other, similarity)| (u8::MAX - similarity, other));
            expected.truncate(most);
            expected.sort_by_key(|&(other, _)| other);
            prop_assert_eq!(nearest(others, most, |&(_, similarity)| similarity.into()), expected);
        }
    }
}
