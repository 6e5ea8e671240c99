//! Some of the users, and the vectors and heads that are fitted to them.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};

use super::coordinates::Coordinates;
use super::earlier::EarlierChoice;
use super::fit::ChoiceData;
use super::interactions::Interactions;
use super::item_factors::{FactorSettings, ItemFactors};
use super::lists::{Case, JudgedLists, RowTable};
use super::meta::{MetaData, MetaOptions, MetaParameters, MetaUser, meta_train};
use super::neighbours::Neighbours;
use super::search::Mixture;
use crate::Result;
use crate::data::{Feedback, UserRatings};
use crate::model::prior::{Input, Prior, Term};
use crate::model::{BESIDES_VECTOR, ChoiceHead, Curve};
use crate::train::dense::rows_of;
use crate::train::factors::{Content, Description};

/// How strongly users' vectors are smoothed where the profile predicts them, in users.
const START_PENALTY: f64 = 40.0;

/// The root mean square of the vectors that meta-training begins with.
const FIRST_SIZE: f64 = 0.1;

/// Targets are learned for all values that occur, if they are at most so many, and else
/// for as many that lie apart evenly among them.
const MAX_KNOTS: usize = 11;

/// By how much the strongest contrast moves the target where an interaction is twice as
/// strong as most.
const STRENGTH_SLOPE: f32 = 0.4;

/// Some of the users, and what is common to all fits to them.
pub struct Part<'a> {
    data: &'a ChoiceData<'a>,
    pub interactions: Interactions<'a>,
    /// The users' rows in the data folder.
    users: Vec<usize>,
    /// The logarithm of each item's share of the interactions; minus infinity where there
    /// is none.
    pub bias: Vec<f32>,
    /// The items without any.
    pub unknown: Vec<u32>,
}

/// Vectors in coordinates in which a user's prior precision is diagonal, and what the
/// head is made of besides the mix.
pub struct LowRank {
    width: usize,
    pub rows: RowTable,
    pub user_prior: Prior,
    /// `[users, width]`.
    pub starts: Vec<f32>,
    coordinates: Coordinates,
    kind: Kind,
}

/// The rows of users' starts by profile: the first counts for all.
struct ProfileRows {
    inputs: Vec<Input>,
    /// The first row of each.
    begins: Vec<usize>,
    /// How many rows there are.
    rows: usize,
}

enum Kind {
    Factors(FactorSettings),
    Meta { scalars: [f64; 4], targets: Curve },
}

impl<'a> Part<'a> {
    pub fn new(
        data: &'a ChoiceData<'a>,
        groups: impl Iterator<Item = &'a UserRatings> + Clone,
    ) -> Self {
        let interactions = Interactions::new(groups.clone(), data.items.rows);
        let all = interactions.count() as f64;
        let bias: Vec<f32> = (0..interactions.items())
            .map(|item| match interactions.raters(item) {
                0 => f32::NEG_INFINITY,
                raters => (raters as f64 / all).ln() as f32,
            })
            .collect();
        let unknown = (0u32..).zip(&bias).filter(|(_, bias)| bias.is_infinite());
        let unknown = unknown.map(|(item, _)| item).collect();
        let users = groups.map(|group| group.user as usize).collect();
        Self { data, interactions, users, bias, unknown }
    }

    /// How many items somebody chose.
    fn known(&self) -> usize {
        self.bias.len() - self.unknown.len()
    }

    pub fn lists<'b>(
        &'b self,
        low_rank: &'b LowRank,
        head: &'b ChoiceHead,
        neighbours: &'b Neighbours,
    ) -> JudgedLists<'b> {
        let (rows, starts) = (&low_rank.rows, &low_rank.starts);
        JudgedLists { head, rows, excluded: &self.unknown, neighbours, starts }
    }

    /// The vectors as alternating least squares left them; users start at the mean user,
    /// by profile where there is one.
    pub fn closed_form(&self, factors: &ItemFactors) -> LowRank {
        let width = factors.settings.width;
        let coordinates = Coordinates::of(factors.vectors.view());
        let users = factors.users.mapv(f64::from);
        let content = self.content_of_users();
        let prior = content
            .fit(users.view())
            .and_then(|fitted| content.prior(&fitted, &coordinates.map()).ok());
        let user_prior = prior.unwrap_or_else(|| Prior::constant(vec![0.0; width]));
        let rows = self.rows(coordinates.turn(factors.vectors.view()).view());
        let starts = self.starts(&user_prior);
        let kind = Kind::Factors(factors.settings);
        LowRank { width, rows, user_prior, starts, coordinates, kind }
    }

    fn content_of_users(&self) -> Content<'_> {
        let equal = vec![1.0; self.users.len()];
        Content::new(self.data.users, &self.users, equal.clone(), equal, START_PENALTY)
    }

    /// Items' rows by their vectors; of items that nobody chose all is 0.
    fn rows(&self, vectors: ArrayView2<f32>) -> RowTable {
        let (items, width) = vectors.dim();
        let mut rows = Array2::zeros((items, width + BESIDES_VECTOR));
        for ((mut row, vector), bias) in
            rows.rows_mut().into_iter().zip(vectors.rows()).zip(&self.bias)
        {
            if bias.is_finite() {
                row.slice_mut(s![..width]).assign(&vector);
                row[width] = *bias;
            }
        }
        RowTable::new(rows.into_iter().collect(), width + BESIDES_VECTOR)
    }

    fn starts(&self, prior: &Prior) -> Vec<f32> {
        let Description { fields, columns, rows, .. } = self.data.users;
        let mut starts = vec![0.0; rows * prior.width()];
        for (row, start) in starts.chunks_exact_mut(prior.width()).enumerate() {
            prior.write_row(fields, columns, row, start);
        }
        starts
    }

    /// Where meta-training begins: at the vectors that alternating least squares left, all in
    /// one size, with users who start at 0.
    pub fn begin(&self, factors: &ItemFactors) -> MetaParameters {
        let FactorSettings { width, absence, penalty, .. } = factors.settings;
        let squares: f64 = factors.vectors.iter().map(|number| f64::from(*number).powi(2)).sum();
        let size = (squares / (self.known() * width).max(1) as f64).sqrt();
        let unit = if size > 0.0 { FIRST_SIZE / size } else { 1.0 };
        let ridge = penalty * absence * self.known() as f64 * unit * unit;
        MetaParameters {
            width,
            vectors: factors.vectors.iter().map(|number| number * unit as f32).collect(),
            start: vec![0.0; self.profile().rows * width],
            targets: vec![1.0; self.knots().len()],
            scalars: [ridge, absence, absence / 30.0, 5.0].map(|number| number.ln() as f32),
        }
    }

    /// The same at an earlier head. The vectors of items that it did not have are those that
    /// `factors`, which were fitted from its vectors, have for them.
    pub fn begin_from(&self, factors: &ItemFactors, earlier: &EarlierChoice) -> MetaParameters {
        let EarlierChoice { chosen, head, vectors, user_prior, user_fields } = earlier;
        let mut begin = self.begin(factors);
        let width = begin.width;
        let rows = vectors.rows().into_iter().zip(factors.vectors.rows());
        for ((earlier, fitted), to) in rows.zip(begin.vectors.chunks_exact_mut(width)) {
            let is_known = earlier.iter().any(|number| *number != 0.0);
            let from = if is_known { earlier } else { fitted };
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        begin.start[..width].copy_from_slice(user_prior.intercept());
        let ProfileRows { inputs, begins, rows } = self.profile();
        let ends = begins.iter().skip(1).chain([&rows]);
        for ((input, from), to) in inputs.iter().zip(&begins).zip(ends) {
            let weights = user_fields.weights(user_prior, input, to - from);
            begin.start[from * width..to * width].copy_from_slice(&weights);
        }
        begin.targets = self.knots().into_iter().map(|knot| head.targets.at(knot)).collect();
        if let Some(scalars) = chosen.meta_trained {
            begin.scalars = scalars.map(|number| number.ln() as f32);
        }
        begin
    }

    /// The vectors meta-trained from there; `observe` is told the epoch's number, how many
    /// there are and the mean loss, and may stop.
    pub fn meta(
        &self,
        mut parameters: MetaParameters,
        options: &MetaOptions,
        observe: impl FnMut(usize, usize, f64) -> Result<()>,
    ) -> Result<LowRank> {
        let width = parameters.width;
        let knots = self.knots();
        let Description { fields, columns, rows, .. } = self.data.users;
        let ProfileRows { inputs, begins, .. } = self.profile();
        let mut profiles: Vec<Vec<(u32, f32)>> = vec![Vec::new(); rows];
        for (input, begin) in inputs.iter().zip(&begins) {
            for (row, profile) in profiles.iter_mut().enumerate() {
                input.shares(fields, columns, row, |place, share| {
                    profile.push(((begin + place) as u32, share));
                });
            }
        }
        let of_user = |(user, &row): (usize, &usize)| {
            (self.interactions.of_user(user), profiles[row].as_slice())
        };
        let users: Vec<MetaUser> = self.users.iter().enumerate().map(of_user).collect();
        let feedback = self.data.feedback;
        let is_liked = &|value: f32| feedback.is_liked(value);
        let data = MetaData { bias: &self.bias, knots: &knots, users: &users, is_liked };
        meta_train(&mut parameters, &data, options, observe)?;

        let vectors = rows_of(&parameters.vectors, width);
        let coordinates = Coordinates::of(vectors);
        let start = coordinates.turn(rows_of(&parameters.start, width));
        let starts = |rows: Range<usize>| -> Vec<f32> {
            start.slice(s![rows, ..]).iter().copied().collect()
        };
        let terms = inputs.into_iter().zip(begins).map(|(input, begin)| {
            let rows = input.rows(fields).unwrap_or(0);
            Term { input, weights: starts(begin..begin + rows).into() }
        });
        let user_prior = Prior::new(fields, starts(0..1).into(), terms.collect());
        let user_prior = user_prior.unwrap_or_else(|_| Prior::constant(vec![0.0; width]));
        let points = knots.iter().zip(&parameters.targets).map(|(knot, target)| [*knot, *target]);
        Ok(LowRank {
            width,
            rows: self.rows(coordinates.turn(vectors).view()),
            starts: self.starts(&user_prior),
            user_prior,
            coordinates,
            kind: Kind::Meta {
                scalars: parameters.scalars.map(|number| f64::from(number).exp()),
                targets: Curve(points.collect()),
            },
        })
    }

    /// The inputs that move the start by profile: pairs of fields would be learned by heart.
    fn profile(&self) -> ProfileRows {
        let content = self.content_of_users();
        let inputs = content.inputs().iter();
        let inputs: Vec<Input> =
            inputs.filter(|input| !matches!(input, Input::Pair { .. })).cloned().collect();
        let (mut rows, mut begins) = (1, Vec::new());
        for input in &inputs {
            begins.push(rows);
            rows += input.rows(self.data.users.fields).unwrap_or(0);
        }
        ProfileRows { inputs, begins, rows }
    }

    /// Values between which targets are on a line, ascending.
    fn knots(&self) -> Vec<f32> {
        let mut values: Vec<f32> = (0..self.interactions.users())
            .flat_map(|user| self.interactions.of_user(user))
            .map(|rated| rated.value)
            .collect();
        values.sort_unstable_by(f32::total_cmp);
        let mut knots = values.clone();
        knots.dedup();
        if knots.len() > MAX_KNOTS {
            let last = MAX_KNOTS - 1;
            knots = (0..=last).map(|part| values[part * (values.len() - 1) / last]).collect();
            knots.dedup();
        }
        knots
    }

    /// How much an answer tells by its value; `contrast` is how much answers differ in that, 0
    /// to 1.
    fn tells(&self, contrast: f32) -> Curve {
        match self.data.feedback {
            // A step: a value that is not liked lies below the first that is.
            Feedback::Ratings { liked } => {
                Curve(vec![[liked.next_down(), 1.0 - contrast], [liked, 1.0]])
            }
            Feedback::PositiveOnly => {
                let knots = self.knots();
                let middle = knots.get(knots.len() / 2).copied().unwrap_or(1.0);
                let tells = |knot: f32| {
                    let doublings = (knot / middle).log2();
                    (1.0 + STRENGTH_SLOPE * contrast * doublings).clamp(0.25, 4.0)
                };
                Curve(knots.into_iter().map(|knot| [knot, tells(knot)]).collect())
            }
        }
    }
}

/// Measures the worth of mixes of some vectors with neighbours.
pub struct Trial<'a> {
    part: &'a Part<'a>,
    low_rank: &'a LowRank,
    cases: &'a [Case],
    /// The cases' vectors, and what of a mix they depend on: the last ones, for all that a
    /// search comes by would take 2 MB each.
    users: ([usize; 3], Vec<f32>),
}

impl<'a> Trial<'a> {
    pub fn new(part: &'a Part<'a>, low_rank: &'a LowRank, cases: &'a [Case]) -> Self {
        Self { part, low_rank, cases, users: ([0; 3], Vec::new()) }
    }

    /// The mean nDCG@20 of a mix, over users and then numbers of answers.
    pub fn worth(&mut self, mix: Mixture, neighbours: &Neighbours) -> f64 {
        let Self { part, low_rank, cases, users } = self;
        let head = low_rank.head(part, mix);
        let lists = part.lists(low_rank, &head, neighbours);
        let solved_by = match low_rank.kind {
            Kind::Factors(_) => mix.of_vectors(),
            Kind::Meta { .. } => [0; 3],
        };
        if users.1.is_empty() || users.0 != solved_by {
            *users = (solved_by, lists.users(cases));
        }
        let worth = lists.ndcg(cases, &users.1).into_iter().filter(|worth| worth.is_finite());
        let (sum, count) = worth.fold((0.0, 0.0), |(sum, count), worth| (sum + worth, count + 1.0));
        sum / count
    }
}

impl LowRank {
    /// The head with a mix.
    pub fn head(&self, part: &Part, mix: Mixture) -> ChoiceHead {
        let known = part.known() as f64;
        let squares = &self.coordinates.squares;
        let of_axes = |number: &dyn Fn(f64) -> f64| {
            squares.iter().map(|square| number(*square) as f32).collect::<Vec<f32>>()
        };
        let head = |precision: Vec<f32>, precision_per_answer: Vec<f32>| ChoiceHead {
            precision,
            precision_per_answer,
            half_start: f32::INFINITY,
            scale: 1.0,
            popularity: mix.popularity(),
            new_items: 0.0,
            starts_by_vector: false,
            neighbours: mix.neighbours(),
            targets: part.tells(mix.contrast()),
            strengths: part.tells(mix.contrast()),
            exposure: 0.0,
            rating: 0.0,
            rating_range: [0.0, 0.0],
        };
        match &self.kind {
            Kind::Factors(FactorSettings { absence, penalty, .. }) => {
                let weight = f64::from(mix.absence()) * absence;
                let precision = of_axes(&|square| weight * square + penalty * absence * known);
                let half_start = mix.half_start();
                ChoiceHead { half_start, ..head(precision, of_axes(&|_| *penalty)) }
            }
            Kind::Meta { scalars: [ridge, weight, slope, scale], targets } => ChoiceHead {
                scale: *scale as f32,
                popularity: 1.0,
                targets: targets.clone(),
                ..head(
                    of_axes(&|square| ridge + weight * square),
                    of_axes(&|square| slope * square),
                )
            },
        }
    }

    /// Numbers of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The numbers that meta-training found for the solver.
    pub fn scalars(&self) -> Option<[f64; 4]> {
        match &self.kind {
            Kind::Factors(_) => None,
            Kind::Meta { scalars, .. } => Some(*scalars),
        }
    }

    /// A large difference between scores: those of meta-trained vectors are logarithms of
    /// chances, others lie between 0 and 1, and most of them near 0.
    pub fn unit(&self) -> f32 {
        match self.kind {
            Kind::Factors(_) => 0.04,
            Kind::Meta { .. } => 1.0,
        }
    }

    /// Offsets for new items worth trying.
    pub fn offsets(&self) -> [f32; 7] {
        [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0].map(|number| number * self.unit())
    }
}
