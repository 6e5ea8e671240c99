//! The figures of a table, summed from single lists.

use std::collections::BTreeMap;

use super::list::List;
use super::results::{Ranker, RankingRow};
use crate::eval::Given;
use crate::eval::sums::{mean, mean_and_error};

/// The worth of one user's lists, summed over draws: nDCG@20, recall, hits and reciprocal
/// ranks.
type ListFigures = [f64; 4];

/// One table's sums.
pub struct RankingTotals {
    rankers: Vec<Ranker>,
    /// How many candidates there are.
    candidates: usize,
    /// For each user the number of draws, and the sums for each number of answers and each
    /// ranker.
    users: BTreeMap<u32, (f64, Vec<ListFigures>)>,
    lists: Vec<RankerLists>,
    draws: usize,
}

/// The contents of one ranker's lists with one number of answers.
#[derive(Clone)]
struct RankerLists {
    /// For each item of the data folder the draw in which it was listed last, from 1 on.
    listed: Vec<u32>,
    /// Listed items, summed over draws.
    covered: usize,
    places: usize,
    popularity: f64,
    new_items: usize,
}

impl RankingTotals {
    /// Begins a table of these rankers, for a data folder of `items` items.
    pub fn new(rankers: &[Ranker], candidates: usize, items: usize) -> Self {
        let lists = RankerLists {
            listed: vec![0; items],
            covered: 0,
            places: 0,
            popularity: 0.0,
            new_items: 0,
        };
        Self {
            rankers: rankers.to_vec(),
            candidates,
            users: BTreeMap::new(),
            lists: vec![lists; Given::ALL.len() * rankers.len()],
            draws: 0,
        }
    }

    /// Begins another draw.
    pub fn begin_draw(&mut self) {
        self.draws += 1;
    }

    /// Adds one user's lists of the current draw: one of each ranker for each number of
    /// answers. `popularity` has the share of users who chose each item.
    pub fn add(&mut self, user: u32, lists: &[List], popularity: &[f64], is_new: &[bool]) {
        let nothing = || (0.0, vec![[0.0; 4]; lists.len()]);
        let (draws, sums) = self.users.entry(user).or_insert_with(nothing);
        *draws += 1.0;
        for ((sums, list), all) in sums.iter_mut().zip(lists).zip(&mut self.lists) {
            let figures = [list.ndcg20, list.recall20, list.hit10, list.reciprocal_rank];
            sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
            for &item in &list.best {
                let item = item as usize;
                let listed = &mut all.listed[item];
                if *listed != self.draws as u32 {
                    *listed = self.draws as u32;
                    all.covered += 1;
                }
                all.places += 1;
                all.popularity += popularity[item];
                all.new_items += usize::from(is_new[item]);
            }
        }
    }

    /// How many users there are.
    pub fn users(&self) -> usize {
        self.users.len()
    }

    /// A row for each number of answers and each ranker; none without users.
    pub fn rows(&self) -> Vec<RankingRow> {
        if self.users.is_empty() {
            return Vec::new();
        }
        let rankers = self.rankers.len();
        let keys = Given::ALL.iter().flat_map(|given| self.rankers.iter().map(|r| (*given, *r)));
        keys.enumerate()
            .map(|(index, (given, predictor))| {
                let figure = |index: usize, which: usize| {
                    let users = self.users.values();
                    users.map(move |(draws, sums)| sums[index][which] / draws)
                };
                let of = |which: usize| mean(&figure(index, which).collect::<Vec<_>>());
                // The model is first among those with the same number of answers.
                let melu = figure(index - index % rankers, 0);
                let differences: Vec<f64> =
                    figure(index, 0).zip(melu).map(|(other, melu)| other - melu).collect();
                let (ndcg20_difference, ndcg20_difference_se) = mean_and_error(&differences);
                let lists = &self.lists[index];
                let places = lists.places.max(1) as f64;
                RankingRow {
                    predictor,
                    given,
                    ndcg20: of(0),
                    ndcg20_difference,
                    ndcg20_difference_se,
                    recall20: of(1),
                    hit10: of(2),
                    mrr: of(3),
                    coverage: lists.covered as f64 / (self.draws * self.candidates) as f64,
                    popularity: lists.popularity / places,
                    new_items: lists.new_items as f64 / places,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(best: &[u32], ndcg20: f64) -> List {
        let (recall20, hit10, reciprocal_rank) = (ndcg20 / 2.0, 1.0, 0.5);
        List { best: best.to_vec(), ndcg20, recall20, hit10, reciprocal_rank }
    }

    #[test]
    fn users_count_by_their_mean_over_draws_and_differences_are_paired() {
        let mut totals = RankingTotals::new(&[Ranker::Melu, Ranker::Popular], 8, 10);
        let mut popularity = [0.0; 10];
        (popularity[0], popularity[1]) = (0.5, 0.25);
        let mut is_new = [false; 10];
        is_new[2] = true;
        let add = |totals: &mut RankingTotals, user, melu: List, popular: List| {
            let pair = |_| [melu.clone(), popular.clone()];
            let lists: Vec<List> = Given::ALL.iter().flat_map(pair).collect();
            totals.add(user, &lists, &popularity, &is_new);
        };
        // The first user has something to find in both draws, the second in one.
        totals.begin_draw();
        add(&mut totals, 4, list(&[0, 1], 0.5), list(&[0], 0.1));
        add(&mut totals, 7, list(&[0, 2], 0.25), list(&[0], 0.25));
        totals.begin_draw();
        add(&mut totals, 4, list(&[1, 0], 0.3), list(&[0], 0.3));

        assert_eq!(totals.users(), 2);
        let rows = totals.rows();
        assert_eq!(rows.len(), 2 * Given::ALL.len());
        for (place, rows) in rows.chunks(2).enumerate() {
            let (melu, popular) = (&rows[0], &rows[1]);
            assert_eq!((melu.given, popular.given), (Given::ALL[place], Given::ALL[place]));
            assert_eq!((melu.predictor, popular.predictor), (Ranker::Melu, Ranker::Popular));
            let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
            // The users' means are .4 and .25, and .2 and .25.
            near(melu.ndcg20, 0.325);
            near(melu.recall20, 0.1625);
            near(popular.ndcg20, 0.225);
            assert_eq!((melu.ndcg20_difference, melu.ndcg20_difference_se), (0.0, 0.0));
            near(popular.ndcg20_difference, -0.1);
            // Differences of -.2 and 0: a deviation of .2 / sqrt 2, by sqrt 2.
            near(popular.ndcg20_difference_se, 0.1);
            near(melu.hit10, 1.0);
            near(melu.mrr, 0.5);
            // Three of eight items are listed in the first draw, two in the second.
            near(melu.coverage, 5.0 / 16.0);
            near(popular.coverage, 2.0 / 16.0);
            near(melu.popularity, (0.75 + 0.5 + 0.75) / 6.0);
            near(melu.new_items, 1.0 / 6.0);
        }
    }

    #[test]
    fn nobody_has_no_figures() {
        let mut totals = RankingTotals::new(&[Ranker::Melu], 8, 10);
        totals.begin_draw();
        assert!(totals.rows().is_empty());
    }
}
