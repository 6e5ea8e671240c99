//! One global update: a batch of tasks, their gradients, and Adam.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::adam::{EmbeddingUpdate, Moments, Step};
use super::options::TrainOptions;
use super::parameters::Parameters;
use super::task_gradient::{BatchContext, GradientScratch, TaskGradient};
use super::training_set::{TaskRows, TrainingSet};
use crate::data::Task;
use crate::kernels::add_scaled;
use crate::model::embedding::Mix;
use crate::model::prior::Term;
use crate::model::schema::{Column, Field};

/// How fast the profile's weights learn, beside the others: few users share a profile, and
/// at the full rate the weights learn these users by heart (MovieLens 1M: new users .6815
/// instead of .6807, new items .856 instead of .854).
const PROFILE_RATE: f32 = 0.1;

/// The moments of all parameters, and how many updates there were.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimiser {
    pub updates: u64,
    pub embeddings: Vec<Moments>,
    pub user_prior: Vec<Moments>,
    pub body: Moments,
    pub head: Moments,
    pub solver: Moments,
}

impl Optimiser {
    pub fn new(parameters: &Parameters) -> Self {
        let Parameters { embeddings, user_prior, body, head, solver } = parameters;
        let moments = |tensor: &Vec<f32>| Moments::new(tensor.len());
        Self {
            updates: 0,
            embeddings: embeddings.iter().map(moments).collect(),
            user_prior: user_prior.iter().map(moments).collect(),
            body: moments(body),
            head: moments(head),
            solver: moments(solver),
        }
    }
}

/// Memory for the gradients of a batch.
#[derive(Debug)]
pub struct Batch {
    tasks: Vec<TaskGradient>,
    /// Each thread's own, which its cache holds.
    scratch: Vec<Mutex<GradientScratch>>,
    embeddings: Vec<EmbeddingUpdate>,
    user_prior: Vec<EmbeddingUpdate>,
}

impl Batch {
    pub fn new(set: &TrainingSet, size: usize, parameters: &Parameters) -> Self {
        let width = set.config.embedding_dim;
        let numbers = parameters.head.len();
        let terms = parameters.user_prior.iter();
        let embeddings = set.fields().map(|field| EmbeddingUpdate::new(field.size, width));
        Self {
            tasks: (0..size).map(|_| TaskGradient::default()).collect(),
            scratch: (0..rayon::current_num_threads()).map(|_| Mutex::default()).collect(),
            embeddings: embeddings.collect(),
            user_prior: terms
                .map(|weights| EmbeddingUpdate::new(weights.len() / numbers, numbers))
                .collect(),
        }
    }

    /// Moves the parameters by the mean of the tasks' gradients, and returns
    /// the sum of their query losses.
    ///
    /// Tasks are computed side by side and added up in their order, so the
    /// result does not depend on the number of threads.
    pub fn update(
        &mut self,
        set: &TrainingSet,
        options: &TrainOptions,
        learning_rate: f32,
        tasks: &[(Task, TaskRows)],
        parameters: &mut Parameters,
        optimiser: &mut Optimiser,
    ) -> f64 {
        let gradients = &mut self.tasks[..tasks.len()];
        let means = set.means(&parameters.embeddings, tasks.iter().map(|(task, _)| task));
        let local = parameters.local(&set.config.local);
        let head_scale = parameters.head_scale(&set.config.local);
        let shared = BatchContext {
            set,
            order: options.order,
            parameters,
            local: &local,
            head_scale: &head_scale,
            means: &means,
        };
        let scratch = &self.scratch;
        gradients.par_iter_mut().zip(tasks).for_each(|(gradient, (task, rows))| {
            let thread = rayon::current_thread_index().unwrap_or(0) % scratch.len();
            // What a task leaves there means nothing to the next one.
            let mut scratch = scratch[thread].lock().unwrap_or_else(PoisonError::into_inner);
            gradient.compute(shared, task, rows, &mut scratch);
            if let Some(longest) = options.longest_gradient {
                gradient.shorten(longest);
            }
        });

        optimiser.updates += 1;
        let step = Step::new(learning_rate, optimiser.updates);
        let profile_step = Step::new(learning_rate * PROFILE_RATE, optimiser.updates);
        let share = 1.0 / tasks.len() as f32;
        let gradients = &*gradients;
        self.embeddings
            .par_iter_mut()
            .zip(&mut optimiser.embeddings)
            .zip(&mut parameters.embeddings)
            .zip(set.fields().collect::<Vec<_>>())
            .enumerate()
            .filter(|(_, (_, field))| field.embedded)
            .for_each(|(index, (((update, moments), embedding), field))| {
                let mut scatter = Scatter { set, update, field, index, share };
                scatter.add_all(tasks, gradients);
                scatter.update.apply(step, moments, embedding);
            });
        self.user_prior
            .par_iter_mut()
            .zip(&mut optimiser.user_prior)
            .zip(&mut parameters.user_prior)
            .zip(set.user_terms())
            .for_each(|(((update, moments), weights), term)| {
                scatter_start(set, term, tasks, gradients, share, update);
                update.apply(profile_step, moments, weights);
            });
        let mean = |part: fn(&TaskGradient) -> &Vec<f32>| {
            let mut sum = vec![0.0; gradients.first().map_or(0, |first| part(first).len())];
            gradients.iter().for_each(|gradient| add_scaled(&mut sum, share, part(gradient)));
            sum
        };
        optimiser.body.update(step, &mut parameters.body, &mean(|gradient| &gradient.body));
        optimiser.head.update(step, &mut parameters.head, &mean(|gradient| &gradient.head));
        if options.learn_solver {
            // By the logarithm of a number: the number times the gradient by it.
            let mut by_logarithm = mean(|gradient| &gradient.solver);
            for (gradient, logarithm) in by_logarithm.iter_mut().zip(&parameters.solver) {
                *gradient *= logarithm.exp();
            }
            optimiser.solver.update(step, &mut parameters.solver, &by_logarithm);
        }
        gradients.iter().map(|gradient| f64::from(gradient.loss)).sum()
    }
}

/// Gives one term of the users' prior its part of the tasks' gradients by where their heads
/// start.
fn scatter_start(
    set: &TrainingSet,
    term: &Term,
    tasks: &[(Task, TaskRows)],
    gradients: &[TaskGradient],
    share: f32,
    update: &mut EmbeddingUpdate,
) {
    let (fields, columns) = (&set.config.user_fields, &set.user_columns);
    for ((task, _), gradient) in tasks.iter().zip(gradients) {
        term.input.shares(fields, columns, task.user as usize, |row, of_row| {
            update.add(row as u32, share * of_row, &gradient.head);
        });
    }
}

/// Gives one field's embedding its part of the tasks' gradients.
struct Scatter<'a> {
    set: &'a TrainingSet,
    update: &'a mut EmbeddingUpdate,
    field: &'a Field,
    /// The field's place among the items' fields and then the users'.
    index: usize,
    share: f32,
}

impl Scatter<'_> {
    fn add_all(&mut self, tasks: &[(Task, TaskRows)], gradients: &[TaskGradient]) {
        let set = self.set;
        let width = set.config.embedding_dim;
        let item_fields = set.config.item_fields.len();
        for ((task, _), gradient) in tasks.iter().zip(gradients) {
            if self.index < item_fields {
                let column = &set.item_columns[self.index];
                let start = set.vector_width + place(&set.config.item_fields, self.index) * width;
                for (rated, gradient) in
                    [(&task.support, &gradient.support), (&task.query, &gradient.query)]
                {
                    let rows = gradient.items.chunks_exact(set.item_width);
                    for (rated, row) in rated.iter().zip(rows) {
                        self.add(column, rated.item as usize, &row[start..][..width]);
                    }
                }
            } else {
                let index = self.index - item_fields;
                let start = place(&set.config.user_fields, index) * width;
                let part = &gradient.user[start..][..width];
                self.add(&set.user_columns[index], task.user as usize, part);
            }
        }
    }

    /// Gives the rows of one user's or item's mix their shares.
    fn add(&mut self, column: &Column, row: usize, gradient: &[f32]) {
        match Mix::new(self.field, column, row) {
            Mix::MeanOf(values) => {
                let share = self.share / values.len() as f32;
                values.iter().for_each(|&value| self.update.add(value, share, gradient));
            }
            Mix::MeanOfAll => {
                self.update.add_to_all(self.share / self.field.size as f32, gradient);
            }
            Mix::Line(number) => {
                self.update.add(0, self.share * number, gradient);
                self.update.add(1, self.share, gradient);
            }
        }
    }
}

/// A field's place among those that are embedded.
fn place(fields: &[Field], index: usize) -> usize {
    fields[..index].iter().filter(|field| field.embedded).count()
}

#[cfg(test)]
mod tests;
