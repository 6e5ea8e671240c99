//! The tasks on which a data folder that is split by time is measured.

use super::by_time::{Boundary, Side, Timeline};
use super::folder::Dataset;
use super::settings::TaskRules;
use super::tasks::{MIN_TO_RANK, Rated, Scenario, Task};

impl Dataset {
    /// The time at which the data are split, if `[split]` says `after`.
    ///
    /// Then [`Dataset::ratings`] and [`Dataset::scenario`] have only what came before it, and
    /// the users and items that came later are new. What is to be predicted is in
    /// [`Dataset::tasks_by_time`] and [`Dataset::ranking_tasks_by_time`] alone.
    pub fn boundary(&self) -> Option<Boundary> {
        self.timeline.as_ref().map(Timeline::boundary)
    }

    /// How many ratings or interactions there are, with the later ones of a split by time.
    pub fn interactions(&self) -> usize {
        let later = self.sides().map_or(0, |([_, later], _)| later.interactions);
        self.ratings.len() + later
    }

    /// A task for each user with enough ratings within the scenario, to measure predicted
    /// ratings; `None` without a split by time.
    ///
    /// An existing user's support set has all ratings from before the boundary, and the query
    /// set those of the scenario's items from after it, at least one. Both together are at
    /// least `min_ratings`. A new user has at least `min_ratings` ratings within the scenario:
    /// the newest `query` of them are the query set, the others the support set. `max_ratings`
    /// does not matter.
    ///
    /// Both sets are in order of time, oldest first, and by item at the same time. The first
    /// ratings of a support set are those with which the user began. Nothing is drawn.
    pub fn tasks_by_time(&self, scenario: Scenario) -> Option<Vec<Task>> {
        let TaskRules { min_ratings, query, .. } = self.rules;
        let (new_user, new_item) = scenario.is_new();
        let is_in = |item: u32| self.is_new_item(item) == new_item;
        self.cut_by_time(new_user, |timeline, rows| {
            if new_user {
                let places = Timeline::first_places(rows, is_in);
                let first = *places.get(places.len().checked_sub(query)?)?;
                let [support, query] = timeline.cut(rows, first).map(|part| of_items(part, is_in));
                return (places.len() >= min_ratings).then_some([support, query]);
            }
            let [support, query] = timeline.cut(rows, timeline.place(rows));
            let query = of_items(query, is_in);
            let is_task = !query.is_empty() && support.len() + query.len() >= min_ratings;
            is_task.then_some([support, query])
        })
    }

    /// A task for each existing or each new user with at least 20 interactions with items that
    /// are not new, to measure lists; `None` without a split by time.
    ///
    /// The support set has only these items, and the query set all that a list should find. An
    /// existing user is cut at the boundary, and has something to find. A new user is cut where
    /// the newest fifth of the interactions with items that are not new begins. Both sets are in
    /// the order of [`Dataset::tasks_by_time`].
    pub fn ranking_tasks_by_time(&self, new_users: bool) -> Option<Vec<Task>> {
        let is_known = |item: u32| !self.is_new_item(item);
        self.cut_by_time(new_users, |timeline, rows| {
            let places = Timeline::first_places(rows, is_known);
            let count = places.len();
            let place = match new_users {
                true => *places.get(count - count / 5)?,
                false => timeline.place(rows),
            };
            let [support, query] = timeline.cut(rows, place);
            let is_task = count >= MIN_TO_RANK && !query.is_empty();
            is_task.then(|| [of_items(support, is_known), query])
        })
    }

    /// Tasks of the users who are new, or of those who are not, from what `cut` makes of each
    /// one's rows.
    fn cut_by_time(
        &self,
        new_users: bool,
        cut: impl Fn(&Timeline, &[super::ratings::DatedRating]) -> Option<[Vec<Rated>; 2]>,
    ) -> Option<Vec<Task>> {
        let timeline = self.timeline.as_ref()?;
        let tasks = timeline.users().filter_map(|rows| {
            let user = rows.first()?.rating.user;
            let is_new = self.new_users.get(user as usize).copied().unwrap_or(false);
            let [support, query] = (is_new == new_users).then(|| cut(timeline, rows))??;
            Some(Task { user, support, query })
        });
        Some(tasks.collect())
    }

    /// The values of everything that is learned from or measured, as evaluation may see it.
    pub(crate) fn all_values(&self) -> impl Iterator<Item = f32> {
        let later = self.timeline.iter().flat_map(Timeline::later_values);
        self.ratings.iter().map(|rating| rating.value).chain(later)
    }

    /// Notes on the split by time, for people.
    pub(super) fn notes_on_time(&self) -> Vec<String> {
        let (Some(boundary), Some(([earlier, later], repeated))) = (self.boundary(), self.sides())
        else {
            return Vec::new();
        };
        let noun = self.feedback.noun();
        let count = |new: &[bool]| new.iter().filter(|is_new| **is_new).count();
        let side = |side: Side| {
            let Side { interactions, users, items } = side;
            format!("{interactions} {noun} of {users} users and {items} items")
        };
        let mut notes = vec![format!(
            "split by time: {} before {boundary}, {} from then on; {} users and {} items are new, \
             since they first occur then",
            side(earlier),
            side(later),
            count(&self.new_users),
            count(&self.new_items),
        )];
        if repeated > 0 {
            notes.push(format!(
                "{repeated} later {noun} are left out: their users and items are together before \
                 {boundary} too"
            ));
        }
        notes
    }

    fn sides(&self) -> Option<([Side; 2], usize)> {
        self.timeline.as_ref().map(|timeline| timeline.sides(self.items.len()))
    }

    fn is_new_item(&self, item: u32) -> bool {
        self.new_items.get(item as usize).copied().unwrap_or(false)
    }
}

fn of_items(mut rated: Vec<Rated>, is_one: impl Fn(u32) -> bool) -> Vec<Rated> {
    rated.retain(|rated| is_one(rated.item));
    rated
}
