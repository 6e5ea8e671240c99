//! One global update: a batch of tasks, their gradients, and Adam.

use rayon::prelude::*;

use super::adam::{EmbeddingUpdate, Moments, Step};
use super::meta_gradient::{MetaGradient, Order, Set};
use super::options::TrainOptions;
use super::parameters::Parameters;
use super::training_set::TrainingSet;
use crate::config::Local;
use crate::data::{Rated, Task};
use crate::embedding::{Mix, write_row};
use crate::head::Inputs;
use crate::kernels::add_scaled;
use crate::schema::{Column, Field};

/// The moments of all parameters, and how many updates there were.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimiser {
    pub updates: u64,
    pub embeddings: Vec<Moments>,
    pub head: Moments,
    pub log_rates: Moments,
}

impl Optimiser {
    pub fn new(parameters: &Parameters) -> Self {
        Self {
            updates: 0,
            embeddings: parameters.embeddings.iter().map(|e| Moments::new(e.len())).collect(),
            head: Moments::new(parameters.head.len()),
            log_rates: Moments::new(parameters.log_rates.len()),
        }
    }
}

/// Room for the gradients of a batch.
#[derive(Debug)]
pub struct Batch {
    slots: Vec<Slot>,
    embeddings: Vec<EmbeddingUpdate>,
}

/// One task's inputs and gradients.
#[derive(Debug, Default)]
struct Slot {
    user: Vec<f32>,
    support: SlotSet,
    query: SlotSet,
    gradient: MetaGradient,
}

#[derive(Debug, Default)]
struct SlotSet {
    items: Vec<f32>,
    targets: Vec<f32>,
}

impl Batch {
    pub fn new(set: &TrainingSet, size: usize) -> Self {
        let width = set.config.embedding_dim;
        let embeddings = set.fields().map(|field| EmbeddingUpdate::new(field.size, width));
        Self {
            slots: (0..size).map(|_| Slot::default()).collect(),
            embeddings: embeddings.collect(),
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
        tasks: &[Task],
        parameters: &mut Parameters,
        optimiser: &mut Optimiser,
    ) -> f64 {
        let slots = &mut self.slots[..tasks.len()];
        let means = set.means(&parameters.embeddings, tasks);
        let local = Local { rates: parameters.rates(), ..set.config.local };
        slots.par_iter_mut().zip(tasks).for_each(|(slot, task)| {
            slot.run(set, options.order, &local, parameters, &means, task);
            if let Some(longest) = options.longest_gradient {
                slot.gradient.shorten(longest);
            }
        });

        optimiser.updates += 1;
        let step = Step::new(learning_rate, optimiser.updates);
        let share = 1.0 / tasks.len() as f32;
        let slots = &*slots;
        let item_fields = set.config.item_fields.len();
        let updates = self.embeddings.par_iter_mut();
        let moments = optimiser.embeddings.par_iter_mut();
        let embeddings = parameters.embeddings.par_iter_mut();
        updates
            .zip(moments)
            .zip(embeddings)
            .zip(set.fields().collect::<Vec<_>>())
            .enumerate()
            .for_each(|(index, (((update, moments), embedding), field))| {
                let width = set.config.embedding_dim;
                for (slot, task) in slots.iter().zip(tasks) {
                    if index < item_fields {
                        let column = &set.item_columns[index];
                        let gradients = [
                            (&task.support, &slot.gradient.support_items),
                            (&task.query, &slot.gradient.query_items),
                        ];
                        for (rated, gradient) in gradients {
                            let rows = gradient.chunks_exact(set.shape.item_width());
                            for (rated, row) in rated.iter().zip(rows) {
                                let part = &row[index * width..][..width];
                                scatter(update, field, column, rated.item as usize, share, part);
                            }
                        }
                    } else {
                        let column = &set.user_columns[index - item_fields];
                        let part = &slot.gradient.user[(index - item_fields) * width..][..width];
                        scatter(update, field, column, task.user as usize, share, part);
                    }
                }
                update.apply(step, moments, embedding);
            });

        let mut gradient = vec![0.0; parameters.head.len()];
        let mut rate_gradient = vec![0.0; parameters.log_rates.len()];
        for slot in slots {
            add_scaled(&mut gradient, share, &slot.gradient.head);
            add_scaled(&mut rate_gradient, share, &slot.gradient.rates);
        }
        optimiser.head.update(step, &mut parameters.head, &gradient);
        if options.learn_rates {
            // By the logarithm of a rate: the rate times the gradient by it.
            for (gradient, rate) in rate_gradient.iter_mut().zip(&local.rates) {
                *gradient *= rate;
            }
            optimiser.log_rates.update(step, &mut parameters.log_rates, &rate_gradient);
        }
        slots.iter().map(|slot| f64::from(slot.gradient.loss)).sum()
    }
}

impl Slot {
    fn run(
        &mut self,
        set: &TrainingSet,
        order: Order,
        local: &Local,
        parameters: &Parameters,
        means: &[Vec<f32>],
        task: &Task,
    ) {
        let (item_embeddings, user_embeddings) =
            parameters.embeddings.split_at(set.config.item_fields.len());
        let (item_means, user_means) = means.split_at(set.config.item_fields.len());
        let fields = &set.config.user_fields;
        self.user.resize(set.shape.user_width(), 0.0);
        let row = task.user as usize;
        write_row(fields, &set.user_columns, row, user_embeddings, user_means, &mut self.user);
        self.support.fill(set, item_embeddings, item_means, &task.support);
        self.query.fill(set, item_embeddings, item_means, &task.query);
        let inputs = |slot: &SlotSet| slot.targets.len();
        let (support, query) = (inputs(&self.support), inputs(&self.query));
        self.gradient.compute(
            &set.shape,
            &set.config.output,
            local,
            &parameters.head,
            order,
            self.support.set(&self.user, support),
            self.query.set(&self.user, query),
        );
    }
}

impl SlotSet {
    fn fill(
        &mut self,
        set: &TrainingSet,
        embeddings: &[Vec<f32>],
        means: &[Vec<f32>],
        rated: &[Rated],
    ) {
        let width = set.shape.item_width();
        self.items.resize(rated.len() * width, 0.0);
        for (rated, out) in rated.iter().zip(self.items.chunks_exact_mut(width.max(1))) {
            let row = rated.item as usize;
            write_row(&set.config.item_fields, &set.item_columns, row, embeddings, means, out);
        }
        self.targets.clear();
        self.targets.extend(rated.iter().map(|rated| set.config.output.target(rated.value)));
    }

    fn set<'a>(&'a self, user: &'a [f32], rows: usize) -> Set<'a> {
        Set { inputs: Inputs { items: &self.items, user, rows }, targets: &self.targets }
    }
}

/// Gives an embedding's rows their shares of the gradient by their mix.
fn scatter(
    update: &mut EmbeddingUpdate,
    field: &Field,
    column: &Column,
    row: usize,
    scale: f32,
    gradient: &[f32],
) {
    match Mix::new(field, column, row) {
        Mix::MeanOf(values) => {
            let share = scale / values.len() as f32;
            values.iter().for_each(|&value| update.add(value, share, gradient));
        }
        Mix::MeanOfAll => update.add_to_all(scale / field.size as f32, gradient),
        Mix::Line(number) => {
            update.add(0, scale * number, gradient);
            update.add(1, scale, gradient);
        }
    }
}
