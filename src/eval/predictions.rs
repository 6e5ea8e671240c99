//! Tasks and predictions as a table, so that others can compute the figures again.

use std::io::Write;

use super::results::{Given, Predictor};
use crate::data::{Dataset, Rated, Scenario, Task};
use crate::{Error, Result};

/// One user's task, and the predictions for its query set.
#[derive(Clone, Debug)]
pub struct PredictedTask {
    /// The scenario.
    pub scenario: Scenario,
    /// The draw, from 0.
    pub draw: usize,
    /// The user, the known ratings in the order in which they are given, and those to predict.
    pub task: Task,
    /// For each of [`Given::ALL`] and, within it, each of [`Predictor::ALL`], the clipped
    /// predictions of the query set.
    pub predictions: Vec<Vec<f32>>,
}

/// Writes predicted tasks as CSV.
///
/// A row of part `known` is a known rating; `place` is its place, from 1, in the order in which
/// ratings are given. A row of part `query` is a rating to predict and what each predictor made
/// of it when the first `given` known ratings were given, 0 to `all`: a column for each, under
/// its name in JSON. Columns that do not belong to a row's part are empty.
#[derive(Debug)]
pub struct PredictionsWriter<'a, W: Write> {
    writer: csv::Writer<W>,
    dataset: &'a Dataset,
}

/// The columns before the predictors'.
const COLUMNS: [&str; 8] = ["scenario", "draw", "user", "part", "place", "given", "item", "rating"];

impl<'a, W: Write> PredictionsWriter<'a, W> {
    /// Writes the header.
    ///
    /// # Errors
    /// [`Error::Argument`] if `out` cannot be written to.
    pub fn new(out: W, dataset: &'a Dataset) -> Result<Self> {
        let mut writer = csv::Writer::from_writer(out);
        let predictors = Predictor::ALL.map(Predictor::key);
        writer.write_record(COLUMNS.iter().chain(&predictors)).map_err(failed)?;
        Ok(Self { writer, dataset })
    }

    /// Writes one user's task.
    ///
    /// # Errors
    /// [`Error::Argument`] if it cannot be written.
    pub fn write(&mut self, predicted: &PredictedTask) -> Result<()> {
        let PredictedTask { scenario, draw, task, predictions } = predicted;
        let draw = draw.to_string();
        let id = |ids: &crate::model::schema::Strings, row: u32| {
            ids.get(row as usize).unwrap_or_default().to_owned()
        };
        let user = id(self.dataset.users.ids(), task.user);
        let first = [scenario.name(), &draw, &user];
        let rating =
            |rated: &Rated| [id(self.dataset.items.ids(), rated.item), rated.value.to_string()];
        for (place, rated) in (1..).zip(&task.support) {
            let (place, rating) = (place.to_string(), rating(rated));
            let row = first.into_iter().chain(["known", &place, ""]);
            let row = row.chain(rating.iter().map(String::as_str));
            self.writer.write_record(row.chain(Predictor::ALL.map(|_| ""))).map_err(failed)?;
        }
        for (given, predictions) in Given::ALL.iter().zip(predictions.chunks(Predictor::ALL.len()))
        {
            let given = given.to_string();
            for (place, rated) in task.query.iter().enumerate() {
                let predicted = predictions.iter().map(|of_one| of_one[place].to_string());
                let row = first.into_iter().chain(["query", "", &given]).map(String::from);
                let row = row.chain(rating(rated)).chain(predicted);
                self.writer.write_record(row).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Writes all that is left.
    ///
    /// # Errors
    /// [`Error::Argument`] if it cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.writer.flush().map_err(|error| failed(error.into()))
    }
}

fn failed(error: csv::Error) -> Error {
    Error::argument("predictions", format!("cannot write them: {error}"))
}
