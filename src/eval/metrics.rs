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
/// A gain is never below 0, since nDCG would not be between 0 and 1 then. On a scale with
/// negative ratings, a gain is the rating's distance from the scale's lower end:
/// [`Baselines::gains`](super::Baselines::gains) computes it. A gain below 0 counts as 0.
///
/// Items with equal scores share the mean of their gains, so that their order does not
/// matter. `None` if no item has a gain above 0.
pub fn ndcg(predictions: &[f32], gains: &[f32], k: usize) -> Option<f64> {
    let discount = |place: usize| 1.0 / ((place + 2) as f64).log2();
    let gain = |item: usize| f64::from(gains[item]).max(0.0);
    let mut order: Vec<usize> = (0..predictions.len().min(gains.len())).collect();
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

/// The probability that a random click has a greater prediction than a random impression
/// without a click, where equal predictions count half. `None` if there are not both.
///
/// A rating of at least 0.5 is a click.
pub fn area_under_curve(predictions: &[f32], ratings: &[f32]) -> Option<f64> {
    let mut pairs: Vec<(f32, bool)> =
        predictions.iter().copied().zip(ratings.iter().map(|rating| *rating >= 0.5)).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let clicks = pairs.iter().filter(|(_, click)| *click).count() as f64;
    let others = pairs.len() as f64 - clicks;
    if clicks == 0.0 || others == 0.0 {
        return None;
    }
    let (mut below, mut won) = (0.0, 0.0);
    for tied in pairs.chunk_by(|a, b| a.0 == b.0) {
        let clicks = tied.iter().filter(|(_, click)| *click).count() as f64;
        let others = tied.len() as f64 - clicks;
        won += clicks * (below + others / 2.0);
        below += others;
    }
    Some(won / (clicks * others))
}

/// Predictions of clicks closer to 0 or 1 than this count as if they were this close: the
/// logarithm of a mean that is 0 would be infinite.
const CLOSEST: f64 = 0.001;

/// The mean negative logarithm of the probability that was predicted for what happened; 0
/// without numbers. Predictions are clipped to 0.001 to 0.999.
///
/// A rating of at least 0.5 is a click.
pub fn log_loss(predictions: &[f32], ratings: &[f32]) -> f64 {
    let losses = predictions.iter().zip(ratings).map(|(prediction, rating)| {
        let click = f64::from(*prediction).clamp(CLOSEST, 1.0 - CLOSEST);
        -if *rating >= 0.5 { click.ln() } else { (1.0 - click).ln() }
    });
    losses.sum::<f64>() / predictions.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn clicks_by_hand() {
        let clicks = [1.0, 0.0, 1.0, 0.0];
        assert_eq!(area_under_curve(&[0.9, 0.1, 0.4, 0.4], &clicks), Some(3.5 / 4.0));
        assert_eq!(area_under_curve(&[0.5; 4], &clicks), Some(0.5));
        assert_eq!(area_under_curve(&[0.5, 0.6], &[1.0, 1.0]), None);
        let loss = log_loss(&[0.8, 0.4], &[1.0, 0.0]);
        assert!((loss + (0.8f64.ln() + 0.6f64.ln()) / 2.0).abs() < 1e-7, "{loss}");
        // Certain, and wrong.
        assert!((log_loss(&[0.0], &[1.0]) + 0.001f64.ln()).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn ndcg_is_a_share(
            pairs in proptest::collection::vec((-10.0f32..10.0, -10.0f32..10.0), 1..12),
            k in 1usize..8,
        ) {
            let (predictions, gains): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            if let Some(value) = ndcg(&predictions, &gains, k) {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&value), "{value}");
            }
        }

        #[test]
        fn area_agrees_with_all_pairs(
            pairs in proptest::collection::vec((0u8..5, any::<bool>()), 2..20),
        ) {
            let predictions: Vec<f32> = pairs.iter().map(|(p, _)| f32::from(*p)).collect();
            let ratings: Vec<f32> = pairs.iter().map(|(_, c)| f32::from(u8::from(*c))).collect();
            let (mut won, mut count) = (0.0, 0.0);
            for (p, _) in pairs.iter().filter(|(_, click)| *click) {
                for (q, _) in pairs.iter().filter(|(_, click)| !click) {
                    won += if p > q { 1.0 } else if p == q { 0.5 } else { 0.0 };
                    count += 1.0;
                }
            }
            let expected = (count > 0.0).then(|| won / count);
            prop_assert_eq!(area_under_curve(&predictions, &ratings), expected);
        }
    }
}
