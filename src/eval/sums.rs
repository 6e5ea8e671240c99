//! The figures of a scenario, summed from single users' errors.

use super::baselines::Baselines;
use super::metrics::{area_under_curve, log_loss, mean_absolute_error, mean_squared_error, ndcg};
use super::results::{Coverage, Given, Predictor, ScenarioRow};

/// The error figures of one (given, predictor) pair, summed over users, or over
/// one user's draws.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    tasks: f64,
    absolute: f64,
    squared: f64,
    /// For the best 1, 3 and 5: sum of the gains, and tasks that have one.
    ndcg: [(f64, f64); 3],
    /// The same of the area under the curve, of clicks.
    area: (f64, f64),
    /// Of clicks.
    log_loss: f64,
    /// The share of predictions that were clipped.
    clipped: f64,
}

/// One user's ratings to predict.
pub struct Query {
    pub ratings: Vec<f32>,
    /// See [`Baselines::gains`].
    gains: Vec<f32>,
    clicks: bool,
}

impl Query {
    pub fn new(ratings: Vec<f32>, baselines: &Baselines) -> Self {
        Self { gains: baselines.gains(&ratings), clicks: baselines.are_clicks(), ratings }
    }
}

/// One [`Sums`] for each given number and predictor.
pub type SumTable = Vec<Sums>;

/// For each given number, how many query ratings lie within each interval.
pub type Within = Vec<[u64; Coverage::LEVELS.len()]>;

impl Sums {
    /// Of one user; so many of the predictions were clipped.
    pub fn new(predictions: &[f32], clipped: usize, query: &Query) -> Self {
        let Query { ratings, gains, clicks } = query;
        let counted = |figure: Option<f64>| figure.map_or((0.0, 0.0), |figure| (figure, 1.0));
        let mut sums = Self {
            tasks: 1.0,
            absolute: mean_absolute_error(predictions, ratings),
            squared: mean_squared_error(predictions, ratings),
            clipped: clipped as f64 / predictions.len().max(1) as f64,
            ndcg: [1, 3, 5].map(|k| counted(ndcg(predictions, gains, k))),
            ..Self::default()
        };
        if *clicks {
            sums.area = counted(area_under_curve(predictions, ratings));
            sums.log_loss = log_loss(predictions, ratings);
        }
        sums
    }

    fn add(&mut self, other: &Self) {
        self.tasks += other.tasks;
        self.absolute += other.absolute;
        self.squared += other.squared;
        self.log_loss += other.log_loss;
        self.clipped += other.clipped;
        let counted = self.ndcg.iter_mut().chain([&mut self.area]);
        for (sum, other) in counted.zip(other.ndcg.iter().chain([&other.area])) {
            *sum = (sum.0 + other.0, sum.1 + other.1);
        }
    }

    fn mae(&self) -> f64 {
        self.absolute / self.tasks.max(1.0)
    }

    fn gain(&self, k: usize) -> f64 {
        self.ndcg[k].0 / self.ndcg[k].1.max(1.0)
    }
}

/// The totals of one scenario.
#[derive(Debug, Default)]
pub struct ScenarioTotals {
    clicks: bool,
    /// For each draw, over users.
    draws: Vec<SumTable>,
    /// For each user, over draws.
    users: Vec<SumTable>,
    within: Within,
    /// How many query ratings there were, over users and draws.
    queries: u64,
}

impl ScenarioTotals {
    /// None yet; `clicks` says whether the ratings are 0 or 1.
    pub fn new(clicks: bool) -> Self {
        Self { clicks, ..Self::default() }
    }

    /// Begins a draw.
    pub fn begin_draw(&mut self) {
        self.draws.push(vec![Sums::default(); Given::ALL.len() * Predictor::ALL.len()]);
    }

    /// Adds one user's sums of the current draw; a user has the same place in each draw.
    pub fn add(&mut self, user: usize, table: SumTable, within: &Within, queries: usize) {
        let add = |sums: &mut SumTable, other: &SumTable| {
            sums.iter_mut().zip(other).for_each(|(sums, sum)| sums.add(sum));
        };
        if let Some(draw) = self.draws.last_mut() {
            add(draw, &table);
        }
        match self.users.get_mut(user) {
            Some(sums) => add(sums, &table),
            None => self.users.push(table),
        }
        self.within.resize(within.len(), [0; Coverage::LEVELS.len()]);
        for (sums, counts) in self.within.iter_mut().zip(within) {
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        self.queries += queries as u64;
    }

    /// For each number of given ratings, each predictor.
    pub fn rows(&self) -> Vec<ScenarioRow> {
        let keys = Given::ALL.iter().flat_map(|given| Predictor::ALL.map(|p| (*given, p)));
        keys.enumerate()
            .map(|(index, (given, predictor))| self.row(index, given, predictor))
            .collect()
    }

    fn row(&self, index: usize, given: Given, predictor: Predictor) -> ScenarioRow {
        let mean = |figure: &dyn Fn(&Sums) -> f64| {
            let figures = self.draws.iter().map(|table| figure(&table[index]));
            figures.sum::<f64>() / self.draws.len().max(1) as f64
        };
        let mae = mean(&Sums::mae);
        let of_draws: Vec<f64> = self.draws.iter().map(|table| table[index].mae()).collect();
        // The model is first among those with the same number given.
        let melu = index - index % Predictor::ALL.len();
        let pairs = || self.users.iter().map(|table| (&table[index], &table[melu]));
        let absolute: Vec<f64> = pairs().map(|(other, melu)| other.mae() - melu.mae()).collect();
        // Whether a user has a gain depends on the ratings alone.
        let ranked = pairs().filter(|(_, melu)| melu.ndcg[1].1 > 0.0);
        let gain: Vec<f64> = ranked.map(|(other, melu)| other.gain(1) - melu.gain(1)).collect();
        let (mae_difference, mae_difference_se) = mean_and_error(&absolute);
        let (ndcg3_difference, ndcg3_difference_se) = mean_and_error(&gain);
        ScenarioRow {
            predictor,
            given,
            mae,
            mae_sd: deviation(&of_draws),
            mae_difference,
            mae_difference_se,
            rmse: mean(&|sums| (sums.squared / sums.tasks.max(1.0)).sqrt()),
            clipped: mean(&|sums| sums.clipped / sums.tasks.max(1.0)),
            ndcg1: mean(&|sums| sums.gain(0)),
            ndcg3: mean(&|sums| sums.gain(1)),
            ndcg3_difference,
            ndcg3_difference_se,
            ndcg5: mean(&|sums| sums.gain(2)),
            auc: self.area(index),
            log_loss: self.clicks.then(|| mean(&|sums| sums.log_loss / sums.tasks.max(1.0))),
        }
    }

    /// The mean over the draws that have a user with both clicks and others.
    fn area(&self, index: usize) -> Option<f64> {
        let of_draw = |table: &SumTable| {
            let (sum, users) = table[index].area;
            (users > 0.0).then(|| sum / users)
        };
        let of_draws: Vec<f64> = self.draws.iter().filter_map(of_draw).collect();
        (!of_draws.is_empty()).then(|| mean(&of_draws))
    }

    /// For each number of given ratings, each level; empty if nothing was counted.
    pub fn coverage(&self) -> Vec<Coverage> {
        let found = |(given, counts): (Given, &[u64; Coverage::LEVELS.len()])| {
            Coverage::LEVELS.iter().zip(*counts).map(move |((level, _), count)| Coverage {
                given,
                level: *level,
                found: count as f64 / self.queries as f64,
            })
        };
        Given::ALL.into_iter().zip(&self.within).flat_map(found).collect()
    }
}

/// The mean; 0 without numbers.
pub fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len().max(1) as f64
}

/// The unbiased standard deviation; 0 of one number.
fn deviation(numbers: &[f64]) -> f64 {
    let mean = mean(numbers);
    let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
    (squares / (numbers.len() as f64 - 1.0).max(1.0)).sqrt()
}

/// The mean, and its standard error.
pub fn mean_and_error(numbers: &[f64]) -> (f64, f64) {
    (mean(numbers), deviation(numbers) / (numbers.len().max(1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two users, two draws; the model misses by 1 and the others by `misses`.
    fn totals(misses: [[f32; 2]; 2]) -> ScenarioTotals {
        let mut totals = ScenarioTotals::default();
        for draw in misses {
            totals.begin_draw();
            for (user, miss) in draw.into_iter().enumerate() {
                let ratings = vec![3.0, 2.0];
                let query = Query { gains: ratings.clone(), ratings, clicks: false };
                let keys = Given::ALL.iter().flat_map(|_| Predictor::ALL);
                let sums = keys.map(|predictor| match predictor {
                    Predictor::Melu => Sums::new(&[2.0, 3.0], 1, &query),
                    _ => Sums::new(&[3.0 + miss, 2.0 - miss], 0, &query),
                });
                let mut within = vec![[0; Coverage::LEVELS.len()]; Given::ALL.len()];
                within[2][7] = 1;
                totals.add(user, sums.collect(), &within, 2);
            }
        }
        totals
    }

    #[test]
    fn differences_are_paired_over_users() {
        // Users' means over draws: 2 and 5; less the model's 1 each: 1 and 4.
        let rows = totals([[1.0, 4.0], [3.0, 6.0]]).rows();
        let row = rows.iter().find(|row| row.predictor == Predictor::ItemKnn).unwrap();
        assert_eq!(row.mae, 3.5);
        // Draws: 2.5 and 4.5.
        assert_eq!(row.mae_sd, 2f64.sqrt());
        assert_eq!(row.mae_difference, 2.5);
        // The deviation of 1 and 4 is 3 / sqrt 2; the error of the mean of two
        // is that by sqrt 2.
        assert!((row.mae_difference_se - 1.5).abs() < 1e-12);
        // The others have the right order, and the model the wrong one.
        let log = 3f64.log2();
        let missed = 1.0 - (2.0 + 3.0 / log) / (3.0 + 2.0 / log);
        assert!((row.ndcg3_difference - missed).abs() < 1e-12);
        assert!(row.ndcg3_difference_se < 1e-12);
        let melu = rows.iter().find(|row| row.predictor == Predictor::Melu).unwrap();
        assert_eq!((melu.mae_difference, melu.mae_difference_se), (0.0, 0.0));
        assert_eq!((melu.clipped, row.clipped), (0.5, 0.0));
    }

    #[test]
    fn coverage_is_a_share_of_all_query_ratings() {
        let coverage = totals([[1.0, 4.0], [3.0, 6.0]]).coverage();
        assert_eq!(coverage.len(), Given::ALL.len() * Coverage::LEVELS.len());
        for one in coverage {
            let hit = one.given == Given::ALL[2] && one.level == 0.8;
            assert_eq!(one.found, if hit { 0.5 } else { 0.0 });
        }
    }
}
