//! One task of meta-training.

use melu::Model;
use melu::model::config::Local;
use melu::model::network::Inputs;
use melu::train::{DerivativeOrder, HeadTask, MetaGradient};
use melu::user::adapt::Set;

use super::models::{FILMS, catalog, item_rows, paper, user_row};
use super::work::rated;

/// A user of the paper's model, with some ratings given and others asked for.
pub struct Task {
    model: Model,
    order: DerivativeOrder,
    /// How many ratings are given; those that are asked for come after them.
    given: usize,
    items: Vec<f32>,
    targets: Vec<f32>,
    user: Vec<f32>,
    gradient: MetaGradient,
}

impl Task {
    pub fn new(steps: usize, order: DerivativeOrder, given: usize, asked: usize) -> Self {
        let model = paper(steps);
        let catalog = catalog(&model, FILMS);
        let (items, ratings) = rated(&model, catalog.len(), given + asked);
        let output = model.config().output;
        Self {
            order,
            given,
            items: item_rows(&catalog, &items),
            targets: ratings.iter().map(|&rating| output.target(rating)).collect(),
            user: user_row(&model, 0),
            gradient: MetaGradient::default(),
            model,
        }
    }

    /// Computes its gradients.
    pub fn compute(&mut self) {
        let config = self.model.config();
        let network = self.model.head_network();
        let Local::Gradient(local) = &config.local else {
            unreachable!("the paper's model takes gradient steps")
        };
        let user = &self.user;
        let (given, asked) = self.items.split_at(self.given * network.item_width());
        let (targets, asked_targets) = self.targets.split_at(self.given);
        self.gradient.compute(
            HeadTask {
                network,
                output: &config.output,
                head: self.model.head(),
                support: rows(given, targets, user),
                query: rows(asked, asked_targets, user),
            },
            local,
            self.order,
        );
    }
}

fn rows<'a>(items: &'a [f32], targets: &'a [f32], user: &'a [f32]) -> Set<'a> {
    let inputs = Inputs { items, user, offsets: &[], rows: targets.len() };
    Set { inputs, targets, item_variances: &[] }
}
