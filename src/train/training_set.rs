//! The part of a data folder that training sees.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::drawing::draw_anew;
use super::earlier::Earlier;
use super::earlier_ratings::EarlierRatings;
use super::factors::Description;
use super::familiarity::fit_familiarity;
use super::held_back::{cold_tasks, hold_back, hold_items_back, is_set};
use super::options::{Solver, TaskSource, TrainOptions};
use super::parameters::Parameters;
use super::validation::RatingMethod;
use super::vectors::{Embedded, TrainingVectors};
use crate::data::{Dataset, Rated, Task, TaskRules, UserRatings, tasks};
use crate::memory::or_end;
use crate::model::Problem;
use crate::model::config::{Config, GradientSteps, Local, Ridge, VECTOR_NUMBERS};
use crate::model::embedding::mean_row;
use crate::model::familiarity::Familiarity;
use crate::model::file::{CatalogTable, Contents, ItemVectors};
use crate::model::loss::{Loss, Output};
use crate::model::network::Network;
use crate::model::prior::Term;
use crate::model::schema::{Column, Entity, Field, Vocabulary};
use crate::random::{Purpose, generator};
use crate::{Error, Result};

/// How often the ratings of users who are held back are cut into known ones and ones to
/// predict, where medians are fitted.
const VALIDATION_DRAWS: u64 = 4;

/// The existing users' ratings of existing items, and what describes both.
#[derive(Debug)]
pub struct TrainingSet {
    pub config: Config,
    pub body: Option<Network>,
    pub head: Network,
    /// Widths of what describes an item and a user, and how much of an item's is
    /// its vector's.
    pub item_width: usize,
    pub user_width: usize,
    pub vector_width: usize,
    /// Each item field's values, then each user field's, by row of the data folder.
    pub item_columns: Vec<Column>,
    pub user_columns: Vec<Column>,
    item_vocabularies: Vec<Option<Vocabulary>>,
    user_vocabularies: Vec<Option<Vocabulary>>,
    catalog: CatalogTable,
    vectors: Option<TrainingVectors>,
    /// Users to train on, and their ratings.
    users: Vec<UserRatings>,
    held_back_users: Vec<UserRatings>,
    /// Tasks of users who are held back.
    pub validation: Vec<Task>,
    /// Tasks of training users whose queries are the items that are held back.
    pub cold_validation: Vec<Task>,
    /// Which items are in no task that is trained on.
    held_back_items: Vec<bool>,
    /// How many of the existing users rated each item.
    pub raters: Vec<u32>,
    rules: TaskRules,
}

/// How training describes a task's items: for each of its ratings, whether as
/// if nobody had rated the item.
#[derive(Clone, Debug, Default)]
pub struct TaskRows {
    pub support: Vec<bool>,
    pub query: Vec<bool>,
}

impl TrainingSet {
    /// The users, items and ratings of a data folder's training part, with a factor model in
    /// the coordinates of the earlier model's, if there is one.
    pub fn new(
        dataset: &Dataset,
        groups: Vec<UserRatings>,
        options: &TrainOptions,
        earlier: Option<&Earlier>,
    ) -> Result<Self> {
        options.check()?;
        let ratings = || groups.iter().flat_map(|group| &*group.ratings);
        let raters = raters(&groups, dataset.items.len());
        let output = output(options, ratings().map(|rated| rated.value))?;
        let output = Output { range: range(dataset, output.loss), ..output };
        let is_new = |new: &[bool], row: usize| new.get(row).copied().unwrap_or(false);
        let existing_item = |row: usize| !is_new(&dataset.new_items, row);
        let existing_user = |row: usize| !is_new(&dataset.new_users, row);
        let keep = |described: (Vec<Field>, Vec<Option<Vocabulary>>)| {
            let pairs = described.0.into_iter().zip(described.1);
            pairs.filter(|(field, _)| options.numeric_fields || !field.is_numeric()).unzip()
        };
        let (mut item_fields, item_vocabularies): (Vec<Field>, Vec<_>) =
            keep(dataset.items.training_fields(existing_item));
        let (mut user_fields, user_vocabularies): (Vec<Field>, Vec<_>) =
            keep(dataset.users.training_fields(existing_user));
        let items = dataset.items.encode(Entity::Item, &item_fields, &item_vocabularies)?;
        let users = dataset.users.encode(Entity::User, &user_fields, &user_vocabularies)?;

        let output = match earlier {
            Some(earlier) => {
                earlier.check_loss(output.loss)?;
                let by_squares = earlier.method() == Some(RatingMethod::Squares);
                Output { loss: if by_squares { Loss::Mse } else { output.loss }, ..output }
            }
            None => output,
        };
        let of_items = (item_fields.as_slice(), item_vocabularies.as_slice());
        let of_users = (user_fields.as_slice(), user_vocabularies.as_slice());
        let earlier = earlier.map(|earlier| EarlierRatings::new(earlier, of_items, of_users));
        let earlier_items = earlier.transpose()?.and_then(|earlier| earlier.item_vectors());

        let rules = dataset.rules;
        let (held_back, users_to_train) = hold_back(groups, options, &rules);
        let refuse = |problem: String| Error::argument("options", problem);
        let describe =
            |entity, fields, columns, rows| Description { entity, fields, columns, rows };
        let vectors = match options.factors {
            0 => None,
            _ => Some(TrainingVectors::fit(
                &users_to_train,
                describe(Entity::Item, &item_fields, &items.columns, dataset.items.len()),
                describe(Entity::User, &user_fields, &users.columns, dataset.users.len()),
                &rules,
                options,
                &output,
                earlier_items.as_ref(),
            )?),
        };
        if let Some(vectors) = &vectors {
            let of_items = match options.body.is_empty() {
                true => Embedded::None,
                false if options.embed_all => Embedded::All,
                false => Embedded::Of(&vectors.item_prior.prior),
            };
            of_items.mark(&mut item_fields);
            Embedded::None.mark(&mut user_fields);
        }
        let catalog = CatalogTable {
            ids: dataset.items.ids().clone(),
            titles: dataset.items.titles().cloned(),
            columns: items.columns.clone(),
            vectors: vectors.as_ref().map(|vectors| vectors.known.clone()),
            choice: None,
        };
        let local = match options.solver {
            Solver::Gradient => Local::Gradient(GradientSteps {
                steps: options.local_steps,
                // A weight and a bias of each layer, the last one's too.
                rates: vec![options.local_rate_with(output.loss); 2 * (options.hidden.len() + 1)],
                pull: options.local_pull,
            }),
            Solver::Ridge => Local::Ridge(match &vectors {
                Some(vectors) => {
                    Ridge { noise: vectors.noise, item_variance: 1.0, calibration: 1.0 }
                }
                None => Ridge { noise: 1.0, item_variance: 0.0, calibration: 1.0 },
            }),
        };
        let config = Config {
            item_fields,
            user_fields,
            embedding_dim: options.embedding_dim,
            factors: vectors.as_ref().map_or(0, |vectors| vectors.factors),
            body: options.body.clone(),
            hidden: options.hidden.clone(),
            output,
            local,
            medians: None,
            catalog: options.catalog,
            choice: None,
        };
        let problem = |problem: Problem| problem.error(refuse);
        let head = config.head_network().map_err(problem)?;
        config.check().map_err(problem)?;
        let validation = match options.tasks {
            TaskSource::Fixed => tasks(&held_back, &rules, options.seed, 0),
            TaskSource::DrawnAnew => draw_anew(&held_back, &rules, options.seed, 0),
        };
        let held_back_items = match vectors.is_some() && !validation.is_empty() {
            true => hold_items_back(&raters, options),
            false => vec![false; raters.len()],
        };
        let set = Self {
            body: config.body_network().map_err(problem)?,
            head,
            item_width: config.item_width().unwrap_or(0),
            user_width: config.user_width().unwrap_or(0),
            vector_width: if vectors.is_some() { config.factors + VECTOR_NUMBERS } else { 0 },
            config,
            item_columns: items.columns,
            user_columns: users.columns,
            item_vocabularies,
            user_vocabularies,
            catalog,
            vectors,
            cold_validation: cold_tasks(&users_to_train, &held_back_items, &rules, options.seed),
            held_back_items,
            held_back_users: held_back,
            users: users_to_train,
            validation,
            raters,
            rules,
        };
        if set.tasks(options, 0).is_empty() {
            return Err(refuse(format!(
                "no existing user has enough ratings of existing items for a task; [tasks] in \
                 dataset.toml asks for at least {}",
                rules.min_ratings
            )));
        }
        Ok(set)
    }

    /// A model's fields and sizes, with these items, users and vectors: enough
    /// for the gradient of a task.
    #[cfg(test)]
    pub fn of_parts(
        config: &Config,
        item_columns: Vec<Column>,
        user_columns: Vec<Column>,
        vectors: Option<TrainingVectors>,
    ) -> Self {
        Self {
            body: config.body_network().unwrap(),
            head: config.head_network().unwrap(),
            item_width: config.item_width().unwrap(),
            user_width: config.user_width().unwrap(),
            vector_width: if vectors.is_some() { config.factors + VECTOR_NUMBERS } else { 0 },
            catalog: CatalogTable {
                ids: std::iter::empty::<&str>().collect(),
                titles: None,
                columns: Vec::new(),
                vectors: None,
                choice: None,
            },
            config: config.clone(),
            item_columns,
            user_columns,
            item_vocabularies: Vec::new(),
            user_vocabularies: Vec::new(),
            vectors,
            users: Vec::new(),
            held_back_users: Vec::new(),
            validation: Vec::new(),
            cold_validation: Vec::new(),
            held_back_items: Vec::new(),
            raters: Vec::new(),
            rules: TaskRules { min_ratings: 1, max_ratings: usize::MAX, query: 1 },
        }
    }

    /// One task a training user as the published recipe has them.
    pub fn fixed_tasks(&self, options: &TrainOptions) -> Vec<Task> {
        tasks(&self.users, &self.rules, options.seed, 0)
    }

    /// The tasks of one epoch, in the order in which training sees them.
    pub fn tasks(&self, options: &TrainOptions, epoch: u64) -> Vec<(Task, TaskRows)> {
        let mut tasks = match options.tasks {
            TaskSource::Fixed => self.fixed_tasks(options),
            TaskSource::DrawnAnew => {
                // Draw 0 is the one that evaluation and validation use.
                draw_anew(&self.users, &self.rules, options.seed, epoch + 1)
            }
        };
        let is_learned = |rated: &Rated| !is_set(&self.held_back_items, rated.item);
        for task in &mut tasks {
            task.support.retain(is_learned);
            task.query.retain(is_learned);
        }
        tasks.retain(|task| !task.query.is_empty());
        tasks.shuffle(&mut generator(options.seed, Purpose::Order, epoch, 0));
        let cold = |task: &Task| {
            let mut rng = generator(options.seed, Purpose::ColdItems, epoch, task.user.into());
            let share = match rng.random_bool(options.cold_tasks) {
                true => 1.0,
                false => options.cold_items,
            };
            let mut draw = |rated: &[Rated]| rated.iter().map(|_| rng.random_bool(share)).collect();
            TaskRows { support: draw(&task.support), query: draw(&task.query) }
        };
        tasks.into_iter().map(|task| (cold(&task), task)).map(|(rows, task)| (task, rows)).collect()
    }

    /// The ratings of the users who are held back, cut several times.
    pub fn validation_draws(&self, seed: u64) -> Vec<Task> {
        let draws = 0..VALIDATION_DRAWS;
        draws.flat_map(|draw| draw_anew(&self.held_back_users, &self.rules, seed, draw)).collect()
    }

    /// Lets the network begin where an earlier model's ended.
    ///
    /// # Errors
    /// As [`Earlier::match_fields`].
    pub fn begin_at(&self, earlier: &Earlier, parameters: &mut Parameters) -> Result<()> {
        let items = (&*self.config.item_fields, &*self.item_vocabularies);
        let users = (&*self.config.user_fields, &*self.user_vocabularies);
        let earlier = EarlierRatings::new(earlier, items, users)?;
        earlier.begin(&self.config, self.user_terms(), parameters);
        Ok(())
    }

    /// Lets the head begin where the factor model has users start.
    pub fn begin(&self, parameters: &mut Parameters) {
        let Some(vectors) = &self.vectors else { return };
        let (head, factors) = (&mut parameters.head, vectors.factors);
        head[..factors].copy_from_slice(vectors.user_prior.intercept());
        let width = head.len();
        head[width - 1] = vectors.intercept;
        // Of the body's features and the bias, the profile predicts nothing yet.
        let widened = |term: &Term| {
            let mut weights = vec![0.0; term.weights.len() / factors * width];
            let rows = weights.chunks_exact_mut(width).zip(term.weights.chunks_exact(factors));
            rows.for_each(|(row, begin)| row[..factors].copy_from_slice(begin));
            weights
        };
        parameters.user_prior = self.user_terms().iter().map(widened).collect();
    }

    /// The items' vectors, if there are any: as known, or as if nobody had
    /// rated them.
    pub fn vectors(&self, cold: bool) -> Option<&ItemVectors> {
        self.vectors.as_ref().map(|vectors| if cold { &vectors.cold } else { &vectors.known })
    }

    /// The terms of the users' prior; none without vectors.
    pub fn user_terms(&self) -> &[Term] {
        self.vectors.as_ref().map_or(&[], |vectors| vectors.user_prior.terms())
    }

    /// Each field's embedding rows: the items' fields, then the users'.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.config.item_fields.iter().chain(&self.config.user_fields)
    }

    /// The mean row of each embedding in which one of these tasks has a missing
    /// value; empty for the others, whose rows need not be read.
    pub fn means<'a>(
        &self,
        embeddings: &[Vec<f32>],
        tasks: impl Iterator<Item = &'a Task> + Clone,
    ) -> Vec<Vec<f32>> {
        let is_missing = |index: usize| match self.item_columns.get(index) {
            Some(column) => tasks
                .clone()
                .flat_map(|task| task.support.iter().chain(&task.query))
                .any(|rated| column.is_missing(rated.item as usize)),
            None => {
                let column = &self.user_columns[index - self.item_columns.len()];
                tasks.clone().any(|task| column.is_missing(task.user as usize))
            }
        };
        let mean = |(index, weight): (usize, &Vec<f32>)| match is_missing(index) {
            true => or_end(mean_row(weight, self.config.embedding_dim)),
            false => Vec::new(),
        };
        embeddings.iter().enumerate().map(mean).collect()
    }

    /// The same contents as if nobody had rated the items, where that makes a
    /// difference.
    pub fn as_if_unrated(&self, contents: &Contents) -> Option<Contents> {
        let vectors = self.vectors(true)?.clone();
        let catalog = CatalogTable { vectors: Some(vectors), ..self.catalog.clone() };
        Some(Contents { catalog: Some(catalog), ..contents.clone() })
    }

    /// Who knows what, from who rated what.
    pub fn familiarity(&self, seed: u64) -> Option<Familiarity> {
        fit_familiarity(&self.users, self.catalog.ids.len(), &self.rules, seed)
    }

    /// The same without the network: the factor model alone, in closed form. `None` for
    /// models that it is no part of, and for clicks, of which it is only an approximation.
    pub fn closed_form(&self) -> Result<Option<Contents>> {
        let (Some(vectors), Local::Ridge(_)) = (&self.vectors, &self.config.local) else {
            return Ok(None);
        };
        if self.config.output.loss == Loss::Bce {
            return Ok(None);
        }
        let mut config = self.config.clone();
        Embedded::None.mark(&mut config.item_fields);
        config.body = Vec::new();
        config.output.loss = Loss::Mse;
        config.local =
            Local::Ridge(Ridge { noise: vectors.noise, item_variance: 1.0, calibration: 1.0 });
        let mut parameters = Parameters::random(&config, 0)?;
        self.begin(&mut parameters);
        let mut contents = self.contents_of(config, &parameters);
        // What a user adds to all ratings is in the items' vectors.
        if let Some(bias) = contents.head_scale.last_mut() {
            *bias = 0.0;
        }
        Ok(Some(contents))
    }

    /// A weight file's contents without its record, evidence and familiarity.
    pub fn contents(&self, parameters: &Parameters) -> Contents {
        self.contents_of(self.config.clone(), parameters)
    }

    fn contents_of(&self, mut config: Config, parameters: &Parameters) -> Contents {
        let mut embeddings = parameters.embeddings.iter().cloned().map(Into::into);
        let item_embeddings = embeddings.by_ref().take(self.config.item_fields.len()).collect();
        let like = config.local.clone();
        config.local = parameters.local(&like);
        Contents {
            config,
            item_embeddings,
            user_embeddings: embeddings.collect(),
            body: parameters.body.clone(),
            head: parameters.head.clone(),
            head_scale: parameters.head_scale(&like),
            item_prior: self.vectors.as_ref().map(|vectors| vectors.item_prior.clone()),
            user_prior: self.vectors.as_ref().map(|vectors| {
                let width = parameters.head.len();
                vectors.user_prior.with_weights(width, &parameters.user_prior)
            }),
            choice: None,
            item_vocabularies: self.item_vocabularies.clone(),
            user_vocabularies: self.user_vocabularies.clone(),
            catalog: Some(self.catalog.clone()),
            evidence: None,
            familiarity: None,
            training: None,
        }
    }
}

/// How many of these users rated each of so many items.
pub fn raters(groups: &[UserRatings], items: usize) -> Vec<u32> {
    let mut raters = vec![0; items];
    for rated in groups.iter().flat_map(|group| &*group.ratings) {
        raters[rated.item as usize] += 1;
    }
    raters
}

/// The ends of the scale that ratings are on: of all ratings, since that a scale ends at 5 is
/// nothing to find out of new users. None for clicks, and if all ratings are the same.
fn range(dataset: &Dataset, loss: Loss) -> Option<[f32; 2]> {
    let values = || dataset.ratings.iter().map(|rating| rating.value);
    let (lowest, highest) =
        (values().fold(f32::INFINITY, f32::min), values().fold(f32::NEG_INFINITY, f32::max));
    (loss != Loss::Bce && lowest < highest).then_some([lowest, highest])
}

/// How the head's units meet the ratings'.
fn output(options: &TrainOptions, ratings: impl Iterator<Item = f32> + Clone) -> Result<Output> {
    let mut values = ratings.clone();
    let loss = options.loss.unwrap_or(match values.all(|rating| rating == 0.0 || rating == 1.0) {
        true => Loss::Bce,
        false => Loss::SmoothL1,
    });
    let plain = Output { loss, scale: 1.0, offset: 0.0, range: None };
    for (position, value) in ratings.clone().enumerate() {
        plain.check(value).map_err(|problem| Error::Rating { position, value, problem })?;
    }
    let count = ratings.clone().count();
    if loss == Loss::Bce || !options.normalise || count == 0 {
        return Ok(plain);
    }
    let mean = ratings.clone().map(f64::from).sum::<f64>() / count as f64;
    let variance = ratings.map(|rating| (f64::from(rating) - mean).powi(2)).sum::<f64>();
    // Asked as a float: a deviation may be too small for one.
    let deviation = (variance / count as f64).sqrt() as f32;
    let scale = if deviation > 0.0 { deviation } else { 1.0 };
    Ok(Output { scale, offset: mean as f32, ..plain })
}
