//! The loss of a prediction, and the conversion between the head's units and ratings.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The loss of one prediction, in the head's own units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Squared error, for ratings.
    Mse,
    /// Half the squared error up to an error of 1, and linear from there on:
    /// for ratings, when the absolute error matters.
    SmoothL1,
    /// Binary cross-entropy on the head's logit, for clicks.
    Bce,
}

impl FromStr for Loss {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "mse" => Ok(Self::Mse),
            "smooth_l1" => Ok(Self::SmoothL1),
            "bce" => Ok(Self::Bce),
            _ => Err(format!("loss is \"{name}\"; mse, smooth_l1 or bce is expected")),
        }
    }
}

/// The least slope of the logistic curve, at a probability of some 5 %: the most surprise of
/// a click.
pub(crate) const FLATTEST: f32 = 0.05;

impl Loss {
    /// The loss itself.
    pub fn value(self, head: f32, target: f32) -> f32 {
        match self {
            Self::Mse => (head - target) * (head - target),
            Self::SmoothL1 => {
                let error = (head - target).abs();
                if error < 1.0 { 0.5 * error * error } else { error - 0.5 }
            }
            // log(1 + exp(head)) - target * head, without overflow.
            Self::Bce => head.max(0.0) - target * head + (-head.abs()).exp().ln_1p(),
        }
    }

    /// Its derivative by the head's output.
    pub fn derivative(self, head: f32, target: f32) -> f32 {
        match self {
            Self::Mse => 2.0 * (head - target),
            Self::SmoothL1 => (head - target).clamp(-1.0, 1.0),
            Self::Bce => -distance(head, target),
        }
    }

    /// Its second derivative by the head's output.
    pub fn second_derivative(self, head: f32, target: f32) -> f32 {
        match self {
            Self::Mse => 2.0,
            Self::SmoothL1 => f32::from(u8::from((head - target).abs() < 1.0)),
            Self::Bce => sigmoid(head) * sigmoid(-head),
        }
    }

    /// The distance of the target above the head's output, and its variance in multiples of
    /// the noise.
    ///
    /// With clicks both are those of iteratively reweighted least squares
    /// (McCullagh and Nelder 1989): where the logistic curve is flat, a click
    /// says little of the logit. The curve counts as no flatter than
    /// where its slope is 0.05.
    pub fn working_residual(self, head: f32, target: f32) -> (f32, f32) {
        match self {
            Self::Mse | Self::SmoothL1 => (target - head, 1.0),
            Self::Bce => {
                let variance = 1.0 / self.second_derivative(head, target).max(FLATTEST);
                (distance(head, target) * variance, variance)
            }
        }
    }

    /// The derivatives of both of [`Loss::working_residual`] by the head's output.
    pub fn working_residual_slopes(self, head: f32, target: f32) -> (f32, f32) {
        match self {
            Self::Mse | Self::SmoothL1 => (-1.0, 0.0),
            Self::Bce => {
                let curvature = self.second_derivative(head, target);
                if curvature <= FLATTEST {
                    return (-curvature / FLATTEST, 0.0);
                }
                // The curvature changes by itself times 1 - 2 p.
                let probability = sigmoid(head);
                let variance_slope = -(1.0 - 2.0 * probability) / curvature;
                (-1.0 + distance(head, target) * variance_slope, variance_slope)
            }
        }
    }
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// How far a target, 0 to 1, lies above the logit's probability.
///
/// A probability of nearly 1 leaves 1 with few digits: at a logit of 9 their difference would be
/// wrong by 1 part in 4,000.
fn distance(logit: f32, target: f32) -> f32 {
    target * sigmoid(-logit) - (1.0 - target) * sigmoid(logit)
}

/// The conversion between the head's units and ratings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Output {
    /// The loss that the head was trained for.
    pub loss: Loss,
    /// The number of rating units in one of the head's; 1 with [`Loss::Bce`].
    pub scale: f32,
    /// The rating at which the head is 0; 0 with [`Loss::Bce`].
    pub offset: f32,
    /// The scale: the least and the greatest rating of the training data. Predicted ratings
    /// are clipped to it, and ratings that lie beyond it by more than a tenth of its width
    /// are refused. `None` with [`Loss::Bce`], or if the scale is not known.
    pub range: Option<[f32; 2]>,
}

/// Ratings may lie beyond the scale by this share of its width: what somebody writes a little
/// differently is no error, and what belongs to another scale (of 5, 10 or 100) is one.
const TOLERANCE: f32 = 0.1;

impl Output {
    /// The head's target for a rating.
    pub fn target(&self, rating: f32) -> f32 {
        match self.loss {
            Loss::Mse | Loss::SmoothL1 => (rating - self.offset) / self.scale,
            Loss::Bce => rating,
        }
    }

    /// Converts the head's output to a rating, or to a probability with [`Loss::Bce`].
    pub fn score(&self, head: f32) -> f32 {
        match self.loss {
            Loss::Mse | Loss::SmoothL1 => self.offset + self.scale * head,
            Loss::Bce => sigmoid(head),
        }
    }

    /// Converts the head's outputs in place, as [`Output::score`] does: many at once, if the loss
    /// is looked at before.
    pub(crate) fn scores(&self, heads: &mut [f32]) {
        match self.loss {
            Loss::Mse | Loss::SmoothL1 => {
                heads.iter_mut().for_each(|head| *head = self.offset + self.scale * *head);
            }
            Loss::Bce => heads.iter_mut().for_each(|head| *head = sigmoid(*head)),
        }
    }

    /// A predicted rating, clipped to the scale.
    pub fn clip(&self, rating: f32) -> f32 {
        match self.range {
            // Not `clamp`, which panics where the ends are not in order.
            Some([lowest, highest]) => rating.max(lowest).min(highest),
            None => rating,
        }
    }

    /// The standard deviation of a rating around its score, or of a probability,
    /// from the variance of the head's output and the noise's.
    pub fn deviation(&self, score: f32, variance: f32, noise: f32) -> f32 {
        match self.loss {
            Loss::Mse | Loss::SmoothL1 => self.scale * (variance + noise).sqrt(),
            // The logistic curve's slope.
            Loss::Bce => score * (1.0 - score) * variance.sqrt(),
        }
    }

    /// Checks that a rating can be learned from.
    ///
    /// # Errors
    /// What is expected instead.
    pub fn check(&self, rating: f32) -> Result<(), String> {
        match self.loss {
            Loss::Mse | Loss::SmoothL1 if !self.target(rating).is_finite() => {
                Err("a finite number is expected".into())
            }
            Loss::Bce if rating != 0.0 && rating != 1.0 => {
                Err("this model learns from clicks: 0 or 1 is expected".into())
            }
            _ => match self.range {
                Some([lowest, highest]) if !self.is_on_scale(rating) => Err(format!(
                    "the model's ratings go from {lowest} to {highest}; one on that scale is \
                     expected"
                )),
                _ => Ok(()),
            },
        }
    }

    /// Whether a rating lies on the scale, or beyond it by no more than is tolerated.
    pub(crate) fn is_on_scale(&self, rating: f32) -> bool {
        self.range.is_none_or(|[lowest, highest]| {
            let beyond = TOLERANCE * (highest - lowest);
            (lowest - beyond..=highest + beyond).contains(&rating)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_agree_with_differences() {
        for loss in [Loss::Mse, Loss::SmoothL1, Loss::Bce] {
            for step in -20..=20 {
                let head = step as f32 * 0.25;
                for target in [0.0, 1.0] {
                    let h = 1e-2;
                    if loss == Loss::SmoothL1 && ((head - target).abs() - 1.0).abs() <= h {
                        continue;
                    }
                    let slope =
                        (loss.value(head + h, target) - loss.value(head - h, target)) / (2.0 * h);
                    assert!((loss.derivative(head, target) - slope).abs() < 1e-3);
                    let curvature = (loss.derivative(head + h, target)
                        - loss.derivative(head - h, target))
                        / (2.0 * h);
                    assert!((loss.second_derivative(head, target) - curvature).abs() < 1e-3);
                }
            }
        }
    }

    #[test]
    fn working_residuals_change_as_their_slopes_say() {
        for loss in [Loss::Mse, Loss::SmoothL1, Loss::Bce] {
            for step in -20..=20 {
                let (head, h) = (step as f32 * 0.25, 1e-2);
                for target in [0.0, 1.0] {
                    let above = loss.working_residual(head + h, target);
                    let below = loss.working_residual(head - h, target);
                    let slopes = loss.working_residual_slopes(head, target);
                    let close = |a: f32, b: f32| (a - b).abs() < 2e-3 * (1.0 + b.abs());
                    assert!(close((above.0 - below.0) / (2.0 * h), slopes.0), "{loss:?} {head}");
                    assert!(close((above.1 - below.1) / (2.0 * h), slopes.1), "{loss:?} {head}");
                }
            }
        }
    }

    #[test]
    fn gradients_of_clicks_keep_their_digits_where_the_logistic_curve_is_flat() {
        for step in -80..=80 {
            let head = step as f32 * 0.25;
            for target in [0.0, 0.25, 1.0] {
                let wide = f64::from(head);
                let [wrong, right] = [-wide, wide].map(|logit| 1.0 / (1.0 + (-logit).exp()));
                let distance = f64::from(target) * wrong - f64::from(1.0 - target) * right;
                let variance = 1.0 / (wrong * right).max(f64::from(FLATTEST));
                let near = |found: f32, expected: f64| {
                    (f64::from(found) - expected).abs() <= 1e-6 * expected.abs().min(1.0) + 1e-30
                };
                assert!(near(Loss::Bce.derivative(head, target), -distance) || target == 0.25);
                let residual = f64::from(Loss::Bce.working_residual(head, target).0);
                let expected = distance * variance;
                let scale = if target == 0.25 { 1.0 } else { expected.abs() };
                assert!((residual - expected).abs() <= 2e-6 * scale, "{head} {target}");
            }
        }
    }

    #[test]
    fn cross_entropy_neither_overflows_nor_loses_small_values() {
        assert_eq!(Loss::Bce.value(1e30, 1.0), 0.0);
        assert_eq!(Loss::Bce.value(-1e30, 1.0), 1e30);
        assert!((Loss::Bce.value(20.0, 1.0) - (-20f32).exp()).abs() < 1e-12);
    }
}
