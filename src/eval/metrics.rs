//! Errors and ranking quality of predictions.

/// The mean of the absolute differences; 0 without numbers.
pub fn mean_absolute_error(predictions: &[f32], ratings: &[f32]) -> f64 {
    mean(predictions, ratings, f64::abs)
}

/// The mean of the squared differences; 0 without numbers.
pub fn mean_squared_error(predictions: &[f32], ratings: &[f32]) -> f64 {
    mean(predictions, ratings, |difference| difference * difference)
}

fn mean(predictions: &[f32], ratings: &[f32], cost: impl Fn(f64) -> f64) -> f64 {
    let costs = predictions.iter().zip(ratings).map(|(p, r)| cost(f64::from(*p) - f64::from(*r)));
    costs.sum::<f64>() / predictions.len().max(1) as f64
}

/// Normalised discounted cumulative gain of the `k` best-scored items, with
/// linear gain: an item's gain is its rating, as in the MeLU paper's code, not
/// `2^rating - 1`.
///
/// Items with equal scores share the mean of their gains, so that their order does not
/// matter. `None` if no item has a gain above 0.
pub fn ndcg(predictions: &[f32], ratings: &[f32], k: usize) -> Option<f64> {
    let discount = |place: usize| 1.0 / ((place + 2) as f64).log2();
    let gain = |item: usize| f64::from(ratings[item]);
    let mut order: Vec<usize> = (0..predictions.len().min(ratings.len())).collect();
    order.sort_by(|&a, &b| gain(b).total_cmp(&gain(a)));
    let ideal: f64 =
        order.iter().take(k).enumerate().map(|(i, &item)| gain(item) * discount(i)).sum();
    if ideal <= 0.0 {
        return None;
    }
    order.sort_by(|&a, &b| predictions[b].total_cmp(&predictions[a]));
    let mut place = 0;
    let mut found = 0.0;
    for tied in order.chunk_by(|&a, &b| predictions[a] == predictions[b]) {
        let share = tied.iter().map(|&item| gain(item)).sum::<f64>() / tied.len() as f64;
        for _ in tied {
            if place < k {
                found += share * discount(place);
            }
            place += 1;
        }
    }
    Some(found / ideal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_by_hand() {
        let (predictions, ratings) = ([1.0, 2.0, 5.0], [2.0, 2.0, 3.0]);
        assert_eq!(mean_absolute_error(&predictions, &ratings), 1.0);
        assert_eq!(mean_squared_error(&predictions, &ratings), 5.0 / 3.0);
    }

    #[test]
    fn gain_by_hand() {
        let ratings = [3.0, 5.0, 1.0];
        assert_eq!(ndcg(&[2.0, 3.0, 1.0], &ratings, 3), Some(1.0));
        // The order 1, 3, 5 against 5, 3, 1.
        let log = |x: f64| x.log2();
        let found = 1.0 + 3.0 / log(3.0) + 5.0 / 2.0;
        let ideal = 5.0 + 3.0 / log(3.0) + 1.0 / 2.0;
        let value = ndcg(&[2.0, 1.0, 3.0], &ratings, 3).unwrap();
        assert!((value - found / ideal).abs() < 1e-12);
        assert_eq!(ndcg(&[2.0, 1.0, 3.0], &ratings, 1), Some(0.2));
        assert_eq!(ndcg(&[1.0, 2.0], &[0.0, 0.0], 2), None);
    }

    #[test]
    fn ties_earn_what_a_random_order_would() {
        let ratings = [5.0, 1.0, 3.0];
        assert_eq!(ndcg(&[1.0; 3], &ratings, 1), Some(3.0 / 5.0));
        let orders = [
            [3.0, 2.0, 1.0],
            [3.0, 1.0, 2.0],
            [2.0, 3.0, 1.0],
            [1.0, 3.0, 2.0],
            [2.0, 1.0, 3.0],
            [1.0, 2.0, 3.0],
        ];
        let mean = orders.iter().map(|order| ndcg(order, &ratings, 2).unwrap()).sum::<f64>() / 6.0;
        assert!((ndcg(&[1.0; 3], &ratings, 2).unwrap() - mean).abs() < 1e-12);
    }
}
