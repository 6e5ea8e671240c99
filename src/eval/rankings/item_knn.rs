//! Item-kNN: items that were chosen together with those that the user chose.

use std::sync::Arc;

use super::baseline::Baseline;
use super::choices::Choice;
use super::co_counts::CommonUsers;

/// Settings of [`ItemKnnRanker`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    /// The exponent of the chosen item's count in the divisor of a similarity: if it is
    /// larger, popular answers say less.
    pub of_answer: f32,
    /// The exponent of the scored item's count: if it is larger, popular items come later. If
    /// both are .5, the similarity is the cosine.
    pub of_scored: f32,
    /// The number added to the divisor: a few common users say little.
    pub shrinkage: f32,
}

/// Neighbours by cosine (Sarwar et al. 2001; Deshpande and Karypis 2004), with the
/// exponents and the shrinkage that make it a strong baseline (Aiolli 2013; Dacrema et al.
/// 2021): the similarity of a chosen item to another is `both / (a^of_answer b^of_scored +
/// shrinkage)`, where a and b users chose either. A score is the sum over the user's
/// choices; all neighbours count.
#[derive(Clone, Debug)]
pub struct ItemKnnRanker {
    counts: Arc<CommonUsers>,
    similarity: Similarity,
    /// Each item's count with either exponent.
    of_answer: Vec<f32>,
    of_scored: Vec<f32>,
}

impl ItemKnnRanker {
    /// From counts of pairs.
    pub fn new(counts: &Arc<CommonUsers>, similarity: Similarity) -> Self {
        let powers = |exponent: f32| -> Vec<f32> {
            counts.counts.iter().map(|count| (*count as f32).powf(exponent)).collect()
        };
        let (of_answer, of_scored) = (powers(similarity.of_answer), powers(similarity.of_scored));
        Self { counts: counts.clone(), similarity, of_answer, of_scored }
    }
}

impl Baseline for ItemKnnRanker {
    fn score(&self, answers: &[Choice], scores: &mut [f32]) {
        scores.fill(0.0);
        let shrinkage = self.similarity.shrinkage;
        for choice in answers.iter().filter(|choice| self.counts.counted.counts(choice)) {
            let of_answer = self.of_answer[choice.item as usize];
            for &(other, both) in &self.counts.rows[choice.item as usize] {
                let other = other as usize;
                scores[other] += both as f32 / (of_answer * self.of_scored[other] + shrinkage);
            }
        }
    }

    fn settings(&self) -> String {
        let Similarity { of_answer, of_scored, shrinkage } = self.similarity;
        let counted = self.counts.counted;
        format!("exponents {of_answer} and {of_scored}, shrinkage {shrinkage}, {counted}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::rankings::choices::Counted;
    use crate::eval::rankings::testing::some_choices;

    #[test]
    fn scores_agree_with_the_definition() {
        let choices = some_choices(40, 25);
        for counted in [Counted::All, Counted::Liked] {
            for similarity in [
                Similarity { of_answer: 0.5, of_scored: 0.5, shrinkage: 20.0 },
                Similarity { of_answer: 1.0, of_scored: 0.3, shrinkage: 0.0 },
            ] {
                let knn =
                    ItemKnnRanker::new(&Arc::new(CommonUsers::new(&choices, counted)), similarity);
                let answers = &choices.users[3];
                let mut scores = vec![f32::NAN; 25];
                knn.score(answers, &mut scores);
                let chose = |user: &[Choice], item: u32| {
                    user.iter().any(|choice| choice.item == item && counted.counts(choice))
                };
                let count = |items: &[u32]| {
                    let users = choices.users.iter();
                    users.filter(|user| items.iter().all(|item| chose(user, *item))).count() as f64
                };
                let power = |item: u32, exponent: f32| count(&[item]).powf(exponent.into());
                for (item, score) in (0..).zip(scores) {
                    let mut expected = 0.0;
                    for answer in answers.iter().filter(|choice| counted.counts(choice)) {
                        let other = answer.item;
                        if other != item && count(&[item, other]) > 0.0 {
                            let Similarity { of_answer, of_scored, shrinkage } = similarity;
                            let product = power(other, of_answer) * power(item, of_scored);
                            expected += count(&[item, other]) / (product + f64::from(shrinkage));
                        }
                    }
                    assert!((f64::from(score) - expected).abs() < 1e-5, "{score} {expected}");
                }
            }
        }
    }
}
