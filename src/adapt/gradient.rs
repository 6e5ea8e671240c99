//! Full-batch gradient steps on the head (Lee et al. 2019, algorithm 1, line 6).

use crate::config::Local;
use crate::head::{HeadShape, Inputs, LayerRows};
use crate::kernels::{add_scaled, gather_rows};
use crate::loss::Output;

/// Rows that are computed together: a support set or catalogue of any size
/// passes through the same few buffers, block by block.
pub const BLOCK: usize = 64;

/// Room for a block of rows and a gradient; made once, so that nothing is
/// allocated while adapting or scoring.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Item embeddings, [BLOCK, item width].
    pub items: Vec<f32>,
    /// Every layer's output.
    pub activations: LayerRows,
    /// The loss's derivatives by every layer's sums.
    pub deltas: LayerRows,
    /// The gradient by the head's parameters.
    gradient: Vec<f32>,
}

impl Workspace {
    /// Room for heads of this shape.
    pub fn new(shape: &HeadShape) -> Self {
        Self {
            items: vec![0.0; BLOCK * shape.item_width()],
            activations: LayerRows::new(shape, BLOCK),
            deltas: LayerRows::new(shape, BLOCK),
            gradient: vec![0.0; shape.parameters()],
        }
    }
}

/// Ratings that are known of one user.
#[derive(Clone, Copy, Debug)]
pub struct Support<'a> {
    /// The catalogue's item embeddings, [catalogue, item width].
    pub embeddings: &'a [f32],
    /// The user's embedding.
    pub user: &'a [f32],
    /// Which items the user rated; all below the catalogue's length.
    pub items: &'a [u32],
    /// What the user said of each.
    pub ratings: &'a [f32],
}

impl Support<'_> {
    /// Calls `visit` with each block's inputs and ratings, after computing its
    /// layers' outputs under `head` into `workspace`.
    pub fn for_each_block(
        &self,
        shape: &HeadShape,
        head: &[f32],
        workspace: &mut Workspace,
        mut visit: impl FnMut(Inputs, &[f32], &LayerRows, &mut LayerRows, &mut [f32]),
    ) {
        let Workspace { items, activations, deltas, gradient } = workspace;
        for (indices, ratings) in self.items.chunks(BLOCK).zip(self.ratings.chunks(BLOCK)) {
            let rows = indices.len();
            let items = &mut items[..rows * shape.item_width()];
            gather_rows(self.embeddings, indices, items);
            let inputs = Inputs { items, user: self.user, rows };
            shape.forward(head, inputs, activations);
            visit(inputs, ratings, activations, deltas, gradient);
        }
    }
}

/// Takes `local.steps` steps from where `head` stands.
///
/// A step is `parameter -= rate * gradient` of the mean loss over the support
/// set, for all of the head at once. An empty support set changes nothing.
pub fn local_update(
    shape: &HeadShape,
    output: &Output,
    local: &Local,
    support: &Support,
    head: &mut [f32],
    workspace: &mut Workspace,
) {
    if support.items.is_empty() {
        return;
    }
    let share = 1.0 / support.items.len() as f32;
    for _ in 0..local.steps {
        workspace.gradient.fill(0.0);
        support.for_each_block(
            shape,
            head,
            workspace,
            |inputs, ratings, activations, deltas, gradient| {
                let heads = activations.output(inputs.rows);
                let derivatives = deltas.output_mut(inputs.rows);
                for ((derivative, head), rating) in derivatives.iter_mut().zip(heads).zip(ratings) {
                    let target = output.target(*rating);
                    *derivative = share * output.loss.derivative(*head, target);
                }
                shape.backward(head, activations, inputs.rows, deltas);
                shape.add_gradient(inputs, activations, deltas, gradient);
            },
        );
        for (tensor, rate) in shape.tensor_ranges().zip(&local.rates) {
            add_scaled(&mut head[tensor.clone()], -rate, &workspace.gradient[tensor]);
        }
    }
}
