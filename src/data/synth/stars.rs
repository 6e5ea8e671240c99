//! Turns a noise-free score into the half stars that people give.

/// The lowest and the highest rating.
const LOWEST: f64 = 0.5;
const HIGHEST: f64 = 5.0;

/// The nearest half star.
pub(super) fn rating(score: f64) -> f32 {
    ((score * 2.0).round() / 2.0).clamp(LOWEST, HIGHEST) as f32
}

/// The mean of [`rating`] over a normally distributed score.
pub(super) fn expected_rating(mean: f64, deviation: f64) -> f32 {
    // A rating is the lowest one, plus half a star for each bound that the score exceeds.
    let passes = |bound: f64| {
        if deviation > 0.0 {
            normal_distribution((mean - bound) / deviation)
        } else {
            f64::from(u8::from(mean >= bound))
        }
    };
    let bounds = (1..).map(|half_stars| 0.25 + f64::from(half_stars) / 2.0);
    let passed: f64 = bounds.take_while(|&bound| bound < HIGHEST).map(passes).sum();
    (LOWEST + passed / 2.0) as f32
}

/// The standard normal distribution function, to 1e-15 absolute.
fn normal_distribution(x: f64) -> f64 {
    if x.abs() > 8.5 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    // The density times x + x^3/3 + x^5/(3 5) + x^7/(3 5 7) + ...
    let (mut sum, mut term, mut odd) = (x, x, 1.0);
    loop {
        odd += 2.0;
        term *= x * x / odd;
        if sum + term == sum {
            break;
        }
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_function_has_its_known_values() {
        for (x, expected) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-1.959_963_984_540_054, 0.025),
            (3.0, 0.998_650_101_968_369_9),
            (-6.0, 9.865_876_450_376_98e-10),
            (9.0, 1.0),
            (f64::NEG_INFINITY, 0.0),
        ] {
            assert!((normal_distribution(x) - expected).abs() < 1e-14, "{x}");
        }
    }

    #[test]
    fn expected_ratings_are_the_mean_of_ratings() {
        for mean in [-1.0, 0.5, 0.74, 2.6, 3.25, 4.9, 5.0, 7.0] {
            assert_eq!(expected_rating(mean, 0.0), rating(mean));
            for deviation in [0.1, 0.5, 2.0] {
                // The mean over a fine grid of the noise.
                let (mut sum, mut weights) = (0.0, 0.0);
                for step in -8000..=8000 {
                    let noise = f64::from(step) / 1000.0;
                    let weight = (-noise * noise / 2.0).exp();
                    sum += weight * f64::from(rating(mean + deviation * noise));
                    weights += weight;
                }
                let difference = f64::from(expected_rating(mean, deviation)) - sum / weights;
                assert!(difference.abs() < 1e-3, "{mean} {deviation} {difference}");
            }
        }
    }
}
