//! One task's gradient by all that training learns: from the ratings through
//! solver, head, body and embeddings.

use super::buffers::zero;
use super::head_task::HeadTask;
use super::meta_gradient::{DerivativeOrder, MetaGradient};
use super::parameters::Parameters;
use super::ridge_gradient::RidgeGradient;
use super::training_set::{TaskRows, TrainingSet};
use crate::catalog::features::write_features;
use crate::data::Task;
use crate::kernels::{relu_mask, scale_by, sum_of_squares};
use crate::memory::or_end;
use crate::model::config::Local;
use crate::model::embedding::write_row;
use crate::model::network::{Begin, Inputs, LayerRows, Network, PackedNetwork};
use crate::user::adapt::Set;

/// The parameters as they stand, which all tasks of a batch share.
#[derive(Clone, Copy, Debug)]
pub struct BatchContext<'a> {
    pub set: &'a TrainingSet,
    pub order: DerivativeOrder,
    pub parameters: &'a Parameters,
    /// The solver's numbers, out of the parameters.
    pub local: &'a Local,
    pub head_scale: &'a [f32],
    /// The mean row of each embedding that needs one: see [`TrainingSet::means`].
    pub means: &'a [Vec<f32>],
}

/// One task's inputs and gradients; reuse one for many tasks.
#[derive(Debug, Default)]
pub struct TaskGradient {
    /// The mean query loss at the adapted head.
    pub loss: f32,
    pub body: Vec<f32>,
    /// By the head where the user's starts: the profile's part of that gets the same.
    pub head: Vec<f32>,
    /// By the solver's numbers themselves, not their logarithms.
    pub solver: Vec<f32>,
    /// By what describes the user to the head, [user width].
    pub user: Vec<f32>,
    pub support: SetGradient,
    pub query: SetGradient,
    user_row: Vec<f32>,
    start: Vec<f32>,
}

/// Memory to compute one task after another in.
#[derive(Debug, Default)]
pub struct GradientScratch {
    packed_body: PackedNetwork,
    /// The users' part of the body's sums: zeros.
    nobody: Vec<f32>,
    steps: MetaGradient,
    ridge: RidgeGradient,
}

/// A support or query set's inputs and gradients.
#[derive(Debug, Default)]
pub struct SetGradient {
    /// By what describes the items, [rows, item width]; with vectors but no body, by their
    /// vectors, which are not learned.
    pub items: Vec<f32>,
    item_rows: Vec<f32>,
    targets: Vec<f32>,
    offsets: Vec<f32>,
    item_variances: Vec<f32>,
    /// The body's layers' outputs, and the loss's derivatives by their sums.
    activations: LayerRows,
    deltas: LayerRows,
    features: Vec<f32>,
}

impl TaskGradient {
    /// Computes one task's gradients; all of the public fields are replaced.
    ///
    /// `rows` is how training describes the task's items.
    pub fn compute(
        &mut self,
        shared: BatchContext,
        task: &Task,
        rows: &TaskRows,
        scratch: &mut GradientScratch,
    ) {
        let BatchContext { set, parameters, .. } = shared;
        let item_fields = set.config.item_fields.len();
        let user_embeddings = &parameters.embeddings[item_fields..];
        let (fields, columns) = (&set.config.user_fields, &set.user_columns);
        let user = task.user as usize;
        self.user_row.resize(set.user_width, 0.0);
        let means = &shared.means[item_fields..];
        write_row(fields, columns, user, user_embeddings, means, &mut self.user_row);
        self.support.fill(shared, &task.support, &rows.support);
        self.query.fill(shared, &task.query, &rows.query);
        zero(&mut self.body, parameters.body.len());
        self.start.clone_from(&parameters.head);
        for (term, weights) in set.user_terms().iter().zip(&parameters.user_prior) {
            term.input.add_shares(fields, columns, user, weights, &mut self.start);
        }
        let GradientScratch { packed_body, nobody, .. } = &mut *scratch;
        if let Some(body) = &set.body {
            nobody.resize(body.layers()[0].outputs, 0.0);
            if packed_body.is_empty() {
                *packed_body = or_end(PackedNetwork::new(body));
            }
            packed_body.pack(body, &parameters.body, nobody);
        }
        if set.config.factors > 0 {
            self.support.make_features(set, packed_body);
            self.query.make_features(set, packed_body);
        }
        let (start, user) = (&self.start, &*self.user_row);
        let (support, query) = (self.support.set(set, user), self.query.set(set, user));
        let (network, output) = (&set.head, &set.config.output);
        let head_task = HeadTask { network, output, head: start, support, query };
        self.solver.clear();
        let (support_items, query_items) = match shared.local {
            Local::Gradient(local) => {
                let steps = &mut scratch.steps;
                steps.compute(head_task, local, shared.order);
                self.loss = steps.loss;
                self.head.clone_from(&steps.head);
                self.solver.extend(steps.rates.iter().chain([&steps.pull]));
                self.user.clone_from(&steps.user);
                (&steps.support_items, &steps.query_items)
            }
            Local::Ridge(local) => {
                let (ridge, scale) = (&mut scratch.ridge, shared.head_scale);
                ridge.compute(head_task, local, scale);
                self.loss = ridge.loss;
                self.head.clone_from(&ridge.head);
                self.solver.extend(ridge.scale.iter().chain([&ridge.item_variance]));
                self.user.clone_from(&ridge.user);
                (&ridge.support_items, &ridge.query_items)
            }
        };
        match &set.body {
            None => {
                self.support.items.clone_from(support_items);
                self.query.items.clone_from(query_items);
            }
            Some(body) => {
                for (rows, gradient) in
                    [(&mut self.support, support_items), (&mut self.query, query_items)]
                {
                    rows.backward(body, &parameters.body, gradient, &mut self.body);
                }
            }
        }
    }

    /// Shortens all of the gradients alike, if that by the networks and the
    /// embeddings together is longer than `longest`.
    pub fn shorten(&mut self, longest: f32) {
        let Self { body, head, solver, user, support, query, .. } = self;
        let vectors = [&*body, &*head, &*user, &support.items, &query.items];
        let norm = vectors.into_iter().map(|vector| sum_of_squares(vector)).sum::<f32>().sqrt();
        if norm > longest {
            let scale = longest / norm;
            for vector in [body, head, solver, user, &mut support.items, &mut query.items] {
                scale_by(vector, scale);
            }
        }
    }
}

impl SetGradient {
    /// Describes the items as they stand.
    fn fill(&mut self, shared: BatchContext, rated: &[crate::data::Rated], cold: &[bool]) {
        let set = shared.set;
        let count = rated.len();
        let embeddings = &shared.parameters.embeddings[..set.config.item_fields.len()];
        self.item_rows.resize(count * set.item_width, 0.0);
        self.offsets.clear();
        self.item_variances.clear();
        let rows = self.item_rows.chunks_exact_mut(set.item_width.max(1));
        for ((rated, cold), out) in rated.iter().zip(cold).zip(rows) {
            let item = rated.item as usize;
            let mut rest = out;
            if let Some(vectors) = set.vectors(*cold) {
                let (vector, embedding) = rest.split_at_mut(set.vector_width);
                vectors.write_row(item, vector);
                self.offsets.push(vectors.bias[item]);
                self.item_variances.push(vectors.variance[item]);
                rest = embedding;
            }
            let (fields, columns) = (&set.config.item_fields, &set.item_columns);
            write_row(fields, columns, item, embeddings, shared.means, rest);
        }
        self.targets.clear();
        self.targets.extend(rated.iter().map(|rated| set.config.output.target(rated.value)));
    }

    /// Computes the head's inputs for items with vectors.
    fn make_features(&mut self, set: &TrainingSet, packed_body: &PackedNetwork) {
        let Self { item_rows, activations, features, targets, .. } = self;
        let (rows, factors) = (targets.len(), set.config.factors);
        let width = set.head.item_width();
        features.resize(rows * width, 0.0);
        if let Some(body) = &set.body {
            let inputs = Inputs { items: item_rows, user: &[], offsets: &[], rows };
            or_end(activations.reserve(body, rows));
            body.forward(packed_body, inputs, activations);
        }
        let made = activations.last(rows * (width - factors));
        write_features(factors, item_rows, made, rows, features);
    }

    /// The set as the head sees it.
    fn set<'a>(&'a self, set: &TrainingSet, user: &'a [f32]) -> Set<'a> {
        let items = if set.config.factors > 0 { &self.features } else { &self.item_rows };
        let (offsets, rows) = (&self.offsets, self.targets.len());
        Set {
            inputs: Inputs { items, user, offsets, rows },
            targets: &self.targets,
            item_variances: &self.item_variances,
        }
    }

    /// From the gradient by what the head sees to those by the body and by what
    /// it sees itself: `self.items` is replaced, the others are added to.
    fn backward(&mut self, body: &Network, weights: &[f32], features: &[f32], by_body: &mut [f32]) {
        let rows = self.targets.len();
        or_end(self.deltas.reserve(body, rows));
        let outputs = body.output_width();
        let width = features.len() / rows.max(1);
        let deltas = &mut self.deltas.output_mut(rows * outputs);
        for (deltas, features) in
            deltas.chunks_exact_mut(outputs).zip(features.chunks_exact(width.max(1)))
        {
            deltas.copy_from_slice(&features[width - outputs..]);
        }
        relu_mask(deltas, self.activations.last(rows * outputs));
        body.backward(weights, &self.activations, rows, &mut self.deltas);
        body.gradient(
            Inputs { items: &self.item_rows, user: &[], offsets: &[], rows },
            &self.activations,
            &self.deltas,
            Begin::Kept,
            by_body,
        );
        zero(&mut self.items, rows * body.item_width());
        body.add_input_gradient(weights, &self.deltas, rows, &mut self.items, &mut []);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(unit: f32) -> TaskGradient {
        let list = |numbers: &[f32]| numbers.iter().map(|number| unit * number).collect();
        TaskGradient {
            body: list(&[1.0, 2.0]),
            head: list(&[2.0]),
            solver: list(&[100.0]),
            user: list(&[4.0]),
            support: SetGradient { items: list(&[5.0]), ..SetGradient::default() },
            query: SetGradient { items: list(&[5.0, 5.0]), ..SetGradient::default() },
            ..TaskGradient::default()
        }
    }

    fn numbers(gradient: &TaskGradient) -> Vec<f32> {
        let TaskGradient { body, head, solver, user, support, query, .. } = gradient;
        [body, head, solver, user, &support.items, &query.items]
            .into_iter()
            .flatten()
            .copied()
            .collect()
    }

    /// The norm is that of all but the solver's, which is shortened with the others.
    #[test]
    fn long_gradients_are_shortened_to_the_longest_and_keep_their_direction() {
        // 1 + 4 + 4 + 16 + 75 are 100.
        let plain = numbers(&gradient(1.0));
        for (longest, expected) in [(10.0, 1.0), (11.0, 1.0), (5.0, 0.5), (0.1, 0.01)] {
            let mut shortened = gradient(1.0);
            shortened.shorten(longest);
            for (number, plain) in numbers(&shortened).iter().zip(&plain) {
                assert!((number - expected * plain).abs() < 1e-5 * plain, "{longest}: {number}");
            }
        }
    }
}
