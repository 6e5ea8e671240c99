//! Scratch memory for calls.

use crate::catalog::blocks::{BLOCK, InputBuffers, Rows};
use crate::catalog::item_set::ItemSet;
use crate::kernels::RoundedVector;
use crate::model::ChoiceHead;
use crate::model::config::Local;
use crate::model::network::Layer;
use crate::user::adapt::{GradientSolver, OwnHead, PackedHead, Posterior, Set, Workspace};
use crate::user::choice::ChoiceScratch;
use crate::user::neighbours::NeighbourSums;
use crate::user::recommend::Bounds;
use crate::{Catalog, Error, Recommendation, Result, memory};

/// Scratch memory for the calls of a [`User`](crate::User), apart from users so that these
/// stay small.
///
/// A scratch serves any number of users of its catalogue, one call at a time. With one for
/// each thread, users adapt and are served without allocations, for up to as many ratings as
/// the scratch has served before. It remembers intermediate results of the last user, which
/// makes several calls for one user faster; results do not depend on it.
///
/// With a model of the default recipe it takes some 400 KB, and for each item one bit, and 4
/// bytes in a catalogue of up to 65,536 items.
#[derive(Clone, Debug)]
pub struct Scratch {
    pub(super) catalog: Catalog,
    pub(super) inputs: InputBuffers,
    pub(super) workspace: Workspace,
    /// The last deep head, packed.
    pub(super) packed: PackedHead,
    pub(super) local: LocalSolver,
    /// Scratch memory of the head for choosing, where the model has one.
    pub(super) choice: Option<ChoiceScratch>,
    /// Items to leave out of a recommendation.
    pub(super) left_out: ItemSet,
    /// The vector for choosing as a search of the catalogue reads it.
    pub(super) rounded: RoundedVector,
    /// The bounds of the items that a search looks at together.
    pub(super) bounds: Bounds,
    /// The new items found for the places that are reserved for them.
    pub(super) new_items: Vec<Recommendation>,
}

/// The solver by which a head for ratings adapts.
#[derive(Clone, Debug)]
pub(super) enum LocalSolver {
    Gradient(GradientSolver),
    Ridge {
        posterior: Posterior,
        /// The state of the user whose posterior it is.
        of: Option<u64>,
    },
}

impl Scratch {
    /// A scratch for the users of a catalogue.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; [`Error::MemoryLimit`] for heads so wide that it would take more
    /// than [`OpenOptions::max_memory`](crate::OpenOptions::max_memory).
    pub fn new(catalog: &Catalog) -> Result<Self> {
        check_memory(catalog, BLOCK)?;
        Ok(Self::allocate(catalog)?)
    }

    fn allocate(catalog: &Catalog) -> memory::Result<Self> {
        let model = catalog.model();
        let network = model.user_head_network();
        let local = match &model.config().local {
            Local::Gradient(settings) => {
                LocalSolver::Gradient(GradientSolver::new(network, settings)?)
            }
            Local::Ridge(settings) => LocalSolver::Ridge {
                posterior: Posterior::new(*settings, model.user_head_scale())?,
                of: None,
            },
        };
        Ok(Self {
            inputs: InputBuffers::new(model)?,
            workspace: Workspace::new(network)?,
            packed: PackedHead::new(network, model.packed_start())?,
            local,
            choice: ChoiceScratch::new(catalog)?,
            left_out: ItemSet::new(catalog.len())?,
            rounded: RoundedVector::new(model.choice().map_or(0, ChoiceHead::row_width))?,
            bounds: Bounds::new()?,
            new_items: Vec::new(),
            catalog: catalog.clone(),
        })
    }

    /// Reserves all memory that adapting to so many ratings needs.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] and [`Error::MemoryLimit`].
    pub(super) fn reserve(&mut self, ratings: usize) -> Result<()> {
        if ratings <= BLOCK {
            return Ok(());
        }
        check_memory(&self.catalog, ratings)?;
        let model = self.catalog.model();
        if let (Some(choice), Some(items)) = (&mut self.choice, self.catalog.choice()) {
            choice.neighbours.reserve(ratings, items)?;
        }
        match &mut self.local {
            LocalSolver::Gradient(solver) if model.has_ratings() => {
                let network = model.user_head_network();
                let has_vectors = model.config().factors > 0;
                solver.support.reserve(ratings, network.item_width(), has_vectors)?;
                Ok(self.workspace.reserve(network, ratings)?)
            }
            _ => Ok(()),
        }
    }

    /// Refuses a scratch of another catalogue.
    pub(super) fn check(&self, catalog: &Catalog) -> Result<()> {
        if self.catalog.is(catalog) {
            return Ok(());
        }
        let problem = "it was made for another catalogue than the user's";
        Err(Error::argument("scratch", problem))
    }
}

/// Refuses a scratch for so many ratings if it takes more memory than the model's options allow.
fn check_memory(catalog: &Catalog, ratings: usize) -> Result<()> {
    let (model, network) = (catalog.model(), catalog.model().user_head_network());
    let outputs = |layer: &Layer| layer.outputs;
    let all = network.layers().iter().map(outputs).sum::<usize>();
    let first = network.layers().first().map_or(0, outputs);
    // Two matrices a layer, two more of the first, and the inputs. By gradient steps there is a
    // row for each rating at once.
    let rows = match model.config().local {
        Local::Gradient(_) => ratings.max(BLOCK),
        Local::Ridge(_) => BLOCK,
    };
    let width = all.saturating_add(first).saturating_mul(2).saturating_add(network.item_width());
    let numbers = width.saturating_mul(rows).checked_add(network.parameters());
    let bytes = numbers.and_then(|numbers| numbers.checked_mul(size_of::<f32>()));
    let sums = catalog.choice().map_or(0, |items| NeighbourSums::bytes(items, ratings));
    model.check_memory("a scratch", bytes.and_then(|bytes| bytes.checked_add(sums)))
}

/// At most [`BLOCK`] items with a rating each, as inputs of a user's own head; the ratings
/// are written to `targets` in the head's units.
pub(super) fn rated_set<'a>(
    buffers: &'a mut InputBuffers,
    catalog: &'a Catalog,
    items: &[u32],
    ratings: &[f32],
    targets: &'a mut [f32; BLOCK],
) -> Set<'a> {
    let output = &catalog.model().config().output;
    let targets = &mut targets[..items.len()];
    for (target, rating) in targets.iter_mut().zip(ratings) {
        *target = output.target(*rating);
    }
    let (inputs, item_variances) = buffers.fill(catalog, Rows::Listed(items));
    Set { inputs, targets, item_variances }
}

impl OwnHead {
    /// Solves for a linear head that is adapted to these ratings. Returns `false` if the
    /// numbers exceed the range of floats.
    pub(super) fn solve(
        &self,
        catalog: &Catalog,
        items: &[u32],
        ratings: &[f32],
        posterior: &mut Posterior,
        inputs: &mut InputBuffers,
        workspace: &mut Workspace,
    ) -> bool {
        let model = catalog.model();
        let (network, output) = (model.user_head_network(), &model.config().output);
        let mut targets = [0.0; BLOCK];
        posterior.begin(self.bias_speed(), items.len());
        for (items, ratings) in items.chunks(BLOCK).zip(ratings.chunks(BLOCK)) {
            let set = rated_set(inputs, catalog, items, ratings, &mut targets);
            posterior.take(network, output, set, self, &mut workspace.activations);
        }
        posterior.solve()
    }
}
