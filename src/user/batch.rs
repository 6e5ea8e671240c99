//! Many users in one call.

use std::array;

use super::recommend::{Request, Requests, make_room, recommend_together, side_by_side};
use crate::memory;
use crate::{Catalog, Error, RecommendOptions, Recommendation, Result, Scratch, User, threads};

/// A user's answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answers<'a> {
    /// The items' indices.
    pub items: &'a [u32],
    /// Their ratings; 1 for each with a model that was trained without ratings.
    pub ratings: &'a [f32],
}

/// Serves many users of one catalogue by several threads, for example a night's mailing.
///
/// It owns a scratch for each thread, or eight for each in a catalogue of more than 1,000 items: a
/// thread then makes eight users' lists side by side, which takes less time. Results are the same
/// for any number of threads, to the last bit, and the same as by one call for each user.
///
/// ```no_run
/// use melu::{Answers, Batch, Model, RecommendOptions, User};
///
/// let model = Model::open("world.melu")?;
/// let catalog = model.catalog()?.expect("the file has its items");
/// let mut users = vec![User::new(&catalog, &[])?; 2];
/// let answers = [
///     Answers { items: &[3, 17], ratings: &[5.0, 2.0] },
///     Answers { items: &[8], ratings: &[4.0] },
/// ];
/// let mut batch = Batch::new(&catalog, 4)?;
/// let (options, mut lists) = (RecommendOptions::default(), Vec::new());
/// batch.adapt_and_recommend(&mut users, &answers, 20, &options, &mut lists)?;
/// # Ok::<(), melu::Error>(())
/// ```
#[derive(Debug)]
pub struct Batch {
    /// Those of each thread: one for each user whom it serves at once.
    scratches: Vec<Vec<Scratch>>,
}

impl Batch {
    /// A batch for the users of a catalogue, served by so many threads: the calling one, and
    /// others that end with each call. At most 256; 0 means 1.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(catalog: &Catalog, threads: usize) -> Result<Self> {
        let threads = threads.clamp(1, threads::MAX_THREADS);
        let each = side_by_side(catalog, &RecommendOptions::default());
        let of_thread = |_| memory::try_collected((0..each).map(|_| Scratch::new(catalog)));
        Ok(Self { scratches: memory::try_collected((0..threads).map(of_thread))? })
    }

    /// Adapts each user to their answers, as [`User::adapt`] does, and finds their `k` best items,
    /// as [`Batch::recommend`] does.
    ///
    /// # Errors
    /// [`Error::Argument`] if there are not as many answers as users. [`Error::OfUser`] with
    /// the first user that failed, and the error of [`User::adapt`] or [`User::recommend`]: users
    /// before that one are adapted, and so may be some after it. `lists` is then empty.
    pub fn adapt_and_recommend(
        &mut self,
        users: &mut [User],
        answers: &[Answers],
        k: usize,
        options: &RecommendOptions,
        lists: &mut Vec<Vec<Recommendation>>,
    ) -> Result<()> {
        if users.len() != answers.len() {
            let (users, answers) = (users.len(), answers.len());
            let problem = format!("there are {answers} for {users} users; one each is expected");
            lists.clear();
            return Err(Error::argument("answers", problem));
        }
        let together = self.together(users, options);
        let count = users.len();
        let groups = users.chunks_mut(together).zip(answers.chunks(together));
        self.serve((count, together), groups, lists, |(users, answers), lists, scratches| {
            let mut work = users.iter_mut().zip(answers).zip(&mut *scratches).enumerate();
            // Each scratch still holds what was computed of its user when the list is made.
            let adapted = work.try_for_each(|(place, ((user, answers), scratch))| {
                let adapted = user.adapt(answers.items, answers.ratings, scratch);
                adapted.map_err(|error| (place, error))
            });
            let end = adapted.as_ref().err().map_or(users.len(), |(place, _)| *place);
            recommend(&users[..end], k, options, &mut lists[..end], scratches).and(adapted)
        })
    }

    /// The `k` best items for each user, as by [`User::recommend`] with the same options for
    /// all.
    ///
    /// The contents of `lists` are replaced; nothing is allocated for lists that are there
    /// and have the capacity.
    ///
    /// # Errors
    /// [`Error::OfUser`] with the first user that failed, and the error of
    /// [`User::recommend`]. `lists` is then empty.
    pub fn recommend(
        &mut self,
        users: &[User],
        k: usize,
        options: &RecommendOptions,
        lists: &mut Vec<Vec<Recommendation>>,
    ) -> Result<()> {
        let together = self.together(users, options);
        self.serve(
            (users.len(), together),
            users.chunks(together),
            lists,
            |users, lists, scratches| recommend(users, k, options, lists, scratches),
        )
    }

    /// How many users a thread serves side by side.
    fn together(&self, users: &[User], options: &RecommendOptions) -> usize {
        let most = users.first().map_or(1, |user| side_by_side(user.catalog(), options));
        // Few users are shared among all threads.
        users.len().div_ceil(self.scratches.len()).clamp(1, most)
    }

    /// Serves groups of so many of the users, which threads take in turn, with a list for each user.
    fn serve<T: Send>(
        &mut self,
        (users, together): (usize, usize),
        groups: impl Iterator<Item = T> + Send,
        lists: &mut Vec<Vec<Recommendation>>,
        serve: impl Fn(T, &mut [Vec<Recommendation>], &mut [Scratch]) -> Served + Sync,
    ) -> Result<()> {
        lists.truncate(users);
        let reserved = memory::reserve(lists, users - lists.len()).map_err(Error::from);
        let served = reserved.and_then(|()| {
            lists.resize_with(users, Vec::new);
            let work = groups.zip(lists.chunks_mut(together));
            threads::in_turn(&mut self.scratches, work, |(group, lists), scratches| {
                serve(group, lists, scratches)
            })
            .map_err(|(group, (place, error))| {
                let user = group * together + place;
                Error::OfUser { user, error: Box::new(error) }
            })
        });
        served.inspect_err(|_| lists.clear())
    }
}

/// What came of a group: the first place that failed, with its error.
type Served = Result<(), (usize, Error)>;

/// The `k` best items for each of some users, with a scratch each.
fn recommend(
    users: &[User],
    k: usize,
    options: &RecommendOptions,
    lists: &mut [Vec<Recommendation>],
    scratches: &mut [Scratch],
) -> Served {
    for (place, (user, list)) in users.iter().zip(&mut *lists).enumerate() {
        make_room(list, k.min(user.catalog().len())).map_err(|error| (place, error.into()))?;
    }
    let mut work = users.iter().zip(lists.iter_mut().zip(scratches));
    let mut requests: Requests = array::from_fn(|_| {
        let (user, (best, scratch)) = work.next()?;
        Some(Request { user, best, scratch, found: 0 })
    });
    recommend_together(&mut requests[..users.len()], 1, options)?;
    let found = requests.map(|request| request.map_or(0, |request| request.found));
    lists.iter_mut().zip(found).for_each(|(list, found)| list.truncate(found));
    Ok(())
}
