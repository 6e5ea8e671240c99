//! Ratings predicted in closed form.

use super::Factors;
use super::posterior::{add, dot};
use super::ridge::add_scaled;
use crate::data::Rated;
use crate::kernels::cholesky;
use crate::{Error, Result};

impl Factors {
    /// Predicts a user's ratings of `items` into `out` from the `support`, the
    /// ratings that are known: the exact posterior mean, within the range of the
    /// training ratings.
    ///
    /// `user` and items are rows of the data folder. Given nothing, it is the
    /// profile that speaks. Any number of threads may call it at once.
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
        let mut taste: Vec<f64> = start.iter().map(|&weight| weight.into()).collect();
        let learned = self.learned(&taste, support)?;
        add(&mut taste, &learned);
        for (position, (&item, out)) in items.iter().zip(out).enumerate() {
            let (vector, bias, _) = self.item(position, item)?;
            let score = self.mean + self.scale * (bias + dot(&vector, &taste)) as f32;
            *out = score.max(self.range.0).min(self.range.1);
        }
        Ok(())
    }

    /// How far the user's ratings move the weights from the start.
    fn learned(&self, start: &[f64], support: &[Rated]) -> Result<Vec<f64>> {
        let width = self.width;
        let mut precision = vec![0.0; width * width];
        precision.iter_mut().step_by(width + 1).for_each(|element| *element = 1.0);
        let mut moment = vec![0.0; width];
        for (position, rated) in support.iter().enumerate() {
            let (vector, bias, uncertainty) = self.item(position, rated.item)?;
            if !rated.value.is_finite() {
                let (value, problem) = (rated.value, "a finite number is expected".into());
                return Err(Error::Rating { position, value, problem });
            }
            let rating = f64::from(rated.value - self.mean) / f64::from(self.scale);
            let certainty = 1.0 / (f64::from(self.noise) + uncertainty);
            let left = rating - bias - dot(&vector, start);
            add_scaled(&mut moment, certainty * left, &vector);
            for i in 0..width {
                let row = &mut precision[i * width + i..][..width - i];
                add_scaled(row, certainty * vector[i], &vector[i..]);
            }
        }
        if !cholesky::factorise(&mut precision, width) {
            let problem = "the ratings are too many or too large for these factors".into();
            return Err(Error::Diverged { work: "the factor model", problem });
        }
        cholesky::solve(&precision, width, &mut moment);
        Ok(moment)
    }

    /// An item's vector, bias and uncertainty.
    fn item(&self, position: usize, index: u32) -> Result<(Vec<f64>, f64, f64)> {
        let item = index as usize;
        let len = self.biases.len();
        if item >= len {
            return Err(Error::ItemIndex { position, index, len });
        }
        let vector = &self.vectors[item * self.width..][..self.width];
        let vector = vector.iter().map(|&x| x.into()).collect();
        Ok((vector, self.biases[item].into(), self.uncertainties[item].into()))
    }
}
