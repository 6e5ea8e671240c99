//! Ratings predicted in closed form.

use ndarray::{Array1, Array2};

use super::Factors;
use crate::data::Rated;
use crate::train::dense::{Cholesky, add_squares, add_weighted_rows};
use crate::{Error, Result};

impl Factors {
    /// Predicts a user's ratings of `items` into `out` from the `support`, the
    /// ratings that are known: the exact posterior mean, within the range of the
    /// training ratings.
    ///
    /// `user` and items are rows of the data folder. Without support, the profile alone
    /// decides. Any number of threads may call it at once.
    ///
    /// # Errors
    /// [`Error::ItemIndex`] for a row that the data folder does not have,
    /// [`Error::Rating`] for a rating that is not finite, [`Error::Argument`] for
    /// a user that it does not have or an `out` of another length than `items`.
    pub fn predict(
        &self,
        user: u32,
        support: &[Rated],
        items: &[u32],
        out: &mut [f32],
    ) -> Result<()> {
        let width = self.width;
        let start = self.starts.get(user as usize * width..(user as usize + 1) * width);
        let Some(start) = start else {
            return Err(Error::argument("user", format!("{user} is not a row of the data folder")));
        };
        if out.len() != items.len() {
            let problem = format!("{} places for {} items", out.len(), items.len());
            return Err(Error::argument("out", problem));
        }
        let start: Array1<f64> = start.iter().map(|&weight| f64::from(weight)).collect();
        let weights = self.learned(&start, support)? + start;
        for (position, (&item, out)) in items.iter().zip(out).enumerate() {
            let (vector, bias, _) = self.item(position, item)?;
            let numbers = vector.iter().zip(&weights);
            let product: f64 = numbers.map(|(number, weight)| f64::from(*number) * weight).sum();
            let score = self.mean + self.scale * (bias + product) as f32;
            *out = score.max(self.range.0).min(self.range.1);
        }
        Ok(())
    }

    /// How far the user's ratings move the weights from the start.
    fn learned(&self, start: &Array1<f64>, support: &[Rated]) -> Result<Array1<f64>> {
        let mut rows = Array2::zeros((support.len(), self.width));
        let mut residuals = Array1::zeros(support.len());
        for (position, rated) in support.iter().enumerate() {
            let (vector, bias, uncertainty) = self.item(position, rated.item)?;
            if !rated.value.is_finite() {
                let (value, problem) = (rated.value, "a finite number is expected".into());
                return Err(Error::Rating { position, value, problem });
            }
            let rating = f64::from(rated.value - self.mean) / f64::from(self.scale);
            // In units of the rating's own standard deviation.
            let share = (f64::from(self.noise) + uncertainty).sqrt().recip();
            let mut left = rating - bias;
            for ((element, number), start) in
                rows.row_mut(position).iter_mut().zip(vector).zip(start)
            {
                left -= f64::from(*number) * start;
                *element = share * f64::from(*number);
            }
            residuals[position] = share * left;
        }
        let mut precision = Array2::eye(self.width);
        let mut moment = Array1::zeros(self.width);
        add_squares(&mut precision, rows.view());
        add_weighted_rows(&mut moment, residuals.view(), rows.view());
        let Some(factor) = Cholesky::new(precision) else {
            let problem = "the ratings are too many or too large for these factors".into();
            return Err(Error::Diverged { work: "the factor model", problem });
        };
        factor.solve(moment.view_mut());
        Ok(moment)
    }

    /// An item's vector, bias and uncertainty.
    fn item(&self, position: usize, index: u32) -> Result<(&[f32], f64, f64)> {
        let item = index as usize;
        let len = self.biases.len();
        if item >= len {
            return Err(Error::ItemIndex { list: "items", position, index, len });
        }
        let vector = &self.vectors[item * self.width..][..self.width];
        Ok((vector, self.biases[item].into(), self.uncertainties[item].into()))
    }
}
