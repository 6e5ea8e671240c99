//! What a prediction costs, and how the head's units meet the ratings'.

use serde::{Deserialize, Serialize};

/// The loss of one prediction, in the head's own units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Squared error, for ratings.
    Mse,
    /// Binary cross-entropy on the head's logit, for clicks.
    Bce,
}

impl Loss {
    /// The loss itself.
    pub fn value(self, head: f32, target: f32) -> f32 {
        match self {
            Self::Mse => (head - target) * (head - target),
            // log(1 + exp(head)) - target * head, without overflow.
            Self::Bce => head.max(0.0) - target * head + (-head.abs()).exp().ln_1p(),
        }
    }

    /// Its derivative by the head's output.
    pub fn derivative(self, head: f32, target: f32) -> f32 {
        match self {
            Self::Mse => 2.0 * (head - target),
            Self::Bce => sigmoid(head) - target,
        }
    }

    /// Its second derivative by the head's output.
    pub fn second_derivative(self, head: f32) -> f32 {
        match self {
            Self::Mse => 2.0,
            Self::Bce => sigmoid(head) * sigmoid(-head),
        }
    }
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// How the head's units meet the ratings'.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Output {
    /// The loss that the head was trained for.
    pub loss: Loss,
    /// Rating units in one of the head's; 1 with [`Loss::Bce`].
    pub scale: f32,
    /// The rating at which the head is 0; 0 with [`Loss::Bce`].
    pub offset: f32,
}

impl Output {
    /// What the head should say for a rating.
    pub fn target(&self, rating: f32) -> f32 {
        match self.loss {
            Loss::Mse => (rating - self.offset) / self.scale,
            Loss::Bce => rating,
        }
    }

    /// What the head says, as a rating, or as a probability with [`Loss::Bce`].
    pub fn score(&self, head: f32) -> f32 {
        match self.loss {
            Loss::Mse => self.offset + self.scale * head,
            Loss::Bce => sigmoid(head),
        }
    }

    /// Whether a rating can be learned from, and what is expected if not.
    pub fn check(&self, rating: f32) -> Result<(), &'static str> {
        match self.loss {
            Loss::Mse if !self.target(rating).is_finite() => Err("a finite number is expected"),
            Loss::Bce if rating != 0.0 && rating != 1.0 => {
                Err("this model learns from clicks: 0 or 1 is expected")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_agree_with_differences() {
        for loss in [Loss::Mse, Loss::Bce] {
            for step in -20..=20 {
                let head = step as f32 * 0.25;
                for target in [0.0, 1.0] {
                    let h = 1e-2;
                    let slope =
                        (loss.value(head + h, target) - loss.value(head - h, target)) / (2.0 * h);
                    assert!((loss.derivative(head, target) - slope).abs() < 1e-3);
                    let curvature = (loss.derivative(head + h, target)
                        - loss.derivative(head - h, target))
                        / (2.0 * h);
                    assert!((loss.second_derivative(head) - curvature).abs() < 1e-3);
                }
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
